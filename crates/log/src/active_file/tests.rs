//! What is held is read like what is written, comes into the file whole, and is bounded.

use std::path::Path;

use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};
use records::Offset;

use super::*;
use crate::testing::Bench;
use crate::{AppendError, LogConfig, LogError};

const SEGMENT: &str = "/data/t-0/00000000000000000000.log";

fn file(folder: Option<Arc<HoldBudget>>) -> (Sim, Arc<ActiveFile>) {
    let sim = Sim::new(1);
    let file = sim.env().disk.open(Path::new("/file"), OpenMode::Create).unwrap();
    (sim, Arc::new(ActiveFile::new(file, folder)))
}

fn hold(file: &ActiveFile, position: u64, bytes: &[u8]) -> bool {
    let (front, back) = bytes.split_at(bytes.len() / 2);
    file.hold(&[IoSlice::new(front), IoSlice::new(back)], position)
}

fn read(file: &dyn File, position: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, position).unwrap();
    bytes
}

fn written(bench: &Bench) -> u64 {
    bench.sim.env().disk.open(Path::new(SEGMENT), OpenMode::Read).unwrap().len().unwrap()
}

#[test]
fn what_is_held_is_read_as_if_it_were_written() {
    let (_sim, file) = file(Some(Arc::default()));
    file.write_all_at(&[IoSlice::new(b"0123")], 0).unwrap();
    assert!(hold(&file, 4, b"4567"));
    assert!(hold(&file, 8, b"89"));
    let look = |then: &str| {
        for begin in 0..10 {
            for end in begin..=10 {
                let (position, len) = (begin as u64, end - begin);
                let expected = &b"0123456789"[begin..end];
                assert_eq!(read(&*file, position, len), expected, "{then}: {begin} to {end}");
                let regions = file.regions(position, len);
                let loaded: Vec<u8> =
                    regions.iter().flat_map(|region| region.load().unwrap()).collect();
                assert_eq!(loaded, expected, "{then}: regions of {begin} to {end}");
            }
        }
        assert_eq!(file.len().unwrap(), 10, "{then}");
        assert_eq!(file.read_at(&mut [0; 4], 10).unwrap(), 0, "{then}: the end");
    };
    look("held");
    assert_eq!(file.written().len().unwrap(), 4);
    let before = file.regions(0, 10);
    file.write_held().unwrap();
    look("written");
    assert_eq!(file.written().len().unwrap(), 10);
    let loaded: Vec<u8> = before.iter().flat_map(|region| region.load().unwrap()).collect();
    assert_eq!(loaded, b"0123456789", "regions from before the write");
}

#[test]
fn a_cut_takes_what_is_held_before_what_is_written() {
    let (_sim, file) = file(Some(Arc::default()));
    file.write_all_at(&[IoSlice::new(b"0123")], 0).unwrap();
    assert!(hold(&file, 4, b"4567"));
    file.set_len(6).unwrap();
    assert_eq!((file.len().unwrap(), file.written().len().unwrap()), (6, 4));
    assert_eq!(read(&*file, 0, 6), b"012345");
    file.set_len(2).unwrap();
    assert_eq!((file.len().unwrap(), file.written().len().unwrap()), (2, 2));
    assert!(hold(&file, 2, b"ab"));
    assert_eq!(read(&*file, 0, 4), b"01ab");
}

#[test]
fn a_file_and_a_folder_hold_so_much_and_no_more() {
    let config = HoldConfig { append_bytes_max: 100, file_bytes_max: 100, folder_bytes_max: 300 };
    let folder = Arc::new(HoldBudget::new(config));
    let files: Vec<_> = (0..3).map(|_| file(Some(folder.clone())).1).collect();
    for file in &files {
        assert!(file.holds(100) && !file.holds(101));
        assert!(hold(file, 0, &[7; 100]));
        assert!(!hold(file, 100, b"1"), "a file holds too much");
    }
    let (_sim, one_more) = file(Some(folder.clone()));
    assert!(!hold(&one_more, 0, b"1"), "the folder holds too much");
    files[0].write_held().unwrap();
    assert!(hold(&one_more, 0, b"1"), "what was written still counts");
    one_more.forget_from(0);
    drop((files, one_more));
    assert_eq!(folder.used.load(Ordering::Relaxed), 0, "what nobody holds still counts");
}

#[test]
fn without_a_folder_nothing_is_held() {
    let (_sim, file) = file(None);
    assert!(!file.holds(1));
    assert!(!hold(&file, 0, b"1"));
}

#[test]
fn after_a_failed_write_all_of_it_is_held_as_before() {
    let (sim, file) = file(Some(Arc::default()));
    assert!(hold(&file, 0, &[7; 100]));
    sim.disk.limit_space(50);
    assert!(file.write_held().is_err());
    assert_eq!(read(&*file, 0, 100), [7; 100]);
    sim.disk.limit_space(1 << 20);
    file.write_held().unwrap();
    assert_eq!(read(&**file.written(), 0, 100), [7; 100]);
}

#[test]
fn small_appends_come_into_the_segment_together_and_a_crash_takes_none_that_was_committed() {
    let bench = Bench::new(LogConfig::default());
    bench.append_times(20, "small");
    assert_eq!(bench.log.commit().unwrap(), Offset(20));
    assert_eq!(written(&bench), 0, "each was written by itself");
    assert_eq!(bench.values(), ["small"; 20]);

    let large = "x".repeat(HoldConfig::default().append_bytes_max);
    bench.append(&[&large]);
    let size = bench.log.size_bytes();
    assert_eq!(written(&bench), size, "a large one is written, and all before it");
    bench.append(&["after"]);
    assert_eq!(written(&bench), size);
    assert_eq!(bench.log.commit().unwrap(), Offset(22));

    let sim = bench.sim.clone();
    drop(bench);
    sim.disk.crash(CrashLoss::Everything);
    let bench = Bench::on(sim, LogConfig::default());
    assert_eq!(bench.values().len(), 22);
    assert_eq!(bench.values()[21], "after");
}

#[test]
fn a_sync_a_close_a_roll_and_a_cut_write_what_is_held() {
    type Step = (&'static str, fn(&Bench));
    let steps: [Step; 4] = [
        ("sync", |bench| assert_eq!(bench.log.sync().unwrap(), Offset(3))),
        ("close", |bench| bench.log.close().unwrap()),
        ("checkpoint", |bench| bench.dir.checkpoint().unwrap()),
        ("cut", |bench| bench.log.truncate_to(Offset(2)).unwrap()),
    ];
    for (name, step) in steps {
        let bench = Bench::new(LogConfig::default());
        bench.append_times(3, "small");
        step(&bench);
        assert_eq!(written(&bench), bench.log.size_bytes(), "{name}");
    }

    let bench = Bench::new(LogConfig { segment_bytes: 1000, ..LogConfig::default() });
    bench.append_times(30, "small");
    assert!(bench.log.segment_count() > 1);
    bench.log.sync().unwrap();
    assert_eq!(bench.values(), ["small"; 30]);
}

#[test]
fn when_nothing_more_comes_it_is_written() {
    let bench = Bench::new(LogConfig::default());
    bench.append_times(3, "small");
    bench.log.commit().unwrap();
    bench.dir.prove().unwrap();
    assert_eq!(written(&bench), 0, "something was committed just now");
    bench.dir.prove().unwrap();
    assert_eq!(written(&bench), bench.log.size_bytes());
}

#[test]
fn a_relaxed_log_holds_nothing() {
    let durability = crate::Durability::Relaxed;
    let bench = Bench::new(LogConfig { durability, ..LogConfig::default() });
    bench.append(&["small"]);
    assert_eq!(written(&bench), bench.log.size_bytes());
}

#[test]
fn a_fenced_folder_still_reads_what_is_held() {
    let bench = Bench::new(LogConfig::default());
    bench.append(&["durable"]);
    assert_eq!(bench.log.commit().unwrap(), Offset(1));
    bench.sim.disk.fail_write(1);
    assert!(bench.log.sync().is_err());
    assert!(bench.log.fenced().is_some());
    assert_eq!(bench.values(), ["durable"]);
    let changes = bench.sim.disk.changes();
    let again = bench.log.sync();
    assert!(matches!(again, Err(LogError::Fenced { .. })), "{again:?}");
    assert_eq!(bench.sim.disk.changes(), changes, "a fenced folder is not written to");
}

/// What was accepted and finds no room is neither lost nor a reason to fence.
#[test]
fn on_a_full_disk_what_is_held_stays_so() {
    let bench = Bench::new(LogConfig::default());
    bench.dir.set_reserve(Some(0));
    bench.append(&["durable"]);
    assert_eq!(bench.log.commit().unwrap(), Offset(1));
    bench.sim.disk.limit_space(10);
    assert!(bench.log.sync().is_err_and(|error| error.is_full()));
    assert!(bench.log.fenced().is_none());
    let refused = bench.produce(&bench.builder(&["refused"]).build().unwrap());
    assert!(matches!(refused, Err(AppendError::Storage(LogError::Full { .. }))), "{refused:?}");
    assert_eq!(bench.values(), ["durable"], "reads go on");

    bench.sim.disk.limit_space(1 << 20);
    bench.dir.measure_space();
    bench.append(&["after"]);
    assert_eq!(bench.log.commit().unwrap(), Offset(2));
    bench.dir.close().unwrap();
    assert_eq!(bench.values(), ["durable", "after"]);
}
