//! What can go wrong, one enum per operation. All carry data; the layers above turn them into
//! protocol errors.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use records::{BatchError, CodecError, LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use thiserror::Error;
use uuid::Uuid;

use crate::quarantine::Damage;

/// Refuses what would be written to a folder that has failed: nobody knows what is on its disk.
pub(crate) fn check_fence(fence: &OnceLock<LogError>) -> Result<(), LogError> {
    match fence.get() {
        Some(cause) => Err(LogError::Fenced { cause: Arc::new(cause.clone()) }),
        None => Ok(()),
    }
}

/// Why a log cannot do what was asked.
#[derive(Clone, Debug, Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// An earlier write or sync failed. What is on disk is no longer known, so nothing more is
    /// written; the next start recovers it.
    #[error("the log is fenced since an earlier failure: {cause}")]
    Fenced {
        /// The first failure.
        cause: Arc<LogError>,
    },
    /// There is no room on the disk, or only the reserve. Nothing was changed, nothing is fenced, and
    /// it can be tried again.
    #[error(
        "the disk has no room to {doing} {path}: delete topics or records, shorten retention, or make \
         the disk larger"
    )]
    Full {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
    },
    /// Bytes that were durable are not what was written. They are left as they are.
    #[error("{path} is damaged at position {position}, offset {offset}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        position: u64,
        /// The offset that was expected there.
        offset: Offset,
        /// What is wrong.
        what: String,
    },
    /// Records that were durable are not there.
    #[error("{path} ends at offset {end}, but everything up to {recovery_point} was durable")]
    TailMissing {
        /// The folder of the log.
        path: PathBuf,
        /// Where it ends.
        end: Offset,
        /// Where it must at least end.
        recovery_point: Offset,
    },
    /// The folder belongs to another topic.
    #[error("{path} belongs to topic id {found}, not {expected}")]
    TopicIdMismatch {
        /// The folder.
        path: PathBuf,
        /// What its metadata says.
        found: Uuid,
        /// What was asked for.
        expected: Uuid,
    },
    /// An offset outside the log.
    #[error("offset {offset} is outside the log, which holds {log_start} up to {log_end}")]
    OutOfRange {
        /// What was asked for.
        offset: Offset,
        /// The first offset.
        log_start: Offset,
        /// The offset after the last.
        log_end: Offset,
    },
    /// The log was closed or deleted.
    #[error("the log is closed")]
    Closed,
    /// The disk would have to be waited for, by a read that must not wait.
    #[error("what is read is not in memory")]
    NotInMemory,
}

impl LogError {
    pub(crate) fn io(path: &Path, doing: &'static str, source: io::Error) -> LogError {
        LogError::Io { path: path.to_owned(), doing, source: Arc::new(source) }
    }

    /// A write that failed and can be undone or made again as a whole: [`LogError::Full`] where the
    /// disk was full.
    pub(crate) fn of_write(path: &Path, doing: &'static str, source: io::Error) -> LogError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                LogError::Full { path: path.to_owned(), doing }
            }
            _ => LogError::io(path, doing, source),
        }
    }

    /// Whether all that is wrong is that the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, LogError::Full { .. })
    }

    /// Whether the process, or the system, has too many files open: no fault of the disk.
    pub(crate) fn is_too_many_open(&self) -> bool {
        // `EMFILE` and `ENFILE` have no kind of their own.
        matches!(self, LogError::Io { source, .. } if matches!(source.raw_os_error(), Some(23 | 24)))
    }

    /// Whether it goes better when there is room on the disk, or for another open file.
    pub(crate) fn is_passing(&self) -> bool {
        self.is_full() || self.is_too_many_open()
    }

    /// Whether the log itself can no longer be trusted or used, as against a wrong request.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        match self {
            LogError::Io { .. }
            | LogError::Fenced { .. }
            | LogError::Damaged { .. }
            | LogError::TailMissing { .. }
            | LogError::TopicIdMismatch { .. }
            | LogError::Closed => true,
            LogError::OutOfRange { .. } | LogError::Full { .. } | LogError::NotInMemory => false,
        }
    }
}

/// A record that was refused: its place in the batch and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFault {
    /// Which record, from 0.
    pub index: i32,
    /// Why.
    pub message: String,
}

/// Why records were not appended.
#[derive(Clone, Debug, Error)]
pub enum AppendError {
    /// The checksum does not match, or the bytes end inside the batch.
    #[error("{0}")]
    Corrupt(BatchError),
    /// Record format v0, v1, or one that does not exist.
    #[error("record batches with magic {magic} are not supported, only magic 2 is")]
    UnsupportedMagic {
        /// The format version.
        magic: i8,
    },
    /// A compression codec that does not exist.
    #[error("the batch uses the unknown compression codec {codec}")]
    UnsupportedCodec {
        /// The codec bits.
        codec: i16,
    },
    /// The batch or some of its records are malformed or not allowed here.
    #[error("{message}")]
    InvalidRecord {
        /// What is wrong with the whole.
        message: String,
        /// Which records are the cause, as far as that can be said.
        records: Vec<RecordFault>,
    },
    /// Timestamps outside the bounds, or stamped by a producer as if by a broker.
    #[error("{message}")]
    InvalidTimestamp {
        /// What is wrong with the whole.
        message: String,
        /// Which records are the cause.
        records: Vec<RecordFault>,
    },
    /// A batch larger than the topic allows.
    #[error("the batch takes {size} bytes, the topic allows {max}")]
    BatchTooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        max: u32,
    },
    /// All batches together do not fit into a segment.
    #[error("the batches take {size} bytes, a segment holds {max}")]
    LargerThanSegment {
        /// Their size.
        size: usize,
        /// The limit.
        max: u32,
    },
    /// The records take too much room once decompressed.
    #[error("the records take more than {max} bytes once decompressed")]
    DecompressedTooLarge {
        /// The limit.
        max: usize,
    },
    /// A sequence number that does not follow the last one, nor repeats a remembered batch.
    #[error(
        "producer {producer_id} sent sequence {sequence} where {expected} was due (epoch {epoch})"
    )]
    OutOfOrderSequence {
        /// Who sent it.
        producer_id: ProducerId,
        /// Its epoch.
        epoch: ProducerEpoch,
        /// The first sequence of the batch.
        sequence: i32,
        /// What was due.
        expected: i32,
    },
    /// A newer incarnation of the producer has written already.
    #[error("producer {producer_id} sent epoch {epoch}, the current one is {current}")]
    ProducerFenced {
        /// Who sent it.
        producer_id: ProducerId,
        /// Its epoch.
        epoch: ProducerEpoch,
        /// The newer one.
        current: ProducerEpoch,
    },
    /// A newer leader has appended already.
    #[error("append with leader epoch {epoch}, the log already has {latest}")]
    StaleLeaderEpoch {
        /// What was given.
        epoch: LeaderEpoch,
        /// What the log has.
        latest: LeaderEpoch,
    },
    /// The log cannot be written.
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl AppendError {
    pub(crate) fn invalid(message: impl Into<String>) -> AppendError {
        AppendError::InvalidRecord { message: message.into(), records: Vec::new() }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            AppendError::Corrupt(_)
            | AppendError::StaleLeaderEpoch { .. }
            | AppendError::Storage(_) => true,
            AppendError::UnsupportedMagic { .. }
            | AppendError::UnsupportedCodec { .. }
            | AppendError::InvalidRecord { .. }
            | AppendError::InvalidTimestamp { .. }
            | AppendError::BatchTooLarge { .. }
            | AppendError::LargerThanSegment { .. }
            | AppendError::DecompressedTooLarge { .. }
            | AppendError::OutOfOrderSequence { .. }
            | AppendError::ProducerFenced { .. } => false,
        }
    }
}

impl From<BatchError> for AppendError {
    fn from(error: BatchError) -> AppendError {
        match error {
            BatchError::Truncated { .. }
            | BatchError::BadLength { .. }
            | BatchError::BadCrc { .. } => AppendError::Corrupt(error),
            BatchError::OldMagic { magic } | BatchError::UnknownMagic { magic } => {
                AppendError::UnsupportedMagic { magic }
            }
            BatchError::UnknownCodec { codec } => AppendError::UnsupportedCodec { codec },
            BatchError::NegativeRecordCount { .. } | BatchError::NegativeOffsetDelta { .. } => {
                AppendError::invalid(error.to_string())
            }
        }
    }
}

/// Turns a codec's complaint into an append error; `max` is the cap that was given.
pub(crate) fn codec_error(error: &CodecError, max: usize) -> AppendError {
    match error {
        CodecError::TooLarge { .. } => AppendError::DecompressedTooLarge { max },
        other => AppendError::invalid(other.to_string()),
    }
}

/// Why a read failed.
#[derive(Clone, Debug, Error)]
pub enum ReadError {
    /// The offset is not in the log.
    #[error("offset {from} is outside the log, which holds {log_start} up to {log_end}")]
    OutOfRange {
        /// What was asked for.
        from: Offset,
        /// The first offset.
        log_start: Offset,
        /// The offset after the last.
        log_end: Offset,
    },
    /// What is there is damaged.
    #[error(
        "offset {from} is in a damaged part of {path}, from offset {} to {}: {}; go on from {}",
        damage.first, damage.end, damage.what, damage.end
    )]
    Quarantined {
        /// What was asked for.
        from: Offset,
        /// The folder of the log.
        path: PathBuf,
        /// Where it is damaged, and how.
        damage: Box<Damage>,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl ReadError {
    /// Whether what was asked for is damaged, and other parts of the log are not.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, ReadError::Quarantined { .. } | ReadError::Storage(LogError::Damaged { .. }))
    }
}

/// A codec's complaint in words.
pub(crate) fn codec_text(error: &CodecError) -> String {
    error.to_string()
}
