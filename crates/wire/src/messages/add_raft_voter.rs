//! AddRaftVoter (80), versions 0 to 1: makes a controller a voter of the metadata log (KIP-853).
//! Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | whether the answer waits for the commit (KIP-1186) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AddRaftVoter, versions = "0-1", flexible = "0+")]
pub struct AddRaftVoterRequest {
    pub cluster_id: Option<Str>,
    pub timeout_ms: i32,
    pub voter_id: i32,
    /// Directory of its metadata log.
    pub voter_directory_id: Uuid,
    /// Where the voter listens.
    pub listeners: Vec<Listener>,
    /// Answer when the new set of voters is committed; else when the leader has written it.
    #[field(versions = "1+", default = true)]
    pub ack_when_committed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AddRaftVoter, versions = "0-1", flexible = "0+")]
pub struct AddRaftVoterResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
