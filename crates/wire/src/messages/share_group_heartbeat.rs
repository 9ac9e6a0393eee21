//! ShareGroupHeartbeat (76), version 1: a member of a share group joins, lives and leaves
//! (KIP-932). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | first version; 0 was a preview |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ShareGroupHeartbeat, versions = "1", flexible = "0+")]
pub struct ShareGroupHeartbeatRequest {
    pub group_id: Str,
    /// Made by the client.
    pub member_id: Str,
    /// 0 to join, -1 to leave.
    pub member_epoch: i32,
    /// `None` if it did not change.
    pub rack_id: Option<Str>,
    /// `None` if it did not change.
    pub subscribed_topic_names: Option<Vec<Str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ShareGroupHeartbeat, versions = "1", flexible = "0+")]
pub struct ShareGroupHeartbeatResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// Made by the client.
    pub member_id: Option<Str>,
    /// The one to send next.
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    /// `None` if there is no news.
    pub assignment: Option<Assignment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}
