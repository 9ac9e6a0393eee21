//! DescribeTransactions (65), version 0: state of transactions, by id (KIP-664). Always flexible.

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeTransactions, versions = "0", flexible = "0+")]
pub struct DescribeTransactionsRequest {
    pub transactional_ids: Vec<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeTransactions, versions = "0", flexible = "0+")]
pub struct DescribeTransactionsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub transaction_states: Vec<TransactionState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TransactionState {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub transactional_id: Str,
    /// `Empty`, `Ongoing`, `PrepareCommit` and so on.
    pub transaction_state: Str,
    pub transaction_timeout_ms: i32,
    /// -1 if none has begun.
    pub transaction_start_time_ms: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// Of those being ended, the ones that still wait for their marker.
    pub topics: Vec<TopicData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicData {
    pub topic: Str,
    pub partitions: Vec<i32>,
}
