//! Every limit of cluster metadata, with its reason.
//!
//! Nothing else in this crate holds a bound of its own.

/// Characters of a topic name. With `-` and the partition number it must fit a folder name (255).
pub const TOPIC_NAME_CHARS_MAX: usize = 249;

/// Partitions one operation may create. One operation is one entry of the log: it is written, synced
/// and replayed as a whole, and everything else waits for it.
pub const PARTITIONS_PER_OPERATION_MAX: usize = 10_000;

/// Replicas of one partition; more would not fit the smallest field that carries them on the wire.
pub const REPLICAS_PER_PARTITION_MAX: usize = i16::MAX as usize;

/// Bytes of one configuration value, so that an image stays small (as in Kafka).
pub const CONFIG_VALUE_BYTES_MAX: usize = 32_767;

/// Producer ids handed out at once. A node asks again long before a block of this size is used up,
/// and a crash wastes at most one.
pub const PRODUCER_ID_BLOCK_MAX: i32 = 10_000;

/// Operations that wait for the quorum; the next one waits for a place.
pub const OPERATIONS_WAITING_MAX: usize = 1_024;

/// Operations that are decided and committed together.
pub const OPERATIONS_PER_ENTRY_MAX: usize = 256;

/// Records after which no further operation joins an entry. One operation may still bring more.
pub const RECORDS_PER_ENTRY_SOFT_MAX: usize = 10_000;

/// Bytes of the records of one entry; an operation that brings more is refused. Half a frame, so that
/// what is written can always be read again.
pub const ENTRY_BYTES_MAX: usize = FRAME_BYTES_MAX / 2;

/// Bytes of one frame of the metadata log. A longer one is damage and not an allocation.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// Bytes of a segment of the metadata log before the next is begun.
pub const SEGMENT_BYTES_MAX: u64 = 4 << 20;

/// Bytes of a snapshot that are read at all.
pub const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;

/// Entries after which a snapshot is taken: what is replayed at the next start.
pub const SNAPSHOT_ENTRIES: u64 = 5_000;

/// Bytes of entries after which a snapshot is taken, whatever their number.
pub const SNAPSHOT_LOG_BYTES: u64 = 20 << 20;

/// Entries that stay in the log behind a snapshot, so that a node which was away for a moment catches
/// up from the log.
pub const ENTRIES_BEHIND_SNAPSHOT: u64 = 1_000;
