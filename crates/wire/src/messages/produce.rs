//! Produce (0), versions 3 to 13: appends record batches.
//!
//! Kafka advertises it from 0, because librdkafka stops compressing otherwise, and refuses 0 to 2;
//! the structs begin at 3, the first version of record format 2.
//!
//! | version | what it added |
//! |---|---|
//! | 3 | transactional id |
//! | 4 | storage errors may be answered |
//! | 5 | log start offset in the response |
//! | 7 | zstd batches allowed |
//! | 8 | record errors and message in the response (KIP-467) |
//! | 9 | flexible |
//! | 10 | current leader and its address beside an error (KIP-951) |
//! | 11, 12 | `TransactionAbortable`; 12 also adds partitions to a transaction by itself (KIP-890) |
//! | 13 | topic ids instead of names (KIP-516) |

use bytes::Bytes;
use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Produce, versions = "3-13", flexible = "9+")]
pub struct ProduceRequest {
    pub transactional_id: Option<Str>,
    /// 0: no answer, 1: the leader has it, -1: all in-sync replicas have it.
    pub acks: i16,
    /// How long to wait for the replicas.
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicProduceData {
    #[field(versions = "0-12", ignorable)]
    pub name: Str,
    #[field(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partition_data: Vec<PartitionProduceData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionProduceData {
    pub index: i32,
    /// One record batch.
    pub records: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Produce, versions = "3-13", flexible = "9+")]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Addresses of the leaders named above.
    #[field(versions = "10+", tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicProduceResponse {
    #[field(versions = "0-12", ignorable)]
    pub name: Str,
    #[field(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partition_responses: Vec<PartitionProduceResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionProduceResponse {
    pub index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// Offset given to the first record.
    pub base_offset: i64,
    /// The broker's time if the topic uses that, else -1.
    #[field(default = -1)]
    pub log_append_time_ms: i64,
    #[field(versions = "5+", default = -1, ignorable)]
    pub log_start_offset: i64,
    /// Records because of which the whole batch was refused.
    #[field(versions = "8+", ignorable)]
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// What went wrong, for people.
    #[field(versions = "8+", ignorable)]
    pub error_message: Option<Str>,
    /// Where to go instead, if this broker is not the leader.
    #[field(versions = "10+", tag = 0)]
    pub current_leader: LeaderIdAndEpoch,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    pub batch_index_error_message: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct LeaderIdAndEpoch {
    /// -1 if there is none or it is not known.
    #[field(default = -1)]
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
