//! Vote (52), versions 0 to 2: a controller asks for a vote in the election of the metadata log's
//! leader (KIP-595). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | which voter is asked, directory ids, addresses of leaders (KIP-853) |
//! | 2 | a vote asked for on trial, before the epoch is raised (KIP-996) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Vote, versions = "0-2", flexible = "0+")]
pub struct VoteRequest {
    pub cluster_id: Option<Str>,
    /// Who is asked; -1 if that is not said.
    #[field(versions = "1+", default = -1, ignorable)]
    pub voter_id: i32,
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
    /// Epoch of the one that asks.
    pub replica_epoch: i32,
    /// The one that asks.
    pub replica_id: i32,
    /// Of the one that asks.
    #[field(versions = "1+", ignorable)]
    pub replica_directory_id: Uuid,
    /// Of the one that is asked.
    #[field(versions = "1+", ignorable)]
    pub voter_directory_id: Uuid,
    /// Epoch of the last record of the one that asks.
    pub last_offset_epoch: i32,
    /// Log end offset of the one that asks.
    pub last_offset: i64,
    /// Only asked on trial; nobody remembers it.
    #[field(versions = "2+")]
    pub pre_vote: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Vote, versions = "0-2", flexible = "0+")]
pub struct VoteResponse {
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
    pub vote_granted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
}
