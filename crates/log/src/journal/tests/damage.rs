//! A journal that is damaged, or whose end is torn; and what its marks say of damage to the segments.

use super::*;

#[test]
fn a_damaged_entry_in_the_middle_costs_what_only_it_had_and_says_so() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1), topic(&dir, 2));
    for log in [&one, &two, &one, &two] {
        commit(log, "record");
    }
    let directory = dir.identity().directory_id;
    crash(&sim, (one, two, dir));
    flip(&sim.disk, 2);

    assert_eq!(journal_damage(&sim.disk, directory), [(2 * 4096, (3, 3))]);
    let dir = open(&sim);
    assert_eq!(records(&topic(&dir, 1)), ["record"]);
    assert_eq!(records(&topic(&dir, 2)), ["record", "record"]);
}

#[test]
fn a_damaged_first_entry_of_a_file_does_not_cost_the_later_ones() {
    let sim = Sim::new(1);
    let dir = open(&sim);
    let (one, two) = (topic(&dir, 1), topic(&dir, 2));
    for log in [&one, &two, &two] {
        commit(log, "record");
    }
    let directory = dir.identity().directory_id;
    crash(&sim, (one, two, dir));
    flip(&sim.disk, 0);

    assert_eq!(journal_damage(&sim.disk, directory), [(0, (1, 1))]);
    let dir = open(&sim);
    assert_eq!(records(&topic(&dir, 2)), ["record", "record"]);
}

#[test]
fn a_missing_file_with_entries_that_are_needed_is_reported() {
    let (sim, dir, log) = started();
    commit_each(&log, 0..9);
    let directory = dir.identity().directory_id;
    crash(&sim, (log, dir));
    sim.disk.remove_file(&first_file()).unwrap();
    assert_eq!(journal_damage(&sim.disk, directory), [(0, (1, 8))]);
}

#[test]
fn a_journal_of_another_folder_is_not_taken_for_an_empty_one() {
    let (sim, dir, log) = started();
    commit(&log, "record");
    crash(&sim, (log, dir));
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
    let (sim, dir, log) = started();
    // Fills the first file and begins the second, whose entries are the only ones needed then.
    commit_each(&log, 0..9);
    dir.checkpoint().unwrap();
    commit_each(&log, 9..16);
    // The next goes to the beginning of the first file, before entries of its earlier use.
    commit(&log, "torn");
    let directory = dir.identity().directory_id;
    crash(&sim, (log, dir));
    flip(&sim.disk, 0);
    assert_eq!(journal_damage(&sim.disk, directory), []);
    let expected: Vec<String> = (0..16).map(|n| n.to_string()).collect();
    assert_eq!(records(&opened(&sim)), expected);
}

#[test]
fn a_torn_last_entry_is_the_end() {
    let (sim, dir, log) = started();
    for value in ["a", "b"] {
        commit(&log, value);
    }
    crash(&sim, (log, dir));
    flip(&sim.disk, 1);
    let dir = open(&sim);
    let log = topic(&dir, 1);
    assert_eq!(records(&log), ["a"]);
    commit(&log, "c");
    crash(&sim, (log, dir));
    assert_eq!(records(&opened(&sim)), ["a", "c"]);
}

/// The log start is written down behind batches of the same commit, with what was durable before it.
#[test]
fn marks_behind_batches_do_not_take_back_that_these_are_durable() {
    let (sim, dir, log) = started();
    commit(&log, "a");
    append(&log, "b");
    log.advance_log_start(Offset(1)).unwrap();
    crash(&sim, (log, dir));
    // From here on the journal has nothing of it, and nobody has opened the log.
    open(&sim).checkpoint().unwrap();
    sim.disk.crash(CrashLoss::Everything);
    let len = (&*sim.disk as &dyn Disk).read(&segment(), 1000).unwrap().len() as u64;
    assert!(sim.disk.flip_bit(&segment(), len - 1, 0));
    let log = opened(&sim);
    assert_eq!((log.log_start(), log.log_end()), (Offset(1), Offset(2)), "nothing was cut");
    assert_eq!(damaged(&log), [(1, 2)]);
}

/// Large appends are not in the journal, but it says now and then how far they were synced: damage to
/// them is no torn tail.
#[test]
fn damage_to_what_was_synced_without_the_journal_is_not_cut() {
    let (sim, dir, log) = started();
    for _ in 0..3 {
        append(&log, &"x".repeat(3000));
        log.sync_unjournaled().unwrap();
    }
    // Somebody else's commit carries it.
    let other = topic(&dir, 2);
    commit(&other, "small");
    crash(&sim, (log, other, dir));
    assert!(sim.disk.flip_bit(&segment(), 16, 3));
    let dir = open(&sim);
    let log = topic(&dir, 1);
    assert_eq!(log.log_end(), Offset(3), "nothing was cut");
    assert_eq!(damaged(&log), [(0, 1)]);
}
