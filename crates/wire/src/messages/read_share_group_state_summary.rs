//! ReadShareGroupStateSummary (87), versions 0 to 1: reads how far share-partitions are, without
//! what is in flight (KIP-932). Always flexible.
//!
//! A share-partition is a partition as one share group sees it; its coordinator keeps the state.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | how many records are done with (KIP-1226) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ReadShareGroupStateSummary, versions = "0-1", flexible = "0+")]
pub struct ReadShareGroupStateSummaryRequest {
    pub group_id: Str,
    pub topics: Vec<ReadStateSummaryData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReadStateSummaryData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionData {
    pub partition: i32,
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ReadShareGroupStateSummary, versions = "0-1", flexible = "0+")]
pub struct ReadShareGroupStateSummaryResponse {
    pub results: Vec<ReadStateSummaryResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReadStateSummaryResult {
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
    pub leader_epoch: i32,
    /// -1 for none yet.
    pub start_offset: i64,
    /// Records from the start offset on that are done with; -1 if not known.
    #[field(versions = "1+", default = -1, ignorable)]
    pub delivery_complete_count: i32,
}
