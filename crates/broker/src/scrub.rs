//! The threads that look for damage, one a data folder: at once where a read has met it, and in a slow
//! pass over all logs.
//!
//! Behind everything else, at the rate of `log.scrub.bytes.per.second` ([`crate::pace`]). A partition that
//! rests is opened for as long as it is looked at.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use env::Env;
use log::{LogDir, LogError, Pace, ScrubError, Scrubbed, Scrubber};
use parking_lot::Mutex;
use replication::{Partition, Storage};

use crate::broker::Broker;
use crate::pace::{Stop, Throttle};

/// How often it is asked whether a read has met damage.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// How long after the start a pass may go on, or begin: clients that come back are served before.
const BEGINS_AFTER: Duration = Duration::from_secs(60);
/// Partitions that are chosen at a time.
const CHOSEN: usize = 1000;

/// What the threads and the broker share.
#[derive(Debug)]
pub(crate) struct Scrub {
    /// One for each data folder, in their order: no disk waits for another.
    folders: Vec<Arc<Shared>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    scrubber: Scrubber,
    stop: Stop,
    started: Duration,
}

impl Scrub {
    pub fn new<'a>(env: &Env, dirs: impl Iterator<Item = &'a Arc<LogDir>>) -> Scrub {
        let started = env.clock.monotonic();
        let of_dir = |dir: &'a Arc<LogDir>| {
            Arc::new(Shared { scrubber: Scrubber::open(env, dir), stop: Stop::default(), started })
        };
        Scrub { folders: dirs.map(of_dir).collect(), threads: Mutex::default() }
    }

    /// Ends the threads.
    pub fn stop<'a>(&self, dirs: impl Iterator<Item = &'a Arc<LogDir>>) {
        self.folders.iter().for_each(|shared| shared.stop.stop());
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return;
        }
        for thread in threads {
            // A panic there was reported by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
        for (shared, _) in self.folders.iter().zip(dirs).filter(|(_, dir)| dir.fenced().is_none()) {
            shared.scrubber.keep();
        }
    }
}

/// Starts the threads.
pub(crate) fn start(broker: &Arc<Broker>) {
    let start = |(n, shared): (usize, &Arc<Shared>)| {
        let (shared, weak) = (shared.clone(), Arc::downgrade(broker));
        let thread = std::thread::Builder::new().name(format!("scrub-{n}"));
        match thread.spawn(move || run(&shared, &weak, n)) {
            Ok(thread) => Some(thread),
            Err(error) => {
                tracing::error!(%error, "records are not checked for damage; restart the broker");
                None
            }
        }
    };
    *broker.scrub.threads.lock() =
        broker.scrub.folders.iter().enumerate().filter_map(start).collect();
}

fn run(shared: &Shared, broker: &Weak<Broker>, folder: usize) {
    env::thread::yield_to_others();
    let mut wait = Duration::ZERO;
    while shared.stop.wait(wait) {
        let Some(broker) = broker.upgrade() else { return };
        let Some(storage) = broker.folders.online().get(folder) else { return };
        wait = step(shared, &broker, storage);
    }
}

/// Some partitions of the pass, if it is time. Returns how long to wait.
fn step(shared: &Shared, broker: &Broker, storage: &Arc<Storage>) -> Duration {
    let (config, dir) = (broker.config(), &storage.dir);
    let pace = Throttle::new(&shared.stop, &broker.env, dir, config.log_scrub_bytes_per_second);
    dir.examine_suspects(&pace);
    let Some(interval) = config.log_scrub_interval_ms.map(Duration::from_millis) else {
        return LOOKS_EVERY;
    };
    if dir.fenced().is_some() {
        return LOOKS_EVERY;
    }
    let up = broker.env.clock.monotonic().saturating_sub(shared.started);
    if up < BEGINS_AFTER.min(interval) || !shared.scrubber.wait(interval).is_zero() {
        return LOOKS_EVERY;
    }
    let topics = broker.topics();
    let all = topics.iter().flat_map(|topic| topic.partitions());
    let here = all.filter(|partition| Arc::ptr_eq(partition.storage(), storage));
    let key = |partition: &Arc<Partition>| (partition.id().topic_id.0, partition.id().index);
    let chosen = shared.scrubber.upcoming(here, key, CHOSEN);
    if chosen.is_empty() {
        shared.scrubber.end();
        return LOOKS_EVERY;
    }
    for partition in chosen {
        let id = partition.id();
        match scrub(dir, &partition, &pace) {
            Ok(done) => shared.scrubber.passed(id.topic_id.0, id.index, done),
            Err(ScrubError::Stopped) => break,
            Err(ScrubError::Storage(error)) => {
                // Its topic was deleted, or what is wrong was reported where it was met.
                if !matches!(error, LogError::Closed) {
                    tracing::warn!(
                        topic = %id.topic, partition = id.index, %error, "not checked for damage"
                    );
                }
                shared.scrubber.passed(id.topic_id.0, id.index, Scrubbed::default());
            }
        }
        dir.examine_suspects(&pace);
    }
    Duration::ZERO
}

/// Checks all records of a partition, and lets it rest again if it did.
fn scrub(
    dir: &LogDir,
    partition: &Arc<Partition>,
    pace: &dyn Pace,
) -> Result<Scrubbed, ScrubError> {
    if let Some(log) = partition.open_log() {
        return log.scrub(pace);
    }
    let id = partition.id();
    let resting = dir.resting(id.topic_id.0, id.index);
    if resting.is_some_and(|resting| resting.bytes == 0)
        || dir.is_unused(&id.topic, id.topic_id.0, id.index)
    {
        return Ok(Scrubbed::default());
    }
    let log = partition.log()?;
    let end = log.log_end();
    let done = log.scrub(pace);
    if log.log_end() == end {
        dir.rest_again(&log);
    }
    done
}
