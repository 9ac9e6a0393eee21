//! UnregisterBroker (64), version 0: removes a broker that is gone for good (KIP-631). Always
//! flexible.

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = UnregisterBroker, versions = "0", flexible = "0+")]
pub struct UnregisterBrokerRequest {
    pub broker_id: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = UnregisterBroker, versions = "0", flexible = "0+")]
pub struct UnregisterBrokerResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
