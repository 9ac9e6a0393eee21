//! Where a partition begins and ends, by time, by epoch, and cutting its beginning off.

use std::sync::Arc;

use log::LogError;
use records::{LeaderEpoch, Offset, Timestamp};
use replication::Partition;

use crate::error::PartitionError;

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first there is, wherever it is stored.
    Earliest,
    /// The end for a reader: the high watermark, or with `committed` the last stable offset.
    Latest,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The first on this broker's own disk.
    EarliestLocal,
    /// The last that was copied to other storage; there is none.
    LastTiered,
    /// The first that waits to be copied to other storage; there is none.
    EarliestPendingUpload,
    /// The first record with this timestamp or a later one.
    Time(Timestamp),
}

/// An offset, with the time and epoch of its record where that was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimedOffset {
    /// The offset; none where nothing fits.
    pub offset: Option<Offset>,
    /// The record's timestamp, when searching by time.
    pub timestamp: Option<Timestamp>,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Why an offset was not found or not changed.
#[derive(Debug, thiserror::Error)]
pub enum OffsetRefusal {
    /// The partition cannot be used.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The log cannot be read or changed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing above the high watermark can be deleted.
    #[error("offset {asked} is outside {start}..={end}")]
    OutOfRange {
        /// What was asked for.
        asked: Offset,
        /// The first offset.
        start: Offset,
        /// The high watermark.
        end: Offset,
    },
    /// The topic is compacted and nothing else: records are not deleted from its beginning.
    #[error("records of a topic whose cleanup.policy does not delete cannot be deleted")]
    NotDeletable,
}

/// Finds an offset.
pub fn find(partition: &Arc<Partition>, at: OffsetAt) -> Result<TimedOffset, OffsetRefusal> {
    if let Some(found) = find_at_rest(partition, at) {
        return Ok(found);
    }
    let log = partition.log()?;
    let end = partition.high_watermark();
    let at_offset = |offset: Offset| TimedOffset {
        offset: Some(offset),
        timestamp: None,
        leader_epoch: log.epoch_of(offset).or_else(|| log.latest_epoch()),
    };
    let timed = |found: Option<log::TimedOffset>| {
        found.map_or_else(TimedOffset::default, |found| TimedOffset {
            offset: Some(found.offset),
            timestamp: Some(found.timestamp),
            leader_epoch: found.leader_epoch,
        })
    };
    Ok(match at {
        OffsetAt::Earliest | OffsetAt::EarliestLocal => at_offset(log.log_start()),
        OffsetAt::Latest => at_offset(end),
        OffsetAt::MaxTimestamp => timed(log.max_timestamp(end)?),
        OffsetAt::Time(time) => timed(log.offset_for_time(time, end)?),
        OffsetAt::LastTiered | OffsetAt::EarliestPendingUpload => TimedOffset::default(),
    })
}

/// What can be said of a partition without opening its log: its end, and everything when it is empty.
fn find_at_rest(partition: &Partition, at: OffsetAt) -> Option<TimedOffset> {
    let (start, end) = partition.at_rest()?;
    let found = TimedOffset {
        offset: Some(end),
        timestamp: None,
        leader_epoch: Some(partition.leader_epoch()),
    };
    match at {
        OffsetAt::Latest => Some(found),
        OffsetAt::Earliest | OffsetAt::EarliestLocal => (start == end).then_some(found),
        OffsetAt::MaxTimestamp | OffsetAt::Time(_) => (start == end).then(TimedOffset::default),
        OffsetAt::LastTiered | OffsetAt::EarliestPendingUpload => Some(TimedOffset::default()),
    }
}

/// Deletes everything below an offset (`None`: everything acknowledged); gives the new beginning.
pub fn delete_records(
    partition: &Arc<Partition>,
    deletable: bool,
    before: Option<Offset>,
) -> Result<Offset, OffsetRefusal> {
    if !deletable {
        return Err(OffsetRefusal::NotDeletable);
    }
    let log = partition.log()?;
    let end = partition.high_watermark();
    let to = before.unwrap_or(end);
    if to > end || to < Offset::ZERO {
        return Err(OffsetRefusal::OutOfRange { asked: to, start: log.log_start(), end });
    }
    if to > log.log_start() {
        match log.advance_log_start(to) {
            // It came to rest just now.
            Err(LogError::Closed) => partition.log()?.advance_log_start(to)?,
            advanced => advanced?,
        }
    }
    Ok(partition.log_start())
}
