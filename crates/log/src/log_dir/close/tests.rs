//! Logs that are closed: beside each other, beside a checkpoint, and on a disk that does not go along.

use std::path::Path;

use env::Disk;
use env::sim::{CrashLoss, Sim};
use parking_lot::Mutex;
use records::{BatchBuilder, Codec, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use uuid::Uuid;

use super::*;
use crate::{DurableListener, LogConfig, Origin};

const DATA: &str = "/data";
const TOPIC: Uuid = Uuid::from_u128(9);

fn open(sim: &Sim) -> Arc<LogDir> {
    Arc::new(LogDir::open(&sim.env(), Path::new(DATA), 1).unwrap())
}

fn log(dir: &LogDir, partition: i32) -> Arc<Log> {
    dir.open_log("t", partition, TOPIC, LogConfig::default()).unwrap()
}

fn append(sim: &Sim, log: &Log) {
    append_in(sim, log, 0);
}

fn append_in(sim: &Sim, log: &Log, epoch: i32) {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(Timestamp(sim.env().clock.wall_ms()), None, Some(b"v"), &[]);
    log.append_as_leader(&batch.build().unwrap(), LeaderEpoch(epoch), Origin::Client).unwrap();
}

/// A folder with so many partitions, of which only the journal has the record.
fn journaled(count: usize) -> (Sim, Arc<LogDir>) {
    let sim = Sim::new(1);
    let dir = open(&sim);
    for partition in 0..i32::try_from(count).unwrap() {
        append(&sim, &log(&dir, partition));
    }
    dir.commit().unwrap();
    (sim, dir)
}

/// All of them are there after the next start, up to the same end and undamaged.
fn check_whole(sim: &Sim, count: usize, end: Offset, story: &str) {
    let dir = open(sim);
    for partition in 0..i32::try_from(count).unwrap() {
        let log = log(&dir, partition);
        let known = (log.log_end(), log.damages().len());
        assert_eq!(known, (end, 0), "{partition} of {count} {story}");
    }
}

/// Notes in which order logs came to rest.
#[derive(Debug, Default)]
struct Order(Mutex<Vec<Arc<str>>>);

impl DurableListener for Order {
    fn durable(&self, _end: Offset) {}
    fn failed(&self, _error: &LogError) {}
    fn rested(&self, log: &Log) {
        self.0.lock().push(log.dir().to_string_lossy().into());
    }
}

/// Whoever closes or syncs many logs holds the locks of all of them: if two did so in different orders,
/// they would wait for each other for ever.
#[test]
fn the_locks_of_many_logs_are_taken_in_the_order_of_their_keys() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let order = Arc::new(Order::default());
    let listener: Arc<dyn DurableListener> = order.clone();
    // The last was used longest ago.
    for partition in (100..200).rev() {
        let log = log(&dir, partition);
        log.set_listener(Arc::downgrade(&listener));
        append(&sim, &log);
    }
    dir.rest_longest_unused((TOPIC, 0));
    let order = order.0.lock().clone();
    assert!(order.len() > SYNCED_ONE_BY_ONE, "{} were closed", order.len());
    assert!(order.is_sorted(), "{order:?}");
}

/// Whoever wants a log that is being closed waits for its sync, and for that of all that are closed with it.
#[test]
fn while_some_logs_come_to_rest_others_can_be_opened() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let count = i32::try_from(2 * RESTED_AT_ONCE + 10).unwrap();
    (0..count).for_each(|partition| append(&sim, &log(&dir, partition)));
    dir.commit().unwrap();
    dir.rest_unused();
    assert_eq!(dir.open_logs().len(), 2 * RESTED_AT_ONCE + 10, "they were just used");

    // While the first are being closed, one that was to be closed later is used.
    let (other, seen) = (dir.clone(), Arc::new(Mutex::new(None)));
    let noted = seen.clone();
    sim.disk.stall_sync(
        1,
        Box::new(move |_| {
            let busy = other.logs.lock().busy.len();
            *noted.lock() = Some(busy);
            if busy == RESTED_AT_ONCE {
                append(&Sim::new(1), &log(&other, count - 1));
            }
        }),
    );
    dir.rest_unused();
    assert_eq!(*seen.lock(), Some(RESTED_AT_ONCE));
    let left = dir.open_logs();
    assert_eq!(left.len(), 1, "what was used meanwhile is in use");
    assert_eq!(left[0].log_end(), Offset(2));
    dir.rest_unused();
    assert_eq!(dir.open_logs().len(), 0);
}

/// What a log that is being closed has only in the journal is needed there until its sync is done.
#[test]
fn a_checkpoint_beside_a_close_does_not_give_up_the_journal() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let closing = log(&dir, 0);
    append(&sim, &closing);
    assert_eq!(closing.commit().unwrap(), Offset(1));
    let (other, disk) = (dir.clone(), sim.disk.clone());
    sim.disk.stall_sync(
        1,
        Box::new(move |_| {
            other.checkpoint().unwrap();
            disk.crash(CrashLoss::Everything);
        }),
    );
    dir.rest_again(&closing);
    drop((closing, dir));

    let log = log(&open(&sim), 0);
    assert_eq!((log.log_end(), log.damages().len()), (Offset(1), 0));
}

/// The same of one that could not be closed.
#[test]
fn a_log_that_cannot_be_closed_is_synced_by_the_next_checkpoint() {
    for count in [1, SYNCED_ONE_BY_ONE + 1] {
        let (sim, dir) = journaled(count);
        dir.rest_unused();
        // No room for indexes.
        sim.disk.limit_space(0);
        dir.rest_unused();
        sim.disk.limit_space(1 << 30);
        dir.checkpoint().unwrap();
        drop(dir);
        sim.disk.crash(CrashLoss::Everything);

        check_whole(&sim, count, Offset(1), "");
    }
}

/// What the kernel has dropped is in the journal, and in the page cache as if nothing were wrong.
#[test]
fn a_folder_that_is_fenced_by_a_close_keeps_its_journal() {
    for count in [1, SYNCED_ONE_BY_ONE + 1] {
        let (sim, dir) = journaled(count);
        dir.rest_unused();
        sim.disk.fail_sync(1);
        dir.rest_unused();
        assert!(dir.fenced().is_some());
        // Upkeep goes on; whether that succeeds is all the same.
        let _ = dir.checkpoint();
        let _ = dir.close();
        drop(dir);
        sim.disk.crash(CrashLoss::Everything);

        check_whole(&sim, count, Offset(1), "");
    }
}

/// Also where none of many can be synced.
#[test]
fn a_checkpoint_that_syncs_nothing_keeps_the_journal() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let count = i32::try_from(SYNCED_ONE_BY_ONE).unwrap() + 2;
    let logs: Vec<_> = (0..count).map(|partition| log(&dir, partition)).collect();
    logs.iter().for_each(|log| append(&sim, log));
    dir.commit().unwrap();
    sim.disk.fail_sync(1);
    assert!(logs[0].sync().is_err());
    assert!(dir.checkpoint().is_err(), "the folder is fenced");
    drop((logs, dir));
    sim.disk.crash(CrashLoss::Everything);

    let dir = open(&sim);
    for partition in 0..count {
        assert_eq!(log(&dir, partition).log_end(), Offset(1), "{partition}");
    }
}

/// Wherever a descriptor is missing on the way of a sync: that is no fault of the disk, and what was not
/// synced is by the next.
#[test]
fn a_process_without_a_free_descriptor_syncs_later() {
    let config = LogConfig { segment_bytes: 100, ..LogConfig::default() };
    let many = i32::try_from(SYNCED_ONE_BY_ONE).unwrap() + 2;
    for (count, opened) in (0..25).map(|n| (1, n)).chain((0..25).map(|n| (many, n))) {
        let sim = Sim::new(1);
        let dir = open(&sim);
        let open = |n| dir.open_log("t", n, TOPIC, config.clone()).unwrap();
        let logs: Vec<_> = (0..count).map(open).collect();
        logs.iter().for_each(|log| append(&sim, log));
        dir.commit().unwrap();
        dir.checkpoint().unwrap();
        // Each has a segment more now.
        logs.iter().for_each(|log| append(&sim, log));
        dir.commit().unwrap();
        // So many files more can be opened, before or after what is open now.
        let path = Path::new(DATA).join("t-0/partition.metadata");
        let held: Vec<_> = (0..300 - count - opened)
            .map_while(|_| sim.disk.open(&path, env::disk::OpenMode::Read).ok())
            .collect();
        sim.disk.limit_handles(300 / 5 * 3);
        let failed = dir.checkpoint().is_err();
        assert!(dir.fenced().is_none(), "{count} logs, {opened} files: {:?}", dir.fenced());
        drop(held);
        sim.disk.limit_handles(1000);
        dir.checkpoint().unwrap();
        drop((logs, dir));
        sim.disk.crash(CrashLoss::Everything);
        let logs = usize::try_from(count).unwrap();
        check_whole(&sim, logs, Offset(2), &format!("{opened} files, {failed}"));
    }
}

/// Whoever held a log that could not be closed goes on with it.
#[test]
fn a_log_that_cannot_be_closed_is_open_still() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = log(&dir, 0);
    append(&sim, &log);
    sim.disk.limit_space(0);
    assert!(log.close().unwrap_err().is_full());
    sim.disk.limit_space(1 << 40);
    dir.measure_space();
    append(&sim, &log);
    assert!(Arc::ptr_eq(&log, &self::log(&dir, 0)));
    dir.close().unwrap();
    drop((log, dir));
    let dir = open(&sim);
    assert!(dir.was_clean());
    assert_eq!(self::log(&dir, 0).log_end(), Offset(2));
}

/// Nobody would come back for them before the partition is used again.
#[test]
fn a_log_that_is_closed_leaves_no_deleted_segments() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let config = LogConfig { segment_bytes: 100, retention_bytes: Some(1), ..LogConfig::default() };
    let partitions = i32::try_from(SYNCED_ONE_BY_ONE).unwrap() + 5;
    let logs: Vec<_> = (0..partitions)
        .map(|partition| dir.open_log("t", partition, TOPIC, config.clone()).unwrap())
        .collect();
    for log in &logs {
        (0..3).for_each(|_| append(&sim, log));
        assert_eq!(log.sync().unwrap(), Offset(3));
        assert!(log.apply_retention().unwrap().segments_deleted > 0);
    }
    let left = || -> Vec<String> {
        let files = |n: i32| sim.disk.read_dir(&Path::new(DATA).join(format!("t-{n}"))).unwrap();
        let names = (0..partitions).flat_map(files).map(|entry| entry.name);
        names.filter(|name| name.ends_with(crate::names::DELETED)).collect()
    };
    assert!(!left().is_empty(), "they are deleted later");
    // One alone, and all others together.
    dir.rest_again(&logs[0]);
    drop(logs);
    dir.close().unwrap();
    assert_eq!(left(), Vec::<String>::new());
}

/// What the journal says from then on is needed for its records, but the marks that came before it are old:
/// those of a cut would lower the newer ones.
#[test]
fn a_catalogue_that_does_not_release_the_journal_is_newer_than_the_marks_in_it() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = log(&dir, 0);
    (0..3).for_each(|_| append(&sim, &log));
    log.sync().unwrap();
    log.truncate_to(Offset(1)).unwrap();
    append(&sim, &log);
    log.commit().unwrap();
    log.sync().unwrap();
    dir.write_catalogue(dir.journal.next_entry(), false).unwrap();
    // One more cut is newer than the catalogue.
    append(&sim, &log);
    log.sync().unwrap();
    let marks = |dir: &LogDir| dir.logs.lock().catalogue.get((TOPIC, 0)).unwrap().marks;
    let restarted = |sim: &Sim| {
        let copy = Sim { disk: Arc::new(sim.disk.duplicate()), ..Sim::new(2) };
        copy.disk.crash(CrashLoss::Nothing);
        open(&copy)
    };
    let known = marks(&restarted(&sim));
    assert_eq!((known.recovery_point, known.durable_end), (Offset(2), Offset(2)));
    log.truncate_to(Offset(1)).unwrap();
    let known = marks(&restarted(&sim));
    assert_eq!((known.recovery_point, known.durable_end), (Offset(1), Offset(1)));
}

/// What was closed before the folder failed is as sound as it was, and can be opened to be read.
#[test]
fn what_was_closed_before_another_close_fenced_is_read_on() {
    let mut read = 0;
    for nth in 1..30 {
        let (sim, dir) = journaled(2);
        // Nobody has used them since.
        dir.rest_unused();
        sim.disk.fail_write(nth);
        dir.rest_unused();
        if dir.fenced().is_none() {
            break;
        }
        for key in [0, 1].map(|partition| (TOPIC, partition)) {
            if dir.log(key.0, key.1).is_none() {
                let log = log(&dir, key.1);
                let slice = log.read(Offset(0), Offset(1), 1 << 20, true).unwrap();
                assert!(!slice.load().unwrap().is_empty(), "at write {nth}");
                read += 1;
            }
        }
    }
    assert!(read > 0, "the folder never failed between two closes");
}

/// What a log says of its producers and its epochs, and where it finds what came at a time.
fn told(log: &Log) -> String {
    let (producers, epochs) = (log.active_producers(), log.epochs.read().clone());
    let now = log.env.clock.wall_ms();
    let time = |ago: i64| log.offset_for_time(Timestamp(now - ago * 1000), log.log_end()).unwrap();
    let times: Vec<_> = (0..12).map(time).collect();
    let all = log.read(Offset(0), Offset::MAX, usize::MAX, true).unwrap().load().unwrap();
    format!("{producers:?} {epochs:?} {times:?} {}", all.len())
}

/// The next opening reads off their batches what three files would have to be made for.
#[test]
fn no_files_are_made_to_close_small_logs() {
    let config =
        LogConfig { close_index_bytes: 1500, index_interval_bytes: 100, ..LogConfig::default() };
    let open_log = |dir: &LogDir, n| dir.open_log("t", n, TOPIC, config.clone()).unwrap();
    for count in [1, i32::try_from(SYNCED_ONE_BY_ONE).unwrap() + 1] {
        let sim = Sim::new(1);
        let names = || {
            let names = sim.disk.read_dir(&Path::new(DATA).join("t-0")).unwrap();
            names.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
        };
        let mut sequence = 0;
        let mut append_each = |dir: &LogDir| {
            for n in 0..count {
                let builder = BatchBuilder::new(Codec::None);
                let mut batch = builder.producer(ProducerId(7), ProducerEpoch(0), sequence);
                batch.push(Timestamp(sim.env().clock.wall_ms()), None, Some(&[7; 200]), &[]);
                let (batch, epoch) = (batch.build().unwrap(), LeaderEpoch(sequence / 2));
                open_log(dir, n).append_as_leader(&batch, epoch, Origin::Client).unwrap();
            }
            sim.clock.advance(std::time::Duration::from_secs(1));
            sequence += 1;
        };
        let mut appended = 0;
        let mut snapshots = std::collections::BTreeSet::new();
        for life in 0..12 {
            let dir = open(&sim);
            assert!(dir.was_clean() || life == 0);
            append_each(&dir);
            appended += 1;
            let before = told(&open_log(&dir, 0));
            dir.close().unwrap();
            drop(dir);
            sim.disk.crash(CrashLoss::Everything);
            let names = names();
            snapshots.extend(names.iter().filter(|name| name.ends_with(".snapshot")).cloned());
            assert_eq!(names.len() == 2, life < 5, "{life}: {names:?}");

            let dir = open(&sim);
            let log = open_log(&dir, 0);
            assert_eq!((log.log_end(), told(&log)), (Offset(appended), before), "{life}");
            // Nothing new is to be written of one that was only looked at.
            dir.close().unwrap();
            assert!(sim.disk.read_dir(&log.dir).unwrap().len() <= names.len(), "{life}");
        }
        // Each time that enough has come.
        assert_eq!(snapshots.len(), 2, "{snapshots:?}");
    }
}

/// Each start begins an epoch in each log that is opened. One without a record is nothing to write down, and
/// whoever opens the log next finds it as if it had not been.
#[test]
fn a_stop_with_nothing_written_since_the_start_changes_nothing_on_the_disk() {
    for count in [1, SYNCED_ONE_BY_ONE + 1] {
        let (sim, dir) = journaled(count);
        dir.close().unwrap();
        let each = |dir: &LogDir, see: &dyn Fn(&Log)| {
            (0..i32::try_from(count).unwrap()).for_each(|partition| see(&log(dir, partition)));
        };
        for epoch in 1..3 {
            let dir = open(&sim);
            let before = sim.disk.changes();
            each(&dir, &|log| log.begin_epoch(LeaderEpoch(epoch)).unwrap());
            dir.close().unwrap();
            assert_eq!(sim.disk.changes() - before, 0, "{count} logs, epoch {epoch}");
        }
        let dir = open(&sim);
        each(&dir, &|log| {
            log.begin_epoch(LeaderEpoch(3)).unwrap();
            append_in(&sim, log, 3);
        });
        dir.commit().unwrap();
        dir.close().unwrap();
        drop(dir);
        sim.disk.crash(CrashLoss::Everything);
        each(&open(&sim), &|log| {
            let known: Vec<_> = (0..2).map(|offset| log.epoch_of(Offset(offset))).collect();
            assert_eq!(known, [Some(LeaderEpoch(0)), Some(LeaderEpoch(3))]);
        });
    }
}
