//! ListTransactions (66), versions 0 to 2: lists transactions that pass a filter (KIP-664). Always
//! flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | how long they have been open (KIP-994) |
//! | 2 | pattern of their ids (KIP-1152) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListTransactions, versions = "0-2", flexible = "0+")]
pub struct ListTransactionsRequest {
    /// Empty for all.
    pub state_filters: Vec<Str>,
    /// Empty for all.
    pub producer_id_filters: Vec<i64>,
    /// At least so many milliseconds; negative for all.
    #[field(versions = "1+", default = -1)]
    pub duration_filter: i64,
    /// A regular expression; `None` or empty for all.
    #[field(versions = "2+")]
    pub transactional_id_pattern: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListTransactions, versions = "0-2", flexible = "0+")]
pub struct ListTransactionsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// Those asked for that do not exist.
    pub unknown_state_filters: Vec<Str>,
    pub transaction_states: Vec<TransactionState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TransactionState {
    pub transactional_id: Str,
    pub producer_id: i64,
    /// `Empty`, `Ongoing`, `PrepareCommit` and so on.
    pub transaction_state: Str,
}
