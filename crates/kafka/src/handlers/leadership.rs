//! Who leads a partition and who holds it, as Metadata and DescribeTopicPartitions show it.

use broker::{Broker, Image, NodeId, PartitionImage, ReplicaHealth, TopicImage};
use wire::ErrorCode;

use super::brokers;

/// A partition as clients see it.
pub(super) struct Leadership {
    /// LeaderNotAvailable while nobody leads.
    pub(super) error_code: i16,
    /// The leader, or nobody.
    pub(super) leader_id: i32,
    pub(super) leader_epoch: i32,
    pub(super) replicas: Vec<i32>,
    pub(super) in_sync: Vec<i32>,
    /// Replicas on brokers that are not alive, and in log directories of this one that failed.
    pub(super) offline: Vec<i32>,
}

impl Leadership {
    pub(super) fn of(
        broker: &Broker,
        image: &Image,
        topic: &TopicImage,
        (number, partition): (i32, &PartitionImage),
    ) -> Leadership {
        let health = match broker.folders() {
            folders if folders.all_work() => ReplicaHealth::Works,
            folders => folders.health(topic, number),
        };
        let here = broker.node();
        let is_served = |node: NodeId| {
            image.is_alive(node) && (node != here || health != ReplicaHealth::Offline)
        };
        let is_whole =
            |node: NodeId| image.is_alive(node) && (node != here || health == ReplicaHealth::Works);
        // A leader that cannot write is still the one to read from.
        let leader = partition.leader.filter(|leader| is_served(*leader));
        let error = match leader {
            Some(_) => ErrorCode::None,
            None => ErrorCode::LeaderNotAvailable,
        };
        let offline = partition.replicas.iter().filter(|replica| !is_whole(**replica));
        Leadership {
            error_code: error.number(),
            leader_id: leader.map_or(brokers::NOBODY, |leader| leader.0),
            leader_epoch: partition.leader_epoch.0,
            replicas: partition.replicas.iter().map(|replica| replica.0).collect(),
            in_sync: partition.isr.iter().map(|replica| replica.0).collect(),
            offline: offline.map(|replica| replica.0).collect(),
        }
    }

    /// The leader, if there is one.
    pub(super) fn leader(&self) -> Option<NodeId> {
        Some(NodeId(self.leader_id)).filter(|leader| leader.0 != brokers::NOBODY)
    }
}
