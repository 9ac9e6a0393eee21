//! AlterPartitionReassignments (45), versions 0 to 1: moves partitions to other brokers (KIP-455).
//! Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | whether the number of replicas may change (KIP-860) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterPartitionReassignments, versions = "0-1", flexible = "0+")]
pub struct AlterPartitionReassignmentsRequest {
    #[field(default = 60_000)]
    pub timeout_ms: i32,
    /// Else a move that would change the number of replicas is refused.
    #[field(versions = "1+", default = true)]
    pub allow_replication_factor_change: bool,
    pub topics: Vec<ReassignableTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReassignableTopic {
    pub name: Str,
    pub partitions: Vec<ReassignablePartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReassignablePartition {
    pub partition_index: i32,
    /// Where the partition shall be, the preferred leader first; `None` to give up a move.
    pub replicas: Option<Vec<i32>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterPartitionReassignments, versions = "0-1", flexible = "0+")]
pub struct AlterPartitionReassignmentsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    #[field(versions = "1+", default = true, ignorable)]
    pub allow_replication_factor_change: bool,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub responses: Vec<ReassignableTopicResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReassignableTopicResponse {
    pub name: Str,
    pub partitions: Vec<ReassignablePartitionResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ReassignablePartitionResponse {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
