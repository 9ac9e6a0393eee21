//! Syncing and closing many logs at once: checkpoints, rest, and the end of the process.
//!
//! A few logs are synced one by one. Of many, everything is written out first, and then the whole file
//! system is synced once: a sync each would take the time of all of them. The locks that keep others
//! from syncing these logs are held meanwhile; appends go on. They are taken in the order of the logs'
//! keys: whoever takes many does, or two of them would wait for each other for ever.
//!
//! The journal is cut short only when all that it has is synced elsewhere. So a log that cannot be
//! closed stays open, where the next checkpoint finds it, and one that somebody else is closing right
//! now is not taken for synced.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::{CROWD_MIN, CROWD_PART, LogDir, Logs};
use crate::catalogue::Key;
use crate::error::LogError;
use crate::log::{Log, WrittenOut};

/// More logs than this are synced by one sync of the file system.
const SYNCED_ONE_BY_ONE: usize = 32;

/// How many logs come to rest at once: so many, or this part of those that are open, whichever is more.
/// Whoever wants one of them meanwhile waits for the sync of all of these; and every sync is one of the
/// whole file system, so that there are not to be many.
const RESTED_AT_ONCE: usize = 256;
const RESTED_PART: usize = 128;

impl LogDir {
    /// Syncs every log and writes down how far each is durable, so that recovery need not look at
    /// what lies before. A log that cannot be synced keeps its old mark; the first such failure is
    /// returned after all others were done.
    pub fn checkpoint(&self) -> Result<(), LogError> {
        let start = self.journal.next_entry();
        self.sync_replayed()?;
        let mut unsynced = self.open_logs();
        unsynced.retain(|log| log.is_unsynced());
        let mut is_closing = false;
        let failed = if unsynced.len() > SYNCED_ONE_BY_ONE {
            let replaced = RefCell::new(Vec::new());
            let prepare = |log: &Arc<Log>| {
                replaced.borrow_mut().push((log.clone(), log.write_large_index()?));
                Ok(true)
            };
            let failed = self.sync_together(&unsynced, prepare, |_| {});
            let replaced = replaced.into_inner().into_iter();
            failed.or_else(|| {
                replaced.filter_map(|(log, snapshot)| log.remove_snapshot(snapshot).err()).next()
            })
        } else {
            let mut failed = None;
            for log in &unsynced {
                match log.checkpoint() {
                    Ok(_) => {}
                    Err(LogError::Closed) => {
                        is_closing |= !log.is_deleted() && log.synced_end() < log.log_end();
                    }
                    Err(error) => failed = Some(error),
                }
            }
            failed
        };
        if let Err(fenced) = self.check_fence() {
            return Err(failed.unwrap_or(fenced));
        }
        // The journal is needed further where something could not be synced, or is not yet.
        self.write_catalogue(start, failed.is_none() && !is_closing)?;
        failed.map_or(Ok(()), Err)
    }

    /// Has the disk take over what is only in the page cache, and says nothing of it to anybody: the next
    /// checkpoint will find it done.
    pub(crate) fn write_behind(&self) -> Result<(), LogError> {
        self.sync_all()
    }

    /// Closes the logs that nobody used since this was last called: they rest. Not all of them at once,
    /// as whoever wants one that is being closed waits for the others, too.
    pub fn rest_unused(&self) {
        let open = self.open_by_key();
        let at_once = RESTED_AT_ONCE.max(open.len() / RESTED_PART);
        // To ask a log may read from its disk, so it is done before a lock is taken; and shortly before
        // the log is closed, as it may be wanted again while others are.
        let mut unused = open.into_iter().filter(|(_, log)| !log.is_in_use());
        loop {
            let chosen: Vec<_> = unused.by_ref().take(at_once).collect();
            if chosen.is_empty() || self.fence.get().is_some() {
                return;
            }
            self.rest(chosen);
        }
    }

    /// Closes a log that rested before it was examined.
    pub fn rest_again(&self, log: &Arc<Log>) {
        self.rest(
            self.open_by_key().into_iter().filter(|(_, open)| Arc::ptr_eq(open, log)).collect(),
        );
    }

    /// Closes those that nobody has used for longest, where more logs are open than may be: a part of
    /// them at once, and not the one that was opened just now.
    pub(super) fn rest_longest_unused(&self, opened: Key) {
        let mut chosen = self.open_by_key();
        chosen.retain(|(key, _)| *key != opened);
        chosen.sort_by_cached_key(|(_, log)| log.used.load(Ordering::Relaxed));
        let most = CROWD_MIN.max(self.handles.most(&*self.env.disk) / CROWD_PART);
        chosen.truncate(most.min(chosen.len().div_ceil(2)));
        self.rest(chosen);
    }

    /// Closes logs, but for those that somebody else has to do with.
    fn rest(&self, mut chosen: Vec<(Key, Arc<Log>)>) {
        chosen.sort_by_key(|(key, _)| *key);
        {
            let mut logs = self.logs.lock();
            let Logs { open, busy, .. } = &mut *logs;
            chosen.retain(|(key, log)| {
                let same = open.get(key).is_some_and(|(_, open)| Arc::ptr_eq(open, log));
                same && busy.insert(*key)
            });
        }
        if chosen.is_empty() {
            return;
        }
        let closing: Vec<Arc<Log>> = chosen.iter().map(|(_, log)| log.clone()).collect();
        if let Some(error) = self.close_together(&closing) {
            tracing::error!(%error, "partitions could not be closed");
        }
        let keys: Vec<Key> = chosen.iter().map(|(key, _)| *key).collect();
        chosen.retain(|(_, log)| log.is_closed());
        self.retire(&chosen);
        {
            let mut logs = self.logs.lock();
            keys.iter().for_each(|key| {
                logs.busy.remove(key);
            });
        }
        self.settled.notify_all();
        for log in closing.iter().filter(|log| log.is_closed()) {
            log.tell_rested();
        }
    }

    /// Closes every log and writes down that they rest, so that the next start takes them as they are;
    /// another process may use the folder then. Logs that somebody is opening or closing are waited for,
    /// and no other is opened any more.
    pub fn close(&self) -> Result<(), LogError> {
        self.journal.end_proofs();
        {
            let mut logs = self.logs.lock();
            logs.closed = true;
            while !logs.busy.is_empty() {
                self.settled.wait(&mut logs);
            }
        }
        self.end_removing();
        let closed = self.close_logs();
        *self.lock.lock() = None;
        closed
    }

    /// Syncs what the start wrote into segments, of partitions that were not opened since, too.
    fn sync_replayed(&self) -> Result<(), LogError> {
        if self.unsynced.load(Ordering::Acquire) {
            self.check_fence()?;
            self.sync_all()?;
            self.unsynced.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Syncs the whole file system. Without a descriptor to do it by nothing has failed.
    fn sync_all(&self) -> Result<(), LogError> {
        let synced = self.env.disk.sync_all(&self.path);
        match synced.map_err(|error| LogError::io(&self.path, "sync", error)) {
            Err(error) if error.is_too_many_open() => Err(error),
            synced => self.journal.fencing(synced),
        }
    }

    fn close_logs(&self) -> Result<(), LogError> {
        self.sync_replayed()?;
        let failed = self.close_together(&self.open_logs());
        // What a full disk kept from it may lie there whole and not count; now it counts, or the next
        // start reads it once more.
        let settled = self.journal.commit_stuck();
        let failed = failed.or(settled.err().filter(|error| !error.is_full()));
        let start = self.journal.next_entry();
        self.retire(&self.open_by_key());
        let written = self.write_catalogue(start, failed.is_none());
        failed.map_or(written, Err)
    }

    fn close_together(&self, logs: &[Arc<Log>]) -> Option<LogError> {
        let failed = if logs.len() > SYNCED_ONE_BY_ONE {
            self.sync_together(logs, |log| log.begin_close(), |log| log.take_back_close())
        } else {
            // All of them, whatever becomes of one.
            logs.iter().filter_map(|log| log.close().err()).collect::<Vec<_>>().pop()
        };
        for log in logs.iter().filter(|log| log.is_closed()) {
            // What cannot be removed now is when it is opened again.
            if let Err(error) = log.remove_doomed() {
                tracing::warn!(%error, "a deleted segment is still on the disk");
            }
        }
        failed
    }

    /// Prepares every log, writes out those that are to be synced, and syncs all of them at once; what was
    /// prepared and not synced is taken back. The logs are in the order of their keys. Returns a failure,
    /// if there was one, after all others were done.
    fn sync_together(
        &self,
        logs: &[Arc<Log>],
        prepare: impl Fn(&Arc<Log>) -> Result<bool, LogError>,
        take_back: impl Fn(&Log),
    ) -> Option<LogError> {
        let mut failed = None;
        let mut written: Vec<(&Arc<Log>, MutexGuard<'_, ()>, WrittenOut)> = Vec::new();
        for log in logs {
            let one_at_a_time = log.syncing.lock();
            match prepare(log).and_then(|due| due.then(|| log.write_out(true)).transpose()) {
                Ok(Some(mut out)) => {
                    out.let_go_of_files();
                    written.push((log, one_at_a_time, out));
                }
                Ok(None) | Err(LogError::Closed) => {}
                Err(error) => {
                    take_back(log);
                    failed = Some(error);
                }
            }
        }
        if written.iter().any(|(_, _, out)| !out.is_empty())
            && let Err(error) = self.sync_all()
        {
            for (log, _, out) in &written {
                log.leave_unsynced(out);
                take_back(log);
            }
            return Some(error);
        }
        for (log, _one_at_a_time, out) in &written {
            log.synced(out);
        }
        failed
    }
}

#[cfg(test)]
mod tests;
