//! The files of a journal, which are written in a ring.
//!
//! A file is used from its beginning to its end and then left alone until no entry in it is needed;
//! then it is used again as it is. A file that holds something everywhere is synced twice as fast as
//! one that grows, so a new one is filled with zeros ahead of what is written to it: by whoever works behind
//! the commits ([`super::filling`]), and only where that does not keep up by a commit itself. All of it goes
//! past the page cache where the file system can: nobody reads it again but a start, and the copy into the
//! cache and the way out of it cost the committer as much as the rest of a commit.
//!
//! The names of the files say nothing: the numbers of the entries order them.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::{OpenMode, PAGE_BYTES};
use env::{Disk, File};

use super::buffer;
use super::entry::{self, ALIGNMENT, Header};
use crate::error::LogError;
use crate::files;
use crate::names::JOURNAL;

/// A file is filled ahead by as much as it holds already, within these bounds.
const AHEAD_MIN: u64 = 64 << 10;
const AHEAD_MAX: u64 = 4 << 20;

/// So much at a time: a commit to the same file waits for it.
const FILL_BYTES: u64 = 512 << 10;

#[derive(Debug)]
struct Slot {
    file: Arc<dyn File>,
    path: Arc<Path>,
    /// Up to here it holds something.
    filled: u64,
    /// The last entry in it.
    last: u64,
}

/// All files, and the place in them where the next entry goes.
#[derive(Debug)]
pub(super) struct Ring {
    folder: PathBuf,
    /// A file is not begun anew when an entry would end behind this.
    file_bytes: u64,
    slots: Vec<Slot>,
    current: Option<usize>,
    position: u64,
    /// How many times a file was begun.
    turn: u64,
    /// Entries before this one are not needed.
    start: u64,
    /// Bytes of all entries written.
    given: u64,
}

/// Where an entry goes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Changes when another file is begun.
    pub turn: u64,
    slot: usize,
    file: Arc<dyn File>,
    path: Arc<Path>,
    position: u64,
    /// Up to here the file holds something, and may be filled.
    filled: u64,
    filled_max: u64,
}

/// How far the files are filled ahead of the entries.
struct Lead {
    /// The file to fill, unless it is still to be made.
    slot: Option<usize>,
    /// Room for entries that is filled already, and what is to be.
    left: u64,
    ahead: u64,
}

/// A stretch behind what a file holds, to be filled with zeros.
#[derive(Debug)]
pub struct Gap {
    slot: usize,
    file: Arc<dyn File>,
    path: Arc<Path>,
    position: u64,
    pub(super) len: u64,
}

/// A gap that the disk is done with: whether the zeros are there.
#[derive(Debug)]
pub struct Filled {
    pub(super) gap: Gap,
    pub(super) result: Result<(), LogError>,
}

impl Ring {
    /// The files there are. Entries from `start` on are needed; `lasts` has the last one of each file
    /// that has any.
    pub fn open(
        disk: &dyn Disk,
        folder: &Path,
        file_bytes: u64,
        start: u64,
        lasts: &BTreeMap<PathBuf, u64>,
    ) -> Result<Ring, LogError> {
        let mut slots = Vec::new();
        for path in paths(disk, folder)? {
            let failed = |error| LogError::io(&path, "open", error);
            let file = disk.open(&path, OpenMode::Direct).map_err(failed)?;
            let filled = file.len().map_err(failed)? / ALIGNMENT * ALIGNMENT;
            let last = lasts.get(&path).copied().unwrap_or(0);
            slots.push(Slot { file, path: path.into(), filled, last });
        }
        Ok(Ring {
            folder: folder.to_owned(),
            file_bytes,
            slots,
            current: None,
            position: 0,
            turn: 0,
            start,
            given: 0,
        })
    }

    /// Entries before `start` are not needed any more.
    pub fn release(&mut self, start: u64) {
        self.start = start;
    }

    /// Bytes of the files whose entries are needed, or may be.
    pub fn held_bytes(&self) -> u64 {
        let held = self.slots.iter().enumerate();
        held.filter(|(n, slot)| Some(*n) == self.current || slot.last >= self.start)
            .map(|(n, slot)| if Some(n) == self.current { self.position } else { slot.filled })
            .sum()
    }

    /// Bytes of all entries written since the ring was opened.
    pub fn given_bytes(&self) -> u64 {
        self.given
    }

    /// Whether an entry of `len` bytes begins another file, or has the one it is in grow.
    pub fn is_change(&self, len: u64) -> bool {
        let end = self.position + entry::footprint(len);
        let current = self.current.and_then(|current| self.slots.get(current));
        end > self.file_bytes || current.is_none_or(|slot| end > slot.filled)
    }

    /// The place for an entry of `len` bytes: behind the last, or at the beginning of another file.
    pub fn place(&mut self, disk: &dyn Disk, len: u64) -> Result<Place, LogError> {
        let end = self.position + entry::footprint(len);
        let number = match self.current {
            Some(current) if end <= self.file_bytes => current,
            _ => {
                let slot = match self.unneeded() {
                    Some(slot) => slot,
                    None => self.grow(disk)?,
                };
                self.position = 0;
                self.turn += 1;
                self.current = Some(slot);
                slot
            }
        };
        let Some(slot) = self.slots.get(number) else { return Err(LogError::Closed) };
        Ok(Place {
            turn: self.turn,
            slot: number,
            file: slot.file.clone(),
            path: slot.path.clone(),
            position: self.position,
            filled: slot.filled,
            filled_max: self.file_bytes,
        })
    }

    /// This entry will be at the place that was given last.
    pub fn take(&mut self, place: &Place, entry: Header) {
        self.position = place.position + entry.footprint();
        if let Some(slot) = self.slots.get_mut(place.slot) {
            slot.last = entry.sequence;
        }
    }

    /// The entry there is durable, and its file has grown by so much.
    pub fn note_written(&mut self, place: &Place, entry: Header, grown: u64) {
        self.given += entry.footprint();
        if let Some(slot) = self.slots.get_mut(place.slot) {
            slot.filled += grown;
        }
    }

    /// No entry is at the place, nor behind it.
    pub fn give_back(&mut self, place: &Place) {
        self.position = place.position;
    }

    /// Whether entries will soon come to where no file holds anything.
    pub fn is_short(&self) -> bool {
        self.lead().is_some_and(|lead| lead.left < lead.ahead / 2)
    }

    /// What is to be filled next, in a file that is made where the last one ends soon.
    pub fn gap(&mut self, disk: &dyn Disk) -> Result<Option<Gap>, LogError> {
        let Some(Lead { slot, left, ahead }) = self.lead().filter(|lead| lead.left < lead.ahead)
        else {
            return Ok(None);
        };
        let number = match slot {
            Some(number) => number,
            None => self.grow(disk)?,
        };
        let Some(slot) = self.slots.get(number) else { return Err(LogError::Closed) };
        let len = FILL_BYTES.min(ahead - left).min(self.file_bytes.saturating_sub(slot.filled));
        let len = len / ALIGNMENT * ALIGNMENT;
        let (file, path) = (slot.file.clone(), slot.path.clone());
        let gap = Gap { slot: number, file, path, position: slot.filled, len };
        Ok((len > 0).then_some(gap))
    }

    /// The gap is filled.
    pub fn note_filled(&mut self, gap: &Gap) {
        if let Some(slot) = self.slots.get_mut(gap.slot) {
            slot.filled += gap.len;
        }
    }

    /// How far the files are filled ahead; nothing before the first entry.
    fn lead(&self) -> Option<Lead> {
        let current = self.slots.get(self.current?)?;
        if current.filled + ALIGNMENT <= self.file_bytes {
            let left = current.filled.saturating_sub(self.position);
            let ahead = current.filled.clamp(AHEAD_MIN, AHEAD_MAX);
            return Some(Lead { slot: self.current, left, ahead });
        }
        let slot = self.unneeded();
        let next = slot.and_then(|next| self.slots.get(next)).map_or(0, |next| next.filled);
        let left = self.file_bytes.saturating_sub(self.position) + next;
        Some(Lead { slot, left, ahead: AHEAD_MAX.min(self.file_bytes / 4) })
    }

    fn unneeded(&self) -> Option<usize> {
        self.slots
            .iter()
            .enumerate()
            .position(|(n, slot)| Some(n) != self.current && slot.last < self.start)
    }

    fn grow(&mut self, disk: &dyn Disk) -> Result<usize, LogError> {
        let taken = |path: &Path| self.slots.iter().any(|slot| *slot.path == *path);
        let names = (0..).map(|n: u32| self.folder.join(format!("{n:04}{JOURNAL}")));
        let path = names.into_iter().find(|path| !taken(path)).unwrap_or_default();
        // It may be there, and then it is empty: its folder could not be synced the last time, for want of
        // a descriptor, and nothing is written to a file before that is done.
        let file = disk
            .open(&path, OpenMode::Direct)
            .map_err(|error| LogError::of_write(&path, "create", error))?;
        files::sync_dir(disk, &self.folder)?;
        self.slots.push(Slot { file, path: path.into(), filled: 0, last: 0 });
        Ok(self.slots.len() - 1)
    }
}

impl Place {
    /// Writes an entry, in whole pages, and makes it durable. Says by how much the file grew.
    pub fn write(&self, entry: &[u8]) -> Result<u64, LogError> {
        let end = self.position + u64::try_from(entry.len()).unwrap_or(u64::MAX);
        let failed = |doing| move |error| LogError::io(&self.path, doing, error);
        self.file
            .write_all_at(&[IoSlice::new(entry)], self.position)
            .map_err(|error| LogError::of_write(&self.path, "write", error))?;
        let mut filled = self.filled;
        if end > filled {
            let more = filled.clamp(AHEAD_MIN, FILL_BYTES);
            let more = more.min(self.filled_max.saturating_sub(end)) / ALIGNMENT * ALIGNMENT;
            filled = match fill(&*self.file, end, more) {
                Ok(()) => end + more,
                // Without them it is slower, no more.
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => end,
                Err(error) => return Err(failed("write")(error)),
            };
        }
        self.file.sync_data().map_err(failed("sync"))?;
        Ok(filled - self.filled)
    }
}

impl Gap {
    /// Fills it, and makes that durable.
    pub fn fill(self) -> Filled {
        let result = fill(&*self.file, self.position, self.len)
            .map_err(|error| LogError::of_write(&self.path, "write", error))
            .and_then(|()| {
                self.file.sync_data().map_err(|error| LogError::io(&self.path, "sync", error))
            });
        Filled { gap: self, result }
    }
}

/// Writes zeros, in whole pages.
fn fill(file: &dyn File, position: u64, len: u64) -> std::io::Result<()> {
    let len = usize::try_from(len).unwrap_or(0);
    let zeros = vec![0; len + PAGE_BYTES];
    file.write_all_at(&[IoSlice::new(buffer::pages_in(&zeros, len))], position)
}

/// The journal's files in a folder.
pub(super) fn paths(disk: &dyn Disk, folder: &Path) -> Result<Vec<PathBuf>, LogError> {
    let entries = disk.read_dir(folder).map_err(|error| LogError::io(folder, "list", error))?;
    let journals = entries.into_iter().filter(|entry| entry.name.ends_with(JOURNAL));
    Ok(journals.map(|entry| folder.join(entry.name)).collect())
}
