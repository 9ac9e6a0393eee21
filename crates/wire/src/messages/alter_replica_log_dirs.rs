//! AlterReplicaLogDirs (34), versions 1 to 2: moves replicas between the directories of a broker
//! (KIP-113).
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterReplicaLogDirs, versions = "1-2", flexible = "2+")]
pub struct AlterReplicaLogDirsRequest {
    pub dirs: Vec<AlterReplicaLogDir>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterReplicaLogDir {
    /// Absolute.
    pub path: Str,
    pub topics: Vec<AlterReplicaLogDirTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterReplicaLogDirTopic {
    pub name: Str,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterReplicaLogDirs, versions = "1-2", flexible = "2+")]
pub struct AlterReplicaLogDirsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub results: Vec<AlterReplicaLogDirTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterReplicaLogDirTopicResult {
    pub topic_name: Str,
    pub partitions: Vec<AlterReplicaLogDirPartitionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterReplicaLogDirPartitionResult {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
