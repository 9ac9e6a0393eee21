//! Heartbeat (12), versions 0 to 4: a member of a classic group is alive.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | throttle time |
//! | 3 | static members (KIP-345) |
//! | 4 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Heartbeat, versions = "0-4", flexible = "4+")]
pub struct HeartbeatRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    /// Identity of a static member across restarts.
    #[field(versions = "3+")]
    pub group_instance_id: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Heartbeat, versions = "0-4", flexible = "4+")]
pub struct HeartbeatResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
