//! Files held open by all logs of a folder: which log was used when, and how many sealed segments wait
//! for their sync.
//!
//! How many logs may be open is the business of [`crate::log_dir`]. A log that rolls faster than it is
//! synced would hold one more file with each segment: past a limit sealed segments are let go of, and the
//! next sync of that log is one of the whole file system, which needs no handle and misses no failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use env::{Disk, File};

/// Sealed segments may hold this part of what the open logs may.
const PART: usize = 6;

/// What the logs of a folder share.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    /// How many logs were opened: the folder's time.
    openings: AtomicU64,
    /// Has one reference more than sealed files are held.
    sealed: Arc<()>,
    /// How many other folders this process has.
    others: AtomicUsize,
}

/// A file that was written and not synced.
#[derive(Debug)]
pub(crate) struct Unsynced {
    pub file: Arc<dyn File>,
    /// Counts the file among the sealed ones.
    _place: Option<Arc<()>>,
}

impl From<Arc<dyn File>> for Unsynced {
    fn from(file: Arc<dyn File>) -> Unsynced {
        Unsynced { file, _place: None }
    }
}

impl Handles {
    /// One more log is opened.
    pub fn count_opening(&self) {
        self.openings.fetch_add(1, Ordering::Relaxed);
    }

    /// The time by which it is told who has used a log last.
    pub fn now(&self) -> u64 {
        self.openings.load(Ordering::Relaxed)
    }

    /// The process has so many folders, which share what may be open.
    pub fn share(&self, folders: usize) {
        self.others.store(folders.saturating_sub(1), Ordering::Relaxed);
    }

    /// So many logs may be open.
    pub fn most(&self, disk: &dyn Disk) -> usize {
        disk.handles_max() / (self.others.load(Ordering::Relaxed) + 1)
    }

    /// Holds a sealed file until it is synced, unless that would be too many.
    pub fn hold(&self, file: Arc<dyn File>, disk: &dyn Disk) -> Option<Unsynced> {
        let place = self.sealed.clone();
        (Arc::strong_count(&place) <= 2 + self.most(disk) / PART)
            .then(|| Unsynced { file, _place: Some(place) })
    }
}
