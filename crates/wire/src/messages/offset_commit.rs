//! OffsetCommit (8), versions 2 to 10: stores how far a group has read.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | retention time, gone again in 5 |
//! | 3 | throttle time |
//! | 6 | leader epoch of the offset (KIP-320) |
//! | 7 | static members (KIP-345) |
//! | 8 | flexible |
//! | 9 | members of new consumer groups; `StaleMemberEpoch`, `GroupIdNotFound` (KIP-848) |
//! | 10 | topic ids instead of names |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = OffsetCommit, versions = "2-10", flexible = "8+")]
pub struct OffsetCommitRequest {
    pub group_id: Str,
    /// Generation of a classic group, member epoch of a new one; -1 from outside of the group.
    #[field(default = -1)]
    pub generation_id_or_member_epoch: i32,
    pub member_id: Str,
    /// Identity of a static member across restarts.
    #[field(versions = "7+")]
    pub group_instance_id: Option<Str>,
    /// -1 for the broker's setting.
    #[field(versions = "2-4", default = -1, ignorable)]
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetCommitRequestTopic {
    #[field(versions = "0-9", ignorable)]
    pub name: Str,
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[field(versions = "6+", default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = OffsetCommit, versions = "2-10", flexible = "8+")]
pub struct OffsetCommitResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetCommitResponseTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetCommitResponseTopic {
    #[field(versions = "0-9", ignorable)]
    pub name: Str,
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitResponsePartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetCommitResponsePartition {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
