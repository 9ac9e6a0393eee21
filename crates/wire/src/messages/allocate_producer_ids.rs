//! AllocateProducerIds (67), version 0: a broker gets a range of producer ids to give out
//! (KIP-730). Always flexible.

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AllocateProducerIds, versions = "0", flexible = "0+")]
pub struct AllocateProducerIdsRequest {
    pub broker_id: i32,
    /// -1 if it has none.
    #[field(default = -1)]
    pub broker_epoch: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AllocateProducerIds, versions = "0", flexible = "0+")]
pub struct AllocateProducerIdsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub producer_id_start: i64,
    pub producer_id_len: i32,
}
