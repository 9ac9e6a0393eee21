//! Committed entries become images; images become snapshots.
//!
//! The image lives in memory. At start it is the newest snapshot, and openraft replays the log behind
//! it. An entry whose records were decided against another image than the one at hand is passed over:
//! every node sees the same and decides the same.

use std::io::{self, Cursor};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::Disk;
use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageIOError};
use parking_lot::Mutex;

use super::published::{Change, Published};
use super::types::{Applied, Entry, LogId, SnapshotMeta, StorageError, StoredMembership, Types};
use crate::files::snapshot::{self, Snapshot};
use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::{Delta, ReplayError};

/// Where snapshots are kept.
#[derive(Debug)]
pub(crate) struct Snapshots {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) newest: Mutex<Option<SnapshotMeta>>,
    pub(crate) keep_from: Arc<AtomicU64>,
    /// Bytes appended to the log since the last snapshot.
    pub(crate) grown: Arc<AtomicU64>,
    /// Whether the files are left alone from now on. Held by whoever works on them for as long as that
    /// takes: a blocking thread goes on when everybody who waited for it is gone.
    pub(crate) closed: Mutex<bool>,
}

impl Snapshots {
    /// Works on the files beside the runtime's workers: one piece of work at a time, and none once they
    /// are closed.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Snapshots>,
        work: impl FnOnce(&Snapshots) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let snapshots = self.clone();
        let run = move || {
            let closed = snapshots.closed.lock();
            if *closed {
                return Err(io::Error::other("the metadata's snapshots are closed"));
            }
            work(&snapshots)
        };
        tokio::task::spawn_blocking(run).await.map_err(io::Error::other)?
    }

    /// Ends when nobody works on the files any more, and from then on nobody does.
    pub(crate) async fn close(self: &Arc<Snapshots>) {
        let snapshots = self.clone();
        let closed = tokio::task::spawn_blocking(move || *snapshots.closed.lock() = true).await;
        if let Err(error) = closed {
            tracing::warn!(%error, "the metadata's snapshots could not be closed");
        }
    }

    fn write(&self, snapshot: &Snapshot, content: &[u8]) -> io::Result<()> {
        let kept = snapshot::write(&*self.disk, &self.dir, snapshot.last, content)
            .map_err(io::Error::other)?;
        if let Some(index) = kept {
            self.keep_from.store(index, Ordering::Release);
        }
        *self.newest.lock() = Some(snapshot.meta());
        self.grown.store(0, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct StateMachine {
    state: Snapshot,
    published: Arc<Published>,
    snapshots: Arc<Snapshots>,
}

impl StateMachine {
    pub(crate) fn new(
        state: Snapshot,
        published: Arc<Published>,
        snapshots: Arc<Snapshots>,
    ) -> StateMachine {
        StateMachine { state, published, snapshots }
    }

    fn replay(&mut self, entry: &Entry) -> Result<Applied, ReplayError> {
        let id = entry.log_id;
        let before = &self.state.image;
        let next = match &entry.payload {
            EntryPayload::Normal(batch) if batch.base == before.version() => {
                Some(before.try_apply(&batch.records)?)
            }
            EntryPayload::Normal(_) | EntryPayload::Blank => None,
            EntryPayload::Membership(voters) => {
                self.state.voters = StoredMembership::new(Some(id), voters.clone());
                None
            }
        };
        let applied = match (&next, &entry.payload) {
            (Some(_), _) => Applied::Replayed,
            (None, EntryPayload::Normal(_)) => Applied::Outdated,
            (None, _) => Applied::Nothing,
        };
        let (image, mut delta) = next.unwrap_or_else(|| ((**before).clone(), Delta::default()));
        let image = Arc::new(image.at(id.index, Some(id.leader_id.node_id)));
        delta.controller_changed = before.controller() != image.controller();
        self.state.image = image.clone();
        self.state.last = Some(id);
        self.published.publish(&Change { image, delta: Arc::new(delta) });
        Ok(applied)
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        Ok((self.state.last, self.state.voters.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Applied>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut applied = Vec::new();
        for entry in entries {
            let result = self.replay(&entry);
            applied.push(result.map_err(|error| StorageIOError::apply(entry.log_id, &error))?);
        }
        Ok(applied)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { state: self.state.clone(), snapshots: self.snapshots.clone() }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        received: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let failed =
            |error: &io::Error| StorageIOError::write_snapshot(Some(meta.signature()), error);
        let write = move |snapshots: &Snapshots| {
            let content = received.into_inner();
            let snapshot = Snapshot::decode(&content).map_err(io::Error::other)?;
            snapshots.write(&snapshot, &content)?;
            Ok(snapshot)
        };
        let snapshot = self.snapshots.run(write).await.map_err(|error| failed(&error))?;
        let delta = Arc::new(Delta::between(&self.state.image, &snapshot.image));
        self.published.publish(&Change { image: snapshot.image.clone(), delta });
        self.state = snapshot;
        Ok(())
    }

    async fn get_current_snapshot(
        &mut self,
    ) -> Result<Option<openraft::Snapshot<Types>>, StorageError> {
        let Some(meta) = self.snapshots.newest.lock().clone() else {
            return Ok(None);
        };
        let last = meta.last_log_id;
        // Whoever receives it checks it; here it is only passed on.
        let read = move |snapshots: &Snapshots| {
            let path = snapshot::path(&snapshots.dir, last);
            snapshots.disk.read(&path, SNAPSHOT_BYTES_MAX)
        };
        let content = self
            .snapshots
            .run(read)
            .await
            .map_err(|error| StorageIOError::read_snapshot(Some(meta.signature()), &error))?;
        let snapshot = Box::new(Cursor::new(content));
        Ok(Some(openraft::Snapshot { meta, snapshot }))
    }
}

/// Writes one image away while newer ones come.
#[derive(Debug)]
pub(crate) struct Builder {
    state: Snapshot,
    snapshots: Arc<Snapshots>,
}

impl RaftSnapshotBuilder<Types> for Builder {
    async fn build_snapshot(&mut self) -> Result<openraft::Snapshot<Types>, StorageError> {
        let state = self.state.clone();
        let write = move |snapshots: &Snapshots| {
            let content = state.encode();
            snapshots.write(&state, &content)?;
            Ok(content)
        };
        let content = self
            .snapshots
            .run(write)
            .await
            .map_err(|error| StorageIOError::write_snapshot(None, &error))?;
        let meta = self.state.meta();
        Ok(openraft::Snapshot { meta, snapshot: Box::new(Cursor::new(content)) })
    }
}
