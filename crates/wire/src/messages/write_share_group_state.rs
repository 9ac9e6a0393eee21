//! WriteShareGroupState (85), versions 0 to 1: a partition's leader stores the state of
//! share-partitions (KIP-932). Always flexible.
//!
//! A share-partition is a partition as one share group sees it; its coordinator keeps the state.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | how many records are done with (KIP-1226) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = WriteShareGroupState, versions = "0-1", flexible = "0+")]
pub struct WriteShareGroupStateRequest {
    pub group_id: Str,
    pub topics: Vec<WriteStateData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct WriteStateData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionData {
    pub partition: i32,
    /// Rises with every initialization, so that old writers are fenced.
    pub state_epoch: i32,
    /// Of the partition, so that old leaders are fenced.
    pub leader_epoch: i32,
    /// -1 to leave it as it is.
    pub start_offset: i64,
    /// Records from the start offset on that are done with; -1 if not known.
    #[field(versions = "1+", default = -1, ignorable)]
    pub delivery_complete_count: i32,
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

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = WriteShareGroupState, versions = "0-1", flexible = "0+")]
pub struct WriteShareGroupStateResponse {
    pub results: Vec<WriteStateResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct WriteStateResult {
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
