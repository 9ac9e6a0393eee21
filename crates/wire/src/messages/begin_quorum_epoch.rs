//! BeginQuorumEpoch (53), versions 0 to 1: the new leader of the metadata log tells the voters
//! (KIP-595).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | flexible; which voter is told, directory id, addresses of leaders (KIP-853) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = BeginQuorumEpoch, versions = "0-1", flexible = "1+")]
pub struct BeginQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    /// Who is told; -1 if that is not said.
    #[field(versions = "1+", default = -1, ignorable)]
    pub voter_id: i32,
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
    /// Of the one that is told.
    #[field(versions = "1+", ignorable)]
    pub voter_directory_id: Uuid,
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct LeaderEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = BeginQuorumEpoch, versions = "0-1", flexible = "1+")]
pub struct BeginQuorumEpochResponse {
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
