//! Why the controller declined an item of an operation.
//!
//! A refusal is an answer and not a failure: nothing of the item was written. Texts follow Kafka's,
//! because administrators and tools know them; front ends map the variant, not the text.

use crate::{NodeId, TopicId};

/// One item's refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name is taken.
    #[error("Topic '{name}' already exists.")]
    TopicExists {
        /// The name.
        name: String,
    },
    /// The name breaks the rules, or collides with another.
    #[error("Topic name is invalid: {reason}")]
    InvalidTopicName {
        /// The name.
        name: String,
        /// Which rule.
        reason: String,
    },
    /// No topic has this name.
    #[error("This server does not host this topic-partition.")]
    UnknownTopic {
        /// The name.
        name: String,
    },
    /// No topic has this id.
    #[error("This server does not host this topic ID.")]
    UnknownTopicId {
        /// The id.
        id: TopicId,
    },
    /// The topic has no such partition.
    #[error("This server does not host this topic-partition.")]
    UnknownPartition {
        /// The topic.
        id: TopicId,
        /// The partition.
        partition: i32,
    },
    /// The number of partitions cannot be.
    #[error("{reason}")]
    InvalidPartitions {
        /// Why.
        reason: String,
    },
    /// The number of replicas cannot be.
    #[error("{reason}")]
    InvalidReplicationFactor {
        /// Why.
        reason: String,
    },
    /// The replicas asked for cannot be.
    #[error("{reason}")]
    InvalidReplicaAssignment {
        /// Why.
        reason: String,
    },
    /// A configuration cannot be set as asked. Values are checked above this crate.
    #[error("{reason}")]
    InvalidConfig {
        /// Why.
        reason: String,
    },
    /// The item contradicts itself or another of the same operation.
    #[error("{reason}")]
    InvalidRequest {
        /// Why.
        reason: String,
    },
    /// The item is more than the cluster takes at once.
    #[error("{reason}")]
    PolicyViolation {
        /// Why.
        reason: String,
    },
    /// The broker is not registered.
    #[error("Broker {node} is not registered.")]
    UnknownBroker {
        /// The broker.
        node: NodeId,
    },
    /// The broker has registered again since the sender learned its epoch.
    #[error("Broker {node} has epoch {current}, not {given}.")]
    StaleBrokerEpoch {
        /// The broker.
        node: NodeId,
        /// The epoch in the operation.
        given: i64,
        /// The epoch in the image.
        current: i64,
    },
    /// Another live process is registered under this node id.
    #[error("Another broker is registered under node id {node} and is not fenced.")]
    DuplicateBroker {
        /// The broker.
        node: NodeId,
    },
    /// The partition has a newer leader epoch.
    #[error("The leader epoch is {current}, not {given}.")]
    FencedLeaderEpoch {
        /// The epoch in the operation.
        given: i32,
        /// The epoch in the image.
        current: i32,
    },
    /// The operation knows a newer leader epoch than this image.
    #[error("The leader epoch is {current}; {given} is not known yet.")]
    UnknownLeaderEpoch {
        /// The epoch in the operation.
        given: i32,
        /// The epoch in the image.
        current: i32,
    },
    /// The partition was changed since the sender looked.
    #[error("The partition epoch is {current}, not {given}.")]
    InvalidUpdateVersion {
        /// The epoch in the operation.
        given: i32,
        /// The epoch in the image.
        current: i32,
    },
    /// A replica is fenced and may not join the in-sync replicas.
    #[error("Replica {node} is fenced and cannot be in sync.")]
    IneligibleReplica {
        /// The replica.
        node: NodeId,
    },
    /// A feature level cannot be set.
    #[error("{reason}")]
    FeatureUpdateFailed {
        /// Why.
        reason: String,
    },
    /// Every producer id was handed out.
    #[error("No producer ids are left.")]
    ProducerIdsExhausted,
}

impl Refusal {
    /// Whether the same operation may succeed once the sender has looked again.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Refusal::UnknownTopic { .. }
            | Refusal::UnknownTopicId { .. }
            | Refusal::UnknownPartition { .. }
            | Refusal::UnknownLeaderEpoch { .. }
            | Refusal::InvalidUpdateVersion { .. } => true,
            Refusal::TopicExists { .. }
            | Refusal::InvalidTopicName { .. }
            | Refusal::InvalidPartitions { .. }
            | Refusal::InvalidReplicationFactor { .. }
            | Refusal::InvalidReplicaAssignment { .. }
            | Refusal::InvalidConfig { .. }
            | Refusal::InvalidRequest { .. }
            | Refusal::PolicyViolation { .. }
            | Refusal::UnknownBroker { .. }
            | Refusal::StaleBrokerEpoch { .. }
            | Refusal::DuplicateBroker { .. }
            | Refusal::FencedLeaderEpoch { .. }
            | Refusal::IneligibleReplica { .. }
            | Refusal::FeatureUpdateFailed { .. }
            | Refusal::ProducerIdsExhausted => false,
        }
    }
}
