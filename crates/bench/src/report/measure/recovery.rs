//! Killed and started again, stopped and started again: how long nobody is served.
//!
//! Every partition holds data, and was written to again just before the kill, so that there is something
//! to recover. What was acknowledged must be there after each start, or there is no figure.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::drive::acknowledged;
use super::figures::Figures;
use super::partitions::{ends, make};
use super::sweep::{RECORD_BYTES, Sweep};
use super::{Session, milliseconds};
use crate::machine::{self, now};
use crate::peers::{Kind, Peer, Prepared};
use crate::scenarios::TOPIC;
use crate::storage::Storage;
use crate::talk::{Frame, LONG_AGO, Talk};

/// Records of a batch while the logs are filled.
const BATCH_RECORDS: u64 = 64;

/// No longer than this for either: Kafka's first write to each of 10,000 partitions may take minutes. How
/// far it came is a figure.
const FILLED_WITHIN: Duration = Duration::from_secs(120);
const TOUCHED_WITHIN: Duration = Duration::from_secs(20);

/// For an answer of every partition.
const SERVED_WITHIN: Duration = Duration::from_secs(120);

impl Session {
    /// Fills, kills, starts, stops, starts.
    pub(super) fn recovery(
        &self,
        kind: Kind,
        storage: &Storage,
        partitions: u32,
        bytes: u64,
    ) -> Result<Figures> {
        let folder = storage.path().join("broker");
        let peer = Peer::start(&self.programs, kind, &folder, &[])?;
        // With each broker's own defaults: what is recovered is what its users have.
        make(&peer, partitions, &[])?;
        let mut logs = Sweep::new(&peer, partitions)?;
        let each = (bytes / u64::from(partitions) / RECORD_BYTES).max(1);
        let began = now();
        let mut left = each;
        while left > 0 && began.elapsed() < FILLED_WITHIN {
            let records = left.min(BATCH_RECORDS);
            logs.write(records, FILLED_WITHIN.saturating_sub(began.elapsed()))?;
            left -= records;
        }
        let filled = logs.records();
        // What the kernel still has to write would be in the way of the start.
        machine::sync_disk(storage.path())?;
        logs.write(1, TOUCHED_WITHIN)?;
        let mut figures = Figures::new();
        let mut put = |name: &str, value: f64| figures.insert(name.to_owned(), value);
        let wanted = u64::from(partitions) * each;
        put("filled_share", ratio(filled, wanted));
        put("log_mb", ratio(filled * RECORD_BYTES, 1_000_000));
        put("touched_partitions", ratio(logs.records() - filled, 1));
        peer.kill();

        let (peer, times) = self.served(kind, storage, &logs)?;
        put("killed_listening_ms", times.listening);
        put("killed_first_ack_ms", times.first_ack);
        put("killed_all_ms", times.all);
        logs.ends = ends(&peer, partitions, SERVED_WITHIN)?;
        let began = now();
        peer.stop()?;
        put("stop_ms", milliseconds(began.elapsed()));

        let (peer, times) = self.served(kind, storage, &logs)?;
        put("clean_listening_ms", times.listening);
        put("clean_first_ack_ms", times.first_ack);
        put("clean_all_ms", times.all);
        peer.stop()?;
        Ok(figures)
    }

    /// Starts it on what it left, and compares what it has with what it acknowledged.
    fn served(&self, kind: Kind, storage: &Storage, logs: &Sweep) -> Result<(Peer, Times)> {
        let prepared = Prepared::new(&self.programs, kind, &storage.path().join("broker"), &[])?;
        // A partition in the middle: nobody has it ready by chance.
        let partition = i32::try_from(logs.ends.len() / 2)?;
        let frame = Frame::produce_to(TOPIC, partition..partition + 1, 1, 1000, LONG_AGO)?;
        machine::wait_until_idle(self.options.idle_share, self.options.idle_wait)?;
        let began = now();
        let mut peer = prepared.spawn()?;
        // Not pinned: a user's start has all cores, and so have both brokers here.
        peer.ready()?;
        let listening = milliseconds(began.elapsed());
        acknowledged(&mut Talk::connect(peer.address)?, &frame)?;
        let first_ack = milliseconds(began.elapsed());
        let count = u32::try_from(logs.ends.len())?;
        let found = ends(&peer, count, SERVED_WITHIN)?;
        let all = milliseconds(began.elapsed());
        for (index, (found, acknowledged)) in found.iter().zip(&logs.ends).enumerate() {
            let written_here = i64::from(usize::try_from(partition)? == index);
            ensure!(
                *found == acknowledged + written_here,
                "partition {index} acknowledged {acknowledged} records and one more where asked, \
                 and has {found}"
            );
        }
        Ok((peer, Times { listening, first_ack, all }))
    }
}

/// From the start of the process, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Times {
    listening: f64,
    first_ack: f64,
    all: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts and sizes are far below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
