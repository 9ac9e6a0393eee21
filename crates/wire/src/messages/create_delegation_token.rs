//! CreateDelegationToken (38), versions 1 to 3: makes a token that stands for a user (KIP-48).
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |
//! | 3 | a token for somebody else (KIP-373) |

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreateDelegationToken, versions = "1-3", flexible = "2+")]
pub struct CreateDelegationTokenRequest {
    /// `None` for whoever asks.
    #[field(versions = "3+")]
    pub owner_principal_type: Option<Str>,
    /// `None` for whoever asks.
    #[field(versions = "3+")]
    pub owner_principal_name: Option<Str>,
    /// Who may renew it beside its owner.
    pub renewers: Vec<CreatableRenewers>,
    /// -1 for the broker's setting.
    pub max_lifetime_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatableRenewers {
    pub principal_type: Str,
    pub principal_name: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreateDelegationToken, versions = "1-3", flexible = "2+")]
pub struct CreateDelegationTokenResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub principal_type: Str,
    pub principal_name: Str,
    #[field(versions = "3+")]
    pub token_requester_principal_type: Str,
    #[field(versions = "3+")]
    pub token_requester_principal_name: Str,
    pub issue_timestamp_ms: i64,
    pub expiry_timestamp_ms: i64,
    /// No renewal goes beyond this.
    pub max_timestamp_ms: i64,
    pub token_id: Str,
    /// The secret.
    pub hmac: Bytes,
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
}
