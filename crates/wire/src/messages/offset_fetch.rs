//! OffsetFetch (9), versions 1 to 10: tells how far a group has read.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | offsets out of the offsets topic |
//! | 2 | null for all topics, error code of the whole response |
//! | 3 | throttle time |
//! | 5 | leader epoch of the offset (KIP-320) |
//! | 6 | flexible |
//! | 7 | stable offsets only (KIP-447) |
//! | 8 | several groups in one request; the fields for one group end (KIP-709) |
//! | 9 | member id and epoch (KIP-848) |
//! | 10 | topic ids instead of names |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = OffsetFetch, versions = "1-10", flexible = "6+")]
pub struct OffsetFetchRequest {
    #[field(versions = "0-7")]
    pub group_id: Str,
    /// `None` for all partitions of the group.
    #[field(versions = "0-7", nullable = "2-7", default = Vec::new())]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    #[field(versions = "8+")]
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Answer with an error for offsets that an open transaction would change.
    #[field(versions = "7+")]
    pub require_stable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchRequestTopic {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchRequestGroup {
    pub group_id: Str,
    #[field(versions = "9+", ignorable)]
    pub member_id: Option<Str>,
    #[field(versions = "9+", default = -1, ignorable)]
    pub member_epoch: i32,
    /// `None` for all partitions of the group.
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchRequestTopics {
    #[field(versions = "8-9", ignorable)]
    pub name: Str,
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partition_indexes: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = OffsetFetch, versions = "1-10", flexible = "6+")]
pub struct OffsetFetchResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    #[field(versions = "0-7")]
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    #[field(versions = "2-7", ignorable)]
    pub error_code: i16,
    #[field(versions = "8+")]
    pub groups: Vec<OffsetFetchResponseGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchResponseTopic {
    pub name: Str,
    pub partitions: Vec<OffsetFetchResponsePartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    /// -1 if there is none.
    pub committed_offset: i64,
    #[field(versions = "5-7", default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    pub metadata: Option<Str>,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchResponseGroup {
    pub group_id: Str,
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchResponseTopics {
    #[field(versions = "8-9", ignorable)]
    pub name: Str,
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetFetchResponsePartitions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetFetchResponsePartitions {
    pub partition_index: i32,
    /// -1 if there is none.
    pub committed_offset: i64,
    #[field(default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    pub metadata: Option<Str>,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
