//! The cluster as one immutable value.
//!
//! An [`Image`] never changes: [`Image::apply`] makes another that shares everything it did not
//! touch. Readers hold one for as long as they like and see one moment.
//!
//! Invariants:
//! - `topics` and `names` hold the same topics.
//! - The partitions of a topic are numbered from 0 without gaps; each has at least one replica, its
//!   ISR is a non-empty subset of the replicas, and its leader, when there is one, is in the ISR.
//! - `version` is the index in the log of the last entry replayed and only ascends.

use std::collections::BTreeMap;
use std::sync::Arc;

use records::LeaderEpoch;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::shared_map::SharedMap;
use crate::{MetadataRecord, NodeId, NodeList, SharedList, TopicId};

/// How a listener protects its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Security {
    /// Neither encryption nor login.
    Plaintext,
    /// TLS.
    Tls,
    /// Login without encryption.
    SaslPlaintext,
    /// Login over TLS.
    SaslTls,
}

/// Where a broker is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The listener's name.
    pub name: String,
    /// The host as clients should use it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How connections are protected.
    pub security: Security,
}

/// A registered broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// Its node id.
    pub id: NodeId,
    /// Which registration this is; ascends for a node.
    pub epoch: i64,
    /// Which process this is; drawn at its start.
    pub incarnation: Uuid,
    /// Where it is reached, one for each listener.
    pub endpoints: Vec<Endpoint>,
    /// Where it stands.
    pub rack: Option<String>,
    /// Whether it is kept from leading and from being shown to clients.
    pub fenced: bool,
}

/// A log directory of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Its id, wherever it is mounted.
    pub id: Uuid,
    /// Where it was when the node last had it.
    pub path: String,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Whether the broker keeps its own state in it.
    pub internal: bool,
    /// Its partitions; the place is the number.
    pub partitions: SharedList<PartitionImage>,
    /// Which copies are not in the home directory of their node, by partition.
    pub directories: BTreeMap<(i32, NodeId), Uuid>,
}

impl TopicImage {
    /// One partition by number.
    #[must_use]
    pub fn partition(&self, number: i32) -> Option<&PartitionImage> {
        self.partitions.get(usize::try_from(number).ok()?)
    }

    /// In which directory a node keeps its copy of a partition; `None` is its home.
    #[must_use]
    pub fn directory(&self, number: i32, node: NodeId) -> Option<Uuid> {
        self.directories.get(&(number, node)).copied()
    }
}

/// A partition. `elr` (eligible leader replicas) is empty until replication needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// Who leads; `None` while nobody in sync is alive.
    pub leader: Option<NodeId>,
    /// Ascends with every change of leader.
    pub leader_epoch: LeaderEpoch,
    /// Ascends with every change of the partition.
    pub partition_epoch: i32,
    /// Who keeps a copy, the preferred leader first.
    pub replicas: NodeList,
    /// Whose copy is complete.
    pub isr: NodeList,
}

/// What a set of configuration overrides belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConfigResource {
    /// One topic.
    Topic(String),
    /// One broker.
    Broker(NodeId),
    /// All brokers.
    ClusterDefault,
    /// One group.
    Group(String),
    /// One subscription to client metrics.
    ClientMetrics(String),
}

/// See the file's head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    pub(crate) cluster_id: Option<Arc<str>>,
    pub(crate) topics: SharedMap<TopicId, Arc<TopicImage>>,
    pub(crate) names: SharedMap<Arc<str>, TopicId>,
    pub(crate) brokers: Arc<BTreeMap<NodeId, BrokerImage>>,
    pub(crate) directories: Arc<BTreeMap<NodeId, Vec<Directory>>>,
    pub(crate) configs: SharedMap<ConfigResource, Arc<BTreeMap<String, String>>>,
    pub(crate) features: Arc<BTreeMap<String, i16>>,
    pub(crate) next_producer_id: i64,
    pub(crate) version: u64,
    pub(crate) controller: Option<NodeId>,
}

impl Image {
    /// The cluster's id; empty before the first start has written it.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        self.cluster_id.as_deref().unwrap_or_default()
    }

    /// A topic by name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(self.names.get(name)?)
    }

    /// A topic by id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.get(&id)
    }

    /// All topics, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.names.iter().filter_map(|(_, id)| self.topics.get(id))
    }

    /// All topic names, sorted.
    pub fn topic_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| &**name)
    }

    /// How many topics there are.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// One broker, fenced or not.
    #[must_use]
    pub fn broker(&self, id: NodeId) -> Option<&BrokerImage> {
        self.brokers.get(&id)
    }

    /// All registered brokers, fenced or not, sorted by id.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerImage> {
        self.brokers.values()
    }

    /// The log directories a node has, or had and may still hold partitions in. The first is its home:
    /// a copy of which nothing else is said is there. Empty before the node said so.
    #[must_use]
    pub fn directories(&self, node: NodeId) -> &[Directory] {
        self.directories.get(&node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a broker is registered and not fenced.
    #[must_use]
    pub fn is_alive(&self, id: NodeId) -> bool {
        self.broker(id).is_some_and(|broker| !broker.fenced)
    }

    /// What is overridden for a resource; `None` when nothing is. Defaults are not known here.
    #[must_use]
    pub fn config(&self, resource: &ConfigResource) -> Option<&Arc<BTreeMap<String, String>>> {
        self.configs.get(resource)
    }

    /// Every resource with overrides, sorted.
    pub fn configs(
        &self,
    ) -> impl Iterator<Item = (&ConfigResource, &Arc<BTreeMap<String, String>>)> {
        self.configs.iter()
    }

    /// The first producer id that was never handed out.
    #[must_use]
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Finalized feature levels.
    #[must_use]
    pub fn features(&self) -> &BTreeMap<String, i16> {
        &self.features
    }

    /// Which state of the features this is; ascends. As in Kafka it is the version of the image.
    #[must_use]
    pub fn feature_epoch(&self) -> i64 {
        i64::try_from(self.version).unwrap_or(i64::MAX)
    }

    /// The index in the log of the last entry replayed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whose entry was replayed last: the leader of the quorum.
    #[must_use]
    pub fn controller(&self) -> Option<NodeId> {
        self.controller
    }

    /// The same content at a place in the log.
    pub(crate) fn at(mut self, version: u64, controller: Option<NodeId>) -> Image {
        self.version = version;
        self.controller = controller;
        self
    }

    /// Records that build this image from nothing: what a snapshot holds. Version and controller are
    /// not among them.
    #[must_use]
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::with_capacity(16 + 2 * self.topics.len());
        if let Some(id) = &self.cluster_id {
            records.push(MetadataRecord::ClusterId { id: id.to_string() });
        }
        for (name, level) in self.features.iter() {
            records.push(MetadataRecord::Feature { name: name.clone(), level: *level });
        }
        for broker in self.brokers.values() {
            records.push(MetadataRecord::RegisterBroker {
                node: broker.id,
                epoch: broker.epoch,
                incarnation: broker.incarnation,
                endpoints: broker.endpoints.clone(),
                rack: broker.rack.clone(),
                fenced: broker.fenced,
            });
        }
        for (node, directories) in self.directories.iter() {
            let directories = directories.clone();
            records.push(MetadataRecord::Directories { node: *node, directories });
        }
        if self.next_producer_id > 0 {
            records.push(MetadataRecord::ProducerIds { next: self.next_producer_id });
        }
        for topic in self.topics() {
            records.push(MetadataRecord::Topic {
                id: topic.id,
                name: topic.name.to_string(),
                internal: topic.internal,
            });
            for (number, partition) in (0..).zip(&topic.partitions) {
                records.push(MetadataRecord::partition(topic.id, number, partition));
            }
            for (&(partition, node), &directory) in &topic.directories {
                let topic = topic.id;
                records.push(MetadataRecord::PartitionDirectory {
                    topic,
                    partition,
                    node,
                    directory,
                });
            }
        }
        for (resource, overrides) in self.configs.iter() {
            for (key, value) in overrides.iter() {
                records.push(MetadataRecord::SetConfig {
                    resource: resource.clone(),
                    key: key.clone(),
                    value: value.clone(),
                });
            }
        }
        records
    }
}

#[cfg(test)]
mod tests;
