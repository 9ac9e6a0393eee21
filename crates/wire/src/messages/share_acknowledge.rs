//! ShareAcknowledge (79), versions 1 to 2: says what became of records of a share group (KIP-932).
//! Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | first version; 0 was a preview |
//! | 2 | locks can be renewed (KIP-1222) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ShareAcknowledge, versions = "1-2", flexible = "0+")]
pub struct ShareAcknowledgeRequest {
    pub group_id: Option<Str>,
    pub member_id: Option<Str>,
    /// 0 to begin a session, -1 to end it, else the next of it.
    pub share_session_epoch: i32,
    /// Some of the acknowledgements renew a lock.
    #[field(versions = "2+")]
    pub is_renew_ack: bool,
    pub topics: Vec<AcknowledgeTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AcknowledgeTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<AcknowledgePartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AcknowledgePartition {
    pub partition_index: i32,
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AcknowledgementBatch {
    pub first_offset: i64,
    /// Inclusive.
    pub last_offset: i64,
    /// One for all, or one for each record: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
    pub acknowledge_types: Vec<i8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ShareAcknowledge, versions = "1-2", flexible = "0+")]
pub struct ShareAcknowledgeResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// How long the records are the member's, in milliseconds.
    #[field(versions = "2+", ignorable)]
    pub acquisition_lock_timeout_ms: i32,
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    /// Addresses of the leaders named above.
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ShareAcknowledgeTopicResponse {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct PartitionData {
    pub partition_index: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct LeaderIdAndEpoch {
    /// -1 if there is none or it is not known.
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
