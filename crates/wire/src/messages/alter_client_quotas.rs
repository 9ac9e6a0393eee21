//! AlterClientQuotas (49), versions 0 to 1: sets and removes quotas (KIP-546).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Message)]
#[message(api = AlterClientQuotas, versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasRequest {
    pub entries: Vec<RequestEntryData>,
    /// Check, change nothing.
    pub validate_only: bool,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct RequestEntryData {
    pub entity: Vec<EntityData>,
    pub ops: Vec<OpData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct EntityData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: Str,
    /// `None` for the default.
    pub entity_name: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OpData {
    /// As in `producer_byte_rate`.
    pub key: Str,
    /// Ignored if the quota is to go.
    pub value: f64,
    /// Remove the quota; else set it.
    pub remove: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterClientQuotas, versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub entries: Vec<ResponseEntryData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponseEntryData {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub entity: Vec<EntityData>,
}
