//! What the log knows of idempotent and transactional producers: epoch, the last five batches, the
//! transaction that is open.
//!
//! A repeated batch is recognised by its sequence numbers and answered with the offsets it got the
//! first time. The table follows from the batches in the log alone, so recovery replays them over the
//! last snapshot; snapshots only shorten that.
//!
//! The snapshot file is Kafka's, version 1, which holds the last batch of each producer. The four
//! batches before it follow behind, where Kafka's reader does not look, so that a clean restart
//! forgets nothing either.

use std::collections::{BTreeMap, VecDeque};

use records::{
    BatchHeader, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, crc, sequence,
};

use crate::error::AppendError;
use crate::validate::Origin;

/// How many batches of a producer are remembered, which is how many it may have in flight.
pub const BATCHES_REMEMBERED: usize = 5;

/// A remembered batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducedBatch {
    /// Sequence of its first record.
    pub first_sequence: i32,
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Its greatest timestamp.
    pub timestamp: Timestamp,
}

impl ProducedBatch {
    fn of(header: &BatchHeader) -> ProducedBatch {
        ProducedBatch {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
        }
    }

    fn offset_delta(&self) -> i32 {
        sequence::sub(self.last_sequence, self.first_sequence)
    }

    /// Offset of its first record.
    #[must_use]
    pub fn first_offset(&self) -> Offset {
        self.last_offset - i64::from(self.offset_delta())
    }
}

/// A producer as it is shown to administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its current epoch.
    pub epoch: ProducerEpoch,
    /// The last sequence it wrote, if it wrote data in this epoch.
    pub last_sequence: Option<i32>,
    /// When it wrote last.
    pub last_timestamp: Timestamp,
    /// Epoch of the coordinator that last ended a transaction of it.
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction began.
    pub txn_start: Option<Offset>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Producer {
    epoch: ProducerEpoch,
    batches: VecDeque<ProducedBatch>,
    last_timestamp: Timestamp,
    /// Wall time of the last sign of life, for expiry; not taken from records, whose timestamps
    /// may be years old.
    seen_ms: i64,
    coordinator_epoch: Option<i32>,
    txn_start: Option<Offset>,
}

/// What the table says about a batch that is about to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is new.
    New,
    /// It was appended before.
    Duplicate(ProducedBatch),
}

/// All producers of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    table: BTreeMap<ProducerId, Producer>,
}

impl Producers {
    /// Decides about a batch without changing anything.
    pub(crate) fn admit(
        &self,
        header: &BatchHeader,
        origin: Origin,
    ) -> Result<Admission, AppendError> {
        let Some(producer_id) = header.producer_id else { return Ok(Admission::New) };
        let Some(producer) = self.table.get(&producer_id) else {
            // Nothing is known, for instance because everything was deleted: any sequence will do.
            return Ok(Admission::New);
        };
        let epoch = header.producer_epoch;
        if epoch < producer.epoch {
            let current = producer.epoch;
            return Err(AppendError::ProducerFenced { producer_id, epoch, current });
        }
        if header.attributes.is_control() || origin != Origin::Client {
            return Ok(Admission::New);
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        let out_of_order = |expected| {
            Err(AppendError::OutOfOrderSequence { producer_id, epoch, sequence: first, expected })
        };
        if epoch > producer.epoch {
            return if first == 0 { Ok(Admission::New) } else { out_of_order(0) };
        }
        let known = producer
            .batches
            .iter()
            .find(|batch| batch.first_sequence == first && batch.last_sequence == last);
        if let Some(batch) = known {
            return Ok(Admission::Duplicate(*batch));
        }
        let expected =
            producer.batches.back().map_or(0, |last| sequence::add(last.last_sequence, 1));
        if first == expected { Ok(Admission::New) } else { out_of_order(expected) }
    }

    /// Enters a batch that has its place in the log. `marker` is the coordinator epoch when it ends a
    /// transaction.
    pub(crate) fn enter(&mut self, header: &BatchHeader, marker: Option<i32>, now_ms: i64) {
        let Some(producer_id) = header.producer_id else { return };
        let producer = self.table.entry(producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            batches: VecDeque::new(),
            last_timestamp: Timestamp::NONE,
            seen_ms: now_ms,
            coordinator_epoch: None,
            txn_start: None,
        });
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        producer.seen_ms = now_ms;
        producer.last_timestamp = header.max_timestamp;
        if header.attributes.is_control() {
            producer.txn_start = None;
            producer.coordinator_epoch = marker.or(producer.coordinator_epoch);
            return;
        }
        if header.attributes.is_transactional() && producer.txn_start.is_none() {
            producer.txn_start = Some(header.base_offset);
        }
        if header.base_sequence < 0 {
            return;
        }
        if producer.batches.len() == BATCHES_REMEMBERED {
            producer.batches.pop_front();
        }
        producer.batches.push_back(ProducedBatch::of(header));
    }

    /// Forgets producers that have been silent for `after_ms` and have no open transaction.
    pub fn expire(&mut self, now_ms: i64, after_ms: u64) {
        let after = i64::try_from(after_ms).unwrap_or(i64::MAX);
        self.table.retain(|_, producer| {
            producer.txn_start.is_some() || now_ms.saturating_sub(producer.seen_ms) < after
        });
    }

    /// Every producer, by id.
    #[must_use]
    pub fn entries(&self) -> Vec<ProducerEntry> {
        let entry = |(&producer_id, producer): (&ProducerId, &Producer)| ProducerEntry {
            producer_id,
            epoch: producer.epoch,
            last_sequence: producer.batches.back().map(|batch| batch.last_sequence),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            txn_start: producer.txn_start,
        };
        self.table.iter().map(entry).collect()
    }

    /// The remembered batches of a producer, oldest first.
    pub fn batches_of(&self, producer_id: ProducerId) -> impl Iterator<Item = ProducedBatch> + '_ {
        self.table
            .get(&producer_id)
            .into_iter()
            .flat_map(|producer| producer.batches.iter().copied())
    }

    /// Of every producer its epoch and the last offset of its last batch of data, if there is one.
    pub(crate) fn last_of_each(&self) -> BTreeMap<ProducerId, (ProducerEpoch, Option<Offset>)> {
        let last = |producer: &Producer| producer.batches.back().map(|batch| batch.last_offset);
        self.table.iter().map(|(id, producer)| (*id, (producer.epoch, last(producer)))).collect()
    }

    /// Whether there is no producer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Where the earliest open transaction began.
    #[must_use]
    pub fn first_open_transaction(&self) -> Option<Offset> {
        self.table.values().filter_map(|producer| producer.txn_start).min()
    }

    /// The snapshot file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(4 + self.table.len() * ENTRY_LEN);
        body.extend_from_slice(&count(self.table.len()).to_be_bytes());
        for (id, producer) in &self.table {
            let last = producer.batches.back();
            body.extend_from_slice(&id.0.to_be_bytes());
            body.extend_from_slice(&producer.epoch.0.to_be_bytes());
            let none = -1_i64;
            body.extend_from_slice(&last.map_or(-1, |last| last.last_sequence).to_be_bytes());
            body.extend_from_slice(&last.map_or(none, |last| last.last_offset.0).to_be_bytes());
            body.extend_from_slice(&last.map_or(0, ProducedBatch::offset_delta).to_be_bytes());
            body.extend_from_slice(&producer.last_timestamp.0.to_be_bytes());
            let coordinator_epoch = producer.coordinator_epoch.unwrap_or(-1);
            body.extend_from_slice(&coordinator_epoch.to_be_bytes());
            body.extend_from_slice(&producer.txn_start.map_or(none, |start| start.0).to_be_bytes());
        }
        self.encode_earlier(&mut body);
        let mut file = Vec::with_capacity(body.len() + 6);
        file.extend_from_slice(&SNAPSHOT_VERSION.to_be_bytes());
        file.extend_from_slice(&crc::crc32c(&body).to_be_bytes());
        file.extend_from_slice(&body);
        file
    }

    /// The batches before the last, behind what Kafka reads.
    fn encode_earlier(&self, body: &mut Vec<u8>) {
        let with_more = self.table.iter().filter(|(_, producer)| producer.batches.len() > 1);
        let mut started = false;
        for (id, producer) in with_more {
            if !started {
                body.extend_from_slice(&EARLIER_MAGIC.to_be_bytes());
                started = true;
            }
            body.extend_from_slice(&id.0.to_be_bytes());
            let earlier = producer.batches.len() - 1;
            body.extend_from_slice(&count(earlier).to_be_bytes());
            for batch in producer.batches.iter().take(earlier) {
                body.extend_from_slice(&batch.first_sequence.to_be_bytes());
                body.extend_from_slice(&batch.last_sequence.to_be_bytes());
                body.extend_from_slice(&batch.last_offset.0.to_be_bytes());
                body.extend_from_slice(&batch.timestamp.0.to_be_bytes());
            }
        }
    }

    /// A snapshot file, or what is wrong with it. Producers count as seen at `now_ms`.
    pub fn decode(file: &[u8], now_ms: i64) -> Result<Producers, SnapshotError> {
        let mut from = file;
        let version = i16::from_be_bytes(take(&mut from)?);
        if version != SNAPSHOT_VERSION {
            return Err(SnapshotError::Version(version));
        }
        let stored = u32::from_be_bytes(take(&mut from)?);
        let computed = crc::crc32c(from);
        if stored != computed {
            return Err(SnapshotError::Checksum { stored, computed });
        }
        let mut table = BTreeMap::new();
        let entries = i32::from_be_bytes(take(&mut from)?);
        for _ in 0..entries {
            let id = ProducerId(i64::from_be_bytes(take(&mut from)?));
            let epoch = ProducerEpoch(i16::from_be_bytes(take(&mut from)?));
            let last_sequence = i32::from_be_bytes(take(&mut from)?);
            let last_offset = Offset(i64::from_be_bytes(take(&mut from)?));
            let offset_delta = i32::from_be_bytes(take(&mut from)?);
            let timestamp = Timestamp(i64::from_be_bytes(take(&mut from)?));
            let coordinator_epoch = i32::from_be_bytes(take(&mut from)?);
            let txn_start = i64::from_be_bytes(take(&mut from)?);
            let mut batches = VecDeque::new();
            if last_sequence >= 0 {
                batches.push_back(ProducedBatch {
                    first_sequence: sequence::sub(last_sequence, offset_delta),
                    last_sequence,
                    last_offset,
                    timestamp,
                });
            }
            let producer = Producer {
                epoch,
                batches,
                last_timestamp: timestamp,
                seen_ms: now_ms,
                coordinator_epoch: (coordinator_epoch >= 0).then_some(coordinator_epoch),
                txn_start: (txn_start >= 0).then_some(Offset(txn_start)),
            };
            table.insert(id, producer);
        }
        let mut producers = Producers { table };
        if !from.is_empty() {
            producers.decode_earlier(from)?;
        }
        Ok(producers)
    }

    fn decode_earlier(&mut self, mut from: &[u8]) -> Result<(), SnapshotError> {
        if u32::from_be_bytes(take(&mut from)?) != EARLIER_MAGIC {
            return Err(SnapshotError::TrailingBytes);
        }
        while !from.is_empty() {
            let id = ProducerId(i64::from_be_bytes(take(&mut from)?));
            let earlier = i32::from_be_bytes(take(&mut from)?);
            let producer = self.table.get_mut(&id).ok_or(SnapshotError::TrailingBytes)?;
            // Whoever has earlier batches has a last one, and all have sequences.
            let last = producer.batches.pop_back().ok_or(SnapshotError::TrailingBytes)?;
            for _ in 0..earlier {
                let batch = ProducedBatch {
                    first_sequence: i32::from_be_bytes(take(&mut from)?),
                    last_sequence: i32::from_be_bytes(take(&mut from)?),
                    last_offset: Offset(i64::from_be_bytes(take(&mut from)?)),
                    timestamp: Timestamp(i64::from_be_bytes(take(&mut from)?)),
                };
                if batch.first_sequence < 0 || batch.last_sequence < 0 {
                    return Err(SnapshotError::TrailingBytes);
                }
                if producer.batches.len() + 1 < BATCHES_REMEMBERED {
                    producer.batches.push_back(batch);
                }
            }
            producer.batches.push_back(last);
        }
        Ok(())
    }
}

/// The only version there is.
const SNAPSHOT_VERSION: i16 = 1;
/// Bytes of a producer in Kafka's part of the file.
const ENTRY_LEN: usize = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;
/// Opens our part of the file: "WEB5".
const EARLIER_MAGIC: u32 = u32::from_be_bytes(*b"WEB5");

/// What is wrong with a snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It ends too early.
    #[error("the snapshot ends inside an entry")]
    Truncated,
    /// Another version.
    #[error("the snapshot has version {0}")]
    Version(i16),
    /// The checksum does not match.
    #[error("the snapshot carries the checksum {stored:08x}, its bytes have {computed:08x}")]
    Checksum {
        /// The field.
        stored: u32,
        /// What the bytes have.
        computed: u32,
    },
    /// Bytes behind the entries that are not ours.
    #[error("the snapshot has unknown bytes behind its entries")]
    TrailingBytes,
}

fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], SnapshotError> {
    let (bytes, rest) = from.split_first_chunk::<N>().ok_or(SnapshotError::Truncated)?;
    *from = rest;
    Ok(*bytes)
}

fn count(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

/// A leader epoch that is known, out of the field of a file.
pub(crate) fn known_epoch(epoch: LeaderEpoch) -> Option<LeaderEpoch> {
    (epoch >= LeaderEpoch::ZERO).then_some(epoch)
}

#[cfg(test)]
mod tests;
