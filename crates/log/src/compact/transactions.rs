//! Transactions as compaction sees them: whose records were aborted, and which markers are still
//! needed.
//!
//! Which transactions were aborted is read off the markers in the log itself, by a walk over headers
//! ([`Aborted::scan`]). What follows goes over the batches in their order ([`Transactions`]): a marker may
//! go once no batch of its transaction is left before it, and then only after the delete horizon.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use env::Disk;
use parking_lot::Mutex;
use records::{Batch, BatchHeader, ControlKind, Offset, ProducerId};

use crate::error::LogError;
use crate::log::Log;
use crate::recovery::state::each_header;
use crate::segment::{Segment, Warm};

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub producer: ProducerId,
    /// Its first batch that is still there.
    pub first: Offset,
    /// Its marker.
    pub marker: Offset,
}

/// What a scan has found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// By their first offsets.
    pub aborted: Vec<Aborted>,
    /// Every transaction that began before this has its marker below the limit. One above it may be cut,
    /// and the transaction end the other way.
    pub settled: Offset,
}

impl Aborted {
    /// The aborted transactions that have batches in `segments`, the part to be compacted. Their markers
    /// may lie in `rest`, which follows.
    ///
    /// `free_below` says up to where it is known that there is no transaction, and is moved on.
    pub fn scan(
        log: &Log,
        segments: &[Arc<Segment>],
        rest: &[Arc<Segment>],
        limit: Offset,
        free_below: &mut Offset,
    ) -> Result<Scanned, LogError> {
        let disk = &*log.env.disk;
        let mut scan = Scan { limit, settled: Offset::MAX, ..Scan::default() };
        let from = *free_below;
        each_header(disk, &scan.warm(), segments, from, |segment, header, position| {
            scan.see(disk, segment, header, position, true)
        })?;
        let end = segments.last().map_or(from, |last| last.extent().next);
        *free_below = scan.first_seen.unwrap_or(end).max(from);
        if !scan.open.is_empty() {
            // What began before the end was ended since: nothing above an open transaction is compacted.
            each_header(disk, &scan.warm(), rest, end, |segment, header, position| {
                scan.see(disk, segment, header, position, false)
            })?;
        }
        scan.aborted.sort_by_key(|aborted| aborted.first);
        Ok(Scanned { aborted: scan.aborted, settled: scan.settled })
    }
}

/// A walk over headers.
#[derive(Default)]
struct Scan {
    limit: Offset,
    settled: Offset,
    open: BTreeMap<ProducerId, Offset>,
    aborted: Vec<Aborted>,
    first_seen: Option<Offset>,
    warm: Arc<Mutex<Warm>>,
}

impl Scan {
    fn warm(&self) -> Arc<Mutex<Warm>> {
        self.warm.clone()
    }

    /// Looks at a batch; one that begins a transaction counts only where `begins` says so.
    fn see(
        &mut self,
        disk: &dyn Disk,
        segment: &Segment,
        header: &BatchHeader,
        position: u32,
        begins: bool,
    ) -> Result<(), LogError> {
        let Some(producer) = header.producer_id else { return Ok(()) };
        let is_control = header.attributes.is_control();
        if !header.attributes.is_transactional() && !is_control {
            return Ok(());
        }
        self.first_seen.get_or_insert(header.base_offset);
        if !is_control {
            if begins {
                self.open.entry(producer).or_insert(header.base_offset);
            }
            return Ok(());
        }
        let Some(first) = self.open.get(&producer).copied() else { return Ok(()) };
        if header.base_offset >= self.limit {
            self.settled = self.settled.min(first);
            self.open.remove(&producer);
            return Ok(());
        }
        let mut bytes = vec![0; header.size_in_bytes()];
        segment
            .file(disk, &self.warm)?
            .read_exact_at(&mut bytes, u64::from(position))
            .map_err(|error| LogError::io(&segment.path(), "read", error))?;
        match Batch::parse(&bytes).ok().and_then(|batch| kind(&batch)) {
            Some(ControlKind::Abort) => {
                self.aborted.push(Aborted { producer, first, marker: header.base_offset });
                self.open.remove(&producer);
            }
            Some(ControlKind::Commit) => {
                self.open.remove(&producer);
            }
            Some(ControlKind::Other(_)) | None => {}
        }
        Ok(())
    }
}

/// What a control batch says; none when it is empty.
fn kind(batch: &Batch<'_>) -> Option<ControlKind> {
    let record = batch.records(batch.record_section()).next()?.ok()?;
    ControlKind::parse_key(record.key).ok()
}

/// The transactions at one place of a pass over the batches.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    /// Those that begin behind this place.
    coming: VecDeque<Aborted>,
    /// Those that are open at this place, and whether a batch of them was seen.
    aborted: BTreeMap<ProducerId, bool>,
    committed: BTreeSet<ProducerId>,
}

impl Transactions {
    /// Before the first batch at or after `from`.
    pub fn from(aborted: &[Aborted], from: Offset) -> Transactions {
        let coming = aborted.iter().filter(|aborted| aborted.marker >= from).copied().collect();
        Transactions { coming, ..Transactions::default() }
    }

    /// Whether the records of this batch of data were aborted.
    pub fn data(&mut self, header: &BatchHeader) -> bool {
        self.advance(header.last_offset());
        let Some(producer) = header.producer_id else { return false };
        if !header.attributes.is_transactional() {
            return false;
        }
        if let Some(seen) = self.aborted.get_mut(&producer) {
            *seen = true;
            return true;
        }
        self.committed.insert(producer);
        false
    }

    /// Whether nothing is left of what this control batch ended.
    pub fn control(&mut self, batch: &Batch<'_>) -> bool {
        self.advance(batch.header.last_offset());
        let Some(producer) = batch.header.producer_id else { return false };
        match kind(batch) {
            Some(ControlKind::Abort) => !self.aborted.remove(&producer).unwrap_or(false),
            Some(ControlKind::Commit) => !self.committed.remove(&producer),
            Some(ControlKind::Other(_)) => false,
            None => batch.header.record_count == 0,
        }
    }

    fn advance(&mut self, to: Offset) {
        while let Some(next) = self.coming.pop_front_if(|next| next.first <= to) {
            self.aborted.entry(next.producer).or_insert(false);
        }
    }
}
