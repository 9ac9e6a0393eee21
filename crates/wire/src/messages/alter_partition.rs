//! AlterPartition (56), versions 2 to 3: a leader asks the controller to change the ISR (KIP-497).
//! Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | topic ids instead of names (KIP-841) |
//! | 3 | epochs of the brokers in the ISR (KIP-903) |

use uuid::Uuid;

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterPartition, versions = "2-3", flexible = "0+")]
pub struct AlterPartitionRequest {
    pub broker_id: i32,
    /// -1 if it has none.
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub topics: Vec<RequestTopicData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<RequestPartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct RequestPartitionData {
    pub partition_index: i32,
    pub leader_epoch: i32,
    #[field(versions = "0-2")]
    pub new_isr: Vec<i32>,
    #[field(versions = "3+")]
    pub new_isr_with_epochs: Vec<BrokerState>,
    /// 1 while the leader recovers from an unclean election, else 0 (KIP-704).
    pub leader_recovery_state: i8,
    /// The one the leader knows, so that a change on an old basis is refused.
    pub partition_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct BrokerState {
    pub broker_id: i32,
    /// -1 if it is not to be checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterPartition, versions = "2-3", flexible = "0+")]
pub struct AlterPartitionResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub topics: Vec<ResponseTopicData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponseTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<ResponsePartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ResponsePartitionData {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// -1 if there is none or it is not known.
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub isr: Vec<i32>,
    /// 1 while the leader recovers from an unclean election, else 0 (KIP-704).
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
}
