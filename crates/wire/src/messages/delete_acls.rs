//! DeleteAcls (31), versions 1 to 3: removes the access rules that pass a filter.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | pattern types (KIP-290) |
//! | 2 | flexible |
//! | 3 | users as a resource (KIP-373) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteAcls, versions = "1-3", flexible = "2+")]
pub struct DeleteAclsRequest {
    pub filters: Vec<DeleteAclsFilter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteAclsFilter {
    /// 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type_filter: i8,
    /// `None` for any.
    pub resource_name_filter: Option<Str>,
    /// 1 any, 2 all that apply to the name, 3 literal, 4 prefixed.
    #[field(default = 3)]
    pub pattern_type_filter: i8,
    /// `None` for any.
    pub principal_filter: Option<Str>,
    /// `None` for any.
    pub host_filter: Option<Str>,
    /// 1 any; else as in [`CreateAclsRequest`](super::CreateAclsRequest).
    pub operation: i8,
    /// 1 any, 2 deny, 3 allow.
    pub permission_type: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteAcls, versions = "1-3", flexible = "2+")]
pub struct DeleteAclsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// In the order of the filters.
    pub filter_results: Vec<DeleteAclsFilterResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteAclsFilterResult {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteAclsMatchingAcl {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type: i8,
    pub resource_name: Str,
    /// 3 literal, 4 prefixed.
    #[field(default = 3)]
    pub pattern_type: i8,
    /// With its type before it, as in `User:alice`.
    pub principal: Str,
    /// `*` for all.
    pub host: Str,
    /// As in [`CreateAclsRequest`](super::CreateAclsRequest).
    pub operation: i8,
    /// 2 deny, 3 allow.
    pub permission_type: i8,
}
