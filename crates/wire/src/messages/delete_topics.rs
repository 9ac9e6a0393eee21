//! DeleteTopics (20), versions 1 to 6.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | throttle time |
//! | 3 | `TopicDeletionDisabled` |
//! | 4 | flexible |
//! | 5 | error message, `ThrottlingQuotaExceeded` (KIP-599) |
//! | 6 | topics by name or id (KIP-516) |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteTopics, versions = "1-6", flexible = "4+")]
pub struct DeleteTopicsRequest {
    /// By name or id, since version 6.
    #[field(versions = "6+")]
    pub topics: Vec<DeleteTopicState>,
    /// By name, before version 6.
    #[field(versions = "0-5", ignorable)]
    pub topic_names: Vec<Str>,
    pub timeout_ms: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeleteTopicState {
    pub name: Option<Str>,
    pub topic_id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DeleteTopics, versions = "1-6", flexible = "4+")]
pub struct DeleteTopicsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DeletableTopicResult {
    #[field(nullable = "6+", default = Str::EMPTY)]
    pub name: Option<Str>,
    #[field(versions = "6+", ignorable)]
    pub topic_id: Uuid,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    #[field(versions = "5+", ignorable)]
    pub error_message: Option<Str>,
}
