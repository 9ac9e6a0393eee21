//! Record batch v2: its header as a struct, a batch as a view over bytes, a buffer of batches as an
//! iterator.
//!
//! A batch is a header of [`HEADER_LEN`] bytes and the record section, which is compressed as a
//! whole when the attributes say so. The first [`LOG_OVERHEAD`] bytes (base offset and length) are
//! not counted by the length field. The checksum covers everything from the attributes on, so base
//! offset and leader epoch may be changed without a new checksum (see [`crate::patch`]).
//!
//! What [`BatchHeader::parse`] promises of a header it returns: magic is 2, `batch_length` is at
//! least that of a header, the codec is known, `last_offset_delta` and `record_count` are not
//! negative. It does not look at the record section and does not check the checksum.

use crate::codec::{self, Codec, CodecError};
use crate::record::Records;
use crate::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, crc, sequence};
use std::borrow::Cow;
use thiserror::Error;

// Each position is computed from the field before it.
pub(crate) const BASE_OFFSET: usize = 0;
pub(crate) const BATCH_LENGTH: usize = BASE_OFFSET + size_of::<i64>();
pub(crate) const PARTITION_LEADER_EPOCH: usize = BATCH_LENGTH + size_of::<i32>();
pub(crate) const MAGIC: usize = PARTITION_LEADER_EPOCH + size_of::<i32>();
pub(crate) const CRC: usize = MAGIC + size_of::<i8>();
pub(crate) const ATTRIBUTES: usize = CRC + size_of::<u32>();
pub(crate) const LAST_OFFSET_DELTA: usize = ATTRIBUTES + size_of::<i16>();
pub(crate) const BASE_TIMESTAMP: usize = LAST_OFFSET_DELTA + size_of::<i32>();
pub(crate) const MAX_TIMESTAMP: usize = BASE_TIMESTAMP + size_of::<i64>();
pub(crate) const PRODUCER_ID: usize = MAX_TIMESTAMP + size_of::<i64>();
pub(crate) const PRODUCER_EPOCH: usize = PRODUCER_ID + size_of::<i64>();
pub(crate) const BASE_SEQUENCE: usize = PRODUCER_EPOCH + size_of::<i16>();
pub(crate) const RECORD_COUNT: usize = BASE_SEQUENCE + size_of::<i32>();

/// Bytes of a batch before its record section.
pub const HEADER_LEN: usize = RECORD_COUNT + size_of::<i32>();
/// Bytes of a batch that its length field does not count: base offset and the length itself.
pub const LOG_OVERHEAD: usize = PARTITION_LEADER_EPOCH;
/// The format version this crate knows.
pub const MAGIC_V2: i8 = 2;
/// The smallest length field of a well-formed batch.
const LENGTH_MIN: i32 = 49;

const _: () = {
    assert!(LOG_OVERHEAD == 12);
    assert!(MAGIC == 16);
    assert!(ATTRIBUTES == 21);
    assert!(RECORD_COUNT == 57);
    assert!(HEADER_LEN == 61);
    assert!(LENGTH_MIN as usize == HEADER_LEN - LOG_OVERHEAD);
};

/// Why bytes are not a record batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum BatchError {
    /// Fewer bytes than the batch needs: an honest end of a buffer that was cut, or a lying length.
    #[error("a batch needs {needed} bytes, {available} are there")]
    Truncated {
        /// Bytes the header or, where that could be read, the whole batch takes.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The length field is less than a header takes.
    #[error("a batch declares a length of {length}, the least is {LENGTH_MIN}")]
    BadLength {
        /// The field.
        length: i32,
    },
    /// Record format v0 or v1, which no Kafka 4 broker accepts.
    #[error("a batch is in record format v{magic}, only v2 is supported")]
    OldMagic {
        /// The format version.
        magic: i8,
    },
    /// A format version that does not exist.
    #[error("a batch declares the unknown record format {magic}")]
    UnknownMagic {
        /// The format version.
        magic: i8,
    },
    /// The codec bits name no codec.
    #[error("a batch declares the unknown compression codec {codec}")]
    UnknownCodec {
        /// The codec bits.
        codec: i16,
    },
    /// The record count is negative.
    #[error("a batch declares {count} records")]
    NegativeRecordCount {
        /// The field.
        count: i32,
    },
    /// The last offset delta is negative.
    #[error("a batch declares a last offset delta of {delta}")]
    NegativeOffsetDelta {
        /// The field.
        delta: i32,
    },
    /// The checksum does not match the bytes.
    #[error("a batch carries the checksum {stored:08x}, its bytes have {computed:08x}")]
    BadCrc {
        /// The field.
        stored: u32,
        /// What the bytes have.
        computed: u32,
    },
}

/// Whose clock the timestamps of a batch come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimestampType {
    /// The producer's: each record has its own.
    CreateTime,
    /// The broker's: the batch's max timestamp holds for every record.
    LogAppendTime,
}

/// The attribute bits of a batch. The codec bits are known to be valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Attributes(i16);

impl Attributes {
    const CODEC: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// Attributes from the bits of a header; unused bits are kept.
    pub fn from_bits(bits: i16) -> Result<Self, BatchError> {
        let codec = bits & Self::CODEC;
        match Codec::from_id(codec) {
            Some(_) => Ok(Self(bits)),
            None => Err(BatchError::UnknownCodec { codec }),
        }
    }

    /// The bits as a header holds them.
    #[must_use]
    pub const fn bits(self) -> i16 {
        self.0
    }

    /// How the record section is compressed.
    #[must_use]
    pub fn codec(self) -> Codec {
        Codec::from_id(self.0 & Self::CODEC).unwrap_or(Codec::None)
    }

    /// Whose clock the timestamps come from.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.has(Self::LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.has(Self::TRANSACTIONAL)
    }

    /// Whether the batch holds a control record, which consumers do not see.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.has(Self::CONTROL)
    }

    /// Whether the base timestamp field holds the time at which compaction may drop tombstones.
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.has(Self::DELETE_HORIZON)
    }

    /// The same with another codec.
    #[must_use]
    pub const fn with_codec(self, codec: Codec) -> Self {
        Self((self.0 & !Self::CODEC) | codec.id())
    }

    /// The same with another timestamp type.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, matches!(timestamp_type, TimestampType::LogAppendTime))
    }

    /// The same with the transactional bit set or not.
    #[must_use]
    pub const fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    /// The same with the control bit set or not.
    #[must_use]
    pub const fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    /// The same with the delete horizon bit set or not.
    #[must_use]
    pub const fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }

    const fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }

    const fn with(self, bit: i16, on: bool) -> Self {
        if on { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }
}

/// The header of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// Offset of the first record (before compaction may have removed it).
    pub base_offset: Offset,
    /// Bytes of the batch after the first [`LOG_OVERHEAD`].
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch.
    pub leader_epoch: LeaderEpoch,
    /// Format version, always 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type, transaction and control bits.
    pub attributes: Attributes,
    /// Offset of the last record, counted from the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are added to.
    pub base_timestamp: Timestamp,
    /// The latest timestamp of the batch.
    pub max_timestamp: Timestamp,
    /// Who produced it, when the producer is idempotent.
    pub producer_id: Option<ProducerId>,
    /// Which incarnation of the producer, when there is an id.
    pub producer_epoch: ProducerEpoch,
    /// Sequence number of the first record, when there is a producer id; -1 otherwise.
    pub base_sequence: i32,
    /// How many records the section holds.
    pub record_count: i32,
}

/// Copies the `N` bytes at `AT`; that they are inside the header is checked at compile time.
fn field<const AT: usize, const N: usize>(header: &[u8; HEADER_LEN]) -> [u8; N] {
    const { assert!(AT + N <= HEADER_LEN) };
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[AT..AT + N]);
    bytes
}

/// Writes `bytes` at `AT`; that they are inside the header is checked at compile time.
pub(crate) fn set_field<const AT: usize, const N: usize>(
    header: &mut [u8; HEADER_LEN],
    bytes: [u8; N],
) {
    const { assert!(AT + N <= HEADER_LEN) };
    header[AT..AT + N].copy_from_slice(&bytes);
}

impl BatchHeader {
    /// Reads the header that `bytes` begin with. The record section need not be there.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(Self::refuse_short(bytes));
        };
        let magic = i8::from_be_bytes(field::<MAGIC, 1>(header));
        check_magic(magic)?;
        let batch_length = i32::from_be_bytes(field::<BATCH_LENGTH, 4>(header));
        if batch_length < LENGTH_MIN {
            return Err(BatchError::BadLength { length: batch_length });
        }
        let attributes = Attributes::from_bits(i16::from_be_bytes(field::<ATTRIBUTES, 2>(header)))?;
        let last_offset_delta = i32::from_be_bytes(field::<LAST_OFFSET_DELTA, 4>(header));
        if last_offset_delta < 0 {
            return Err(BatchError::NegativeOffsetDelta { delta: last_offset_delta });
        }
        let record_count = i32::from_be_bytes(field::<RECORD_COUNT, 4>(header));
        if record_count < 0 {
            return Err(BatchError::NegativeRecordCount { count: record_count });
        }
        let producer_id = i64::from_be_bytes(field::<PRODUCER_ID, 8>(header));
        Ok(Self {
            base_offset: Offset(i64::from_be_bytes(field::<BASE_OFFSET, 8>(header))),
            batch_length,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(field::<PARTITION_LEADER_EPOCH, 4>(
                header,
            ))),
            magic,
            crc: u32::from_be_bytes(field::<CRC, 4>(header)),
            attributes,
            last_offset_delta,
            base_timestamp: Timestamp(i64::from_be_bytes(field::<BASE_TIMESTAMP, 8>(header))),
            max_timestamp: Timestamp(i64::from_be_bytes(field::<MAX_TIMESTAMP, 8>(header))),
            producer_id: (producer_id >= 0).then_some(ProducerId(producer_id)),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field::<PRODUCER_EPOCH, 2>(header))),
            base_sequence: i32::from_be_bytes(field::<BASE_SEQUENCE, 4>(header)),
            record_count,
        })
    }

    /// A batch in an old format may be shorter than our header: its magic, when it is there, says
    /// more than "truncated".
    fn refuse_short(bytes: &[u8]) -> BatchError {
        match bytes.get(MAGIC).map(|&magic| check_magic(magic.cast_signed())) {
            Some(Err(error)) => error,
            Some(Ok(())) | None => {
                BatchError::Truncated { needed: HEADER_LEN, available: bytes.len() }
            }
        }
    }

    /// The header as bytes, with the fields as they are (the checksum is not computed).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        let producer_id = self.producer_id.map_or(-1, |id| id.0);
        set_field::<BASE_OFFSET, 8>(&mut out, self.base_offset.0.to_be_bytes());
        set_field::<BATCH_LENGTH, 4>(&mut out, self.batch_length.to_be_bytes());
        set_field::<PARTITION_LEADER_EPOCH, 4>(&mut out, self.leader_epoch.0.to_be_bytes());
        set_field::<MAGIC, 1>(&mut out, self.magic.to_be_bytes());
        set_field::<CRC, 4>(&mut out, self.crc.to_be_bytes());
        set_field::<ATTRIBUTES, 2>(&mut out, self.attributes.bits().to_be_bytes());
        set_field::<LAST_OFFSET_DELTA, 4>(&mut out, self.last_offset_delta.to_be_bytes());
        set_field::<BASE_TIMESTAMP, 8>(&mut out, self.base_timestamp.0.to_be_bytes());
        set_field::<MAX_TIMESTAMP, 8>(&mut out, self.max_timestamp.0.to_be_bytes());
        set_field::<PRODUCER_ID, 8>(&mut out, producer_id.to_be_bytes());
        set_field::<PRODUCER_EPOCH, 2>(&mut out, self.producer_epoch.0.to_be_bytes());
        set_field::<BASE_SEQUENCE, 4>(&mut out, self.base_sequence.to_be_bytes());
        set_field::<RECORD_COUNT, 4>(&mut out, self.record_count.to_be_bytes());
        out
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        LOG_OVERHEAD.saturating_add(usize::try_from(self.batch_length).unwrap_or(0))
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// Sequence number of the last record, when the batch has a producer id; -1 otherwise.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        if self.producer_id.is_none() || self.base_sequence < 0 {
            return -1;
        }
        sequence::add(self.base_sequence, self.last_offset_delta)
    }

    /// How the record section is compressed.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.attributes.codec()
    }
}

fn check_magic(magic: i8) -> Result<(), BatchError> {
    match magic {
        MAGIC_V2 => Ok(()),
        0 | 1 => Err(BatchError::OldMagic { magic }),
        _ => Err(BatchError::UnknownMagic { magic }),
    }
}

/// A batch: its header, parsed, and its bytes, all of them and no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch<'a> {
    /// The header, parsed from `bytes`.
    pub header: BatchHeader,
    /// The whole batch, header included: exactly [`BatchHeader::size_in_bytes`].
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch that `bytes` begin with.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let needed = header.size_in_bytes();
        match bytes.get(..needed) {
            Some(bytes) => Ok(Self { header, bytes }),
            None => Err(BatchError::Truncated { needed, available: bytes.len() }),
        }
    }

    /// The bytes after the header: the records, compressed when the attributes say so.
    #[must_use]
    pub fn record_section(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// Compares the checksum field with the bytes it covers.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = crc::crc32c(self.bytes.get(ATTRIBUTES..).unwrap_or_default());
        let stored = self.header.crc;
        if stored == computed { Ok(()) } else { Err(BatchError::BadCrc { stored, computed }) }
    }

    /// The records as they are before compression: borrowed when the batch is not compressed,
    /// otherwise decompressed, which fails when they take more than `cap` bytes.
    pub fn uncompressed_records(&self, cap: usize) -> Result<Cow<'a, [u8]>, CodecError> {
        match self.header.codec() {
            Codec::None => Ok(Cow::Borrowed(self.record_section())),
            codec => codec::decompress(codec, self.record_section(), cap).map(Cow::Owned),
        }
    }

    /// The records of this batch out of what [`Batch::uncompressed_records`] returned.
    #[must_use]
    pub fn records<'r>(&self, uncompressed: &'r [u8]) -> Records<'r> {
        Records::new(uncompressed, self.header.record_count)
    }
}

/// Splits `bytes` into the batches they are made of.
///
/// After an error nothing more is returned. Bytes that end inside a batch are
/// [`BatchError::Truncated`], unless [`Batches::tolerating_partial_tail`] was asked for.
#[must_use]
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes, position: 0, tolerate_partial_tail: false }
}

/// The iterator that [`batches`] returns.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
    position: usize,
    tolerate_partial_tail: bool,
}

impl<'a> Batches<'a> {
    /// Ends quietly where the bytes end inside a batch, as the answer to a fetch may.
    #[must_use]
    pub fn tolerating_partial_tail(mut self) -> Self {
        self.tolerate_partial_tail = true;
        self
    }

    /// Where in the buffer the next batch would begin: the length of all batches returned so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match Batch::parse(self.rest) {
            Ok(batch) => {
                self.rest = self.rest.get(batch.bytes.len()..).unwrap_or_default();
                self.position += batch.bytes.len();
                Some(Ok(batch))
            }
            Err(error) => {
                self.rest = &[];
                let partial = matches!(error, BatchError::Truncated { .. });
                (!(partial && self.tolerate_partial_tail)).then_some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for Batches<'_> {}

#[cfg(test)]
mod tests;
