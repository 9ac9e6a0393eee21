//! WriteTxnMarkers (27), versions 1 to 2: the coordinator tells leaders how transactions ended, and
//! they write it into the log.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | flexible |
//! | 2 | transaction version of each marker (KIP-1228) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = WriteTxnMarkers, versions = "1-2", flexible = "1+")]
pub struct WriteTxnMarkersRequest {
    pub markers: Vec<WritableTxnMarker>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct WritableTxnMarker {
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// Committed; else given up.
    pub transaction_result: bool,
    pub topics: Vec<WritableTxnMarkerTopic>,
    /// Leader epoch of the partition that keeps the transaction's state.
    pub coordinator_epoch: i32,
    /// 2 where every transaction has a new epoch (KIP-890), below that not.
    #[field(versions = "2+", ignorable)]
    pub transaction_version: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct WritableTxnMarkerTopic {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = WriteTxnMarkers, versions = "1-2", flexible = "1+")]
pub struct WriteTxnMarkersResponse {
    pub markers: Vec<WritableTxnMarkerResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct WritableTxnMarkerResult {
    pub producer_id: i64,
    pub topics: Vec<WritableTxnMarkerTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct WritableTxnMarkerTopicResult {
    pub name: Str,
    pub partitions: Vec<WritableTxnMarkerPartitionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct WritableTxnMarkerPartitionResult {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
