//! RemoveRaftVoter (81), version 0: takes a voter of the metadata log out (KIP-853). Always
//! flexible.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = RemoveRaftVoter, versions = "0", flexible = "0+")]
pub struct RemoveRaftVoterRequest {
    pub cluster_id: Option<Str>,
    pub voter_id: i32,
    /// Directory of its metadata log.
    pub voter_directory_id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = RemoveRaftVoter, versions = "0", flexible = "0+")]
pub struct RemoveRaftVoterResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
