//! The broker's refusals as Kafka's error codes: one exhaustive match an enum, no wildcard.

use broker::error::{PartitionError, ReadRefusal};
use broker::groups::GroupError;
use broker::{AppendError, AppendRefusal, LogError, RecordFault};
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
            | LogError::Fenced { .. }
            | LogError::Damaged { .. }
            | LogError::TailMissing { .. }
            | LogError::TopicIdMismatch { .. }
            | LogError::Closed => ErrorCode::KafkaStorageError,
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

impl Coded for ReadRefusal {
    fn code(&self) -> ErrorCode {
        match self {
            ReadRefusal::Partition(error) => error.code(),
            ReadRefusal::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            ReadRefusal::Storage(_) => ErrorCode::KafkaStorageError,
            ReadRefusal::Damaged(_) => ErrorCode::CorruptMessage,
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

/// A message for a person, where the version has room for one.
pub(crate) fn text(error: &impl std::fmt::Display) -> Option<Str> {
    Some(Str::from(error.to_string()))
}
