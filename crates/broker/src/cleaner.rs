//! The threads that compact logs: when they look, how fast they are, and which logs they are shown.
//!
//! Off the workers, and behind everything else: the threads run at the lowest priority and keep to
//! `log.cleaner.io.max.bytes.per.second` ([`crate::pace`]).
//!
//! Stop is prompt: a run ends at its next step, and what it has replaced by then stays so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use env::Env;
use log::{Candidate, Cleaner, CompactionConfig, LogDir, Round};
use parking_lot::Mutex;
use replication::Storage;

use crate::broker::Broker;
use crate::config::BrokerConfig;
use crate::pace::{Stop, Throttle};

/// What all cleaner threads share.
#[derive(Debug)]
pub(crate) struct Cleaners {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    /// One for each data folder, in their order.
    cleaners: Vec<Cleaner>,
    /// Which folder is looked at next.
    turn: AtomicUsize,
    stop: Stop,
}

impl Cleaners {
    pub fn new<'a>(env: &Env, dirs: impl Iterator<Item = &'a Arc<LogDir>>) -> Cleaners {
        let shared = Shared {
            cleaners: dirs.map(|dir| Cleaner::open(env, dir)).collect(),
            turn: AtomicUsize::new(0),
            stop: Stop::default(),
        };
        Cleaners { shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// A topic is deleted.
    pub fn forget(&self, topic: &str) {
        self.shared.cleaners.iter().for_each(|cleaner| cleaner.forget(topic));
    }

    /// Ends the threads.
    pub fn stop(&self) {
        self.shared.stop.stop();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A panic there was reported by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// Starts the threads.
pub(crate) fn start(broker: &Arc<Broker>) {
    let config = broker.config();
    if !config.log_cleaner_enable {
        return;
    }
    let start = |n: usize| {
        let (shared, broker) = (broker.cleaners.shared.clone(), Arc::downgrade(broker));
        let thread = std::thread::Builder::new().name(format!("cleaner-{n}"));
        match thread.spawn(move || run(&shared, &broker)) {
            Ok(thread) => Some(thread),
            Err(error) => {
                tracing::error!(%error, "a cleaner thread cannot be started; restart the broker");
                None
            }
        }
    };
    *broker.cleaners.threads.lock() = (0..config.log_cleaner_threads).filter_map(start).collect();
}

/// Compacts one log after the other; waits when none is due.
fn run(shared: &Shared, broker: &Weak<Broker>) {
    env::thread::yield_to_others();
    while let Some(broker) = broker.upgrade() {
        let config = broker.config();
        let threads = u32::try_from(config.log_cleaner_threads.max(1)).unwrap_or(u32::MAX);
        let rate = config.log_cleaner_io_max_bytes_per_second / f64::from(threads);
        let mut round = Round::Nothing;
        // In turn: no disk waits for the logs of another.
        for _ in &shared.cleaners {
            let turn = shared.turn.fetch_add(1, Ordering::Relaxed) % shared.cleaners.len();
            let folder = shared.cleaners.get(turn).zip(broker.folders.online().get(turn));
            let Some((cleaner, storage)) = folder else { break };
            let pace = Throttle::new(&shared.stop, &broker.env, &storage.dir, rate);
            round = cleaner.round(broker.candidates(storage), &compaction(&config), &pace);
            if !matches!(round, Round::Nothing) {
                break;
            }
        }
        drop(broker);
        let wait = match round {
            Round::Done(log, done) => {
                tracing::info!(
                    topic = %log.topic, partition = log.partition, from = %done.from, end = %done.end,
                    keys = done.keys, bytes_before = done.bytes_before, bytes_after = done.bytes_after,
                    segments_before = done.segments_before, segments_after = done.segments_after,
                    "compacted"
                );
                Duration::ZERO
            }
            Round::Nothing => Duration::from_millis(config.log_cleaner_backoff_ms.max(1)),
            Round::Failed(log, error) => {
                tracing::info!(
                    topic = %log.topic, partition = log.partition, %error, "not compacted"
                );
                Duration::from_millis(config.log_cleaner_backoff_ms.max(1))
            }
        };
        if !shared.stop.wait(wait) {
            return;
        }
    }
}

fn compaction(config: &BrokerConfig) -> CompactionConfig {
    CompactionConfig {
        map_bytes_max: config.log_cleaner_dedupe_buffer_size / config.log_cleaner_threads.max(1),
        load_factor: config.log_cleaner_io_buffer_load_factor,
    }
}

impl Broker {
    /// The logs of a folder that may be compacted: those that are open and whose topics want it. Upkeep
    /// opens those that rest now and then.
    fn candidates(&self, storage: &Arc<Storage>) -> Vec<Candidate> {
        let topics = self.topics.topics();
        let compacted = topics.iter().filter(|topic| topic.config().log.cleanup.compact);
        let of_topic = |topic: &Arc<crate::topic_table::Topic>| {
            let name = topic.name.clone();
            topic.partitions().into_iter().filter_map(move |partition| {
                if !Arc::ptr_eq(partition.storage(), storage) {
                    return None;
                }
                Some(Candidate {
                    topic: name.clone(),
                    partition: partition.id().index,
                    log: partition.open_log()?,
                    limit: partition.high_watermark(),
                })
            })
        };
        compacted.flat_map(of_topic).collect()
    }
}
