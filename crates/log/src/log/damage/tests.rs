//! A log of ten records, one a batch, four batches a segment, with something wrong in it.

use std::path::Path;

use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};
use records::batches;

use super::*;
use crate::compact::FullSpeed;
use crate::names;
use crate::testing::{Bench, TOPIC};
use crate::{CompactionConfig, LogConfig, LogDir};

const FOLDER: &str = "/data/t-0";
/// Of each batch here.
const BATCH: u64 = 72;

fn config() -> LogConfig {
    let segment_bytes = u32::try_from(4 * BATCH).unwrap();
    LogConfig { segment_bytes, retention_ms: None, ..LogConfig::default() }
}

fn filled() -> Bench {
    let bench = Bench::new(config());
    for n in 0..10 {
        bench.append(&[&n.to_string()]);
    }
    bench.dir.checkpoint().unwrap();
    assert_eq!(bench.log.segment_count(), 3);
    bench
}

fn path(segment: i64) -> std::path::PathBuf {
    Path::new(FOLDER).join(names::segment_file(Offset(segment), names::LOG))
}

/// Damages the batch of a record.
fn flip(sim: &Sim, record: i64, byte: u64) {
    let segment = record / 4 * 4;
    let position = u64::try_from(record - segment).unwrap() * BATCH + byte;
    assert!(sim.disk.flip_bit(&path(segment), position, 3));
}

fn set_len(sim: &Sim, segment: i64, len: u64) {
    let disk = &*sim.disk as &dyn env::Disk;
    disk.open(&path(segment), OpenMode::Write).unwrap().set_len(len).unwrap();
}

fn damaged(log: &Log) -> Vec<(i64, i64)> {
    log.damages().iter().map(|range| (range.first.0, range.end.0)).collect()
}

/// What a reader gets that goes on behind damage, whatever the size of its reads.
fn readable(log: &Log) -> Vec<i64> {
    let read = |bytes_max| {
        let (mut at, mut found) = (log.log_start(), Vec::new());
        while at < log.log_end() {
            match log.read(at, Offset::MAX, bytes_max, true) {
                Ok(slice) => {
                    let bytes = slice.load().unwrap();
                    for batch in batches(&bytes) {
                        let batch = batch.unwrap();
                        batch.check_crc().unwrap();
                        for record in batch.records(batch.record_section()) {
                            let value = String::from_utf8_lossy(record.unwrap().value.unwrap());
                            assert_eq!(value, batch.header.base_offset.to_string());
                            found.push(batch.header.base_offset.0);
                        }
                    }
                    assert!(slice.next > at);
                    at = slice.next;
                }
                Err(ReadError::Quarantined { from, damage, .. }) => {
                    assert_eq!(from, at);
                    at = damage.end;
                }
                Err(error) => panic!("{at}: {error}"),
            }
        }
        found
    };
    let found = read(usize::MAX);
    assert_eq!(read(1), found);
    found
}

/// All records but some.
fn without(gone: std::ops::Range<i64>) -> Vec<i64> {
    (0..10).filter(|n| !gone.contains(n)).collect()
}

#[test]
fn a_scrub_finds_what_no_reader_would_and_says_so_once() {
    // The payload, the length, the base offset, the leader epoch.
    for byte in [66, 10, 7, 15] {
        for record in 0..10 {
            let bench = filled();
            flip(&bench.sim, record, byte);
            let done = bench.log.scrub(&FullSpeed).unwrap();
            let expected = Scrubbed { segments: 3, bytes: 10 * BATCH, found: 1 };
            assert_eq!(done, expected, "byte {byte} of {record}");
            assert_eq!(damaged(&bench.log), [(record, record + 1)], "byte {byte} of {record}");
            assert_eq!(readable(&bench.log), without(record..record + 1));
            assert_eq!(bench.log.scrub(&FullSpeed).unwrap().found, 0);
            // Also after a restart, in order or not.
            let sim = bench.sim.clone();
            if record % 2 == 0 {
                bench.dir.close().unwrap();
            }
            drop(bench);
            sim.disk.crash(CrashLoss::Everything);
            let bench = Bench::on(sim, config());
            assert_eq!(damaged(&bench.log), [(record, record + 1)]);
            assert_eq!(readable(&bench.log), without(record..record + 1));
            bench.append(&["10"]);
            assert_eq!(readable(&bench.log).last(), Some(&10));
        }
    }
}

#[test]
fn a_read_that_meets_damage_has_it_examined() {
    let bench = filled();
    flip(&bench.sim, 5, 16);
    let error = bench.log.read(Offset(4), Offset(7), 100, true).unwrap_err();
    assert!(error.is_damage(), "{error}");
    assert!(damaged(&bench.log).is_empty(), "not on the path of the reader");
    assert_eq!(bench.dir.examine_suspects(&FullSpeed), 1);
    assert_eq!(damaged(&bench.log), [(5, 6)]);
    assert_eq!(bench.dir.examine_suspects(&FullSpeed), 0, "once");
    let slice = bench.log.read(Offset(4), Offset(10), usize::MAX, true).unwrap();
    assert_eq!(slice.next, Offset(5), "a read that begins before it ends before it");
    let error = bench.log.read(Offset(5), Offset(10), usize::MAX, true).unwrap_err().to_string();
    assert!(error.contains("/data/t-0") && error.contains("go on from 6"), "{error}");
    assert_eq!(readable(&bench.log), without(5..6));
}

#[test]
fn recovery_goes_on_behind_damage() {
    // The first two segments are not read again: there a header is found when it is read, or by the scrub.
    for (record, byte) in [(8, 16), (9, 16), (8, 10), (9, 10)] {
        for clean in [false, true] {
            let bench = filled();
            if clean {
                bench.dir.close().unwrap();
            }
            let sim = bench.sim.clone();
            drop(bench);
            sim.disk.crash(CrashLoss::Nothing);
            flip(&sim, record, byte);
            if clean {
                // Otherwise the index leads behind it.
                set_len(&sim, 8, 2 * BATCH - 1);
            }
            let last = if clean { 8..10 } else { record..record + 1 };
            let last = if clean && record == 9 { 9..10 } else { last };
            let bench = Bench::on(sim, config());
            assert_eq!(bench.log.log_end(), Offset(10), "nothing was cut");
            assert_eq!(damaged(&bench.log), [(last.start, last.end)], "{record} {byte} {clean}");
            assert_eq!(readable(&bench.log), without(last));
            assert_eq!(bench.append(&["10"]).first, Offset(10));
            assert_eq!(readable(&bench.log).last(), Some(&10));
            assert_eq!(bench.log.scrub(&FullSpeed).unwrap().found, 0);
        }
    }
}

#[test]
fn bytes_behind_the_last_batch_of_a_segment_are_served_to_nobody() {
    let bench = filled();
    let sim = bench.sim.clone();
    drop(bench);
    sim.disk.crash(CrashLoss::Nothing);
    let disk = &*sim.disk as &dyn env::Disk;
    let stray = disk.read(&path(0), 1000).unwrap();
    let file = disk.open(&path(4), OpenMode::Write).unwrap();
    file.write_all_at(&[std::io::IoSlice::new(&stray[..72])], 4 * BATCH).unwrap();
    file.sync_data().unwrap();
    let bench = Bench::on(sim, config());
    bench.log.scrub(&FullSpeed).unwrap();
    let damages = bench.log.damages();
    let places: Vec<_> =
        damages.iter().map(|range| (range.segment.0, range.first.0, range.end.0)).collect();
    assert_eq!(places, [(4, 8, 8)], "bytes, and no offsets");
    let slice = bench.log.read(Offset(5), Offset::MAX, usize::MAX, true).unwrap();
    assert_eq!((slice.next, slice.len()), (Offset(8), 3 * 72));
    assert_eq!(readable(&bench.log), without(0..0));
}

#[test]
fn a_durable_end_that_is_missing_leaves_its_offsets_used() {
    for (len, first) in [(2 * BATCH - 1, 9), (BATCH, 9), (BATCH - 1, 8), (0, 8)] {
        let bench = filled();
        let sim = bench.sim.clone();
        drop(bench);
        sim.disk.crash(CrashLoss::Nothing);
        set_len(&sim, 8, len);
        for round in 0..2 {
            let bench = Bench::on(sim.clone(), config());
            assert_eq!(damaged(&bench.log), [(first, 10)], "{len} bytes left");
            assert_eq!(bench.log.log_end(), Offset(10 + round));
            assert_eq!(bench.append(&[&(10 + round).to_string()]).first, Offset(10 + round));
            bench.log.sync().unwrap();
            assert_eq!(bench.log.scrub(&FullSpeed).unwrap().found, 0);
            drop(bench);
            sim.disk.crash(CrashLoss::Everything);
        }
        let bench = Bench::on(sim, config());
        let expected: Vec<i64> = (0..12).filter(|n| !(first..10).contains(n)).collect();
        assert_eq!(readable(&bench.log), expected);
    }
}

#[test]
fn a_missing_segment_leaves_the_others_readable() {
    for (segment, gone) in [(0, 0..4), (4, 4..8), (8, 8..10)] {
        let bench = filled();
        let sim = bench.sim.clone();
        drop(bench);
        sim.disk.crash(CrashLoss::Nothing);
        (&*sim.disk as &dyn env::Disk).remove_file(&path(segment)).unwrap();
        let bench = Bench::on(sim, config());
        assert_eq!((bench.log.log_start(), bench.log.log_end()), (Offset(0), Offset(10)));
        let found = bench.log.scrub(&FullSpeed).unwrap().found;
        assert!(found == 1 || !damaged(&bench.log).is_empty());
        assert_eq!(damaged(&bench.log), [(gone.start, gone.end)]);
        assert_eq!(readable(&bench.log), without(gone));
        assert_eq!(bench.append(&["10"]).first, Offset(10));
    }
}

/// Somebody must look at that: the disk may not be mounted.
#[test]
fn a_folder_without_segments_is_not_taken_for_a_log() {
    let bench = filled();
    let sim = bench.sim.clone();
    drop(bench);
    sim.disk.crash(CrashLoss::Nothing);
    (&*sim.disk as &dyn env::Disk).remove_dir_all(Path::new(FOLDER)).unwrap();
    for start in 1..=3 {
        let dir = LogDir::open(&sim.env(), Path::new("/data"), 1).unwrap();
        let error = dir.open_log("t", 0, TOPIC, config()).map(|log| log.log_end()).unwrap_err();
        assert!(matches!(error, LogError::TailMissing { .. }), "start {start}: {error}");
    }
}

#[test]
fn a_list_that_is_damaged_is_made_again() {
    let bench = filled();
    flip(&bench.sim, 2, 66);
    flip(&bench.sim, 9, 66);
    bench.log.scrub(&FullSpeed).unwrap();
    let sim = bench.sim.clone();
    drop(bench);
    sim.disk.crash(CrashLoss::Nothing);
    let list = Path::new(FOLDER).join(names::QUARANTINE);
    assert!(sim.disk.flip_bit(&list, 20, 1));
    let bench = Bench::on(sim, config());
    assert_eq!(damaged(&bench.log), [(2, 3), (9, 10)]);
    assert_eq!(readable(&bench.log).len(), 8);
}

#[test]
fn retention_takes_damage_along_with_its_segment() {
    let bench = filled();
    flip(&bench.sim, 2, 66);
    flip(&bench.sim, 5, 66);
    bench.log.scrub(&FullSpeed).unwrap();
    assert_eq!(damaged(&bench.log), [(2, 3), (5, 6)]);
    bench.log.set_config(LogConfig { retention_bytes: Some(6 * BATCH), ..config() });
    assert_eq!(bench.log.apply_retention().unwrap().segments_deleted, 1);
    assert_eq!(damaged(&bench.log), [(5, 6)]);
    bench.log.set_config(LogConfig { retention_bytes: Some(0), ..config() });
    bench.log.apply_retention().unwrap();
    assert!(damaged(&bench.log).is_empty());
    let list = Path::new(FOLDER).join(names::QUARANTINE);
    assert!(!bench.sim.env().disk.exists(&list));
}

#[test]
fn what_a_crash_brought_back_of_deleted_segments_is_no_damage() {
    let bench = filled();
    bench.log.commit().unwrap();
    bench.log.advance_log_start(Offset(9)).unwrap();
    bench.dir.checkpoint().unwrap();
    let sim = bench.sim.clone();
    drop(bench);
    sim.disk.crash(CrashLoss::Nothing);
    // Of two deletions, only the second was on the disk. Without a snapshot the first is left to retention.
    (&*sim.disk as &dyn env::Disk).remove_file(&path(4)).unwrap();
    let snapshot = Path::new(FOLDER).join(names::segment_file(Offset(8), names::SNAPSHOT));
    (&*sim.disk as &dyn env::Disk).remove_file(&snapshot).unwrap();
    let bench = Bench::on(sim, config());
    let bases: Vec<i64> = bench.log.segments.load().iter().map(|one| one.base.0).collect();
    assert_eq!(bases, [0, 8]);
    assert_eq!(bench.log.scrub(&FullSpeed).unwrap().found, 0);
    assert_eq!(readable(&bench.log), [9]);
}

#[test]
fn a_log_that_is_cut_forgets_the_damage_behind_its_end() {
    for (to, end, left) in [(9, 9, 1), (6, 6, 1), (5, 5, 0), (3, 3, 0)] {
        let bench = filled();
        flip(&bench.sim, 5, 66);
        bench.log.scrub(&FullSpeed).unwrap();
        bench.log.truncate_to(Offset(to)).unwrap();
        assert_eq!((bench.log.log_end(), damaged(&bench.log).len()), (Offset(end), left), "{to}");
        for n in end..12 {
            assert_eq!(bench.append(&[&n.to_string()]).first, Offset(n));
        }
        let lost = if left > 0 { 5..6 } else { 0..0 };
        let expected: Vec<i64> = (0..12).filter(|n| !lost.contains(n)).collect();
        assert_eq!(readable(&bench.log), expected);
        bench.log.sync().unwrap();
        let sim = bench.sim.clone();
        drop(bench);
        sim.disk.crash(CrashLoss::Everything);
        assert_eq!(readable(&Bench::on(sim, config()).log), expected);
    }
    // Into the damage, and into a lost end.
    let bench = filled();
    flip(&bench.sim, 5, 66);
    flip(&bench.sim, 6, 66);
    flip(&bench.sim, 7, 66);
    bench.log.scrub(&FullSpeed).unwrap();
    assert_eq!(damaged(&bench.log), [(5, 8)]);
    bench.log.truncate_to(Offset(7)).unwrap();
    assert_eq!((bench.log.log_end(), damaged(&bench.log)), (Offset(5), Vec::new()));
    assert_eq!(bench.append(&["5"]).first, Offset(5));
    assert_eq!(readable(&bench.log), [0, 1, 2, 3, 4, 5]);
}

/// All have one key. The damaged segment stays, and what of the others is outdated goes.
#[test]
fn compaction_leaves_a_damaged_segment_alone() {
    let bench = filled();
    flip(&bench.sim, 5, 66);
    bench.log.scrub(&FullSpeed).unwrap();
    let cleanup = crate::Cleanup { compact: true, delete: false };
    bench.log.set_config(LogConfig { cleanup, ..config() });
    let done = bench.log.compact(Offset::MAX, &CompactionConfig::default(), &FullSpeed).unwrap();
    assert_eq!(done.map(|done| done.segments_before), Some(1));
    assert_eq!(readable(&bench.log), [4, 6, 7, 8, 9]);
    assert_eq!(bench.log.scrub(&FullSpeed).unwrap().found, 0);
}

#[test]
fn what_is_written_while_it_is_examined_is_no_damage() {
    let bench = filled();
    std::thread::scope(|scope| {
        let scrubs = scope
            .spawn(|| (0..200).map(|_| bench.log.scrub(&FullSpeed).unwrap().found).sum::<u64>());
        for n in 0..300 {
            bench.append(&["x"]);
            if n % 7 == 0 {
                bench.log.truncate_to(bench.log.log_end() - 3).unwrap();
            }
            if n % 50 == 0 {
                bench.log.begin_epoch(records::LeaderEpoch(0)).unwrap();
            }
        }
        assert_eq!(scrubs.join().unwrap(), 0);
    });
    assert!(damaged(&bench.log).is_empty());
}
