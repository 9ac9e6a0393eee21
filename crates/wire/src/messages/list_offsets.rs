//! ListOffsets (2), versions 1 to 11: finds offsets by time or by name (first, last and so on).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | one offset with its timestamp for each partition |
//! | 2 | isolation level, throttle time |
//! | 4 | leader epochs (KIP-320) |
//! | 5 | `OffsetNotAvailable` |
//! | 6 | flexible |
//! | 7 | timestamp -3, the record with the largest timestamp (KIP-734) |
//! | 8 | timestamp -4, the earliest record on this disk (KIP-405) |
//! | 9 | timestamp -5, the last record in tiered storage (KIP-1005) |
//! | 10 | timeout for a search in tiered storage (KIP-1075) |
//! | 11 | timestamp -6, the earliest record not yet tiered (KIP-1023) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListOffsets, versions = "1-11", flexible = "6+")]
pub struct ListOffsetsRequest {
    pub replica_id: i32,
    /// 0: read uncommitted, 1: read committed.
    #[field(versions = "2+")]
    pub isolation_level: i8,
    pub topics: Vec<ListOffsetsTopic>,
    #[field(versions = "10+", ignorable)]
    pub timeout_ms: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ListOffsetsTopic {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ListOffsetsPartition {
    pub partition_index: i32,
    /// Leader epoch the client knows, so that an old one can be refused; -1 for none.
    #[field(versions = "4+", default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// A time in milliseconds, or -1 latest, -2 earliest, -3 largest timestamp, -4 earliest local, -5 last tiered, -6 earliest not yet tiered.
    pub timestamp: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListOffsets, versions = "1-11", flexible = "6+")]
pub struct ListOffsetsResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<ListOffsetsTopicResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ListOffsetsTopicResponse {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ListOffsetsPartitionResponse {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// Of the record found; -1 for none.
    #[field(default = -1)]
    pub timestamp: i64,
    /// -1 if there is no such record.
    #[field(default = -1)]
    pub offset: i64,
    #[field(versions = "4+", default = -1)]
    pub leader_epoch: i32,
}
