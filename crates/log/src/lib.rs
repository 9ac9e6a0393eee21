//! One partition on one disk: segments, indexes, leader epochs, producer state, recovery, retention
//! and sync; and the folder that holds all partitions of a node, with the journal that they share.
//!
//! The files of a partition are Kafka's own (docs/format): batches lie on disk as the producer sent them, with
//! offset and leader epoch patched in. Everything else there can be built from the batches.
//!
//! Deliberately absent: the high watermark and everything else that follows from replicas, threads
//! apart from the [`Syncer`], timers (the caller decides when to apply retention and to checkpoint),
//! and any protocol.

mod active_file;
mod append;
mod catalogue;
mod checkpoint;
mod cleaner;
mod compact;
mod config;
pub mod dump;
mod epochs;
mod error;
mod examine;
mod files;
mod handles;
mod index;
mod journal;
mod log;
mod log_dir;
mod lookup;
pub mod names;
mod producers;
mod quarantine;
mod read;
mod recovery;
mod region;
#[cfg(feature = "test-support")]
pub mod reread;
mod retention;
mod room;
mod scrub;
mod section;
mod segment;
mod sync;
#[cfg(test)]
mod testing;
mod truncate;
mod validate;
mod walk;

pub use active_file::HoldConfig;
pub use append::AppendInfo;
pub use cleaner::{Candidate, Cleaner, Round};
pub use compact::{Cleanable, Compacted, CompactionConfig, CompactionError, FullSpeed, Pace};
pub use config::{Cleanup, Compression, Durability, LogConfig};
pub use epochs::Epochs;
pub use error::{AppendError, LogError, ReadError, RecordFault};
pub use journal::JournalConfig;
#[cfg(feature = "test-support")]
pub use journal::{Commit, Filled, Gap, Written};
pub use log::{Log, ScrubError, Scrubbed};
pub use log_dir::{Claim, Identity, LogDir, LogDirError, REPLACES_LOST, Resting};
pub use lookup::TimedOffset;
pub use producers::{ProducedBatch, ProducerEntry, Producers, SnapshotError};
pub use quarantine::Damage;
pub use read::{Slice, Wait};
pub use records::TimestampType;
pub use region::Region;
pub use retention::RetentionReport;
pub use scrub::Scrubber;
pub use sync::{Courier, DurableListener, News, Syncer, ThreadError};
pub use validate::Origin;
