//! Writes of the journal, done again in the segments of the partitions they are of.
//!
//! Owns what is known of those partitions while the journal is replayed, and whose their folders are.
//! [`super::replay`] hands over the writes of a part of the journal at a time, and then has all of them done,
//! by partition: a segment that is opened for one write has the others done as well, and what follows on
//! another in it is written with it. No file stays open after that: the table of a process's files grows in
//! steps of which each may take as long as a thousand files that are opened again.
//!
//! Several threads share the work where the disk says that this gains anything; all that concerns one folder
//! is done by one of them, in the order in which it was journaled.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};
use parking_lot::Mutex;
use records::{BatchHeader, Offset};
use uuid::Uuid;

use crate::catalogue::Key;
use crate::error::LogError;
use crate::files;
use crate::names;
use crate::recovery::{metadata_text, parse_metadata};

/// More files than this are not synced one by one.
const SYNCED_ONE_BY_ONE: usize = 64;

/// No more writes than this become one: the system takes no more parts at once.
const JOINED_MAX: usize = 512;

/// The work is cut into so many pieces for each thread, as they are not all of one size.
const PIECES: usize = 8;
/// With fewer partitions than this for each a thread is not worth having.
const WORTH_A_THREAD: usize = 32;

/// `partition.metadata` is read up to this size.
const METADATA_MAX: u64 = 1024;

/// A partition that is written again.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub key: Key,
    pub topic: String,
    folder: PathBuf,
    state: Folder,
    /// What waits to be written.
    due: Vec<Write>,
    /// Base offsets of the segments that were written to, for each time that another followed.
    touched: Vec<Offset>,
    /// The end of what was written, until it is taken.
    end: Option<Offset>,
}

/// Batches that belong at a position of a segment.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub base: Offset,
    pub position: u32,
    /// Where they are in what was read of the journal.
    pub batches: Range<usize>,
}

/// A segment that is written to.
#[derive(Debug)]
struct Target {
    base: Offset,
    path: PathBuf,
    file: Arc<dyn File>,
    len: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folder {
    /// Nobody has looked yet.
    Unknown,
    /// It is there and is the topic's.
    Ready,
    /// It belongs to another topic: nothing is written there.
    Foreign,
}

impl Folder {
    fn of(owner: Uuid, key: Key) -> Folder {
        if owner == key.0 { Folder::Ready } else { Folder::Foreign }
    }
}

/// Which topics have folders, by their names; of those that are missing here nobody knows.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<String, Uuid>);

impl Owners {
    /// Looks at the folders of these partitions, and changes nothing.
    pub fn find(
        disk: &dyn Disk,
        dir: &Path,
        partitions: impl Iterator<Item = (Key, String)>,
    ) -> Owners {
        let mut owners = BTreeMap::new();
        for ((_, number), topic) in partitions {
            let name = names::partition_folder(&topic, number);
            let folder = dir.join(&name);
            if !is_odd(dir, &topic, &folder)
                && !owners.contains_key(&name)
                && let Some(owner) = owner(disk, &folder)
            {
                owners.insert(name, owner);
            }
        }
        Owners(owners)
    }
}

/// Whether a name leads out of the folder of all.
fn is_odd(dir: &Path, topic: &str, folder: &Path) -> bool {
    topic.contains('/') || folder.parent() != Some(dir)
}

/// Whose a folder is, if it is there and says so.
fn owner(disk: &dyn Disk, folder: &Path) -> Option<Uuid> {
    let metadata = disk.read(&folder.join(names::PARTITION_METADATA), METADATA_MAX).ok()?;
    parse_metadata(&metadata)
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Bytes written.
    pub bytes: u64,
    /// Writes for a folder that belongs to another topic were left out.
    pub skipped: bool,
}

impl Done {
    fn add(&mut self, more: Done) {
        self.bytes += more.bytes;
        self.skipped |= more.skipped;
    }
}

/// What those who write share.
struct Work<'a> {
    disk: &'a dyn Disk,
    /// What the writes are parts of.
    bytes: &'a [u8],
}

/// Does all that is due, by so many threads at most. After a failure some of it is done.
pub(super) fn write_due(
    disk: &dyn Disk,
    threads: usize,
    partitions: &mut [Rewritten],
    bytes: &[u8],
) -> Result<Done, LogError> {
    let work = Work { disk, bytes };
    let mut due: Vec<_> = partitions.iter_mut().filter(|it| !it.due.is_empty()).collect();
    // Where two topics claim one folder, the first to write to it has it.
    due.sort_by_key(|partition| partition.due.first().map(|write| write.batches.start));
    let threads = threads.min(due.len() / WORTH_A_THREAD).max(1);
    if threads == 1 {
        return work.write(due);
    }
    let mut pieces: Vec<Vec<&mut Rewritten>> = Vec::new();
    pieces.resize_with(threads * PIECES, Vec::new);
    for partition in due {
        let name = partition.folder.as_os_str().as_encoded_bytes();
        let piece = usize::try_from(records::crc::crc32c(name)).unwrap_or(0) % pieces.len();
        if let Some(piece) = pieces.get_mut(piece) {
            piece.push(partition);
        }
    }
    let pieces = Mutex::new(pieces);
    let next = || pieces.lock().pop();
    let share = || {
        let mut done = Done::default();
        while let Some(piece) = next() {
            done.add(work.write(piece)?);
        }
        Ok(done)
    };
    std::thread::scope(|scope| {
        let spawn =
            |_| std::thread::Builder::new().name("replay".into()).spawn_scoped(scope, share);
        // What the system has no thread for, this one does.
        let others: Vec<_> = (1..threads).filter_map(|n| spawn(n).ok()).collect();
        let own = share();
        others.into_iter().fold(own, |all, other| {
            let more = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let (mut all, more) = (all?, more?);
            all.add(more);
            Ok(all)
        })
    })
}

impl Work<'_> {
    fn write(&self, partitions: Vec<&mut Rewritten>) -> Result<Done, LogError> {
        let mut done = Done::default();
        for partition in partitions {
            let due = std::mem::take(&mut partition.due);
            if partition.state == Folder::Unknown {
                partition.make_folder(self.disk)?;
            }
            if partition.state == Folder::Foreign {
                done.skipped = true;
                continue;
            }
            let (mut left, mut segment) = (due.as_slice(), None);
            while !left.is_empty() {
                let (joined, rest) = left.split_at(joined(left));
                done.bytes += partition.write(self, &mut segment, joined)?;
                left = rest;
            }
        }
        Ok(done)
    }
}

/// How many of these writes, the first ones, lie one behind the other in one segment.
fn joined(writes: &[Write]) -> usize {
    let follows = |(before, after): (&Write, &Write)| {
        let end = u64::from(before.position) + before.batches.len() as u64;
        before.base == after.base && end == u64::from(after.position)
    };
    let pairs = writes.iter().zip(writes.iter().skip(1)).take(JOINED_MAX - 1);
    1 + pairs.take_while(|pair| follows(*pair)).count()
}

impl Rewritten {
    /// A partition, and what is known by now of whose its folder is.
    pub fn new(dir: &Path, key: Key, topic: &str, owners: &Owners) -> Rewritten {
        let name = names::partition_folder(topic, key.1);
        let folder = dir.join(&name);
        let state = match owners.0.get(&name) {
            // A name that leads out of the folder was never written by us.
            _ if is_odd(dir, topic, &folder) => Folder::Foreign,
            Some(owner) => Folder::of(*owner, key),
            None => Folder::Unknown,
        };
        Rewritten {
            key,
            topic: topic.to_owned(),
            folder,
            state,
            due: Vec::new(),
            touched: Vec::new(),
            end: None,
        }
    }

    /// Has something written by the next [`write_due`].
    pub fn add(&mut self, write: Write) {
        self.due.push(write);
    }

    /// The end of what was written since this was last asked.
    pub fn take_end(&mut self) -> Option<Offset> {
        self.end.take()
    }

    /// Does writes that lie one behind the other, and says how many bytes that were.
    fn write(
        &mut self,
        work: &Work<'_>,
        segment: &mut Option<Target>,
        joined: &[Write],
    ) -> Result<u64, LogError> {
        let Some(first) = joined.first() else { return Ok(0) };
        let batches = |write: &Write| work.bytes.get(write.batches.clone()).unwrap_or_default();
        let position = u64::from(first.position);
        let target = match segment.take().filter(|open| open.base == first.base) {
            Some(open) => open,
            None => self.open(work.disk, first.base)?,
        };
        let Target { path, file, len, .. } = segment.insert(target);
        let mut written = 0;
        if position > *len {
            // What lies before was synced, or journaled in an entry that is damaged.
            tracing::error!(
                segment = %path.display(), position,
                "records that were durable are missing before this position"
            );
        } else {
            let parts: Vec<_> = joined.iter().map(|write| IoSlice::new(batches(write))).collect();
            file.write_all_at(&parts, position)
                .map_err(|error| LogError::io(path, "write", error))?;
            written = parts.iter().map(|part| part.len() as u64).sum();
            *len = (position + written).max(*len);
        }
        let end = joined.iter().filter_map(|write| end_of(batches(write))).max();
        self.end = self.end.max(end);
        Ok(written)
    }

    /// The folder of a partition, made where the crash took it, unless another topic has it.
    fn make_folder(&mut self, disk: &dyn Disk) -> Result<(), LogError> {
        self.state = match owner(disk, &self.folder) {
            Some(owner) => Folder::of(owner, self.key),
            None => {
                disk.create_dir_all(&self.folder)
                    .map_err(|error| LogError::io(&self.folder, "create", error))?;
                let metadata = self.folder.join(names::PARTITION_METADATA);
                files::write(disk, &metadata, metadata_text(self.key.0).as_bytes())?;
                Folder::Ready
            }
        };
        Ok(())
    }

    fn open(&mut self, disk: &dyn Disk, base: Offset) -> Result<Target, LogError> {
        let path = self.folder.join(names::segment_file(base, names::LOG));
        let failed = |error| LogError::io(&path, "open", error);
        let file = disk.open(&path, OpenMode::Create).map_err(failed)?;
        let len = file.len().map_err(failed)?;
        if self.touched.last() != Some(&base) {
            self.touched.push(base);
        }
        Ok(Target { base, path, file, len })
    }
}

/// Makes all of it durable, with names and folders that the crash could have taken.
pub(super) fn sync(disk: &dyn Disk, dir: &Path, partitions: &[Rewritten]) -> Result<(), LogError> {
    let mut touched = Vec::new();
    let ready = || partitions.iter().filter(|partition| partition.state == Folder::Ready);
    for partition in ready() {
        let name = |base: &Offset| names::segment_file(*base, names::LOG);
        touched.push(partition.folder.join(names::PARTITION_METADATA));
        touched.extend(partition.touched.iter().map(|base| partition.folder.join(name(base))));
    }
    touched.sort();
    touched.dedup();
    if touched.len() > SYNCED_ONE_BY_ONE {
        return disk.sync_all(dir).map_err(|error| LogError::io(dir, "sync", error));
    }
    for path in &touched {
        let file = disk.open(path, OpenMode::Write);
        file.and_then(|file| file.sync_data())
            .map_err(|error| LogError::io(path, "sync", error))?;
    }
    for partition in ready() {
        files::sync_dir(disk, &partition.folder)?;
    }
    if touched.is_empty() { Ok(()) } else { files::sync_dir(disk, dir) }
}

/// The offset after the last of these batches.
fn end_of(mut batches: &[u8]) -> Option<Offset> {
    let mut end = None;
    while let Ok(header) = BatchHeader::parse(batches) {
        end = Some(header.next_offset());
        batches = batches.get(header.size_in_bytes()..).unwrap_or_default();
    }
    end
}

#[cfg(test)]
mod tests;
