//! SyncGroup (14), versions 0 to 5: the leader of a classic group hands out assignments, each
//! member gets its own.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | throttle time |
//! | 3 | static members (KIP-345) |
//! | 4 | flexible |
//! | 5 | protocol type and name, which must agree (KIP-559) |

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = SyncGroup, versions = "0-5", flexible = "4+")]
pub struct SyncGroupRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    /// Identity of a static member across restarts.
    #[field(versions = "3+")]
    pub group_instance_id: Option<Str>,
    #[field(versions = "5+", ignorable)]
    pub protocol_type: Option<Str>,
    #[field(versions = "5+", ignorable)]
    pub protocol_name: Option<Str>,
    /// From the leader; empty from the others.
    pub assignments: Vec<SyncGroupRequestAssignment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct SyncGroupRequestAssignment {
    pub member_id: Str,
    pub assignment: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = SyncGroup, versions = "0-5", flexible = "4+")]
pub struct SyncGroupResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    #[field(versions = "5+", ignorable)]
    pub protocol_type: Option<Str>,
    #[field(versions = "5+", ignorable)]
    pub protocol_name: Option<Str>,
    /// Opaque; for consumers see [`consumer_protocol`](super::consumer_protocol).
    pub assignment: Bytes,
}
