//! RenewDelegationToken (39), versions 1 to 2: lets a token live longer (KIP-48).
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |

use bytes::Bytes;

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = RenewDelegationToken, versions = "1-2", flexible = "2+")]
pub struct RenewDelegationTokenRequest {
    /// The secret, which says which token.
    pub hmac: Bytes,
    /// -1 for the broker's setting.
    pub renew_period_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = RenewDelegationToken, versions = "1-2", flexible = "2+")]
pub struct RenewDelegationTokenResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub expiry_timestamp_ms: i64,
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
}
