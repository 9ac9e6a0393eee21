//! One node: what it owns, in which order it starts, and in which order it stops.
//!
//! Start: the folder with the metadata is locked, the metadata quorum replays its log, the data folders are
//! opened and their journals written into the segments, the broker registers, and from then on the metadata drives ([`crate::apply`]). Nothing
//! is served before all of that. Partitions are opened when they are needed; those that a killed process
//! left in use are opened, and recovered, beside the first requests. Stop is the reverse.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use coordinators::GroupConfig;
use env::Env;
use log::{LogDir, LogDirError, ThreadError};
use metadata::{
    Directory, Endpoint, Image, NodeId, Operation, Outcome, Quorum, QuorumConfig, QuorumError,
};
use records::ProducerId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::budget::Budget;
use crate::cleaner::Cleaners;
use crate::cold_reads::ColdReads;
use crate::config::BrokerConfig;
use crate::error::{PartitionError, QuorumUnavailable};
use crate::folders::{Claimed, Folders, OfflineFolder};
use crate::groups::Groups;
use crate::producer_ids::ProducerIds;
use crate::scrub::Scrub;
use crate::topic_table::{Topic, TopicRef, TopicTable};

/// The folder of the metadata log within the data folder.
pub const METADATA_FOLDER: &str = "__cluster_metadata";

/// How long an operation waits until this node has reacted to its own change of the metadata.
const APPLY_WAIT: Duration = Duration::from_secs(30);

/// A running node.
#[derive(Debug)]
pub struct Broker {
    pub(crate) env: Env,
    pub(crate) node: NodeId,
    pub(crate) quorum: Quorum,
    pub(crate) folders: Folders,
    pub(crate) topics: TopicTable,
    pub(crate) groups: Arc<Groups>,
    pub(crate) cleaners: Cleaners,
    pub(crate) scrub: Scrub,
    pub(crate) config: ArcSwap<BrokerConfig>,
    /// The configuration this process was started with, without what was changed since.
    pub(crate) config_at_start: BrokerConfig,
    pub(crate) applied: watch::Sender<u64>,
    /// Upkeep that is wanted before its time.
    pub(crate) upkeep: Arc<crate::upkeep::Wanted>,
    /// A topic may have another `flush.ms`.
    pub(crate) flush_changed: Arc<tokio::sync::Notify>,
    producer_ids: ProducerIds,
    cold_reads: ColdReads,
    budget: Budget,
    tasks: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    LogDir(#[from] LogDirError),
    /// Two folders of `log.dirs` are the same, or one is a copy of the other.
    #[error("{first} and {second} are the same log directory, or one is a copy of the other")]
    SameFolder {
        /// The one that is named first.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The folder for the metadata has none, and another one is in use already.
    #[error("{metadata} has no cluster metadata, and {other} belongs to a cluster")]
    MetadataMissing {
        /// Where the metadata should be.
        metadata: PathBuf,
        /// A folder that is in use.
        other: PathBuf,
    },
    /// None of the folders of `log.dirs` is there.
    #[error("none of the folders of log.dirs can be used: {}", offline.iter()
        .map(|folder| format!("{}: {}", folder.path.display(), folder.reason))
        .collect::<Vec<_>>().join("; "))]
    NoFolder {
        /// What is wrong with each.
        offline: Vec<OfflineFolder>,
    },
    /// The metadata cannot be used.
    #[error("the cluster metadata cannot be opened: {0}")]
    Quorum(#[from] QuorumError),
    /// The system would not start a thread.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// The metadata refused this broker.
    #[error("the cluster did not take this broker in: {0}")]
    Registration(String),
}

impl Broker {
    /// Starts a node over its data folder; clients will be sent to `endpoints`.
    pub async fn start(
        env: Env,
        config: BrokerConfig,
        endpoints: Vec<Endpoint>,
    ) -> Result<Arc<Broker>, StartError> {
        let node = NodeId(config.node_id);
        let claimed = Claimed::take(&env, &config)?;
        let metadata_folder = config.metadata_log_dir.join(METADATA_FOLDER);
        let quorum =
            Quorum::start(env.clone(), metadata_folder, node, QuorumConfig::default()).await?;
        let changes = quorum.watch();
        let cluster_id = claimed.cluster_id().to_owned();
        let joined = match claimed.open(&env, &quorum.image(), node) {
            Ok((folders, directories)) => {
                let joined = join(&env, &quorum, cluster_id, &config, endpoints, directories).await;
                joined.map(|()| folders)
            }
            Err(error) => Err(error),
        };
        let folders = match joined {
            Ok(folders) => folders,
            Err(error) => {
                quorum.shutdown().await;
                return Err(error);
            }
        };
        let cleaners = Cleaners::new(&env, folders.dirs());
        let scrub = Scrub::new(&env, folders.dirs());
        let broker = Arc::new(Broker {
            node,
            folders,
            topics: TopicTable::default(),
            groups: Arc::new(Groups::new(env.clone(), group_config(&config))),
            applied: watch::channel(0).0,
            cleaners,
            scrub,
            upkeep: Arc::default(),
            flush_changed: Arc::default(),
            producer_ids: ProducerIds::default(),
            cold_reads: ColdReads::default(),
            budget: Budget::new(config.queued_max_request_bytes, config.socket_request_max_bytes),
            tasks: parking_lot::Mutex::default(),
            config: ArcSwap::from_pointee(config.clone()),
            config_at_start: config,
            env,
            quorum,
        });
        let image = broker.quorum.image();
        broker.take_over_configuration(&image);
        let opening = broker.clone();
        let opened = tokio::task::spawn_blocking(move || opening.open_all(&image)).await;
        opened.map_err(|error| StartError::Registration(error.to_string()))?;
        let tasks = vec![
            tokio::spawn(broker.clone().follow_metadata(changes)),
            tokio::spawn(broker.groups.clone().keep_time()),
            tokio::spawn(crate::upkeep::run(Arc::downgrade(&broker), broker.upkeep.clone())),
            tokio::spawn(crate::full_disk::watch(Arc::downgrade(&broker))),
            tokio::spawn(crate::flush::run(Arc::downgrade(&broker), broker.flush_changed.clone())),
        ];
        *broker.tasks.lock() = tasks;
        let recovering = broker.clone();
        tokio::task::spawn_blocking(move || recovering.recover());
        crate::cleaner::start(&broker);
        crate::scrub::start(&broker);
        Ok(broker)
    }

    /// Stops: nothing is appended any more, all logs are synced and closed, and the folder is marked
    /// as left in order. Front ends have to be stopped before.
    pub async fn stop(self: Arc<Broker>) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        self.quorum.shutdown().await;
        let broker = self;
        let _ = tokio::task::spawn_blocking(move || {
            broker.cleaners.stop();
            broker.scrub.stop(broker.folders.dirs());
            broker.close_logs();
        })
        .await;
    }

    fn close_logs(&self) {
        for storage in self.folders.online() {
            storage.syncer.stop();
            if let Err(error) = storage.dir.close() {
                tracing::error!(
                    folder = %storage.dir.path().display(), %error,
                    "the data folder was not left in order; the next start checks it"
                );
            }
        }
        self.folders.close();
    }

    /// The door to the operating system.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// This node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Arc<BrokerConfig> {
        self.config.load_full()
    }

    /// The metadata as it is now.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        self.quorum.image()
    }

    /// The byte budget of requests and replies in flight.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Where reads go that wait for a disk.
    #[must_use]
    pub fn cold_reads(&self) -> &ColdReads {
        &self.cold_reads
    }

    /// Consumer groups.
    #[must_use]
    pub fn groups(&self) -> &Arc<Groups> {
        &self.groups
    }

    /// The data folders.
    #[must_use]
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// The data folder of a node that has one.
    #[must_use]
    pub fn log_dir(&self) -> &Arc<LogDir> {
        // There is one at least, or the node does not start.
        &self.folders.online()[0].dir
    }

    /// A topic that has partitions on this node.
    pub fn topic(&self, topic: TopicRef<'_>) -> Result<Arc<Topic>, PartitionError> {
        self.topics.topic(topic).ok_or(match topic {
            TopicRef::Name(_) => PartitionError::UnknownTopic,
            TopicRef::Id(_) => PartitionError::UnknownTopicId,
        })
    }

    /// Every topic that has partitions on this node, in no order.
    #[must_use]
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.topics.topics()
    }

    /// A producer id nobody had before.
    pub async fn next_producer_id(&self) -> Result<ProducerId, QuorumUnavailable> {
        self.producer_ids.next(&self.quorum, self.node).await
    }

    /// Submits a change of the metadata and waits until this node has reacted to it.
    pub(crate) async fn submit(&self, operation: Operation) -> Result<Outcome, QuorumUnavailable> {
        let is_question = operation.is_validation();
        let outcome = self
            .quorum
            .submit(operation)
            .await
            .map_err(|error| QuorumUnavailable(error.to_string()))?;
        if !is_question {
            let version = self.quorum.image().version();
            let mut applied = self.applied.subscribe();
            let reacted = applied.wait_for(|applied| *applied >= version);
            if env::clock::timeout(APPLY_WAIT, reacted).await.is_none() {
                tracing::warn!(version, "a change of the metadata is not carried out yet");
            }
        }
        Ok(outcome)
    }
}

/// Makes this process and its directories known.
async fn join(
    env: &Env,
    quorum: &Quorum,
    cluster_id: String,
    config: &BrokerConfig,
    endpoints: Vec<Endpoint>,
    directories: Vec<Directory>,
) -> Result<(), StartError> {
    let node = NodeId(config.node_id);
    register(env, quorum, cluster_id, config, endpoints).await?;
    if quorum.image().directories(node) != directories {
        quorum.submit(Operation::SetDirectories { node, directories }).await?;
    }
    Ok(())
}

/// Gives a new cluster its id and makes this process known.
async fn register(
    env: &Env,
    quorum: &Quorum,
    cluster_id: String,
    config: &BrokerConfig,
    endpoints: Vec<Endpoint>,
) -> Result<(), StartError> {
    if quorum.image().cluster_id().is_empty() {
        let features = std::collections::BTreeMap::new();
        quorum.submit(Operation::Bootstrap { cluster_id, features }).await?;
    }
    let node = NodeId(config.node_id);
    let operation = Operation::RegisterBroker {
        node,
        incarnation: Uuid::from_bytes(env.random.id()),
        endpoints,
        rack: config.broker_rack.clone(),
        fenced: false,
    };
    // The lock on the data folder says that the process registered before is gone.
    if let Some(before) = quorum.image().broker(node).filter(|before| !before.fenced) {
        let fence = Operation::FenceBroker { node, epoch: before.epoch };
        quorum.submit(fence).await?;
    }
    match quorum.submit(operation).await? {
        Outcome::BrokerRegistered(Ok(_)) => Ok(()),
        Outcome::BrokerRegistered(Err(refusal)) => {
            Err(StartError::Registration(refusal.to_string()))
        }
        other => Err(StartError::Registration(format!("{other:?}"))),
    }
}

fn group_config(config: &BrokerConfig) -> GroupConfig {
    let ms = |ms: i32| Duration::from_millis(ms.max(0).unsigned_abs().into());
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    GroupConfig {
        session_timeout_min: ms(config.group_min_session_timeout_ms),
        session_timeout_max: ms(config.group_max_session_timeout_ms),
        initial_rebalance_delay: ms(config.group_initial_rebalance_delay_ms),
        group_size_max: count(config.group_max_size),
        metadata_bytes_max: count(config.offset_metadata_max_bytes),
        offsets_retention: Duration::from_millis(config.offsets_retention_ms),
        offsets_check_interval: Duration::from_millis(config.offsets_retention_check_interval_ms),
        ..GroupConfig::default()
    }
}
