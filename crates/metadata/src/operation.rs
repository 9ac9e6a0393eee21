//! What can be asked of the controller, and what it answers.
//!
//! Defaults and the values of configurations are the caller's: an operation carries final numbers,
//! so that a decision needs nothing but the image.

use std::collections::BTreeMap;

use records::LeaderEpoch;
use uuid::Uuid;

use crate::{ConfigResource, Directory, Endpoint, NodeId, PartitionImage, Refusal, TopicId};

/// A request to the controller. Items of a list are decided one after the other; each is done or
/// refused by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The first words of a new log; nothing once the cluster has an id.
    Bootstrap {
        /// The cluster's id.
        cluster_id: String,
        /// Finalized feature levels to begin with.
        features: BTreeMap<String, i16>,
    },
    /// New topics.
    CreateTopics {
        /// Which.
        topics: Vec<NewTopic>,
        /// Where copies on the asking node go; `None` is its home directory.
        folders: Option<FolderLoads>,
        /// Decide, and write nothing.
        validate_only: bool,
    },
    /// Take over topics that were another cluster's, with their ids. All replicas are `node`'s.
    AdoptTopics {
        /// Who keeps and leads them.
        node: NodeId,
        /// Which.
        topics: Vec<AdoptedTopic>,
        /// Producer ids below this were handed out there.
        next_producer_id: i64,
    },
    /// Remove topics.
    DeleteTopics {
        /// Which.
        ids: Vec<TopicId>,
    },
    /// More partitions for existing topics.
    CreatePartitions {
        /// Which.
        topics: Vec<NewPartitions>,
        /// Where copies on the asking node go; `None` is its home directory.
        folders: Option<FolderLoads>,
        /// Decide, and write nothing.
        validate_only: bool,
    },
    /// Override configurations or stop to.
    AlterConfigs {
        /// What.
        alterations: Vec<ConfigAlteration>,
        /// Decide, and write nothing.
        validate_only: bool,
    },
    /// A broker's process announces itself.
    RegisterBroker {
        /// The broker.
        node: NodeId,
        /// Which process this is; drawn at its start.
        incarnation: Uuid,
        /// Where it is reached.
        endpoints: Vec<Endpoint>,
        /// Where it stands.
        rack: Option<String>,
        /// Whether it stays fenced until [`Operation::UnfenceBroker`]. A cluster of one registers
        /// unfenced and keeps its leaderships; fenced, it loses them.
        fenced: bool,
    },
    /// A node says which log directories it has, its home first.
    SetDirectories {
        /// The node.
        node: NodeId,
        /// All of them, and those that are missing and may hold partitions.
        directories: Vec<Directory>,
    },
    /// Take leadership from a broker.
    FenceBroker {
        /// The broker.
        node: NodeId,
        /// Its epoch, so that a late fencing does not hit a new process.
        epoch: i64,
    },
    /// Let a broker lead.
    UnfenceBroker {
        /// The broker.
        node: NodeId,
        /// Its epoch.
        epoch: i64,
    },
    /// Forget a broker. Its replicas stay assigned.
    UnregisterBroker {
        /// The broker.
        node: NodeId,
    },
    /// A block of producer ids for a node to hand out.
    AllocateProducerIds {
        /// The node.
        node: NodeId,
        /// How many; at most [`crate::limits::PRODUCER_ID_BLOCK_MAX`].
        count: i32,
    },
    /// Finalize features; level 0 removes one. Which levels this binary can run is checked above.
    UpdateFeatures {
        /// Feature and level.
        levels: BTreeMap<String, i16>,
        /// Decide, and write nothing.
        validate_only: bool,
    },
    /// A leader reports who is in sync.
    AlterPartitions {
        /// The leader.
        node: NodeId,
        /// Its epoch as a broker.
        broker_epoch: i64,
        /// What it reports.
        changes: Vec<IsrChange>,
    },
}

/// The log directories of a node that take new partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderLoads {
    /// The node.
    pub node: NodeId,
    /// Each directory with how many partitions it has; a new one goes where there are fewest.
    pub loads: Vec<(Uuid, u64)>,
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Its partitions and their replicas.
    pub placement: Placement,
    /// Overrides, checked by the caller.
    pub configs: BTreeMap<String, String>,
    /// Whether the broker keeps its own state in it.
    pub internal: bool,
}

/// A topic of another cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptedTopic {
    /// Its id there, and here.
    pub id: TopicId,
    /// Its name.
    pub name: String,
    /// The leader epoch each partition begins with; newer than any in its records.
    pub leader_epochs: Vec<LeaderEpoch>,
    /// Overrides, checked by the caller.
    pub configs: BTreeMap<String, String>,
    /// Whether the broker keeps its own state in it.
    pub internal: bool,
}

/// Where the replicas of a new topic go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Spread over the brokers that are alive. Defaults are filled in by the caller.
    Spread {
        /// How many partitions.
        partitions: i32,
        /// How many replicas of each.
        replication_factor: i16,
    },
    /// As listed, by partition number.
    Manual(BTreeMap<i32, Vec<NodeId>>),
}

/// Partitions to add to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartitions {
    /// The topic's name.
    pub name: String,
    /// How many partitions it is to have then.
    pub total: i32,
    /// Replicas of each new partition, in order; spread when absent.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// Overrides to change on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigAlteration {
    /// Whose.
    pub resource: ConfigResource,
    /// How.
    pub change: ConfigChange,
}

/// How overrides change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// These keys and no others.
    Incremental(Vec<(String, ConfigEdit)>),
    /// These overrides and nothing else.
    Replace(BTreeMap<String, String>),
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigEdit {
    /// Override it.
    Set(String),
    /// Stop overriding it.
    Delete,
    /// Add items to a list that are not in it.
    Append {
        /// The items, separated by commas.
        items: String,
        /// The list to start from when the key is not overridden: its default.
        default: String,
    },
    /// Take items from a list.
    Subtract {
        /// The items, separated by commas.
        items: String,
        /// The list to start from when the key is not overridden: its default.
        default: String,
    },
}

/// What a leader reports about one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: i32,
    /// The epoch under which the sender leads.
    pub leader_epoch: i32,
    /// The state of the partition the sender started from.
    pub partition_epoch: i32,
    /// Who is in sync now, the leader included.
    pub isr: Vec<NodeId>,
}

/// The answer to an operation, one variant for each; lists answer item by item, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// To `Bootstrap`.
    Bootstrapped,
    /// To `CreateTopics`.
    TopicsCreated(Vec<Result<CreatedTopic, Refusal>>),
    /// To `AdoptTopics`.
    TopicsAdopted(Vec<Result<(), Refusal>>),
    /// To `DeleteTopics`: the names.
    TopicsDeleted(Vec<Result<String, Refusal>>),
    /// To `CreatePartitions`.
    PartitionsCreated(Vec<Result<(), Refusal>>),
    /// To `AlterConfigs`: all overrides of the resource after the change (also when it was only
    /// validated).
    ConfigsAltered(Vec<Result<BTreeMap<String, String>, Refusal>>),
    /// To `RegisterBroker`: the broker's epoch.
    BrokerRegistered(Result<i64, Refusal>),
    /// To `SetDirectories`.
    DirectoriesSet,
    /// To `FenceBroker` and `UnfenceBroker`.
    BrokerFenced(Result<(), Refusal>),
    /// To `UnregisterBroker`.
    BrokerUnregistered(Result<(), Refusal>),
    /// To `AllocateProducerIds`.
    ProducerIds(Result<ProducerIdBlock, Refusal>),
    /// To `UpdateFeatures`, by feature.
    FeaturesUpdated(BTreeMap<String, Result<(), Refusal>>),
    /// To `AlterPartitions`: the partitions as they are now.
    PartitionsAltered(Vec<Result<PartitionImage, Refusal>>),
}

/// A topic that was, or on validation would be, created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas the first partition has.
    pub replication_factor: i16,
}

/// Producer ids `first .. first + count`, exclusively the receiver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first.
    pub first: i64,
    /// How many.
    pub count: i32,
}

impl Operation {
    /// Whether this operation is only a question.
    #[must_use]
    pub fn is_validation(&self) -> bool {
        match self {
            Operation::CreateTopics { validate_only, .. }
            | Operation::CreatePartitions { validate_only, .. }
            | Operation::AlterConfigs { validate_only, .. }
            | Operation::UpdateFeatures { validate_only, .. } => *validate_only,
            Operation::Bootstrap { .. }
            | Operation::AdoptTopics { .. }
            | Operation::DeleteTopics { .. }
            | Operation::RegisterBroker { .. }
            | Operation::SetDirectories { .. }
            | Operation::FenceBroker { .. }
            | Operation::UnfenceBroker { .. }
            | Operation::UnregisterBroker { .. }
            | Operation::AllocateProducerIds { .. }
            | Operation::AlterPartitions { .. } => false,
        }
    }
}
