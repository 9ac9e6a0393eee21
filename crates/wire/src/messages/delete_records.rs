//! DeleteRecords (21), versions 0 to 2: moves the log start offset up.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteRecords, versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsRequest {
    pub topics: Vec<DeleteRecordsTopic>,
    pub timeout_ms: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteRecordsTopic {
    pub name: Str,
    pub partitions: Vec<DeleteRecordsPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteRecordsPartition {
    pub partition_index: i32,
    /// The first offset to keep; -1 for the high watermark.
    pub offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteRecords, versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub topics: Vec<DeleteRecordsTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteRecordsTopicResult {
    pub name: Str,
    pub partitions: Vec<DeleteRecordsPartitionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteRecordsPartitionResult {
    pub partition_index: i32,
    /// The lowest log start offset of all replicas.
    pub low_watermark: i64,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
