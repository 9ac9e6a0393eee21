//! What a front end asks of a shard. Plain owned values: a front end copies what it received, so that
//! a group never keeps a receive buffer alive.

use crate::error::GroupError;
use crate::reply::{GroupDescription, GroupReply, JoinRefused};
use crate::{GroupState, reply};
use records::{LeaderEpoch, Offset};
use std::sync::Arc;

/// One request for one group (`List`: for the shard).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRequest {
    /// Become a member, or take part in the next generation.
    Join(JoinRequest),
    /// Bring (leader) and fetch (everybody) the assignment of a generation.
    Sync(SyncRequest),
    /// Keep the session alive and learn whether the group rebalances.
    Heartbeat(HeartbeatRequest),
    /// End the membership of one or more members.
    Leave(LeaveRequest),
    /// Show a group and its members.
    Describe {
        /// The group.
        group_id: String,
    },
    /// Show the groups of this shard.
    List(ListFilter),
    /// Remove a group without members, with its offsets.
    Delete {
        /// The group.
        group_id: String,
    },
    /// Store offsets.
    CommitOffsets(CommitOffsets),
    /// Read stored offsets.
    FetchOffsets(FetchOffsets),
    /// Remove stored offsets.
    DeleteOffsets(DeleteOffsets),
}

/// A protocol (assignor) that a member offers, best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name.
    pub name: Arc<str>,
    /// What the member tells the leader under this protocol. Opaque here, but for the topics of the
    /// `consumer` protocol type.
    pub metadata: Arc<[u8]>,
}

/// JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// The group.
    pub group_id: String,
    /// The member id, empty for a member that has none yet.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// The client id, `""` if none was sent.
    pub client_id: String,
    /// The client's address as Kafka shows it (`/127.0.0.1`).
    pub client_host: String,
    /// How long the member may be silent.
    pub session_timeout_ms: i32,
    /// How long the member may take to rejoin (version 0: its session timeout).
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`, ...
    pub protocol_type: String,
    /// What the member offers, best first.
    pub protocols: Vec<Protocol>,
    /// Version 4 and later: a new dynamic member is first told its id and must join again with it.
    pub requires_known_member_id: bool,
    /// Version 9 and later: a returning static leader can be told to keep the assignment.
    pub supports_skip_assignment: bool,
    /// Random bits for the id of a new member.
    pub random: u128,
}

/// One member's share of an assignment, opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The member.
    pub member_id: String,
    /// What it is to do.
    pub assignment: Arc<[u8]>,
}

/// SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// The group.
    pub group_id: String,
    /// The member.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// The generation the assignment is for.
    pub generation: i32,
    /// Version 5 and later: checked if there.
    pub protocol_type: Option<String>,
    /// Version 5 and later: checked if there.
    pub protocol_name: Option<String>,
    /// The whole assignment, from the leader; ignored from others.
    pub assignments: Vec<Assignment>,
}

/// Heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group.
    pub group_id: String,
    /// The member.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// The generation the member believes in.
    pub generation: i32,
}

/// LeaveGroup. Versions 0 to 2 name one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveRequest {
    /// The group.
    pub group_id: String,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
}

/// One leaving member: by member id, or by instance id with an empty member id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// The member id, empty when an administrator removes a static member.
    pub member_id: String,
    /// The instance id of a static member.
    pub instance_id: Option<String>,
}

/// ListGroups. Empty lists let everything through; words are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// State names as Kafka spells them.
    pub states: Vec<String>,
    /// Group types; all groups here are `classic`.
    pub types: Vec<String>,
}

/// OffsetCommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffsets {
    /// The group.
    pub group_id: String,
    /// The member, empty from a simple consumer or an administrator.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// The generation, -1 from a simple consumer or an administrator.
    pub generation: i32,
    /// Versions 2 to 4: how long to keep these offsets, instead of the configured retention
    /// (-1 on the wire is `None`).
    pub retention_ms: Option<i64>,
    /// Version 9 and later: an unknown group is `GroupIdNotFound` instead of `IllegalGeneration`.
    pub knows_group_id_not_found: bool,
    /// What to store.
    pub topics: Vec<CommitTopic>,
}

/// The offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTopic {
    /// The topic's name.
    pub topic: String,
    /// Its id where the front end knows it: offsets of a topic that was deleted and created anew are
    /// told apart by it.
    pub topic_id: Option<[u8; 16]>,
    /// The partitions.
    pub partitions: Vec<CommitPartition>,
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitPartition {
    /// The partition.
    pub partition: i32,
    /// Where the group is to go on reading.
    pub offset: Offset,
    /// The leader epoch of the last record read, `LeaderEpoch::NONE` if unknown.
    pub leader_epoch: LeaderEpoch,
    /// The client's note (a null note counts as an empty one).
    pub metadata: String,
}

/// OffsetFetch, one group of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOffsets {
    /// The group.
    pub group_id: String,
    /// What to read; `None` reads everything.
    pub topics: Option<Vec<TopicPartitions>>,
}

/// OffsetDelete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOffsets {
    /// The group.
    pub group_id: String,
    /// What to remove.
    pub topics: Vec<TopicPartitions>,
}

/// Some partitions of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitions {
    /// The topic's name.
    pub topic: String,
    /// Its id where the front end knows it; a stored offset of another id is not shown.
    pub topic_id: Option<[u8; 16]>,
    /// The partitions.
    pub partitions: Vec<i32>,
}

impl GroupRequest {
    /// The group the request is for; none for `List`.
    #[must_use]
    pub fn group_id(&self) -> Option<&str> {
        match self {
            Self::Join(r) => Some(&r.group_id),
            Self::Sync(r) => Some(&r.group_id),
            Self::Heartbeat(r) => Some(&r.group_id),
            Self::Leave(r) => Some(&r.group_id),
            Self::Describe { group_id } | Self::Delete { group_id } => Some(group_id),
            Self::List(_) => None,
            Self::CommitOffsets(r) => Some(&r.group_id),
            Self::FetchOffsets(r) => Some(&r.group_id),
            Self::DeleteOffsets(r) => Some(&r.group_id),
        }
    }

    /// The answer that refuses the whole request: for a driver that has no shard to ask (yet).
    #[must_use]
    pub fn refuse(&self, error: GroupError) -> GroupReply {
        match self {
            Self::Join(r) => {
                GroupReply::Join(Err(JoinRefused { error, member_id: r.member_id.as_str().into() }))
            }
            Self::Sync(_) => GroupReply::Sync(Err(error)),
            Self::Heartbeat(_) => GroupReply::Heartbeat(Err(error)),
            Self::Leave(_) => GroupReply::Leave(Err(error)),
            Self::Describe { group_id } => GroupReply::Describe(GroupDescription {
                group_id: group_id.clone(),
                error: Some(error),
                state: GroupState::Dead,
                protocol_type: None,
                protocol_name: None,
                members: Vec::new(),
            }),
            Self::List(_) => GroupReply::List(Err(error)),
            Self::Delete { .. } => GroupReply::Delete(Err(error)),
            Self::CommitOffsets(r) => GroupReply::CommitOffsets(reply::commit_refused(r, error)),
            Self::FetchOffsets(_) => GroupReply::FetchOffsets(Err(error)),
            Self::DeleteOffsets(_) => GroupReply::DeleteOffsets(Err(error)),
        }
    }
}
