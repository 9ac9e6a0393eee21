//! EndTxn (26), versions 0 to 5: commits a transaction or gives it up.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | after a quota is exceeded the answer comes first and the wait after it |
//! | 2 | `ProducerFenced` |
//! | 3 | flexible |
//! | 4 | `TransactionAbortable` (KIP-890) |
//! | 5 | a new epoch for every transaction, told in the response (KIP-890) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = EndTxn, versions = "0-5", flexible = "3+")]
pub struct EndTxnRequest {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// Commit it; else give it up.
    pub committed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = EndTxn, versions = "0-5", flexible = "3+")]
pub struct EndTxnResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// For the next transaction; -1 beside an error.
    #[field(versions = "5+", default = -1, ignorable)]
    pub producer_id: i64,
    /// For the next transaction; -1 beside an error.
    #[field(versions = "5+", default = -1, ignorable)]
    pub producer_epoch: i16,
}
