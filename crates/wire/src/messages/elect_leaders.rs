//! ElectLeaders (43), versions 0 to 2: has the leaders of partitions elected anew (KIP-183).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | kind of election, error code of the whole response (KIP-460) |
//! | 2 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ElectLeaders, versions = "0-2", flexible = "2+")]
pub struct ElectLeadersRequest {
    /// 0: the preferred replica, 1: any live replica where none is in sync (which loses records).
    #[field(versions = "1+")]
    pub election_type: i8,
    /// `None` for all.
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    #[field(default = 60_000)]
    pub timeout_ms: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicPartitions {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ElectLeaders, versions = "0-2", flexible = "2+")]
pub struct ElectLeadersResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    #[field(versions = "1+")]
    pub error_code: i16,
    pub replica_election_results: Vec<ReplicaElectionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReplicaElectionResult {
    pub topic: Str,
    pub partition_result: Vec<PartitionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionResult {
    pub partition_id: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
