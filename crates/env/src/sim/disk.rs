//! A disk in memory that forgets what was not synced.
//!
//! Every file has what readers see now and what survives a loss of power; in between lie the writes
//! since the last sync. The same holds for names: what was created, renamed or removed is certain
//! only after its folder was synced. [`SimDisk::crash`] decides about each of these on its own, so a
//! file may keep its name and lose its content, keep a later write and lose an earlier one, or keep
//! some sectors of a write. A rename is whole or not at all.
//!
//! A sync makes durable what there was when it began: what is written while it is under way is left to
//! the next, see [`SimDisk::stall_sync`].
//!
//! Handles, locks and processes from before a crash are dead. Faults are asked for beforehand: see
//! [`SimDisk::fail_write`], [`SimDisk::stop_at`] and their neighbours in `inject.rs`; for lies
//! [`SimDisk::lie`]. Nothing here is random but for the seed in [`CrashLoss::Random`].
//!
//! Stricter than any real file system, where syncing a file mostly saves its name too; what works
//! here does not lean on that.

mod content;
mod dice;
mod faults;
mod file;
mod inject;
mod names;
mod stall;
mod state;

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

pub use self::content::SECTOR_BYTES;
use self::dice::Dice;
use self::faults::Faults;
pub use self::faults::Lie;
use self::file::SimFile;
use self::names::{Entry, Inode, NameChange};
pub use self::stall::Meanwhile;
use self::stall::Stall;
use self::state::{Fate, State, io_error};
use crate::disk::{DirEntry, Disk, File, Lock, OpenMode, Space};

/// How much of the unsynced work a crash takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashLoss {
    /// All of it.
    Everything,
    /// A seeded choice: some writes stay, some are torn, some names come back.
    Random(u64),
    /// None of it: only the process died, the kernel goes on.
    Nothing,
}

/// What the kernel says to a process that has as many files open as it may.
const EMFILE: i32 = 24;

/// Room on the disk unless a test makes it smaller.
const SPACE_BYTES: u64 = 1 << 40;

/// A disk in memory.
#[derive(Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    stall: Arc<Stall>,
    read_stall: Arc<Stall>,
    /// Whose disk it is: that of a process which dies with this generation. None is whoever watches.
    process: Option<u64>,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// The disk as a process has it that starts now: nothing that is left of the process after the
    /// next crash, such as a thread, can read or change what the next process finds.
    #[must_use]
    pub fn of_process(&self) -> SimDisk {
        let process = Some(self.state.lock().generation);
        let (stall, read_stall) = (self.stall.clone(), self.read_stall.clone());
        SimDisk { state: self.state.clone(), stall, read_stall, process }
    }

    /// Whether there is a descriptor for another file or folder.
    fn check_handles(&self, state: &State) -> io::Result<()> {
        // Every handle holds the state, and next to nobody else does.
        match state.faults.handles {
            Some(most) if Arc::strong_count(&self.state) > most / 3 * 5 => {
                Err(io::Error::from_raw_os_error(EMFILE))
            }
            _ => Ok(()),
        }
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        match self.process {
            Some(process) if process != state.generation => {
                Err(io::Error::other("the process died in a crash"))
            }
            _ => Ok(state),
        }
    }

    /// The power goes, or the process dies: what `loss` leaves is what is there afterwards, all of it
    /// durable (with [`CrashLoss::Nothing`] what was not synced still is not). Handles and locks die;
    /// faults are forgotten.
    pub fn crash(&self, loss: CrashLoss) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.locks.clear();
        state.watched.clear();
        state.faults = Faults::default();
        let mut dice = match loss {
            CrashLoss::Nothing => return,
            CrashLoss::Everything => None,
            CrashLoss::Random(seed) => Some(Dice(seed)),
        };
        for file in state.files.values_mut() {
            file.crash(dice.as_mut());
        }
        state.names.crash(dice.as_mut());
        let named = state.names.inodes();
        state.files.retain(|inode, _| named.contains(inode));
    }

    /// How many changes were asked for so far: writes, syncs, and changes of names.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state.lock().changes
    }

    /// A copy of the whole disk, as if nothing had been asked of it since.
    #[must_use]
    pub fn duplicate(&self) -> SimDisk {
        let state = self.state.lock();
        let copy = State {
            last_inode: state.last_inode,
            files: state.files.clone(),
            names: state.names.clone(),
            lie: state.lie,
            ..State::default()
        };
        SimDisk { state: Arc::new(Mutex::new(copy)), ..SimDisk::default() }
    }
}

struct SimLock {
    state: Arc<Mutex<State>>,
    generation: u64,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.generation == self.generation {
            state.locks.remove(&self.path);
        }
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut state = self.alive()?;
        self.check_handles(&state)?;
        let found = state.file_at(path);
        let missing = matches!(&found, Err(error) if error.kind() == io::ErrorKind::NotFound);
        let inode = match mode {
            OpenMode::Read | OpenMode::Write => found?,
            OpenMode::Create | OpenMode::Direct if missing => state.create(path)?,
            OpenMode::Create | OpenMode::Direct => found?,
            OpenMode::CreateNew if missing => state.create(path)?,
            OpenMode::CreateNew => return Err(io::ErrorKind::AlreadyExists.into()),
        };
        Ok(Arc::new(SimFile {
            state: self.state.clone(),
            stall: self.stall.clone(),
            read_stall: self.read_stall.clone(),
            generation: state.generation,
            inode,
            path: path.to_owned(),
            mode,
        }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        let mut missing: Vec<PathBuf> = Vec::new();
        for folder in path.ancestors() {
            match state.names.get(folder) {
                Some(Entry::Folder) => break,
                Some(Entry::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None if folder.parent().is_none() => break,
                None => missing.push(folder.to_owned()),
            }
        }
        for folder in missing.into_iter().rev() {
            state.whole_change_of(&folder)?;
            state.names.apply(NameChange::Create(folder, Entry::Folder));
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let state = self.alive()?;
        self.check_handles(&state)?;
        let changes = state.names.changes();
        drop(state);
        self.stall.wait(path);
        let mut state = self.alive()?;
        state.names.check_folder(path)?;
        if state.sync(path)? == Fate::Fails {
            return Err(io_error());
        }
        if state.lie != Some(Lie::Folders) {
            state.names.sync(path, changes);
        }
        Ok(())
    }

    fn watch(&self, path: &Path) -> io::Result<()> {
        self.alive()?.watched.insert(path.to_owned());
        Ok(())
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let (names, files) = {
            let state = self.alive()?;
            // Who watches it has a descriptor for that already.
            if !state.watched.contains(path) {
                self.check_handles(&state)?;
            }
            let files = state.files.iter().map(|(inode, content)| (*inode, content.changes()));
            (state.names.changes(), files.collect::<BTreeMap<Inode, u64>>())
        };
        self.stall.wait(path);
        let mut state = self.alive()?;
        if state.faults.is_broken(path) {
            return Err(io_error());
        }
        let fails = state.sync(path)? == Fate::Fails;
        for (inode, content) in &mut state.files {
            let changes = files.get(inode).copied().unwrap_or(0);
            if fails { content.forget_unsynced(changes) } else { content.sync(changes) }
        }
        if fails {
            return Err(io_error());
        }
        if state.lie != Some(Lie::Folders) {
            state.names.sync_all(names);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        if state.names.get(from).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.names.check_parent(to)?;
        state.whole_change_of(from)?;
        state.names.apply(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let bytes = (self as &dyn Disk).read(from, u64::MAX)?;
        let copy = self.open(to, OpenMode::CreateNew)?;
        copy.write_all_at(&[IoSlice::new(&bytes)], 0)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        state.file_at(path)?;
        state.whole_change_of(path)?;
        state.names.apply(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        state.names.check_folder(path)?;
        state.whole_change_of(path)?;
        state.names.apply(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.alive()?;
        state.names.check_folder(path)?;
        Ok(state.names.children(path))
    }

    fn exists(&self, path: &Path) -> bool {
        let Ok(state) = self.alive() else { return false };
        path.parent().is_none() || state.names.get(path).is_some()
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let mut state = self.alive()?;
        if state.file_at(path).is_err() {
            state.create(path)?;
        }
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock {
            state: self.state.clone(),
            generation: state.generation,
            path: path.to_owned(),
        }))
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let state = self.alive()?;
        let total = state.faults.space.unwrap_or(SPACE_BYTES);
        Ok(Space { total, available: total.saturating_sub(state.used()) })
    }

    fn handles_max(&self) -> usize {
        self.state.lock().faults.handles.unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
