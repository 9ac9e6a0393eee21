//! UpdateRaftVoter (82), version 0: a voter tells the leader of the metadata log its addresses and
//! versions (KIP-853). Always flexible.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = UpdateRaftVoter, versions = "0", flexible = "0+")]
pub struct UpdateRaftVoterRequest {
    pub cluster_id: Option<Str>,
    /// Leader epoch the voter knows; -1 for none.
    pub current_leader_epoch: i32,
    pub voter_id: i32,
    /// Directory of its metadata log.
    pub voter_directory_id: Uuid,
    /// Where the voter listens.
    pub listeners: Vec<Listener>,
    pub k_raft_version_feature: KRaftVersionFeature,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct KRaftVersionFeature {
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = UpdateRaftVoter, versions = "0", flexible = "0+")]
pub struct UpdateRaftVoterResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    #[field(tag = 0)]
    pub current_leader: CurrentLeader,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CurrentLeader {
    /// -1 if there is none or it is not known.
    #[field(default = -1)]
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
    pub host: Str,
    pub port: i32,
}
