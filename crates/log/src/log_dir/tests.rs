//! The folder of all partitions: identity, refusals, marks, deletion.

use std::io::IoSlice;

use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};

use super::*;

const DATA: &str = "/data";

fn open(sim: &Sim) -> Result<LogDir, LogDirError> {
    LogDir::open(&sim.env(), Path::new(DATA), 1)
}

#[test]
fn an_empty_folder_becomes_ours_and_stays_so() {
    let sim = Sim::new(1);
    let first = open(&sim).unwrap().identity().clone();
    sim.disk.crash(CrashLoss::Everything);
    let again = open(&sim).unwrap();
    assert_eq!(*again.identity(), first);
    assert_eq!(again.cluster_id().len(), 22);
    drop(again);
    let other = LogDir::open(&sim.env(), Path::new(DATA), 2).unwrap_err();
    assert!(matches!(other, LogDirError::WrongNode { found: 1, expected: 2, .. }), "{other}");
    let other = LogDir::open_in_cluster(&sim.env(), Path::new(DATA), 1, Some("x")).unwrap_err();
    assert!(matches!(other, LogDirError::WrongCluster { .. }), "{other}");
}

#[test]
fn a_second_process_is_told_so() {
    let sim = Sim::new(1);
    let first = open(&sim).unwrap();
    let second = open(&sim).unwrap_err();
    assert!(matches!(second, LogDirError::Locked { .. }), "{second}");
    drop(first);
    open(&sim).unwrap();
}

#[test]
fn a_foreign_folder_is_refused_untouched() {
    for (file, content) in
        [("letters.txt", "dear"), ("meta.properties", "version=1\ncluster.id=abc\nnode.id=1\n")]
    {
        let sim = Sim::new(1);
        sim.disk.create_dir_all(Path::new(DATA)).unwrap();
        let path = Path::new(DATA).join(file);
        let written = sim.disk.open(&path, OpenMode::Create).unwrap();
        written.write_all_at(&[IoSlice::new(content.as_bytes())], 0).unwrap();
        let before = sim.disk.changes();
        let error = open(&sim).unwrap_err();
        match file {
            "letters.txt" => {
                assert!(error.to_string().ends_with("it holds letters.txt"), "{error}");
            }
            _ => assert!(matches!(error, LogDirError::ForeignKafka { .. }), "{error}"),
        }
        assert_eq!(sim.disk.changes(), before, "{file}");
        assert_eq!(sim.disk.read_dir(Path::new(DATA)).unwrap().len(), 1, "{file}");
    }
}

#[test]
fn an_unwritable_folder_is_named() {
    let sim = Sim::new(1);
    sim.disk.stop_at(1);
    let error = open(&sim).unwrap_err();
    assert!(matches!(error, LogDirError::Unwritable { .. }), "{error}");
}

fn value(sim: &Sim) -> Vec<u8> {
    let mut builder = records::BatchBuilder::new(records::Codec::None);
    builder.push(records::Timestamp(sim.env().clock.wall_ms()), None, Some(b"v"), &[]);
    builder.build().unwrap().to_vec()
}

fn append(sim: &Sim, log: &Log) {
    log.append_as_leader(&value(sim), records::LeaderEpoch(0), crate::Origin::Client).unwrap();
}

#[test]
fn a_partition_that_is_deleted_leaves_nothing() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let id = Uuid::from_u128(9);
    let log = dir.open_log("a-b", 2, id, LogConfig::default()).unwrap();
    dir.open_log("c", 0, id, LogConfig::default()).unwrap();
    append(&sim, &log);
    log.sync().unwrap();
    dir.delete_log(&log).unwrap();
    assert!(dir.log(id, 2).is_none());
    assert!(matches!(log.sync(), Err(LogError::Closed)));
    assert!(!sim.disk.exists(&Path::new(DATA).join("a-b-2")));
    let again = dir.open_log("a-b", 2, Uuid::from_u128(10), LogConfig::default()).unwrap();
    assert_eq!(again.log_end(), Offset(0));
    // One that rests, and one that never was there.
    append(&sim, &again);
    drop(again);
    dir.rest_unused();
    dir.rest_unused();
    assert!(dir.resting(Uuid::from_u128(10), 2).is_some());
    dir.delete_all("a-b", Uuid::from_u128(10), &[2, 3]).unwrap();
    assert!(dir.resting(Uuid::from_u128(10), 2).is_none());
    assert!(!sim.disk.exists(&Path::new(DATA).join("a-b-2")));
}

#[test]
fn a_log_that_nobody_uses_rests_and_comes_back_as_it_was() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let id = Uuid::from_u128(9);
    let log = dir.open_log("t", 0, id, LogConfig::default()).unwrap();
    append(&sim, &log);
    dir.rest_unused();
    assert!(!log.is_closed(), "it was used since the last look");
    dir.rest_unused();
    assert!(log.is_closed());
    assert!(dir.log(id, 0).is_none());
    let resting = dir.resting(id, 0).unwrap();
    assert_eq!((resting.log_start, resting.log_end), (Offset(0), Offset(1)));
    assert_eq!(resting.bytes, value(&sim).len() as u64);
    assert!(resting.oldest.is_some());
    // Whoever still holds it may read, and is told to open it again before writing.
    assert!(log.read(Offset(0), Offset(1), 100, true).is_ok());
    let refused =
        log.append_as_leader(&value(&sim), records::LeaderEpoch(0), crate::Origin::Client);
    assert!(matches!(refused, Err(crate::AppendError::Storage(LogError::Closed))));

    let again = dir.open_log("t", 0, id, LogConfig::default()).unwrap();
    append(&sim, &again);
    assert_eq!(again.log_end(), Offset(2));
    drop((log, again));
    dir.rest_unused();
    dir.rest_unused();
    dir.checkpoint().unwrap();
    drop(dir);
    // The process ends out of order: what rests needs no recovery.
    sim.disk.crash(CrashLoss::Everything);
    let dir = open(&sim).unwrap();
    assert!(!dir.is_unrecovered(id, 0));
    assert_eq!(dir.resting(id, 0).unwrap().log_end, Offset(2));
    let indexes = || sim.disk.exists(&Path::new(DATA).join("t-0/00000000000000000000.index"));
    assert!(indexes());
    let log = dir.open_log("t", 0, id, LogConfig::default()).unwrap();
    assert_eq!((log.log_end(), log.durable_end()), (Offset(2), Offset(2)));
    assert!(indexes(), "it was recovered though it rested");
}

/// A partition that rested at the last checkpoint and was written to since is found out by its files.
#[test]
fn a_log_that_was_used_after_it_rested_is_recovered() {
    for relaxed in [false, true] {
        let sim = Sim::new(1);
        let dir = open(&sim).unwrap();
        let id = Uuid::from_u128(9);
        let durability =
            if relaxed { crate::Durability::Relaxed } else { crate::Durability::Fsync };
        let config = LogConfig { durability, ..LogConfig::default() };
        append(&sim, &dir.open_log("t", 0, id, config.clone()).unwrap());
        dir.rest_unused();
        dir.rest_unused();
        dir.checkpoint().unwrap();
        let log = dir.open_log("t", 0, id, config.clone()).unwrap();
        append(&sim, &log);
        log.commit().unwrap();
        drop((log, dir));
        // The process is killed; what it wrote is in the page cache.
        sim.disk.crash(CrashLoss::Nothing);
        let dir = open(&sim).unwrap();
        let log = dir.open_log("t", 0, id, config).unwrap();
        assert_eq!((log.log_end(), log.durable_end()), (Offset(2), Offset(2)));
    }
}

#[test]
fn more_logs_than_handles_are_not_held_open() {
    let sim = Sim::new(1);
    sim.disk.limit_handles(200);
    let dir = open(&sim).unwrap();
    dir.share_handles(2);
    let id = Uuid::from_u128(9);
    for round in 1..=3 {
        for partition in 0..300 {
            let log = dir.open_log("t", partition, id, LogConfig::default()).unwrap();
            append(&sim, &log);
            assert_eq!(log.log_end(), Offset(round));
            assert!(dir.open_logs().len() <= 101);
        }
    }
}

/// Also where fewer may be than are closed at once.
#[test]
fn a_log_is_open_when_it_is_handed_out() {
    let sim = Sim::new(1);
    sim.disk.limit_handles(30);
    let dir = open(&sim).unwrap();
    for partition in 0..100 {
        let log = dir.open_log("t", partition, Uuid::from_u128(9), LogConfig::default()).unwrap();
        assert!(!log.is_closed(), "{partition}");
        append(&sim, &log);
    }
}

/// The others have to make room, whatever their place in the folder.
#[test]
fn a_log_that_is_used_all_the_time_stays_open_in_a_crowd() {
    let sim = Sim::new(1);
    sim.disk.limit_handles(100);
    let dir = open(&sim).unwrap();
    let log = |n| dir.open_log("t", n, Uuid::from_u128(9), LogConfig::default()).unwrap();
    let busy = [log(0), log(1000)];
    for n in 1..1000 {
        append(&sim, &log(n));
        busy.iter().for_each(|log| log.touch());
        assert!(!busy.iter().any(|log| log.is_closed()), "when {n} was opened");
    }
}

/// What they sealed is durable with the next checkpoint all the same.
#[test]
fn logs_that_roll_faster_than_they_are_synced_do_not_run_out_of_handles() {
    let sim = Sim::new(1);
    sim.disk.limit_handles(100);
    let dir = open(&sim).unwrap();
    let config = LogConfig { segment_bytes: 100, ..LogConfig::default() };
    let log = |n| dir.open_log("t", n, Uuid::from_u128(9), config.clone()).unwrap();
    let logs: Vec<_> = (0..50).map(log).collect();
    for _ in 0..5 {
        logs.iter().for_each(|log| append(&sim, log));
    }
    assert_eq!(logs[49].segments.load().len(), 5);
    // One alone, and all together.
    assert_eq!(logs[49].sync().unwrap(), Offset(5));
    dir.checkpoint().unwrap();
    drop((logs, dir));
    sim.disk.crash(CrashLoss::Everything);
    let dir = open(&sim).unwrap();
    for n in 0..50 {
        let log = dir.open_log("t", n, Uuid::from_u128(9), config.clone()).unwrap();
        assert_eq!((log.log_end(), log.segments.load().len()), (Offset(5), 5));
    }
}

/// What is looked up in a segment for once is not held on to.
#[test]
fn retention_of_as_many_logs_as_there_are_handles_holds_no_old_segment() {
    let sim = Sim::new(1);
    sim.disk.limit_handles(100);
    let dir = open(&sim).unwrap();
    let config = LogConfig {
        segment_bytes: 100,
        retention_ms: Some(1 << 40),
        max_compaction_lag_ms: 1 << 40,
        min_compaction_lag_ms: 1,
        cleanup: crate::Cleanup { delete: true, compact: true },
        ..LogConfig::default()
    };
    let open = |n| dir.open_log("t", n, Uuid::from_u128(9), config.clone()).unwrap();
    for partition in 0..100 {
        let log = open(partition);
        for _ in 0..3 {
            let mut batch = records::BatchBuilder::new(records::Codec::None);
            batch.push(records::Timestamp(sim.env().clock.wall_ms()), Some(b"k"), Some(b"v"), &[]);
            let bytes = batch.build().unwrap();
            log.append_as_leader(&bytes, records::LeaderEpoch(0), crate::Origin::Client).unwrap();
        }
    }
    // Closed and opened again, they know nothing of their segments.
    dir.rest_unused();
    dir.rest_unused();
    sim.clock.advance(std::time::Duration::from_secs(1));
    for log in (0..100).map(open) {
        assert!(log.segment_count() > 2);
        assert_eq!(log.apply_retention().unwrap().segments_deleted, 0);
        assert!(log.cleanable(log.durable_end()).unwrap().dirty_bytes > 0);
    }
    assert_eq!(dir.open_logs().len(), 100);
}

/// A deletion that a crash interrupts wherever it likes leaves nothing behind that nobody is told of.
#[test]
fn a_folder_of_a_deletion_that_was_interrupted_is_reported() {
    let mut reported = 0;
    for changes in 1..40 {
        let sim = Sim::new(1);
        let dir = open(&sim).unwrap();
        let id = Uuid::from_u128(9);
        append(&sim, &dir.open_log("gone", 0, id, LogConfig::default()).unwrap());
        append(&sim, &dir.open_log("kept", 0, Uuid::from_u128(7), LogConfig::default()).unwrap());
        dir.commit().unwrap();
        sim.disk.stop_at(changes);
        let done = dir.delete_all("gone", id, &[0]).is_ok();
        drop(dir);
        sim.disk.crash(CrashLoss::Nothing);
        let dir = open(&sim).unwrap();
        let folder = Path::new(DATA).join("gone-0");
        let left = dir.forget_missing(|id| id == Uuid::from_u128(7));
        let expected: &[PathBuf] =
            if sim.disk.exists(&folder) { std::slice::from_ref(&folder) } else { &[] };
        assert_eq!(left, expected, "stopped at {changes}");
        reported += expected.len();
        if done {
            assert!(reported > 0);
            return;
        }
    }
    panic!("the deletion never came to its end");
}

/// Whoever comes late, such as a recovery that was under way, does not write to a folder that another
/// process may have by now.
#[test]
fn a_folder_that_is_closed_opens_nothing() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let id = Uuid::from_u128(9);
    append(&sim, &dir.open_log("t", 0, id, LogConfig::default()).unwrap());
    dir.close().unwrap();
    let again = dir.open_log("t", 0, id, LogConfig::default());
    assert!(matches!(again, Err(LogError::Closed)), "{again:?}");
    let before = sim.disk.changes();
    dir.checkpoint().unwrap();
    assert_eq!(sim.disk.changes(), before);
}

/// Small files are written for each of them, which together are more than may be held open.
#[test]
fn as_many_logs_as_there_are_handles_are_synced_and_closed_together() {
    let sim = Sim::new(1);
    sim.disk.limit_handles(100);
    let dir = open(&sim).unwrap();
    for close in [false, true] {
        for partition in 0..100 {
            let id = Uuid::from_u128(9);
            append(&sim, &dir.open_log("t", partition, id, LogConfig::default()).unwrap());
        }
        if close { dir.close() } else { dir.checkpoint() }.unwrap();
    }
}

#[test]
fn a_damaged_catalogue_is_not_taken_for_an_empty_one() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    dir.open_log("t", 0, Uuid::from_u128(9), LogConfig::default()).unwrap();
    dir.checkpoint().unwrap();
    drop(dir);
    assert!(sim.disk.flip_bit(&Path::new(DATA).join(CATALOGUE), 30, 3));
    let error = open(&sim).unwrap_err();
    assert!(matches!(error, LogDirError::Damaged { .. }), "{error}");
}

/// Whatever bytes the disk holds: an error or a log, never a panic, and never more memory than the
/// files are large.
#[test]
fn damaged_files_are_errors() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let id = Uuid::from_u128(9);
    let config = LogConfig { segment_bytes: 600, index_interval_bytes: 64, ..LogConfig::default() };
    let log = dir.open_log("t", 0, id, config.clone()).unwrap();
    for n in 0..20 {
        let mut builder = records::BatchBuilder::new(records::Codec::None).producer(
            records::ProducerId(1),
            records::ProducerEpoch(0),
            n,
        );
        builder.push(records::Timestamp(sim.env().clock.wall_ms()), None, Some(b"value"), &[]);
        let bytes = builder.build().unwrap();
        log.append_as_leader(&bytes, records::LeaderEpoch(n / 7), crate::Origin::Client).unwrap();
    }
    dir.checkpoint().unwrap();
    let unclean = sim.disk.duplicate();
    dir.close().unwrap();
    let clean = sim.disk.duplicate();
    let folder = Path::new(DATA).join("t-0");
    let (mut opened, mut refused) = (0, 0);
    for round in 0..3_000_u64 {
        let base = if round % 2 == 0 { &clean } else { &unclean };
        let sim = Sim { disk: Arc::new(base.duplicate()), ..Sim::new(round) };
        let env = sim.env();
        let names = env.disk.read_dir(&folder).unwrap();
        for _ in 0..=env.random.next_u64() % 3 {
            let which = usize::try_from(env.random.next_u64()).unwrap() % names.len();
            let file = folder.join(&names[which].name);
            let len = env.disk.open(&file, OpenMode::Read).unwrap().len().unwrap().max(1);
            let at = env.random.next_u64() % len;
            sim.disk.flip_bit(&file, at, u32::try_from(env.random.next_u64() % 8).unwrap());
            if let Ok(dump) = crate::dump::open(&*env.disk, &file) {
                assert!(dump.count() < 1_000);
            }
        }
        let Ok(dir) = open(&sim) else { continue };
        match dir.open_log("t", 0, id, config.clone()) {
            Ok(log) => {
                opened += 1;
                let _ = log.read(log.log_start(), log.log_end(), usize::MAX, true);
                let _ = log.read(Offset(11), log.log_end(), 100, true);
                let _ = log.offset_for_time(records::Timestamp(1), log.log_end());
                let _ = log.max_timestamp(log.log_end());
                let _ = log.apply_retention();
                let _ = log.truncate_to(Offset(9));
                let _ = log.close();
            }
            Err(_) => refused += 1,
        }
    }
    assert!(opened > 100 && refused > 100, "{opened} opened, {refused} refused");
}

#[test]
fn many_logs_are_all_closed_and_empty_ones_have_no_indexes() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let count = 100;
    let id = Uuid::from_u128(9);
    for partition in 0..count {
        let log = dir.open_log("t", partition, id, LogConfig::default()).unwrap();
        if partition % 2 == 0 {
            let mut builder = records::BatchBuilder::new(records::Codec::None);
            builder.push(records::Timestamp(1), None, Some(b"v"), &[]);
            let bytes = builder.build().unwrap();
            log.append_as_leader(&bytes, records::LeaderEpoch(0), crate::Origin::Client).unwrap();
        }
    }
    dir.close().unwrap();
    drop(dir);
    sim.disk.crash(CrashLoss::Everything);
    let dir = open(&sim).unwrap();
    assert!(dir.was_clean());
    for partition in 0..count {
        let folder = Path::new(DATA).join(format!("t-{partition}"));
        let files = sim.disk.read_dir(&folder).unwrap();
        let indexed = files.iter().any(|entry| entry.name.ends_with(".index"));
        let log = dir.open_log("t", partition, id, LogConfig::default()).unwrap();
        let records = i64::from(partition % 2 == 0);
        assert_eq!((log.log_end(), indexed), (Offset(records), records == 1), "{partition}");
    }
}

#[test]
fn a_failure_to_write_behind_fences_the_folder() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let log = dir.open_log("t", 0, Uuid::from_u128(1), LogConfig::default()).unwrap();
    append(&sim, &log);
    dir.write_behind().unwrap();
    append(&sim, &log);
    sim.disk.fail_sync(1);
    dir.write_behind().unwrap_err();
    // What was lost on its way to the disk is told only once: nothing may be acknowledged from here on.
    assert!(dir.fenced().is_some());
    log.commit().unwrap_err();
}

/// Reads go on, of what was left in order; all else waits for the next start.
#[test]
fn a_log_that_is_opened_in_a_folder_that_has_failed_changes_nothing() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let id = Uuid::from_u128(9);
    let log = |dir: &LogDir, n| dir.open_log("t", n, id, LogConfig::default());
    for partition in 0..2 {
        append(&sim, &log(&dir, partition).unwrap());
    }
    dir.commit().unwrap();
    drop(dir);
    sim.disk.crash(CrashLoss::Nothing);
    let dir = open(&sim).unwrap();
    // One is not opened after the process was killed, the other one is and rests.
    drop(log(&dir, 1).unwrap());
    dir.rest_unused();
    dir.rest_unused();
    assert!(dir.is_unrecovered(id, 0) && dir.resting(id, 1).is_some());
    let segment = "00000000000000000000";
    let left: Vec<PathBuf> = [0, 1]
        .iter()
        .flat_map(|partition| {
            ["log.deleted", "index.cleaned", "log.1.tmp"].map(|end| (partition, end))
        })
        .map(|(partition, end)| Path::new(DATA).join(format!("t-{partition}/{segment}.{end}")))
        .collect();
    for path in &left {
        sim.disk.open(path, OpenMode::Create).unwrap();
    }
    dir.fence.set(LogError::NotInMemory).unwrap();
    let before = sim.disk.changes();
    for partition in [0, 2] {
        let refused = log(&dir, partition);
        assert!(matches!(refused, Err(LogError::Fenced { .. })), "{partition}: {refused:?}");
    }
    let read = log(&dir, 1).unwrap();
    assert_eq!(read.log_end(), Offset(1));
    read.read(Offset(0), Offset(1), 100, true).unwrap().load().unwrap();
    assert!(matches!(dir.checkpoint(), Err(LogError::Fenced { .. })));
    assert!(dir.close().is_err());
    assert_eq!(sim.disk.changes(), before);
    assert!(left.iter().all(|path| sim.disk.exists(path)));
    drop((read, dir));
    let dir = open(&sim).unwrap();
    for partition in [0, 1] {
        assert_eq!(log(&dir, partition).unwrap().log_end(), Offset(1));
    }
    assert!(!left.iter().any(|path| sim.disk.exists(path)));
}
