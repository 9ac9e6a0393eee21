//! Requests to produce and fetch, with batches that are honest and batches that are not.

use bytes::Bytes;
use records::crc::crc32c;
use records::{BatchBuilder, Codec, HEADER_LEN, LOG_OVERHEAD, Timestamp};
use wire::Str;
use wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};

/// Where the length, the checksum and what the checksum covers begin in a batch.
const LENGTH_AT: usize = 8;
const CRC_AT: usize = 17;
const COVERED_FROM: usize = 21;

/// A batch of one record, not compressed.
pub fn honest(value: &[u8]) -> Bytes {
    compressed(Codec::None, value)
}

/// A batch of one record.
pub fn compressed(codec: Codec, value: &[u8]) -> Bytes {
    let mut batch = BatchBuilder::new(codec);
    let now = env::Env::system().clock.wall_ms();
    batch.push(Timestamp(now), None, Some(value), &[]);
    batch.build().unwrap()
}

/// A batch whose header and checksum are right and whose compressed records are these bytes.
pub fn forged(codec: Codec, section: &[u8]) -> Bytes {
    let mut batch = compressed(codec, b"x")[..HEADER_LEN].to_vec();
    batch.extend_from_slice(section);
    let length = i32::try_from(batch.len() - LOG_OVERHEAD).unwrap();
    batch[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&batch[COVERED_FROM..]);
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// A request to produce one batch with acks=all.
pub fn produce(topic: &str, batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index: 0, records: Some(batch) };
    let topic = TopicProduceData {
        name: Str::from(topic),
        partition_data: vec![data],
        ..TopicProduceData::default()
    };
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..ProduceRequest::default()
    }
}

/// The error and the offset of the only partition.
pub fn produced(answer: &ProduceResponse) -> (i16, i64) {
    let partition = &answer.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

/// A request to fetch what is there, without waiting.
pub fn fetch(topic: &str, offset: i64, bytes_max: i32) -> FetchRequest {
    let wanted = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: bytes_max,
        ..FetchPartition::default()
    };
    let topic =
        FetchTopic { topic: Str::from(topic), partitions: vec![wanted], ..FetchTopic::default() };
    FetchRequest {
        max_bytes: bytes_max,
        session_epoch: -1,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}
