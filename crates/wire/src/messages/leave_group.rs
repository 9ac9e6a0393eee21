//! LeaveGroup (13), versions 0 to 5: members leave a classic group, or are removed from it.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | throttle time |
//! | 3 | several members, static ones too; the field for one member ends (KIP-345) |
//! | 4 | flexible |
//! | 5 | reason (KIP-800) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = LeaveGroup, versions = "0-5", flexible = "4+")]
pub struct LeaveGroupRequest {
    pub group_id: Str,
    /// The one member, before version 3.
    #[field(versions = "0-2")]
    pub member_id: Str,
    #[field(versions = "3+")]
    pub members: Vec<MemberIdentity>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct MemberIdentity {
    pub member_id: Str,
    /// Identity of a static member across restarts.
    pub group_instance_id: Option<Str>,
    #[field(versions = "5+", ignorable)]
    pub reason: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = LeaveGroup, versions = "0-5", flexible = "4+")]
pub struct LeaveGroupResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    #[field(versions = "3+")]
    pub members: Vec<MemberResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct MemberResponse {
    pub member_id: Str,
    /// Identity of a static member across restarts.
    pub group_instance_id: Option<Str>,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
