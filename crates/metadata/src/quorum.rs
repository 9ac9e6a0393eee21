//! The quorum: operations become committed records, records become the image everyone reads.
//!
//! This is the narrow interface; openraft is behind it and shows nowhere else. One voter today:
//! [`Quorum::start`] makes this node the leader at once. More voters change how it is started and
//! `network`, not the model.
//!
//! Invariants:
//! - [`Quorum::submit`] answers after its records are committed, replayed and shown to observers.
//! - Records are replayed on the image they were decided against, or nowhere.
//! - Changes reach observers complete and in order.
//! - Nothing is written after a failed write; the quorum is then out of service until it is started
//!   again.
//!
//! Lock order: none is taken under another, but the newest snapshot's under that of the snapshots' files,
//! which is held while they are worked on. The observers' is held while a change is handed out.

mod controller;
mod network;
mod published;
mod state_machine;
pub(crate) mod types;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use env::Env;
use openraft::SnapshotPolicy;
use openraft::error::Fatal;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use published::{Change, Observer, Watch};

use crate::files::log::LogStore;
use crate::files::snapshot::Snapshot;
use crate::files::writer::{self, Job, KEEP_ALL, Writer};
use crate::files::{FileError, recovery, snapshot, vote};
use crate::ids::base64url;
use crate::limits::{
    ENTRIES_BEHIND_SNAPSHOT, OPERATIONS_WAITING_MAX, SEGMENT_BYTES_MAX, SNAPSHOT_ENTRIES,
    SNAPSHOT_LOG_BYTES,
};
use crate::{Image, NodeId, Operation, Outcome};
use controller::{Controller, Submission};
use published::Published;
use state_machine::{Snapshots, StateMachine};
use types::{Batch, Raft, Voter};

/// How a quorum is run.
#[derive(Clone, Debug)]
pub struct QuorumConfig {
    /// The id a new cluster gets; drawn when absent. An existing one keeps its own.
    pub cluster_id: Option<String>,
    /// Feature levels a new cluster starts with.
    pub features: BTreeMap<String, i16>,
    /// Entries after which a snapshot is taken.
    pub snapshot_entries: u64,
    /// Bytes of entries after which a snapshot is taken.
    pub snapshot_log_bytes: u64,
    /// Entries that stay in the log behind a snapshot.
    pub entries_behind_snapshot: u64,
    /// Bytes of a segment of the log before the next is begun.
    pub segment_bytes: u64,
}

impl Default for QuorumConfig {
    fn default() -> QuorumConfig {
        QuorumConfig {
            cluster_id: None,
            features: BTreeMap::new(),
            snapshot_entries: SNAPSHOT_ENTRIES,
            snapshot_log_bytes: SNAPSHOT_LOG_BYTES,
            entries_behind_snapshot: ENTRIES_BEHIND_SNAPSHOT,
            segment_bytes: SEGMENT_BYTES_MAX,
        }
    }
}

/// Why the quorum did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// The files cannot be opened or do not check.
    #[error("cluster metadata cannot be opened: {reason}")]
    Open {
        /// What, where, and what to do.
        reason: String,
    },
    /// The files are another node's.
    #[error(
        "{} belongs to node {found:?}, not to node {node}: start it with its own node id or give \
         this node a folder of its own",
        dir.display()
    )]
    OtherNode {
        /// The folder.
        dir: PathBuf,
        /// Who was started.
        node: NodeId,
        /// Whose it is.
        found: Vec<NodeId>,
    },
    /// Another node leads; ask there. Retriable.
    #[error("this node does not lead the quorum; leader: {leader:?}")]
    NotLeader {
        /// Who leads, if anyone is known to.
        leader: Option<NodeId>,
    },
    /// A write failed; the quorum is out of service until the node is started again.
    #[error("cluster metadata is out of service: {reason}")]
    Storage {
        /// What failed.
        reason: String,
    },
    /// The operation's records do not fit an entry of the log; nothing of it was done.
    #[error("the operation would write {bytes} bytes of metadata, at most {bytes_max} are taken")]
    TooLarge {
        /// How many bytes its records have.
        bytes: usize,
        /// How many they may have.
        bytes_max: usize,
    },
    /// The quorum was stopped.
    #[error("the quorum is stopped")]
    Stopped,
}

impl QuorumError {
    /// Whether the same operation may succeed a little later or elsewhere.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            QuorumError::NotLeader { .. } | QuorumError::Stopped => true,
            QuorumError::Open { .. }
            | QuorumError::OtherNode { .. }
            | QuorumError::Storage { .. }
            | QuorumError::TooLarge { .. } => false,
        }
    }
}

impl From<FileError> for QuorumError {
    fn from(error: FileError) -> QuorumError {
        QuorumError::Open { reason: error.to_string() }
    }
}

impl From<Fatal<NodeId>> for QuorumError {
    fn from(fatal: Fatal<NodeId>) -> QuorumError {
        match fatal {
            Fatal::Stopped => QuorumError::Stopped,
            Fatal::StorageError(error) => QuorumError::Storage { reason: error.to_string() },
            Fatal::Panicked => QuorumError::Storage { reason: "the quorum panicked".to_owned() },
        }
    }
}

/// How long a node may take to lead its own quorum and replay its log.
const START_WAIT: Duration = Duration::from_secs(60);

/// One voter has nobody to send heartbeats to: its timer only has to exist.
const IDLE_TICK_MS: u64 = 3_600_000;

/// A running quorum; cheap to clone, every clone is the same one.
#[derive(Clone)]
pub struct Quorum {
    inner: Arc<Inner>,
}

struct Inner {
    raft: Raft,
    published: Arc<Published>,
    queue: Mutex<Option<mpsc::Sender<Submission>>>,
    snapshots: Arc<Snapshots>,
    writer: Writer,
    /// The controller's task and the writer's thread, until the quorum is stopped.
    running: Mutex<Option<(JoinHandle<()>, std::thread::JoinHandle<()>)>>,
}

impl std::fmt::Debug for Quorum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quorum").field("published", &self.inner.published).finish_non_exhaustive()
    }
}

impl Quorum {
    /// Opens the files in `dir` (made when missing) and leads a quorum of this node alone. When it
    /// returns, the log is replayed and the cluster has its id.
    ///
    /// The caller holds the lock on the data folder: two processes on one `dir` destroy it.
    pub async fn start(
        env: Env,
        dir: PathBuf,
        node: NodeId,
        config: QuorumConfig,
    ) -> Result<Quorum, QuorumError> {
        let opened = Opened::open(&env, &dir, &config)?;
        let first_start = opened.log_store_is_empty;
        let led_before = opened.led_by == Some(node);
        let raft = Raft::new(
            node,
            Arc::new(raft_config(&config)?),
            network::Network,
            opened.log,
            opened.state_machine,
        )
        .await?;

        let (queue, submissions) = mpsc::channel(OPERATIONS_WAITING_MAX);
        let controller = Controller {
            raft: raft.clone(),
            published: opened.published.clone(),
            random: env.random.clone(),
            grown: opened.grown,
            snapshot_bytes: config.snapshot_log_bytes,
        };
        let task = tokio::spawn(controller.run(submissions));
        let quorum = Quorum {
            inner: Arc::new(Inner {
                raft,
                published: opened.published,
                queue: Mutex::new(Some(queue)),
                snapshots: opened.snapshots,
                writer: opened.writer,
                running: Mutex::new(Some((task, opened.thread))),
            }),
        };
        let led = match quorum.lead(dir, node, first_start, led_before).await {
            Ok(()) => quorum.bootstrap(&env, config).await,
            refused => refused,
        };
        if let Err(error) = led {
            // Whoever tries again finds nobody at the files.
            quorum.shutdown().await;
            return Err(error);
        }
        Ok(quorum)
    }

    /// Leads a quorum of this node alone, its log replayed.
    async fn lead(
        &self,
        dir: PathBuf,
        node: NodeId,
        first_start: bool,
        led_before: bool,
    ) -> Result<(), QuorumError> {
        let raft = &self.inner.raft;
        let voters = raft
            .with_raft_state(|state| state.membership_state.effective().voter_ids().collect())
            .await?;
        let voters: Vec<NodeId> = voters;
        if !voters.is_empty() && !voters.contains(&node) {
            return Err(QuorumError::OtherNode { dir, node, found: voters });
        }
        if voters.is_empty() {
            let alone = BTreeMap::from([(node, Voter::default())]);
            raft.initialize(alone)
                .await
                .map_err(|error| QuorumError::Open { reason: error.to_string() })?;
        } else if !led_before {
            raft.trigger().elect().await?;
        }
        raft.wait(Some(START_WAIT))
            .metrics(|now| now.current_leader == Some(node), "this node leads")
            .await
            .map_err(|error| QuorumError::Open { reason: error.to_string() })?;
        if !first_start {
            // An entry of this leadership: with it everything before is committed and replayed.
            let nothing = Batch { base: u64::MAX, records: Arc::default() };
            raft.client_write(nothing)
                .await
                .map_err(|error| QuorumError::Open { reason: error.to_string() })?;
        }
        Ok(())
    }

    /// Gives a new cluster its id.
    async fn bootstrap(&self, env: &Env, config: QuorumConfig) -> Result<(), QuorumError> {
        if self.image().cluster_id().is_empty() {
            let drawn = || base64url(uuid::Builder::from_random_bytes(env.random.id()).into_uuid());
            let cluster_id = config.cluster_id.unwrap_or_else(drawn);
            let features = config.features;
            self.submit(Operation::Bootstrap { cluster_id, features }).await?;
        }
        Ok(())
    }

    /// Decides an operation against the newest image and answers when its records are committed and
    /// replayed. Refused items are part of the outcome, not an error.
    pub async fn submit(&self, operation: Operation) -> Result<Outcome, QuorumError> {
        let queue = self.inner.queue.lock().clone().ok_or(QuorumError::Stopped)?;
        let (reply, outcome) = oneshot::channel();
        let submission = Submission { operation, reply };
        queue.send(submission).await.map_err(|_| QuorumError::Stopped)?;
        drop(queue);
        outcome.await.unwrap_or(Err(QuorumError::Stopped))
    }

    /// The newest image.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        self.inner.published.image()
    }

    /// Every change from now on, as a stream.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.inner.published.watch()
    }

    /// Every change from now on, by call; see [`Observer`]. The image given is the one the first
    /// change goes on from.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> Arc<Image> {
        self.inner.published.observe(observer)
    }

    /// Finishes what was submitted and stops. When it returns, nothing of the quorum touches the disk any
    /// more: the folder may be given to another. Everything acknowledged is durable with or without it.
    pub async fn shutdown(&self) {
        let Some((task, thread)) = self.inner.running.lock().take() else {
            return;
        };
        self.inner.queue.lock().take();
        if let Err(error) = task.await {
            tracing::warn!(%error, "the controller ended early");
        }
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, "the quorum ended early");
        }
        let _ = self.inner.writer.run(|done| Job::Stop { done }).await;
        // It has answered and is on its way out.
        if thread.join().is_err() {
            tracing::warn!("the metadata log's thread panicked");
        }
        // openraft does not wait for a snapshot that is being built.
        self.inner.snapshots.close().await;
        self.inner.published.close();
    }
}

fn raft_config(config: &QuorumConfig) -> Result<openraft::Config, QuorumError> {
    openraft::Config {
        cluster_name: "metadata".to_owned(),
        heartbeat_interval: IDLE_TICK_MS,
        election_timeout_min: 2 * IDLE_TICK_MS,
        election_timeout_max: 3 * IDLE_TICK_MS,
        enable_tick: false,
        enable_heartbeat: false,
        enable_elect: false,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(config.snapshot_entries),
        max_in_snapshot_log_to_keep: config.entries_behind_snapshot,
        ..openraft::Config::default()
    }
    .validate()
    .map_err(|error| QuorumError::Open { reason: error.to_string() })
}

/// The files of a folder, ready to be run on.
struct Opened {
    log: LogStore,
    log_store_is_empty: bool,
    /// Who led when the vote was last written.
    led_by: Option<NodeId>,
    state_machine: StateMachine,
    published: Arc<Published>,
    snapshots: Arc<Snapshots>,
    writer: Writer,
    thread: std::thread::JoinHandle<()>,
    grown: Arc<AtomicU64>,
}

impl Opened {
    fn open(env: &Env, dir: &Path, config: &QuorumConfig) -> Result<Opened, QuorumError> {
        let disk = &*env.disk;
        disk.create_dir_all(dir).map_err(FileError::io(dir))?;
        let vote = vote::read(disk, dir)?;
        let snapshot = snapshot::read_newest(disk, dir)?;
        let kept_from = snapshot::kept_from(disk, dir)?;
        let log = recovery::recover(disk, dir)?;
        check_consistent(dir, vote.as_ref(), snapshot.as_ref(), &log)?;
        recovery::settle(disk, dir, &log)?;

        let keep_from = Arc::new(AtomicU64::new(kept_from.unwrap_or(KEEP_ALL)));
        let grown = Arc::new(AtomicU64::new(0));
        let (writer, thread) = writer::start(writer::Files {
            disk: env.disk.clone(),
            dir: dir.to_owned(),
            segments: log.segments.clone(),
            segment_bytes: config.segment_bytes.min(SEGMENT_BYTES_MAX),
            keep_from: keep_from.clone(),
        })
        .map_err(FileError::io(dir))?;

        let newest = snapshot.as_ref().map(Snapshot::meta);
        let state = snapshot.unwrap_or_else(|| Snapshot {
            last: None,
            voters: types::StoredMembership::default(),
            image: Arc::default(),
        });
        let published = Arc::new(Published::new(state.image.clone()));
        let snapshots = Arc::new(Snapshots {
            disk: env.disk.clone(),
            dir: dir.to_owned(),
            newest: Mutex::new(newest),
            keep_from,
            grown: grown.clone(),
            closed: Mutex::default(),
        });
        Ok(Opened {
            log_store_is_empty: log.last().is_none() && state.last.is_none(),
            led_by: vote.filter(|vote| vote.committed).map(|vote| vote.leader_id.node_id),
            log: LogStore::new(writer.clone(), log, vote, grown.clone()),
            state_machine: StateMachine::new(state, published.clone(), snapshots.clone()),
            published,
            snapshots,
            writer,
            thread,
            grown,
        })
    }
}

/// Files that are whole one by one must also belong together.
fn check_consistent(
    dir: &Path,
    vote: Option<&types::Vote>,
    snapshot: Option<&Snapshot>,
    log: &recovery::Recovered,
) -> Result<(), FileError> {
    let snapshot_end = snapshot.and_then(|snapshot| snapshot.last).map(|last| last.index);
    let log_start = log.purged.map(|purged| purged.index);
    if log_start > snapshot_end {
        let reason = format!(
            "the log begins behind entry {log_start:?}, the newest snapshot ends at \
             {snapshot_end:?}: what is between is missing"
        );
        return Err(FileError::damaged(dir, 0, reason));
    }
    // The first entry of all is written before the first vote.
    let last_term = log.last().map_or(0, |last| last.leader_id.term);
    if vote.map_or(0, |vote| vote.leader_id.term) < last_term {
        let reason = format!("the log has entries of term {last_term}, which was never voted for");
        return Err(FileError::damaged(&dir.join("vote"), 0, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
