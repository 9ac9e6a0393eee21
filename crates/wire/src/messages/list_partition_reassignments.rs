//! ListPartitionReassignments (46), version 0: lists the moves that are under way (KIP-455). Always
//! flexible.

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListPartitionReassignments, versions = "0", flexible = "0+")]
pub struct ListPartitionReassignmentsRequest {
    #[field(default = 60_000)]
    pub timeout_ms: i32,
    /// `None` for all.
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ListPartitionReassignmentsTopics {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListPartitionReassignments, versions = "0", flexible = "0+")]
pub struct ListPartitionReassignmentsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub topics: Vec<OngoingTopicReassignment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OngoingTopicReassignment {
    pub name: Str,
    pub partitions: Vec<OngoingPartitionReassignment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OngoingPartitionReassignment {
    pub partition_index: i32,
    /// All of them, with those that come and those that go.
    pub replicas: Vec<i32>,
    pub adding_replicas: Vec<i32>,
    pub removing_replicas: Vec<i32>,
}
