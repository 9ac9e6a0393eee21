//! BrokerHeartbeat (63), versions 0 to 2: a broker tells the controller that it lives, and learns
//! whether it is fenced (KIP-631). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | directories that failed (KIP-858) |
//! | 2 | directories that take no new partitions (KIP-1066) |

use uuid::Uuid;

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = BrokerHeartbeat, versions = "0-2", flexible = "0+")]
pub struct BrokerHeartbeatRequest {
    pub broker_id: i32,
    /// -1 if it has none.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// How far it has applied the metadata log.
    pub current_metadata_offset: i64,
    /// It asks to be fenced, or not to be any more.
    pub want_fence: bool,
    pub want_shut_down: bool,
    #[field(versions = "1+", tag = 0)]
    pub offline_log_dirs: Vec<Uuid>,
    /// `None` while it is still starting.
    #[field(versions = "2+", tag = 1)]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = BrokerHeartbeat, versions = "0-2", flexible = "0+")]
pub struct BrokerHeartbeatResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub is_caught_up: bool,
    #[field(default = true)]
    pub is_fenced: bool,
    /// No partition needs it any more.
    pub should_shut_down: bool,
}
