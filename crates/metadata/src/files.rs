//! The quorum's files: log segments, how far they are durable, vote, snapshots. `docs/format/metadata.md` has the byte tables.
//!
//! Blocking. The log and the vote are written by one thread of their own ([`writer`]), snapshots on a
//! blocking thread of the runtime; opening happens before anything is served.
//!
//! After a crash: what was acknowledged is there. What was being written may be there in part and is
//! cut; anything else that does not check is damage, and the folder is refused as it is.

pub(crate) mod bytes;
pub(crate) mod durable_end;
pub(crate) mod entry;
pub(crate) mod log;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod snapshot;
pub(crate) mod vote;
pub(crate) mod writer;

use std::io;
use std::path::{Path, PathBuf};

/// Why the files cannot be used. Said to a person: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Bytes that were once durable are not what was written.
    #[error(
        "{}: damaged at position {position}: {reason}. Nothing was changed. Restore the folder \
         from a copy or another node",
        path.display()
    )]
    Damaged {
        /// Where.
        path: PathBuf,
        /// At which byte.
        position: u64,
        /// What does not check.
        reason: String,
    },
}

impl FileError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> FileError {
        let path = path.to_owned();
        move |source| FileError::Io { path, source }
    }

    pub(crate) fn damaged(path: &Path, position: usize, reason: impl Into<String>) -> FileError {
        FileError::Damaged {
            path: path.to_owned(),
            position: u64::try_from(position).unwrap_or(u64::MAX),
            reason: reason.into(),
        }
    }
}
