//! DescribeShareGroupOffsets (90), versions 0 to 1: tells how far share groups have read (KIP-932).
//! Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | lag (KIP-1226) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeShareGroupOffsets, versions = "0-1", flexible = "0+")]
pub struct DescribeShareGroupOffsetsRequest {
    pub groups: Vec<DescribeShareGroupOffsetsRequestGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeShareGroupOffsetsRequestGroup {
    pub group_id: Str,
    /// `None` for all partitions of the group.
    pub topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeShareGroupOffsetsRequestTopic {
    pub topic_name: Str,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeShareGroupOffsets, versions = "0-1", flexible = "0+")]
pub struct DescribeShareGroupOffsetsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeShareGroupOffsetsResponseGroup {
    pub group_id: Str,
    pub topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeShareGroupOffsetsResponseTopic {
    pub topic_name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeShareGroupOffsetsResponsePartition {
    pub partition_index: i32,
    /// Everything before it is done with; -1 for none yet.
    pub start_offset: i64,
    pub leader_epoch: i32,
    /// Records that wait; -1 if not known.
    #[field(versions = "1+", default = -1, ignorable)]
    pub lag: i64,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
