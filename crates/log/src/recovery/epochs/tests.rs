//! Epochs in the catalogue, in a file, and read off the batches: whatever happens in between, they are those
//! that were written.

use std::path::Path;

use env::Disk;
use env::sim::{CrashLoss, Sim};
use records::LeaderEpoch;

use super::*;
use crate::epochs::LISTED_EPOCHS_MAX;
use crate::journal::JournalConfig;
use crate::testing::{Bench, TOPIC};
use crate::{LogConfig, LogDir, Origin};

/// Many, so that a file is needed.
const MANY: i32 = 12;

/// A log after a start; small appends are journaled, all others are synced and the journal is told each time.
fn start(sim: Sim) -> Bench {
    let journal =
        JournalConfig { append_bytes_max: 200, unmarked_bytes_max: 1, ..JournalConfig::default() };
    let dir = LogDir::open_with(&sim.env(), Path::new("/data"), 1, None, journal).unwrap();
    let log = dir.open_log("t", 0, TOPIC, LogConfig::default()).unwrap();
    Bench { sim, dir: Arc::new(dir), log }
}

fn stop(bench: Bench) -> Sim {
    bench.dir.close().unwrap();
    bench.sim
}

/// The machine loses its power.
fn crash(bench: Bench) -> Sim {
    let sim = bench.sim.clone();
    drop(bench);
    sim.disk.crash(CrashLoss::Everything);
    sim
}

fn append(bench: &Bench, epoch: i32) {
    append_value(bench, epoch, "v");
}

fn append_value(bench: &Bench, epoch: i32, value: &str) {
    let batch = bench.builder(&[value]).build().unwrap();
    bench.log.append_as_leader(&batch, LeaderEpoch(epoch), Origin::Client).unwrap();
    bench.log.commit().unwrap();
}

/// An append that is too large for the journal.
fn append_large(bench: &Bench, epoch: i32) {
    append_value(bench, epoch, &"v".repeat(300));
}

fn check(bench: &Bench, expected: &[(i32, i64)], story: &str) {
    let known = bench.log.epochs.read().clone();
    let known: Vec<_> = known.entries().iter().map(|(epoch, start)| (epoch.0, start.0)).collect();
    assert_eq!(known, expected, "{story}");
}

/// One record of each epoch.
fn each(epochs: std::ops::Range<i32>) -> Vec<(i32, i64)> {
    epochs.map(|epoch| (epoch, i64::from(epoch))).collect()
}

fn has_file(sim: &Sim) -> bool {
    sim.disk.exists(Path::new("/data/t-0/leader-epoch-checkpoint"))
}

fn is_listed(bench: &Bench) -> bool {
    bench.log.listed(None).epochs.is_some()
}

#[test]
fn few_are_in_the_catalogue_and_many_in_a_file() {
    for end in [stop, crash] {
        let mut sim = Sim::new(1);
        for epoch in 0..MANY {
            let bench = start(sim);
            check(&bench, &each(0..epoch), "after a start");
            append(&bench, epoch);
            bench.dir.checkpoint().unwrap();
            let count = usize::try_from(epoch).unwrap() + 1;
            assert_eq!(is_listed(&bench), count <= LISTED_EPOCHS_MAX, "{count} epochs");
            sim = end(bench);
            assert_eq!(has_file(&sim), count > LISTED_EPOCHS_MAX, "{count} epochs");
        }
    }
}

#[test]
fn what_the_journal_alone_has_is_read_off_the_batches() {
    for listed in 0..4 {
        let bench = start(Sim::new(1));
        (0..listed).for_each(|epoch| append(&bench, epoch));
        bench.dir.checkpoint().unwrap();
        (listed..6).for_each(|epoch| append(&bench, epoch));
        let bench = start(crash(bench));
        check(&bench, &each(0..6), &format!("{listed} in the catalogue"));
    }
}

/// The journal says that the log is synced further than the catalogue knows, and no file was written.
#[test]
fn what_was_synced_since_the_catalogue_was_written_is_read_off_the_batches() {
    for (listed, synced) in [(0, 3), (1, 3), (2, 3), (3, 3)] {
        let bench = start(Sim::new(1));
        (0..listed).for_each(|epoch| append(&bench, epoch));
        bench.dir.checkpoint().unwrap();
        (listed..synced).for_each(|epoch| append(&bench, epoch));
        // More of the last epoch.
        append(&bench, synced - 1);
        bench.log.sync().unwrap();
        bench.log.advance_log_start(Offset(1)).unwrap();
        append(&bench, synced);
        assert!(!has_file(&bench.sim));
        let bench = start(crash(bench));
        check(&bench, &[(1, 1), (2, 2), (3, 4)], &format!("{listed} in the catalogue"));
    }
}

/// A log that the journal would have recovered from far behind what the catalogue knows writes the file: it is
/// found there, however long ago the catalogue was written.
#[test]
fn a_log_that_goes_around_the_journal_has_a_file() {
    let bench = start(Sim::new(1));
    append(&bench, 0);
    bench.dir.checkpoint().unwrap();
    assert!(!has_file(&bench.sim));
    (1..4).for_each(|epoch| append_large(&bench, epoch));
    assert!(has_file(&bench.sim));
    let bench = start(crash(bench));
    check(&bench, &each(0..4), "after a crash");
    // The catalogue is as old as it was.
    let bench = start(crash(bench));
    check(&bench, &each(0..4), "after another");
    assert!(has_file(&bench.sim));
    let bench = start(stop(bench));
    check(&bench, &each(0..4), "after a stop");
    assert!(!has_file(&bench.sim));
}

/// As it is with a folder from before the catalogue had any.
#[test]
fn a_file_is_believed_where_the_catalogue_has_no_list_and_goes_when_it_has_one() {
    let bench = start(Sim::new(1));
    (0..MANY).for_each(|epoch| append(&bench, epoch));
    let bench = start(stop(bench));
    assert!(!is_listed(&bench), "nothing has changed");
    check(&bench, &each(0..MANY), "after a stop");
    bench.log.advance_log_start(Offset(10)).unwrap();
    append(&bench, MANY);
    let sim = stop(bench);
    assert!(has_file(&sim), "it costs nothing");
    let bench = start(sim);
    assert!(!has_file(&bench.sim), "it is old");
    check(&bench, &each(10..MANY + 1), "after another");
}

/// The same epoch gets other offsets.
#[test]
fn what_is_cut_does_not_come_back() {
    for count in [4, MANY] {
        for end in [stop, crash] {
            let bench = start(Sim::new(1));
            (0..count).for_each(|epoch| append(&bench, epoch));
            bench.dir.checkpoint().unwrap();
            let at = i64::from(count) - 2;
            bench.log.truncate_to(Offset(at)).unwrap();
            append(&bench, count - 1);
            append(&bench, count - 1);
            let bench = start(end(bench));
            let mut expected = each(0..count - 2);
            expected.push((count - 1, at));
            check(&bench, &expected, &format!("{count} epochs"));
        }
    }
}

/// A file that is not written any more must not be there when what it says is cut.
#[test]
fn an_old_file_goes_with_what_is_cut() {
    let bench = start(Sim::new(1));
    (0..MANY).for_each(|epoch| append(&bench, epoch));
    bench.dir.checkpoint().unwrap();
    bench.log.advance_log_start(Offset(10)).unwrap();
    bench.dir.checkpoint().unwrap();
    append(&bench, MANY);
    bench.dir.checkpoint().unwrap();
    assert!(has_file(&bench.sim) && is_listed(&bench));
    bench.log.truncate_to(Offset(11)).unwrap();
    assert!(!has_file(&bench.sim));
    // Without a list, and synced as the journal says.
    append_large(&bench, MANY + 1);
    let bench = start(crash(bench));
    check(&bench, &[(10, 10), (MANY + 1, 11)], "after a crash");
}
