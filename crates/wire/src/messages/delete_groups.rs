//! DeleteGroups (42), versions 0 to 2: deletes empty groups.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteGroups, versions = "0-2", flexible = "2+")]
pub struct DeleteGroupsRequest {
    pub groups_names: Vec<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteGroups, versions = "0-2", flexible = "2+")]
pub struct DeleteGroupsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub results: Vec<DeletableGroupResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeletableGroupResult {
    pub group_id: Str,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
