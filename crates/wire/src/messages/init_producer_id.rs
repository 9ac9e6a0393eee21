//! InitProducerId (22), versions 0 to 5: gives a producer its id and epoch.
//!
//! Version 6 (two-phase commit, KIP-939) is not stable and not here.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |
//! | 3 | current id and epoch, to have the epoch raised (KIP-360) |
//! | 4 | `ProducerFenced` (KIP-588) |
//! | 5 | `TransactionAbortable` (KIP-890) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = InitProducerId, versions = "0-5", flexible = "2+")]
pub struct InitProducerIdRequest {
    pub transactional_id: Option<Str>,
    pub transaction_timeout_ms: i32,
    /// Current id, to have its epoch raised; -1 for a new one.
    #[field(versions = "3+", default = -1)]
    pub producer_id: i64,
    #[field(versions = "3+", default = -1)]
    pub producer_epoch: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = InitProducerId, versions = "0-5", flexible = "2+")]
pub struct InitProducerIdResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    #[field(default = -1)]
    pub producer_id: i64,
    pub producer_epoch: i16,
}
