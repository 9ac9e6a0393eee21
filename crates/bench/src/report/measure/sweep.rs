//! One batch for each partition, in turn: the same data everywhere, and how much of it was acknowledged.
//!
//! For filling, not for measuring: one request at a time, each for as many partitions as make a megabyte.

use std::time::Duration;

use anyhow::{Context, Result};
use records::Timestamp;

use crate::machine::now;
use crate::peers::Peer;
use crate::scenarios::TOPIC;
use crate::talk::{Frame, Talk};

/// A record, so that the bytes of a partition are a count of records.
pub(super) const RECORD_BYTES: u64 = 1_000;

const REQUEST_BYTES: u64 = 1_000_000;
const PARTITIONS_PER_REQUEST_MAX: u64 = 100;

/// A connection, and what was acknowledged on it.
pub(super) struct Sweep {
    talk: Talk,
    /// Of all its records: when it began. The generator's are of now; behind records of long ago the first
    /// of them would have each partition begin a new segment, which is then what is measured.
    time: Timestamp,
    /// By partition, in records.
    pub(super) ends: Vec<i64>,
}

impl Sweep {
    pub(super) fn new(peer: &Peer, partitions: u32) -> Result<Sweep> {
        let talk = Talk::connect(peer.address)?;
        let time = Timestamp(jiff::Timestamp::now().as_millisecond());
        Ok(Sweep { talk, time, ends: vec![0; usize::try_from(partitions)?] })
    }

    /// A batch for each partition, or for as many as there is time for.
    pub(super) fn write(&mut self, records: u64, within: Duration) -> Result<()> {
        let began = now();
        let per_request = usize::try_from(
            (REQUEST_BYTES / (records * RECORD_BYTES)).clamp(1, PARTITIONS_PER_REQUEST_MAX),
        )?;
        let mut first = 0;
        for ends in self.ends.chunks_mut(per_request) {
            if began.elapsed() > within {
                break;
            }
            let after = first + i32::try_from(ends.len())?;
            let size = usize::try_from(RECORD_BYTES)?;
            let records = usize::try_from(records)?;
            let frame = Frame::produce_to(TOPIC, first..after, records, size, self.time)?;
            self.talk
                .send(&frame)
                .with_context(|| format!("a write to the partitions from {first} to {after}"))?;
            for end in ends {
                *end += i64::try_from(records)?;
            }
            first = after;
        }
        Ok(())
    }

    pub(super) fn records(&self) -> u64 {
        self.ends.iter().map(|end| end.unsigned_abs()).sum()
    }
}
