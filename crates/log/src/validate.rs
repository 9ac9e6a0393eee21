//! What a leader checks before it appends, and the form in which a batch is written.
//!
//! Runs outside the append lock, on the bytes as they came. Nothing is copied unless the topic asks
//! for another codec: what changes is the header, and the record section stays where it is. For
//! an uncompressed batch the records are walked once; a compressed one is decompressed, with a cap,
//! because only the records say whether the header tells the truth.
//!
//! Deliberately not here: sequence numbers, which need the log's state.

use std::borrow::Cow;
use std::io::IoSlice;

use records::{
    Batch, BatchHeader, Codec, HEADER_LEN, LeaderEpoch, Offset, PREFIX_LEN, RecordError,
    RecordsSummary, Timestamp, TimestampType, batches, check_records, patched_header,
    recompress_section,
};
use smallvec::SmallVec;

use crate::config::{Compression, LogConfig};
use crate::error::{AppendError, RecordFault, codec_error};
use crate::section::Section;

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client's produce request: everything is checked.
    Client,
    /// A coordinator of this broker: it may write control records and owns its sequences.
    Coordinator,
    /// The broker itself.
    Internal,
}

/// A refused batch names at most this many records; a client that sends more bad ones learns
/// nothing from the rest, and the reply stays small.
const FAULTS_MAX: usize = 100;

/// A batch ready to be written but for its base offset and leader epoch.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    /// As it will be written.
    pub header: BatchHeader,
    head: [u8; HEADER_LEN],
    head_len: usize,
    rest: Cow<'a, [u8]>,
}

/// The batches of one append.
pub(crate) type PreparedBatches<'a> = SmallVec<[Prepared<'a>; 1]>;

impl<'a> Prepared<'a> {
    fn verbatim(batch: &Batch<'a>) -> Prepared<'a> {
        Prepared {
            header: batch.header,
            head: batch.header.to_bytes(),
            head_len: PREFIX_LEN,
            rest: Cow::Borrowed(batch.bytes.get(PREFIX_LEN..).unwrap_or_default()),
        }
    }

    /// Gives the batch its place in the log.
    pub fn place(&mut self, base: Offset, epoch: LeaderEpoch) {
        self.header.base_offset = base;
        self.header.leader_epoch = epoch;
        self.head = self.header.to_bytes();
    }

    /// Bytes it takes on disk.
    pub fn len(&self) -> usize {
        self.head_len + self.rest.len()
    }

    /// What is written, in order.
    pub fn parts(&self) -> [IoSlice<'_>; 2] {
        [IoSlice::new(self.head.get(..self.head_len).unwrap_or_default()), IoSlice::new(&self.rest)]
    }
}

/// Checks the batches of an append and brings them into the form of the log.
pub(crate) fn prepare<'a>(
    bytes: &'a [u8],
    origin: Origin,
    config: &LogConfig,
    now: Timestamp,
) -> Result<PreparedBatches<'a>, AppendError> {
    let mut prepared = PreparedBatches::new();
    for batch in batches(bytes) {
        let batch = batch?;
        if !prepared.is_empty() {
            if origin == Origin::Client {
                return Err(AppendError::invalid(
                    "a produce request holds exactly one record batch per partition",
                ));
            }
            if batch.header.producer_id.is_some() {
                return Err(AppendError::invalid(
                    "a batch with a producer id is appended on its own",
                ));
            }
        }
        prepared.push(prepare_one(&batch, origin, config, now)?);
    }
    if prepared.is_empty() {
        return Err(AppendError::invalid("there is no record batch to append"));
    }
    Ok(prepared)
}

fn prepare_one<'a>(
    batch: &Batch<'a>,
    origin: Origin,
    config: &LogConfig,
    now: Timestamp,
) -> Result<Prepared<'a>, AppendError> {
    check_size(batch.bytes.len(), config)?;
    batch.check_crc()?;
    let header = &batch.header;
    check_header(header, origin)?;
    let create_time = config.timestamp_type == TimestampType::CreateTime;
    let target = match config.compression {
        Compression::Codec(codec, level)
            if codec != header.codec() && !header.attributes.is_control() =>
        {
            Some((codec, level))
        }
        Compression::Codec(..) | Compression::Producer => None,
    };

    let mut section = None;
    let max_timestamp = if origin == Origin::Client {
        if create_time && header.attributes.timestamp_type() == TimestampType::LogAppendTime {
            return Err(AppendError::InvalidTimestamp {
                message: "a producer must not stamp records with the append time".to_owned(),
                records: Vec::new(),
            });
        }
        let section = section.insert(unpacked(batch, config)?);
        let summary = check_records(section, header).map_err(|error| record_error(&error))?;
        if config.cleanup.compact && summary.without_key > 0 && !header.attributes.is_control() {
            return Err(keyless(batch, section));
        }
        if create_time {
            check_timestamps(batch, section, &summary, config, now)?;
        }
        summary.max_timestamp
    } else {
        header.max_timestamp
    };

    let mut out = match target {
        None => Prepared::verbatim(batch),
        Some((codec, level)) => {
            let section = match section {
                Some(section) => section,
                None => unpacked(batch, config)?,
            };
            recompressed(batch, codec, level, &section, config)?
        }
    };
    let attributes = out.header.attributes.with_timestamp_type(config.timestamp_type);
    let max_timestamp = if create_time { max_timestamp } else { now };
    if attributes != out.header.attributes || max_timestamp != out.header.max_timestamp {
        restamp(&mut out, batch, attributes, max_timestamp);
    }
    Ok(out)
}

/// Changes what the checksum covers: the whole header is then written anew.
fn restamp(
    out: &mut Prepared<'_>,
    original: &Batch<'_>,
    attributes: records::Attributes,
    max_timestamp: Timestamp,
) {
    let head = if out.head_len == HEADER_LEN {
        // Recompressed: header and section are those of the new batch.
        let mut whole = Vec::with_capacity(out.len());
        whole.extend_from_slice(&out.header.to_bytes());
        whole.extend_from_slice(&out.rest);
        let batch = Batch { header: out.header, bytes: &whole };
        patched_header(&batch, Offset::ZERO, LeaderEpoch::NONE, attributes, max_timestamp)
    } else {
        out.rest = match std::mem::take(&mut out.rest) {
            Cow::Borrowed(rest) => {
                Cow::Borrowed(rest.get(HEADER_LEN - PREFIX_LEN..).unwrap_or_default())
            }
            owned @ Cow::Owned(_) => owned,
        };
        out.head_len = HEADER_LEN;
        patched_header(original, Offset::ZERO, LeaderEpoch::NONE, attributes, max_timestamp)
    };
    out.head = head;
    if let Ok(header) = BatchHeader::parse(&head) {
        out.header = header;
    }
}

fn unpacked<'a>(batch: &Batch<'a>, config: &LogConfig) -> Result<Section<'a>, AppendError> {
    let cap = config.decompressed_bytes_max;
    Section::of(batch, cap).map_err(|error| codec_error(&error, cap))
}

fn recompressed<'a>(
    batch: &Batch<'_>,
    codec: Codec,
    level: Option<i32>,
    section: &[u8],
    config: &LogConfig,
) -> Result<Prepared<'a>, AppendError> {
    let mut bytes = recompress_section(batch, codec, level, section)
        .map_err(|error| AppendError::invalid(error.to_string()))?;
    check_size(bytes.len(), config)?;
    let header = BatchHeader::parse(&bytes)?;
    let rest = bytes.split_off(HEADER_LEN.min(bytes.len()));
    Ok(Prepared { header, head: header.to_bytes(), head_len: HEADER_LEN, rest: Cow::Owned(rest) })
}

fn check_size(size: usize, config: &LogConfig) -> Result<(), AppendError> {
    let max = config.max_message_bytes;
    if size > usize::try_from(max).unwrap_or(usize::MAX) {
        return Err(AppendError::BatchTooLarge { size, max });
    }
    Ok(())
}

fn check_header(header: &BatchHeader, origin: Origin) -> Result<(), AppendError> {
    if header.record_count <= 0 {
        return Err(AppendError::invalid("the batch holds no records"));
    }
    if header.last_offset_delta != header.record_count - 1 {
        return Err(AppendError::invalid(format!(
            "the batch counts {} records but its last offset delta is {}",
            header.record_count, header.last_offset_delta
        )));
    }
    if header.producer_id.is_some() {
        if header.producer_epoch.0 < 0 {
            return Err(AppendError::invalid("the batch has a producer id but no epoch"));
        }
        if header.base_sequence < 0 && !header.attributes.is_control() {
            return Err(AppendError::invalid(format!(
                "the batch has a producer id but the sequence {}",
                header.base_sequence
            )));
        }
    }
    if origin != Origin::Client {
        return Ok(());
    }
    if header.attributes.is_control() {
        return Err(AppendError::invalid("clients must not write control records"));
    }
    if header.attributes.is_transactional() && header.producer_id.is_none() {
        return Err(AppendError::invalid("a transactional batch needs a producer id"));
    }
    if header.base_offset != Offset::ZERO {
        return Err(AppendError::invalid(format!(
            "the base offset of a produced batch must be 0, it is {}",
            header.base_offset
        )));
    }
    Ok(())
}

fn record_error(error: &RecordError) -> AppendError {
    let index = match error {
        RecordError::TooFew { .. }
        | RecordError::TrailingBytes { .. }
        | RecordError::BadLastOffsetDelta { .. } => None,
        RecordError::BadLength { index }
        | RecordError::BadField { index, .. }
        | RecordError::LongRecord { index }
        | RecordError::BadOffsetDelta { index, .. } => Some(*index),
    };
    let message = error.to_string();
    let records =
        index.map(|index| RecordFault { index, message: message.clone() }).into_iter().collect();
    AppendError::InvalidRecord { message, records }
}

fn keyless(batch: &Batch<'_>, section: &[u8]) -> AppendError {
    let records = batch
        .records(section)
        .flatten()
        .filter(|record| record.key.is_none())
        .take(FAULTS_MAX)
        .map(|record| RecordFault {
            index: record.offset_delta,
            message: "a compacted topic cannot accept a record without a key".to_owned(),
        })
        .collect();
    AppendError::InvalidRecord {
        message: "one or more records have been rejected: a compacted topic needs keys".to_owned(),
        records,
    }
}

fn check_timestamps(
    batch: &Batch<'_>,
    section: &[u8],
    summary: &RecordsSummary,
    config: &LogConfig,
    now: Timestamp,
) -> Result<(), AppendError> {
    let clamp = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let earliest = now.plus_ms(clamp(config.timestamp_before_max_ms).saturating_neg());
    let latest = now.plus_ms(clamp(config.timestamp_after_max_ms));
    if summary.min_timestamp >= earliest && summary.max_timestamp <= latest {
        return Ok(());
    }
    // Only now is it worth a second walk to say which records.
    let faults: Vec<RecordFault> = batch
        .records(section)
        .flatten()
        .filter_map(|record| {
            let timestamp = record.timestamp(&batch.header);
            let bad = timestamp.is_some() && (timestamp < earliest || timestamp > latest);
            bad.then(|| RecordFault {
                index: record.offset_delta,
                message: format!(
                    "timestamp {timestamp} is out of range, it should be within [{earliest}, {latest}]"
                ),
            })
        })
        .take(FAULTS_MAX)
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(AppendError::InvalidTimestamp {
        message: "one or more records have been rejected due to invalid timestamp".to_owned(),
        records: faults,
    })
}

#[cfg(test)]
mod tests;
