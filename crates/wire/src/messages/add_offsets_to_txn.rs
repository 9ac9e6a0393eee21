//! AddOffsetsToTxn (25), versions 0 to 4: makes the commit of a group's offsets a part of a
//! transaction.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | after a quota is exceeded the answer comes first and the wait after it |
//! | 2 | `ProducerFenced` |
//! | 3 | flexible |
//! | 4 | `TransactionAbortable` (KIP-890) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AddOffsetsToTxn, versions = "0-4", flexible = "3+")]
pub struct AddOffsetsToTxnRequest {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub group_id: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AddOffsetsToTxn, versions = "0-4", flexible = "3+")]
pub struct AddOffsetsToTxnResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
