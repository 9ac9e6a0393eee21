//! What a crash may have taken from the segments, written into them again from the journal.
//!
//! Every write is done again at its place, in the order in which it was journaled; what is there
//! already is written over by the same bytes. It is synced by the next checkpoint; a crash before that
//! has it all done again. Folders and files that the crash took are made again. A partition that was
//! forgotten stays so.
//!
//! The journal is read a window at a time. What its records say is found out here, in their order; the
//! writes of a window are then done by partition ([`super::rewrite`]), and only then is it said what they
//! make durable. Nothing else is changed by that: a record that takes back what a write says of a partition
//! has it forgotten, or comes before it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use env::Disk;
use records::Offset;

use super::JournalDamage;
use super::chain::{Chain, Found, Place};
use super::entry::{HEADER_LEN, Record, records_with_ends};
use super::rewrite::{self, Rewritten, Write};
use crate::catalogue::{Catalogue, Key, Marks};
use crate::error::LogError;

/// So much of the journal, and one entry more, is read before its writes are done: the more, the fewer
/// times a partition is turned to.
const WINDOW_BYTES: usize = if cfg!(test) { 10_000 } else { 32 << 20 };

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
        places: BTreeMap::new(),
        partitions: Vec::new(),
        window: Window::default(),
        done: Replayed { damage: chain.damage.clone(), ..Replayed::default() },
    };
    let mut life = None;
    for found in &chain.entries {
        // Numbers of partitions hold for one file of one process.
        if life.replace((found.file, found.header.life)) != Some((found.file, found.header.life)) {
            replay.named.clear();
        }
        replay.read(found)?;
        replay.done.entries += 1;
    }
    replay.write()?;
    if replay.done.damage.is_empty() && !replay.done.skipped {
        // A start does not wait for that.
        replay.done.unsynced = replay.done.entries > 0;
    } else {
        // What is left of the journal is not to be trusted with it once more.
        rewrite::sync(disk, dir, &replay.partitions)?;
    }
    Ok(replay.done)
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    chain: &'a Chain,
    catalogue: &'a mut Catalogue,
    /// What a number means: a place in `partitions`.
    named: BTreeMap<u32, usize>,
    places: BTreeMap<Key, usize>,
    partitions: Vec<Rewritten>,
    window: Window,
    done: Replayed,
}

/// The part of the journal whose writes are not done yet.
#[derive(Debug, Default)]
struct Window {
    bytes: Vec<u8>,
    filled: usize,
}

impl Window {
    /// Room for so many bytes more; it holds what was there before.
    fn grow(&mut self, len: usize) -> Range<usize> {
        let place = self.filled..self.filled + len;
        self.filled = place.end;
        if self.bytes.len() < place.end {
            self.bytes.reserve_exact(place.end.max(WINDOW_BYTES) - self.bytes.len());
            self.bytes.resize(place.end, 0);
        }
        place
    }
}

impl Replay<'_> {
    /// Reads an entry, and does what is due before it when enough has come together.
    fn read(&mut self, found: &Found) -> Result<(), LogError> {
        let len = usize::try_from(found.header.len).unwrap_or(0);
        if self.window.filled + len > WINDOW_BYTES {
            self.write()?;
        }
        let place = self.window.grow(len);
        // Taken out, as what its records say is entered meanwhile.
        let mut bytes = std::mem::take(&mut self.window.bytes);
        let entry = bytes.get_mut(place.clone()).unwrap_or_default();
        self.chain.load(found, entry)?;
        let body = entry.get(HEADER_LEN..).unwrap_or_default();
        for (nth, (record, end)) in records_with_ends(body).enumerate() {
            let Some(record) = record else { break };
            let end = place.start + HEADER_LEN + end;
            self.apply(&record, end, found.header.life, (found.header.sequence, nth));
        }
        self.window.bytes = bytes;
        Ok(())
    }

    /// Takes over what a record says that ends at `end` in the window.
    fn apply(&mut self, record: &Record<'_>, end: usize, life: u64, place: Place) {
        match *record {
            // The catalogue was written since and knows better.
            Record::Marks { .. } | Record::Forget { .. } if place.0 < self.catalogue.marks_from => {
            }
            Record::Define { log, topic_id, partition, topic } => {
                self.define(log, (topic_id, partition), topic);
            }
            Record::Write { log, base, position, batches } => {
                let batches = end.saturating_sub(batches.len())..end;
                self.find_definition(life, log);
                // Without any, which was in an entry that is damaged, nobody knows whose.
                let Some(index) = self.named.get(&log) else { return };
                let Some(partition) = self.partitions.get_mut(*index) else { return };
                if !is_forgotten(self.chain, partition.key, base, place) {
                    partition.add(Write { base, position, batches });
                }
            }
            Record::Marks { log, marks } => {
                self.find_definition(life, log);
                let index = self.named.get(&log);
                if let Some(named) = index.and_then(|index| self.partitions.get(*index)) {
                    // They only ever rise, but for a log that is cut: that one was forgotten first.
                    let listed = self.catalogue.entry(named.key, &named.topic);
                    let known = listed.marks;
                    listed.marks = Marks {
                        log_start: known.log_start.max(marks.log_start),
                        recovery_point: known.recovery_point.max(marks.recovery_point),
                        durable_end: known.durable_end.max(marks.durable_end),
                    };
                    listed.rest = None;
                }
            }
            Record::Forget { below, .. } if below < Offset::MAX => {}
            Record::Forget { topic_id, partition, .. } => {
                // One that was only cut is marked anew right behind this.
                self.catalogue.remove((topic_id, partition));
            }
        }
    }

    fn define(&mut self, log: u32, key: Key, topic: &str) {
        let known = self.places.get(&key).copied();
        let is_same =
            |index: &usize| self.partitions.get(*index).is_some_and(|it| it.topic == topic);
        let index = known.filter(is_same).unwrap_or_else(|| {
            self.partitions.push(Rewritten::new(self.dir, key, topic, &self.chain.owners));
            self.partitions.len() - 1
        });
        self.places.insert(key, index);
        self.named.insert(log, index);
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

    /// Does the writes of the window, and enters what is durable by them.
    fn write(&mut self) -> Result<(), LogError> {
        let bytes = self.window.bytes.get(..self.window.filled).unwrap_or_default();
        let threads = self.disk.threads_max();
        let done = rewrite::write_due(self.disk, threads, &mut self.partitions, bytes)?;
        self.window.filled = 0;
        self.done.bytes += done.bytes;
        self.done.skipped |= done.skipped;
        for partition in &mut self.partitions {
            if let Some(end) = partition.take_end() {
                let listed = self.catalogue.entry(partition.key, &partition.topic);
                listed.marks.durable_end = listed.marks.durable_end.max(end);
                self.done.partitions.insert(partition.key);
            }
        }
        Ok(())
    }
}

/// Whether a later record says that a write is not to be done again.
fn is_forgotten(chain: &Chain, key: Key, base: Offset, place: Place) -> bool {
    let mut forgotten = chain.forgotten.get(&key).into_iter().flatten();
    forgotten.any(|(at, below)| place < *at && base < *below)
}
