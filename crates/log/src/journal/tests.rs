//! The journal on a simulated disk: what a crash takes from the segments comes back. Here is what its
//! tests share.

mod commits;
mod damage;
mod filling;
mod proofs;
mod recovery;
mod under_way;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::Disk;
use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim, SimDisk};
use records::{BatchBuilder, Codec, LeaderEpoch, Offset, Timestamp};
use uuid::Uuid;

use super::*;
use crate::catalogue::Catalogue;
use crate::log_dir::CATALOGUE;
use crate::{Durability, Log, LogConfig, LogDir, Origin};

const DATA: &str = "/data";

fn sizes() -> JournalConfig {
    JournalConfig {
        file_bytes: 32 << 10,
        append_bytes_max: 2000,
        unmarked_bytes_max: 5000,
        ..JournalConfig::default()
    }
}

fn open(sim: &Sim) -> LogDir {
    LogDir::open_with(&sim.env(), Path::new(DATA), 1, None, sizes()).unwrap()
}

/// A log directory on a machine of its own, with one log.
fn started() -> (Sim, LogDir, Arc<Log>) {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1);
    (sim, dir, log)
}

/// The log of [`started`] after a restart.
fn opened(sim: &Sim) -> Arc<Log> {
    topic(&open(sim), 1)
}

fn journal_of(log: &Log) -> &Journal {
    &log.journal.as_ref().unwrap().journal
}

/// The end of a process, whose handles these are, and of all that was not synced.
fn crash<T>(sim: &Sim, handles: T) {
    drop(handles);
    sim.disk.crash(CrashLoss::Everything);
}

fn topic(dir: &LogDir, number: u128) -> Arc<Log> {
    topic_with(dir, number, LogConfig::default())
}

fn topic_with(dir: &LogDir, number: u128, config: LogConfig) -> Arc<Log> {
    dir.open_log(&format!("t{number}"), 0, Uuid::from_u128(number), config).unwrap()
}

fn append(log: &Log, value: &str) -> Offset {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(Timestamp(0), None, Some(value.as_bytes()), &[]);
    let config = LogConfig { timestamp_before_max_ms: u64::MAX, ..(*log.config()).clone() };
    log.set_config(config);
    log.append_as_leader(&batch.build().unwrap(), LeaderEpoch(0), Origin::Client).unwrap().last
}

fn commit(log: &Log, value: &str) {
    append(log, value);
    log.commit().unwrap();
}

/// A commit, and so an entry of the journal, for each of these numbers.
fn commit_each(log: &Log, numbers: Range<usize>) {
    for n in numbers {
        commit(log, &n.to_string());
    }
}

/// The offsets of what is damaged.
fn damaged(log: &Log) -> Vec<(i64, i64)> {
    log.damages().iter().map(|range| (range.first.0, range.end.0)).collect()
}

fn records(log: &Log) -> Vec<String> {
    let slice = log.read(log.log_start(), Offset::MAX, usize::MAX, true).unwrap();
    let bytes = slice.load().unwrap();
    let text = |batch: records::Batch<'_>| {
        let values: Vec<String> = batch
            .records(batch.record_section())
            .map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap())
            .collect();
        values
    };
    records::batches(&bytes).flat_map(|batch| text(batch.unwrap())).collect()
}

/// The segment of the log of [`started`].
fn segment() -> PathBuf {
    Path::new(DATA).join("t1-0/00000000000000000000.log")
}

fn first_file() -> PathBuf {
    Path::new(DATA).join(FOLDER).join("0000.journal")
}

/// The first entry that is needed, as the catalogue has it.
fn journal_start(disk: &SimDisk) -> u64 {
    match (disk as &dyn Disk).read(&Path::new(DATA).join(CATALOGUE), 1 << 20) {
        Ok(bytes) => Catalogue::decode(&bytes).unwrap().journal_start,
        Err(_) => 0,
    }
}

/// Damages one of the entries in the first file: each takes a page.
fn flip(disk: &SimDisk, entry: u64) {
    assert!(disk.flip_bit(&first_file(), entry * 4096 + 60, 3));
}

/// What is damaged of the entries that are needed: the position, and the first and last of their numbers.
fn journal_damage(disk: &SimDisk, directory: Uuid) -> Vec<(u64, (u64, u64))> {
    let folder = Path::new(DATA).join(FOLDER);
    let chain = Chain::read(disk, &folder, directory, journal_start(disk)).unwrap();
    chain.damage.iter().map(|damage| (damage.position, damage.entries)).collect()
}
