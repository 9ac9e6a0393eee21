//! A whole data folder as a disk may give it back: segment, indexes, snapshot, epochs, checkpoints,
//! identity. It is refused, or opened, read, written to and opened again with the same end. Parameters:
//! a byte of flags, then the files as parts.
#![no_main]

use std::path::Path;

use env::Disk;
use env::disk::OpenMode;
use env::sim::Sim;
use log::{Log, LogConfig, LogDir, Origin, dump, reread};
use records::{Codec, LeaderEpoch, Offset, Timestamp};
use uuid::Uuid;

const TOPIC: Uuid = Uuid::from_u128(77);

/// The folder was closed in order, or says so.
const CLEAN: u8 = 1;
/// The batches have the checksums they should have.
const MENDED: u8 = 2;

/// The files, in the order of their parts.
const FILES: [&str; 9] = [
    "t-0/00000000000000000000.log",
    "t-0/00000000000000000000.index",
    "t-0/00000000000000000000.timeindex",
    "t-0/00000000000000000004.log",
    "t-0/00000000000000000004.snapshot",
    "t-0/leader-epoch-checkpoint",
    "catalogue",
    "t-0/partition.metadata",
    "meta.properties",
];

fn config() -> LogConfig {
    LogConfig {
        preallocate_bytes: 0,
        decompressed_bytes_max: 256 << 10,
        index_interval_bytes: 64,
        ..LogConfig::default()
    }
}

fn check(data: &[u8]) {
    let mut data = data;
    let [flags] = walser_fuzz::number(&mut data);
    let sim = Sim::new(1);
    let env = sim.env();
    let folder = Path::new("/data");
    let dir = LogDir::open(&env, folder, 1).expect("a new folder");
    dir.open_log("t", 0, TOPIC, config()).expect("a new log");
    dir.close().expect("an empty log is closed");
    drop(dir);
    let disk: &dyn Disk = &*env.disk;
    for name in FILES {
        let mut content = walser_fuzz::part(&mut data).to_vec();
        // A file of no bytes stands for one that is not there, or stays as it is.
        if content.is_empty() {
            continue;
        }
        if name.ends_with(".log") && flags & MENDED != 0 {
            walser_fuzz::mend_batches(&mut content);
        }
        let path = folder.join(name);
        disk.replace(&path, &content).expect("the simulated disk is never full");
        if let Ok(entries) = dump::open(disk, &path) {
            assert!(entries.take(content.len() + 2).count() <= content.len() + 1);
        }
    }
    if flags & CLEAN != 0 {
        claim_rest(disk, folder);
    }
    let Ok(dir) = LogDir::open(&env, folder, 1) else { return };
    let log = match dir.open_log("t", 0, TOPIC, config()) {
        Ok(log) => log,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    read(&log);
    let value = walser_fuzz::sample_batch(Codec::None, 0);
    let _ = log.append_as_leader(&value, LeaderEpoch(i32::MAX - 1), Origin::Client);
    let _ = log.sync();
    let (start, end) = (log.log_start(), log.log_end());
    let fenced = log.fenced().is_some();
    drop(log);
    let closed = dir.close();
    drop(dir);
    if fenced || closed.is_err() {
        return;
    }
    let dir = LogDir::open(&env, folder, 1).expect("it was open before");
    let log = dir.open_log("t", 0, TOPIC, config()).expect("it was open before");
    assert_eq!((log.log_start(), log.log_end()), (start, end), "closed in order and opened again");
}

/// Has the catalogue say that the log was closed with the files that are there.
fn claim_rest(disk: &dyn Disk, folder: &Path) {
    let catalogue = folder.join("catalogue");
    let last = [4_i64, 0].into_iter().find_map(|base| {
        let path = folder.join("t-0").join(format!("{base:020}.log"));
        let size = disk.open(&path, OpenMode::Read).ok()?.len().ok()?;
        Some((Offset(base), u32::try_from(size).ok()?))
    });
    let Some((base, size)) = last else { return };
    let Ok(known) = disk.read(&catalogue, u64::MAX) else { return };
    if let Some(claimed) = reread::catalogue_at_rest(&known, base, base, size) {
        disk.replace(&catalogue, &claimed).expect("the simulated disk is never full");
    }
}

fn read(log: &Log) {
    let end = log.log_end();
    let mut at = log.log_start();
    assert!(at <= end);
    while at < end {
        let Ok(slice) = log.read(at, Offset::MAX, 4096, true) else { break };
        let Ok(bytes) = slice.load() else { break };
        assert!(slice.next > at || bytes.is_empty(), "a read that does not go on");
        if bytes.is_empty() {
            break;
        }
        at = slice.next;
    }
    let _ = log.offset_for_time(Timestamp(1_500), Offset::MAX);
    let _ = log.max_timestamp(Offset::MAX);
    let _ = log.end_of_epoch(LeaderEpoch(3));
    let _ = log.epoch_of(Offset(1));
}

fn seeds() -> Vec<Vec<u8>> {
    let mut records = walser_fuzz::sample_batch(Codec::None, 0);
    records.extend(walser_fuzz::sample_batch(Codec::Zstd, 2));
    let mut index = 3_u32.to_be_bytes().to_vec();
    index.extend(105_u32.to_be_bytes());
    let mut times = 2_000_u64.to_be_bytes().to_vec();
    times.extend(1_u32.to_be_bytes());
    let parts: [&[u8]; 9] = [
        &records,
        &index,
        &times,
        b"",
        b"",
        b"0\n1\n3 0\n",
        b"",
        b"",
        b"",
    ];
    let mut seeds = Vec::new();
    for flags in [MENDED, MENDED | CLEAN] {
        let mut seed = vec![flags];
        parts.iter().for_each(|part| walser_fuzz::put_part(&mut seed, part));
        seeds.push(seed);
        let mut two = vec![flags];
        let second = walser_fuzz::sample_batch(Codec::Gzip, 4);
        for (number, part) in parts.iter().enumerate() {
            walser_fuzz::put_part(&mut two, if number == 3 { &second } else { part });
        }
        seeds.push(two);
    }
    seeds
}

walser_fuzz::target!(check, seeds);
