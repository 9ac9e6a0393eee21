//! DescribeDelegationToken (41), versions 1 to 3: lists tokens (KIP-48).
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |
//! | 3 | who asked for the token (KIP-373) |

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeDelegationToken, versions = "1-3", flexible = "2+")]
pub struct DescribeDelegationTokenRequest {
    /// `None` for all.
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeDelegationTokenOwner {
    pub principal_type: Str,
    pub principal_name: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeDelegationToken, versions = "1-3", flexible = "2+")]
pub struct DescribeDelegationTokenResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub tokens: Vec<DescribedDelegationToken>,
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribedDelegationToken {
    pub principal_type: Str,
    pub principal_name: Str,
    #[field(versions = "3+")]
    pub token_requester_principal_type: Str,
    #[field(versions = "3+")]
    pub token_requester_principal_name: Str,
    pub issue_timestamp: i64,
    pub expiry_timestamp: i64,
    /// No renewal goes beyond this.
    pub max_timestamp: i64,
    pub token_id: Str,
    /// The secret.
    pub hmac: Bytes,
    /// Who may renew it beside its owner.
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribedDelegationTokenRenewer {
    pub principal_type: Str,
    pub principal_name: Str,
}
