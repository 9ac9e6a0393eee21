//! CreateAcls (30), versions 1 to 3: adds access rules.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | pattern types (KIP-290) |
//! | 2 | flexible |
//! | 3 | users as a resource (KIP-373) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreateAcls, versions = "1-3", flexible = "2+")]
pub struct CreateAclsRequest {
    pub creations: Vec<AclCreation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AclCreation {
    /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type: i8,
    pub resource_name: Str,
    /// 3 literal, 4 prefixed.
    #[field(default = 3)]
    pub resource_pattern_type: i8,
    /// With its type before it, as in `User:alice`.
    pub principal: Str,
    /// `*` for all.
    pub host: Str,
    /// 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10
    /// describe configs, 11 alter configs, 12 idempotent write, 13 create tokens, 14 describe
    /// tokens, 15 two-phase commit.
    pub operation: i8,
    /// 2 deny, 3 allow.
    pub permission_type: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreateAcls, versions = "1-3", flexible = "2+")]
pub struct CreateAclsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// In the order of the request.
    pub results: Vec<AclCreationResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AclCreationResult {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
