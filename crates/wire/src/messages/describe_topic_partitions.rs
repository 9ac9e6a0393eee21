//! DescribeTopicPartitions (75), version 0: topics and partitions in pages, with the replicas that
//! could lead (KIP-966). Always flexible.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeTopicPartitions, versions = "0", flexible = "0+")]
pub struct DescribeTopicPartitionsRequest {
    /// Empty for all.
    pub topics: Vec<TopicRequest>,
    #[field(default = 2000)]
    pub response_partition_limit: i32,
    /// Where the last page ended; `None` for the first.
    pub cursor: Option<Cursor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicRequest {
    pub name: Str,
}

/// First partition of the next page.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Cursor {
    pub topic_name: Str,
    pub partition_index: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeTopicPartitions, versions = "0", flexible = "0+")]
pub struct DescribeTopicPartitionsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// `None` if this was the last page.
    pub next_cursor: Option<Cursor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeTopicPartitionsResponseTopic {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub name: Option<Str>,
    pub topic_id: Uuid,
    pub is_internal: bool,
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// Bits of what the client may do; the minimum if not known.
    #[field(default = i32::MIN)]
    pub topic_authorized_operations: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeTopicPartitionsResponsePartition {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub partition_index: i32,
    /// -1 if there is none or it is not known.
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    /// Replicas outside of the ISR that have everything committed.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// The eligible replicas before they were lost.
    pub last_known_elr: Option<Vec<i32>>,
    pub offline_replicas: Vec<i32>,
}
