//! What a syncer does when it lacks something: who is told, who waits, and who is tried again.

use std::path::Path;
use std::sync::atomic::AtomicI64;

use env::sim::{Sim, SimDisk};

use super::*;
use crate::testing::{AtOnce, Bench, TOPIC};
use crate::{JournalConfig, LogConfig};

#[expect(dead_code, reason = "the trials, whose file this is, need more of it")]
#[path = "../../tests/common/errors.rs"]
mod errors;

/// What a log's listener was told.
#[derive(Debug, Default)]
struct Ear {
    durable: AtomicI64,
    failed: AtomicBool,
}

impl DurableListener for Ear {
    fn durable(&self, end: Offset) {
        self.durable.fetch_max(end.0, Ordering::AcqRel);
    }
    fn failed(&self, _error: &LogError) {
        self.failed.store(true, Ordering::Release);
    }
}

impl Ear {
    fn of(log: &Log) -> Arc<Ear> {
        let ear = Arc::new(Ear::default());
        let weak: Weak<dyn DurableListener> = Arc::downgrade(&ear) as Weak<_>;
        log.set_listener(weak);
        ear
    }

    fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

fn syncer(bench: &Bench) -> Syncer {
    Syncer::start(bench.dir.clone(), 1, AtOnce).unwrap()
}

/// A log with a record whose sync lacks what `limit` takes from the disk, once that is known.
fn starved(limit: impl Fn(&SimDisk)) -> (Bench, Arc<Ear>, Syncer) {
    let bench = Bench::new(LogConfig::default());
    let ear = Ear::of(&bench.log);
    bench.append(&["a"]);
    limit(&bench.sim.disk);
    let syncer = syncer(&bench);
    syncer.request(&bench.log);
    while syncer.shared.starved.lock().is_empty() {
        assert!(!ear.failed(), "told of a failure, and none lasts");
        std::thread::yield_now();
    }
    (bench, ear, syncer)
}

#[test]
fn a_sync_without_a_descriptor_is_no_failure_and_is_made_later() {
    // Neither the journal's first file nor the log's folder can be opened.
    let (bench, ear, syncer) = starved(|disk| disk.limit_handles(0));
    assert_eq!(ear.durable.load(Ordering::Acquire), 0);
    bench.sim.disk.limit_handles(100);
    syncer.retry_starved();
    syncer.stop();
    assert!(!ear.failed());
    assert_eq!(ear.durable.load(Ordering::Acquire), 1);
}

#[test]
fn on_a_full_disk_a_sync_that_lacked_room_is_not_tried_and_one_that_lacked_a_descriptor_is() {
    let (bench, ear, syncer) = starved(|disk| disk.limit_space(0));
    assert!(bench.dir.is_full());
    syncer.retry_starved();
    let lacking = |of_room| {
        let starved = syncer.shared.starved.lock();
        starved.values().filter(|starved| starved.of_room == of_room).count()
    };
    assert_eq!((lacking(true), lacking(false)), (1, 0), "tried without room");

    // There is room for this sync, but not yet for producers.
    bench.sim.disk.limit_space(1 << 20);
    for starved in syncer.shared.starved.lock().values_mut() {
        starved.of_room = false;
    }
    assert!(bench.dir.is_full());
    syncer.retry_starved();
    syncer.stop();
    assert_eq!(ear.durable.load(Ordering::Acquire), 1);
}

#[test]
fn who_waits_for_room_is_told_when_the_folder_fails() {
    let (bench, ear, syncer) = starved(|disk| disk.limit_space(0));
    // There is room again, which nobody has measured yet, and the disk fails.
    bench.sim.disk.limit_space(1 << 20);
    bench.sim.disk.fail_sync(1);
    bench.dir.commit().unwrap_err();
    assert!(bench.dir.fenced().is_some() && bench.dir.is_full());
    syncer.retry_starved();
    syncer.stop();
    assert!(ear.failed());
}

#[test]
fn a_log_that_is_tried_again_and_again_is_remembered_once() {
    let (bench, _ear, syncer) = starved(|disk| disk.limit_space(0));
    for _ in 0..3 {
        syncer.request(&bench.log);
    }
    // Ends when everything was tried.
    syncer.stop();
    assert_eq!(syncer.shared.starved.lock().len(), 1);
}

/// The commit of the moment has no room, but an earlier one, that of somebody else, had carried its record.
#[test]
fn who_is_durable_already_is_told_so_on_a_full_disk() {
    let sim = Sim::new(1);
    // The next entry needs another file.
    let journal = JournalConfig { file_bytes: 4096, ..JournalConfig::default() };
    let dir = LogDir::open_with(&sim.env(), Path::new("/data"), 1, None, journal).unwrap();
    let log = dir.open_log("t", 0, TOPIC, LogConfig::default()).unwrap();
    let bench = Bench { sim, dir: Arc::new(dir), log };
    let ear = Ear::of(&bench.log);
    bench.append(&["a"]);
    bench.dir.commit().unwrap();
    assert_eq!(bench.log.durable_end(), Offset(0), "it was not told");
    let other = bench.dir.open_log("t", 1, TOPIC, LogConfig::default()).unwrap();
    let batch = bench.builder(&["b"]).build().unwrap();
    other.append_as_leader(&batch, records::LeaderEpoch(0), crate::Origin::Client).unwrap();
    bench.sim.disk.limit_space(0);
    let syncer = syncer(&bench);
    syncer.request(&other);
    syncer.request(&bench.log);
    syncer.stop();
    assert_eq!(ear.durable.load(Ordering::Acquire), 1);
    assert!(!ear.failed());
    let starved = syncer.shared.starved.lock();
    let waiting: Vec<&Path> = starved.values().map(|starved| starved.log.dir()).collect();
    assert_eq!(waiting, [other.dir()], "only the other one has to wait for room");
}

/// Else produces would be taken and never answered.
#[test]
fn a_syncer_that_lacks_a_thread_does_not_start() {
    let names = ["commit-0", "commit-1", "checkpoint", "sync-0", "sync-1"];
    for (missing, name) in names.into_iter().enumerate() {
        let bench = Bench::new(LogConfig::default());
        let ended = Arc::new(Mutex::new(Vec::new()));
        let mut started = 0;
        let without = Syncer::start_by(bench.dir.clone(), 2, AtOnce, |name, work| {
            if started == missing {
                return Err(io::Error::from_raw_os_error(11));
            }
            started += 1;
            let ended = ended.clone();
            let work = move || {
                work();
                ended.lock().push(name);
            };
            std::thread::Builder::new().spawn(work)
        });
        let error = without.unwrap_err();
        assert_eq!(error.name, name);
        assert_eq!(ended.lock().len(), missing, "those that did start have ended");
    }
}

#[test]
fn checkpoints_that_keep_failing_are_said_once_until_one_succeeds() {
    errors::listen();
    let bench = Bench::new(LogConfig::default());
    let syncer = syncer(&bench);
    for _ in 0..2 {
        bench.append(&["a"]);
        bench.sim.disk.limit_handles(0);
        errors::take();
        for _ in 0..3 {
            syncer.shared.make_checkpoint();
        }
        let said = errors::take();
        assert!(matches!(said.as_slice(), [one] if one.contains("no checkpoint")), "{said:?}");
        bench.sim.disk.limit_handles(100);
        syncer.shared.make_checkpoint();
        assert!(errors::take().is_empty());
    }
}
