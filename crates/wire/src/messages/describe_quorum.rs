//! DescribeQuorum (55), versions 0 to 2: state of the metadata log: its leader, voters and
//! observers (KIP-595). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | when each replica last asked and was caught up (KIP-836) |
//! | 2 | error messages, directory ids, addresses of the nodes (KIP-853) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeQuorum, versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumRequest {
    pub topics: Vec<RequestTopicData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<RequestPartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestPartitionData {
    pub partition_index: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeQuorum, versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    #[field(versions = "2+", ignorable)]
    pub error_message: Option<Str>,
    pub topics: Vec<ResponseTopicData>,
    #[field(versions = "2+")]
    pub nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<ResponsePartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponsePartitionData {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    #[field(versions = "2+", ignorable)]
    pub error_message: Option<Str>,
    /// -1 if there is none or it is not known.
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub current_voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReplicaState {
    pub replica_id: i32,
    #[field(versions = "2+")]
    pub replica_directory_id: Uuid,
    /// -1 if not known.
    pub log_end_offset: i64,
    /// The leader's time, in milliseconds; -1 for the leader itself or if not known.
    #[field(versions = "1+", default = -1, ignorable)]
    pub last_fetch_timestamp: i64,
    /// The leader's time, in milliseconds; -1 if not known.
    #[field(versions = "1+", default = -1, ignorable)]
    pub last_caught_up_timestamp: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Node {
    pub node_id: i32,
    pub listeners: Vec<Listener>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}
