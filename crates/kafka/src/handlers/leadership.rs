//! Who leads a partition and who holds it, as Metadata and DescribeTopicPartitions show it.

use broker::{Image, PartitionImage};
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
    /// Replicas on brokers that are not alive.
    pub(super) offline: Vec<i32>,
}

impl Leadership {
    pub(super) fn of(image: &Image, partition: &PartitionImage) -> Leadership {
        let leader = partition.leader.filter(|leader| image.is_alive(*leader));
        let error = match leader {
            Some(_) => ErrorCode::None,
            None => ErrorCode::LeaderNotAvailable,
        };
        let offline = partition.replicas.iter().filter(|replica| !image.is_alive(**replica));
        Leadership {
            error_code: error.number(),
            leader_id: leader.map_or(brokers::NOBODY, |leader| leader.0),
            leader_epoch: partition.leader_epoch.0,
            replicas: partition.replicas.iter().map(|replica| replica.0).collect(),
            in_sync: partition.isr.iter().map(|replica| replica.0).collect(),
            offline: offline.map(|replica| replica.0).collect(),
        }
    }
}
