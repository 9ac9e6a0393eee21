//! What of a log may be compacted, how much that is, and which segments are merged.

use std::sync::Arc;

use parking_lot::Mutex;
use records::Offset;

use crate::config::LogConfig;
use crate::error::LogError;
use crate::index::TIME_ENTRY_LEN;
use crate::log::Log;
use crate::recovery::first_timestamp;
use crate::segment::Segment;

/// The least that a batch takes, where every batch gets an index entry.
const BATCH_BYTES_MIN: u32 = 61;

/// What of a log may be compacted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cleanable {
    /// Everything before this was compacted.
    pub first_dirty: Offset,
    /// From here on nothing may be compacted yet.
    pub first_uncleanable: Offset,
    /// Bytes of the segments before the dirty part.
    pub clean_bytes: u64,
    /// Bytes of the segments in between.
    pub dirty_bytes: u64,
    /// `max.compaction.lag.ms` has passed for something in between.
    pub is_overdue: bool,
}

impl Cleanable {
    /// The share of the bytes that is dirty.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more digits")]
    pub fn dirty_ratio(&self) -> f64 {
        let all = self.clean_bytes + self.dirty_bytes;
        if all == 0 { 0.0 } else { self.dirty_bytes as f64 / all as f64 }
    }

    /// Whether it is worth it, for a topic with this `min.cleanable.dirty.ratio`.
    #[must_use]
    pub fn is_due(&self, ratio_min: f64) -> bool {
        self.dirty_bytes > 0 && (self.is_overdue || self.dirty_ratio() > ratio_min)
    }
}

impl Log {
    /// What may be compacted below `limit`, which is the high watermark.
    pub fn cleanable(&self, limit: Offset) -> Result<Cleanable, LogError> {
        let config = self.config.load();
        let now = self.env.clock.wall_ms();
        let log_start = self.log_start();
        let segments = self.segments.load_full();
        let Some((active, sealed)) = segments.split_last() else { return Err(LogError::Closed) };

        let known = self.cleaned_end().filter(|end| *end <= self.log_end());
        let first_dirty = known.unwrap_or(log_start).max(log_start);
        let open_transaction = self.first_open_transaction().unwrap_or(Offset::MAX);
        let bound = limit.min(self.durable_end()).min(open_transaction).min(active.base);

        let mut plan = Cleanable {
            first_dirty,
            first_uncleanable: first_dirty,
            clean_bytes: 0,
            dirty_bytes: 0,
            is_overdue: false,
        };
        for segment in sealed {
            let extent = segment.extent();
            let size = u64::from(extent.size);
            if extent.next <= log_start {
                continue;
            }
            if extent.next <= first_dirty {
                plan.clean_bytes += size;
                continue;
            }
            if extent.next > bound
                || self.is_too_young(segment, config.min_compaction_lag_ms, now)?
            {
                break;
            }
            plan.first_uncleanable = extent.next;
            plan.dirty_bytes += size;
            if !plan.is_overdue && config.max_compaction_lag_ms < i64::MAX.unsigned_abs() {
                plan.is_overdue = self.is_overdue(segment, config.max_compaction_lag_ms, now)?;
            }
        }
        Ok(plan)
    }

    // Neither keeps what it looked at in `self.warm`: nobody reads there.
    fn is_too_young(&self, segment: &Segment, lag_ms: u64, now: i64) -> Result<bool, LogError> {
        if lag_ms == 0 {
            return Ok(false);
        }
        let newest = segment.max_timestamp(&*self.env.disk, &Mutex::default())?;
        let lag = i64::try_from(lag_ms).unwrap_or(i64::MAX);
        Ok(newest.is_some_and(|newest| newest.timestamp.0 > now.saturating_sub(lag)))
    }

    fn is_overdue(&self, segment: &Segment, lag_ms: u64, now: i64) -> Result<bool, LogError> {
        let file = segment.file(&*self.env.disk, &Mutex::default())?;
        let first = first_timestamp(&*file, segment)?.filter(|first| first.0 > 0);
        let lag = i64::try_from(lag_ms).unwrap_or(i64::MAX);
        Ok(first.is_some_and(|first| first.0 < now.saturating_sub(lag)))
    }
}

/// The segments that have records before `end`, in groups that each fit into one segment. One that is
/// damaged is alone.
pub(crate) fn groups<'a>(
    segments: &'a [Arc<Segment>],
    end: Offset,
    config: &LogConfig,
) -> Vec<&'a [Arc<Segment>]> {
    let count = segments.partition_point(|segment| segment.base < end);
    let mut rest = segments.get(..count).unwrap_or_default();
    let mut groups = Vec::new();
    while let Some(first) = rest.first() {
        let mut bytes: u64 = 0;
        let fits = |segment: &&Arc<Segment>| {
            if segment.has_holes() {
                return false;
            }
            let extent = segment.extent();
            bytes += u64::from(extent.size);
            let entries = bytes / u64::from(config.index_interval_bytes.max(BATCH_BYTES_MIN)) + 2;
            let index_bytes = entries * u64::try_from(TIME_ENTRY_LEN).unwrap_or(u64::MAX);
            bytes <= u64::from(config.segment_bytes)
                && index_bytes <= u64::from(config.segment_index_bytes)
                && extent.next - first.base <= i64::from(i32::MAX)
        };
        let len = rest.iter().take_while(fits).count().max(1);
        let (group, after) = rest.split_at(len);
        groups.push(group);
        rest = after;
    }
    groups
}
