//! From a time to an offset.
//!
//! The time index leads to a batch, headers say whether it can hold the answer, and only then are its
//! records looked at.

use std::sync::Arc;

use env::File;
use records::{Batch, BatchHeader, LeaderEpoch, Offset, Timestamp};

use crate::error::{LogError, codec_text};
use crate::index::relative;
use crate::log::Log;
use crate::producers::known_epoch;
use crate::section::Section;
use crate::segment::{MaxTimestamp, Segment};

/// A record by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOffset {
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Log {
    /// The first record before `end` whose timestamp is at least `at_or_after`.
    pub fn offset_for_time(
        &self,
        at_or_after: Timestamp,
        end: Offset,
    ) -> Result<Option<TimedOffset>, LogError> {
        let end = end.min(self.log_end());
        let log_start = self.log_start();
        for segment in self.segments.load().iter() {
            if segment.base >= end {
                break;
            }
            let max = segment.max_timestamp(&*self.env.disk, &self.warm)?;
            if max.is_none_or(|max| max.timestamp < at_or_after) {
                continue;
            }
            let found = self.first_in_segment(
                segment,
                log_start,
                end,
                |header| header.max_timestamp >= at_or_after,
                |timestamp| timestamp >= at_or_after,
                at_or_after,
            )?;
            match found {
                Some(found) if found.offset < end => return Ok(Some(found)),
                Some(_) => return Ok(None),
                None => {}
            }
        }
        Ok(None)
    }

    /// The record before `end` with the greatest timestamp; the first of several.
    pub fn max_timestamp(&self, end: Offset) -> Result<Option<TimedOffset>, LogError> {
        let end = end.min(self.log_end());
        let log_start = self.log_start();
        let mut best: Option<(MaxTimestamp, Arc<Segment>)> = None;
        for segment in self.segments.load().iter() {
            if segment.base >= end {
                break;
            }
            let known = segment.max_timestamp(&*self.env.disk, &self.warm)?;
            let max = match known {
                Some(max) if max.offset < end && segment.base >= log_start => Some(max),
                // The greatest may not be visible yet, or not any more: the headers say what is.
                Some(_) if segment.extent().next > log_start => {
                    self.max_between(segment, log_start, end)?
                }
                Some(_) | None => None,
            };
            if let Some(max) = max
                && best.as_ref().is_none_or(|(known, _)| max.timestamp > known.timestamp)
            {
                best = Some((max, segment.clone()));
            }
        }
        let Some((max, segment)) = best else { return Ok(None) };
        self.first_in_segment(
            &segment,
            log_start,
            end,
            |header| header.max_timestamp >= max.timestamp,
            |timestamp| timestamp == max.timestamp,
            // The time index knows nothing of a greater timestamp before the log start.
            if segment.base >= log_start { max.timestamp } else { Timestamp::NONE },
        )
    }

    fn max_between(
        &self,
        segment: &Segment,
        log_start: Offset,
        end: Offset,
    ) -> Result<Option<MaxTimestamp>, LogError> {
        let file = segment.file(&*self.env.disk, &self.warm)?;
        let mut walk = segment.headers(&*file, 0, segment.extent().size);
        let mut best: Option<MaxTimestamp> = None;
        while let Some((position, header)) =
            walk.next().map_err(|error| error.in_file(&segment.path(), segment.base))?
        {
            if header.last_offset() >= end {
                break;
            }
            if header.last_offset() < log_start || header.record_count == 0 {
                continue;
            }
            let mut timestamp = header.max_timestamp;
            if header.base_offset < log_start {
                // The log starts inside this batch, and its greatest may lie before.
                timestamp = Timestamp::NONE;
                self.first_in_batch(segment, &*file, position, &header, |offset, time| {
                    if offset >= log_start {
                        timestamp = timestamp.max(time);
                    }
                    false
                })?;
            }
            if timestamp.is_some() && best.is_none_or(|best| timestamp > best.timestamp) {
                best = Some(MaxTimestamp { timestamp, offset: header.last_offset() });
            }
        }
        Ok(best)
    }

    /// The first record of a segment from `log_start` on whose batch and time are wanted.
    /// `after` is a time from which the time index may start the search.
    fn first_in_segment(
        &self,
        segment: &Segment,
        log_start: Offset,
        end: Offset,
        batch_wanted: impl Fn(&BatchHeader) -> bool,
        wanted: impl Fn(Timestamp) -> bool,
        after: Timestamp,
    ) -> Result<Option<TimedOffset>, LogError> {
        let file = segment.file(&*self.env.disk, &self.warm)?;
        let extent = segment.extent();
        let start = relative(segment.base, log_start);
        let hint = segment.with_index(&*self.env.disk, &self.warm, |index| {
            index.entry_at(index.offset_of_time(after).max(start))
        })?;
        let mut walk = segment.headers_hinted(&*file, hint, 0, extent.size);
        while let Some((position, header)) =
            walk.next().map_err(|error| error.in_file(&segment.path(), segment.base))?
        {
            if header.base_offset >= end {
                break;
            }
            if header.last_offset() < log_start || !batch_wanted(&header) {
                continue;
            }
            let found =
                self.first_in_batch(segment, &*file, position, &header, |offset, time| {
                    offset >= log_start && wanted(time)
                })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn first_in_batch(
        &self,
        segment: &Segment,
        file: &dyn File,
        position: u32,
        header: &BatchHeader,
        mut wanted: impl FnMut(Offset, Timestamp) -> bool,
    ) -> Result<Option<TimedOffset>, LogError> {
        let damaged = |what: String| LogError::Damaged {
            path: segment.path(),
            position: u64::from(position),
            offset: header.base_offset,
            what,
        };
        let mut bytes = vec![0; header.size_in_bytes()];
        file.read_exact_at(&mut bytes, u64::from(position))
            .map_err(|error| LogError::io(&segment.path(), "read", error))?;
        let batch = Batch::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
        let cap = self.config.load().decompressed_bytes_max;
        let section = Section::of(&batch, cap).map_err(|error| damaged(codec_text(&error)))?;
        for record in batch.records(&section) {
            let record = record.map_err(|error| damaged(error.to_string()))?;
            let offset = header.base_offset.plus(i64::from(record.offset_delta));
            let timestamp = record.timestamp(header);
            if wanted(offset, timestamp) {
                let leader_epoch = known_epoch(header.leader_epoch);
                return Ok(Some(TimedOffset { timestamp, offset, leader_epoch }));
            }
        }
        Ok(None)
    }
}
