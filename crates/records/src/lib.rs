//! Record batches: views over bytes, checksums, compression with caps. No I/O.
//!
//! Owns Kafka's record batch format v2 (the only one a Kafka 4 broker accepts) and the id types that
//! every layer above shares. A batch is never copied to be looked at: [`Batch`] borrows the bytes it
//! was parsed from, [`Record`] borrows the record section. Everything here treats its input as
//! hostile: no length is believed before it was compared with the bytes that are left, and nothing
//! is allocated by a declared length.
//!
//! Deliberately absent: disk, network, clock, record formats v0 and v1.

pub mod batch;
pub mod builder;
pub mod codec;
pub mod control;
pub mod crc;
mod ids;
pub mod patch;
pub mod recompress;
pub mod record;
pub mod sequence;
pub mod varint;

pub use batch::{
    Attributes, Batch, BatchError, BatchHeader, Batches, HEADER_LEN, LOG_OVERHEAD, TimestampType,
    batches,
};
pub use builder::{BatchBuilder, BuildError};
pub use codec::{Codec, CodecError};
pub use control::{ControlError, ControlKind, EndTxnMarker};
pub use ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
pub use patch::{PREFIX_LEN, append_time_header, patched_header, patched_prefix};
pub use recompress::{RecompressError, recompress, recompress_section};
pub use record::{Headers, Record, RecordError, Records, RecordsSummary, check_records};
