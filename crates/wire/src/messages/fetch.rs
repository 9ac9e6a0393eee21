//! Fetch (1), versions 4 to 18: reads record batches, for clients and for followers.
//!
//! | version | what it added |
//! |---|---|
//! | 4 | isolation level, last stable offset, aborted transactions (record format 2) |
//! | 5 | log start offset |
//! | 6, 8 | no change of form |
//! | 7 | incremental sessions (KIP-227) |
//! | 9 | current leader epoch (KIP-320) |
//! | 10 | zstd batches allowed (KIP-110) |
//! | 11 | rack and preferred read replica (KIP-392) |
//! | 12 | flexible; last fetched epoch, diverging epoch, current leader, snapshot id (KIP-595) |
//! | 13 | topic ids instead of names (KIP-516) |
//! | 14 | `OffsetMovedToTieredStorage` (KIP-405) |
//! | 15 | replica state instead of replica id (KIP-903) |
//! | 16 | addresses of leaders (KIP-951) |
//! | 17 | directory id of the follower (KIP-853) |
//! | 18 | high watermark of the follower (KIP-1166) |

use uuid::Uuid;

use crate::{Message, Records, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Fetch, versions = "4-18", flexible = "12+")]
pub struct FetchRequest {
    #[field(versions = "12+", ignorable, tag = 0)]
    pub cluster_id: Option<Str>,
    /// -1 for a client; else the broker that follows.
    #[field(versions = "0-14", default = -1)]
    pub replica_id: i32,
    /// As `replica_id`, with its epoch.
    #[field(versions = "15+", tag = 1)]
    pub replica_state: ReplicaState,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    /// Soft limit of the response: the first batch is sent even if it is larger.
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// 0: read uncommitted, 1: read committed.
    pub isolation_level: i8,
    /// 0 to begin a session.
    #[field(versions = "7+", ignorable)]
    pub session_id: i32,
    /// -1: no session, 0: a full request that begins one, else the next of it.
    #[field(versions = "7+", default = -1, ignorable)]
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    /// Partitions that leave the session.
    #[field(versions = "7+")]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    #[field(versions = "11+", ignorable)]
    pub rack_id: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReplicaState {
    #[field(default = -1)]
    pub replica_id: i32,
    #[field(default = -1)]
    pub replica_epoch: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct FetchTopic {
    #[field(versions = "0-12", ignorable)]
    pub topic: Str,
    #[field(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct FetchPartition {
    pub partition: i32,
    /// Leader epoch the client knows, so that an old one can be refused; -1 for none.
    #[field(versions = "9+", default = -1, ignorable)]
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    /// Leader epoch of the last record the client has, to detect divergence; -1 for none.
    #[field(versions = "12+", default = -1)]
    pub last_fetched_epoch: i32,
    /// Sent by a follower; -1 from a client.
    #[field(versions = "5+", default = -1, ignorable)]
    pub log_start_offset: i64,
    /// Soft limit of this partition.
    pub partition_max_bytes: i32,
    #[field(versions = "17+", ignorable, tag = 0)]
    pub replica_directory_id: Uuid,
    /// What the follower knows of it; the maximum if it does not take part in this.
    #[field(versions = "18+", default = i64::MAX, ignorable, tag = 1)]
    pub high_watermark: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ForgottenTopic {
    #[field(versions = "7-12", ignorable)]
    pub topic: Str,
    #[field(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Fetch, versions = "4-18", flexible = "12+")]
pub struct FetchResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    #[field(versions = "7+", ignorable)]
    pub error_code: i16,
    /// 0 if there is no session.
    #[field(versions = "7+")]
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
    /// Addresses of the leaders named above.
    #[field(versions = "16+", tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct FetchableTopicResponse {
    #[field(versions = "0-12", ignorable)]
    pub topic: Str,
    #[field(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionData {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub high_watermark: i64,
    /// End of what no open transaction can change.
    #[field(default = -1)]
    pub last_stable_offset: i64,
    #[field(versions = "5+", default = -1, ignorable)]
    pub log_start_offset: i64,
    /// Where the client's log leaves the leader's: end of the largest epoch they share.
    #[field(versions = "12+", tag = 0)]
    pub diverging_epoch: EpochEndOffset,
    #[field(versions = "12+", tag = 1)]
    pub current_leader: LeaderIdAndEpoch,
    /// Snapshot to load instead (metadata log only).
    #[field(versions = "12+", tag = 2)]
    pub snapshot_id: SnapshotId,
    /// For readers of committed records: whose records to leave out, from which offset.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// A replica closer to the client; -1 for none.
    #[field(versions = "11+", default = -1)]
    pub preferred_read_replica: i32,
    pub records: Option<Records>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct EpochEndOffset {
    #[field(default = -1)]
    pub epoch: i32,
    /// End of the epoch, exclusive; -1 if not known.
    #[field(default = -1)]
    pub end_offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct LeaderIdAndEpoch {
    /// -1 if there is none or it is not known.
    #[field(default = -1)]
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct SnapshotId {
    #[field(default = -1)]
    pub end_offset: i64,
    #[field(default = -1)]
    pub epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
