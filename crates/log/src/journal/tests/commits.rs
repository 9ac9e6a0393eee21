//! What a commit makes durable, and when files of the journal are used again.

use super::*;

#[test]
fn one_commit_carries_all_partitions_and_a_crash_takes_nothing_of_it() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let logs: Vec<_> = (0..20).map(|n| topic(&dir, n)).collect();
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
    crash(&sim, (logs, dir));

    let dir = open(&sim);
    for n in 0..20 {
        let log = topic(&dir, n);
        assert_eq!(records(&log), [format!("first of {n}"), format!("second of {n}")]);
    }
}

#[test]
fn files_are_used_again_after_a_checkpoint_and_not_before() {
    let (sim, dir, log) = started();
    let journals = || {
        let entries = sim.disk.read_dir(&Path::new(DATA).join(FOLDER)).unwrap();
        entries.iter().filter(|entry| entry.name.ends_with(".journal")).count()
    };
    let fill = |from: usize| {
        commit_each(&log, from..from + 20);
    };
    fill(0);
    let without = journals();
    assert!(without >= 3, "20 entries take at least three files, not {without}");
    for round in 1..5 {
        dir.checkpoint().unwrap();
        fill(round * 20);
    }
    assert!(journals() <= without + 1, "{} files, {without} before", journals());
    crash(&sim, (log, dir));
    let log = opened(&sim);
    assert_eq!(records(&log), (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_follows_a_large_batch_waits_for_its_sync() {
    let (_sim, dir, log) = started();
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
    let log = topic_with(&dir, 1, relaxed);
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
fn a_failed_sync_fences_every_partition_of_the_folder() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1), topic(&dir, 2));
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

/// Whoever cannot be served is told so, and asks again and again.
#[test]
fn what_is_asked_for_on_a_full_disk_does_not_pile_up() {
    let (sim, dir, log) = started();
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
    crash(&sim, (log, dir));
    assert_eq!(records(&opened(&sim)), ["kept"]);
}

/// It is no fault of the disk, and the next commit may find one.
#[test]
fn a_process_without_a_free_descriptor_does_not_fence_the_folder() {
    let (sim, dir, log) = started();
    append(&log, "kept");
    // There is no file of the journal yet.
    sim.disk.limit_handles(0);
    dir.commit().unwrap_err();
    // That one has a descriptor of its own.
    dir.write_behind().unwrap();
    assert!(dir.fenced().is_none(), "{:?}", dir.fenced());
    sim.disk.limit_handles(100);
    assert_eq!(log.commit().unwrap(), Offset(1));
    crash(&sim, (log, dir));
    assert_eq!(records(&opened(&sim)), ["kept"]);
}

/// The folder has to be opened for its sync when the new file is there already. How many descriptors leave
/// room for the one and not for the other is found by trying.
#[test]
fn a_file_whose_folder_could_not_be_synced_is_taken_by_the_next_commit() {
    let mut created_in_vain = 0;
    for held in 0..5 {
        let (sim, dir, log) = started();
        let disk = sim.env().disk;
        let open = |n| disk.open(&Path::new(DATA).join(format!("other-{n}")), OpenMode::Create);
        let others: Vec<_> = (0..held).map(|n| open(n).unwrap()).collect();
        append(&log, "kept");
        let mut most = 0;
        sim.disk.limit_handles(most);
        while dir.commit().is_err() {
            assert!(dir.fenced().is_none(), "{:?}", dir.fenced());
            created_in_vain += usize::from(disk.exists(&first_file()));
            most += 3;
            sim.disk.limit_handles(most);
        }
        sim.disk.limit_handles(1000);
        append(&log, "more");
        dir.commit().unwrap();
        crash(&sim, (log, dir, others));
        assert_eq!(records(&opened(&sim)), ["kept", "more"]);
    }
    assert!(created_in_vain > 0, "no file was made whose folder could not be synced");
}
