//! FetchSnapshot (59), versions 0 to 1: reads a part of a snapshot of the metadata log (KIP-630).
//! Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | directory id of the follower, addresses of leaders (KIP-853) |

use uuid::Uuid;

use crate::{Message, Records, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = FetchSnapshot, versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotRequest {
    #[field(tag = 0)]
    pub cluster_id: Option<Str>,
    /// -1 for one that is no broker.
    #[field(default = -1)]
    pub replica_id: i32,
    /// Soft limit of the response.
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    pub topics: Vec<RequestTopicSnapshot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestTopicSnapshot {
    pub name: Str,
    pub partitions: Vec<RequestPartitionSnapshot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestPartitionSnapshot {
    pub partition: i32,
    /// Leader epoch the follower knows; -1 for none.
    pub current_leader_epoch: i32,
    pub snapshot_id: SnapshotId,
    /// First byte asked for.
    pub position: i64,
    #[field(versions = "1+", ignorable, tag = 0)]
    pub replica_directory_id: Uuid,
}

/// A snapshot is named by where it ends: its end offset, exclusive, and the epoch of its last
/// record.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct SnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = FetchSnapshot, versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub topics: Vec<ResponseTopicSnapshot>,
    /// Addresses of the leaders named above.
    #[field(versions = "1+", tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponseTopicSnapshot {
    pub name: Str,
    pub partitions: Vec<ResponsePartitionSnapshot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponsePartitionSnapshot {
    pub index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub snapshot_id: SnapshotId,
    #[field(tag = 0)]
    pub current_leader: LeaderIdAndEpoch,
    /// Bytes of the whole snapshot.
    pub size: i64,
    /// Byte with which the part begins.
    pub position: i64,
    /// May begin and end in the middle of a batch.
    pub unaligned_records: Records,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct LeaderIdAndEpoch {
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
