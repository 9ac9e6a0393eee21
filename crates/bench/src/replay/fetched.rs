//! The reply to a fetch: its partitions and the headers of their batches. No record is looked at and
//! no checksum is computed; a sample is read back after the run for that.

use records::{HEADER_LEN, LOG_OVERHEAD};

use crate::cursor::Cursor;

/// Where the last offset delta lies in a batch.
const LAST_OFFSET_DELTA_AT: usize = 23;

/// A partition of a reply.
#[derive(Debug)]
pub(super) struct FetchedPartition<'a> {
    pub(super) error_code: i16,
    pub(super) index: u32,
    pub(super) high_watermark: i64,
    pub(super) log_start: i64,
    pub(super) records: &'a [u8],
}

/// What a batch's header says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FetchedBatch {
    pub(super) base_offset: i64,
    pub(super) next_offset: i64,
    pub(super) bytes: u64,
}

/// Calls `each` with every partition of a reply in version 11; `None` if the reply is cut short. An
/// error of the whole reply is given as one of partition 0.
pub(super) fn partitions<'a>(
    body: &'a [u8],
    mut each: impl FnMut(FetchedPartition<'a>),
) -> Option<()> {
    let mut body = Cursor::new(body);
    let _throttle = body.int32()?;
    let error_code = body.int16()?;
    let _session = body.int32()?;
    if error_code != 0 {
        each(FetchedPartition {
            error_code,
            index: 0,
            high_watermark: -1,
            log_start: -1,
            records: &[],
        });
    }
    for _ in 0..body.count()? {
        body.text()?;
        for _ in 0..body.count()? {
            let index = u32::try_from(body.int32()?).ok()?;
            let error_code = body.int16()?;
            let high_watermark = body.int64()?;
            let _last_stable = body.int64()?;
            let log_start = body.int64()?;
            for _ in 0..body.count()? {
                body.take(16)?;
            }
            let _preferred_replica = body.int32()?;
            let len = body.count()?;
            let records = body.take(len)?;
            each(FetchedPartition { error_code, index, high_watermark, log_start, records });
        }
    }
    Some(())
}

/// The whole batches that a partition's records begin with; the last may be cut.
pub(super) fn batches(mut records: &[u8]) -> impl Iterator<Item = FetchedBatch> {
    std::iter::from_fn(move || {
        let header: &[u8; HEADER_LEN] = records.first_chunk()?;
        let base_offset = i64::from_be_bytes(*header.first_chunk()?);
        let len = i32::from_be_bytes(*header.get(8..)?.first_chunk()?);
        let delta = i32::from_be_bytes(*header.get(LAST_OFFSET_DELTA_AT..)?.first_chunk()?);
        let (batch, rest) =
            records.split_at_checked(usize::try_from(len).ok()?.checked_add(LOG_OVERHEAD)?)?;
        records = rest;
        Some(FetchedBatch {
            base_offset,
            next_offset: base_offset + i64::from(delta) + 1,
            bytes: batch.len() as u64,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames;
    use crate::workload::BatchShape;

    #[test]
    fn whole_batches_are_found_and_a_cut_one_is_not() {
        let shape = BatchShape { records: 3, value_bytes: 10 };
        let batch = frames::batch(shape, 1).unwrap();
        let mut records = [&batch[..], &batch[..], &batch[..]].concat();
        records[batch.len() + 7] = 3;
        let len = batch.len() as u64;
        let expected = [
            FetchedBatch { base_offset: 0, next_offset: 3, bytes: len },
            FetchedBatch { base_offset: 3, next_offset: 6, bytes: len },
        ];
        for cut in 1..=batch.len() {
            let found: Vec<FetchedBatch> = batches(&records[..3 * batch.len() - cut]).collect();
            assert_eq!(found, expected, "without the last {cut} bytes");
        }
        assert_eq!(batches(&records).count(), 3);
    }
}
