//! What a shard answers. Every reply says of itself whether it succeeded; the front end translates
//! and decides nothing.

use crate::GroupState;
use crate::error::GroupError;
use crate::request::CommitOffsets;
use records::{LeaderEpoch, Offset, Timestamp};
use std::sync::Arc;

/// The answer to the [`GroupRequest`](crate::GroupRequest) of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupReply {
    /// To a join.
    Join(Result<Joined, JoinRefused>),
    /// To a sync.
    Sync(Result<Synced, GroupError>),
    /// To a heartbeat.
    Heartbeat(Result<(), GroupError>),
    /// To a leave: one outcome per named member, in their order.
    Leave(Result<Vec<LeftMember>, GroupError>),
    /// To a describe.
    Describe(GroupDescription),
    /// To a list.
    List(Result<Vec<ListedGroup>, GroupError>),
    /// To the deletion of a group.
    Delete(Result<(), GroupError>),
    /// To a commit: one outcome per partition, in their order.
    CommitOffsets(Vec<TopicResult>),
    /// To a fetch: listed topics in their order, or everything.
    FetchOffsets(Result<Vec<FetchedTopic>, GroupError>),
    /// To the deletion of offsets.
    DeleteOffsets(Result<Vec<TopicResult>, GroupError>),
}

/// A member takes part in a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The generation.
    pub generation: i32,
    /// The group's protocol type.
    pub protocol_type: Option<Arc<str>>,
    /// The protocol all members use in this generation.
    pub protocol_name: Option<Arc<str>>,
    /// The leader's member id.
    pub leader: Arc<str>,
    /// This member's id.
    pub member_id: Arc<str>,
    /// All members, for the leader; empty for others.
    pub members: Vec<JoinedMember>,
    /// The leader is to keep the assignment there is (version 9 and later).
    pub skip_assignment: bool,
}

/// What the leader is told of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// The member.
    pub member_id: Arc<str>,
    /// Its instance id if it is static.
    pub instance_id: Option<Arc<str>>,
    /// Its metadata under the chosen protocol.
    pub metadata: Arc<[u8]>,
}

/// A join that failed, or that must be repeated with the given member id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefused {
    /// Why.
    pub error: GroupError,
    /// The member id to answer with: the new one with `MemberIdRequired`, else what was sent or `""`.
    pub member_id: Arc<str>,
}

/// A member's share of the assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The group's protocol type.
    pub protocol_type: Option<Arc<str>>,
    /// The protocol of this generation.
    pub protocol_name: Option<Arc<str>>,
    /// The share, opaque; empty if the leader gave none.
    pub assignment: Arc<[u8]>,
}

/// What became of one member of a leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftMember {
    /// As it was sent.
    pub member_id: String,
    /// As it was sent.
    pub instance_id: Option<String>,
    /// Why it could not leave.
    pub error: Option<GroupError>,
}

/// A group as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group_id: String,
    /// Why there is nothing to show. `GroupIdNotFound` comes with state `Dead`: DescribeGroups before
    /// version 6 shows that state without an error.
    pub error: Option<GroupError>,
    /// Its state.
    pub state: GroupState,
    /// Its protocol type; none for a simple group.
    pub protocol_type: Option<Arc<str>>,
    /// The protocol; only in state `Stable`.
    pub protocol_name: Option<Arc<str>>,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

/// A member as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// The member id.
    pub member_id: Arc<str>,
    /// The instance id of a static member.
    pub instance_id: Option<Arc<str>>,
    /// The client id it joined with.
    pub client_id: Arc<str>,
    /// The address it joined from.
    pub client_host: Arc<str>,
    /// Its metadata under the chosen protocol; empty unless the group is stable.
    pub metadata: Arc<[u8]>,
    /// Its assignment; empty unless the group is stable.
    pub assignment: Arc<[u8]>,
}

/// A line of a list of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group_id: Arc<str>,
    /// Its protocol type; none (`""` on the wire) for a simple group.
    pub protocol_type: Option<Arc<str>>,
    /// Its state.
    pub state: GroupState,
    /// Its type: always `classic` so far.
    pub group_type: &'static str,
}

/// Outcomes for some partitions of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicResult {
    /// The topic, as it was sent.
    pub topic: String,
    /// Its id, as it was sent.
    pub topic_id: Option<[u8; 16]>,
    /// The partitions, in the order they were sent.
    pub partitions: Vec<PartitionResult>,
}

/// The outcome for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionResult {
    /// The partition.
    pub partition: i32,
    /// Why it failed, if it did.
    pub error: Option<GroupError>,
}

/// Stored offsets of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    /// The topic.
    pub topic: String,
    /// Its id, as it was sent; in a fetch of everything the id it was last committed with.
    pub topic_id: Option<[u8; 16]>,
    /// The partitions.
    pub partitions: Vec<FetchedPartition>,
}

/// The stored offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The partition.
    pub partition: i32,
    /// What is stored; `None` is -1 on the wire and no error.
    pub offset: Option<CommittedOffset>,
}

/// An offset as it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Where the group goes on reading.
    pub offset: Offset,
    /// The leader epoch of the last record read, `LeaderEpoch::NONE` if unknown.
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: Box<str>,
    /// When it was committed.
    pub commit_timestamp: Timestamp,
    /// When it expires, if the commit said so itself (commits of version 2 to 4).
    pub expire_timestamp: Option<Timestamp>,
    /// The topic id it was committed under, if one was known.
    pub topic_id: Option<[u8; 16]>,
}

impl GroupReply {
    /// This reply with its outcome replaced by `error`, because the records it rests on could not be
    /// made durable. What was an error stays that error.
    #[must_use]
    pub fn replaced_by(self, error: GroupError) -> Self {
        match self {
            Self::Join(Ok(joined)) => {
                Self::Join(Err(JoinRefused { error, member_id: joined.member_id }))
            }
            Self::Sync(Ok(_)) => Self::Sync(Err(error)),
            Self::Heartbeat(Ok(())) => Self::Heartbeat(Err(error)),
            Self::Leave(Ok(_)) => Self::Leave(Err(error)),
            Self::Describe(description) if description.error.is_none() => {
                Self::Describe(GroupDescription {
                    error: Some(error),
                    state: GroupState::Dead,
                    protocol_type: None,
                    protocol_name: None,
                    members: Vec::new(),
                    ..description
                })
            }
            Self::List(Ok(_)) => Self::List(Err(error)),
            Self::Delete(Ok(())) => Self::Delete(Err(error)),
            Self::CommitOffsets(mut topics) => {
                for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    partition.error.get_or_insert(error);
                }
                Self::CommitOffsets(topics)
            }
            Self::FetchOffsets(Ok(_)) => Self::FetchOffsets(Err(error)),
            Self::DeleteOffsets(Ok(_)) => Self::DeleteOffsets(Err(error)),
            refused @ (Self::Join(Err(_))
            | Self::Sync(Err(_))
            | Self::Heartbeat(Err(_))
            | Self::Leave(Err(_))
            | Self::Describe(_)
            | Self::List(Err(_))
            | Self::Delete(Err(_))
            | Self::FetchOffsets(Err(_))
            | Self::DeleteOffsets(Err(_))) => refused,
        }
    }
}

/// A commit has no error of its own on the wire: every partition carries it.
pub(crate) fn commit_refused(request: &CommitOffsets, error: GroupError) -> Vec<TopicResult> {
    request
        .topics
        .iter()
        .map(|topic| TopicResult {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|p| PartitionResult { partition: p.partition, error: Some(error) })
                .collect(),
        })
        .collect()
}
