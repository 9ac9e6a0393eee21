//! One log on a simulated disk: append, read, roll, sync, close.

use std::io;

use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};
use records::{BatchBuilder, Codec, Timestamp, batches};

use super::*;
use crate::{Durability, LogDir, Origin};

/// A folder of its own on the machine's disk, gone afterwards.
struct Folder(Env, PathBuf);

impl Folder {
    fn new() -> Folder {
        let env = Env::system();
        let unique = format!("walser-log-{:016x}", env.random.next_u64());
        let path = std::env::temp_dir().join(unique);
        Folder(env, path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.0.disk.remove_dir_all(&self.1);
    }
}

fn batch(values: &[&str]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None);
    for value in values {
        builder.push(Timestamp::NONE, None, Some(value.as_bytes()), &[]);
    }
    builder.build().unwrap().to_vec()
}

fn values(log: &Log, from: Offset) -> io::Result<Vec<String>> {
    let slice = log.read(from, log.log_end(), usize::MAX, true).map_err(io::Error::other)?;
    let bytes = slice.load()?;
    let mut values = Vec::new();
    for batch in batches(&bytes) {
        let batch = batch.map_err(io::Error::other)?;
        batch.check_crc().map_err(io::Error::other)?;
        for record in batch.records(batch.record_section()).flatten() {
            values.push(String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned());
        }
    }
    Ok(values)
}

#[test]
fn what_is_appended_is_read_and_still_there_after_a_restart() {
    let folder = Folder::new();
    let id = Uuid::from_u128(7);
    for round in 0..3_i64 {
        let dir = LogDir::open(&folder.0, &folder.1, 1).unwrap();
        let log = dir.open_log("t", 0, id, LogConfig::default()).unwrap();
        assert_eq!(log.log_end(), Offset(round * 3), "round {round}");
        let info =
            log.append_as_leader(&batch(&["a", "b"]), LeaderEpoch(0), Origin::Client).unwrap();
        assert_eq!((info.first, info.last), (Offset(round * 3), Offset(round * 3 + 1)));
        log.append_as_leader(&batch(&["c"]), LeaderEpoch(0), Origin::Client).unwrap();
        assert_eq!(log.sync().unwrap(), Offset(round * 3 + 3));
        let expected: Vec<&str> = (0..=round).flat_map(|_| ["a", "b", "c"]).collect();
        assert_eq!(values(&log, Offset(0)).unwrap(), expected);
        assert_eq!(log.config().durability, Durability::Fsync);
        // Once in order, then by surprise.
        if round != 1 {
            dir.close().unwrap();
        }
    }
}

mod faults {
    use std::path::Path;

    use env::sim::{CrashLoss, Sim};

    use super::*;
    use crate::testing::Bench;
    use crate::{AppendError, ReadError};

    const SEGMENT: &str = "/data/t-0/00000000000000000000.log";

    #[test]
    fn after_a_failed_write_or_sync_nothing_is_written_any_more() {
        type Fault = (&'static str, fn(&Sim));
        let faults: [Fault; 2] =
            [("write", |sim| sim.disk.fail_write(1)), ("sync", |sim| sim.disk.fail_sync(1))];
        for (name, fault) in faults {
            let bench = Bench::new(LogConfig::default());
            bench.append(&["a"]);
            assert_eq!(bench.log.sync().unwrap(), Offset(1));
            fault(&bench.sim);
            let appended = bench.produce(&bench.builder(&["b"]).build().unwrap());
            let synced = bench.log.sync();
            assert!(appended.is_err() || synced.is_err(), "{name} did not fail");
            assert!(bench.log.fenced().is_some(), "{name} did not fence");
            let again = bench.produce(&bench.builder(&["c"]).build().unwrap());
            assert!(
                matches!(again, Err(AppendError::Storage(LogError::Fenced { .. }))),
                "{name}: {again:?}"
            );
            assert!(matches!(bench.log.sync(), Err(LogError::Fenced { .. })), "{name}");
            assert_eq!(bench.log.durable_end(), Offset(1), "{name}: nothing new was acknowledged");
            assert_eq!(bench.values()[0], "a", "{name}: reads go on");
            assert!(bench.dir.close().is_err(), "{name}: not closed in order");

            let sim = bench.sim.clone();
            drop(bench);
            sim.disk.crash(CrashLoss::Everything);
            let bench = Bench::on(sim, LogConfig::default());
            assert_eq!(bench.values(), ["a"], "{name}");
            bench.append(&["d"]);
        }
    }

    #[test]
    fn a_damaged_payload_is_the_readers_to_find_and_a_damaged_header_ours() {
        let bench = Bench::new(LogConfig::default());
        bench.append(&["a"]);
        bench.append(&["b"]);
        bench.log.sync().unwrap();
        assert!(bench.sim.disk.flip_bit(Path::new(SEGMENT), 16, 3));
        let error = bench.log.read(Offset(0), Offset(2), 10, true).unwrap_err();
        assert!(matches!(error, ReadError::Storage(LogError::Damaged { .. })), "{error}");
    }

    #[test]
    fn short_reads_change_nothing() {
        let bench = Bench::new(LogConfig { segment_bytes: 300, ..LogConfig::default() });
        for value in ["a", "b", "c", "d", "e", "f", "g"] {
            bench.append(&[value]);
        }
        bench.dir.checkpoint().unwrap();
        bench.append(&["h"]);
        bench.log.commit().unwrap();
        bench.sim.disk.shorten_reads(7);
        assert_eq!(bench.values().concat(), "abcdefgh");
        let sim = bench.sim.clone();
        drop(bench);
        sim.disk.crash(CrashLoss::Nothing);
        sim.disk.shorten_reads(3);
        assert_eq!(Bench::on(sim, LogConfig::default()).values().concat(), "abcdefgh");
    }

    /// What is durable is found again by the index of the last checkpoint, not by walking it.
    #[test]
    fn recovery_does_not_walk_what_a_checkpoint_has_indexed() {
        let config = LogConfig { retention_ms: None, ..LogConfig::default() };
        let bench = Bench::new(config.clone());
        let value = "x".repeat(500_000);
        bench.append_times(40, &value);
        bench.dir.checkpoint().unwrap();
        bench.append(&["after"]);
        bench.log.commit().unwrap();
        let tenth = bench.log.read(Offset(10), Offset(11), 1, true).unwrap();
        let tenth = tenth.regions[0].position;
        let sim = bench.sim.clone();
        drop(bench);
        sim.disk.crash(CrashLoss::Nothing);
        // A walk from the start would stumble over this; only a read of that very record may.
        assert!(sim.disk.flip_bit(Path::new(SEGMENT), tenth + 16, 3));
        let bench = Bench::on(sim, config);
        assert_eq!(bench.log.log_end(), Offset(41));
        assert!(bench.log.read(Offset(20), Offset(41), usize::MAX, true).is_ok());
        assert!(bench.log.read(Offset(10), Offset(12), 1, true).is_err());
    }

    #[test]
    fn a_log_of_another_topic_is_not_opened() {
        let bench = Bench::new(LogConfig::default());
        let other = Uuid::from_u128(1);
        let error = bench.dir.open_log("t", 0, other, LogConfig::default()).unwrap_err();
        assert!(matches!(error, LogError::TopicIdMismatch { .. }), "{error}");
        bench.append(&["kept"]);
        bench.dir.close().unwrap();
        let dir = LogDir::open(&bench.sim.env(), Path::new("/data"), 1).unwrap();
        let log = dir.open_log("t", 0, other, LogConfig::default()).unwrap();
        assert_eq!(log.log_end(), Offset(0));
        let folders = bench.sim.env().disk.read_dir(Path::new("/data")).unwrap();
        let aside = folders.iter().find(|folder| folder.name.ends_with("-stray")).unwrap();
        let segment = Path::new("/data").join(&aside.name).join("00000000000000000000.log");
        assert!(sim_len(&bench.sim, &segment) > 0, "what was moved aside is gone");
    }
}

fn sim_len(sim: &env::sim::Sim, path: &Path) -> u64 {
    let disk: &dyn env::Disk = &*sim.disk;
    disk.open(path, env::disk::OpenMode::Read).unwrap().len().unwrap()
}

mod rolling {
    use std::time::Duration;

    use super::*;
    use crate::testing::Bench;

    #[test]
    fn segments_end_by_size_by_age_and_by_their_index() {
        let bench = Bench::new(LogConfig { segment_bytes: 300, ..LogConfig::default() });
        bench.append_times(8, "0123456789");
        assert_eq!(bench.log.segment_count(), 3);

        let bench = Bench::new(LogConfig { segment_ms: 1_000, ..LogConfig::default() });
        bench.append(&["a"]);
        bench.sim.clock.advance(Duration::from_millis(1_000));
        bench.append(&["b"]);
        assert_eq!(bench.log.segment_count(), 1);
        bench.sim.clock.advance(Duration::from_millis(1));
        bench.append(&["c"]);
        assert_eq!(bench.log.segment_count(), 2);
        bench.sim.clock.advance(Duration::from_millis(1_001));
        assert!(bench.log.apply_retention().unwrap().rolled, "no append comes to roll it");
        assert_eq!(bench.log.segment_count(), 3);

        let config =
            LogConfig { segment_index_bytes: 16, index_interval_bytes: 0, ..LogConfig::default() };
        let bench = Bench::new(config);
        bench.append_times(6, "a");
        assert!(bench.log.segment_count() > 1, "two entries fill an index of 16 bytes");
    }

    #[test]
    fn retention_by_time_and_size_keeps_what_is_not_durable() {
        let config = LogConfig {
            segment_bytes: 300,
            retention_ms: Some(10_000),
            retention_bytes: Some(700),
            file_delete_delay_ms: 5_000,
            ..LogConfig::default()
        };
        let bench = Bench::new(config);
        bench.append_times(20, "0123456789");
        assert_eq!(bench.log.apply_retention().unwrap().segments_deleted, 0, "nothing is durable");
        bench.log.sync().unwrap();
        let report = bench.log.apply_retention().unwrap();
        assert!(report.segments_deleted > 0, "{report:?}");
        assert!(bench.log.size_bytes() >= 700, "{}", bench.log.size_bytes());
        assert_eq!(report.log_start, bench.log.log_start());
        let names = || {
            let disk = bench.sim.disk.as_ref() as &dyn env::Disk;
            disk.read_dir(bench.log.dir()).unwrap()
        };
        assert!(names().iter().any(|entry| entry.name.ends_with(".deleted")));
        bench.sim.clock.advance(Duration::from_millis(5_000));
        assert!(bench.log.apply_retention().unwrap().files_removed > 0);
        assert!(!names().iter().any(|entry| entry.name.ends_with(".deleted")));

        bench.sim.clock.advance(Duration::from_millis(10_001));
        let report = bench.log.apply_retention().unwrap();
        assert_eq!(report.log_start, Offset(20), "all of it is too old: {report:?}");
        assert_eq!(bench.log.size_bytes(), 0);
        assert_eq!(bench.append(&["next"]).first, Offset(20), "offsets go on");
    }

    #[test]
    fn a_reader_that_has_found_its_slice_can_finish() {
        let config = LogConfig {
            segment_bytes: 150,
            retention_bytes: Some(0),
            file_delete_delay_ms: 0,
            ..LogConfig::default()
        };
        let bench = Bench::new(config);
        bench.append_times(4, "0123456789");
        bench.log.sync().unwrap();
        let slice = bench.log.read(Offset(0), Offset(4), usize::MAX, true).unwrap();
        assert!(bench.log.apply_retention().unwrap().segments_deleted > 0);
        assert_eq!(slice.load().unwrap().len(), slice.len());
        assert!(bench.log.read(Offset(0), Offset(4), 1, true).is_err());
    }

    #[test]
    fn time_leads_to_offsets_across_segments() {
        let bench = Bench::new(LogConfig { segment_bytes: 200, ..LogConfig::default() });
        let start = bench.now();
        for _ in 0..20 {
            bench.append(&["a"]);
            bench.sim.clock.advance(Duration::from_millis(10));
        }
        for (after, offset) in
            [(0, Some(0)), (1, Some(1)), (95, Some(10)), (190, Some(19)), (191, None)]
        {
            let found = bench.log.offset_for_time(start.plus_ms(after), Offset(20)).unwrap();
            assert_eq!(found.map(|found| found.offset.0), offset, "{after} ms after the start");
        }
        let latest = bench.log.max_timestamp(Offset(15)).unwrap().unwrap();
        assert_eq!(latest.offset, Offset(14), "what is not visible does not count");
        assert_eq!(latest.leader_epoch, Some(LeaderEpoch(0)));
    }
}

mod at_once {
    use std::sync::atomic::AtomicI64;

    use super::*;
    use crate::testing::AtOnce;
    use crate::{DurableListener, Syncer};

    #[derive(Debug, Default)]
    struct Ear(AtomicI64);

    impl DurableListener for Ear {
        fn durable(&self, end: Offset) {
            self.0.fetch_max(end.0, Ordering::AcqRel);
        }
        fn failed(&self, error: &LogError) {
            panic!("{error}");
        }
    }

    /// Writers, readers, a syncer and retention at once on the machine's disk: offsets stay
    /// contiguous and whole for every reader, and all of it becomes durable.
    #[test]
    fn writers_readers_and_syncs_do_not_disturb_each_other() {
        const EACH: i64 = 400;
        const WRITERS: i64 = 3;
        let folder = Folder::new();
        let dir = Arc::new(LogDir::open(&folder.0, &folder.1, 1).unwrap());
        let config = LogConfig { segment_bytes: 8_000, retention_ms: None, ..LogConfig::default() };
        let log = dir.open_log("t", 0, Uuid::from_u128(7), config).unwrap();
        let syncer = Syncer::start(dir.clone(), 2, AtOnce).unwrap();
        let ear = Arc::new(Ear::default());
        let weak: Weak<dyn DurableListener> = Arc::downgrade(&ear) as Weak<_>;
        log.set_listener(weak);
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (log, syncer) = (&log, &syncer);
                scope.spawn(move || {
                    for n in 0..EACH {
                        let bytes = batch(&[&format!("{writer}-{n}")]);
                        log.append_as_leader(&bytes, LeaderEpoch(0), Origin::Client).unwrap();
                        syncer.request(log);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut at = Offset(0);
                    while at < Offset(EACH * WRITERS) {
                        let slice = log.read(at, log.log_end(), 3_000, true).unwrap();
                        let bytes = slice.load().unwrap();
                        for batch in batches(&bytes) {
                            let batch = batch.unwrap();
                            batch.check_crc().unwrap();
                            assert_eq!(batch.header.base_offset, at);
                            at = batch.header.next_offset();
                        }
                        assert_eq!(at, slice.next);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..20 {
                    log.apply_retention().unwrap();
                    dir.checkpoint().unwrap();
                }
            });
        });
        syncer.stop();
        assert_eq!(ear.0.load(Ordering::Acquire), EACH * WRITERS);
        assert_eq!(log.durable_end(), Offset(EACH * WRITERS));
        let values = values(&log, Offset(0)).unwrap();
        for writer in 0..WRITERS {
            let prefix = format!("{writer}-");
            let own: Vec<_> =
                values.iter().filter_map(|value| value.strip_prefix(&prefix)).collect();
            let expected: Vec<String> = (0..EACH).map(|n| n.to_string()).collect();
            assert_eq!(own, expected, "writer {writer} is out of order");
        }
    }

    /// A failed write-back is told once to each descriptor that was there before: it must be an old one.
    #[test]
    fn the_file_system_is_synced_by_a_descriptor_that_is_held() {
        let folder = Folder::new();
        let dir = LogDir::open(&folder.0, &folder.1, 1).unwrap();
        let elsewhere = folder.1.with_extension("elsewhere");
        folder.0.disk.rename(&folder.1, &elsewhere).unwrap();
        let synced = dir.write_behind();
        folder.0.disk.rename(&elsewhere, &folder.1).unwrap();
        synced.unwrap();
    }

    #[test]
    fn a_log_without_waiting_requests_is_told_of_failure() {
        #[derive(Debug, Default)]
        struct Failed(AtomicBool);
        impl DurableListener for Failed {
            fn durable(&self, _end: Offset) {}
            fn failed(&self, _error: &LogError) {
                self.0.store(true, Ordering::Release);
            }
        }
        let bench = crate::testing::Bench::new(LogConfig::default());
        let failed = Arc::new(Failed::default());
        let weak: Weak<dyn DurableListener> = Arc::downgrade(&failed) as Weak<_>;
        bench.log.set_listener(weak);
        bench.append(&["a"]);
        bench.sim.disk.fail_sync(1);
        let syncer = Syncer::start(bench.dir.clone(), 1, AtOnce).unwrap();
        syncer.request(&bench.log);
        syncer.stop();
        assert!(failed.0.load(Ordering::Acquire));
    }
}

/// Recovery believes the snapshot at the log start, so it is not put at risk once it is durable.
#[test]
fn a_snapshot_that_is_durable_survives_the_next_close() {
    let lives = |stop: Option<u64>| {
        let sim = Sim::new(1);
        let open = || {
            let (config, id) = (LogConfig::default(), Uuid::from_u128(1));
            Log::open(&sim.env(), Path::new("/t-0"), id, config, true, Offset::ZERO).unwrap()
        };
        let log = open();
        log.append_as_leader(&batch(&["a"]), LeaderEpoch(0), Origin::Client).unwrap();
        log.close().unwrap();
        let log = open();
        let before = sim.disk.changes();
        if let Some(stop) = stop {
            sim.disk.stop_at(stop);
        }
        let closed = log.close();
        assert_eq!(closed.is_ok(), stop.is_none());
        let changes = sim.disk.changes() - before;
        sim.disk.crash(CrashLoss::Random(stop.unwrap_or(0)));
        let path = Path::new("/t-0").join(names::segment_file(Offset(1), names::SNAPSHOT));
        let snapshot = (&*sim.disk as &dyn env::Disk).read(&path, 1000).unwrap();
        assert!(Producers::decode(&snapshot, 0).is_ok(), "stopped at {stop:?}: {snapshot:?}");
        changes
    };
    for stop in 1..=lives(None) {
        lives(Some(stop));
    }
}

/// What compaction leaves looks much the same, and is not damage.
#[test]
fn a_segment_that_lost_its_end_is_not_read_past() {
    let sim = Sim::new(1);
    let open = |clean| {
        let config = LogConfig { segment_bytes: 150, ..LogConfig::default() };
        let id = Uuid::from_u128(1);
        Log::open(&sim.env(), Path::new("/t-0"), id, config, clean, Offset::ZERO).unwrap()
    };
    let log = open(true);
    for n in 0..4 {
        let batch = batch(&[&n.to_string()]);
        log.append_as_leader(&batch, LeaderEpoch(0), Origin::Client).unwrap();
    }
    assert_eq!(log.segment_count(), 2);
    log.close().unwrap();
    let path = Path::new("/t-0").join(names::segment_file(Offset(0), names::LOG));
    let file = (&*sim.disk as &dyn env::Disk).open(&path, OpenMode::Write).unwrap();
    let half = file.len().unwrap() / 2;
    for (left, readable) in [(half, 1), (0, 0)] {
        file.set_len(left).unwrap();
        let log = open(true);
        for from in 0..2 {
            let read = log.read(Offset(from), log.log_end(), 1, true);
            let read = read.map(|slice| slice.next);
            if from < readable {
                assert_eq!(read.unwrap(), Offset(from + 1));
            } else {
                assert!(
                    matches!(read, Err(crate::ReadError::Storage(LogError::Damaged { .. }))),
                    "{read:?}"
                );
            }
        }
        assert_eq!(log.read(Offset(2), log.log_end(), 1, true).unwrap().next, Offset(3));
    }
}
