//! Reading a journal back: its entries in the order in which they were written.
//!
//! An entry is written when all before it are durable, but for those that it says are under way. So the chain
//! ends at the first that is not whole, unless a later one says that it was durable: then it is damage and
//! not the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use ::records::Offset;
use env::disk::OpenMode;
use env::{Disk, File};
use uuid::Uuid;

use super::entry::{ALIGNMENT, HEADER_LEN, Header, Record, records};
use super::rewrite::Owners;
use super::ring;
use crate::catalogue::Key;
use crate::error::LogError;
use crate::names::id_text;

/// Entries that were durable and are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JournalDamage {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub position: u64,
    /// The first and the last entry that is missing.
    pub entries: (u64, u64),
}

/// Where a record is: the number of its entry, and its own within that.
pub(super) type Place = (u64, usize);

/// A whole entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub header: Header,
    /// Its file and where it is there.
    pub file: usize,
    pub position: u64,
}

/// All entries from a number on. They can be read without those before them.
#[derive(Debug, Default)]
pub(super) struct Chain {
    files: Vec<JournalFile>,
    pub entries: Vec<Found>,
    /// Where they say of a partition that something is to be forgotten.
    pub forgotten: BTreeMap<Key, Vec<(Place, Offset)>>,
    /// What a number means in a life, from the last entry that defines it: the one that should have done
    /// so for a file may be damaged.
    pub defined: BTreeMap<(u64, u32), (Key, String)>,
    /// Whose the folders of partitions are, as far as somebody has looked.
    pub owners: Owners,
    /// The first entry that is needed.
    start: u64,
    pub damage: Vec<JournalDamage>,
    /// The number of the entry to be written next.
    pub next: u64,
}

#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    file: Arc<dyn File>,
    len: u64,
    first: Header,
}

/// What is asked of the system at once when a file is read ahead: of more it takes only the beginning.
const PREFETCHED_AT_ONCE: usize = 128 << 10;

impl JournalFile {
    /// Has the whole of it read while the first entries are looked at. It was written past the page cache, so
    /// that a start that follows upon a kill would wait for the disk a little at a time.
    fn prefetch(&self) {
        for position in (0..self.len).step_by(PREFETCHED_AT_ONCE) {
            self.file.prefetch(position, PREFETCHED_AT_ONCE as u64);
        }
    }

    /// The header of an entry at a position, if it fits there and is `wanted`.
    fn header(
        &self,
        position: u64,
        directory: Uuid,
        wanted: impl FnOnce(&Header) -> bool,
    ) -> Result<Option<Header>, LogError> {
        let failed = |error| LogError::io(&self.path, "read", error);
        if position + HEADER_LEN as u64 > self.len {
            return Ok(None);
        }
        let mut head = [0; HEADER_LEN];
        self.file.read_exact_at(&mut head, position).map_err(failed)?;
        let Some(header) = Header::parse(&head) else { return Ok(None) };
        let fits = header.directory == directory && position + u64::from(header.len) <= self.len;
        Ok((fits && wanted(&header)).then_some(header))
    }

    /// The entry at a position, if there is a whole one that is `wanted`, with its bytes.
    fn entry(
        &self,
        position: u64,
        directory: Uuid,
        wanted: impl FnOnce(&Header) -> bool,
    ) -> Result<Option<(Header, Vec<u8>)>, LogError> {
        let mut bytes = Vec::new();
        let header = self.entry_into(&mut bytes, position, directory, wanted)?;
        Ok(header.map(|header| (header, bytes)))
    }

    /// [`JournalFile::entry`] with its bytes in a buffer that can be used for many.
    fn entry_into(
        &self,
        bytes: &mut Vec<u8>,
        position: u64,
        directory: Uuid,
        wanted: impl FnOnce(&Header) -> bool,
    ) -> Result<Option<Header>, LogError> {
        let Some(header) = self.header(position, directory, wanted)? else { return Ok(None) };
        bytes.resize(usize::try_from(header.len).unwrap_or(0), 0);
        let read = self.file.read_exact_at(bytes, position);
        read.map_err(|error| LogError::io(&self.path, "read", error))?;
        Ok(header.is_whole(bytes).then_some(header))
    }

    fn load(&self, header: &Header, position: u64) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; usize::try_from(header.len).unwrap_or(0)];
        self.file
            .read_exact_at(&mut bytes, position)
            .map_err(|error| LogError::io(&self.path, "read", error))?;
        Ok(bytes)
    }
}

impl Chain {
    /// Reads the journal in `folder` from the entry `start` on.
    pub fn read(
        disk: &dyn Disk,
        folder: &Path,
        directory: Uuid,
        start: u64,
    ) -> Result<Chain, LogError> {
        let mut files = Vec::new();
        for path in ring::paths(disk, folder)? {
            let failed = |error| LogError::io(&path, "open", error);
            let file = disk.open(&path, OpenMode::Read).map_err(failed)?;
            let len = file.len().map_err(failed)?;
            let first = Header { sequence: 0, life: 0, len: 0, behind: 0, directory };
            let mut file = JournalFile { path: path.clone(), file, len, first };
            check_owner(&file, directory)?;
            if let Some(first) = first_header(&file, directory)? {
                file.first = first;
                files.push(file);
            }
        }
        files.sort_by_key(|file| file.first.sequence);
        let skip = files.partition_point(|file| file.first.sequence <= start).saturating_sub(1);
        files.drain(..skip);
        files.iter().for_each(JournalFile::prefetch);
        let mut chain = Chain { files, start, next: start.max(1), ..Chain::default() };
        match folder.parent() {
            Some(dir) if disk.threads_max() > 1 => chain.walk_and_look(disk, dir, directory)?,
            _ => chain.walk(directory, |_, _| {})?,
        }
        chain.damage.retain(|damage| damage.entries.1 >= start);
        Ok(chain)
    }

    /// Walks, which is mostly to wait for the disk, and has another thread look meanwhile whose the
    /// folders of the partitions are that turn up. It is not waited for: what it did not come to is looked
    /// at when it is written to, by more than one.
    fn walk_and_look(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        directory: Uuid,
    ) -> Result<(), LogError> {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (sender, told) = mpsc::channel();
            let told = told.into_iter().take_while(|_| !is_over.load(Ordering::Relaxed));
            let look = move || Owners::find(disk, dir, told);
            let looking =
                std::thread::Builder::new().name("replay".into()).spawn_scoped(scope, look);
            // Without a thread nobody hears of it.
            let walked = self.walk(directory, |key, topic| {
                let _ = sender.send((key, topic.to_owned()));
            });
            is_over.store(true, Ordering::Relaxed);
            drop(sender);
            if let Ok(looking) = looking {
                let owners = looking.join();
                self.owners = owners.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
            walked
        })
    }

    /// Walks all entries, and tells of each partition that they define.
    fn walk(&mut self, directory: Uuid, mut tell: impl FnMut(Key, &str)) -> Result<(), LogError> {
        let mut expected = None;
        let mut bytes = Vec::new();
        let (forgotten, defined) = (&mut self.forgotten, &mut self.defined);
        let mut see = |header: &Header, bytes: &[u8]| {
            let body = bytes.get(HEADER_LEN..).unwrap_or_default();
            for (at, record) in records(body).flatten().enumerate() {
                match record {
                    Record::Forget { topic_id, partition, below } => forgotten
                        .entry((topic_id, partition))
                        .or_default()
                        .push(((header.sequence, at), below)),
                    Record::Define { log, topic_id, partition, topic } => {
                        let named = ((topic_id, partition), topic.to_owned());
                        if defined.insert((header.life, log), named).is_none() {
                            tell((topic_id, partition), topic);
                        }
                    }
                    Record::Write { .. } | Record::Marks { .. } => {}
                }
            }
        };
        for (number, file) in self.files.iter().enumerate() {
            let first = file.first.sequence;
            // Without the file that has the first entry that is needed, what was there is missing.
            let lost = (first > self.start).then_some(self.start.max(1));
            if let Some(expected) = expected.or(lost)
                && expected != first
            {
                // The end of the file before is damaged, or files are missing.
                let path = file.path.clone();
                self.damage.push(JournalDamage {
                    path,
                    position: 0,
                    entries: (expected, first - 1),
                });
            }
            let mut position = 0;
            let mut next = first;
            let mut life = file.first.life;
            while position < file.len {
                // Of what is not needed any more it is enough to see that it leads on.
                let is_next = |header: &Header| header.sequence == next;
                let is_needed = next >= self.start;
                let found = match is_needed {
                    true => file.entry_into(&mut bytes, position, directory, is_next)?,
                    false => file.header(position, directory, is_next)?,
                };
                match found {
                    Some(header) => {
                        if is_needed {
                            see(&header, &bytes);
                            self.entries.push(Found { header, file: number, position });
                        }
                        position += header.footprint();
                        next += 1;
                        life = header.life;
                    }
                    None => match later(file, position, next, life, directory)? {
                        None => break,
                        Some((at, header)) => {
                            self.damage.push(JournalDamage {
                                path: file.path.clone(),
                                position,
                                entries: (next, header.sequence - 1),
                            });
                            position = at;
                            next = header.sequence;
                        }
                    },
                }
            }
            expected = Some(next);
        }
        self.next = self.next.max(expected.unwrap_or(0));
        Ok(())
    }

    /// The last entry of each file.
    pub fn lasts(&self) -> BTreeMap<PathBuf, u64> {
        let mut lasts = BTreeMap::new();
        for found in &self.entries {
            if let Some(file) = self.files.get(found.file) {
                lasts.insert(file.path.clone(), found.header.sequence);
            }
        }
        lasts
    }

    /// Makes the last entry durable: the process that wrote it may have ended before its sync. Those
    /// before it were synced when it was written.
    pub fn sync(&self, disk: &dyn Disk) -> Result<(), LogError> {
        let last = self.entries.last().and_then(|last| self.files.get(last.file));
        let Some(JournalFile { path, .. }) = last else { return Ok(()) };
        let synced = disk.open(path, OpenMode::Write).and_then(|file| file.sync_data());
        synced.map_err(|error| LogError::io(path, "sync", error))
    }

    /// Reads an entry, header and body, which was seen whole before, into `bytes` of its length.
    pub fn load(&self, found: &Found, bytes: &mut [u8]) -> Result<(), LogError> {
        let Some(JournalFile { path, file, .. }) = self.files.get(found.file) else {
            return Err(LogError::Closed);
        };
        let read = file.read_exact_at(bytes, found.position);
        read.map_err(|error| LogError::io(path, "read", error))
    }
}

/// The header of the first entry of a file. Where it is damaged, a made-up one before the first entry
/// that is whole.
fn first_header(file: &JournalFile, directory: Uuid) -> Result<Option<Header>, LogError> {
    let mut position = 0;
    while position < file.len {
        if let Some((header, _)) = file.entry(position, directory, |_| true)? {
            let missing = u64::from(position > 0);
            return Ok(Some(Header {
                sequence: header.sequence.saturating_sub(missing),
                ..header
            }));
        }
        position += ALIGNMENT;
    }
    Ok(None)
}

/// What is in one file of a journal, for a person: entries and damage, each with its position.
pub(crate) fn describe(
    path: &Path,
    file: Arc<dyn File>,
) -> Result<Vec<(u64, Described)>, LogError> {
    let len = file.len().map_err(|error| LogError::io(path, "read", error))?;
    let mut head = [0; HEADER_LEN];
    let first = file.read_exact_at(&mut head, 0).ok().and_then(|()| Header::parse(&head));
    let Some(first) = first else { return Ok(Vec::new()) };
    let file = JournalFile { path: path.to_owned(), file, len, first };
    let mut described = Vec::new();
    let (mut position, mut next, mut life) = (0, first.sequence, first.life);
    while position < len {
        let found = file.entry(position, first.directory, |header| header.sequence == next)?;
        if let Some((header, bytes)) = found {
            let body = bytes.get(HEADER_LEN..).unwrap_or_default();
            let all = records(body).map(|record| match record {
                Some(record) => record.to_string(),
                None => "a record that is not known".to_owned(),
            });
            described.push((position, Described::Entry(header.to_string(), all.collect())));
            position += header.footprint();
            (next, life) = (next + 1, header.life);
        } else if let Some((at, header)) = later(&file, position, next, life, first.directory)? {
            let what = format!("entries {next} to {} are not whole", header.sequence - 1);
            described.push((position, Described::Damage(what)));
            (position, next) = (at, header.sequence);
        } else {
            break;
        }
    }
    Ok(described)
}

/// Something in a journal's file, as text.
pub(crate) enum Described {
    Entry(String, Vec<String>),
    Damage(String),
}

/// A journal of another folder is not taken for an empty one. Only the beginning of a file is looked at:
/// further on lie bytes that clients sent.
fn check_owner(file: &JournalFile, directory: Uuid) -> Result<(), LogError> {
    let mut head = [0; HEADER_LEN];
    if file.file.read_exact_at(&mut head, 0).is_err() {
        return Ok(());
    }
    let Some(header) = Header::parse(&head) else { return Ok(()) };
    let foreign = header.directory != directory && u64::from(header.len) <= file.len;
    if foreign && header.is_whole(&file.load(&header, 0)?) {
        let (owner, ours) = (id_text(header.directory), id_text(directory));
        return Err(LogError::Damaged {
            path: file.path.clone(),
            position: 0,
            offset: Offset::ZERO,
            what: format!(
                "it belongs to the folder with directory.id={owner}, and meta.properties says {ours}; \
                 put the right one back, or take the journal out if it was never of this folder"
            ),
        });
    }
    Ok(())
}

/// The next entry of the same process behind one that is not whole, if that or one behind it says that it
/// was durable.
fn later(
    file: &JournalFile,
    position: u64,
    expected: u64,
    life: u64,
    directory: Uuid,
) -> Result<Option<(u64, Header)>, LogError> {
    let mut at = position + ALIGNMENT;
    let mut next = None;
    while at < file.len {
        let wanted = |header: &Header| header.sequence > expected && header.life == life;
        if let Some((header, _)) = file.entry(at, directory, wanted)? {
            let next = *next.get_or_insert((at, header));
            if header.proves(expected) {
                return Ok(Some(next));
            }
        }
        at += ALIGNMENT;
    }
    Ok(None)
}
