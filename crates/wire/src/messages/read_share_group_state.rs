//! ReadShareGroupState (84), version 0: a partition's leader loads the state of share-partitions
//! (KIP-932). Always flexible.
//!
//! A share-partition is a partition as one share group sees it; its coordinator keeps the state.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ReadShareGroupState, versions = "0", flexible = "0+")]
pub struct ReadShareGroupStateRequest {
    pub group_id: Str,
    pub topics: Vec<ReadStateData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReadStateData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionData {
    pub partition: i32,
    /// Of the partition, so that old leaders are fenced.
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ReadShareGroupState, versions = "0", flexible = "0+")]
pub struct ReadShareGroupStateResponse {
    pub results: Vec<ReadStateResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReadStateResult {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionResult {
    pub partition: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// Rises with every initialization, so that old writers are fenced.
    pub state_epoch: i32,
    /// -1 for none yet.
    pub start_offset: i64,
    pub state_batches: Vec<StateBatch>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct StateBatch {
    pub first_offset: i64,
    /// Inclusive.
    pub last_offset: i64,
    /// 0 available, 2 acknowledged, 4 archived.
    pub delivery_state: i8,
    pub delivery_count: i16,
}
