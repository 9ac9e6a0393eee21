//! Two commits under way at once.

use super::*;

/// Two commits with a record each, begun in this order.
fn begun(log: &Log) -> (Commit, Commit) {
    // The first entry of a file is under way alone.
    commit(log, "before");
    let journal = journal_of(log);
    append(log, "one");
    let one = journal.begin_another().unwrap().unwrap();
    append(log, "two");
    let two = journal.begin_another().unwrap().unwrap();
    append(log, "three");
    assert!(journal.begin_another().unwrap().is_none(), "there is room for two");
    (one, two)
}

#[test]
fn the_second_does_not_count_before_the_first() {
    let (_sim, _dir, log) = started();
    let (one, two) = begun(&log);
    let journal = journal_of(&log);
    let two = two.write();
    journal.finish(&mut journal.writer.lock(), two);
    log.take_committed();
    assert_eq!(log.durable_end(), Offset(1));
    journal.end_commit(one.write()).unwrap();
    log.take_committed();
    assert_eq!(log.durable_end(), Offset(3));
}

#[test]
fn without_the_first_the_second_is_nothing_and_no_damage() {
    let (sim, dir, log) = started();
    let (one, two) = begun(&log);
    let directory = dir.identity().directory_id;
    drop((one, two.write()));
    crash(&sim, (log, dir));
    assert_eq!(journal_damage(&sim.disk, directory), []);
    let dir = open(&sim);
    let log = topic(&dir, 1);
    assert_eq!(records(&log), ["before"]);
    commit(&log, "after");
    crash(&sim, (log, dir));
    assert_eq!(records(&opened(&sim)), ["before", "after"]);
}

#[test]
fn what_follows_both_proves_the_first() {
    let (sim, dir, log) = started();
    let (one, two) = begun(&log);
    let (one, two) = (one.write(), two.write());
    journal_of(&log).end_commit(one).unwrap();
    journal_of(&log).end_commit(two).unwrap();
    log.commit().unwrap();
    let directory = dir.identity().directory_id;
    crash(&sim, (log, dir));
    flip(&sim.disk, 1);
    assert_eq!(journal_damage(&sim.disk, directory), [(4096, (2, 2))]);
}

#[test]
fn neither_counts_when_the_first_fails() {
    let (sim, _dir, log) = started();
    let (one, two) = begun(&log);
    sim.disk.fail_sync(1);
    let (one, two) = (one.write(), two.write());
    assert!(journal_of(&log).end_commit(one).is_err());
    assert!(journal_of(&log).end_commit(two).is_err());
    log.take_committed();
    assert_eq!(log.durable_end(), Offset(1));
}

#[test]
fn both_are_written_again_when_the_first_lacked_room() {
    let (sim, dir, log) = started();
    let (one, two) = begun(&log);
    let two = two.write();
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let full = LogError::of_write(&first_file(), "write", full);
    assert!(full.is_passing());
    let one = Written { commit: one, result: Err(full) };
    assert!(journal_of(&log).end_commit(one).unwrap_err().is_full());
    assert!(journal_of(&log).end_commit(two).unwrap_err().is_full());
    assert_eq!(log.commit().unwrap(), Offset(4));
    crash(&sim, (log, dir));
    assert_eq!(records(&opened(&sim)), ["before", "one", "two", "three"]);
}
