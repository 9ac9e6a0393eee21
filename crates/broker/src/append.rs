//! Appending batches to partitions, and waiting until they are acknowledged.

use std::sync::Arc;

use log::Origin;
use records::Offset;
use replication::{AppendRefusal, Appended, Partition};
use tokio::sync::Notify;

use crate::topic_table::Topic;

/// What the producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nothing: no answer is sent.
    None,
    /// The leader has it, and on stable storage unless the topic is relaxed.
    Leader,
    /// Every in-sync replica has it, on stable storage unless the topic is relaxed.
    All,
}

/// Appends batches that came from a client, inline.
pub fn append(
    topic: &Topic,
    partition: &Arc<Partition>,
    batches: &[u8],
    acks: Acks,
) -> Result<Appended, AppendRefusal> {
    let replicas_min = match acks {
        Acks::None | Acks::Leader => 0,
        Acks::All => usize::try_from(topic.config().min_insync_replicas).unwrap_or_default(),
    };
    partition.append(batches, Origin::Client, replicas_min)
}

/// Why records that were appended will not be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacknowledged {
    /// The log was fenced while somebody waited for it.
    #[error("the log failed before the records were on stable storage")]
    Fenced,
    /// The topic was deleted meanwhile.
    #[error("the topic was deleted before the records were on stable storage")]
    Deleted,
}

/// How it ended for what lies below `offset`; `None` as long as that is open.
#[must_use]
pub fn outcome(partition: &Partition, offset: Offset) -> Option<Result<(), Unacknowledged>> {
    if partition.high_watermark() >= offset {
        Some(Ok(()))
    } else if partition.is_retired() {
        Some(Err(Unacknowledged::Deleted))
    } else if partition.fenced().is_some() {
        Some(Err(Unacknowledged::Fenced))
    } else {
        None
    }
}

/// Waits until everything below `offset` is acknowledged.
pub async fn acknowledged(
    partition: &Arc<Partition>,
    offset: Offset,
) -> Result<(), Unacknowledged> {
    let notify = Arc::new(Notify::new());
    loop {
        // In line before it is looked: whoever fences the folder or deletes the topic afterwards tells
        // those in line.
        let ticket = partition.waiters().wait(offset, &notify);
        if let Some(outcome) = outcome(partition, offset) {
            return outcome;
        }
        if ticket.is_some() {
            notify.notified().await;
        }
    }
}
