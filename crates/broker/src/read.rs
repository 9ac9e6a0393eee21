//! Reading batches below the high watermark, and waiting for more.

use std::sync::Arc;
use std::task::{Wake, Waker};

use log::{ReadError, Slice, Wait};
use records::{LeaderEpoch, Offset};
use replication::Partition;
use tokio::sync::Notify;

use crate::error::{PartitionError, ReadRefusal};

/// Batches of one partition, and where it stands.
#[derive(Debug)]
pub struct Fetched {
    /// Where the batches are; may be empty.
    pub slice: Slice,
    /// Everything below is acknowledged.
    pub high_watermark: Offset,
    /// Everything below belongs to no open transaction.
    pub last_stable: Offset,
    /// The first offset there is.
    pub log_start: Offset,
}

/// Reads from `offset` up to the high watermark. With `at_least_one`, the first batch comes whole
/// even when it is larger than `bytes_max`. Who must not wait for the disk is refused with
/// [`ReadRefusal::NotInMemory`] where it would be waited for, also where the log is not open.
pub fn read(
    partition: &Arc<Partition>,
    offset: Offset,
    bytes_max: usize,
    at_least_one: bool,
    wait: Wait,
) -> Result<Fetched, ReadRefusal> {
    if let Some((log_start, end)) = partition.at_rest()
        && offset == end
    {
        // Who waits at the end of a partition that rests does not wake it.
        let slice = Slice::empty(offset);
        return Ok(Fetched { slice, high_watermark: end, last_stable: end, log_start });
    }
    let log = match wait {
        Wait::ForDisk => {
            partition.log().map_err(|error| ReadRefusal::Storage(error.to_string()))?
        }
        Wait::Never => partition.log_at_hand().ok_or(ReadRefusal::NotInMemory)?,
    };
    let high_watermark = partition.high_watermark();
    let log_start = log.log_start();
    if offset < log_start || offset > high_watermark.max(log_start) {
        // Between the watermark and the log end lies what is not acknowledged yet. A consumer that
        // got there before a restart finds it again in a moment.
        if offset > high_watermark && offset <= log.log_end() {
            return Ok(Fetched {
                slice: Slice::empty(offset),
                high_watermark,
                last_stable: high_watermark,
                log_start,
            });
        }
        return Err(ReadRefusal::OutOfRange {
            asked: offset,
            start: log_start,
            end: high_watermark,
        });
    }
    let found = match wait {
        Wait::ForDisk => log.read(offset, high_watermark, bytes_max, at_least_one).map(Some),
        Wait::Never => log.read_in_memory(offset, high_watermark, bytes_max, at_least_one),
    };
    let slice = match found {
        Ok(Some(slice)) => slice,
        Ok(None) => return Err(ReadRefusal::NotInMemory),
        Err(ReadError::OutOfRange { .. }) => {
            let start = log.log_start();
            return Err(ReadRefusal::OutOfRange { asked: offset, start, end: high_watermark });
        }
        Err(error) => return Err(refusal(&error)),
    };
    let last_stable = partition.last_stable();
    Ok(Fetched { slice, high_watermark, last_stable, log_start: log.log_start() })
}

fn refusal(error: &ReadError) -> ReadRefusal {
    match error.is_damage() {
        true => ReadRefusal::Damaged(error.to_string()),
        false => ReadRefusal::Storage(error.to_string()),
    }
}

/// Holds a client's idea of the leader against ours (KIP-320); `None` is a client without one.
pub fn check_epoch(
    partition: &Partition,
    known: Option<LeaderEpoch>,
) -> Result<(), PartitionError> {
    let ours = partition.leader_epoch();
    match known {
        Some(known) if known < ours => Err(PartitionError::FencedEpoch),
        Some(known) if known > ours => Err(PartitionError::UnknownEpoch),
        Some(_) | None => Ok(()),
    }
}

/// Waits until one of the partitions has acknowledged something at or above its offset.
pub async fn news(partitions: &[(Arc<Partition>, Offset)]) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut tickets = Vec::with_capacity(partitions.len());
    for (partition, beyond) in partitions {
        match partition.waiters().wait(beyond.next(), &waker) {
            Some(ticket) => tickets.push(ticket),
            None => return,
        }
    }
    woken.0.notified().await;
}

/// One who stands in many lines, and has to be in each only once, whatever else wakes its task.
#[derive(Debug, Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Woken>) {
        self.0.notify_one();
    }
}
