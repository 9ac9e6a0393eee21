//! The broker's refusals as Kafka's error codes: one exhaustive match an enum, no wildcard.

use broker::append::Unacknowledged;
use broker::config::ConfigError;
use broker::error::{PartitionError, QuorumUnavailable, ReadRefusal};
use broker::groups::GroupError;
use broker::{
    AlterRefusal, AppendError, AppendRefusal, LogError, OffsetRefusal, RecordFault, Refusal,
    TopicRefusal,
};
use wire::{ErrorCode, Str};

/// Something that has an error code.
pub(crate) trait Coded {
    /// The code a Kafka client expects.
    fn code(&self) -> ErrorCode;
}

impl Coded for PartitionError {
    fn code(&self) -> ErrorCode {
        match self {
            PartitionError::UnknownTopic | PartitionError::UnknownPartition => {
                ErrorCode::UnknownTopicOrPartition
            }
            PartitionError::UnknownTopicId => ErrorCode::UnknownTopicId,
            PartitionError::Offline => ErrorCode::KafkaStorageError,
            PartitionError::Internal => ErrorCode::InvalidTopicException,
            PartitionError::FencedEpoch => ErrorCode::FencedLeaderEpoch,
            PartitionError::UnknownEpoch => ErrorCode::UnknownLeaderEpoch,
        }
    }
}

impl Coded for LogError {
    fn code(&self) -> ErrorCode {
        match self {
            LogError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            LogError::Io { .. }
            | LogError::Full { .. }
            | LogError::Fenced { .. }
            | LogError::Damaged { .. }
            | LogError::TailMissing { .. }
            | LogError::TopicIdMismatch { .. }
            | LogError::Closed
            | LogError::NotInMemory => ErrorCode::KafkaStorageError,
        }
    }
}

impl Coded for AppendError {
    fn code(&self) -> ErrorCode {
        match self {
            AppendError::Corrupt(_) => ErrorCode::CorruptMessage,
            AppendError::UnsupportedMagic { .. } => ErrorCode::UnsupportedForMessageFormat,
            AppendError::UnsupportedCodec { .. } => ErrorCode::UnsupportedCompressionType,
            AppendError::InvalidRecord { .. } => ErrorCode::InvalidRecord,
            AppendError::InvalidTimestamp { .. } => ErrorCode::InvalidTimestamp,
            AppendError::BatchTooLarge { .. } | AppendError::DecompressedTooLarge { .. } => {
                ErrorCode::MessageTooLarge
            }
            AppendError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            AppendError::ProducerFenced { .. } => ErrorCode::InvalidProducerEpoch,
            AppendError::StaleLeaderEpoch { .. } => ErrorCode::NotLeaderOrFollower,
            AppendError::Storage(error) => error.code(),
        }
    }
}

impl Coded for AppendRefusal {
    fn code(&self) -> ErrorCode {
        match self {
            AppendRefusal::Log(error) => error.code(),
            AppendRefusal::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
        }
    }
}

impl Coded for Unacknowledged {
    fn code(&self) -> ErrorCode {
        match self {
            Unacknowledged::Fenced => ErrorCode::KafkaStorageError,
            // As with Kafka: clients ask for the metadata anew and see that the topic is gone.
            Unacknowledged::Deleted => ErrorCode::UnknownTopicOrPartition,
        }
    }
}

impl Coded for ReadRefusal {
    fn code(&self) -> ErrorCode {
        match self {
            ReadRefusal::Partition(error) => error.code(),
            ReadRefusal::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            // Not the one of an offline disk: with that a consumer asks again for ever and says nothing.
            ReadRefusal::Damaged(_) => ErrorCode::CorruptMessage,
            ReadRefusal::Storage(_) | ReadRefusal::NotInMemory => ErrorCode::KafkaStorageError,
        }
    }
}

impl Coded for GroupError {
    fn code(&self) -> ErrorCode {
        match self {
            GroupError::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
            GroupError::CoordinatorLoadInProgress => ErrorCode::CoordinatorLoadInProgress,
            GroupError::NotCoordinator => ErrorCode::NotCoordinator,
            GroupError::UnknownMemberId => ErrorCode::UnknownMemberId,
            GroupError::IllegalGeneration => ErrorCode::IllegalGeneration,
            GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            GroupError::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
            GroupError::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
            GroupError::MemberIdRequired => ErrorCode::MemberIdRequired,
            GroupError::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
            GroupError::FencedInstanceId => ErrorCode::FencedInstanceId,
            GroupError::GroupIdNotFound => ErrorCode::GroupIdNotFound,
            GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
            GroupError::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
            GroupError::InvalidCommitOffsetSize => ErrorCode::InvalidCommitOffsetSize,
            GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
            GroupError::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
            GroupError::UnknownServerError => ErrorCode::UnknownServerError,
        }
    }
}

impl Coded for OffsetRefusal {
    fn code(&self) -> ErrorCode {
        match self {
            OffsetRefusal::Partition(error) => error.code(),
            OffsetRefusal::Log(error) => error.code(),
            OffsetRefusal::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            OffsetRefusal::NotDeletable => ErrorCode::PolicyViolation,
        }
    }
}

impl Coded for Refusal {
    fn code(&self) -> ErrorCode {
        match self {
            Refusal::TopicExists { .. } => ErrorCode::TopicAlreadyExists,
            Refusal::InvalidTopicName { .. } => ErrorCode::InvalidTopicException,
            Refusal::UnknownTopic { .. } | Refusal::UnknownPartition { .. } => {
                ErrorCode::UnknownTopicOrPartition
            }
            Refusal::UnknownTopicId { .. } => ErrorCode::UnknownTopicId,
            Refusal::InvalidPartitions { .. } => ErrorCode::InvalidPartitions,
            Refusal::InvalidReplicationFactor { .. } => ErrorCode::InvalidReplicationFactor,
            Refusal::InvalidReplicaAssignment { .. } => ErrorCode::InvalidReplicaAssignment,
            Refusal::InvalidConfig { .. } => ErrorCode::InvalidConfig,
            Refusal::InvalidRequest { .. } => ErrorCode::InvalidRequest,
            Refusal::PolicyViolation { .. } => ErrorCode::PolicyViolation,
            Refusal::UnknownBroker { .. } => ErrorCode::BrokerIdNotRegistered,
            Refusal::StaleBrokerEpoch { .. } => ErrorCode::StaleBrokerEpoch,
            Refusal::DuplicateBroker { .. } => ErrorCode::DuplicateBrokerRegistration,
            Refusal::FencedLeaderEpoch { .. } => ErrorCode::FencedLeaderEpoch,
            Refusal::UnknownLeaderEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
            Refusal::InvalidUpdateVersion { .. } => ErrorCode::InvalidUpdateVersion,
            Refusal::IneligibleReplica { .. } => ErrorCode::IneligibleReplica,
            Refusal::FeatureUpdateFailed { .. } => ErrorCode::FeatureUpdateFailed,
            Refusal::ProducerIdsExhausted => ErrorCode::UnknownServerError,
        }
    }
}

impl Coded for ConfigError {
    fn code(&self) -> ErrorCode {
        match self {
            ConfigError::Unknown { .. }
            | ConfigError::NotServed { .. }
            | ConfigError::Value { .. }
            | ConfigError::Conflict { .. }
            | ConfigError::Syntax { .. } => ErrorCode::InvalidConfig,
            ConfigError::NeedsRestart { .. } => ErrorCode::InvalidRequest,
        }
    }
}

/// Administrators' clients take it for what it is: the request may have been carried out.
impl Coded for QuorumUnavailable {
    fn code(&self) -> ErrorCode {
        ErrorCode::RequestTimedOut
    }
}

impl Coded for TopicRefusal {
    fn code(&self) -> ErrorCode {
        match self {
            TopicRefusal::Declined(refusal) => refusal.code(),
            TopicRefusal::Config(error) => error.code(),
            TopicRefusal::DeletionDisabled => ErrorCode::TopicDeletionDisabled,
            TopicRefusal::Unavailable(error) => error.code(),
        }
    }
}

impl Coded for AlterRefusal {
    fn code(&self) -> ErrorCode {
        match self {
            AlterRefusal::Config(error) => error.code(),
            AlterRefusal::NotAList { .. } => ErrorCode::InvalidConfig,
            AlterRefusal::UnknownResource | AlterRefusal::OtherBroker { .. } => {
                ErrorCode::InvalidRequest
            }
            AlterRefusal::Declined(refusal) => refusal.code(),
            AlterRefusal::Unavailable(error) => error.code(),
        }
    }
}

impl<E: Coded> Coded for Option<E> {
    fn code(&self) -> ErrorCode {
        self.as_ref().map_or(ErrorCode::None, Coded::code)
    }
}

impl<T, E: Coded> Coded for Result<T, E> {
    fn code(&self) -> ErrorCode {
        self.as_ref().err().map_or(ErrorCode::None, Coded::code)
    }
}

/// The records a refused append blames.
pub(crate) fn blamed(refusal: &AppendRefusal) -> &[RecordFault] {
    match refusal {
        AppendRefusal::Log(
            AppendError::InvalidRecord { records, .. }
            | AppendError::InvalidTimestamp { records, .. },
        ) => records,
        AppendRefusal::Log(_) | AppendRefusal::NotEnoughReplicas { .. } => &[],
    }
}

/// An error that only the protocol knows, with what it tells a person.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into() }
    }

    /// The refusal's code and text.
    pub(crate) fn of(refusal: &(impl Coded + std::fmt::Display)) -> Fault {
        Fault::new(refusal.code(), refusal.to_string())
    }

    /// The request contradicts itself.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Fault {
        Fault::new(ErrorCode::InvalidRequest, message)
    }

    /// Number and message as responses carry them.
    pub(crate) fn fields(outcome: Result<(), Fault>) -> (i16, Option<Str>) {
        match outcome {
            Ok(()) => (ErrorCode::None.number(), None),
            Err(fault) => (fault.code.number(), Some(Str::from(fault.message))),
        }
    }
}

/// A message for a person, where the version has room for one.
pub(crate) fn text(error: &impl std::fmt::Display) -> Option<Str> {
    Some(Str::from(error.to_string()))
}
