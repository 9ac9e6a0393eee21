//! AlterShareGroupOffsets (91), version 0: sets how far a share group has read; it must have no
//! members (KIP-932). Always flexible.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterShareGroupOffsets, versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsRequest {
    pub group_id: Str,
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterShareGroupOffsetsRequestTopic {
    pub topic_name: Str,
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterShareGroupOffsetsRequestPartition {
    pub partition_index: i32,
    /// Everything before it counts as done with.
    pub start_offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterShareGroupOffsets, versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterShareGroupOffsetsResponseTopic {
    pub topic_name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterShareGroupOffsetsResponsePartition {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
