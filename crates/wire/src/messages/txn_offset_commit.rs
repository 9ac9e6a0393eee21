//! TxnOffsetCommit (28), versions 0 to 5: commits a group's offsets as a part of a transaction.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | after a quota is exceeded the answer comes first and the wait after it |
//! | 2 | leader epoch of the offset (KIP-320) |
//! | 3 | flexible; generation, member and instance, so that an old member is fenced (KIP-447) |
//! | 4 | `TransactionAbortable` (KIP-890) |
//! | 5 | takes the place of AddOffsetsToTxn as well (KIP-890) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = TxnOffsetCommit, versions = "0-5", flexible = "3+")]
pub struct TxnOffsetCommitRequest {
    pub transactional_id: Str,
    pub group_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// -1 from a producer that is no member.
    #[field(versions = "3+", default = -1)]
    pub generation_id: i32,
    #[field(versions = "3+")]
    pub member_id: Str,
    /// Identity of a static member across restarts.
    #[field(versions = "3+")]
    pub group_instance_id: Option<Str>,
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TxnOffsetCommitRequestTopic {
    pub name: Str,
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TxnOffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// Of the last record read; -1 if not known.
    #[field(versions = "2+", default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// The client's own.
    pub committed_metadata: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = TxnOffsetCommit, versions = "0-5", flexible = "3+")]
pub struct TxnOffsetCommitResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TxnOffsetCommitResponseTopic {
    pub name: Str,
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TxnOffsetCommitResponsePartition {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
