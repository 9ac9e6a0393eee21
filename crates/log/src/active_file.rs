//! The file of the segment that is appended to, whose last bytes may be in memory only.
//!
//! The journal makes small appends durable; in the segment they are needed later, and by then many have
//! come together that cost one write. [`ActiveFile::hold`] keeps them, [`ActiveFile::write_held`] writes
//! them: before the segment is synced, sealed or cut, when so much is held that more would gain
//! nothing, and when nothing more comes. To whoever reads, what is held is a part of the file as any other.
//!
//! Only the holder of the log's append lock holds and writes. So the lock in here is taken for writing
//! only by the one who just wrote the file, and a reader never waits for the disk behind it.
//!
//! What a crash leaves: the file as far as it was written. What was held is in the journal, if it was
//! durable, and is written again from there.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use env::File;
use parking_lot::RwLock;

use crate::region::Region;

/// How much is held in memory before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldConfig {
    /// Larger appends gain nothing by it: their bytes cost more than the call that writes them.
    pub append_bytes_max: usize,
    /// With this much held by a file a write costs little for each append in it.
    pub file_bytes_max: usize,
    /// All files of a folder hold this much at most.
    pub folder_bytes_max: usize,
}

impl Default for HoldConfig {
    fn default() -> HoldConfig {
        HoldConfig {
            append_bytes_max: 16 << 10,
            file_bytes_max: 64 << 10,
            folder_bytes_max: 16 << 20,
        }
    }
}

/// What the files of a folder may hold in memory, and what they do.
#[derive(Debug, Default)]
pub(crate) struct HoldBudget {
    config: HoldConfig,
    used: AtomicUsize,
}

impl HoldBudget {
    pub fn new(config: HoldConfig) -> HoldBudget {
        HoldBudget { config, used: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let is_room = before + bytes <= self.config.folder_bytes_max;
        if !is_room {
            self.give(bytes);
        }
        is_room
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct ActiveFile {
    file: Arc<dyn File>,
    /// What comes at the end of the file.
    held: RwLock<Held>,
    /// Without one nothing is held.
    budget: Option<Arc<HoldBudget>>,
}

#[derive(Debug, Default)]
struct Held {
    /// Where it will be, if there is any.
    begin: u64,
    bytes: Vec<u8>,
}

impl Held {
    /// The part from a position on, or how much of a read from there the file has.
    fn look(&self, position: u64, len: usize) -> Result<&[u8], usize> {
        match position.checked_sub(self.begin).filter(|_| !self.bytes.is_empty()) {
            Some(skipped) => {
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                Ok(self.bytes.get(skipped..).unwrap_or_default())
            }
            None if self.bytes.is_empty() => Err(len),
            None => Err(len.min(usize::try_from(self.begin - position).unwrap_or(usize::MAX))),
        }
    }
}

impl ActiveFile {
    pub fn new(file: Arc<dyn File>, budget: Option<Arc<HoldBudget>>) -> ActiveFile {
        ActiveFile { file, held: RwLock::default(), budget }
    }

    /// The file itself, which has nothing of what is held.
    pub fn written(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Whether an append of this size is worth holding.
    pub fn holds(&self, len: u32) -> bool {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.budget.as_ref().is_some_and(|budget| len <= budget.config.append_bytes_max)
    }

    /// Keeps what is appended at a position, the end of the file with all that is held. False where there
    /// is no room for it.
    pub fn hold(&self, parts: &[IoSlice<'_>], position: u64) -> bool {
        let Some(budget) = &self.budget else { return false };
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let mut held = self.held.write();
        if held.bytes.len() + len > budget.config.file_bytes_max || !budget.take(len) {
            return false;
        }
        if held.bytes.is_empty() {
            held.begin = position;
        }
        assert!(
            held.begin + held.bytes.len() as u64 == position,
            "what is held does not end where an append begins"
        );
        parts.iter().for_each(|part| held.bytes.extend_from_slice(part));
        true
    }

    /// Whether something is held.
    pub fn is_holding(&self) -> bool {
        !self.held.read().bytes.is_empty()
    }

    /// Writes what is held. After a failure all of it is held as before.
    pub fn write_held(&self) -> io::Result<()> {
        let held = self.held.read();
        if held.bytes.is_empty() {
            return Ok(());
        }
        self.file.write_all_at(&[IoSlice::new(&held.bytes)], held.begin)?;
        drop(held);
        self.forget_from(0);
        Ok(())
    }

    /// Takes back what is held from a position on.
    pub fn forget_from(&self, position: u64) {
        let mut held = self.held.write();
        let kept = usize::try_from(position.saturating_sub(held.begin)).unwrap_or(usize::MAX);
        let before = held.bytes.len();
        if kept == 0 {
            held.bytes = Vec::new();
        } else {
            held.bytes.truncate(kept);
        }
        if let Some(budget) = &self.budget {
            budget.give(before - held.bytes.len());
        }
    }

    /// A part of the file for readers: what is written, which can be sent from the file, and what is held.
    pub fn regions(self: &Arc<Self>, position: u64, len: usize) -> Vec<Region> {
        let written = self.held.read().look(position, len).err().unwrap_or(0);
        let mut regions = Vec::with_capacity(2);
        if written > 0 {
            regions.push(Region { file: self.file.clone(), position, len: written });
        }
        if written < len {
            let position = position + written as u64;
            regions.push(Region { file: self.clone(), position, len: len - written });
        }
        regions
    }

    fn read(
        &self,
        bytes: &mut [u8],
        position: u64,
        read: impl Fn(&dyn File, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let written = {
            let held = self.held.read();
            match held.look(position, bytes.len()) {
                Ok(found) => {
                    let len = found.len().min(bytes.len());
                    if let (Some(to), Some(from)) = (bytes.get_mut(..len), found.get(..len)) {
                        to.copy_from_slice(from);
                    }
                    return Ok(len);
                }
                Err(written) => written,
            }
        };
        // What was in the file when the lock was held is there now.
        read(&*self.file, bytes.get_mut(..written).unwrap_or_default())
    }
}

impl File for ActiveFile {
    fn len(&self) -> io::Result<u64> {
        let held = self.held.read();
        match held.bytes.len() {
            0 => self.file.len(),
            len => Ok(held.begin + len as u64),
        }
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.read(bytes, position, |file, bytes| file.read_at(bytes, position))
    }

    fn read_in_memory_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.read(bytes, position, |file, bytes| file.read_in_memory_at(bytes, position))
    }

    fn read_aside(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.read(bytes, position, |file, bytes| file.read_aside(bytes, position))
    }

    fn prefetch(&self, position: u64, len: u64) {
        self.file.prefetch(position, len);
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.write_held()?;
        self.file.write_all_at(parts, position)
    }

    /// Of what is written.
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let held = self.held.read();
        let written = if held.bytes.is_empty() { len } else { len.min(held.begin) };
        drop(held);
        self.file.set_len(written)?;
        self.forget_from(len);
        Ok(())
    }

    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        self.file.allocate(position, len)
    }

    /// Not all of it can be sent from the file: see [`ActiveFile::regions`].
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Drop for ActiveFile {
    fn drop(&mut self) {
        self.forget_from(0);
    }
}

#[cfg(test)]
mod tests;
