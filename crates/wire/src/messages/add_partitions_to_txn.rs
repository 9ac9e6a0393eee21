//! AddPartitionsToTxn (24), versions 0 to 5: names partitions before a transaction writes to them.
//!
//! Clients use 0 to 3, for one transaction; brokers use 4 and 5 among themselves, for several, also
//! to ask whether a partition is in one already (KIP-890).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | after a quota is exceeded the answer comes first and the wait after it |
//! | 2 | `ProducerFenced` |
//! | 3 | flexible |
//! | 4 | several transactions, verification only, error code of the whole response (KIP-890) |
//! | 5 | `TransactionAbortable` |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AddPartitionsToTxn, versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnRequest {
    #[field(versions = "4+")]
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    #[field(versions = "0-3")]
    pub v3_and_below_transactional_id: Str,
    #[field(versions = "0-3")]
    pub v3_and_below_producer_id: i64,
    #[field(versions = "0-3")]
    pub v3_and_below_producer_epoch: i16,
    #[field(versions = "0-3")]
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AddPartitionsToTxnTransaction {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// Ask whether the partitions are in the transaction, add nothing.
    pub verify_only: bool,
    pub topics: Vec<AddPartitionsToTxnTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AddPartitionsToTxnTopic {
    pub name: Str,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AddPartitionsToTxn, versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    #[field(versions = "4+", ignorable)]
    pub error_code: i16,
    #[field(versions = "4+")]
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    #[field(versions = "0-3")]
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AddPartitionsToTxnResult {
    pub transactional_id: Str,
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AddPartitionsToTxnTopicResult {
    pub name: Str,
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AddPartitionsToTxnPartitionResult {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub partition_error_code: i16,
}
