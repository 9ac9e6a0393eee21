//! DeleteShareGroupState (86), version 0: removes the state of share-partitions (KIP-932). Always
//! flexible.
//!
//! A share-partition is a partition as one share group sees it; its coordinator keeps the state.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteShareGroupState, versions = "0", flexible = "0+")]
pub struct DeleteShareGroupStateRequest {
    pub group_id: Str,
    pub topics: Vec<DeleteStateData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteStateData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionData {
    pub partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteShareGroupState, versions = "0", flexible = "0+")]
pub struct DeleteShareGroupStateResponse {
    pub results: Vec<DeleteStateResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteStateResult {
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
}
