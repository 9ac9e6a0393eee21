//! Reads that must not wait for the disk.

use super::*;
use crate::LogConfig;
use crate::testing::Bench;

const BATCHES: usize = 60;

/// Several segments, each with several entries in its index, and batches smaller and larger than a page.
fn bench() -> Bench {
    let config = LogConfig { segment_bytes: 100_000, retention_ms: None, ..LogConfig::default() };
    let bench = Bench::new(config);
    for index in 0..BATCHES {
        bench.append(&[&"x".repeat(if index % 3 == 0 { 20_000 } else { 500 })]);
    }
    assert!(bench.log.segments.load().len() > 3);
    bench
}

fn offsets() -> impl Iterator<Item = Offset> {
    (0..i64::try_from(BATCHES).unwrap()).map(Offset)
}

fn places(slice: &Slice) -> (Offset, Offset, Vec<(u64, usize)>) {
    let regions = slice.regions.iter().map(|region| (region.position, region.len)).collect();
    (slice.start, slice.next, regions)
}

#[test]
fn what_was_just_appended_is_read_without_the_disk() {
    let bench = bench();
    bench.sim.disk.forget_pages();
    bench.sim.disk.stall_reads(true);
    // The look for a batch begins at the last index entry before it, which has to be new as well.
    bench.append_times(2, &"x".repeat(20_000));
    let at = bench.append(&["new"]).first;
    let slice = bench.log.read_in_memory(at, Offset::MAX, 1 << 20, true).unwrap().unwrap();
    assert_eq!((slice.start, slice.next), (at, at.next()));
    assert!(slice.regions[0].load_in_memory().unwrap().is_some());
}

#[test]
fn a_read_that_need_not_wait_finds_what_one_that_waits_does() {
    let bench = bench();
    for bytes_max in [1, 1_000, 50_000, 1 << 20] {
        for from in offsets() {
            bench.sim.disk.forget_pages();
            let cold = bench.log.read_in_memory(from, Offset::MAX, bytes_max, true).unwrap();
            let waited = bench.log.read(from, Offset::MAX, bytes_max, true).unwrap();
            let warm = bench.log.read_in_memory(from, Offset::MAX, bytes_max, true).unwrap();
            if let Some(cold) = cold {
                assert_eq!(places(&cold), places(&waited), "from {from}, {bytes_max} bytes");
            }
            // It may go through several segments, and the index of the last one is kept.
            if let Some(warm) = warm {
                assert_eq!(places(&warm), places(&waited), "from {from}, {bytes_max} bytes");
            } else {
                assert!(waited.regions.len() > 1, "from {from}, {bytes_max} bytes");
            }
        }
    }
}

#[test]
fn a_read_that_must_not_wait_does_not() {
    let bench = bench();
    // Nothing is held in memory beside the files.
    bench.log.sync().unwrap();
    bench.sim.disk.forget_pages();
    bench.sim.disk.stall_reads(true);
    let read = |from| bench.log.read_in_memory(from, Offset::MAX, 1 << 20, true).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.log.read(Offset(0), Offset::MAX, 1 << 20, true));
        for _ in 0..100 {
            for from in offsets() {
                assert!(read(from).is_none(), "from {from}");
            }
        }
        bench.sim.disk.stall_reads(false);
        assert_eq!(waiting.join().unwrap().unwrap().start, Offset(0));
    });
}
