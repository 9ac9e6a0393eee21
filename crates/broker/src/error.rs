//! Why an operation was refused, without a protocol: each front end maps these to its own codes.

use records::Offset;

/// A partition cannot be used as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// No topic has this name.
    #[error("this cluster has no such topic")]
    UnknownTopic,
    /// No topic has this id; it may have been deleted.
    #[error("this cluster has no topic with this id")]
    UnknownTopicId,
    /// The topic has no partition of this number.
    #[error("the topic has no such partition")]
    UnknownPartition,
    /// The partition is here, but its log cannot be used.
    #[error("the partition's log is offline")]
    Offline,
    /// The topic belongs to the broker: nobody else writes to it.
    #[error("the topic is internal and written by the broker alone")]
    Internal,
    /// The client knows an older leader than there is.
    #[error("the leader epoch is out of date")]
    FencedEpoch,
    /// The client knows a newer leader than this broker.
    #[error("the leader epoch is not known here yet")]
    UnknownEpoch,
}

/// A read was refused.
#[derive(Debug, thiserror::Error)]
pub enum ReadRefusal {
    /// The partition cannot be used.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The log does not reach there.
    #[error("offset {asked} is outside {start}..={end}")]
    OutOfRange {
        /// What was asked for.
        asked: Offset,
        /// The first offset there is.
        start: Offset,
        /// The high watermark: the largest position a reader may have.
        end: Offset,
    },
    /// The records there are damaged; others of the partition can be read.
    #[error("{0}")]
    Damaged(String),
    /// The disk would not.
    #[error("the log cannot be read: {0}")]
    Storage(String),
    /// The disk would have to be waited for, and the caller must not.
    #[error("what is read is not in memory")]
    NotInMemory,
}

/// The metadata quorum did not take a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata quorum is not available: {0}")]
pub struct QuorumUnavailable(pub String);
