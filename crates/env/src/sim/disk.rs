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
//! [`SimDisk::fail_write`], [`SimDisk::stop_at`] and their neighbours; for lies [`SimDisk::lie`]. Nothing here is random but for
//! the seed in [`CrashLoss::Random`].
//!
//! Stricter than any real file system, where syncing a file mostly saves its name too; what works
//! here does not lean on that.

mod content;
mod faults;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use self::content::Content;
use self::faults::Faults;
pub use self::faults::Lie;
use self::names::{Entry, NameChange, Names};
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

/// The smallest piece of a write that is whole or gone.
pub const SECTOR_BYTES: usize = 512;

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

/// What is done while a call of the disk is under way, by the thread that called; it is told of which file
/// or folder.
pub type Meanwhile = Box<dyn FnOnce(&Path) + Send>;

/// Holds up whoever waits for the disk.
#[derive(Default)]
struct Stall {
    state: Mutex<Stalling>,
    changed: Condvar,
}

#[derive(Default)]
struct Stalling {
    on: bool,
    /// Calls until one is held up, and by what.
    due: Option<(u64, Meanwhile)>,
}

impl std::fmt::Debug for Stall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stall").field("on", &self.state.lock().on).finish_non_exhaustive()
    }
}

impl Stall {
    fn wait(&self, path: &Path) {
        let mut state = self.state.lock();
        while state.on {
            self.changed.wait(&mut state);
        }
        if let Some((left, _)) = &mut state.due {
            *left = left.saturating_sub(1);
        }
        let due = state.due.take_if(|(left, _)| *left == 0);
        drop(state);
        if let Some((_, meanwhile)) = due {
            meanwhile(path);
        }
    }

    fn set(&self, on: bool) {
        self.state.lock().on = on;
        self.changed.notify_all();
    }

    fn plan(&self, nth: u64, meanwhile: Meanwhile) {
        self.state.lock().due = Some((nth, meanwhile));
    }
}

type Inode = u64;

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    Fails,
    /// The machine stops inside it.
    Stops,
}

#[derive(Debug, Default)]
struct State {
    /// Grows with each crash; handles of earlier ones are dead.
    generation: u64,
    last_inode: Inode,
    files: BTreeMap<Inode, Content>,
    names: Names,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
    lie: Option<Lie>,
    /// Changes asked for so far, refused ones included.
    changes: u64,
}

fn io_error() -> io::Error {
    io::Error::other("simulated I/O error")
}

impl State {
    /// Counts a change and says what becomes of it; fails when the machine has stopped before it.
    fn change(&mut self) -> io::Result<Fate> {
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
    fn whole_change_of(&mut self, path: &Path) -> io::Result<()> {
        self.whole_change()?;
        if self.faults.is_broken(path) { Err(io_error()) } else { Ok(()) }
    }

    /// Counts a sync. One inside which the machine stops is left to the crash.
    fn sync(&mut self, path: &Path) -> io::Result<Fate> {
        match self.change()? {
            Fate::Stops => Err(io_error()),
            Fate::Done if self.faults.sync_is_due() || self.faults.is_broken(path) => {
                Ok(Fate::Fails)
            }
            fate => Ok(fate),
        }
    }

    fn used(&self) -> u64 {
        let named = self.names.inodes_now();
        let files = self.files.iter().filter(|(inode, _)| named.contains(inode));
        files.map(|(_, file)| file.len() as u64).sum()
    }

    fn content(&mut self, inode: Inode) -> io::Result<&mut Content> {
        self.files.get_mut(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file_at(&self, path: &Path) -> io::Result<Inode> {
        match self.names.get(path) {
            Some(Entry::File(inode)) => Ok(inode),
            Some(Entry::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<Inode> {
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

    /// The machine stops inside the `nth` change from now (1 is the next): that one may be done in
    /// part, and it and all later ones fail. Reads go on.
    pub fn stop_at(&self, nth: u64) {
        let mut state = self.state.lock();
        state.faults.stop_at = Some(state.changes.saturating_add(nth));
    }

    /// Whether the machine has stopped as [`SimDisk::stop_at`] asked.
    #[must_use]
    pub fn stopped(&self) -> bool {
        let state = self.state.lock();
        state.faults.stop_at.is_some_and(|stop| state.changes >= stop)
    }

    /// The `nth` write from now (1 is the next) fails after a part of it was done.
    pub fn fail_write(&self, nth: u64) {
        self.state.lock().faults.write = Some(nth);
    }

    /// The `nth` sync of a file or folder from now (1 is the next) fails. What it should have made
    /// durable is not, and for a file no later sync makes it so, as Linux drops what it could not
    /// write: only retrying the writes would.
    pub fn fail_sync(&self, nth: u64) {
        self.state.lock().faults.sync = Some(nth);
    }

    /// The `nth` change of any kind from now (1 is the next) fails: a write after a part of it was
    /// done, a sync as with [`SimDisk::fail_sync`], anything else without having changed anything.
    pub fn fail_change(&self, nth: u64) {
        self.state.lock().faults.change = Some(nth);
    }

    /// The disk that is mounted at `folder` is broken from now on: every change beneath fails, reads go
    /// on.
    pub fn break_under(&self, folder: &Path) {
        self.state.lock().faults.broken = Some(folder.to_owned());
    }

    /// How many changes failed since the last crash because a test wanted them to; those for which there
    /// was no room are not counted.
    #[must_use]
    pub fn faults_delivered(&self) -> u64 {
        self.state.lock().faults.delivered
    }

    /// From now on some syncs are answered and not done, over crashes too.
    pub fn lie(&self, lie: Lie) {
        self.state.lock().lie = Some(lie);
    }

    /// Syncs do not end from now on, or end again.
    pub fn stall_syncs(&self, on: bool) {
        self.stall.set(on);
    }

    /// Nothing that is in a file now is in memory any more: whoever reads it waits for the disk.
    pub fn forget_pages(&self) {
        self.state.lock().files.values_mut().for_each(Content::chill);
    }

    /// Reads of what is not in memory do not end from now on, or end again.
    pub fn stall_reads(&self, on: bool) {
        self.read_stall.set(on);
    }

    /// The `nth` sync from now (1 is the next) takes its time: when it has begun, `meanwhile` is called,
    /// which may use the disk, and it goes on when that returns. No later change is part of it. A crash
    /// does not forget it.
    pub fn stall_sync(&self, nth: u64, meanwhile: Meanwhile) {
        self.stall.plan(nth, meanwhile);
    }

    /// The same for the `nth` read of what is not in memory, see [`SimDisk::forget_pages`].
    pub fn stall_read(&self, nth: u64, meanwhile: Meanwhile) {
        self.read_stall.plan(nth, meanwhile);
    }

    /// Reads of what is not in memory fail from now on, or succeed again.
    pub fn fail_reads(&self, on: bool) {
        self.state.lock().faults.reads_fail = on;
    }

    /// Few files may be held open for long, and so many more for a moment as the system's disk leaves
    /// room for; one too many is refused as the kernel does.
    pub fn limit_handles(&self, most: usize) {
        self.state.lock().faults.handles = Some(most);
    }

    /// Leaves room for `bytes` more; what goes beyond fails as a full disk does. Removing files makes
    /// room, and so does asking again with more.
    pub fn limit_space(&self, bytes: u64) {
        let mut state = self.state.lock();
        let used = state.used();
        state.faults.space = Some(used.saturating_add(bytes));
    }

    /// Reads return at most this many bytes at a time.
    pub fn shorten_reads(&self, bytes_max: usize) {
        self.state.lock().faults.read_bytes_max = Some(bytes_max.max(1));
    }

    /// Flips one bit of a file, also in what is durable. False when there is no such byte.
    pub fn flip_bit(&self, path: &Path, position: u64, bit: u32) -> bool {
        let mut state = self.state.lock();
        let Ok(inode) = state.file_at(path) else { return false };
        state.content(inode).is_ok_and(|content| content.flip(position, bit))
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

/// SplitMix64, of its own so that a crash does not disturb any other sequence.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn coin(&mut self) -> bool {
        self.roll() & 1 == 1
    }
}

#[derive(Debug)]
struct SimFile {
    state: Arc<Mutex<State>>,
    stall: Arc<Stall>,
    read_stall: Arc<Stall>,
    generation: u64,
    inode: Inode,
    /// By which it was opened.
    path: PathBuf,
    writable: bool,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if state.generation != self.generation {
            return Err(io::Error::other("the file was opened before the crash"));
        }
        act(&mut state)
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.content(self.inode)?.len() as u64))
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        let len = bytes.len();
        let is_cold =
            |state: &mut State| Ok(state.content(self.inode)?.in_memory(position, len) < len);
        if self.with(is_cold)? {
            self.read_stall.wait(&self.path);
        }
        self.with(|state| {
            if is_cold(state)? && state.faults.reads_fail {
                return Err(io_error());
            }
            let most = state.faults.read_bytes_max.unwrap_or(usize::MAX);
            let bytes = bytes.get_mut(..len.min(most)).unwrap_or_default();
            let content = state.content(self.inode)?;
            content.warm(position, bytes.len());
            Ok(content.read(bytes, position))
        })
    }

    fn read_in_memory_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.with(|state| {
            let most = state.faults.read_bytes_max.unwrap_or(usize::MAX);
            let content = state.content(self.inode)?;
            let warm = content.in_memory(position, bytes.len());
            if warm == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let bytes = bytes.get_mut(..warm.min(most)).unwrap_or_default();
            Ok(content.read(bytes, position))
        })
    }

    fn prefetch(&self, _position: u64, _len: u64) {}

    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut bytes: Vec<u8> = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            bytes.extend_from_slice(part);
        }
        self.with(|state| {
            let fails = state.change()? != Fate::Done
                || state.faults.write_is_due()
                || state.faults.is_broken(&self.path);
            let grows = (position + bytes.len() as u64)
                .saturating_sub(state.content(self.inode)?.len() as u64);
            let used = if state.faults.space.is_some() { state.used() + grows } else { 0 };
            let full = state.faults.full_with(used);
            if fails || full {
                bytes.truncate(bytes.len() / 2);
            }
            state.content(self.inode)?.write(position, bytes);
            match (full, fails) {
                (true, _) => Err(io::ErrorKind::StorageFull.into()),
                (false, true) => Err(io_error()),
                (false, false) => Ok(()),
            }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let changes = self.with(|state| Ok(state.content(self.inode)?.changes()))?;
        self.stall.wait(&self.path);
        self.with(|state| {
            let lies = state.lie.is_some_and(|lie| lie.concerns_file(&self.path));
            if state.sync(&self.path)? == Fate::Fails {
                state.content(self.inode)?.forget_unsynced(changes);
                return Err(io_error());
            }
            if !lies {
                state.content(self.inode)?.sync(changes);
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.with(|state| {
            state.whole_change_of(&self.path)?;
            state.content(self.inode)?.set_len(usize::try_from(len).map_err(io::Error::other)?);
            Ok(())
        })
    }

    fn allocate(&self, _position: u64, _len: u64) -> io::Result<()> {
        self.check_writable()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
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
            OpenMode::Create if missing => state.create(path)?,
            OpenMode::Create => found?,
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
            writable: mode != OpenMode::Read,
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

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let (names, files) = {
            let state = self.alive()?;
            self.check_handles(&state)?;
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
