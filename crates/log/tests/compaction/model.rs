//! What was written to the partition, and what follows from that.

use std::collections::BTreeMap;

use records::{
    BatchBuilder, Codec, EndTxnMarker, Offset, ProducerEpoch, ProducerId, Timestamp, sequence,
};

/// A record as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rec {
    pub offset: Offset,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    pub timestamp: Timestamp,
}

/// Producer, epoch and first sequence of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    pub id: i64,
    pub sequence: i32,
}

/// A batch as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub base: Offset,
    pub records: Vec<Rec>,
    pub by: Option<By>,
    pub transactional: bool,
    /// A marker: whether it says that the transaction was committed.
    pub control: Option<bool>,
    pub codec: Codec,
    pub at_ms: i64,
}

impl Appended {
    pub fn next(&self) -> Offset {
        self.base.plus(i64::try_from(self.records.len()).unwrap())
    }

    /// As a producer sends it.
    pub fn encode(&self) -> Vec<u8> {
        if let (Some(committed), Some(by)) = (self.control, self.by) {
            let marker = EndTxnMarker { committed, coordinator_epoch: 3 };
            let at = self.records[0].timestamp;
            let batch =
                BatchBuilder::end_txn(marker, ProducerId(by.id), ProducerEpoch(0), at).unwrap();
            return batch.to_vec();
        }
        let mut builder = BatchBuilder::new(self.codec);
        if let Some(by) = self.by {
            builder = builder.producer(ProducerId(by.id), ProducerEpoch(0), by.sequence);
        }
        if self.transactional {
            builder = builder.transactional();
        }
        for record in &self.records {
            builder.push(
                record.timestamp,
                Some(&record.key),
                record.value.as_deref(),
                &[("h", Some(b"x"))],
            );
        }
        builder.build().unwrap().to_vec()
    }
}

/// What is known of the partition from outside.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub history: Vec<Appended>,
    /// One whose append failed because the machine stopped: it may be there or not.
    pub uncertain: Option<Appended>,
    pub acknowledged: Offset,
    /// The highest limit that a compaction was given.
    pub limit: Offset,
}

impl Model {
    pub fn end(&self) -> Offset {
        self.history.last().map_or(Offset::ZERO, Appended::next)
    }

    pub fn truncate(&mut self, end: Offset) {
        self.history.retain(|batch| batch.next() <= end);
        self.acknowledged = self.acknowledged.min(end);
    }

    pub fn last_of(&self, id: i64) -> Option<&Appended> {
        let mut of = self.history.iter().rev();
        of.find(|batch| batch.control.is_none() && batch.by.is_some_and(|by| by.id == id))
    }

    pub fn next_sequence(&self, id: i64) -> i32 {
        self.last_of(id).map_or(0, |batch| {
            let count = i32::try_from(batch.records.len()).unwrap();
            sequence::add(batch.by.unwrap().sequence, count)
        })
    }

    /// Whether a producer has a transaction that no marker has ended.
    pub fn is_open(&self, id: i64) -> bool {
        let of = |batch: &&Appended| batch.by.is_some_and(|by| by.id == id);
        self.history.iter().rev().find(of).is_some_and(|last| last.control.is_none())
    }

    /// For each batch of the history whether its transaction was aborted.
    pub fn aborted(&self) -> Vec<bool> {
        let mut aborted = vec![false; self.history.len()];
        let mut open: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (at, batch) in self.history.iter().enumerate() {
            let Some(by) = batch.by else { continue };
            match batch.control {
                Some(committed) => {
                    for member in open.remove(&by.id).unwrap_or_default() {
                        aborted[member] = !committed;
                    }
                }
                None if batch.transactional => open.entry(by.id).or_default().push(at),
                None => {}
            }
        }
        aborted
    }

    /// The records that count, with the time of their append.
    pub fn counting(&self) -> Vec<(&Rec, i64)> {
        let batches = self.history.iter().zip(self.aborted());
        let counting = batches.filter(|(batch, aborted)| !aborted && batch.control.is_none());
        counting
            .flat_map(|(batch, _)| batch.records.iter().map(|record| (record, batch.at_ms)))
            .collect()
    }
}
