//! The settings of one log, already checked and typed.
//!
//! Names follow Kafka's topic settings; what a setting accepts outside is the business of the
//! configuration registry above.

use records::{Codec, TimestampType};

/// What happens to records that are no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// Old segments are deleted by time and size.
    pub delete: bool,
    /// Only the last record of each key is kept; records need a key then.
    pub compact: bool,
}

/// How batches are compressed on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As the producer sent them.
    Producer,
    /// With this codec at this level, whatever the producer used.
    Codec(Codec, Option<i32>),
}

/// When an append counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After it is on stable storage.
    Fsync,
    /// After it is in the page cache, as Kafka does it.
    Relaxed,
}

/// The settings of one log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// A segment is closed before it would grow beyond this.
    pub segment_bytes: u32,
    /// A segment is closed when its first record is this old.
    pub segment_ms: u64,
    /// A segment is closed when one of its index files would grow beyond this.
    pub segment_index_bytes: u32,
    /// How many bytes of records lie between two index entries.
    pub index_interval_bytes: u32,
    /// Segments whose latest record is older are deleted.
    pub retention_ms: Option<u64>,
    /// Oldest segments are deleted while the rest still holds this much.
    pub retention_bytes: Option<u64>,
    /// Deletion, compaction, both or none.
    pub cleanup: Cleanup,
    /// Records younger than this are not compacted.
    pub min_compaction_lag_ms: u64,
    /// Records older than this make compaction due, whatever the ratio.
    pub max_compaction_lag_ms: u64,
    /// The share of a log that must be dirty before it is compacted.
    pub min_cleanable_dirty_ratio: f64,
    /// How long compaction keeps a tombstone or a marker after it first met it.
    pub delete_retention_ms: u64,
    /// Whose clock stamps the records.
    pub timestamp_type: TimestampType,
    /// How far a producer's timestamp may lie in the past.
    pub timestamp_before_max_ms: u64,
    /// How far a producer's timestamp may lie in the future.
    pub timestamp_after_max_ms: u64,
    /// The largest batch, as it is written.
    pub max_message_bytes: u32,
    /// Compression on disk.
    pub compression: Compression,
    /// How long a deleted segment stays on disk under another name.
    pub file_delete_delay_ms: u64,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// With this many records not on stable storage a relaxed log is synced before more of them are
    /// acknowledged.
    pub flush_messages: u64,
    /// What is appended to a relaxed log is synced this much later; with 0, before it is acknowledged.
    pub flush_ms: Option<u64>,
    /// How long a silent producer is remembered.
    pub producer_id_expiration_ms: u64,
    /// How far ahead of the end a growing segment reserves blocks; 0 reserves none. Only a segment
    /// that has outgrown one such step does, so that a small partition stays small.
    pub preallocate_bytes: u32,
    /// A checkpoint writes the indexes of an active segment that has grown by this much since the
    /// last: recovery walks no more than that of what is durable.
    pub checkpoint_index_bytes: u32,
    /// A log that is closed gets indexes and a producer snapshot of its active segment only when that has
    /// grown by this much since the last: the next opening walks less than that sooner than three files are
    /// made and read.
    pub close_index_bytes: u32,
    /// The most that the records of one batch may take once decompressed.
    pub decompressed_bytes_max: usize,
}

/// In the tests of this crate, whose logs are small, they are written.
const CLOSE_INDEX_BYTES: u32 = if cfg!(test) { 0 } else { 2 << 20 };

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            cleanup: Cleanup { delete: true, compact: false },
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX.unsigned_abs(),
            min_cleanable_dirty_ratio: 0.5,
            delete_retention_ms: 24 * 3_600_000,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: u64::MAX >> 1,
            timestamp_after_max_ms: 3_600_000,
            max_message_bytes: (1 << 20) + 12,
            compression: Compression::Producer,
            file_delete_delay_ms: 60_000,
            durability: Durability::Fsync,
            flush_messages: u64::MAX >> 1,
            flush_ms: None,
            producer_id_expiration_ms: 24 * 3_600_000,
            preallocate_bytes: 1 << 20,
            checkpoint_index_bytes: 16 << 20,
            close_index_bytes: CLOSE_INDEX_BYTES,
            decompressed_bytes_max: 64 << 20,
        }
    }
}
