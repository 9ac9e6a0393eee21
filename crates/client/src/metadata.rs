//! What is known of a cluster: its brokers, its topics, who leads which partition.
//!
//! Plain values, made from a Metadata response; sentinels of the wire are options here.

use std::fmt;
use std::sync::Arc;

use records::LeaderEpoch;
use uuid::Uuid;
use wire::ErrorCode;
use wire::messages::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};

/// A partition by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A broker and how clients reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

impl Broker {
    /// `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The brokers of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClusterInfo {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker that takes administrative requests.
    pub controller: Option<i32>,
    /// Brokers that are alive, by id.
    pub brokers: Vec<Broker>,
}

/// A topic and its partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id, if the cluster has ids.
    pub id: Option<Uuid>,
    /// Whether the cluster keeps its own state in it.
    pub is_internal: bool,
    /// Its partitions, by number.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Its number.
    pub id: i32,
    /// Who leads it, if anyone does.
    pub leader: Option<i32>,
    /// How often the leadership has changed hands, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Brokers that have a copy; the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub isr: Vec<i32>,
    /// Those of them that are offline.
    pub offline: Vec<i32>,
}

impl Topic {
    /// The partition with this number.
    #[must_use]
    pub fn partition(&self, id: i32) -> Option<&Partition> {
        // Numbers run from 0 without gaps.
        self.partitions.get(usize::try_from(id).ok()?).filter(|partition| partition.id == id)
    }

    pub(crate) fn from_wire(wire: &MetadataResponseTopic) -> Result<Topic, ErrorCode> {
        ErrorCode::from_wire(wire.error_code).ok()?;
        let mut partitions: Vec<_> = wire.partitions.iter().map(Partition::from_wire).collect();
        partitions.sort_by_key(|partition| partition.id);
        Ok(Topic {
            name: wire.name.as_deref().unwrap_or_default().into(),
            id: Some(wire.topic_id).filter(|id| !id.is_nil()),
            is_internal: wire.is_internal,
            partitions,
        })
    }
}

impl Partition {
    fn from_wire(wire: &MetadataResponsePartition) -> Partition {
        Partition {
            id: wire.partition_index,
            leader: Some(wire.leader_id).filter(|id| *id >= 0),
            leader_epoch: Some(LeaderEpoch(wire.leader_epoch)).filter(|epoch| epoch.0 >= 0),
            replicas: wire.replica_nodes.clone(),
            isr: wire.isr_nodes.clone(),
            offline: wire.offline_replicas.clone(),
        }
    }
}

impl ClusterInfo {
    pub(crate) fn from_wire(wire: &MetadataResponse) -> ClusterInfo {
        let mut brokers: Vec<_> = wire
            .brokers
            .iter()
            .map(|broker| Broker {
                id: broker.node_id,
                host: broker.host.to_string(),
                port: broker.port,
                rack: broker.rack.as_ref().map(ToString::to_string),
            })
            .collect();
        brokers.sort_by_key(|broker| broker.id);
        ClusterInfo {
            cluster_id: wire.cluster_id.as_ref().map(ToString::to_string),
            controller: Some(wire.controller_id).filter(|id| *id >= 0),
            brokers,
        }
    }
}
