//! Reading the files of a data folder offline, for a person: what is in them and where they are
//! damaged.
//!
//! [`open`] picks the format by the file's name and gives an iterator of [`Entry`]. Damage is an entry
//! like any other, with its position; after damage that leaves no place to go on from, the iterator
//! ends. Nothing is written and no lock is taken, so a file of a running node may end inside a batch.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};
use records::{BatchHeader, LeaderEpoch, Offset, TimestampType};
use thiserror::Error;

use crate::catalogue::{self, Catalogue};
use crate::checkpoint;
use crate::epochs::Epochs;
use crate::index::{self, OFFSET_ENTRY_LEN, TIME_ENTRY_LEN};
use crate::journal;
use crate::log_dir::CATALOGUE;
use crate::names;
use crate::producers::{ProducedBatch, ProducerEntry, Producers};
use crate::quarantine::Quarantine;
use crate::walk::{HeaderWalk, WalkError};

/// Index files, snapshots and checkpoints are read whole up to this size.
const WHOLE_FILE_MAX: u64 = 256 << 20;

/// Why a file cannot be dumped at all.
#[derive(Debug, Error)]
pub enum DumpError {
    /// Its name is none of those a data folder has.
    #[error(
        "{path} is not a file of a data folder: expected a segment (.log), its .index, .timeindex or \
         .snapshot, a .journal, the catalogue, a quarantine, or a checkpoint"
    )]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A batch in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchEntry {
    /// Where it begins.
    pub position: u64,
    /// Its header.
    pub header: BatchHeader,
    /// Whether the checksum matches.
    pub crc_is_valid: bool,
}

/// A producer in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The producer.
    pub producer: ProducerEntry,
    /// Its remembered batches, oldest first.
    pub batches: Vec<ProducedBatch>,
}

/// Something that is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A batch of a `.log` file.
    Batch(BatchEntry),
    /// An entry of an `.index` file: offset and position.
    Offset {
        /// The last offset of a batch.
        offset: Offset,
        /// Where in the segment that batch begins.
        position: u32,
    },
    /// An entry of a `.timeindex` file.
    Time {
        /// The greatest timestamp so far.
        timestamp: records::Timestamp,
        /// The last offset of the batch that brought it.
        offset: Offset,
    },
    /// A producer of a `.snapshot` file.
    Producer(SnapshotEntry),
    /// A line of `leader-epoch-checkpoint`.
    Epoch {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Its first offset.
        start: Offset,
    },
    /// A line of a checkpoint of all partitions.
    Partition {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// What is kept for it.
        offset: Offset,
    },
    /// A line of a properties file.
    Line(String),
    /// Bytes that are not what was written.
    Damage {
        /// Where.
        position: u64,
        /// What is wrong.
        what: String,
    },
}

impl Entry {
    /// Whether this entry says that the file is damaged.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Entry::Damage { .. } => true,
            Entry::Batch(batch) => !batch.crc_is_valid,
            Entry::Offset { .. }
            | Entry::Time { .. }
            | Entry::Producer(_)
            | Entry::Epoch { .. }
            | Entry::Partition { .. }
            | Entry::Line(_) => false,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Batch(batch) => write!(f, "{batch}"),
            Entry::Offset { offset, position } => {
                write!(f, "offset: {offset} position: {position}")
            }
            Entry::Time { timestamp, offset } => {
                write!(f, "timestamp: {timestamp} offset: {offset}")
            }
            Entry::Producer(entry) => write!(f, "{entry}"),
            Entry::Epoch { epoch, start } => write!(f, "epoch: {epoch} startOffset: {start}"),
            Entry::Partition { topic, partition, offset } => {
                write!(f, "topic: {topic} partition: {partition} offset: {offset}")
            }
            Entry::Line(line) => f.write_str(line),
            Entry::Damage { position, what } => write!(f, "DAMAGED at position {position}: {what}"),
        }
    }
}

impl fmt::Display for BatchEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BatchEntry { position, header, crc_is_valid } = self;
        let stamped = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        };
        write!(
            f,
            "baseOffset: {} lastOffset: {} count: {} position: {position} size: {} {stamped}: {} \
             compression: {} leaderEpoch: {}",
            header.base_offset,
            header.last_offset(),
            header.record_count,
            header.size_in_bytes(),
            header.max_timestamp,
            header.codec().name(),
            header.leader_epoch,
        )?;
        if let Some(id) = header.producer_id {
            write!(
                f,
                " producerId: {id} producerEpoch: {} sequence: {}-{}",
                header.producer_epoch,
                header.base_sequence,
                header.last_sequence()
            )?;
        }
        if header.attributes.is_transactional() {
            f.write_str(" transactional")?;
        }
        if header.attributes.is_control() {
            f.write_str(" control")?;
        }
        let valid = if *crc_is_valid { "valid" } else { "DAMAGED" };
        write!(f, " crc: {:08x} {valid}", header.crc)
    }
}

impl fmt::Display for SnapshotEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let producer = &self.producer;
        write!(
            f,
            "producerId: {} producerEpoch: {} lastTimestamp: {}",
            producer.producer_id, producer.epoch, producer.last_timestamp
        )?;
        if let Some(start) = producer.txn_start {
            write!(f, " transactionStart: {start}")?;
        }
        if let Some(epoch) = producer.coordinator_epoch {
            write!(f, " coordinatorEpoch: {epoch}")?;
        }
        f.write_str(" batches:")?;
        for batch in &self.batches {
            write!(
                f,
                " {}-{}@{}",
                batch.first_sequence,
                batch.last_sequence,
                batch.first_offset()
            )?;
        }
        Ok(())
    }
}

/// Entries of a file, in order.
#[derive(Debug)]
pub struct Dump(Source);

#[derive(Debug)]
enum Source {
    Segment(SegmentDump),
    Read(std::vec::IntoIter<Entry>),
}

impl Iterator for Dump {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        match &mut self.0 {
            Source::Segment(segment) => segment.next(),
            Source::Read(entries) => entries.next(),
        }
    }
}

/// Opens a file of a data folder.
pub fn open(disk: &dyn Disk, path: &Path) -> Result<Dump, DumpError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(names::DELETED).unwrap_or(&name);
    let failed = |source| DumpError::Io { path: path.to_owned(), source };
    if let Some((base, names::LOG)) = names::parse_segment_file(name) {
        let file = disk.open(path, OpenMode::Read).map_err(failed)?;
        let len = file.len().map_err(failed)?;
        return Ok(Dump(Source::Segment(SegmentDump { file, len, position: 0, next: base })));
    }
    let read = || disk.read(path, WHOLE_FILE_MAX).map_err(failed);
    let entries = match names::parse_segment_file(name) {
        Some((base, names::INDEX)) => offsets(base, &read()?),
        Some((base, names::TIME_INDEX)) => times(base, &read()?),
        Some((_, names::SNAPSHOT)) => snapshot(&read()?),
        Some(_) | None => match name {
            names::EPOCHS => epochs(&read()?),
            "recovery-point-offset-checkpoint"
            | "log-start-offset-checkpoint"
            | "replication-offset-checkpoint" => partitions(&read()?),
            names::PARTITION_METADATA | "meta.properties" => lines(&read()?),
            CATALOGUE => described(&read()?),
            names::QUARANTINE => quarantined(&read()?),
            name if name.ends_with(names::JOURNAL) => entries_of_journal(disk, path)?,
            _ => return Err(DumpError::UnknownKind { path: path.to_owned() }),
        },
    };
    Ok(Dump(Source::Read(entries.into_iter())))
}

#[derive(Debug)]
struct SegmentDump {
    file: Arc<dyn File>,
    len: u64,
    position: u64,
    next: Offset,
}

impl SegmentDump {
    fn next(&mut self) -> Option<Entry> {
        if self.position >= self.len {
            return None;
        }
        let position = self.position;
        let damage = |what: String| Some(Entry::Damage { position, what });
        let (Ok(from), Ok(limit)) = (u32::try_from(self.position), u32::try_from(self.len)) else {
            self.position = self.len;
            return damage("a segment holds at most 2 GiB".to_owned());
        };
        let header = match HeaderWalk::new(&*self.file, from, limit).next() {
            Ok(Some((_, header))) => header,
            Ok(None) => return None,
            Err(error) => {
                // Without a length there is no way to the next batch.
                self.position = self.len;
                return damage(match error {
                    WalkError::Io(error) => error.to_string(),
                    WalkError::Damaged { what, .. } => what,
                });
            }
        };
        let size = header.size_in_bytes();
        self.position += u64::try_from(size).unwrap_or(u64::MAX);
        let expected = std::mem::replace(&mut self.next, header.next_offset());
        if header.base_offset < expected {
            return damage(format!(
                "offset {} where {expected} or more was due",
                header.base_offset
            ));
        }
        let mut bytes = vec![0; size];
        if let Err(error) = self.file.read_exact_at(&mut bytes, position) {
            return damage(error.to_string());
        }
        let crc_is_valid =
            records::Batch::parse(&bytes).is_ok_and(|batch| batch.check_crc().is_ok());
        Some(Entry::Batch(BatchEntry { position, header, crc_is_valid }))
    }
}

/// Entries of a fixed length, and what is left over at the end.
fn rest_of(bytes: &[u8], entry_len: usize, entries: &mut Vec<Entry>) -> usize {
    let whole = bytes.len() - bytes.len() % entry_len;
    if whole != bytes.len() {
        entries.push(Entry::Damage {
            position: position(whole),
            what: format!("{} bytes are not a whole entry", bytes.len() - whole),
        });
    }
    whole
}

fn position(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

fn offsets(base: Offset, bytes: &[u8]) -> Vec<Entry> {
    let mut tail = Vec::new();
    let whole = rest_of(bytes, OFFSET_ENTRY_LEN, &mut tail);
    let mut entries = Vec::new();
    let mut last: Option<index::OffsetEntry> = None;
    let found = index::offset_entries(bytes.get(..whole).unwrap_or_default());
    for (number, entry) in found.into_iter().flatten().enumerate() {
        let increases = last
            .is_none_or(|last| entry.relative > last.relative && entry.position > last.position);
        let offset = base.plus(i64::from(entry.relative));
        entries.push(Entry::Offset { offset, position: entry.position });
        if !increases {
            let position = position(number * OFFSET_ENTRY_LEN);
            entries.push(Entry::Damage { position, what: "the entries go back".to_owned() });
        }
        last = Some(entry);
    }
    entries.append(&mut tail);
    entries
}

fn times(base: Offset, bytes: &[u8]) -> Vec<Entry> {
    let mut tail = Vec::new();
    let whole = rest_of(bytes, TIME_ENTRY_LEN, &mut tail);
    let mut entries = Vec::new();
    let mut last: Option<index::TimeEntry> = None;
    let found = index::time_entries(bytes.get(..whole).unwrap_or_default());
    for (number, entry) in found.into_iter().flatten().enumerate() {
        let increases = last
            .is_none_or(|last| entry.timestamp > last.timestamp && entry.relative >= last.relative);
        let offset = base.plus(i64::from(entry.relative));
        entries.push(Entry::Time { timestamp: entry.timestamp, offset });
        if !increases {
            let position = position(number * TIME_ENTRY_LEN);
            entries.push(Entry::Damage { position, what: "the entries go back".to_owned() });
        }
        last = Some(entry);
    }
    entries.append(&mut tail);
    entries
}

fn snapshot(bytes: &[u8]) -> Vec<Entry> {
    match Producers::decode(bytes, 0) {
        Ok(producers) => {
            let entry = |producer: ProducerEntry| {
                let batches = producers.batches_of(producer.producer_id).collect();
                Entry::Producer(SnapshotEntry { producer, batches })
            };
            producers.entries().into_iter().map(entry).collect()
        }
        Err(error) => vec![Entry::Damage { position: 0, what: error.to_string() }],
    }
}

fn epochs(bytes: &[u8]) -> Vec<Entry> {
    match Epochs::decode(bytes) {
        Some(epochs) => epochs
            .entries()
            .iter()
            .map(|(epoch, start)| Entry::Epoch { epoch: *epoch, start: *start })
            .collect(),
        None => vec![Entry::Damage {
            position: 0,
            what: "not a list of rising epochs and offsets".to_owned(),
        }],
    }
}

fn partitions(bytes: &[u8]) -> Vec<Entry> {
    match checkpoint::decode(bytes) {
        Ok(entries) => entries
            .into_iter()
            .map(|((topic, partition), offset)| Entry::Partition { topic, partition, offset })
            .collect(),
        Err(line) => {
            let before = String::from_utf8_lossy(bytes)
                .split_inclusive('\n')
                .take(line.saturating_sub(1))
                .map(str::len)
                .sum::<usize>();
            let what = format!("line {line} is not what was written");
            vec![Entry::Damage { position: position(before), what }]
        }
    }
}

fn entries_of_journal(disk: &dyn Disk, path: &Path) -> Result<Vec<Entry>, DumpError> {
    let failed = |source| DumpError::Io { path: path.to_owned(), source };
    let file = disk.open(path, OpenMode::Read).map_err(failed)?;
    let described =
        journal::describe(path, file).map_err(|error| failed(io::Error::other(error)))?;
    let mut entries = Vec::new();
    for (position, described) in described {
        match described {
            journal::Described::Entry(head, records) => {
                entries.push(Entry::Line(format!("{head} position: {position}")));
                entries
                    .extend(records.into_iter().map(|record| Entry::Line(format!("  {record}"))));
            }
            journal::Described::Damage(what) => entries.push(Entry::Damage { position, what }),
        }
    }
    Ok(entries)
}

/// Each range is damage of the log.
fn quarantined(bytes: &[u8]) -> Vec<Entry> {
    let Some(known) = Quarantine::decode(bytes) else {
        return vec![Entry::Damage { position: 0, what: "not what was written".to_owned() }];
    };
    let ranges = known.ranges().iter();
    ranges
        .map(|range| Entry::Damage { position: range.position.into(), what: range.to_string() })
        .collect()
}

fn described(bytes: &[u8]) -> Vec<Entry> {
    match Catalogue::decode(bytes) {
        Ok(known) => catalogue::describe(&known).map(Entry::Line).collect(),
        Err(what) => vec![Entry::Damage { position: 0, what: what.to_owned() }],
    }
}

fn lines(bytes: &[u8]) -> Vec<Entry> {
    String::from_utf8_lossy(bytes).lines().map(|line| Entry::Line(line.to_owned())).collect()
}

#[cfg(test)]
mod tests;
