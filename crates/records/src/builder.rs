//! Builds a record batch out of records.
//!
//! Used by producers (our client, the coordinators' internal topics) and by compaction, which keeps
//! the offsets of what it retains. Records are encoded as they are pushed; [`BatchBuilder::build`]
//! compresses them and puts the header before them. What would not fit the format's 32-bit lengths
//! is remembered and returned by `build`.

use crate::batch::{HEADER_LEN, LOG_OVERHEAD, MAGIC_V2};
use crate::codec::{self, Codec, CodecError};
use crate::{
    Attributes, BatchHeader, ControlKind, EndTxnMarker, LeaderEpoch, Offset, ProducerEpoch,
    ProducerId, Record, Timestamp, TimestampType, patch, varint,
};
use bytes::Bytes;
use thiserror::Error;

/// Why a batch cannot be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// There are no records.
    #[error("a batch needs a record")]
    Empty,
    /// A record, the records together or their count exceed what the format can express.
    #[error("the batch exceeds the 2 GiB that the format can express")]
    TooLarge,
    /// The records could not be compressed.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// A batch under construction.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    header: BatchHeader,
    level: Option<i32>,
    /// Fixed by the caller rather than taken from the last record.
    last_offset_delta: Option<i32>,
    records: Vec<u8>,
    /// One record without its length, used again for each.
    scratch: Vec<u8>,
    overflowed: bool,
}

impl BatchBuilder {
    /// A batch compressed with `codec`, at base offset 0, of no particular producer.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            header: BatchHeader {
                base_offset: Offset::ZERO,
                batch_length: 0,
                leader_epoch: LeaderEpoch::NONE,
                magic: MAGIC_V2,
                crc: 0,
                attributes: Attributes::default().with_codec(codec),
                last_offset_delta: 0,
                base_timestamp: Timestamp::NONE,
                max_timestamp: Timestamp::NONE,
                producer_id: None,
                producer_epoch: ProducerEpoch::NONE,
                base_sequence: -1,
                record_count: 0,
            },
            level: None,
            last_offset_delta: None,
            records: Vec::new(),
            scratch: Vec::new(),
            overflowed: false,
        }
    }

    /// A whole control batch with the marker that ends a transaction.
    pub fn end_txn(
        marker: EndTxnMarker,
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        now: Timestamp,
    ) -> Result<Bytes, BuildError> {
        let mut batch = Self::new(Codec::None)
            .producer(producer_id, producer_epoch, -1)
            .transactional()
            .control();
        let kind: ControlKind = marker.kind();
        batch.push(now, Some(&kind.key()), Some(&marker.value()), &[]);
        batch.build()
    }

    /// Compresses at this level rather than the codec's default.
    #[must_use]
    pub fn level(mut self, level: Option<i32>) -> Self {
        self.level = level;
        self
    }

    /// The offset of the first record.
    #[must_use]
    pub fn base_offset(mut self, offset: Offset) -> Self {
        self.header.base_offset = offset;
        self
    }

    /// The epoch of the leader that appends the batch.
    #[must_use]
    pub fn leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.header.leader_epoch = epoch;
        self
    }

    /// The idempotent producer that the batch is of, and the sequence number of the first record.
    #[must_use]
    pub fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        self.header.producer_id = Some(id);
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Marks the batch as part of a transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_transactional(true);
        self
    }

    /// Marks the batch as one of control records.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_control(true);
        self
    }

    /// Stamps all records with the time of their append.
    #[must_use]
    pub fn append_time(mut self, now: Timestamp) -> Self {
        self.header.attributes =
            self.header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        self.header.max_timestamp = now;
        self
    }

    /// Attributes other than the codec, as those of a batch that is written anew.
    #[must_use]
    pub fn attributes(mut self, attributes: Attributes) -> Self {
        self.header.attributes = attributes.with_codec(self.header.codec());
        self
    }

    /// Keeps the offset range of a batch whose last records are no longer there.
    #[must_use]
    pub fn last_offset_delta(mut self, delta: i32) -> Self {
        self.last_offset_delta = Some(delta);
        self
    }

    /// What the records' timestamps are counted from; by default that of the first record.
    #[must_use]
    pub fn base_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.header.base_timestamp = timestamp;
        self
    }

    /// Appends a record after the last one.
    pub fn push(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> &mut Self {
        let offset_delta = match self.header.record_count {
            0 => 0,
            _ => self.header.last_offset_delta.saturating_add(1),
        };
        self.begin(offset_delta, timestamp, key, value);
        self.put_len(headers.len());
        for (name, value) in headers {
            self.put_bytes(Some(name.as_bytes()));
            self.put_bytes(*value);
        }
        self.end();
        self
    }

    /// Appends a copy of `record`, with its offset delta, as of the time `timestamp`.
    ///
    /// The offset deltas must rise from record to record.
    pub fn push_record(&mut self, timestamp: Timestamp, record: &Record<'_>) -> &mut Self {
        self.begin(record.offset_delta, timestamp, record.key, record.value);
        self.put_len(record.headers.len());
        self.scratch.extend_from_slice(record.headers.raw());
        self.end();
        self
    }

    /// How many records there are.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.header.record_count
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.header.record_count == 0
    }

    /// Bytes of the batch as it stands, before compression.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// The batch: header with checksum, records compressed.
    pub fn build(&self) -> Result<Bytes, BuildError> {
        if self.is_empty() {
            return Err(BuildError::Empty);
        }
        if self.overflowed {
            return Err(BuildError::TooLarge);
        }
        let mut header = self.header;
        if let Some(delta) = self.last_offset_delta {
            header.last_offset_delta = delta;
        }
        Ok(assemble(header, self.level, &self.records)?.into())
    }

    fn begin(
        &mut self,
        offset_delta: i32,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        let header = &mut self.header;
        if header.record_count == 0 && !header.base_timestamp.is_some() {
            header.base_timestamp = timestamp;
        }
        if header.attributes.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = header.max_timestamp.max(timestamp);
        }
        header.last_offset_delta = offset_delta;
        match header.record_count.checked_add(1) {
            Some(count) => header.record_count = count,
            None => self.overflowed = true,
        }
        let timestamp_delta = timestamp.ms_since(header.base_timestamp);
        self.scratch.clear();
        self.scratch.push(0);
        varint::write_i64(&mut self.scratch, timestamp_delta);
        varint::write_i32(&mut self.scratch, offset_delta);
        self.put_bytes(key);
        self.put_bytes(value);
    }

    fn end(&mut self) {
        match i32::try_from(self.scratch.len()) {
            Ok(len) => {
                varint::write_i32(&mut self.records, len);
                self.records.append(&mut self.scratch);
            }
            Err(_) => self.overflowed = true,
        }
        self.overflowed |= i32::try_from(self.size_estimate()).is_err();
    }

    fn put_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => varint::write_i32(&mut self.scratch, -1),
            Some(bytes) => {
                self.put_len(bytes.len());
                self.scratch.extend_from_slice(bytes);
            }
        }
    }

    fn put_len(&mut self, len: usize) {
        match i32::try_from(len) {
            Ok(len) => varint::write_i32(&mut self.scratch, len),
            Err(_) => self.overflowed = true,
        }
    }
}

/// A batch of this header and these uncompressed records: compresses them with the header's codec,
/// fills in length and checksum.
pub(crate) fn assemble(
    mut header: BatchHeader,
    level: Option<i32>,
    records: &[u8],
) -> Result<Vec<u8>, BuildError> {
    let compressed;
    let section = match header.codec() {
        Codec::None => records,
        codec => {
            compressed = codec::compress(codec, level, records)?;
            &compressed
        }
    };
    let total = HEADER_LEN.saturating_add(section.len());
    header.batch_length = i32::try_from(total - LOG_OVERHEAD).map_err(|_| BuildError::TooLarge)?;
    header.crc = patch::header_crc(&header, section);
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(section);
    Ok(out)
}

#[cfg(test)]
mod tests;
