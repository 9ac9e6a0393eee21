//! The frames that are sent again and again, built before the first is sent.
//!
//! Of a produce frame only the correlation id changes at run time, of a fetch frame also the offsets;
//! where they lie is computed from the layout of the version, which is fixed.

use std::rc::Rc;

use bytes::Bytes;
use records::{BatchBuilder, Codec, Timestamp};
use wire::messages::api_versions::ApiVersionsRequest;
use wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

use crate::topics::{API_VERSIONS, FETCH, encode};
use crate::workload::BatchShape;
use crate::{BenchError, clock};

/// The last version that is not flexible; Kafka 4 serves it.
const PRODUCE: i16 = 8;
/// Bytes of a frame before the correlation id: length, API key, version.
pub(crate) const CORRELATION_AT: usize = 8;
/// Bytes of a frame up to and with the correlation id.
pub(crate) const HEAD_LEN: usize = CORRELATION_AT + 4;

/// A frame as it is sent, but for its correlation id.
///
/// Frames for many partitions end in the same batch: it is kept once, so that a generator that writes a
/// hundred thousand partitions reads it from its cache as one that writes a single one does.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// With the head of [`HEAD_LEN`] bytes.
    front: Rc<[u8]>,
    tail: Option<Rc<[u8]>>,
}

impl Frame {
    /// All of it in one piece.
    pub(crate) fn whole(bytes: &[u8]) -> Frame {
        Frame { front: Rc::from(bytes), tail: None }
    }

    /// The bytes that the end of many frames may share; they are cut off where they are found.
    fn ending_in(bytes: &[u8], tail: &Rc<[u8]>) -> Frame {
        match bytes.strip_suffix(&**tail) {
            Some(front) if front.len() >= HEAD_LEN => {
                Frame { front: Rc::from(front), tail: Some(Rc::clone(tail)) }
            }
            Some(_) | None => Frame::whole(bytes),
        }
    }

    /// Both pieces.
    pub(crate) fn pieces(&self) -> (&[u8], &[u8]) {
        (&self.front, self.tail.as_deref().unwrap_or_default())
    }

    pub(crate) fn len(&self) -> usize {
        let (front, tail) = self.pieces();
        front.len() + tail.len()
    }
}

/// A source of bytes and numbers that is the same for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero is the one state that it never leaves.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From above 0 up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a share has")]
    pub(crate) fn share(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// The batch of a workload: no producer id, not compressed, values of hexadecimal digits, which are
/// random but take half of their room when compressed.
pub(crate) fn batch(shape: BatchShape, seed: u64) -> Result<Bytes, BenchError> {
    let mut random = Random::new(seed);
    let now = Timestamp(clock::wall_ms());
    let mut builder = BatchBuilder::new(Codec::None);
    let mut value = vec![0; shape.value_bytes as usize];
    for _ in 0..shape.records {
        for chunk in value.chunks_mut(16) {
            let mut bits = random.next();
            for byte in chunk {
                *byte = b"0123456789abcdef"[usize::try_from(bits & 15).unwrap_or(0)];
                bits >>= 4;
            }
        }
        builder.push(now, None, Some(&value), &[]);
    }
    builder.build().map_err(|error| BenchError::Workload(format!("the batch: {error}")))
}

/// A produce request with the same batch for each of these partitions; `shared` is the batch once more,
/// for all frames that end in it.
pub(crate) fn produce(
    topic: &str,
    acks: i16,
    partitions: &[u32],
    batch: &Bytes,
    shared: &Rc<[u8]>,
) -> Result<Frame, BenchError> {
    let request = ProduceRequest {
        transactional_id: None,
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: partitions
                .iter()
                .map(|index| PartitionProduceData {
                    index: index.cast_signed(),
                    records: Some(batch.clone()),
                })
                .collect(),
            ..TopicProduceData::default()
        }],
    };
    Ok(Frame::ending_in(&encode(&request, PRODUCE, 0)?, shared))
}

/// A question for the API versions, in the one version that everybody serves.
pub(crate) fn api_versions() -> Result<Frame, BenchError> {
    Ok(Frame::whole(&encode(&ApiVersionsRequest::default(), API_VERSIONS, 0)?))
}

/// A fetch request whose offsets are set before each send.
#[derive(Clone, Debug)]
pub(crate) struct FetchFrame {
    bytes: Vec<u8>,
    /// Where the offset of the first partition lies.
    first_offset_at: usize,
}

/// Bytes of a partition in a fetch request: index, epoch, offset, log start, limit.
const FETCH_PARTITION_LEN: usize = 4 + 4 + 8 + 8 + 4;

/// How much a fetch waits for and takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchLimits {
    pub(crate) max_wait_ms: i32,
    pub(crate) max_bytes: i32,
    pub(crate) partition_max_bytes: i32,
}

impl FetchFrame {
    pub(crate) fn new(
        topic: &str,
        partitions: &[u32],
        limits: FetchLimits,
    ) -> Result<Self, BenchError> {
        let request = FetchRequest {
            max_wait_ms: limits.max_wait_ms,
            min_bytes: 1,
            max_bytes: limits.max_bytes,
            topics: vec![FetchTopic {
                topic: topic.into(),
                partitions: partitions
                    .iter()
                    .map(|partition| FetchPartition {
                        partition: partition.cast_signed(),
                        partition_max_bytes: limits.partition_max_bytes,
                        ..FetchPartition::default()
                    })
                    .collect(),
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        };
        let bytes = encode(&request, FETCH, 0)?.to_vec();
        // After the partitions come the forgotten topics (none) and the rack (empty).
        let tail = 4 + 2;
        let first = bytes.len().checked_sub(tail + partitions.len() * FETCH_PARTITION_LEN);
        let first_offset_at = first.map(|first| first + 8).ok_or_else(|| {
            BenchError::Protocol("a fetch request is shorter than its partitions".to_owned())
        })?;
        Ok(FetchFrame { bytes, first_offset_at })
    }

    /// Sets the offset of the partition at `index` of the list.
    pub(crate) fn set_offset(&mut self, index: usize, offset: i64) {
        let at = self.first_offset_at + index * FETCH_PARTITION_LEN;
        if let Some(place) = self.bytes.get_mut(at..at + 8) {
            place.copy_from_slice(&offset.to_be_bytes());
        }
    }

    /// The frame as it is now.
    pub(crate) fn frame(&self) -> Frame {
        Frame::whole(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Message, frame};

    #[test]
    fn a_batch_is_whole_and_as_large_as_asked() {
        let shape = BatchShape { records: 16, value_bytes: 1000 };
        let bytes = batch(shape, 7).unwrap();
        let found = records::Batch::parse(&bytes).unwrap();
        found.check_crc().unwrap();
        assert_eq!(found.header.record_count, 16);
        assert!(bytes.len() > 16_000 && bytes.len() < 16_500, "{} bytes", bytes.len());
        let packed = records::codec::compress(Codec::Zstd, None, &bytes).unwrap();
        assert!(packed.len() < bytes.len() * 7 / 10, "compresses to {}", packed.len());
    }

    #[test]
    fn frames_share_the_batch_they_end_in() {
        let bytes = batch(BatchShape { records: 2, value_bytes: 100 }, 7).unwrap();
        let shared = Rc::from(&bytes[..]);
        let one = produce("bench", 1, &[7], &bytes, &shared).unwrap();
        let other = produce("bench", 1, &[8, 9], &bytes, &shared).unwrap();
        for (frame, partitions) in [(one, vec![7]), (other, vec![8, 9])] {
            let (front, tail) = frame.pieces();
            assert_eq!(tail.as_ptr(), shared.as_ptr(), "the batch is there once");
            assert_eq!(frame.len(), front.len() + bytes.len());
            let mut whole = Bytes::from([&front[4..], tail].concat());
            frame::decode_request_header(&mut whole).unwrap();
            let read = ProduceRequest::decode_exact(whole, PRODUCE).unwrap();
            let found: Vec<i32> =
                read.topic_data[0].partition_data.iter().map(|data| data.index).collect();
            assert_eq!(found, partitions);
        }
    }

    #[test]
    fn offsets_are_set_where_a_broker_reads_them() {
        let limits =
            FetchLimits { max_wait_ms: 500, max_bytes: 1 << 20, partition_max_bytes: 65_536 };
        let mut fetch = FetchFrame::new("bench", &[3, 1, 8], limits).unwrap();
        fetch.set_offset(0, 111);
        fetch.set_offset(2, i64::MAX);
        let mut bytes = Bytes::from(fetch.frame().pieces().0[4..].to_vec());
        frame::decode_request_header(&mut bytes).unwrap();
        let read = FetchRequest::decode_exact(bytes, FETCH).unwrap();
        let found: Vec<(i32, i64)> = read.topics[0]
            .partitions
            .iter()
            .map(|partition| (partition.partition, partition.fetch_offset))
            .collect();
        assert_eq!(found, [(3, 111), (1, 0), (8, i64::MAX)]);
    }
}
