//! One segment: a file of batches from a base offset on, and its sparse indexes.
//!
//! Only the holder of the log's append lock writes. Readers see what [`Segment::publish`] made
//! visible: `size` and `next` move together under a lock that is held for a few instructions and
//! never across I/O. Everything before `size` is whole batches.
//!
//! The active segment keeps its indexes in memory and its file open. A sealed one keeps neither: both
//! come back on demand and stay as long as somebody uses them (the log holds on to those of the
//! sealed segment that was read last). Index files are written after sealing; where they are missing
//! or torn, they are built from the records.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use env::disk::OpenMode;
use env::{Disk, File};
use parking_lot::{Mutex, RwLock};
use records::{BatchHeader, Offset, Timestamp};

use crate::active_file::{ActiveFile, HoldBudget};
use crate::error::LogError;
use crate::index::{Index, OffsetEntry, relative};
use crate::names;
use crate::quarantine::Hole;
use crate::region::Region;
use crate::walk::{BatchWalk, HeaderWalk, Holes, WalkError, to_usize};

/// The greatest timestamp of a segment and the last offset of the batch that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxTimestamp {
    pub timestamp: Timestamp,
    pub offset: Offset,
}

/// What recovery or an append knows of a batch in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub size: u32,
    pub last: Offset,
    pub max_timestamp: Timestamp,
}

impl Written {
    pub fn of(header: &BatchHeader) -> Written {
        Written {
            size: u32::try_from(header.size_in_bytes()).unwrap_or(u32::MAX),
            last: header.last_offset(),
            max_timestamp: match header.record_count {
                // A header that compaction left has no record with that time.
                0 => Timestamp::NONE,
                _ => header.max_timestamp,
            },
        }
    }
}

#[derive(Debug)]
enum Resident {
    /// Grows with the segment.
    Active(Index),
    /// In the index files, and in memory while somebody uses it.
    Sealed(Weak<Index>),
}

#[derive(Debug)]
struct State {
    size: u32,
    next: Offset,
    bytes_since_entry: u32,
    /// `None`: not known yet (a sealed segment nobody asked), else the greatest, if there is one.
    max: Option<Option<MaxTimestamp>>,
    index: Resident,
    /// Parts of the file that are not looked at.
    holes: Holes,
}

/// What readers may use: all batches before `size` have offsets below `next`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub size: u32,
    pub next: Offset,
}

#[derive(Debug)]
enum Handle {
    /// It is appended to.
    Active(Arc<ActiveFile>),
    Open(Arc<dyn File>),
    OnDemand(Weak<dyn File>),
}

impl Handle {
    fn on_disk(&self) -> Option<Arc<dyn File>> {
        match self {
            Handle::Active(file) => Some(file.written().clone()),
            Handle::Open(file) => Some(file.clone()),
            Handle::OnDemand(file) => file.upgrade(),
        }
    }
}

/// What keeps the file and the indexes of a sealed segment in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warm {
    file: Option<Arc<dyn File>>,
    _index: Option<Arc<Index>>,
}

/// One segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub base: Offset,
    /// Path of the `.log` file; changes when the segment is renamed for deletion.
    path: Mutex<PathBuf>,
    handle: Mutex<Handle>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct NoFile;

impl File for NoFile {
    fn len(&self) -> std::io::Result<u64> {
        Ok(0)
    }
    fn read_at(&self, _bytes: &mut [u8], _position: u64) -> std::io::Result<usize> {
        Ok(0)
    }
    fn read_in_memory_at(&self, _bytes: &mut [u8], _position: u64) -> std::io::Result<usize> {
        Ok(0)
    }
    fn prefetch(&self, _position: u64, _len: u64) {}
    fn write_all_at(&self, _parts: &[IoSlice<'_>], _position: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    fn sync_data(&self) -> std::io::Result<()> {
        Ok(())
    }
    fn set_len(&self, _len: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    fn allocate(&self, _position: u64, _len: u64) -> std::io::Result<()> {
        Ok(())
    }
    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

fn no_file() -> Weak<dyn File> {
    Weak::<NoFile>::new()
}

impl Segment {
    /// A segment that will be appended to, empty as yet.
    pub fn active(path: PathBuf, base: Offset, file: Arc<dyn File>) -> Segment {
        Segment {
            base,
            path: Mutex::new(path),
            handle: Mutex::new(Handle::Open(file)),
            state: RwLock::new(State {
                size: 0,
                next: base,
                bytes_since_entry: 0,
                max: Some(None),
                index: Resident::Active(Index::default()),
                holes: None,
            }),
        }
    }

    /// A segment that is whole and known to be durable, looked at only when it is read.
    pub fn sealed(path: PathBuf, base: Offset, extent: Extent) -> Segment {
        Segment {
            base,
            path: Mutex::new(path),
            handle: Mutex::new(Handle::OnDemand(no_file())),
            state: RwLock::new(State {
                size: extent.size,
                next: extent.next,
                bytes_since_entry: 0,
                max: None,
                index: Resident::Sealed(Weak::new()),
                holes: None,
            }),
        }
    }

    /// What compaction wrote: sealed, with its index in memory as long as the caller keeps it.
    pub fn compacted(path: PathBuf, base: Offset, extent: Extent, index: &Arc<Index>) -> Segment {
        let segment = Segment::sealed(path, base, extent);
        segment.state.write().index = Resident::Sealed(Arc::downgrade(index));
        segment
    }

    /// Starts from indexes that were read back: `index` describes what lies before `size`.
    pub fn resume(&self, index: Index, size: u32, next: Offset) {
        let mut state = self.state.write();
        state.max = Some(index.times.last().map(|entry| MaxTimestamp {
            timestamp: entry.timestamp,
            offset: self.base.plus(i64::from(entry.relative)),
        }));
        state.size = size;
        state.next = next;
        state.bytes_since_entry = 0;
        state.index = Resident::Active(index);
    }

    /// Says which parts of the file are damaged.
    pub fn set_holes(&self, holes: Option<Vec<Hole>>) {
        self.state.write().holes = holes.map(Arc::new);
    }

    /// Whether a part of the file is damaged.
    pub fn has_holes(&self) -> bool {
        self.state.read().holes.is_some()
    }

    /// Takes over that what comes next is damaged, if it is: the segment goes on behind it.
    pub fn pass_hole(&self) {
        let mut state = self.state.write();
        let Some(holes) = state.holes.clone() else { return };
        for hole in holes.iter() {
            let is_here = hole.position <= state.size
                && (state.size < hole.end_position || state.size == hole.position);
            if is_here {
                state.size = hole.end_position;
                state.next = state.next.max(hole.end);
            }
        }
    }

    /// Whether the damage goes on to the end, so that nothing can be appended.
    pub fn ends_in_hole(&self) -> bool {
        let state = self.state.read();
        let last = state.holes.as_ref().and_then(|holes| holes.last());
        last.is_some_and(|last| last.end_position == state.size && last.end == state.next)
    }

    /// The headers of a part of the segment, but for what is damaged.
    pub fn headers<'a>(&self, file: &'a dyn File, from: u32, limit: u32) -> HeaderWalk<'a> {
        HeaderWalk::new(file, from, limit).over(self.state.read().holes.clone())
    }

    /// [`Segment::headers`] from where an index entry leads, if it can be believed.
    pub fn headers_hinted<'a>(
        &self,
        file: &'a dyn File,
        hint: Option<OffsetEntry>,
        from: u32,
        limit: u32,
    ) -> HeaderWalk<'a> {
        HeaderWalk::hinted(file, self.base, hint, from, limit).over(self.state.read().holes.clone())
    }

    /// The batches of a part of the segment, but for what is damaged.
    pub fn batches<'a>(&self, file: &'a dyn File, from: u32, limit: u32) -> BatchWalk<'a> {
        BatchWalk::new(file, from, limit).over(self.state.read().holes.clone())
    }

    pub fn extent(&self) -> Extent {
        let state = self.state.read();
        Extent { size: state.size, next: state.next }
    }

    pub fn path(&self) -> PathBuf {
        self.path.lock().clone()
    }

    /// The path of a file of this segment.
    pub fn sibling(&self, kind: &str) -> PathBuf {
        self.path.lock().with_file_name(names::segment_file(self.base, kind))
    }

    /// Its folder has another name: from here on its files are found there.
    pub fn note_moved_to(&self, folder: &Path) {
        let mut path = self.path.lock();
        let moved = path.file_name().map(|name| folder.join(name));
        *path = moved.unwrap_or_default();
    }

    /// The open file; a sealed segment opens it, and `warm` keeps it open.
    pub fn file(&self, disk: &dyn Disk, warm: &Mutex<Warm>) -> Result<Arc<dyn File>, LogError> {
        if let Some(file) = self.open_file() {
            return Ok(file);
        }
        // The path lock is held while opening, so that a rename for deletion cannot come between; that
        // of the handle is not, as those who must not wait take it.
        let path = self.path.lock();
        if let Some(file) = self.open_file() {
            return Ok(file);
        }
        let file =
            disk.open(&path, OpenMode::Read).map_err(|error| LogError::io(&path, "open", error))?;
        *self.handle.lock() = Handle::OnDemand(Arc::downgrade(&file));
        let before = warm.lock().file.replace(file.clone());
        drop(before);
        Ok(file)
    }

    /// The file, if it is open.
    pub fn open_file(&self) -> Option<Arc<dyn File>> {
        match &*self.handle.lock() {
            Handle::Active(file) => Some(file.clone()),
            other => other.on_disk(),
        }
    }

    /// The file on the disk, if it is open: all who read it have this one, or hold it.
    pub fn file_on_disk(&self) -> Option<Arc<dyn File>> {
        self.handle.lock().on_disk()
    }

    /// Begins to be appended to through `file`, which may hold what the budget allows.
    pub fn append_through(
        &self,
        file: Arc<dyn File>,
        budget: Option<Arc<HoldBudget>>,
    ) -> Arc<ActiveFile> {
        let active = Arc::new(ActiveFile::new(file, budget));
        *self.handle.lock() = Handle::Active(active.clone());
        active
    }

    /// A part of the segment for readers, who have its open file.
    pub fn regions(&self, file: Arc<dyn File>, position: u32, len: usize) -> Vec<Region> {
        let position = u64::from(position);
        if let Handle::Active(active) = &*self.handle.lock() {
            return active.regions(position, len);
        }
        vec![Region { file, position, len }]
    }

    /// Makes batches that are in the file visible. Only the writer calls this.
    pub fn publish(&self, batches: &[Written], interval: u32) {
        let mut guard = self.state.write();
        let state = &mut *guard;
        for batch in batches {
            let at = relative(self.base, batch.last);
            let known = state.max.flatten();
            let mut max = known;
            if batch.max_timestamp.is_some()
                && known.is_none_or(|max| batch.max_timestamp > max.timestamp)
            {
                max = Some(MaxTimestamp { timestamp: batch.max_timestamp, offset: batch.last });
            }
            state.max = Some(max);
            if let Resident::Active(index) = &mut state.index
                && state.bytes_since_entry > interval
            {
                index.push_offset(at, state.size);
                if let Some(max) = max {
                    index.push_time(max.timestamp, relative(self.base, max.offset));
                }
                state.bytes_since_entry = 0;
            }
            state.size += batch.size;
            state.bytes_since_entry = state.bytes_since_entry.saturating_add(batch.size);
            state.next = batch.last.next();
        }
    }

    /// The next batch to be published lies behind a hole.
    fn go_to(&self, position: u32) {
        self.state.write().size = position;
    }

    /// Whether one more entry could make an index file larger than `bytes`.
    pub fn index_is_full(&self, bytes: u32) -> bool {
        let state = self.state.read();
        let Resident::Active(index) = &state.index else { return true };
        let bytes = to_usize(bytes);
        index.offsets.len() >= bytes / crate::index::OFFSET_ENTRY_LEN
            || index.times.len() + 1 >= bytes / crate::index::TIME_ENTRY_LEN
    }

    /// Ends appending: the last timestamp enters the time index and the indexes are handed out to be
    /// written. The file stays open only as long as somebody uses it.
    pub fn seal(&self) -> Arc<Index> {
        let index = Arc::new(self.finished_index());
        let mut state = self.state.write();
        state.index = Resident::Sealed(Arc::downgrade(&index));
        drop(state);
        let mut handle = self.handle.lock();
        if let Some(file) = handle.on_disk() {
            *handle = Handle::OnDemand(Arc::downgrade(&file));
        }
        index
    }

    /// The indexes as they would be written now.
    pub fn finished_index(&self) -> Index {
        let state = self.state.read();
        match &state.index {
            Resident::Active(index) => {
                let mut index = index.clone();
                if let Some(max) = state.max.flatten() {
                    index.push_time(max.timestamp, relative(self.base, max.offset));
                }
                index
            }
            Resident::Sealed(index) => {
                index.upgrade().map(|index| Index::clone(&index)).unwrap_or_default()
            }
        }
    }

    /// Renames all files of the segment so that they are found as deleted.
    pub fn rename_deleted(&self, disk: &dyn Disk) -> Result<Vec<PathBuf>, LogError> {
        let kinds = [names::LOG, names::INDEX, names::TIME_INDEX, names::SNAPSHOT];
        self.rename_away(disk, &kinds, names::DELETED)
    }

    /// Gives files of the segment, its `.log` first, names with another ending.
    pub fn rename_away(
        &self,
        disk: &dyn Disk,
        kinds: &[&str],
        ending: &str,
    ) -> Result<Vec<PathBuf>, LogError> {
        let mut renamed = Vec::new();
        let mut path = self.path.lock();
        for &kind in kinds {
            let from = path.with_file_name(names::segment_file(self.base, kind));
            if kind != names::LOG && !disk.exists(&from) {
                continue;
            }
            let to = PathBuf::from(format!("{}{ending}", from.display()));
            disk.rename(&from, &to).map_err(|error| LogError::io(&from, "rename", error))?;
            renamed.push(to);
        }
        if let Some(log) = renamed.first() {
            path.clone_from(log);
        }
        Ok(renamed)
    }

    /// Gives the `.log` file another name; no reader opens it meanwhile.
    pub fn rename(&self, disk: &dyn Disk, to: &Path) -> Result<(), LogError> {
        let mut path = self.path.lock();
        disk.rename(&path, to).map_err(|error| LogError::io(&path, "rename", error))?;
        to.clone_into(&mut path);
        Ok(())
    }

    /// Runs `look` on the indexes, which are loaded or built where they are not in memory.
    pub fn with_index<T>(
        &self,
        disk: &dyn Disk,
        warm: &Mutex<Warm>,
        look: impl FnOnce(&Index) -> T,
    ) -> Result<T, LogError> {
        let look = match self.with_loaded_index(look) {
            Ok(seen) => return Ok(seen),
            Err(look) => look,
        };
        let file = self.file(disk, warm)?;
        let index = Arc::new(match self.load_index(disk) {
            Some(index) => index,
            None => self.build_index(&*file)?,
        });
        self.state.write().index = Resident::Sealed(Arc::downgrade(&index));
        let now = Warm { file: Some(file), _index: Some(index.clone()) };
        let before = std::mem::replace(&mut *warm.lock(), now);
        drop(before);
        Ok(look(&index))
    }

    /// Runs `look` on the indexes if they are in memory, else gives it back.
    pub fn with_loaded_index<T, F: FnOnce(&Index) -> T>(&self, look: F) -> Result<T, F> {
        let known = {
            let state = self.state.read();
            match &state.index {
                Resident::Active(index) => return Ok(look(index)),
                Resident::Sealed(index) => index.upgrade(),
            }
        };
        match known {
            Some(index) => Ok(look(&index)),
            None => Err(look),
        }
    }

    /// What a failed walk over the file means. A walk that was not to wait takes no lock for it that is
    /// held while the file is opened.
    pub fn fault(&self, error: WalkError, offset: Offset) -> LogError {
        if error.would_block() {
            return LogError::NotInMemory;
        }
        error.in_file(&self.path(), offset)
    }

    /// The indexes out of their files, unless those are missing or not what was written.
    pub fn load_index(&self, disk: &dyn Disk) -> Option<Index> {
        let extent = self.extent();
        let index = read_index(disk, &self.path(), self.base, extent.size)?;
        let last = index.offsets.last().map(|entry| entry.relative);
        let inside = last.is_none_or(|last| self.base.plus(i64::from(last)) < extent.next);
        inside.then_some(index)
    }

    fn build_index(&self, file: &dyn File) -> Result<Index, LogError> {
        let extent = self.extent();
        let path = self.path();
        let built = Segment::active(path.clone(), self.base, Arc::new(NoFile));
        let mut walk = self.headers(file, 0, extent.size);
        while let Some((position, header)) =
            walk.next().map_err(|error| error.in_file(&path, built.extent().next))?
        {
            built.go_to(position);
            built.publish(&[Written::of(&header)], BUILT_INTERVAL);
        }
        Ok(built.finished_index())
    }

    /// The greatest timestamp of the segment.
    pub fn max_timestamp(
        &self,
        disk: &dyn Disk,
        warm: &Mutex<Warm>,
    ) -> Result<Option<MaxTimestamp>, LogError> {
        if let Some(max) = self.state.read().max {
            return Ok(max);
        }
        let last = self.with_index(disk, warm, |index| index.times.last().copied())?;
        let max = last.map(|entry| MaxTimestamp {
            timestamp: entry.timestamp,
            offset: self.base.plus(i64::from(entry.relative)),
        });
        self.state.write().max = Some(max);
        Ok(max)
    }
}

/// Bytes between entries of an index that is built from the records because its file is gone.
const BUILT_INTERVAL: u32 = 4096;

/// An index file is never larger than this: the setting's own upper bound.
const INDEX_FILE_MAX: u64 = 1 << 31;

/// Reads the index files beside a `.log` file.
pub(crate) fn read_index(disk: &dyn Disk, log: &Path, base: Offset, size: u32) -> Option<Index> {
    let (offsets, times) = read_index_files(disk, log, base)?;
    Index::decode(&offsets, &times, size)
}

/// The same, as bytes.
pub(crate) fn read_index_files(
    disk: &dyn Disk,
    log: &Path,
    base: Offset,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let read =
        |kind| disk.read(&log.with_file_name(names::segment_file(base, kind)), INDEX_FILE_MAX).ok();
    Some((read(names::INDEX)?, read(names::TIME_INDEX)?))
}
