//! Zeros ahead of the entries, and commits beside them.

use super::*;

/// Files that are not full with their first entry.
fn started_with_large_files() -> (Sim, LogDir, Arc<Log>) {
    let sim = Sim::new(1);
    let sizes = JournalConfig { file_bytes: 1 << 20, ..sizes() };
    let dir = LogDir::open_with(&sim.env(), Path::new(DATA), 1, None, sizes).unwrap();
    let log = topic(&dir, 1);
    (sim, dir, log)
}

fn is_short(log: &Log) -> bool {
    journal_of(log).level().is_short
}

fn len(sim: &Sim, path: &Path) -> u64 {
    (&*sim.disk as &dyn Disk).open(path, OpenMode::Read).unwrap().len().unwrap()
}

/// What makes an entry of more than a file is filled ahead at first.
fn append_much(log: &Log) {
    for _ in 0..50 {
        append(log, &"much".repeat(400));
    }
}

#[test]
fn commits_make_no_file_grow_that_is_filled_ahead() {
    let (sim, dir, log) = started_with_large_files();
    commit(&log, "first");
    let mut filled = 0;
    for n in 0..240 {
        if is_short(&log) {
            dir.fill_journal_ahead().unwrap();
            filled += 1;
        }
        let before = len(&sim, &first_file());
        commit(&log, &n.to_string());
        assert_eq!(len(&sim, &first_file()), before, "commit {n} had it grow");
    }
    assert_eq!(len(&sim, &first_file()), 1 << 20);
    assert!((2..10).contains(&filled), "{filled} times: as much again each time");
}

#[test]
fn the_next_file_is_made_before_the_last_ends() {
    let (sim, dir, log) = started();
    let second = Path::new(DATA).join(FOLDER).join("0001.journal");
    commit_each(&log, 0..2);
    dir.fill_journal_ahead().unwrap();
    assert!(!sim.disk.exists(&second), "that is far away");
    commit_each(&log, 2..7);
    dir.fill_journal_ahead().unwrap();
    assert!(sim.disk.exists(&second));
    // A crash leaves it without an entry.
    crash(&sim, (dir, log));
    let log = opened(&sim);
    assert_eq!(records(&log).len(), 7);
    commit_each(&log, 7..12);
    assert_eq!(records(&log).len(), 12);
}

#[test]
fn a_commit_that_has_the_file_grow_waits_for_what_is_being_filled() {
    let (sim, dir, log) = started_with_large_files();
    commit_each(&log, 0..10);
    let journal = journal_of(&log);
    let gap = journal.begin_filling().unwrap().unwrap();
    commit(&log, "within what is filled");
    append_much(&log);
    assert!(journal.begin_another().unwrap().is_none(), "zeros would come to lie on it");
    assert!(journal.end_filling(gap.fill()).unwrap());
    log.commit().unwrap();
    let whole = records(&log);
    crash(&sim, (dir, log));
    assert_eq!(records(&opened(&sim)), whole);
}

#[test]
fn nothing_is_filled_while_a_commit_has_the_file_grow() {
    let (_sim, _dir, log) = started_with_large_files();
    commit_each(&log, 0..10);
    let journal = journal_of(&log);
    append_much(&log);
    let commit = journal.begin_another().unwrap().unwrap();
    assert!(journal.begin_filling().unwrap().is_none());
    journal.end_commit(commit.write()).unwrap();
    assert!(journal.begin_filling().unwrap().is_some());
}

#[test]
fn a_full_disk_ends_the_filling_and_no_more() {
    let (sim, dir, log) = started_with_large_files();
    commit_each(&log, 0..10);
    sim.disk.limit_space(2000);
    dir.fill_journal_ahead().unwrap();
    // For the record in its segment, and no more.
    sim.disk.limit_space(2000);
    commit(&log, "there is room for this");
    sim.disk.limit_space(1 << 20);
    journal_of(&log).room.is_exhausted(&LogError::Full { path: first_file(), doing: "write" });
    assert!(!is_short(&log), "nothing is taken from what is left");
    journal_of(&log).room.measure();
    assert!(is_short(&log));
    dir.fill_journal_ahead().unwrap();
    assert!(!is_short(&log));
}
