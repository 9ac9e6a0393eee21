//! What a crash may have taken from the segments, written into them again from the journal.
//!
//! Every write is done again at its place, in the order in which it was journaled; what is there
//! already is written over by the same bytes. It is synced by the next checkpoint; a crash before that
//! has it all done again. Folders and files that the crash took are made again. A partition that was
//! forgotten stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};
use records::{BatchHeader, Offset};

use super::JournalDamage;
use super::chain::{Chain, Place};
use super::entry::{HEADER_LEN, Record, records};
use crate::catalogue::{Catalogue, Key, Listed, Marks};
use crate::error::LogError;
use crate::files;
use crate::names;
use crate::recovery::{metadata_text, parse_metadata};

/// More files than this are not synced one by one.
const SYNCED_ONE_BY_ONE: usize = 64;

/// More files than this are not held open at once.
const OPEN_MAX: usize = 4096;

/// `partition.metadata` is read up to this size.
const METADATA_MAX: u64 = 1024;

/// What came out of the journal.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Partitions that something was written of.
    pub partitions: BTreeSet<Key>,
    /// Entries that were read.
    pub entries: usize,
    /// What was written is not synced, and the journal needed until it is.
    pub unsynced: bool,
    /// Bytes written again.
    pub bytes: u64,
    /// Writes for a folder that belongs to another topic were left out.
    pub skipped: bool,
    /// What is not what was written.
    pub damage: Vec<JournalDamage>,
}

/// A partition that the journal names.
#[derive(Clone, Debug)]
struct Named {
    key: Key,
    topic: String,
    folder: PathBuf,
    state: Folder,
    /// The segment written last.
    segment: Option<Target>,
}

/// A segment that is written to.
#[derive(Clone, Debug)]
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

impl Replayed {
    /// Says what was done, and loudly what was damaged.
    pub(crate) fn report(&self, dir: &Path) {
        for damage in &self.damage {
            let (first, last) = damage.entries;
            tracing::error!(
                file = %damage.path.display(), position = damage.position, first, last,
                "journal entries that were durable are not what was written; records that were only \
                 there are lost, and quarantined in each partition of which a later entry or the \
                 catalogue says that it had them"
            );
        }
        if self.entries > 0 {
            tracing::info!(
                folder = %dir.display(), entries = self.entries, bytes = self.bytes,
                partitions = self.partitions.len(), "journal written into the segments again"
            );
        }
    }
}

/// Does all again that the chain says, and enters what follows from it into the catalogue.
pub(super) fn replay(
    disk: &dyn Disk,
    dir: &Path,
    chain: &Chain,
    catalogue: &mut Catalogue,
) -> Result<Replayed, LogError> {
    let mut replay = Replay {
        disk,
        dir,
        chain,
        catalogue,
        named: BTreeMap::new(),
        open: 0,
        touched: BTreeSet::new(),
        folders: BTreeSet::new(),
        done: Replayed { damage: chain.damage.clone(), ..Replayed::default() },
    };
    let mut life = None;
    for found in &chain.entries {
        // Numbers of partitions hold for one file of one process.
        if life.replace((found.file, found.header.life)) != Some((found.file, found.header.life)) {
            replay.named.clear();
            replay.open = 0;
        }
        let entry = chain.load(found)?;
        for (at, record) in records(entry.get(HEADER_LEN..).unwrap_or_default()).enumerate() {
            let Some(record) = record else { break };
            replay.apply(&record, found.header.life, (found.header.sequence, at))?;
        }
        replay.done.entries += 1;
    }
    if replay.done.damage.is_empty() && !replay.done.skipped {
        // A start does not wait for that.
        replay.done.unsynced = replay.done.entries > 0;
    } else {
        // What is left of the journal is not to be trusted with it once more.
        replay.sync()?;
    }
    Ok(replay.done)
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    chain: &'a Chain,
    catalogue: &'a mut Catalogue,
    named: BTreeMap<u32, Named>,
    /// How many of them hold a file open.
    open: usize,
    touched: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    done: Replayed,
}

impl Replay<'_> {
    fn apply(&mut self, record: &Record<'_>, life: u64, place: Place) -> Result<(), LogError> {
        match *record {
            // The catalogue was written since and knows better.
            Record::Marks { .. } | Record::Forget { .. } if place.0 < self.catalogue.marks_from => {
                Ok(())
            }
            Record::Define { log, topic_id, partition, topic } => {
                self.define(log, (topic_id, partition), topic);
                Ok(())
            }
            Record::Write { log, base, position, batches } => {
                self.find_definition(life, log);
                // Without any, which was in an entry that is damaged, nobody knows whose.
                let Some(mut named) = self.named.remove(&log) else { return Ok(()) };
                let done = if self.is_forgotten(named.key, base, place) {
                    Ok(())
                } else {
                    self.write(&mut named, base, position, batches)
                };
                self.named.insert(log, named);
                done
            }
            Record::Marks { log, marks } => {
                self.find_definition(life, log);
                if let Some(named) = self.named.get(&log) {
                    // They only ever rise, but for a log that is cut: that one was forgotten first.
                    let listed = self.catalogue.entry(named.key, &named.topic);
                    let known = listed.marks;
                    let marks = Marks {
                        log_start: known.log_start.max(marks.log_start),
                        recovery_point: known.recovery_point.max(marks.recovery_point),
                        durable_end: known.durable_end.max(marks.durable_end),
                    };
                    *listed = Listed { marks, rest: None, index: listed.index };
                }
                Ok(())
            }
            Record::Forget { below, .. } if below < Offset::MAX => Ok(()),
            Record::Forget { topic_id, partition, .. } => {
                // One that was only cut is marked anew right behind this.
                self.catalogue.remove((topic_id, partition));
                Ok(())
            }
        }
    }

    fn define(&mut self, log: u32, key: Key, topic: &str) {
        let folder = self.dir.join(names::partition_folder(topic, key.1));
        // A name that leads out of the folder was never written by us.
        let odd = topic.contains('/') || folder.parent() != Some(self.dir);
        let state = if odd { Folder::Foreign } else { Folder::Unknown };
        let topic = topic.to_owned();
        self.named.insert(log, Named { key, topic, folder, state, segment: None });
    }

    /// A number whose definition for this file is in an entry that is damaged, from another one.
    fn find_definition(&mut self, life: u64, log: u32) {
        let chain = self.chain;
        if !self.named.contains_key(&log)
            && let Some((key, topic)) = chain.defined.get(&(life, log))
        {
            self.define(log, *key, topic);
        }
    }

    fn is_forgotten(&self, key: Key, base: Offset, place: Place) -> bool {
        let mut forgotten = self.chain.forgotten.get(&key).into_iter().flatten();
        forgotten.any(|(at, below)| place < *at && base < *below)
    }

    fn write(
        &mut self,
        named: &mut Named,
        base: Offset,
        position: u32,
        batches: &[u8],
    ) -> Result<(), LogError> {
        if named.state == Folder::Unknown {
            named.state = self.make_folder(named)?;
        }
        if named.state == Folder::Foreign {
            self.done.skipped = true;
            return Ok(());
        }
        let Some(target) = self.segment(named, base)? else { return Ok(()) };
        let Target { path, file, len, .. } = target;
        let end = u64::from(position) + batches.len() as u64;
        if u64::from(position) > *len {
            // What lies before was synced, or journaled in an entry that is damaged.
            tracing::error!(
                segment = %path.display(), position,
                "records that were durable are missing before this position"
            );
        } else {
            file.write_all_at(&[IoSlice::new(batches)], u64::from(position))
                .map_err(|error| LogError::io(path, "write", error))?;
            *len = end.max(*len);
            self.done.bytes += batches.len() as u64;
        }
        if let Some(end) = end_of(batches) {
            let listed = self.catalogue.entry(named.key, &named.topic);
            listed.marks.durable_end = listed.marks.durable_end.max(end);
            self.done.partitions.insert(named.key);
        }
        Ok(())
    }

    /// The folder of a partition, made where the crash took it, unless another topic has it.
    fn make_folder(&mut self, named: &Named) -> Result<Folder, LogError> {
        let metadata = named.folder.join(names::PARTITION_METADATA);
        let found = self.disk.read(&metadata, METADATA_MAX).ok();
        match found.and_then(|bytes| parse_metadata(&bytes)) {
            Some(found) if found == named.key.0 => {}
            Some(_) => return Ok(Folder::Foreign),
            None => {
                self.disk
                    .create_dir_all(&named.folder)
                    .map_err(|error| LogError::io(&named.folder, "create", error))?;
                files::write(self.disk, &metadata, metadata_text(named.key.0).as_bytes())?;
            }
        }
        // Its content and its name may be what the crash could have taken.
        self.touched.insert(metadata);
        self.folders.insert(named.folder.clone());
        Ok(Folder::Ready)
    }

    fn segment<'n>(
        &mut self,
        named: &'n mut Named,
        base: Offset,
    ) -> Result<Option<&'n mut Target>, LogError> {
        if named.segment.as_ref().is_none_or(|known| known.base != base) {
            if self.open >= OPEN_MAX {
                self.named.values_mut().for_each(|named| named.segment = None);
                self.open = 0;
            }
            let path = named.folder.join(names::segment_file(base, names::LOG));
            let failed = |error| LogError::io(&path, "open", error);
            let file = self.disk.open(&path, OpenMode::Create).map_err(failed)?;
            let len = file.len().map_err(failed)?;
            self.touched.insert(path.clone());
            self.open += usize::from(named.segment.is_none());
            named.segment = Some(Target { base, path, file, len });
        }
        Ok(named.segment.as_mut())
    }

    /// Makes all of it durable.
    fn sync(&mut self) -> Result<(), LogError> {
        self.named.clear();
        if self.touched.len() > SYNCED_ONE_BY_ONE {
            return self
                .disk
                .sync_all(self.dir)
                .map_err(|error| LogError::io(self.dir, "sync", error));
        }
        for path in &self.touched {
            let file = self.disk.open(path, OpenMode::Write);
            file.and_then(|file| file.sync_data())
                .map_err(|error| LogError::io(path, "sync", error))?;
        }
        for folder in &self.folders {
            files::sync_dir(self.disk, folder)?;
        }
        if self.folders.is_empty() { Ok(()) } else { files::sync_dir(self.disk, self.dir) }
    }
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
