//! What becomes of one batch: kept as it is, kept with fewer records, or dropped.
//!
//! The rules are Kafka's (KIP-58, KIP-98, KIP-534). A record stays if no later one has its key. A
//! tombstone, and a marker whose transaction has nothing left, stay until the delete horizon, which
//! the first pass that meets them writes into the header. A batch keeps its offsets, sequence and epoch
//! whatever is taken from it. Without records it stays, as a header, where it is the last of its
//! producer, or the last of its segment: so the numbers of the one and the end of the other are not
//! lost.

use std::collections::BTreeMap;
use std::ops::Range;

use records::{
    Batch, BatchBuilder, BatchHeader, Codec, Offset, ProducerEpoch, ProducerId, Records, Timestamp,
    TimestampType, recompress_section,
};

use super::key_map::{Hashed, KeyMap, LOOKED_UP_TOGETHER};
use super::transactions::Transactions;
use crate::config::Compression;
use crate::section::Section;

/// What the log knows last of a producer: its epoch, and where its last data is.
pub(crate) type LastOf = BTreeMap<ProducerId, (ProducerEpoch, Option<Offset>)>;

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It stays as it is.
    Verbatim,
    /// These bytes take its place.
    Rewritten(Vec<u8>),
    /// Nothing of it stays.
    Dropped,
}

/// Decides about batches in the order of their offsets.
pub(crate) struct Filter<'a> {
    pub map: &'a KeyMap,
    pub transactions: Transactions,
    pub last_of: LastOf,
    pub now: Timestamp,
    /// From `now` until then what is marked today stays.
    pub horizon: Timestamp,
    pub compression: Compression,
    pub decompressed_bytes_max: usize,
    pub kept: Kept,
    /// Records whose keys are looked up together.
    pub together: Vec<Candidate>,
}

/// A record that may stay.
#[derive(Debug)]
pub(crate) struct Candidate {
    at: Range<usize>,
    offset: Offset,
    timestamp: Timestamp,
    is_tombstone: bool,
    key: Option<Hashed>,
}

/// Which records of a section stay.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Where they are and how many each part holds.
    parts: Vec<(Range<usize>, i32)>,
    count: i32,
    max_timestamp: Option<Timestamp>,
    has_tombstone: bool,
}

impl Kept {
    fn clear(&mut self) {
        self.parts.clear();
        *self = Kept { parts: std::mem::take(&mut self.parts), ..Kept::default() };
    }

    fn push(&mut self, record: &Candidate) {
        let at = record.at.clone();
        self.count += 1;
        self.has_tombstone |= record.is_tombstone;
        self.max_timestamp = self.max_timestamp.max(Some(record.timestamp));
        match self.parts.last_mut() {
            Some((part, count)) if part.end == at.start => {
                part.end = at.end;
                *count += 1;
            }
            _ => self.parts.push((at, 1)),
        }
    }
}

impl Filter<'_> {
    /// Decides about the next batch; an error says why it cannot be read.
    pub fn next(&mut self, batch: &Batch<'_>, is_last: bool) -> Result<Outcome, String> {
        let header = &batch.header;
        let is_control = header.attributes.is_control();
        let nothing_left = match is_control {
            true => self.transactions.control(batch),
            false => self.transactions.data(header),
        };
        if header.last_offset() >= self.map.end() {
            // Nothing is known of what follows it.
            return Ok(Outcome::Verbatim);
        }
        let set = header.attributes.has_delete_horizon().then_some(header.base_timestamp);
        let is_past = set.is_some_and(|horizon| horizon <= self.now);
        let discard = nothing_left && (!is_control || is_past);
        let stays_empty = is_last || self.is_last_of_producer(header);
        if discard || header.record_count == 0 {
            return Ok(match (stays_empty, header.record_count) {
                (false, _) => Outcome::Dropped,
                (true, 0) => Outcome::Verbatim,
                (true, _) => Outcome::Rewritten(emptied(header)?),
            });
        }
        if is_control && !(nothing_left && set.is_none()) {
            return Ok(Outcome::Verbatim);
        }

        let section =
            Section::of(batch, self.decompressed_bytes_max).map_err(|error| error.to_string())?;
        self.choose(batch, &section, set.is_none_or(|horizon| self.now < horizon))?;
        if self.kept.count == 0 {
            return Ok(if stays_empty {
                Outcome::Rewritten(emptied(header)?)
            } else {
                Outcome::Dropped
            });
        }
        if set.is_none() && (self.kept.has_tombstone || is_control) {
            return Ok(Outcome::Rewritten(self.with_horizon(header, &section)?));
        }
        if self.kept.count == header.record_count {
            return Ok(Outcome::Verbatim);
        }
        Ok(Outcome::Rewritten(self.with_fewer(header, &section)?))
    }

    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let last = header.producer_id.and_then(|producer| self.last_of.get(&producer));
        match last {
            Some((_, Some(offset))) => *offset == header.last_offset(),
            // A marker is all that says which epoch the producer has.
            Some((epoch, None)) => {
                header.attributes.is_control() && *epoch == header.producer_epoch
            }
            None => false,
        }
    }

    /// Goes through the records and notes which stay.
    fn choose(
        &mut self,
        batch: &Batch<'_>,
        section: &[u8],
        keep_tombstones: bool,
    ) -> Result<(), String> {
        let header = &batch.header;
        let is_control = header.attributes.is_control();
        self.kept.clear();
        let mut records = batch.records(section);
        let mut at = 0;
        loop {
            self.together.clear();
            while self.together.len() < LOOKED_UP_TOGETHER
                && let Some(record) = records.next()
            {
                let record = record.map_err(|error| error.to_string())?;
                let end = section.len() - records.rest().len();
                self.together.push(Candidate {
                    at: at..end,
                    offset: header.base_offset.plus(i64::from(record.offset_delta)),
                    timestamp: record.timestamp(header),
                    is_tombstone: record.value.is_none(),
                    key: record.key.filter(|_| !is_control).map(|key| self.map.hashed(key)),
                });
                at = end;
            }
            if self.together.is_empty() {
                return Ok(());
            }
            self.map.fetch(self.together.iter().filter_map(|record| record.key));
            for record in &self.together {
                let is_latest = |key| self.map.get(key).is_none_or(|last| record.offset >= last);
                let stays = is_control
                    || (record.key.is_some_and(is_latest)
                        && (!record.is_tombstone || keep_tombstones));
                if stays {
                    self.kept.push(record);
                }
            }
        }
    }

    fn level(&self, codec: Codec) -> Option<i32> {
        match self.compression {
            Compression::Codec(of_topic, level) if of_topic == codec => level,
            Compression::Codec(..) | Compression::Producer => None,
        }
    }

    fn max_timestamp(&self, header: &BatchHeader) -> Timestamp {
        match header.attributes.timestamp_type() {
            TimestampType::LogAppendTime => header.max_timestamp,
            TimestampType::CreateTime => self.kept.max_timestamp.unwrap_or(Timestamp::NONE),
        }
    }

    fn with_fewer(&self, header: &BatchHeader, section: &[u8]) -> Result<Vec<u8>, String> {
        let mut records = Vec::with_capacity(section.len());
        for (part, _) in &self.kept.parts {
            records.extend_from_slice(section.get(part.clone()).unwrap_or_default());
        }
        let max_timestamp = self.max_timestamp(header);
        let header = BatchHeader { record_count: self.kept.count, max_timestamp, ..*header };
        let codec = header.codec();
        recompress_section(&Batch { header, bytes: &[] }, codec, self.level(codec), &records)
            .map_err(|error| error.to_string())
    }

    /// The header's base timestamp becomes the horizon, and the records' times are counted from it.
    fn with_horizon(&self, header: &BatchHeader, section: &[u8]) -> Result<Vec<u8>, String> {
        let codec = header.codec();
        let mut builder = BatchBuilder::new(codec)
            .level(self.level(codec))
            .base_offset(header.base_offset)
            .leader_epoch(header.leader_epoch)
            .base_timestamp(self.horizon)
            .last_offset_delta(header.last_offset_delta);
        if let Some(id) = header.producer_id {
            builder = builder.producer(id, header.producer_epoch, header.base_sequence);
        }
        if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
            builder = builder.append_time(header.max_timestamp);
        }
        builder = builder.attributes(header.attributes.with_delete_horizon(true));
        for (part, count) in &self.kept.parts {
            let part = section.get(part.clone()).unwrap_or_default();
            for record in Records::new(part, *count) {
                let record = record.map_err(|error| error.to_string())?;
                builder.push_record(record.timestamp(header), &record);
            }
        }
        builder.build().map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }
}

/// The batch as a header without records.
fn emptied(header: &BatchHeader) -> Result<Vec<u8>, String> {
    let attributes = header.attributes.with_delete_horizon(false);
    let base_timestamp = Timestamp::NONE;
    let header = BatchHeader { record_count: 0, attributes, base_timestamp, ..*header };
    recompress_section(&Batch { header, bytes: &[] }, Codec::None, None, &[])
        .map_err(|error| error.to_string())
}
