//! CreatePartitions (37), versions 0 to 3: raises the number of a topic's partitions.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |
//! | 3 | `ThrottlingQuotaExceeded` (KIP-599) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreatePartitions, versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsRequest {
    pub topics: Vec<CreatePartitionsTopic>,
    pub timeout_ms: i32,
    /// Check, change nothing.
    pub validate_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatePartitionsTopic {
    pub name: Str,
    /// How many partitions there shall be in all.
    pub count: i32,
    /// `None` to leave it to the broker; else replicas of each new partition.
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatePartitionsAssignment {
    pub broker_ids: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreatePartitions, versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub results: Vec<CreatePartitionsTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatePartitionsTopicResult {
    pub name: Str,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
