//! ShareFetch (78), versions 1 to 2: takes records of a share group for a while, and says what
//! became of earlier ones (KIP-932). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | first version; 0 was a preview |
//! | 2 | limits by records (KIP-1206); locks can be renewed (KIP-1222) |

use uuid::Uuid;

use crate::{Message, Records, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ShareFetch, versions = "1-2", flexible = "0+")]
pub struct ShareFetchRequest {
    pub group_id: Option<Str>,
    pub member_id: Option<Str>,
    /// 0 to begin a session, -1 to end it, else the next of it.
    pub share_session_epoch: i32,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    /// Soft limit of the response.
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// Soft limit, as batches are not cut.
    pub max_records: i32,
    /// Records that the client would like to acknowledge at once.
    pub batch_size: i32,
    /// 0 whole batches, 1 no more than the limit of records.
    #[field(versions = "2+", ignorable)]
    pub share_acquire_mode: i8,
    /// Some of the acknowledgements renew a lock.
    #[field(versions = "2+")]
    pub is_renew_ack: bool,
    pub topics: Vec<FetchTopic>,
    /// Partitions that leave the session.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct FetchTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct FetchPartition {
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
pub struct ForgottenTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ShareFetch, versions = "1-2", flexible = "0+")]
pub struct ShareFetchResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// How long the records are the member's, in milliseconds.
    pub acquisition_lock_timeout_ms: i32,
    pub responses: Vec<ShareFetchableTopicResponse>,
    /// Addresses of the leaders named above.
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ShareFetchableTopicResponse {
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
    /// Number of an [`ErrorCode`](crate::ErrorCode), for the acknowledgements.
    pub acknowledge_error_code: i16,
    /// What went wrong with the acknowledgements, for people.
    pub acknowledge_error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
    pub records: Records,
    /// Which of the records are the member's now.
    pub acquired_records: Vec<AcquiredRecords>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct LeaderIdAndEpoch {
    /// -1 if there is none or it is not known.
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AcquiredRecords {
    pub first_offset: i64,
    /// Inclusive.
    pub last_offset: i64,
    /// How often they were handed out, this time included.
    pub delivery_count: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
