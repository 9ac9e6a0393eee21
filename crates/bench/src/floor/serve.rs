//! What the floor answers: produce by hand, as it is what is measured, the rest through `wire`.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use wire::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use wire::messages::create_topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use wire::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use wire::messages::fetch::FetchRequest;
use wire::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use wire::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use wire::{ApiKey, ErrorCode, Message, Response, frame};

use super::FloorOptions;
use super::partition::Partition;
use crate::clock;
use crate::cursor::Cursor;

const PRODUCE: i16 = 8;
const FETCH: i16 = 11;
/// Bytes of a request before its client id: API key, version, correlation id.
const HEADER_LEN: usize = 8;

/// All topics.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    file_bytes_max: u64,
    address: SocketAddr,
    topics: HashMap<Vec<u8>, Vec<Partition>>,
    /// A fault for tests: this error instead of an append, after so many good ones.
    fault: Option<(i16, u64)>,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// The answer is in the output.
    Done,
    /// It is answered later.
    Park(Parked),
}

/// A fetch that waits.
#[derive(Debug)]
pub(super) struct Parked {
    correlation_id: i32,
    request: FetchRequest,
    /// When it is answered even if there is nothing.
    pub(super) until: u64,
}

impl Store {
    #[expect(clippy::disallowed_methods, reason = "the floor is no part of the broker")]
    pub(super) fn new(options: &FloorOptions, address: SocketAddr) -> io::Result<Self> {
        std::fs::create_dir_all(&options.dir)?;
        Ok(Store {
            dir: options.dir.clone(),
            file_bytes_max: options.file_bytes_max,
            address,
            topics: HashMap::new(),
            fault: None,
        })
    }

    pub(super) fn fail_with(&mut self, code: i16, after: u64) {
        self.fault = Some((code, after));
    }

    /// Answers a request; `None` if it is not one that the floor knows.
    pub(super) fn answer(&mut self, request: &mut [u8], out: &mut Vec<u8>) -> Option<Answer> {
        let mut head = Cursor::new(request);
        let (key, version, correlation_id) = (head.int16()?, head.int16()?, head.int32()?);
        if key == ApiKey::Produce.number() && version == PRODUCE {
            return self.produce(request, correlation_id, out).map(|()| Answer::Done);
        }
        let mut bytes = Bytes::copy_from_slice(request);
        let header = frame::decode_request_header(&mut bytes).ok()?;
        let at = out.len();
        match header.api_key {
            ApiKey::Fetch if version == FETCH => {
                let request = FetchRequest::decode_exact(bytes, version).ok()?;
                let wait = u64::try_from(request.max_wait_ms).unwrap_or(0) * 1_000_000;
                let until = clock::now() + wait;
                let fetch = Parked { correlation_id, request, until };
                if wait > 0 && !self.is_due(&fetch, 0) {
                    return Some(Answer::Park(fetch));
                }
                self.finish(&fetch, out);
            }
            ApiKey::ApiVersions => {
                // In a version the floor does not know, as a broker does: in version 0.
                let known = ApiVersionsRequest::VERSIONS.contains(&version);
                let response = api_versions(known);
                put(out, if known { version } else { 0 }, correlation_id, &response)?;
            }
            ApiKey::Metadata => {
                let request = MetadataRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &self.metadata(&request))?;
            }
            ApiKey::CreateTopics => {
                let request = CreateTopicsRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &self.create_topics(&request))?;
            }
            ApiKey::DeleteTopics => {
                let request = DeleteTopicsRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &self.delete_topics(&request))?;
            }
            ApiKey::ListOffsets => {
                let request = ListOffsetsRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &self.list_offsets(&request))?;
            }
            _ => return None,
        }
        (out.len() > at).then_some(Answer::Done)
    }

    /// Appends the batches of a produce request out of the buffer they were received in.
    fn produce(
        &mut self,
        request: &mut [u8],
        correlation_id: i32,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let frame_at = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&correlation_id.to_be_bytes());
        let mut at = HEADER_LEN;
        // Where in the request each thing lies is kept, not the slice: batches are patched in place.
        fn read<'a, T>(
            request: &'a [u8],
            at: &mut usize,
            take: impl FnOnce(&mut Cursor<'a>) -> Option<T>,
        ) -> Option<T> {
            let mut cursor = Cursor::new(request.get(*at..)?);
            let taken = take(&mut cursor)?;
            *at += cursor.position();
            Some(taken)
        }
        read(request, &mut at, Cursor::text)?;
        read(request, &mut at, Cursor::text)?;
        let _acks = read(request, &mut at, Cursor::int16)?;
        let _timeout = read(request, &mut at, Cursor::int32)?;
        let topics = read(request, &mut at, Cursor::int32)?;
        out.extend_from_slice(&topics.to_be_bytes());
        for _ in 0..topics {
            let name = read(request, &mut at, Cursor::text)?;
            out.extend_from_slice(&u16::try_from(name.len()).ok()?.to_be_bytes());
            out.extend_from_slice(name);
            let mut topic = self.topics.get_mut(name);
            let count = read(request, &mut at, Cursor::int32)?;
            out.extend_from_slice(&count.to_be_bytes());
            for _ in 0..count {
                let index = read(request, &mut at, Cursor::int32)?;
                let len = read(request, &mut at, Cursor::count)?;
                let batch = request.get_mut(at..at.checked_add(len)?)?;
                at += len;
                let partition = topic
                    .as_mut()
                    .and_then(|partitions| partitions.get_mut(usize::try_from(index).ok()?));
                let appended = append(partition, batch, &mut self.fault);
                let (error, base_offset) = match appended {
                    Ok(base_offset) => (0, base_offset),
                    Err(code) => (code, -1),
                };
                out.extend_from_slice(&index.to_be_bytes());
                out.extend_from_slice(&error.to_be_bytes());
                out.extend_from_slice(&base_offset.to_be_bytes());
                // No append time, log start 0, no record errors, no message.
                out.extend_from_slice(&(-1_i64).to_be_bytes());
                out.extend_from_slice(&0_i64.to_be_bytes());
                out.extend_from_slice(&0_i32.to_be_bytes());
                out.extend_from_slice(&(-1_i16).to_be_bytes());
            }
        }
        // Not throttled.
        out.extend_from_slice(&0_i32.to_be_bytes());
        put_len(out, frame_at)
    }

    /// Whether a fetch can be answered with something, or its time is up.
    pub(super) fn is_due(&self, fetch: &Parked, now: u64) -> bool {
        now >= fetch.until
            || fetch.request.topics.iter().any(|topic| {
                let Some(partitions) = self.topics.get(topic.topic.as_str().as_bytes()) else {
                    return true;
                };
                topic.partitions.iter().any(|asked| {
                    usize::try_from(asked.partition)
                        .ok()
                        .and_then(|index| partitions.get(index))
                        .is_none_or(|partition| asked.fetch_offset != partition.next_offset)
                })
            })
    }

    /// Answers a fetch with what there is.
    pub(super) fn finish(&self, fetch: &Parked, out: &mut Vec<u8>) {
        let frame_at = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&fetch.correlation_id.to_be_bytes());
        // Not throttled, no error, no session.
        out.extend_from_slice(&[0; 4 + 2 + 4]);
        put_count(out, fetch.request.topics.len());
        let mut left = u64::try_from(fetch.request.max_bytes).unwrap_or(0);
        for topic in &fetch.request.topics {
            let name = topic.topic.as_str().as_bytes();
            out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(name);
            put_count(out, topic.partitions.len());
            let partitions = self.topics.get(name);
            for asked in &topic.partitions {
                let partition = partitions
                    .and_then(|partitions| partitions.get(usize::try_from(asked.partition).ok()?));
                let (code, end, start) = match partition {
                    None => (ErrorCode::UnknownTopicOrPartition, -1, -1),
                    Some(found) => {
                        let (start, end) = (found.log_start(), found.next_offset);
                        let code = if (start..=end).contains(&asked.fetch_offset) {
                            ErrorCode::None
                        } else {
                            ErrorCode::OffsetOutOfRange
                        };
                        (code, end, start)
                    }
                };
                out.extend_from_slice(&asked.partition.to_be_bytes());
                out.extend_from_slice(&code.number().to_be_bytes());
                out.extend_from_slice(&end.to_be_bytes());
                out.extend_from_slice(&end.to_be_bytes());
                out.extend_from_slice(&start.to_be_bytes());
                // No aborted transactions, no better replica.
                out.extend_from_slice(&0_i32.to_be_bytes());
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                let len_at = out.len();
                out.extend_from_slice(&[0; 4]);
                if let Some(found) = partition
                    && code.is_ok()
                    && asked.fetch_offset < end
                    && left > 0
                {
                    let limit = u64::try_from(asked.partition_max_bytes).unwrap_or(0).min(left);
                    if found.read(asked.fetch_offset, limit, out).is_err() {
                        out.truncate(len_at + 4);
                    }
                }
                let len = out.len() - len_at - 4;
                left = left.saturating_sub(len as u64);
                let len = i32::try_from(len).unwrap_or(0).to_be_bytes();
                if let Some(place) = out.get_mut(len_at..len_at + 4) {
                    place.copy_from_slice(&len);
                }
            }
        }
        let _ = put_len(out, frame_at);
    }

    fn create_topics(&mut self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let mut response = CreateTopicsResponse::default();
        for topic in &request.topics {
            let name = topic.name.as_str();
            let code = if self.topics.contains_key(name.as_bytes()) {
                ErrorCode::TopicAlreadyExists
            } else {
                let created: io::Result<Vec<Partition>> = (0..topic.num_partitions.max(1))
                    .map(|index| {
                        let path = self.dir.join(format!("{name}-{index}"));
                        Partition::create(&path, self.file_bytes_max)
                    })
                    .collect();
                match created {
                    Ok(partitions) => {
                        self.topics.insert(name.as_bytes().to_vec(), partitions);
                        ErrorCode::None
                    }
                    Err(_) => ErrorCode::KafkaStorageError,
                }
            };
            response.topics.push(CreatableTopicResult {
                name: topic.name.clone(),
                error_code: code.number(),
                ..CreatableTopicResult::default()
            });
        }
        response
    }

    #[expect(clippy::disallowed_methods, reason = "the floor is no part of the broker")]
    fn delete_topics(&mut self, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
        let mut response = DeleteTopicsResponse::default();
        for name in &request.topic_names {
            let code = match self.topics.remove(name.as_str().as_bytes()) {
                None => ErrorCode::UnknownTopicOrPartition,
                Some(partitions) => {
                    for index in 0..partitions.len() {
                        // What is left behind goes with the folder.
                        let _ = std::fs::remove_file(self.dir.join(format!("{name}-{index}")));
                    }
                    ErrorCode::None
                }
            };
            response.responses.push(DeletableTopicResult {
                name: Some(name.clone()),
                error_code: code.number(),
                ..DeletableTopicResult::default()
            });
        }
        response
    }

    fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| {
            let partitions = self.topics.get(topic.name.as_str().as_bytes());
            let answers = topic.partitions.iter().map(|asked| {
                let partition = partitions.and_then(|partitions| {
                    partitions.get(usize::try_from(asked.partition_index).ok()?)
                });
                let (code, offset) = match partition {
                    None => (ErrorCode::UnknownTopicOrPartition, -1),
                    Some(found) if asked.timestamp == -2 => (ErrorCode::None, found.log_start()),
                    Some(found) => (ErrorCode::None, found.next_offset),
                };
                ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    error_code: code.number(),
                    offset,
                    ..ListOffsetsPartitionResponse::default()
                }
            });
            ListOffsetsTopicResponse { name: topic.name.clone(), partitions: answers.collect() }
        });
        ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() }
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let names: Vec<Vec<u8>> = match &request.topics {
            None => self.topics.keys().cloned().collect(),
            Some(topics) => topics
                .iter()
                .filter_map(|topic| topic.name.as_ref())
                .map(|name| name.as_str().as_bytes().to_vec())
                .collect(),
        };
        let topics = names.into_iter().map(|name| {
            let partitions = self.topics.get(&name);
            let code = match partitions {
                Some(_) => ErrorCode::None,
                None => ErrorCode::UnknownTopicOrPartition,
            };
            let indexes = 0..i32::try_from(partitions.map_or(0, Vec::len)).unwrap_or(0);
            MetadataResponseTopic {
                error_code: code.number(),
                name: Some(String::from_utf8_lossy(&name).into_owned().into()),
                partitions: indexes
                    .map(|partition_index| MetadataResponsePartition {
                        partition_index,
                        leader_id: 1,
                        replica_nodes: vec![1],
                        isr_nodes: vec![1],
                        ..MetadataResponsePartition::default()
                    })
                    .collect(),
                ..MetadataResponseTopic::default()
            }
        });
        MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: 1,
                host: self.address.ip().to_string().into(),
                port: i32::from(self.address.port()),
                rack: None,
            }],
            controller_id: 1,
            topics: topics.collect(),
            ..MetadataResponse::default()
        }
    }
}

/// Checks a batch, gives it its offset and writes it.
fn append(
    partition: Option<&mut Partition>,
    batch: &mut [u8],
    fault: &mut Option<(i16, u64)>,
) -> Result<i64, i16> {
    let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition.number())?;
    if let Some((code, good)) = fault {
        match good.checked_sub(1) {
            Some(left) => *good = left,
            None => return Err(*code),
        }
    }
    let records = {
        let corrupt = ErrorCode::CorruptMessage.number();
        let found = records::Batch::parse(batch).map_err(|_| corrupt)?;
        found.check_crc().map_err(|_| corrupt)?;
        i64::from(found.header.last_offset_delta) + 1
    };
    let base_offset = partition.next_offset;
    if let Some(place) = batch.first_chunk_mut() {
        *place = base_offset.to_be_bytes();
    }
    match partition.append(batch, records) {
        Ok(()) => Ok(base_offset),
        Err(_) => Err(ErrorCode::KafkaStorageError.number()),
    }
}

fn api_versions(known: bool) -> ApiVersionsResponse {
    let served = [
        (ApiKey::Produce, PRODUCE, PRODUCE),
        (ApiKey::Fetch, FETCH, FETCH),
        (ApiKey::ListOffsets, 1, 6),
        (ApiKey::Metadata, 1, 9),
        (ApiKey::ApiVersions, 0, 4),
        (ApiKey::CreateTopics, 2, 6),
        (ApiKey::DeleteTopics, 1, 5),
    ];
    let code = if known { ErrorCode::None } else { ErrorCode::UnsupportedVersion };
    ApiVersionsResponse {
        error_code: code.number(),
        api_keys: served
            .into_iter()
            .map(|(key, min_version, max_version)| ApiVersion {
                api_key: key.number(),
                min_version,
                max_version,
            })
            .collect(),
        ..ApiVersionsResponse::default()
    }
}

fn put<R: Response>(
    out: &mut Vec<u8>,
    version: i16,
    correlation_id: i32,
    response: &R,
) -> Option<()> {
    let encoded = frame::encode_response(version, correlation_id, response).ok()?;
    out.extend_from_slice(&encoded.to_bytes()?);
    Some(())
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&i32::try_from(count).unwrap_or(0).to_be_bytes());
}

/// Writes the length of the frame that begins at `at`.
fn put_len(out: &mut [u8], at: usize) -> Option<()> {
    let len = i32::try_from(out.len().checked_sub(at + 4)?).ok()?;
    out.get_mut(at..at + 4)?.copy_from_slice(&len.to_be_bytes());
    Some(())
}
