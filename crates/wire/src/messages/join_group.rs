//! JoinGroup (11), versions 0 to 9: enters a classic group and waits for the rebalance.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | rebalance timeout |
//! | 2 | throttle time |
//! | 4 | a new member is told its id and joins again with it (KIP-394) |
//! | 5 | static members (KIP-345) |
//! | 6 | flexible |
//! | 7 | protocol type in the response (KIP-559) |
//! | 8 | reason (KIP-800) |
//! | 9 | skip assignment (KIP-814) |

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = JoinGroup, versions = "0-9", flexible = "6+")]
pub struct JoinGroupRequest {
    pub group_id: Str,
    pub session_timeout_ms: i32,
    /// -1 where the session timeout stands for it.
    #[field(versions = "1+", default = -1, ignorable)]
    pub rebalance_timeout_ms: i32,
    /// Empty at first.
    pub member_id: Str,
    /// Identity of a static member across restarts.
    #[field(versions = "5+")]
    pub group_instance_id: Option<Str>,
    /// `consumer`, `connect` or a client's own.
    pub protocol_type: Str,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    #[field(versions = "8+", ignorable)]
    pub reason: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct JoinGroupRequestProtocol {
    pub name: Str,
    /// Opaque; for consumers see [`consumer_protocol`](super::consumer_protocol).
    pub metadata: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = JoinGroup, versions = "0-9", flexible = "6+")]
pub struct JoinGroupResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    #[field(default = -1)]
    pub generation_id: i32,
    #[field(versions = "7+", ignorable)]
    pub protocol_type: Option<Str>,
    #[field(nullable = "7+", default = Str::EMPTY)]
    pub protocol_name: Option<Str>,
    pub leader: Str,
    /// The leader shall not compute an assignment.
    #[field(versions = "9+")]
    pub skip_assignment: bool,
    pub member_id: Str,
    /// All members if this one leads the group, else none.
    pub members: Vec<JoinGroupResponseMember>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct JoinGroupResponseMember {
    pub member_id: Str,
    /// Identity of a static member across restarts.
    #[field(versions = "5+", ignorable)]
    pub group_instance_id: Option<Str>,
    pub metadata: Bytes,
}
