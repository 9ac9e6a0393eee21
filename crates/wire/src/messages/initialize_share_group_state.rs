//! InitializeShareGroupState (83), version 0: begins the state of share-partitions (KIP-932).
//! Always flexible.
//!
//! A share-partition is a partition as one share group sees it; its coordinator keeps the state.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = InitializeShareGroupState, versions = "0", flexible = "0+")]
pub struct InitializeShareGroupStateRequest {
    pub group_id: Str,
    pub topics: Vec<InitializeStateData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct InitializeStateData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionData {
    pub partition: i32,
    /// Rises with every initialization, so that old writers are fenced.
    pub state_epoch: i32,
    /// -1 for none yet.
    pub start_offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = InitializeShareGroupState, versions = "0", flexible = "0+")]
pub struct InitializeShareGroupStateResponse {
    pub results: Vec<InitializeStateResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct InitializeStateResult {
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
