//! Room on the disk that holds a data folder, and the reserve at its end that producers do not get.
//!
//! Deletes, commits of groups and the metadata have to write something before they free anything, so
//! records of clients are refused while less than the reserve is left: see [`Room::admit`]. What is left
//! is measured by the caller every so often ([`Room::measure`]), and between two measurements everything
//! that is appended is counted, so that a burst cannot run through the reserve. The count is on the
//! high side (the journal and blocks reserved ahead are in it), so a log measures anew before it refuses.
//!
//! Invariant: while nothing else fills the disk, what was admitted since the last measurement fits
//! above the reserve. Appends that are under way while it is measured are not known to be in it; they
//! are what the reserve is large enough for.
//!
//! Nothing here outlives the process. No lock is held by an append that is admitted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use env::Env;
use parking_lot::Mutex;

use crate::error::LogError;

/// The reserve, unless it is set: this part of the disk,
const PART: u64 = 20;
/// but at least this much
const RESERVE_MIN: u64 = 1 << 30;
/// and at most this much,
const RESERVE_MAX: u64 = 5 << 30;
/// and never more than this part of a small disk.
const PART_MAX: u64 = 10;

/// Stands for a reserve that follows from the size of the disk.
const BY_SIZE: u64 = u64::MAX;

/// What producers may still use.
#[derive(Debug)]
pub(crate) struct Room {
    env: Env,
    path: PathBuf,
    reserve: AtomicU64,
    /// Bytes appended since the folder was opened, and how far that may go.
    taken: AtomicU64,
    limit: AtomicU64,
    full: AtomicBool,
    measuring: Mutex<()>,
}

impl Room {
    pub fn new(env: &Env, path: PathBuf) -> Room {
        let room = Room {
            env: env.clone(),
            path,
            reserve: AtomicU64::new(BY_SIZE),
            taken: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            full: AtomicBool::new(false),
            measuring: Mutex::new(()),
        };
        room.measure();
        room
    }

    /// Sets how much is kept free; `None` is what fits the disk. With 0 nothing is refused before the
    /// disk itself does.
    pub fn set_reserve(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or(BY_SIZE, |bytes| bytes.min(BY_SIZE - 1));
        if self.reserve.swap(bytes, Ordering::AcqRel) != bytes {
            self.measure();
        }
    }

    /// Whether records of clients are refused.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Counts bytes that are written whatever is left.
    pub fn take(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts bytes that a client wants to have appended, unless they would go into the reserve.
    pub fn admit(&self, bytes: u64) -> Result<(), LogError> {
        if self.is_full() {
            return Err(self.refusal());
        }
        let end = self.taken.fetch_add(bytes, Ordering::AcqRel).saturating_add(bytes);
        if end <= self.limit.load(Ordering::Acquire) || self.room_for(bytes) {
            return Ok(());
        }
        Err(self.refusal())
    }

    /// Looks at the disk. Ends the refusal of records when there is room again.
    pub fn measure(&self) {
        self.room_for(0);
    }

    /// The disk itself had no room for a write.
    pub fn is_exhausted(&self, error: &LogError) {
        if !self.full.swap(true, Ordering::AcqRel) {
            tracing::error!(
                folder = %self.path.display(), %error,
                "the disk is full: producers are refused until there is room again; delete topics or \
                 records, shorten retention, or make the disk larger"
            );
        }
    }

    fn room_for(&self, bytes: u64) -> bool {
        let _one_at_a_time = self.measuring.lock();
        let taken = self.taken.load(Ordering::Acquire);
        let space = match self.env.disk.space(&self.path) {
            Ok(space) => space,
            Err(error) => {
                // What cannot be measured is not refused; a full disk still says so itself.
                tracing::debug!(folder = %self.path.display(), %error, "cannot measure the disk");
                self.limit.store(u64::MAX, Ordering::Release);
                return true;
            }
        };
        let reserve = match self.reserve.load(Ordering::Acquire) {
            BY_SIZE => reserve_of(space.total),
            set => set,
        };
        // A little more than what was missing, so that it does not end and begin all the time.
        let enough = reserve.saturating_add((reserve / 8).max(space.total / 1024));
        if self.is_full() {
            if space.available >= enough {
                self.full.store(false, Ordering::Release);
                tracing::info!(
                    folder = %self.path.display(), available = space.available,
                    "the disk has room again: producers are served"
                );
            }
        } else if reserve > 0 && space.available < reserve.saturating_add(bytes) {
            self.full.store(true, Ordering::Release);
            tracing::error!(
                folder = %self.path.display(), available = space.available, reserve,
                "the disk is nearly full: producers are refused until there is room again, all else \
                 goes on; delete topics or records, shorten retention, or make the disk larger"
            );
        }
        let left = if reserve > 0 { space.available.saturating_sub(reserve) } else { u64::MAX };
        self.limit.store(taken.saturating_add(left), Ordering::Release);
        !self.is_full()
    }

    fn refusal(&self) -> LogError {
        LogError::Full { path: self.path.clone(), doing: "take records of producers for" }
    }
}

fn reserve_of(total: u64) -> u64 {
    (total / PART).clamp(RESERVE_MIN, RESERVE_MAX).min(total / PART_MAX)
}

#[cfg(test)]
mod tests;
