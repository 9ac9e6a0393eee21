//! Appending batches to partitions, and waiting until they are acknowledged.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use log::Origin;
use records::Offset;
use replication::{AppendRefusal, Appended, Partition, Place};

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
fn outcome(partition: &Partition, offset: Offset) -> Option<Result<(), Unacknowledged>> {
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
    let mut waiting = Acknowledgement::of(partition.clone(), offset);
    poll_fn(|context| waiting.poll(context)).await
}

/// Waits until everything below an offset of a partition is acknowledged; leaves the line when it is
/// dropped.
#[derive(Debug)]
pub struct Acknowledgement {
    partition: Arc<Partition>,
    offset: Offset,
    place: Option<Place>,
}

impl Acknowledgement {
    /// Not in line yet.
    #[must_use]
    pub fn of(partition: Arc<Partition>, offset: Offset) -> Acknowledgement {
        Acknowledgement { partition, offset, place: None }
    }

    /// How it ended, if it did; else the task is woken when that may be so.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unacknowledged>> {
        let Acknowledgement { partition, offset, place } = self;
        if let Some(outcome) = outcome(partition, *offset) {
            if outcome.is_ok() {
                // Who moved the watermark calls all whom it has reached.
                *place = None;
            }
            return Poll::Ready(outcome);
        }
        // In line before it is looked again: whoever fences the folder or deletes the topic afterwards
        // tells those in line.
        *place = partition.waiters().stand(*place, *offset, context.waker());
        match outcome(partition, *offset) {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }

    /// How it ended, as [`outcome`] says.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<(), Unacknowledged>> {
        outcome(&self.partition, self.offset)
    }
}

impl Drop for Acknowledgement {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.partition.waiters().leave(place);
        }
    }
}
