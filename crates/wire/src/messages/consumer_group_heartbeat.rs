//! ConsumerGroupHeartbeat (68), versions 0 to 1: a consumer of the new protocol joins, lives and
//! leaves (KIP-848). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | subscription by regular expression; the client makes its member id (KIP-1082) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ConsumerGroupHeartbeat, versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    /// 0 to join, -1 to leave, -2 for a static member that will come back.
    pub member_epoch: i32,
    /// Identity of a static member across restarts.
    pub instance_id: Option<Str>,
    /// `None` if it did not change.
    pub rack_id: Option<Str>,
    /// How long the member may take to give partitions up; -1 if it did not change.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// `None` if it did not change.
    pub subscribed_topic_names: Option<Vec<Str>>,
    /// `None` if it did not change.
    #[field(versions = "1+")]
    pub subscribed_topic_regex: Option<Str>,
    /// `None` for the broker's choice.
    pub server_assignor: Option<Str>,
    /// What it holds; `None` if it did not change.
    pub topic_partitions: Option<Vec<TopicPartitions>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ConsumerGroupHeartbeat, versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupHeartbeatResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
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
