//! EndQuorumEpoch (54), versions 0 to 1: the leader of the metadata log resigns and says who should
//! follow (KIP-595).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | flexible; candidates with directory ids, addresses of leaders (KIP-853) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = EndQuorumEpoch, versions = "0-1", flexible = "1+")]
pub struct EndQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    pub topics: Vec<RequestTopicData>,
    /// Where the leader listens.
    #[field(versions = "1+", ignorable)]
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<RequestPartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestPartitionData {
    pub partition_index: i32,
    /// The one that resigns.
    pub leader_id: i32,
    pub leader_epoch: i32,
    /// The best first.
    #[field(versions = "0", ignorable)]
    pub preferred_successors: Vec<i32>,
    /// The best first.
    #[field(versions = "1+", ignorable)]
    pub preferred_candidates: Vec<ReplicaInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReplicaInfo {
    pub candidate_id: i32,
    pub candidate_directory_id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct LeaderEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = EndQuorumEpoch, versions = "0-1", flexible = "1+")]
pub struct EndQuorumEpochResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub topics: Vec<ResponseTopicData>,
    /// Addresses of the leaders named above.
    #[field(versions = "1+", tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
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
    /// -1 if there is none or it is not known.
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
}
