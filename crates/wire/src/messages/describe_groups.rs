//! DescribeGroups (15), versions 0 to 6: state and members of classic groups.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | throttle time |
//! | 3 | authorized operations (KIP-430) |
//! | 4 | static members (KIP-345) |
//! | 5 | flexible |
//! | 6 | error message; `GroupIdNotFound` instead of a dead group (KIP-1043) |

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeGroups, versions = "0-6", flexible = "5+")]
pub struct DescribeGroupsRequest {
    pub groups: Vec<Str>,
    #[field(versions = "3+")]
    pub include_authorized_operations: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeGroups, versions = "0-6", flexible = "5+")]
pub struct DescribeGroupsResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribedGroup {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    #[field(versions = "6+")]
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub protocol_type: Str,
    /// The protocol chosen, if the group is stable.
    pub protocol_data: Str,
    pub members: Vec<DescribedGroupMember>,
    /// Bits of what the client may do; the minimum if not asked for.
    #[field(versions = "3+", default = i32::MIN)]
    pub authorized_operations: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribedGroupMember {
    pub member_id: Str,
    /// Identity of a static member across restarts.
    #[field(versions = "4+", ignorable)]
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    /// Opaque; only of a stable group.
    pub member_metadata: Bytes,
    /// Opaque; only of a stable group.
    pub member_assignment: Bytes,
}
