//! DeleteShareGroupOffsets (92), version 0: forgets how far a share group has read in topics; it
//! must have no members (KIP-932). Always flexible.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteShareGroupOffsets, versions = "0", flexible = "0+")]
pub struct DeleteShareGroupOffsetsRequest {
    pub group_id: Str,
    pub topics: Vec<DeleteShareGroupOffsetsRequestTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteShareGroupOffsetsRequestTopic {
    pub topic_name: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteShareGroupOffsets, versions = "0", flexible = "0+")]
pub struct DeleteShareGroupOffsetsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteShareGroupOffsetsResponseTopic {
    pub topic_name: Str,
    pub topic_id: Uuid,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
