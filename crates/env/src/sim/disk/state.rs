//! All that is on a simulated disk, and how a change of it goes: done, failed, or cut off by the machine.
//!
//! Whoever has the lock of it is whoever uses the disk at the moment. Every change is counted here, also
//! one that is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::content::Content;
use super::faults::{Faults, Lie};
use super::names::{Entry, Inode, NameChange, Names};

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Fails,
    /// The machine stops inside it.
    Stops,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Grows with each crash; handles of earlier ones are dead.
    pub generation: u64,
    pub last_inode: Inode,
    pub files: BTreeMap<Inode, Content>,
    pub names: Names,
    pub locks: BTreeSet<PathBuf>,
    /// Folders that a process holds open to sync everything by.
    pub watched: BTreeSet<PathBuf>,
    pub faults: Faults,
    pub lie: Option<Lie>,
    /// Changes asked for so far, refused ones included.
    pub changes: u64,
}

pub(super) fn io_error() -> io::Error {
    io::Error::other("simulated I/O error")
}

impl State {
    /// Counts a change and says what becomes of it; fails when the machine has stopped before it.
    pub fn change(&mut self) -> io::Result<Fate> {
        self.changes += 1;
        match self.faults.stop_at {
            Some(stop) if self.changes > stop => {
                return Err(io::Error::other("the machine has stopped"));
            }
            Some(stop) if self.changes == stop => return Ok(Fate::Stops),
            _ => {}
        }
        Ok(if self.faults.change_is_due() { Fate::Fails } else { Fate::Done })
    }

    /// Counts a change that is whole or does not happen.
    fn whole_change(&mut self) -> io::Result<()> {
        if self.change()? == Fate::Done { Ok(()) } else { Err(io_error()) }
    }

    /// The same for one of a name.
    pub fn whole_change_of(&mut self, path: &Path) -> io::Result<()> {
        self.whole_change()?;
        if self.faults.is_broken(path) { Err(io_error()) } else { Ok(()) }
    }

    /// Counts a sync. One inside which the machine stops is left to the crash.
    pub fn sync(&mut self, path: &Path) -> io::Result<Fate> {
        match self.change()? {
            Fate::Stops => Err(io_error()),
            Fate::Done if self.faults.sync_is_due() || self.faults.is_broken(path) => {
                Ok(Fate::Fails)
            }
            fate => Ok(fate),
        }
    }

    pub fn used(&self) -> u64 {
        let named = self.names.inodes_now();
        let files = self.files.iter().filter(|(inode, _)| named.contains(inode));
        files.map(|(_, file)| file.len() as u64).sum()
    }

    pub fn content(&mut self, inode: Inode) -> io::Result<&mut Content> {
        self.files.get_mut(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub fn file_at(&self, path: &Path) -> io::Result<Inode> {
        match self.names.get(path) {
            Some(Entry::File(inode)) => Ok(inode),
            Some(Entry::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub fn create(&mut self, path: &Path) -> io::Result<Inode> {
        self.names.check_parent(path)?;
        self.whole_change_of(path)?;
        if self.faults.space.is_some_and(|space| self.used() >= space) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.last_inode += 1;
        let inode = self.last_inode;
        self.files.insert(inode, Content::default());
        self.names.apply(NameChange::Create(path.to_owned(), Entry::File(inode)));
        Ok(inode)
    }
}
