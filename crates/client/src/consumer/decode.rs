//! From the bytes of a fetched partition to its records.
//!
//! Leaves out what a reader must not see: control batches, records before the position (a broker
//! answers with whole batches), and for readers of committed records those of aborted transactions.
//! A batch that was cut off at the end of the answer is left for the next one.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use records::{Batch, ControlKind, Offset};
use wire::messages::fetch::AbortedTransaction;

use super::{ConsumedRecord, ConsumerOptions, PartitionState};
use crate::ClientError;
use crate::metadata::TopicPartition;
use crate::offsets::Isolation;
use crate::producer::RecordHeader;

/// Appends the records in `bytes` and moves the position behind them. After an error the position
/// is that of the damaged batch, and the records before it are there.
pub(super) fn take_batches(
    options: &ConsumerOptions,
    place: &TopicPartition,
    state: &mut PartitionState,
    bytes: &Bytes,
    aborted: &[AbortedTransaction],
    records: &mut Vec<ConsumedRecord>,
) -> Result<(), ClientError> {
    let mut filter = AbortFilter::new(options.isolation, aborted);
    for batch in records::batches(bytes).tolerating_partial_tail() {
        let damaged = |reason: String| ClientError::DamagedRecords {
            topic: place.topic.to_string(),
            partition: place.partition,
            offset: state.position.0,
            reason,
        };
        let batch = batch.map_err(|error| damaged(error.to_string()))?;
        if batch.header.last_offset() < state.position {
            continue;
        }
        if options.check_crcs {
            batch.check_crc().map_err(|error| damaged(error.to_string()))?;
        }
        let first = records.len();
        if filter.passes(&batch) {
            let taken = take_batch(options, place, state.position, bytes, &batch, records);
            if let Err(reason) = taken {
                records.truncate(first);
                return Err(damaged(reason));
            }
        }
        state.position = batch.header.next_offset();
        state.leader_epoch = Some(batch.header.leader_epoch).filter(|epoch| epoch.0 >= 0);
    }
    Ok(())
}

fn take_batch(
    options: &ConsumerOptions,
    place: &TopicPartition,
    position: Offset,
    bytes: &Bytes,
    batch: &Batch<'_>,
    records: &mut Vec<ConsumedRecord>,
) -> Result<(), String> {
    let section = batch.uncompressed_records(options.batch_bytes_max);
    // Keys and values share the memory of the answer, or that of the decompressed batch.
    let section = match section.map_err(|error| error.to_string())? {
        Cow::Borrowed(section) => bytes.slice_ref(section),
        Cow::Owned(section) => Bytes::from(section),
    };
    let share = |slice: Option<&[u8]>| slice.map(|slice| section.slice_ref(slice));
    for record in batch.records(&section) {
        let record = record.map_err(|error| error.to_string())?;
        let offset = batch.header.base_offset.plus(i64::from(record.offset_delta));
        if offset < position {
            continue;
        }
        let headers = record.headers.map(|(name, value)| RecordHeader {
            name: String::from_utf8_lossy(name).into_owned(),
            value: share(value),
        });
        records.push(ConsumedRecord {
            topic: place.topic.clone(),
            partition: place.partition,
            offset,
            timestamp: record.timestamp(&batch.header),
            timestamp_type: batch.header.attributes.timestamp_type(),
            key: share(record.key),
            value: share(record.value),
            headers: headers.collect(),
        });
    }
    Ok(())
}

/// Knows which batches belong to aborted transactions.
///
/// The broker lists the aborted transactions that touch the answer, each with its producer and
/// first offset; one ends at the producer's next abort marker.
struct AbortFilter<'a> {
    /// By falling first offset, so that the next one is the last.
    ahead: Vec<&'a AbortedTransaction>,
    producers: HashSet<i64>,
}

impl<'a> AbortFilter<'a> {
    fn new(isolation: Isolation, aborted: &'a [AbortedTransaction]) -> Self {
        let mut ahead: Vec<_> = match isolation {
            Isolation::ReadCommitted => aborted.iter().collect(),
            Isolation::ReadUncommitted => Vec::new(),
        };
        ahead.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        AbortFilter { ahead, producers: HashSet::new() }
    }

    /// Whether a reader sees the batch. To be asked of each batch, in order.
    fn passes(&mut self, batch: &Batch<'_>) -> bool {
        let last = batch.header.last_offset().0;
        while let Some(begun) = self.ahead.pop_if(|begun| begun.first_offset <= last) {
            self.producers.insert(begun.producer_id);
        }
        let producer = batch.header.producer_id.map_or(-1, |id| id.0);
        if batch.header.attributes.is_control() {
            let marker = batch.records(batch.record_section()).next();
            let kind = marker.and_then(Result::ok).map(|r| ControlKind::parse_key(r.key));
            if matches!(kind, Some(Ok(ControlKind::Abort))) {
                self.producers.remove(&producer);
            }
            return false;
        }
        !(batch.header.attributes.is_transactional() && self.producers.contains(&producer))
    }
}
