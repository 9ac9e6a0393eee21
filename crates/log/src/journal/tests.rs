//! The journal on a simulated disk: what a crash takes from the segments comes back.

use std::path::Path;
use std::sync::Arc;

use env::Disk;
use env::sim::{CrashLoss, Sim};
use records::{BatchBuilder, Codec, LeaderEpoch, Offset, Timestamp};
use uuid::Uuid;

use super::*;
use crate::catalogue::Catalogue;
use crate::log_dir::CATALOGUE;
use crate::{Durability, Log, LogConfig, LogDir, Origin};

const DATA: &str = "/data";

fn sizes() -> JournalConfig {
    JournalConfig { file_bytes: 32 << 10, append_bytes_max: 2000, unmarked_bytes_max: 5000 }
}

fn open(sim: &Sim) -> LogDir {
    LogDir::open_with(&sim.env(), Path::new(DATA), 1, None, sizes()).unwrap()
}

fn topic(dir: &LogDir, number: u128, config: LogConfig) -> Arc<Log> {
    dir.open_log(&format!("t{number}"), 0, Uuid::from_u128(number), config).unwrap()
}

fn append(log: &Log, value: &str) -> Offset {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(Timestamp(0), None, Some(value.as_bytes()), &[]);
    let config = LogConfig { timestamp_before_max_ms: u64::MAX, ..(*log.config()).clone() };
    log.set_config(config);
    log.append_as_leader(&batch.build().unwrap(), LeaderEpoch(0), Origin::Client).unwrap().last
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

#[test]
fn one_commit_carries_all_partitions_and_a_crash_takes_nothing_of_it() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let logs: Vec<_> = (0..20).map(|n| topic(&dir, n, LogConfig::default())).collect();
    for (n, log) in logs.iter().enumerate() {
        append(log, &format!("first of {n}"));
        append(log, &format!("second of {n}"));
    }
    dir.commit().unwrap();
    let before = sim.disk.changes();
    for log in &logs {
        assert_eq!(log.commit().unwrap(), Offset(2));
    }
    assert_eq!(sim.disk.changes(), before, "the first commit carried all of them");
    for log in &logs {
        append(log, "lost");
    }
    drop((logs, dir));
    sim.disk.crash(CrashLoss::Everything);

    let dir = open(&sim);
    for n in 0..20 {
        let log = topic(&dir, n, LogConfig::default());
        assert_eq!(records(&log), [format!("first of {n}"), format!("second of {n}")]);
    }
}

#[test]
fn files_are_used_again_after_a_checkpoint_and_not_before() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    let journals = || {
        let entries = sim.disk.read_dir(&Path::new(DATA).join(FOLDER)).unwrap();
        entries.iter().filter(|entry| entry.name.ends_with(".journal")).count()
    };
    let fill = |from: usize| {
        for n in from..from + 20 {
            append(&log, &n.to_string());
            log.commit().unwrap();
        }
    };
    fill(0);
    let without = journals();
    assert!(without >= 3, "20 entries take at least three files, not {without}");
    for round in 1..5 {
        dir.checkpoint().unwrap();
        fill(round * 20);
    }
    assert!(journals() <= without + 1, "{} files, {without} before", journals());
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let log = topic(&open(&sim), 1, LogConfig::default());
    assert_eq!(records(&log), (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_follows_a_large_batch_waits_for_its_sync() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "small");
    append(&log, &"large".repeat(1000));
    append(&log, "after");
    dir.commit().unwrap();
    assert!(log.take_committed());
    assert_eq!(log.durable_end(), Offset(1));
    assert_eq!(log.commit().unwrap(), Offset(3));
    append(&log, "small again");
    dir.commit().unwrap();
    assert!(!log.take_committed());
    assert_eq!(log.durable_end(), Offset(4));
}

#[test]
fn a_relaxed_topic_writes_no_journal_and_one_that_is_made_safe_does_not_forget_it() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let relaxed = LogConfig { durability: Durability::Relaxed, ..LogConfig::default() };
    let log = topic(&dir, 1, relaxed);
    append(&log, "relaxed");
    dir.commit().unwrap();
    log.take_committed();
    assert_eq!(log.durable_end(), Offset(0));
    log.set_config(LogConfig::default());
    append(&log, "safe");
    assert!(log.take_committed(), "what lies before was not synced");
    assert_eq!(log.commit().unwrap(), Offset(2));
}

#[test]
fn a_deleted_partition_does_not_come_back_and_its_successor_is_whole() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "old");
    log.commit().unwrap();
    dir.delete_log(&log).unwrap();
    let next = dir.open_log("t1", 0, Uuid::from_u128(99), LogConfig::default()).unwrap();
    append(&next, "new");
    next.commit().unwrap();
    let gone = topic(&dir, 2, LogConfig::default());
    append(&gone, "gone");
    gone.commit().unwrap();
    dir.delete_log(&gone).unwrap();
    drop((log, next, gone, dir));
    sim.disk.crash(CrashLoss::Everything);

    let dir = open(&sim);
    assert!(!sim.disk.exists(&Path::new(DATA).join("t2-0")));
    let next = dir.open_log("t1", 0, Uuid::from_u128(99), LogConfig::default()).unwrap();
    assert_eq!(records(&next), ["new"]);
}

#[test]
fn a_cut_tail_does_not_come_back() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let config = LogConfig { segment_bytes: 150, ..LogConfig::default() };
    let log = topic(&dir, 1, config.clone());
    for n in 0..6 {
        append(&log, &n.to_string());
    }
    log.commit().unwrap();
    log.truncate_to(Offset(2)).unwrap();
    append(&log, "other");
    log.commit().unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let log = topic(&open(&sim), 1, config);
    assert_eq!(records(&log), ["0", "1", "other"]);
}

/// The first entry that is needed, as the catalogue has it.
fn journal_start(sim: &Sim) -> u64 {
    let path = Path::new(DATA).join(CATALOGUE);
    match (&*sim.disk as &dyn Disk).read(&path, 1 << 20) {
        Ok(bytes) => Catalogue::decode(&bytes).unwrap().journal_start,
        Err(_) => 0,
    }
}

/// The place of the entries in the first file: each takes a page.
fn flip(sim: &Sim, entry: u64) {
    let path = Path::new(DATA).join(FOLDER).join("0000.journal");
    assert!(sim.disk.flip_bit(&path, entry * 4096 + 60, 3));
}

#[test]
fn a_damaged_entry_in_the_middle_costs_what_only_it_had_and_says_so() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1, LogConfig::default()), topic(&dir, 2, LogConfig::default()));
    for log in [&one, &two, &one, &two] {
        append(log, "record");
        log.commit().unwrap();
    }
    drop((one, two, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 2);

    let folder = Path::new(DATA).join(FOLDER);
    let dir = open(&sim);
    let chain = Chain::read(&*sim.disk, &folder, dir.identity().directory_id, 1).unwrap();
    let damaged: Vec<_> = chain.damage.iter().map(|damage| damage.entries).collect();
    assert_eq!(damaged, [(3, 3)]);
    assert_eq!(records(&topic(&dir, 1, LogConfig::default())), ["record"]);
    assert_eq!(records(&topic(&dir, 2, LogConfig::default())), ["record", "record"]);
}

#[test]
fn a_damaged_first_entry_of_a_file_does_not_cost_the_later_ones() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1, LogConfig::default()), topic(&dir, 2, LogConfig::default()));
    for log in [&one, &two, &two] {
        append(log, "record");
        log.commit().unwrap();
    }
    drop((one, two, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 0);

    let folder = Path::new(DATA).join(FOLDER);
    let start = journal_start(&sim);
    let dir = open(&sim);
    let chain = Chain::read(&*sim.disk, &folder, dir.identity().directory_id, start).unwrap();
    let damaged: Vec<_> =
        chain.damage.iter().map(|damage| (damage.position, damage.entries)).collect();
    assert_eq!(damaged, [(0, (1, 1))]);
    assert_eq!(records(&topic(&dir, 2, LogConfig::default())), ["record", "record"]);
}

#[test]
fn a_missing_file_with_entries_that_are_needed_is_reported() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    for n in 0..9 {
        append(&log, &n.to_string());
        log.commit().unwrap();
    }
    let directory = dir.identity().directory_id;
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let folder = Path::new(DATA).join(FOLDER);
    sim.disk.remove_file(&folder.join("0000.journal")).unwrap();
    let chain = Chain::read(&*sim.disk, &folder, directory, journal_start(&sim)).unwrap();
    let damaged: Vec<_> =
        chain.damage.iter().map(|damage| (damage.position, damage.entries)).collect();
    assert_eq!(damaged, [(0, (1, 8))]);
}

#[test]
fn a_journal_of_another_folder_is_not_taken_for_an_empty_one() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "record");
    log.commit().unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let meta = Path::new(DATA).join("meta.properties");
    let text = (&*sim.disk as &dyn Disk).read(&meta, 1000).unwrap();
    let at = text.windows(13).position(|part| part == b"directory.id=").unwrap() + 14;
    assert!(sim.disk.flip_bit(&meta, at as u64, 0));
    let opened = LogDir::open_with(&sim.env(), Path::new(DATA), 1, None, sizes());
    let error = opened.expect_err("the record would be lost in silence").to_string();
    assert!(error.contains("0000.journal") && error.contains("directory.id"), "{error}");
}

#[test]
fn a_torn_first_entry_of_a_file_that_is_used_again_is_the_end() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    // Fills the first file and begins the second, whose entries are the only ones needed then.
    for n in 0..9 {
        append(&log, &n.to_string());
        log.commit().unwrap();
    }
    dir.checkpoint().unwrap();
    for n in 9..16 {
        append(&log, &n.to_string());
        log.commit().unwrap();
    }
    // The next goes to the beginning of the first file, before entries of its earlier use.
    append(&log, "torn");
    log.commit().unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 0);
    let folder = Path::new(DATA).join(FOLDER);
    let start = journal_start(&sim);
    let dir = open(&sim);
    let chain = Chain::read(&*sim.disk, &folder, dir.identity().directory_id, start).unwrap();
    assert!(chain.damage.is_empty(), "{:?}", chain.damage);
    let expected: Vec<String> = (0..16).map(|n| n.to_string()).collect();
    assert_eq!(records(&topic(&dir, 1, LogConfig::default())), expected);
}

/// The log start is written down behind batches of the same commit, with what was durable before it.
#[test]
fn marks_behind_batches_do_not_take_back_that_these_are_durable() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "a");
    log.commit().unwrap();
    append(&log, "b");
    log.advance_log_start(Offset(1)).unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    // From here on the journal has nothing of it, and nobody has opened the log.
    open(&sim).checkpoint().unwrap();
    sim.disk.crash(CrashLoss::Everything);
    let path = Path::new(DATA).join("t1-0/00000000000000000000.log");
    let len = (&*sim.disk as &dyn Disk).read(&path, 1000).unwrap().len() as u64;
    assert!(sim.disk.flip_bit(&path, len - 1, 0));
    let log = topic(&open(&sim), 1, LogConfig::default());
    assert_eq!((log.log_start(), log.log_end()), (Offset(1), Offset(2)), "nothing was cut");
    assert_eq!(damaged(&log), [(1, 2)]);
}

#[test]
fn a_torn_last_entry_is_the_end() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    for value in ["a", "b"] {
        append(&log, value);
        log.commit().unwrap();
    }
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    assert_eq!(records(&log), ["a"]);
    append(&log, "c");
    log.commit().unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    assert_eq!(records(&topic(&open(&sim), 1, LogConfig::default())), ["a", "c"]);
}

#[test]
fn a_failed_sync_fences_every_partition_of_the_folder() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1, LogConfig::default()), topic(&dir, 2, LogConfig::default()));
    append(&one, "a");
    append(&two, "b");
    one.commit().unwrap();
    two.commit().unwrap();
    append(&one, "never");
    sim.disk.fail_sync(1);
    assert!(one.commit().is_err());
    for log in [&one, &two] {
        assert!(matches!(log.commit(), Err(LogError::Fenced { .. })));
        assert_eq!(log.durable_end(), Offset(1));
        assert_eq!(records(log).len(), usize::try_from(log.log_end().0).unwrap(), "reads go on");
    }
}

/// What a checkpoint has covered is not read again, not even for the names of the partitions.
#[test]
fn what_follows_a_checkpoint_can_be_read_alone() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "a");
    log.commit().unwrap();
    dir.checkpoint().unwrap();
    append(&log, "b");
    log.commit().unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 0);
    let dir = open(&sim);
    assert_eq!(records(&topic(&dir, 1, LogConfig::default())), ["a", "b"]);
}

/// Large appends are not in the journal, but it says now and then how far they were synced: damage to
/// them is no torn tail.
#[test]
fn damage_to_what_was_synced_without_the_journal_is_not_cut() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    for _ in 0..3 {
        append(&log, &"x".repeat(3000));
        log.sync_unjournaled().unwrap();
    }
    // Somebody else's commit carries it.
    let other = topic(&dir, 2, LogConfig::default());
    append(&other, "small");
    other.commit().unwrap();
    drop((log, other, dir));
    sim.disk.crash(CrashLoss::Everything);
    let segment = Path::new(DATA).join("t1-0").join("00000000000000000000.log");
    assert!(sim.disk.flip_bit(&segment, 16, 3));
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    assert_eq!(log.log_end(), Offset(3), "nothing was cut");
    assert_eq!(damaged(&log), [(0, 1)]);
}

/// A sync that failed leaves pages that look clean; after a restart they are written again.
#[test]
fn a_tail_that_a_failed_sync_left_in_memory_is_written_again() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "a");
    log.sync().unwrap();
    append(&log, &"b".repeat(3000));
    let before = sim.disk.changes();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Nothing);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    assert_eq!(records(&log).len(), 2);
    assert!(sim.disk.changes() > before, "nothing was written again");
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    assert_eq!(records(&topic(&open(&sim), 1, LogConfig::default())).len(), 2);
}

/// The process that made a file of the journal may have been killed before it synced the folder.
#[test]
fn a_file_whose_name_was_not_synced_is_not_relied_on() {
    for stop in 1..60 {
        let sim = Sim::new(1);
        let dir = open(&sim);
        let log = topic(&dir, 1, LogConfig::default());
        log.sync().unwrap();
        dir.checkpoint().unwrap();
        append(&log, "a");
        sim.disk.stop_at(stop);
        let acknowledged = log.commit().is_ok();
        drop((log, dir));
        sim.disk.crash(CrashLoss::Nothing);
        let dir = open(&sim);
        let log = topic(&dir, 1, LogConfig::default());
        let before = records(&log).len();
        assert!(before == 1 || !acknowledged);
        append(&log, "b");
        log.commit().unwrap();
        drop((log, dir));
        sim.disk.crash(CrashLoss::Everything);
        let found = records(&topic(&open(&sim), 1, LogConfig::default()));
        assert_eq!(found.len(), before + 1, "stopped at {stop}: {found:?}");
    }
}

/// Two rounds in which nothing is committed.
fn prove(dir: &LogDir) {
    dir.prove().unwrap();
    dir.prove().unwrap();
    assert!(!dir.is_proof_missing());
}

/// The numbers of the entries that are damaged.
fn damaged_entries(sim: &Sim, directory: Uuid) -> Vec<(u64, u64)> {
    let folder = Path::new(DATA).join(FOLDER);
    let chain = Chain::read(&*sim.disk, &folder, directory, journal_start(sim)).unwrap();
    chain.damage.iter().map(|damage| damage.entries).collect()
}

#[test]
fn damage_to_the_last_entry_is_seen_once_nothing_more_was_committed() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1, LogConfig::default()), topic(&dir, 2, LogConfig::default()));
    for log in [&one, &two] {
        append(log, "synced");
        log.sync().unwrap();
    }
    dir.checkpoint().unwrap();
    // This one defines both partitions in its file, too.
    for log in [&one, &two] {
        append(log, "lost");
        append(log, "lost as well");
    }
    dir.commit().unwrap();
    prove(&dir);
    let directory = dir.identity().directory_id;
    drop((one, two, dir));
    sim.disk.crash(CrashLoss::Everything);
    let start = journal_start(&sim);
    flip(&sim, start - 1);

    assert_eq!(damaged_entries(&sim, directory), [(start, start)]);
    let dir = open(&sim);
    for number in [1, 2] {
        let log = topic(&dir, number, LogConfig::default());
        assert_eq!(damaged(&log), [(1, 3)]);
        assert_eq!(append(&log, "new"), Offset(3), "offsets of what is lost stay used");
    }
}

/// What proves the others has nothing of its own: without it, all is as it was before it was written. It
/// may be the first entry that has anything of a partition.
#[test]
fn damage_to_what_proves_costs_nothing() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, &"x".repeat(3000));
    log.sync_unjournaled().unwrap();
    prove(&dir);
    append(&log, "b");
    log.commit().unwrap();
    let directory = dir.identity().directory_id;
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 0);
    assert_eq!(damaged_entries(&sim, directory), [(1, 1)]);
    let log = topic(&open(&sim), 1, LogConfig::default());
    assert_eq!((records(&log).len(), damaged(&log)), (2, vec![]));
}

/// A deletion has no partition that could be marked, and its entry is proven like others.
#[test]
fn an_entry_without_batches_is_proven_too() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "a");
    log.commit().unwrap();
    dir.delete_log(&log).unwrap();
    prove(&dir);
    let directory = dir.identity().directory_id;
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let copy = sim.disk.duplicate();
    let opened = open(&sim);
    assert!(!opened.is_unrecovered(Uuid::from_u128(1), 0), "what proves brings nothing back");
    drop(opened);
    let path = Path::new(DATA).join(FOLDER).join("0000.journal");
    assert!(copy.flip_bit(&path, 4096 + 60, 3));
    let folder = Path::new(DATA).join(FOLDER);
    let chain = Chain::read(&copy, &folder, directory, 1).unwrap();
    let damaged: Vec<_> = chain.damage.iter().map(|damage| damage.entries).collect();
    assert_eq!(damaged, [(2, 2)]);
}

#[test]
fn nothing_is_written_when_nothing_was_committed() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    let quiet = |dir: &LogDir, what: &str| {
        let before = sim.disk.changes();
        (0..30).for_each(|_| dir.prove().unwrap());
        assert_eq!(sim.disk.changes(), before, "{what}");
    };
    quiet(&dir, "a folder that was just opened");
    append(&log, "a");
    quiet(&dir, "an append that nobody has committed");
    log.commit().unwrap();
    prove(&dir);
    quiet(&dir, "the last entry is proven");
    log.sync().unwrap();
    dir.checkpoint().unwrap();
    quiet(&dir, "a checkpoint");
    append(&log, "b");
    log.commit().unwrap();
    dir.close().unwrap();
    quiet(&dir, "a folder that is closed");
    drop((log, dir));
    assert!(open(&sim).was_clean());
}

/// Nothing waits for the journal to be idle: under load there are marks all the same, now and then.
#[test]
fn a_busy_journal_marks_partitions_that_are_not_busy() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (busy, other) =
        (topic(&dir, 1, LogConfig::default()), topic(&dir, 2, LogConfig::default()));
    append(&other, "lost");
    other.commit().unwrap();
    for n in 0..20 {
        append(&busy, &n.to_string());
        busy.commit().unwrap();
        dir.prove().unwrap();
    }
    drop((busy, other, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 0);
    let dir = open(&sim);
    let error = dir.open_log("t2", 0, Uuid::from_u128(2), LogConfig::default()).unwrap_err();
    assert!(matches!(error, LogError::TailMissing { .. }), "{error}");
}

/// Large appends are not in the journal, and what proves the others says how far they were synced.
#[test]
fn what_was_synced_without_the_journal_is_marked_too() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, &"x".repeat(3000));
    log.sync_unjournaled().unwrap();
    prove(&dir);
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let segment = Path::new(DATA).join("t1-0").join("00000000000000000000.log");
    assert!(sim.disk.flip_bit(&segment, 100, 3));
    let log = topic(&open(&sim), 1, LogConfig::default());
    assert_eq!((log.log_end(), damaged(&log)), (Offset(1), vec![(0, 1)]), "nothing was cut");
}

/// A log that was cut after it was marked, or deleted, is not taken for one that lost something.
#[test]
fn marks_do_not_outlive_a_cut() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    for n in 0..6 {
        append(&log, &n.to_string());
        log.commit().unwrap();
    }
    prove(&dir);
    log.truncate_to(Offset(2)).unwrap();
    prove(&dir);
    append(&log, "other");
    log.commit().unwrap();
    log.truncate_to(Offset(1)).unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let log = topic(&open(&sim), 1, LogConfig::default());
    assert_eq!((records(&log), damaged(&log)), (vec!["0".to_owned()], vec![]));
}

/// The entry that defines a partition for its file is damaged: what later ones have of it is used all the
/// same, as the one that proves defines it again.
#[test]
fn a_lost_definition_costs_no_later_entry() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "defines");
    log.commit().unwrap();
    log.sync().unwrap();
    append(&log, "later");
    log.commit().unwrap();
    prove(&dir);
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, 0);
    let log = topic(&open(&sim), 1, LogConfig::default());
    assert_eq!((records(&log), damaged(&log)), (vec!["defines".into(), "later".into()], vec![]));
}

/// Its marks would be lost with the definition, and all of it cut, as if nothing of it were durable.
#[test]
fn a_cut_partition_is_not_forgotten_without_its_marks() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    for n in 0..6 {
        append(&log, &n.to_string());
    }
    log.sync().unwrap();
    dir.checkpoint().unwrap();
    let start = journal_start(&sim);
    append(&log, "defines");
    log.commit().unwrap();
    log.truncate_to(Offset(5)).unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    flip(&sim, start - 1);
    let segment = Path::new(DATA).join("t1-0").join("00000000000000000000.log");
    assert!(sim.disk.flip_bit(&segment, 16, 3));
    let log = topic(&open(&sim), 1, LogConfig::default());
    assert_eq!((log.log_end(), damaged(&log)), (Offset(5), vec![(0, 1)]));
}

/// Whoever cannot be served is told so, and asks again and again.
#[test]
fn what_is_asked_for_on_a_full_disk_does_not_pile_up() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "kept");
    sim.disk.limit_space(0);
    assert!(dir.commit().unwrap_err().is_full());
    let joined = log.journal.as_ref().unwrap();
    let waiting = || joined.journal.pending.lock().body.len();
    for _ in 0..100 {
        assert!(log.persist_marks().unwrap_err().is_full());
        assert!(joined.forget(Offset(0)).unwrap_err().is_full());
    }
    assert!(waiting() < 100, "{} bytes wait", waiting());
    sim.disk.limit_space(1 << 30);
    log.persist_marks().unwrap();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let dir = open(&sim);
    assert_eq!(records(&topic(&dir, 1, LogConfig::default())), ["kept"]);
}

/// It is no fault of the disk, and the next commit may find one.
#[test]
fn a_process_without_a_free_descriptor_does_not_fence_the_folder() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let log = topic(&dir, 1, LogConfig::default());
    append(&log, "kept");
    // There is no file of the journal yet.
    sim.disk.limit_handles(0);
    dir.commit().unwrap_err();
    dir.write_behind().unwrap_err();
    assert!(dir.fenced().is_none(), "{:?}", dir.fenced());
    sim.disk.limit_handles(100);
    assert_eq!(log.commit().unwrap(), Offset(1));
    drop((log, dir));
    sim.disk.crash(CrashLoss::Everything);
    let dir = open(&sim);
    assert_eq!(records(&topic(&dir, 1, LogConfig::default())), ["kept"]);
}
