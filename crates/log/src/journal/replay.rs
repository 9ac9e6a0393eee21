//! What a crash may have taken from the segments, written into them again from the journal.
//!
//! Every write is done again at its place, in the order in which it was journaled; what is there
//! already is written over by the same bytes. Afterwards everything is synced, so that the journal is
//! not needed any more. Folders and files that the crash took are made again. A partition that was
//! forgotten stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};
use records::{BatchHeader, Offset};
use uuid::Uuid;

use super::JournalDamage;
use super::chain::Chain;
use super::entry::{Record, records};
use crate::checkpoint::Key;
use crate::error::LogError;
use crate::files;
use crate::names;
use crate::recovery::{metadata_text, parse_metadata};

/// More files than this are not synced one by one.
const SYNCED_ONE_BY_ONE: usize = 64;

/// `partition.metadata` is read up to this size.
const METADATA_MAX: u64 = 1024;

/// What came out of the journal.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// How far each partition is durable, of those that the journal knows.
    pub(crate) ends: BTreeMap<Key, Durable>,
    /// Entries that were read.
    pub entries: usize,
    /// Bytes written again.
    pub bytes: u64,
    /// What is not what was written.
    pub damage: Vec<JournalDamage>,
}

/// How far a partition is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    pub topic_id: Uuid,
    pub end: Offset,
}

/// A partition that the journal names.
#[derive(Clone, Debug)]
struct Named {
    key: Key,
    topic_id: Uuid,
    folder: PathBuf,
    /// The folder belongs to another topic: nothing is written there.
    foreign: bool,
}

impl Replayed {
    /// Says what was done, and loudly what was damaged.
    pub(crate) fn report(&self, dir: &Path) {
        for damage in &self.damage {
            let (first, last) = damage.entries;
            tracing::error!(
                file = %damage.path.display(), position = damage.position, first, last,
                "journal entries that were durable are not what was written; records that were only \
                 there are lost: a partition that has later ones will not open"
            );
        }
        if self.entries > 0 {
            tracing::info!(
                folder = %dir.display(), entries = self.entries, bytes = self.bytes,
                partitions = self.ends.len(), "journal written into the segments again"
            );
        }
    }
}

/// Where a record is in the journal.
type Place = (u64, usize);

pub(super) fn replay(disk: &dyn Disk, dir: &Path, chain: &Chain) -> Result<Replayed, LogError> {
    let mut replay = Replay {
        disk,
        dir,
        forgotten: BTreeMap::new(),
        named: BTreeMap::new(),
        file: None,
        touched: BTreeSet::new(),
        folders: BTreeSet::new(),
        done: Replayed { damage: chain.damage.clone(), ..Replayed::default() },
    };
    for found in &chain.entries {
        let body = chain.body(found)?;
        for (at, record) in records(&body).enumerate() {
            if let Some(Record::Forget { topic_id, partition, below }) = record {
                let forgotten = replay.forgotten.entry((topic_id, partition)).or_default();
                forgotten.push(((found.header.sequence, at), below));
            }
        }
    }
    let mut life = None;
    for found in &chain.entries {
        // Numbers of partitions hold for one file of one process.
        if life.replace((found.file, found.header.life)) != Some((found.file, found.header.life)) {
            replay.named.clear();
        }
        let needed = found.header.sequence >= chain.start;
        let body = chain.body(found)?;
        for (at, record) in records(&body).enumerate() {
            let Some(record) = record else { break };
            if needed || matches!(record, Record::Define { .. }) {
                replay.apply(&record, (found.header.sequence, at))?;
            }
        }
        replay.done.entries += usize::from(needed);
    }
    replay.sync()?;
    Ok(replay.done)
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    /// The places at which a partition was forgotten, and below which base offsets.
    forgotten: BTreeMap<(Uuid, i32), Vec<(Place, Offset)>>,
    named: BTreeMap<u32, Named>,
    /// The file written last.
    file: Option<(PathBuf, Arc<dyn File>)>,
    touched: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    done: Replayed,
}

impl Replay<'_> {
    fn apply(&mut self, record: &Record<'_>, place: Place) -> Result<(), LogError> {
        match *record {
            Record::Define { log, topic_id, partition, topic } => {
                let named = self.name(topic, partition, topic_id)?;
                self.named.insert(log, named);
                Ok(())
            }
            Record::Write { log, base, position, batches } => {
                // Without its definition, which was in an entry that is damaged, nobody knows whose.
                let Some(named) = self.named.get(&log).cloned() else { return Ok(()) };
                if named.foreign || self.is_forgotten(&named, base, place) {
                    return Ok(());
                }
                self.write(&named, base, position, batches)
            }
            Record::Forget { below, .. } if below < Offset::MAX => Ok(()),
            Record::Forget { topic_id, partition, .. } => {
                let ends = &mut self.done.ends;
                ends.retain(|key, known| key.1 != partition || known.topic_id != topic_id);
                Ok(())
            }
        }
    }

    fn is_forgotten(&self, named: &Named, base: Offset, place: Place) -> bool {
        let forgotten = self.forgotten.get(&(named.topic_id, named.key.1));
        let mut forgotten = forgotten.into_iter().flatten();
        forgotten.any(|(at, below)| place < *at && base < *below)
    }

    fn name(&self, topic: &str, partition: i32, topic_id: Uuid) -> Result<Named, LogError> {
        let folder = self.dir.join(names::partition_folder(topic, partition));
        let metadata = folder.join(names::PARTITION_METADATA);
        let found = self.disk.read(&metadata, METADATA_MAX).ok();
        let found = found.and_then(|bytes| parse_metadata(&bytes));
        // A name that leads out of the folder was never written by us.
        let odd = topic.contains('/') || folder.parent() != Some(self.dir);
        let foreign = odd || found.is_some_and(|found| found != topic_id);
        Ok(Named { key: (topic.to_owned(), partition), topic_id, folder, foreign })
    }

    fn write(
        &mut self,
        named: &Named,
        base: Offset,
        position: u32,
        batches: &[u8],
    ) -> Result<(), LogError> {
        self.make_folder(named)?;
        let path = named.folder.join(names::segment_file(base, names::LOG));
        let file = self.open(&path)?;
        let failed = |error| LogError::io(&path, "write", error);
        if u64::from(position) > file.len().map_err(failed)? {
            // What lies before was synced, or journaled in an entry that is damaged.
            tracing::error!(
                segment = %path.display(), position,
                "records that were durable are missing before this position"
            );
        } else {
            file.write_all_at(&[IoSlice::new(batches)], u64::from(position)).map_err(failed)?;
            self.done.bytes += batches.len() as u64;
        }
        if let Some(end) = end_of(batches) {
            self.durable(named, end);
        }
        Ok(())
    }

    fn make_folder(&mut self, named: &Named) -> Result<(), LogError> {
        let metadata = named.folder.join(names::PARTITION_METADATA);
        if self.touched.contains(&metadata) {
            return Ok(());
        }
        self.disk
            .create_dir_all(&named.folder)
            .map_err(|error| LogError::io(&named.folder, "create", error))?;
        let whole = self.disk.read(&metadata, METADATA_MAX).ok();
        if whole.and_then(|bytes| parse_metadata(&bytes)) != Some(named.topic_id) {
            files::write(self.disk, &metadata, metadata_text(named.topic_id).as_bytes())?;
        }
        // Its content and its name may be what the crash could have taken.
        self.touched.insert(metadata);
        self.folders.insert(named.folder.clone());
        Ok(())
    }

    fn open(&mut self, path: &Path) -> Result<Arc<dyn File>, LogError> {
        if let Some((known, file)) = &self.file
            && known == path
        {
            return Ok(file.clone());
        }
        let file = self
            .disk
            .open(path, OpenMode::Create)
            .map_err(|error| LogError::io(path, "open", error))?;
        self.touched.insert(path.to_owned());
        self.file = Some((path.to_owned(), file.clone()));
        Ok(file)
    }

    fn durable(&mut self, named: &Named, end: Offset) {
        let durable = Durable { topic_id: named.topic_id, end };
        self.done.ends.insert(named.key.clone(), durable);
    }

    /// Makes all of it durable.
    fn sync(&mut self) -> Result<(), LogError> {
        self.file = None;
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
