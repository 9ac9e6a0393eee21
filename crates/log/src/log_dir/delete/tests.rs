//! The files of deleted partitions: how they go, and what keeps them.

use env::File;
use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};

use super::*;
use crate::LogConfig;
use crate::testing::{Bench, TOPIC};

/// A partition with a sealed segment and one that is written to, both of three steps and some bytes.
fn bench() -> Bench {
    let bench = Bench::new(LogConfig { segment_bytes: 200, ..LogConfig::default() });
    bench.append_times(2, &"x".repeat(90));
    bench.log.sync().unwrap();
    let sizes: Vec<u32> =
        bench.log.segments.load().iter().map(|segment| segment.extent().size).collect();
    assert!(sizes.len() == 2 && sizes.iter().all(|size| (150..200).contains(size)), "{sizes:?}");
    bench
}

fn delete(bench: Bench) -> (Sim, Arc<LogDir>) {
    let Bench { sim, dir, log } = bench;
    drop(log);
    dir.delete_all("t", TOPIC, &[0]).unwrap();
    (sim, dir)
}

fn doomed(sim: &Sim) -> Vec<PathBuf> {
    let entries = sim.disk.read_dir(Path::new("/data")).unwrap();
    let doomed = entries.into_iter().filter(|entry| entry.name.ends_with(names::DELETED_FOLDER));
    doomed.map(|entry| Path::new("/data").join(entry.name)).collect()
}

#[test]
fn files_of_a_deleted_partition_shrink_before_they_go() {
    let (sim, dir) = delete(bench());
    assert!(!sim.disk.exists(Path::new("/data/t-0")));
    assert_eq!(doomed(&sim).len(), 1, "the deletion itself waits for no file");
    let before = sim.disk.changes();
    dir.remove_deleted().unwrap();
    assert_eq!(doomed(&sim), [] as [&Path; 0]);
    // Of two files three steps and the removal each, and the folder.
    assert_eq!(sim.disk.changes() - before, 9);
    dir.remove_deleted().unwrap();
    assert_eq!(sim.disk.changes() - before, 9, "there is nothing left");
}

#[test]
fn files_of_a_partition_that_rests_shrink_too() {
    let bench = bench();
    bench.dir.rest_unused();
    bench.dir.rest_unused();
    assert!(bench.log.is_closed());
    let (sim, dir) = delete(bench);
    let before = sim.disk.changes();
    dir.remove_deleted().unwrap();
    assert_eq!(sim.disk.changes() - before, 9);
}

/// Whoever was given a part of a file before the deletion finishes reading it.
#[test]
fn a_file_that_is_read_is_left_whole() {
    for from in [0, 1] {
        let bench = bench();
        let slice = bench.log.read(Offset(from), Offset(from + 1), 1, true).unwrap();
        let whole = slice.load().unwrap();
        let (sim, dir) = delete(bench);
        let before = sim.disk.changes();
        dir.remove_deleted().unwrap();
        assert_eq!(slice.load().unwrap(), whole, "from offset {from}");
        // The one that is read goes with the folder.
        assert_eq!(sim.disk.changes() - before, 5);
    }
}

/// It may read the segment that was written to, which is open.
#[test]
fn who_has_the_log_may_go_on_reading_its_last_segment() {
    let bench = bench();
    let log = bench.log.clone();
    let (sim, dir) = delete(bench);
    dir.remove_deleted().unwrap();
    assert!(doomed(&sim).is_empty());
    let slice = log.read(Offset(1), Offset(2), 1, true).unwrap();
    assert_eq!(slice.load().unwrap().len(), 163);
}

#[test]
fn a_folder_that_is_closed_or_has_failed_removes_nothing_and_the_next_start_does() {
    for fails in [false, true] {
        let (sim, dir) = delete(bench());
        if fails {
            dir.fence.set(LogError::Closed).unwrap();
        } else {
            dir.close().unwrap();
        }
        let before = sim.disk.changes();
        dir.remove_deleted().unwrap();
        assert_eq!((sim.disk.changes(), doomed(&sim).len()), (before, 1));
        drop(dir);
        let dir = LogDir::open(&sim.env(), Path::new("/data"), 1).unwrap();
        assert_eq!(doomed(&sim).len(), 1, "a start waits for no file");
        let before = sim.disk.changes();
        dir.remove_deleted().unwrap();
        assert!(doomed(&sim).is_empty());
        assert_eq!(sim.disk.changes() - before, 9, "they shrink first");
    }
}

#[test]
fn a_close_has_the_removal_end_at_its_next_step() {
    let (sim, dir) = delete(bench());
    let file = doomed(&sim)[0].join(names::segment_file(Offset(0), names::LOG));
    let file: Arc<dyn File> = sim.disk.open(&file, OpenMode::Read).unwrap();
    let asked = std::cell::Cell::new(0);
    let path = doomed(&sim)[0].join(names::segment_file(Offset(0), names::LOG));
    files::shrink_while(&*sim.disk, &path, || {
        asked.set(asked.get() + 1);
        if asked.get() == 2 {
            dir.close().unwrap();
        }
        dir.may_remove()
    });
    assert_eq!((asked.get(), file.len().unwrap()), (2, 113));
}

#[test]
fn a_removal_that_a_crash_interrupts_is_finished_by_the_next_start() {
    for changes in 1..=9 {
        let (sim, dir) = delete(bench());
        sim.disk.stop_at(changes);
        dir.remove_deleted().unwrap_err();
        drop(dir);
        sim.disk.crash(CrashLoss::Random(changes));
        let dir = LogDir::open(&sim.env(), Path::new("/data"), 1).unwrap();
        dir.remove_deleted().unwrap();
        assert!(doomed(&sim).is_empty(), "stopped at {changes}");
        assert!(!sim.disk.exists(Path::new("/data/t-0")), "stopped at {changes}");
    }
}

/// A thread for each of many topics must not stand in line for the files of one.
#[test]
fn who_finds_another_one_removing_does_not_wait() {
    let (sim, dir) = delete(bench());
    let other = dir.deleted.removing.lock();
    dir.remove_deleted().unwrap();
    assert_eq!(doomed(&sim).len(), 1);
    drop(other);
    dir.remove_deleted().unwrap();
    assert!(doomed(&sim).is_empty());
}

/// What it has not open yet it opens by name, and that may be another topic's by then.
#[test]
fn who_has_a_deleted_log_never_reads_what_the_next_of_its_name_holds() {
    let Bench { sim, dir, log } = bench();
    dir.delete_all("t", TOPIC, &[0]).unwrap();
    let config = LogConfig { segment_bytes: 200, ..LogConfig::default() };
    let next = dir.open_log("t", 0, Uuid::from_u128(78), config).unwrap();
    let next = Bench { sim, dir, log: next };
    next.append_times(2, &"y".repeat(90));
    let first = || log.read(Offset(0), Offset(1), 1, true).map(|slice| slice.load().unwrap());
    let text = String::from_utf8_lossy(&first().unwrap()).into_owned();
    assert!(text.contains("xxx") && !text.contains("yyy"), "{text:?}");
    next.dir.remove_deleted().unwrap();
    first().unwrap_err();
}
