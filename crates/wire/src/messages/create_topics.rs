//! CreateTopics (19), versions 2 to 7.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | throttle time |
//! | 4 | -1 for the broker's partition and replica counts (KIP-464) |
//! | 5 | flexible; counts and settings of the new topic in the response (KIP-525) |
//! | 6 | `ThrottlingQuotaExceeded` (KIP-599) |
//! | 7 | topic id in the response (KIP-516) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreateTopics, versions = "2-7", flexible = "5+")]
pub struct CreateTopicsRequest {
    pub topics: Vec<CreatableTopic>,
    #[field(default = 60_000)]
    pub timeout_ms: i32,
    /// Check, change nothing.
    pub validate_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatableTopic {
    pub name: Str,
    /// -1 for the broker's setting, or with `assignments`.
    pub num_partitions: i32,
    /// -1 for the broker's setting, or with `assignments`.
    pub replication_factor: i16,
    /// Replicas by hand; empty to leave it to the broker.
    pub assignments: Vec<CreatableReplicaAssignment>,
    pub configs: Vec<CreatableTopicConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatableReplicaAssignment {
    pub partition_index: i32,
    pub broker_ids: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatableTopicConfig {
    pub name: Str,
    pub value: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = CreateTopics, versions = "2-7", flexible = "5+")]
pub struct CreateTopicsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatableTopicResult {
    pub name: Str,
    #[field(versions = "7+", ignorable)]
    pub topic_id: Uuid,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// Why `configs` is missing.
    #[field(versions = "5+", ignorable, tag = 0)]
    pub topic_config_error_code: i16,
    #[field(versions = "5+", default = -1, ignorable)]
    pub num_partitions: i32,
    #[field(versions = "5+", default = -1, ignorable)]
    pub replication_factor: i16,
    /// `None` if the client may not see them.
    #[field(versions = "5+", ignorable)]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CreatableTopicConfigs {
    pub name: Str,
    pub value: Option<Str>,
    pub read_only: bool,
    /// 1 topic, 2 broker (dynamic), 3 cluster default (dynamic), 4 file, 5 built-in default, 6 broker logger, 7 client metrics, 8 group.
    #[field(default = -1, ignorable)]
    pub config_source: i8,
    pub is_sensitive: bool,
}
