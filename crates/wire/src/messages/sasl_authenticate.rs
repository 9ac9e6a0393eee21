//! SaslAuthenticate (36), versions 0 to 2: carries one step of the proof of who the client is
//! (KIP-152).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | lifetime of the session (KIP-368) |
//! | 2 | flexible |

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = SaslAuthenticate, versions = "0-2", flexible = "2+")]
pub struct SaslAuthenticateRequest {
    /// Opaque; the mechanism's own.
    pub auth_bytes: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = SaslAuthenticate, versions = "0-2", flexible = "2+")]
pub struct SaslAuthenticateResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// Opaque; the mechanism's own.
    pub auth_bytes: Bytes,
    /// After this the client must prove itself again; 0 for no limit.
    #[field(versions = "1+", ignorable)]
    pub session_lifetime_ms: i64,
}
