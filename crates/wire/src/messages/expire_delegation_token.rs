//! ExpireDelegationToken (40), versions 1 to 2: lets a token end earlier (KIP-48).
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |

use bytes::Bytes;

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ExpireDelegationToken, versions = "1-2", flexible = "2+")]
pub struct ExpireDelegationTokenRequest {
    /// The secret, which says which token.
    pub hmac: Bytes,
    /// From now on; negative to end it at once.
    pub expiry_time_period_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ExpireDelegationToken, versions = "1-2", flexible = "2+")]
pub struct ExpireDelegationTokenResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub expiry_timestamp_ms: i64,
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
}
