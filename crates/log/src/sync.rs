//! Group commit: one sync carries every append that was waiting for it.
//!
//! A dirty log is queued once, however many appends want it durable. A thread of its own takes the
//! oldest, syncs it, and tells its listener how far it is durable; appends that arrive meanwhile are
//! carried by the next sync of that log. Syncing never runs on the threads that serve connections.
//!
//! This is where the shared journal will come in (ADR 0003): all partitions' waiting batches in one
//! sequential write and one sync. It replaces the loop in [`Syncer::start`]: the request and the
//! listener stay what they are.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use records::Offset;

use crate::error::LogError;
use crate::log::Log;

/// Hears how far a log is durable.
pub trait DurableListener: Send + Sync + std::fmt::Debug {
    /// Everything before `end` is durable.
    fn durable(&self, end: Offset);
    /// The log could not be synced and is fenced; nothing more will become durable.
    fn failed(&self, error: &LogError);
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Arc<Log>>,
    stopping: bool,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

/// Syncs logs that were written to.
#[derive(Debug)]
pub struct Syncer {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Syncer {
    /// Starts `threads` threads (one at least). More than one lets syncs of different logs overlap.
    #[must_use]
    pub fn start(threads: usize) -> Syncer {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads.max(1))
            .filter_map(|n| {
                let shared = shared.clone();
                let named = std::thread::Builder::new().name(format!("sync-{n}"));
                named.spawn(move || shared.work()).ok()
            })
            .collect();
        Syncer { shared, threads: Mutex::new(threads) }
    }

    /// Queues a log that was appended to, unless it is queued already.
    pub fn request(&self, log: &Arc<Log>) {
        if log.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        self.shared.queue.lock().waiting.push_back(log.clone());
        self.shared.arrived.notify_one();
    }

    /// Syncs what is queued and ends the threads.
    pub fn stop(&self) {
        self.shared.queue.lock().stopping = true;
        self.shared.arrived.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A panic there was reported by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn work(&self) {
        while let Some(log) = self.next() {
            // Cleared before the sync begins: an append after this point queues the log again.
            log.queued.store(false, Ordering::Release);
            let result = log.sync();
            let listener = log.listener.lock().as_ref().and_then(Weak::upgrade);
            match (result, listener) {
                (Ok(end), Some(listener)) => listener.durable(end),
                (Err(LogError::Closed), _) | (_, None) => {}
                (Err(error), Some(listener)) => listener.failed(&error),
            }
        }
    }

    /// The log that waits longest; `None` when there is none and none will come.
    fn next(&self) -> Option<Arc<Log>> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(log) = queue.waiting.pop_front() {
                return Some(log);
            }
            if queue.stopping {
                return None;
            }
            self.arrived.wait(&mut queue);
        }
    }
}
