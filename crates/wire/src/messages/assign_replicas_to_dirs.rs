//! AssignReplicasToDirs (73), version 0: a broker tells the controller which directory holds which
//! replica (KIP-858). Always flexible.

use uuid::Uuid;

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AssignReplicasToDirs, versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsRequest {
    pub broker_id: i32,
    /// -1 if it has none.
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub directories: Vec<RequestDirectoryData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestDirectoryData {
    pub id: Uuid,
    pub topics: Vec<RequestTopicData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<RequestPartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestPartitionData {
    pub partition_index: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AssignReplicasToDirs, versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub directories: Vec<ResponseDirectoryData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponseDirectoryData {
    pub id: Uuid,
    pub topics: Vec<ResponseTopicData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponseTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<ResponsePartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponsePartitionData {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
