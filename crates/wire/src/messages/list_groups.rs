//! ListGroups (16), versions 0 to 5: the groups this broker coordinates.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | throttle time |
//! | 3 | flexible |
//! | 4 | states, and a filter by them (KIP-518) |
//! | 5 | types, and a filter by them (KIP-848) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListGroups, versions = "0-5", flexible = "3+")]
pub struct ListGroupsRequest {
    /// Empty for all.
    #[field(versions = "4+")]
    pub states_filter: Vec<Str>,
    /// Empty for all.
    #[field(versions = "5+")]
    pub types_filter: Vec<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListGroups, versions = "0-5", flexible = "3+")]
pub struct ListGroupsResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub groups: Vec<ListedGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ListedGroup {
    pub group_id: Str,
    pub protocol_type: Str,
    #[field(versions = "4+", ignorable)]
    pub group_state: Str,
    #[field(versions = "5+", ignorable)]
    pub group_type: Str,
}
