//! What a simulated disk was asked to do wrong, and when.
//!
//! Two kinds: faults, which come once and are reported to whoever called, and are forgotten by a crash;
//! and lies, which nobody is told of and which stay: a disk that lies stands for a program that forgot.

use std::path::{Path, PathBuf};

/// Syncs that are answered as if they had been done, and are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Of files whose names end so.
    Files(&'static str),
    /// Of folders.
    Folders,
}

impl Lie {
    pub(super) fn concerns_file(self, path: &Path) -> bool {
        match self {
            Lie::Files(ending) => path.to_string_lossy().ends_with(ending),
            Lie::Folders => false,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Writes until one fails.
    pub write: Option<u64>,
    /// Syncs until one fails.
    pub sync: Option<u64>,
    /// Changes of any kind until one fails.
    pub change: Option<u64>,
    /// The number of the change from which on nothing reaches the disk.
    pub stop_at: Option<u64>,
    /// The folder beneath which nothing is changed any more.
    pub broken: Option<PathBuf>,
    pub space: Option<u64>,
    pub read_bytes_max: Option<usize>,
    /// Reads that come from the disk fail.
    pub reads_fail: bool,
    /// How many files may be held open.
    pub handles: Option<usize>,
    /// How many of these were delivered.
    pub delivered: u64,
}

/// Counts down to a fault; true when it is due.
fn due(countdown: &mut Option<u64>) -> bool {
    match countdown {
        Some(0 | 1) => {
            *countdown = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

impl Faults {
    fn count(&mut self, due: bool) -> bool {
        self.delivered += u64::from(due);
        due
    }

    pub fn write_is_due(&mut self) -> bool {
        let due = due(&mut self.write);
        self.count(due)
    }

    pub fn sync_is_due(&mut self) -> bool {
        let due = due(&mut self.sync);
        self.count(due)
    }

    pub fn change_is_due(&mut self) -> bool {
        let due = due(&mut self.change);
        self.count(due)
    }

    pub fn is_broken(&mut self, path: &Path) -> bool {
        let broken = self.broken.as_ref().is_some_and(|broken| path.starts_with(broken));
        self.count(broken)
    }

    /// Whether this much is more than fits.
    pub fn full_with(&self, used: u64) -> bool {
        self.space.is_some_and(|space| used > space)
    }
}
