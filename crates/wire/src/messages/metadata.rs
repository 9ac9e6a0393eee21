//! Metadata (3), versions 0 to 13: brokers, topics, partitions and their leaders.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | null for all topics; racks, controller, internal topics |
//! | 2 | cluster id |
//! | 3 | throttle time |
//! | 4 | whether asking may create the topic |
//! | 5 | offline replicas |
//! | 7 | leader epochs (KIP-320) |
//! | 8 | authorized operations (KIP-430) |
//! | 9 | flexible |
//! | 10 | topic ids (KIP-516); asking by id works from 12 |
//! | 11 | no more cluster operations, DescribeCluster has them (KIP-700) |
//! | 13 | error code of the whole response (KIP-1102) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Metadata, versions = "0-13", flexible = "9+")]
pub struct MetadataRequest {
    /// `None` for all topics; in version 0 an empty list says that.
    #[field(nullable = "1+", default = Vec::new())]
    pub topics: Option<Vec<MetadataRequestTopic>>,
    #[field(versions = "4+", default = true)]
    pub allow_auto_topic_creation: bool,
    #[field(versions = "8-10")]
    pub include_cluster_authorized_operations: bool,
    #[field(versions = "8+")]
    pub include_topic_authorized_operations: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct MetadataRequestTopic {
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    /// `None` if asked by id.
    #[field(nullable = "10+", default = Str::EMPTY)]
    pub name: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Metadata, versions = "0-13", flexible = "9+")]
pub struct MetadataResponse {
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    #[field(versions = "2+", ignorable)]
    pub cluster_id: Option<Str>,
    #[field(versions = "1+", default = -1, ignorable)]
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    /// Bits of what the client may do; the minimum if not asked for.
    #[field(versions = "8-10", default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    #[field(versions = "13+", ignorable)]
    pub error_code: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    #[field(versions = "1+", ignorable)]
    pub rack: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct MetadataResponseTopic {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    #[field(nullable = "12+", default = Str::EMPTY)]
    pub name: Option<Str>,
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    #[field(versions = "1+", ignorable)]
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    /// Bits of what the client may do; the minimum if not asked for.
    #[field(versions = "8+", default = i32::MIN)]
    pub topic_authorized_operations: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct MetadataResponsePartition {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub partition_index: i32,
    /// -1 if there is none or it is not known.
    pub leader_id: i32,
    #[field(versions = "7+", default = -1, ignorable)]
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    #[field(versions = "5+", ignorable)]
    pub offline_replicas: Vec<i32>,
}
