//! What proves the last entries, once nothing more is committed: damage to them is no torn tail.

use super::*;

/// Two rounds in which nothing is committed.
fn prove(dir: &LogDir) {
    dir.prove().unwrap();
    dir.prove().unwrap();
    assert!(!dir.is_proof_missing());
}

#[test]
fn damage_to_the_last_entry_is_seen_once_nothing_more_was_committed() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1), topic(&dir, 2));
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
    crash(&sim, (one, two, dir));
    let start = journal_start(&sim.disk);
    flip(&sim.disk, start - 1);

    assert_eq!(journal_damage(&sim.disk, directory), [((start - 1) * 4096, (start, start))]);
    let dir = open(&sim);
    for number in [1, 2] {
        let log = topic(&dir, number);
        assert_eq!(damaged(&log), [(1, 3)]);
        assert_eq!(append(&log, "new"), Offset(3), "offsets of what is lost stay used");
    }
}

/// What proves the others has nothing of its own: without it, all is as it was before it was written. It
/// may be the first entry that has anything of a partition.
#[test]
fn damage_to_what_proves_costs_nothing() {
    let (sim, dir, log) = started();
    append(&log, &"x".repeat(3000));
    log.sync_unjournaled().unwrap();
    prove(&dir);
    commit(&log, "b");
    let directory = dir.identity().directory_id;
    crash(&sim, (log, dir));
    flip(&sim.disk, 0);
    assert_eq!(journal_damage(&sim.disk, directory), [(0, (1, 1))]);
    let log = opened(&sim);
    assert_eq!((records(&log).len(), damaged(&log)), (2, vec![]));
}

/// A deletion has no partition that could be marked, and its entry is proven like others.
#[test]
fn an_entry_without_batches_is_proven_too() {
    let (sim, dir, log) = started();
    commit(&log, "a");
    dir.delete_log(&log).unwrap();
    prove(&dir);
    let directory = dir.identity().directory_id;
    crash(&sim, (log, dir));
    let copy = sim.disk.duplicate();
    let opened = open(&sim);
    assert!(!opened.is_unrecovered(Uuid::from_u128(1), 0), "what proves brings nothing back");
    drop(opened);
    flip(&copy, 1);
    assert_eq!(journal_damage(&copy, directory), [(4096, (2, 2))]);
}

#[test]
fn nothing_is_written_when_nothing_was_committed() {
    let (sim, dir, log) = started();
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
    commit(&log, "b");
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
    let (busy, other) = (topic(&dir, 1), topic(&dir, 2));
    commit(&other, "lost");
    for n in 0..20 {
        commit(&busy, &n.to_string());
        dir.prove().unwrap();
    }
    crash(&sim, (busy, other, dir));
    flip(&sim.disk, 0);
    let dir = open(&sim);
    let error = dir.open_log("t2", 0, Uuid::from_u128(2), LogConfig::default()).unwrap_err();
    assert!(matches!(error, LogError::TailMissing { .. }), "{error}");
}

/// Large appends are not in the journal, and what proves the others says how far they were synced.
#[test]
fn what_was_synced_without_the_journal_is_marked_too() {
    let (sim, dir, log) = started();
    append(&log, &"x".repeat(3000));
    log.sync_unjournaled().unwrap();
    prove(&dir);
    crash(&sim, (log, dir));
    assert!(sim.disk.flip_bit(&segment(), 100, 3));
    let log = opened(&sim);
    assert_eq!((log.log_end(), damaged(&log)), (Offset(1), vec![(0, 1)]), "nothing was cut");
}

/// A log that was cut after it was marked, or deleted, is not taken for one that lost something.
#[test]
fn marks_do_not_outlive_a_cut() {
    let (sim, dir, log) = started();
    commit_each(&log, 0..6);
    prove(&dir);
    log.truncate_to(Offset(2)).unwrap();
    prove(&dir);
    commit(&log, "other");
    log.truncate_to(Offset(1)).unwrap();
    crash(&sim, (log, dir));
    let log = opened(&sim);
    assert_eq!((records(&log), damaged(&log)), (vec!["0".to_owned()], vec![]));
}

/// The entry that defines a partition for its file is damaged: what later ones have of it is used all the
/// same, as the one that proves defines it again.
#[test]
fn a_lost_definition_costs_no_later_entry() {
    let (sim, dir, log) = started();
    commit(&log, "defines");
    log.sync().unwrap();
    commit(&log, "later");
    prove(&dir);
    crash(&sim, (log, dir));
    flip(&sim.disk, 0);
    let log = opened(&sim);
    assert_eq!((records(&log), damaged(&log)), (vec!["defines".into(), "later".into()], vec![]));
}

/// Its marks would be lost with the definition, and all of it cut, as if nothing of it were durable.
#[test]
fn a_cut_partition_is_not_forgotten_without_its_marks() {
    let (sim, dir, log) = started();
    for n in 0..6 {
        append(&log, &n.to_string());
    }
    log.sync().unwrap();
    dir.checkpoint().unwrap();
    let start = journal_start(&sim.disk);
    commit(&log, "defines");
    log.truncate_to(Offset(5)).unwrap();
    crash(&sim, (log, dir));
    flip(&sim.disk, start - 1);
    assert!(sim.disk.flip_bit(&segment(), 16, 3));
    let log = opened(&sim);
    assert_eq!((log.log_end(), damaged(&log)), (Offset(5), vec![(0, 1)]));
}
