//! What one partition must hold, kept beside it.

use records::{LeaderEpoch, Offset, Timestamp};

/// A batch as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub base: Offset,
    pub values: Vec<String>,
    pub timestamps: Vec<Timestamp>,
    pub epoch: LeaderEpoch,
    pub producer: Option<Sequenced>,
}

/// Producer, its epoch and the sequence of the first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequenced {
    pub id: i64,
    pub epoch: i16,
    pub sequence: i32,
}

impl Appended {
    pub fn next(&self) -> Offset {
        self.base.plus(i64::try_from(self.values.len()).unwrap())
    }
}

/// What is known of a partition from outside.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// All batches since the beginning, deleted ones too.
    pub history: Vec<Appended>,
    /// Batches that were cut off: only damage may bring them back.
    pub gone: Vec<Appended>,
    /// A batch whose append failed because the machine stopped: it may be there or not.
    pub uncertain: Option<Appended>,
    /// Everything before this was acknowledged.
    pub acknowledged: Offset,
    /// The log start lies in this range.
    pub log_start_min: Offset,
    pub log_start_max: Offset,
    /// The highest that was asked for and refused.
    pub log_start_refused: Offset,
    pub epoch: LeaderEpoch,
}

impl Model {
    pub fn end(&self) -> Offset {
        self.history.last().map_or(Offset::ZERO, Appended::next)
    }

    /// Drops batches that do not end at or before `end`.
    pub fn truncate(&mut self, end: Offset) {
        let cut = self.history.extract_if(.., |batch| batch.next() > end);
        self.gone.extend(cut);
        self.acknowledged = self.acknowledged.min(self.end());
    }

    /// The batch that holds `offset` begins here.
    pub fn batch_start(&self, offset: Offset) -> Offset {
        let batch = self.history.iter().find(|batch| batch.next() > offset);
        batch.map_or_else(|| self.end(), |batch| batch.base)
    }

    pub fn of_producer(&self, id: i64) -> impl DoubleEndedIterator<Item = &Appended> {
        self.history.iter().filter(move |batch| batch.producer.is_some_and(|by| by.id == id))
    }
}
