//! The log as openraft uses it: entries in memory, durable through the writer.
//!
//! All entries since the last snapshot are in memory, which snapshots bound (`limits`); files are
//! read only at start. Entries can be read as soon as `append` returns and count as durable when its
//! callback runs.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader, StorageIOError};
use parking_lot::Mutex;

use super::recovery::Recovered;
use super::segment::{self, Origin};
use super::writer::{Job, Writer};
use crate::NodeId;
use crate::quorum::types::{Entry, LogId, StorageError, Types, Vote};

/// Shared by the log and its readers.
#[derive(Clone, Debug)]
pub(crate) struct LogStore {
    writer: Writer,
    state: Arc<Mutex<State>>,
    vote: Option<Vote>,
    /// Bytes appended since this was last set to zero.
    grown: Arc<AtomicU64>,
}

/// Guarded by its lock for moments only; never while something is written.
#[derive(Debug)]
struct State {
    purged: Option<LogId>,
    /// Consecutive.
    entries: VecDeque<Entry>,
}

impl State {
    fn last(&self) -> Option<LogId> {
        self.entries.back().map(|entry| entry.log_id).or(self.purged)
    }

    /// How many entries come before `index`.
    fn before(&self, index: u64) -> usize {
        let first = self.entries.front().map_or(index, |entry| entry.log_id.index);
        usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX).min(self.entries.len())
    }
}

impl LogStore {
    pub(crate) fn new(
        writer: Writer,
        recovered: Recovered,
        vote: Option<Vote>,
        grown: Arc<AtomicU64>,
    ) -> LogStore {
        let state = State { purged: recovered.purged, entries: recovered.entries };
        LogStore { writer, state: Arc::new(Mutex::new(state)), vote, grown }
    }
}

fn failed_logs(error: &io::Error) -> StorageError {
    StorageIOError::write_logs(error).into()
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let state = self.state.lock();
        let start = match range.start_bound() {
            Bound::Included(index) => state.before(*index),
            Bound::Excluded(index) => state.before(index.saturating_add(1)),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => state.before(index.saturating_add(1)),
            Bound::Excluded(index) => state.before(*index),
            Bound::Unbounded => state.entries.len(),
        };
        Ok(state.entries.iter().take(end).skip(start).cloned().collect())
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError> {
        let state = self.state.lock();
        Ok(LogState { last_purged_log_id: state.purged, last_log_id: state.last() })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let vote = *vote;
        self.writer
            .run(|done| Job::Vote { vote, done })
            .await
            .map_err(|error| StorageIOError::<NodeId>::write_vote(&error))?;
        self.vote = Some(vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.vote)
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<Types>,
    ) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let Some(last) = entries.last().map(|entry| entry.log_id) else {
            callback.log_io_completed(Ok(()));
            return Ok(());
        };
        let frame = segment::encode_frame(&entries);
        self.grown.fetch_add(u64::try_from(frame.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let previous = {
            let mut state = self.state.lock();
            let previous = state.last();
            state.entries.extend(entries);
            previous
        };
        self.writer
            .send(Job::Append { frame, previous, last, done: callback })
            .map_err(|error| failed_logs(&error))
    }

    async fn truncate(&mut self, from: LogId) -> Result<(), StorageError> {
        let previous = {
            let mut state = self.state.lock();
            let keep = state.before(from.index);
            if keep == state.entries.len() {
                return Ok(());
            }
            state.entries.truncate(keep);
            state.last()
        };
        self.writer
            .run(|done| Job::Begin { origin: Origin::TakenBack, previous, done })
            .await
            .map_err(|error| failed_logs(&error))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        let beyond_the_end = {
            let mut state = self.state.lock();
            let beyond = state.last().is_none_or(|last| last.index < upto.index);
            let gone = state.before(upto.index.saturating_add(1));
            state.entries.drain(..gone);
            if state.purged.is_some_and(|purged| purged.index >= upto.index) {
                return Ok(());
            }
            state.purged = Some(upto);
            beyond
        };
        if beyond_the_end {
            let previous = Some(upto);
            self.writer
                .run(|done| Job::Begin { origin: Origin::Snapshot, previous, done })
                .await
                .map_err(|error| failed_logs(&error))?;
        }
        self.writer.run(|done| Job::Purge { upto, done }).await.map_err(|error| failed_logs(&error))
    }
}
