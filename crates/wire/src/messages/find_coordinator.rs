//! FindCoordinator (10), versions 0 to 6: which broker is responsible for a group or transactional
//! id.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | key type; throttle time, error message |
//! | 3 | flexible |
//! | 4 | several keys in one request; the fields for one key end (KIP-699) |
//! | 5 | `TransactionAbortable` (KIP-890) |
//! | 6 | share groups, whose key is `group:topic id:partition` (KIP-932) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = FindCoordinator, versions = "0-6", flexible = "3+")]
pub struct FindCoordinatorRequest {
    /// One key, before version 4.
    #[field(versions = "0-3")]
    pub key: Str,
    /// 0 group, 1 transactional id, 2 share group partition.
    #[field(versions = "1+")]
    pub key_type: i8,
    #[field(versions = "4+")]
    pub coordinator_keys: Vec<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = FindCoordinator, versions = "0-6", flexible = "3+")]
pub struct FindCoordinatorResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    #[field(versions = "0-3")]
    pub error_code: i16,
    /// What went wrong, for people.
    #[field(versions = "1-3", ignorable)]
    pub error_message: Option<Str>,
    #[field(versions = "0-3")]
    pub node_id: i32,
    #[field(versions = "0-3")]
    pub host: Str,
    #[field(versions = "0-3")]
    pub port: i32,
    /// One for each key asked for.
    #[field(versions = "4+")]
    pub coordinators: Vec<Coordinator>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Coordinator {
    pub key: Str,
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    #[field(ignorable)]
    pub error_message: Option<Str>,
}
