//! The changes a leader makes to a batch before it is written: base offset, leader epoch and,
//! where the topic asks for it, the append time.
//!
//! Nothing here copies the record section. Each function returns the bytes that go before the
//! untouched rest of the batch, for one gathering write: [`patched_prefix`] before
//! `batch.bytes[PREFIX_LEN..]`, [`patched_header`] before `batch.bytes[HEADER_LEN..]`.

use crate::batch::{
    ATTRIBUTES, Attributes, BASE_OFFSET, BATCH_LENGTH, Batch, BatchHeader, HEADER_LEN, MAGIC,
    PARTITION_LEADER_EPOCH, TimestampType,
};
use crate::{LeaderEpoch, Offset, Timestamp, crc};

/// Bytes of a batch up to and with the leader epoch. None of them is covered by the checksum.
pub const PREFIX_LEN: usize = MAGIC;

const _: () = {
    assert!(PREFIX_LEN == 16);
    assert!(BASE_OFFSET == 0 && BATCH_LENGTH == 8 && PARTITION_LEADER_EPOCH == 12);
};

/// The first [`PREFIX_LEN`] bytes of `batch` with another base offset and leader epoch.
#[must_use]
pub fn patched_prefix(
    batch: &Batch<'_>,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
) -> [u8; PREFIX_LEN] {
    let header = BatchHeader { base_offset, leader_epoch, ..batch.header };
    let mut prefix = [0; PREFIX_LEN];
    for (to, from) in prefix.iter_mut().zip(header.to_bytes()) {
        *to = from;
    }
    prefix
}

/// The header of `batch` with other values in the fields a leader may change, and the checksum that
/// belongs to them. The record section is read once, not copied.
#[must_use]
pub fn patched_header(
    batch: &Batch<'_>,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    attributes: Attributes,
    max_timestamp: Timestamp,
) -> [u8; HEADER_LEN] {
    let mut header =
        BatchHeader { base_offset, leader_epoch, attributes, max_timestamp, ..batch.header };
    header.crc = header_crc(&header, batch.record_section());
    header.to_bytes()
}

/// The header of `batch` with another base offset and leader epoch and all its records stamped with
/// the time of the append.
#[must_use]
pub fn append_time_header(
    batch: &Batch<'_>,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    now: Timestamp,
) -> [u8; HEADER_LEN] {
    let attributes = batch.header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
    patched_header(batch, base_offset, leader_epoch, attributes, now)
}

/// The checksum of a batch with this header (its own checksum field apart) and these records.
pub(crate) fn header_crc(header: &BatchHeader, record_section: &[u8]) -> u32 {
    let bytes = header.to_bytes();
    crc::crc32c_parts(&[&bytes[ATTRIBUTES..], record_section])
}

#[cfg(test)]
mod tests;
