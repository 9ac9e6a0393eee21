//! What comes back after a crash, and what must not.

use super::*;

#[test]
fn a_deleted_partition_does_not_come_back_and_its_successor_is_whole() {
    let (sim, dir, log) = started();
    commit(&log, "old");
    dir.delete_log(&log).unwrap();
    let next = dir.open_log("t1", 0, Uuid::from_u128(99), LogConfig::default()).unwrap();
    commit(&next, "new");
    let gone = topic(&dir, 2);
    commit(&gone, "gone");
    dir.delete_log(&gone).unwrap();
    crash(&sim, (log, next, gone, dir));

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
    let log = topic_with(&dir, 1, config.clone());
    for n in 0..6 {
        append(&log, &n.to_string());
    }
    log.commit().unwrap();
    log.truncate_to(Offset(2)).unwrap();
    commit(&log, "other");
    crash(&sim, (log, dir));
    let log = topic_with(&open(&sim), 1, config);
    assert_eq!(records(&log), ["0", "1", "other"]);
}

/// What a checkpoint has covered is not read again, not even for the names of the partitions.
#[test]
fn what_follows_a_checkpoint_can_be_read_alone() {
    let (sim, dir, log) = started();
    commit(&log, "a");
    dir.checkpoint().unwrap();
    commit(&log, "b");
    crash(&sim, (log, dir));
    flip(&sim.disk, 0);
    let dir = open(&sim);
    assert_eq!(records(&topic(&dir, 1)), ["a", "b"]);
}

/// A sync that failed leaves pages that look clean; after a restart they are written again.
#[test]
fn a_tail_that_a_failed_sync_left_in_memory_is_written_again() {
    let (sim, dir, log) = started();
    append(&log, "a");
    log.sync().unwrap();
    append(&log, &"b".repeat(3000));
    let before = sim.disk.changes();
    drop((log, dir));
    sim.disk.crash(CrashLoss::Nothing);
    let dir = open(&sim);
    let log = topic(&dir, 1);
    assert_eq!(records(&log).len(), 2);
    assert!(sim.disk.changes() > before, "nothing was written again");
    crash(&sim, (log, dir));
    assert_eq!(records(&opened(&sim)).len(), 2);
}

/// The process that made a file of the journal may have been killed before it synced the folder.
#[test]
fn a_file_whose_name_was_not_synced_is_not_relied_on() {
    for stop in 1..60 {
        let sim = Sim::new(1);
        let dir = open(&sim);
        let log = topic(&dir, 1);
        log.sync().unwrap();
        dir.checkpoint().unwrap();
        append(&log, "a");
        sim.disk.stop_at(stop);
        let acknowledged = log.commit().is_ok();
        drop((log, dir));
        sim.disk.crash(CrashLoss::Nothing);
        let dir = open(&sim);
        let log = topic(&dir, 1);
        let before = records(&log).len();
        assert!(before == 1 || !acknowledged);
        commit(&log, "b");
        crash(&sim, (log, dir));
        let found = records(&opened(&sim));
        assert_eq!(found.len(), before + 1, "stopped at {stop}: {found:?}");
    }
}
