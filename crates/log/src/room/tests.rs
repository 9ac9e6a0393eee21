//! The reserve: when it is touched, when it is not, and what else fits into it.

use std::path::Path;

use env::sim::Sim;
use records::Offset;

use super::{Room, reserve_of};
use crate::LogConfig;
use crate::error::{AppendError, LogError};
use crate::log_dir::LogDir;
use crate::testing::Bench;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

#[test]
fn the_reserve_fits_the_disk() {
    for (total, reserve) in [
        (64 * MIB, 64 * MIB / 10),
        (10 * GIB, GIB),
        (20 * GIB, GIB),
        (60 * GIB, 3 * GIB),
        (1000 * GIB, 5 * GIB),
    ] {
        assert_eq!(reserve_of(total), reserve, "of {total}");
    }
}

#[test]
fn a_burst_between_two_measurements_stops_at_the_reserve() {
    let sim = Sim::new(1);
    sim.disk.limit_space(100_000);
    let room = Room::new(&sim.env(), "/".into());
    room.set_reserve(Some(40_000));
    let file = sim.env().disk.open(Path::new("/file"), env::disk::OpenMode::Create).unwrap();
    let mut written = 0;
    while room.admit(1000).is_ok() {
        file.write_all_at(&[std::io::IoSlice::new(&[1; 1000])], written).unwrap();
        written += 1000;
    }
    assert_eq!(written, 60_000);
    assert!(room.is_full());
    // As long as nothing was freed, nothing changes; a little is not enough, or it would flap.
    for len in [written, written - 1000] {
        file.set_len(len).unwrap();
        room.measure();
        assert!(room.admit(1).is_err(), "with {len} used");
    }
    file.set_len(10_000).unwrap();
    assert!(room.admit(1).is_err(), "nobody has measured");
    room.measure();
    room.admit(50_000).unwrap();
    room.admit(1000).unwrap();
}

#[test]
fn without_a_reserve_only_the_disk_itself_refuses() {
    let bench = Bench::new(LogConfig::default());
    bench.dir.set_reserve(Some(0));
    bench.append_times(3, "before");
    assert_eq!(bench.log.sync().unwrap(), Offset(3));
    bench.sim.disk.limit_space(50);
    let batch = bench.builder(&["x"]).build().unwrap().to_vec();
    // Held in memory, until the first that is to be durable finds out.
    bench.produce(&batch).unwrap();
    assert!(bench.log.commit().is_err_and(|error| error.is_full()));
    for _ in 0..2 {
        let refused = bench.produce(&batch);
        assert!(matches!(refused, Err(AppendError::Storage(LogError::Full { .. }))), "{refused:?}");
    }
    assert!(bench.log.fenced().is_none(), "a full disk is no reason to fence");
    assert!(bench.dir.is_full());
    assert_eq!(bench.values(), ["before", "before", "before", "x"], "reads go on");

    bench.sim.disk.limit_space(1 << 20);
    bench.dir.measure_space();
    assert!(!bench.dir.is_full());
    bench.append(&["after"]);
    assert_eq!(bench.log.commit().unwrap(), Offset(5));
    assert_eq!(bench.values(), ["before", "before", "before", "x", "after"]);
    bench.dir.close().unwrap();
}

#[test]
fn clients_are_refused_and_the_brokers_own_records_are_not() {
    let bench = Bench::new(LogConfig::default());
    bench.append(&["a"]);
    bench.dir.set_reserve(Some(1 << 20));
    bench.sim.disk.limit_space(1 << 19);
    bench.dir.measure_space();
    let batch = bench.builder(&["b"]).build().unwrap().to_vec();
    let refused = bench.produce(&batch);
    assert!(matches!(refused, Err(AppendError::Storage(LogError::Full { .. }))), "{refused:?}");
    let own =
        bench.log.append_as_leader(&batch, records::LeaderEpoch(0), crate::Origin::Coordinator);
    assert!(own.is_ok(), "{own:?}");
    assert_eq!(bench.log.commit().unwrap(), Offset(2));
    bench.log.advance_log_start(Offset(1)).unwrap();
    bench.dir.delete_partition("t", 0).unwrap();
    bench.dir.set_reserve(Some(0));
    bench.dir.measure_space();
    assert!(!bench.dir.is_full());
}

/// A journal that cannot grow loses nothing and fences nothing: segments are synced instead, and it
/// goes on when there is room.
#[test]
fn a_journal_without_room_goes_on_later() {
    let sim = Sim::new(3);
    let journal = crate::JournalConfig {
        file_bytes: 64 << 10,
        append_bytes_max: 8 << 10,
        ..crate::JournalConfig::default()
    };
    let open = || LogDir::open_with(&sim.env(), Path::new("/data"), 1, None, journal).unwrap();
    let topic = uuid::Uuid::from_u128(7);
    let dir = open();
    dir.set_reserve(Some(0));
    let log = dir.open_log("t", 0, topic, LogConfig::default()).unwrap();
    let batch = |n: usize| {
        let mut batch = records::BatchBuilder::new(records::Codec::None);
        batch.push(records::Timestamp(1), None, Some(n.to_string().repeat(900).as_bytes()), &[]);
        batch.build().unwrap().to_vec()
    };
    let append = |n| {
        log.append_as_leader(&batch(n), records::LeaderEpoch(0), crate::Origin::Client).map(|_| ())
    };
    append(0).unwrap();
    log.commit().unwrap();
    let mut acknowledged = Offset(1);
    let mut refused = 0;
    // Room for the records, but not for a second file of the journal.
    sim.disk.limit_space(140_000);
    for n in 1..200 {
        match append(n) {
            Ok(()) => acknowledged = log.commit().unwrap(),
            Err(error) => {
                assert!(matches!(error, AppendError::Storage(LogError::Full { .. })), "{error}");
                refused += 1;
            }
        }
        assert!(log.fenced().is_none(), "at {n}");
    }
    assert!(refused > 0, "the disk was never full");
    let before = acknowledged;
    sim.disk.limit_space(1 << 20);
    dir.measure_space();
    for n in 200..260 {
        append(n).unwrap();
        acknowledged = log.commit().unwrap();
    }
    assert_eq!(acknowledged, before.plus(60));
    drop((log, dir));
    sim.disk.crash(env::sim::CrashLoss::Everything);
    let dir = open();
    let log = dir.open_log("t", 0, topic, LogConfig::default()).unwrap();
    assert_eq!(log.log_end(), acknowledged);
    log.read(Offset(0), Offset::MAX, usize::MAX, true).unwrap().load().unwrap();
}

/// Who commits on a full disk may carry others' records, which must not be forgotten by that.
#[test]
fn what_a_full_disk_kept_from_the_journal_is_committed_with_the_next() {
    let sim = Sim::new(4);
    let dir = LogDir::open(&sim.env(), Path::new("/data"), 1).unwrap();
    dir.set_reserve(Some(0));
    let open =
        |name, id| dir.open_log(name, 0, uuid::Uuid::from_u128(id), LogConfig::default()).unwrap();
    let (waits, commits) = (open("waits", 1), open("commits", 2));
    let append = |log: &crate::Log| {
        let mut batch = records::BatchBuilder::new(records::Codec::None);
        batch.push(records::Timestamp(1), None, Some(b"value"), &[]);
        let batch = batch.build().unwrap().to_vec();
        log.append_as_leader(&batch, records::LeaderEpoch(0), crate::Origin::Coordinator).unwrap();
    };
    append(&waits);
    append(&commits);
    // Room for the small files of a sync, but not for an entry of the journal.
    sim.disk.limit_space(4000);
    assert_eq!(commits.commit().unwrap(), Offset(1), "synced instead");
    waits.take_committed();
    assert_eq!(waits.durable_end(), Offset(0));
    assert!(waits.fenced().is_none());
    sim.disk.limit_space(1 << 20);
    append(&commits);
    assert_eq!(commits.commit().unwrap(), Offset(2));
    waits.take_committed();
    assert_eq!(waits.durable_end(), Offset(1), "carried by the next commit");
    drop((waits, commits));
    drop(dir);
    sim.disk.crash(env::sim::CrashLoss::Everything);
    let dir = LogDir::open(&sim.env(), Path::new("/data"), 1).unwrap();
    let waits = dir.open_log("waits", 0, uuid::Uuid::from_u128(1), LogConfig::default()).unwrap();
    assert_eq!(waits.log_end(), Offset(1));
}
