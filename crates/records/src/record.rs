//! Records inside the (uncompressed) record section of a batch, without copying.
//!
//! [`Records`] walks a section; each [`Record`] borrows key, value and headers from it. A record is
//! fully checked when it is returned, headers included, so that iterating over headers cannot fail.
//! [`check_records`] walks a whole section as a leader must before it accepts a batch: offsets run
//! 0, 1, 2 and so on, the count is that of the header and no byte is left over.

use crate::{BatchHeader, Timestamp, TimestampType, varint};
use thiserror::Error;

/// Why a record section cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum RecordError {
    /// The section ends before as many records were read as the header counts.
    #[error("the header counts {declared} records, the section ends after {found}")]
    TooFew {
        /// The header's count.
        declared: i32,
        /// Records that were there.
        found: i32,
    },
    /// Bytes are left after as many records as the header counts.
    #[error("{bytes} bytes are left after the {declared} records that the header counts")]
    TrailingBytes {
        /// The header's count.
        declared: i32,
        /// Bytes that are left.
        bytes: usize,
    },
    /// A record's length is negative or more than the bytes that are left.
    #[error("record {index} has a bad length")]
    BadLength {
        /// Which record, from 0.
        index: i32,
    },
    /// A field of a record does not fit into the record, or is a number that cannot be.
    #[error("the {field} of record {index} is malformed")]
    BadField {
        /// Which record, from 0.
        index: i32,
        /// Which field.
        field: Field,
    },
    /// A record has bytes that no field accounts for.
    #[error("record {index} is longer than its fields")]
    LongRecord {
        /// Which record, from 0.
        index: i32,
    },
    /// The offsets of a produced batch do not run 0, 1, 2 and so on.
    #[error("record {index} has the offset delta {delta}")]
    BadOffsetDelta {
        /// Which record, from 0.
        index: i32,
        /// Its offset delta.
        delta: i32,
    },
    /// The header's last offset delta is not that of the last record.
    #[error("the header has {count} records and a last offset delta of {last_offset_delta}")]
    BadLastOffsetDelta {
        /// The header's count.
        count: i32,
        /// The header's last offset delta.
        last_offset_delta: i32,
    },
}

/// A part of a record, for error messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// The attribute byte.
    Attributes,
    /// The timestamp delta.
    TimestampDelta,
    /// The offset delta.
    OffsetDelta,
    /// The key.
    Key,
    /// The value.
    Value,
    /// The number of headers.
    HeaderCount,
    /// The key of a header.
    HeaderKey,
    /// The value of a header.
    HeaderValue,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Attributes => "attributes",
            Self::TimestampDelta => "timestamp delta",
            Self::OffsetDelta => "offset delta",
            Self::Key => "key",
            Self::Value => "value",
            Self::HeaderCount => "header count",
            Self::HeaderKey => "header key",
            Self::HeaderValue => "header value",
        })
    }
}

/// One record, borrowed from a record section.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record<'a> {
    /// Its offset, counted from the batch's base offset.
    pub offset_delta: i32,
    /// Its time, counted from the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Its key; none and empty are different things.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

impl Record<'_> {
    /// The record's time: its own, or the batch's where the broker stamped it.
    #[must_use]
    pub fn timestamp(&self, header: &BatchHeader) -> Timestamp {
        match header.attributes.timestamp_type() {
            TimestampType::LogAppendTime => header.max_timestamp,
            TimestampType::CreateTime if !header.base_timestamp.is_some() => Timestamp::NONE,
            TimestampType::CreateTime => header.base_timestamp.plus_ms(self.timestamp_delta),
        }
    }
}

/// The headers of a record, in order; keys may repeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Headers<'a> {
    raw: &'a [u8],
    count: i32,
}

impl<'a> Headers<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of all headers, without their count.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.count == 0 {
            return None;
        }
        self.count -= 1;
        let key = read_bytes(&mut self.raw).ok()??;
        let value = read_bytes(&mut self.raw).ok()?;
        Some((key, value))
    }
}

/// The records of a section. After an error nothing more is returned.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    count: i32,
    index: i32,
}

impl<'a> Records<'a> {
    /// The `count` records of the uncompressed section `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8], count: i32) -> Self {
        Self { rest: bytes, count, index: 0 }
    }

    /// The bytes after the records returned so far.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn read(&mut self) -> Result<Record<'a>, RecordError> {
        let index = self.index;
        if self.rest.is_empty() {
            return Err(RecordError::TooFew { declared: self.count, found: index });
        }
        let len = varint::read_i32(&mut self.rest)
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(RecordError::BadLength { index })?;
        let Some((body, rest)) = self.rest.split_at_checked(len) else {
            return Err(RecordError::BadLength { index });
        };
        let record = read_body(body, index)?;
        self.rest = rest;
        Ok(record)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.count {
            return None;
        }
        let record = self.read();
        match record {
            Ok(_) => self.index += 1,
            Err(_) => self.index = self.count,
        }
        Some(record)
    }
}

impl std::iter::FusedIterator for Records<'_> {}

fn read_body(mut body: &[u8], index: i32) -> Result<Record<'_>, RecordError> {
    let bad = |field| RecordError::BadField { index, field };
    let body = &mut body;
    let (_attributes, after) = body.split_first().ok_or(bad(Field::Attributes))?;
    *body = after;
    let timestamp_delta = varint::read_i64(body).ok_or(bad(Field::TimestampDelta))?;
    let offset_delta = varint::read_i32(body).ok_or(bad(Field::OffsetDelta))?;
    let key = read_bytes(body).map_err(|Malformed| bad(Field::Key))?;
    let value = read_bytes(body).map_err(|Malformed| bad(Field::Value))?;
    let count = varint::read_i32(body).ok_or(bad(Field::HeaderCount))?;
    // A header takes two bytes at least.
    if usize::try_from(count).map_or(true, |count| count > body.len() / 2) {
        return Err(bad(Field::HeaderCount));
    }
    let headers = Headers { raw: body, count };
    for _ in 0..count {
        let key = read_bytes(body).map_err(|Malformed| bad(Field::HeaderKey))?;
        key.ok_or(bad(Field::HeaderKey))?;
        read_bytes(body).map_err(|Malformed| bad(Field::HeaderValue))?;
    }
    if !body.is_empty() {
        return Err(RecordError::LongRecord { index });
    }
    Ok(Record { offset_delta, timestamp_delta, key, value, headers })
}

struct Malformed;

/// Bytes after their length, which is -1 where there are none.
fn read_bytes<'a>(from: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    let len = varint::read_i32(from).ok_or(Malformed)?;
    if len == -1 {
        return Ok(None);
    }
    let len = usize::try_from(len).map_err(|_| Malformed)?;
    let (bytes, rest) = from.split_at_checked(len).ok_or(Malformed)?;
    *from = rest;
    Ok(Some(bytes))
}

/// What a leader wants to know about the records of a batch beyond their being well-formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordsSummary {
    /// The earliest timestamp.
    pub min_timestamp: Timestamp,
    /// The latest timestamp.
    pub max_timestamp: Timestamp,
    /// Offset delta of the first record that has the latest timestamp.
    pub offset_delta_of_max: i32,
    /// How many records have no key (a compacted topic refuses them).
    pub without_key: i32,
}

/// Checks the uncompressed record section `bytes` of a batch that a client produced.
pub fn check_records(bytes: &[u8], header: &BatchHeader) -> Result<RecordsSummary, RecordError> {
    let count = header.record_count;
    if header.last_offset_delta != count.saturating_sub(1).max(0) {
        let last_offset_delta = header.last_offset_delta;
        return Err(RecordError::BadLastOffsetDelta { count, last_offset_delta });
    }
    let mut summary = RecordsSummary {
        min_timestamp: Timestamp(i64::MAX),
        max_timestamp: Timestamp::NONE,
        offset_delta_of_max: 0,
        without_key: 0,
    };
    let mut records = Records::new(bytes, count);
    for (index, record) in (0_i32..).zip(records.by_ref()) {
        let record = record?;
        if record.offset_delta != index {
            return Err(RecordError::BadOffsetDelta { index, delta: record.offset_delta });
        }
        let timestamp = record.timestamp(header);
        summary.min_timestamp = summary.min_timestamp.min(timestamp);
        if timestamp > summary.max_timestamp {
            summary.max_timestamp = timestamp;
            summary.offset_delta_of_max = record.offset_delta;
        }
        summary.without_key += i32::from(record.key.is_none());
    }
    if count == 0 {
        summary.min_timestamp = Timestamp::NONE;
    }
    match records.rest() {
        [] => Ok(summary),
        rest => Err(RecordError::TrailingBytes { declared: count, bytes: rest.len() }),
    }
}

#[cfg(test)]
mod tests;
