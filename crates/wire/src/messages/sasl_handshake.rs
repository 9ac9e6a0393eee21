//! SaslHandshake (17), versions 0 to 1: chooses how the client will prove who it is. Never
//! flexible.
//!
//! What follows depends on the version: after 0 the mechanism speaks in bare frames of its own,
//! after 1 in SaslAuthenticate (KIP-152). Old clients cannot cope with a newer version, so it is
//! not raised.

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = SaslHandshake, versions = "0-1", flexible = "none")]
pub struct SaslHandshakeRequest {
    /// `PLAIN`, `SCRAM-SHA-256`, `OAUTHBEARER` and so on.
    pub mechanism: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = SaslHandshake, versions = "0-1", flexible = "none")]
pub struct SaslHandshakeResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What the broker offers, also beside an error.
    pub mechanisms: Vec<Str>,
}
