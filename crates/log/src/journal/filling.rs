//! Zeros ahead of the entries, written while commits go on: one that has its file grow takes twice as long.
//!
//! A commit within what is filled already runs beside this. One that would have the file grow itself waits
//! until nothing is being filled, and while it is under way nothing begins to be: no zeros ever come to lie on
//! an entry.

use super::Journal;
use super::ring::{Filled, Gap};
use crate::error::{self, LogError};

impl Journal {
    /// Fills the files as far ahead as is worth it. A lack of room or descriptors ends it, no more.
    pub(crate) fn fill_ahead(&self) -> Result<(), LogError> {
        while let Some(gap) = self.begin_filling()? {
            if !self.end_filling(gap.fill())? {
                break;
            }
        }
        Ok(())
    }

    /// The next gap, to be filled and ended by the caller; `None` when there is none, or no commit may be
    /// kept waiting for it.
    pub(crate) fn begin_filling(&self) -> Result<Option<Gap>, LogError> {
        let mut writer = self.writer.lock();
        error::check_fence(&self.fence)?;
        let is_busy = writer.is_filling || writer.under_way.is_changing();
        // What is left of a full disk is for what has to be written.
        if is_busy || !writer.stuck.is_empty() || self.room.is_full() {
            return Ok(None);
        }
        match writer.ring.gap(&*self.env.disk) {
            Ok(gap) => {
                writer.is_filling = gap.is_some();
                Ok(gap)
            }
            Err(error) if error.is_passing() => Ok(None),
            Err(error) => self.fencing(Err(error)),
        }
    }

    /// The disk is done with a gap. Whether it is filled: else there was no room.
    pub(crate) fn end_filling(&self, filled: Filled) -> Result<bool, LogError> {
        let mut writer = self.writer.lock();
        writer.is_filling = false;
        self.ended.notify_all();
        match filled.result {
            Ok(()) => {
                writer.ring.note_filled(&filled.gap);
                self.room.take(filled.gap.len);
                Ok(true)
            }
            Err(error) if error.is_passing() => Ok(false),
            Err(error) => self.fencing(Err(error)),
        }
    }
}
