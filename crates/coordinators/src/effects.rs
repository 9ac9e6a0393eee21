//! What a transition asks its driver to do.

use crate::reply::GroupReply;

/// The driver's name for a request it has handed in and must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// A record for the shard's partition, in Kafka's own schema. No value means a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorRecord {
    /// The key, which compaction works by.
    pub key: Vec<u8>,
    /// The value, or nothing to delete the key.
    pub value: Option<Vec<u8>>,
}

/// What follows from a request, or from the passing of time.
///
/// The driver appends `records` in order as one batch (if there are any) and releases `replies` when
/// that append is durable. Where one batch would be too large (deleting a group of very many
/// offsets) it may be split anywhere: any prefix of the records is a state that can be replayed.
/// If the append fails, the driver converts the replies with
/// [`GroupReply::replaced_by`], closes the shard with
/// [`GroupShard::failed`](crate::GroupShard::failed), and loads a new one from the log.
#[derive(Debug, Default, PartialEq)]
#[must_use = "dropped effects are lost records and unanswered requests"]
pub struct Effects {
    /// To append, in order, as one batch.
    pub records: Vec<CoordinatorRecord>,
    /// To release when `records` are durable; at once if there are none and no `barrier`.
    pub replies: Vec<(Token, GroupReply)>,
    /// The replies show state (an offset, an assignment) that records of earlier effects brought
    /// about: hold them until all earlier appends of this shard are durable too, so that nobody is
    /// shown what a crash may take back. Nothing to wait for if no append is in flight.
    pub barrier: bool,
}

impl Effects {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.replies.is_empty()
    }
}
