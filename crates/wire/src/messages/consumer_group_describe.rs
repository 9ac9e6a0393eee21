//! ConsumerGroupDescribe (69), versions 0 to 1: state and members of groups of the new protocol
//! (KIP-848). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | kind of each member (KIP-1099) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ConsumerGroupDescribe, versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupDescribeRequest {
    pub group_ids: Vec<Str>,
    pub include_authorized_operations: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ConsumerGroupDescribe, versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupDescribeResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribedGroup {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub group_id: Str,
    /// Empty beside an error.
    pub group_state: Str,
    pub group_epoch: i32,
    /// Group epoch for which the assignment was computed.
    pub assignment_epoch: i32,
    pub assignor_name: Str,
    pub members: Vec<Member>,
    /// Bits of what the client may do; the minimum if not asked for.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Member {
    pub member_id: Str,
    /// Identity of a static member across restarts.
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub member_epoch: i32,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    pub subscribed_topic_regex: Option<Str>,
    /// What it holds.
    pub assignment: Assignment,
    /// What it shall hold.
    pub target_assignment: Assignment,
    /// 0 classic, 1 consumer, -1 not known.
    #[field(versions = "1+", default = -1, ignorable)]
    pub member_type: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub topic_name: Str,
    pub partitions: Vec<i32>,
}
