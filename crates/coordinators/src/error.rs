//! What a group request can be refused with. Variants bear the names of Kafka's error codes; the
//! front end maps them, one to one.

/// Why a group request, or a part of it, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum GroupError {
    /// The shard cannot answer now: its log failed, or it is being closed.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// The shard is still being replayed.
    #[error("the coordinator is loading the group")]
    CoordinatorLoadInProgress,
    /// This broker does not coordinate the group (any more).
    #[error("this broker does not coordinate the group")]
    NotCoordinator,
    /// The group has no such member.
    #[error("the group has no such member")]
    UnknownMemberId,
    /// The request is of another generation than the group's.
    #[error("the generation is not the group's")]
    IllegalGeneration,
    /// The group rebalances: the member must join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// The protocol type or none of the protocols fits those of the other members.
    #[error("the protocols do not fit those of the group")]
    InconsistentGroupProtocol,
    /// The session timeout is outside of the configured range.
    #[error("the session timeout is out of range")]
    InvalidSessionTimeout,
    /// The member must join again with the id that came with this answer.
    #[error("join again with the given member id")]
    MemberIdRequired,
    /// The group is full.
    #[error("the group has reached its largest size")]
    GroupMaxSizeReached,
    /// Another member has taken over the instance id.
    #[error("the instance id was taken over by another member")]
    FencedInstanceId,
    /// There is no such group.
    #[error("there is no such group")]
    GroupIdNotFound,
    /// The group still has members.
    #[error("the group still has members")]
    NonEmptyGroup,
    /// The note left with the offset is too long.
    #[error("the metadata of the offset is too large")]
    OffsetMetadataTooLarge,
    /// The commit is too large for the offsets log, or the shard holds too many offsets.
    #[error("the offset commit is too large")]
    InvalidCommitOffsetSize,
    /// The group id is empty where it may not be.
    #[error("the group id is not valid")]
    InvalidGroupId,
    /// The group reads the topic: its offsets cannot be deleted.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// The request cannot be carried out for a reason the protocol has no name for: the group's
    /// metadata outgrew one record, or a pending member claims an instance id.
    #[error("the request cannot be carried out")]
    UnknownServerError,
}

impl GroupError {
    /// Whether the same request may succeed later, without the client changing it.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        matches!(
            self,
            Self::CoordinatorNotAvailable | Self::CoordinatorLoadInProgress | Self::NotCoordinator
        )
    }
}
