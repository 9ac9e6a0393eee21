//! OffsetForLeaderEpoch (23), versions 2 to 4: where a leader epoch ends, to detect truncation.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | current leader epoch (KIP-320), throttle time |
//! | 3 | replica id (KIP-392) |
//! | 4 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = OffsetForLeaderEpoch, versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderEpochRequest {
    /// -1 client, -2 a debugging client that may see beyond the high watermark.
    #[field(versions = "3+", default = -2, ignorable)]
    pub replica_id: i32,
    pub topics: Vec<OffsetForLeaderTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetForLeaderTopic {
    pub topic: Str,
    pub partitions: Vec<OffsetForLeaderPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetForLeaderPartition {
    pub partition: i32,
    /// Leader epoch the client knows, so that an old one can be refused; -1 for none.
    #[field(default = -1)]
    pub current_leader_epoch: i32,
    /// Epoch whose end is asked for.
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = OffsetForLeaderEpoch, versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderEpochResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetForLeaderTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct OffsetForLeaderTopicResult {
    pub topic: Str,
    pub partitions: Vec<EpochEndOffset>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct EpochEndOffset {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub partition: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// End of the epoch, exclusive; -1 if not known.
    #[field(default = -1)]
    pub end_offset: i64,
}
