//! Group commit: one sync carries every append that was waiting for it.
//!
//! A log that was appended to is queued once, however many appends want it durable. A committer, one of two
//! threads, takes all that are queued, commits the journal once for all of them, and hands
//! over the [`News`] of how far they are durable; appends that arrive meanwhile are carried by the next
//! commit, which may begin before that one has ended ([`queue::Commits`]). A log with something that is not in
//! the journal goes on to the threads that sync segments. Nothing of this runs on the threads that serve connections, but for the telling of the news: a
//! [`Courier`] may take all of a commit there at once, which wakes a thread once and not for each log.
//!
//! A journal that has grown is cut short by a checkpoint, on one more thread. Should that not keep up,
//! the committers wait for it: a restart is never left with more than that to read. The same thread
//! has the disk take over what is only in memory and the journal long before a checkpoint needs that: a
//! disk that is given everything at once lets the next commit wait for all of it. And it fills the journal's
//! files ahead of the commits.

mod behind;
mod queue;

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use records::Offset;
use thiserror::Error;

use self::queue::{Commits, Queue};
use crate::error::LogError;
use crate::journal::{APPEND_BYTES_MAX, COMMITS_AT_ONCE, JournalLevel};
use crate::log::Log;
use crate::log_dir::LogDir;

/// A checkpoint is due when the journal holds this much.
const CHECKPOINT_AT_BYTES: u64 = 192 << 20;

/// With this much nothing is committed before a checkpoint is done.
const JOURNAL_BYTES_MAX: u64 = 1 << 30;

/// When this much was appended since somebody last gave way to the committer, whoever appends does: on a busy
/// core it would else wait until their time is over, and the disk with it. A large append does so at once.
const GIVE_WAY_BYTES: u64 = 256 << 10;
const GIVE_WAY_BYTES_AT_ONCE: u64 = 32 << 10;

/// Not counted are small appends, as a commit of few bytes costs as much as one of many, and those that
/// are too large for the journal, as the committer does nothing for them.
const GIVE_WAY_APPENDS: RangeInclusive<u64> = 8 << 10..=APPEND_BYTES_MAX as u64;

/// Hears how far a log is durable.
pub trait DurableListener: Send + Sync + std::fmt::Debug {
    /// Everything before `end` is durable.
    fn durable(&self, end: Offset);
    /// The log could not be synced and is fenced; nothing more will become durable.
    fn failed(&self, error: &LogError);
    /// Nobody used the log for a while, and it was closed: it holds what it says it does.
    fn rested(&self, _log: &Log) {}
}

/// Takes news to where telling them is cheap.
pub trait Courier: Send + Sync + std::fmt::Debug {
    /// Has [`News::tell`] called soon, and in the order in which news are handed over.
    fn carry(&self, news: News);
}

/// Logs that became durable further, or failed to, and whose listeners do not know yet.
#[derive(Debug)]
pub struct News(Vec<(Arc<Log>, Result<(), LogError>)>);

impl News {
    /// Tells the listeners.
    pub fn tell(self) {
        for (log, result) in self.0 {
            let listener = log.listener.lock().as_ref().and_then(Weak::upgrade);
            match (result, listener) {
                // How far that is is looked up now: a truncation may have come in between.
                (Ok(()), Some(listener)) => listener.durable(log.durable_end()),
                (Err(LogError::Closed), _) | (_, None) => {}
                (Err(error), Some(listener)) => listener.failed(&error),
            }
        }
    }
}

#[derive(Debug)]
struct Shared {
    dir: Arc<LogDir>,
    courier: Box<dyn Courier>,
    commits: Commits,
    /// Threads that commit.
    committers: AtomicUsize,
    syncs: Queue,
    background: Background,
    /// Bytes appended since somebody gave way.
    appended: AtomicU64,
    /// Logs that could not be synced for a lack that passes, each once, by where it is in memory.
    starved: Mutex<BTreeMap<usize, Starved>>,
}

/// A log that waits for what its sync could not get.
#[derive(Debug)]
struct Starved {
    log: Arc<Log>,
    /// Room on the disk it was; else it was a descriptor.
    of_room: bool,
}

/// What is done in the background.
#[derive(Debug, Default)]
struct Background {
    due: Mutex<Due>,
    changed: Condvar,
    /// The last checkpoint failed, which was said.
    failing: AtomicBool,
}

#[derive(Debug, Default)]
struct Due {
    checkpoint: bool,
    write_behind: bool,
    fill: bool,
    stopping: bool,
    /// What the journal had been given when the segments were last written behind.
    written_behind: u64,
}

/// What a thread of the syncer does until it is stopped.
type Work = Box<dyn FnOnce(&Shared) + Send>;

/// A thread could not be started without which nothing would become durable.
#[derive(Debug, Error)]
#[error(
    "cannot start the thread {name}, which records need to become durable: {source}; raise the limit of \
     threads of this user or container (ulimit -u, TasksMax, pids.max), or give the system more memory"
)]
pub struct ThreadError {
    /// The thread's name.
    pub name: String,
    /// What the system said.
    pub source: io::Error,
}

/// Makes logs durable that were written to.
#[derive(Debug)]
pub struct Syncer {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Syncer {
    /// Starts the committer, `threads` threads (one at least) that sync segments, which lets syncs of
    /// different logs overlap, and the one that makes checkpoints. Without any one of them there is no
    /// syncer: what it is for would be waited for in vain.
    pub fn start(
        dir: Arc<LogDir>,
        threads: usize,
        courier: impl Courier + 'static,
    ) -> Result<Syncer, ThreadError> {
        Syncer::start_by(dir, threads, courier, |name, work| {
            std::thread::Builder::new().name(name).spawn(work)
        })
    }

    fn start_by(
        dir: Arc<LogDir>,
        threads: usize,
        courier: impl Courier + 'static,
        mut spawn: impl FnMut(String, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
    ) -> Result<Syncer, ThreadError> {
        let shared = Arc::new(Shared {
            dir,
            courier: Box::new(courier),
            commits: Commits::default(),
            committers: AtomicUsize::new(COMMITS_AT_ONCE),
            syncs: Queue::default(),
            background: Background::default(),
            appended: AtomicU64::new(0),
            starved: Mutex::default(),
        });
        // Dropped where one does not start, which ends those that did.
        let syncer = Syncer { shared, threads: Mutex::default() };
        let committing = (0..COMMITS_AT_ONCE).map(|n| {
            (format!("commit-{n}"), Box::new(move |shared: &Shared| shared.commit(n)) as Work)
        });
        let behind = ("checkpoint".to_owned(), Box::new(Shared::work_behind) as Work);
        let syncing =
            (0..threads.max(1)).map(|n| (format!("sync-{n}"), Box::new(Shared::sync) as Work));
        for (name, work) in committing.chain([behind]).chain(syncing) {
            let shared = syncer.shared.clone();
            let thread = spawn(name.clone(), Box::new(move || work(&shared)))
                .map_err(|source| ThreadError { name, source })?;
            syncer.threads.lock().push(thread);
        }
        Ok(syncer)
    }

    /// Queues a log that was appended to, unless it is queued already. Who appended much gives way to the
    /// committer first: it then takes what came before, and the disk has that while the core goes on.
    pub fn appended(&self, log: &Arc<Log>, bytes: u64) {
        if GIVE_WAY_APPENDS.contains(&bytes) {
            let before = self.shared.appended.fetch_add(bytes, Ordering::Relaxed);
            if bytes >= GIVE_WAY_BYTES_AT_ONCE || before + bytes >= GIVE_WAY_BYTES {
                self.shared.appended.store(0, Ordering::Relaxed);
                env::thread::give_way();
            }
        }
        self.shared.commits.push(log, bytes);
    }

    /// Queues a log that has something to sync, unless it is queued already.
    pub fn request(&self, log: &Arc<Log>) {
        self.shared.commits.push(log, 0);
    }

    /// Queues again what could not be synced because no file could be opened, or because the disk was full
    /// and is not any more; and all of it in a folder that has failed since, which is how those who wait
    /// for it learn that. To be called every second or so.
    pub fn retry_starved(&self) {
        let dir = &self.shared.dir;
        let full = dir.is_full() && dir.fenced().is_none();
        let starved = std::mem::take(&mut *self.shared.starved.lock());
        for starved in starved.into_values() {
            if full && starved.of_room {
                self.shared.starve(starved);
            } else {
                self.request(&starved.log);
            }
        }
    }

    /// Makes durable what is queued and ends the threads.
    pub fn stop(&self) {
        self.shared.commits.stop();
        self.shared.background.due.lock().stopping = true;
        self.shared.background.changed.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        let own = std::thread::current().id();
        // The last reference may be dropped by one of them, which ends by itself.
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != own) {
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
    fn commit(&self, number: usize) {
        while let Some((logs, load)) = self.commits.next(number) {
            // Cleared before the commit begins: an append after this point queues its log again.
            for log in &logs {
                log.queued.store(false, Ordering::Release);
            }
            let begun = self.dir.clock().monotonic();
            let committed = self.dir.commit();
            let took = self.dir.clock().monotonic().saturating_sub(begun);
            // A journal without room, or a descriptor for its next file, has lost nothing; the segments are
            // synced instead.
            let passing = committed.as_ref().is_err_and(LogError::is_passing);
            let failed = committed.as_ref().err().filter(|_| !passing);
            let mut news = Vec::with_capacity(logs.len());
            for log in logs {
                let more = failed.is_none() && {
                    let is_unjournaled = log.take_committed();
                    is_unjournaled || (passing && log.log_end() > log.durable_end())
                };
                if more && !log.queued.swap(true, Ordering::AcqRel) {
                    self.syncs.push(log.clone());
                }
                news.push((log, failed.map_or(Ok(()), |error| Err(error.clone()))));
            }
            self.courier.carry(News(news));
            self.watch_journal();
            self.commits.ended(load, took);
        }
        if self.committers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.syncs.stop();
        }
    }

    fn sync(&self) {
        while let Some(log) = self.syncs.next() {
            log.queued.store(false, Ordering::Release);
            match log.sync_unjournaled() {
                Err(error) if error.is_passing() => {
                    let of_room = error.is_full();
                    self.starve(Starved { log, of_room });
                }
                synced => self.courier.carry(News(vec![(log, synced.map(|_| ()))])),
            }
        }
    }

    /// Remembers a log that is to be synced when there is what it lacks. It may be remembered already: one
    /// that is appended to is tried again with each append.
    fn starve(&self, starved: Starved) {
        let place = Arc::as_ptr(&starved.log).addr();
        self.starved.lock().insert(place, starved);
    }

    fn watch_journal(&self) {
        let JournalLevel { held, given, is_short } = self.dir.journal_level();
        if held > JOURNAL_BYTES_MAX {
            self.make_checkpoint();
            return;
        }
        let mut due = self.background.due.lock();
        let checkpoint = held > CHECKPOINT_AT_BYTES && !due.checkpoint;
        let more = given - due.written_behind;
        let write_behind = !due.write_behind && behind::is_due(more, self.dir.open_count());
        let fill = !due.fill && is_short;
        if checkpoint || write_behind {
            due.written_behind = given;
        }
        if checkpoint || write_behind || fill {
            due.checkpoint |= checkpoint;
            due.write_behind |= write_behind;
            due.fill |= fill;
            self.background.changed.notify_all();
        }
    }

    fn work_behind(&self) {
        loop {
            let mut due = self.background.due.lock();
            while !due.fill && !due.checkpoint && !due.write_behind && !due.stopping {
                self.background.changed.wait(&mut due);
            }
            if due.stopping {
                return;
            }
            // The first of them that is due: commits feel the one most, and what is long comes last.
            let (fill, checkpoint) = (due.fill, due.checkpoint && !due.fill);
            drop(due);
            if fill {
                // The folder is fenced if it fails, and that was said.
                let _ = self.dir.fill_journal_ahead();
            } else if checkpoint {
                self.make_checkpoint();
            } else if let Err(error) = behind::write(&self.dir) {
                tracing::debug!(%error, "not synced ahead of a checkpoint");
            }
            let mut due = self.background.due.lock();
            due.fill &= !fill;
            due.checkpoint &= !checkpoint;
            due.write_behind &= fill || checkpoint;
        }
    }

    fn make_checkpoint(&self) {
        let failing = &self.background.failing;
        match self.dir.checkpoint() {
            Ok(()) => {
                if failing.swap(false, Ordering::AcqRel) {
                    tracing::info!(
                        folder = %self.dir.path().display(),
                        "a checkpoint was made again: the journal is cut short"
                    );
                }
            }
            // A large journal has it tried with every commit; once is enough to be told.
            Err(error) if failing.swap(true, Ordering::AcqRel) => {
                tracing::debug!(%error, "no checkpoint again");
            }
            Err(error) => tracing::error!(
                folder = %self.dir.path().display(), %error,
                "no checkpoint: the journal cannot be cut short; it is tried again"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
