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
use wire::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use wire::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use wire::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use wire::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use wire::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use wire::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use wire::{ApiKey, ErrorCode, Message, Response, Str, frame};

use super::FloorOptions;
use super::output::Output;
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
    /// A fault for tests: this error instead of an append or a commit, after so many good ones.
    fault: Option<(i16, u64)>,
    /// Members that have joined a group.
    members: u64,
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
            members: 0,
        })
    }

    pub(super) fn fail_with(&mut self, code: i16, after: u64) {
        self.fault = Some((code, after));
    }

    /// Answers a request; `None` if it is not one that the floor knows.
    pub(super) fn answer(&mut self, request: &mut [u8], out: &mut Output) -> Option<Answer> {
        let mut head = Cursor::new(request);
        let (key, version, correlation_id) = (head.int16()?, head.int16()?, head.int32()?);
        if key == ApiKey::Produce.number() && version == PRODUCE {
            return self.produce(request, correlation_id, out).map(|()| Answer::Done);
        }
        let mut bytes = Bytes::copy_from_slice(request);
        let header = frame::decode_request_header(&mut bytes).ok()?;
        let at = out.at();
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
            ApiKey::FindCoordinator => {
                FindCoordinatorRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &self.find_coordinator())?;
            }
            ApiKey::JoinGroup => {
                let request = JoinGroupRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &self.join_group(&request))?;
            }
            ApiKey::SyncGroup => {
                SyncGroupRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &SyncGroupResponse::default())?;
            }
            ApiKey::Heartbeat => {
                HeartbeatRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &HeartbeatResponse::default())?;
            }
            ApiKey::OffsetCommit => {
                let request = OffsetCommitRequest::decode_exact(bytes, version).ok()?;
                put(out, version, correlation_id, &offset_commit(&request, &mut self.fault))?;
            }
            _ => return None,
        }
        (out.at() > at).then_some(Answer::Done)
    }

    /// Appends the batches of a produce request out of the buffer they were received in.
    fn produce(&mut self, request: &mut [u8], correlation_id: i32, out: &mut Output) -> Option<()> {
        let frame_at = out.at();
        out.put(&[0; 4]);
        out.put(&correlation_id.to_be_bytes());
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
        out.put(&topics.to_be_bytes());
        for _ in 0..topics {
            let name = read(request, &mut at, Cursor::text)?;
            out.put(&u16::try_from(name.len()).ok()?.to_be_bytes());
            out.put(name);
            let mut topic = self.topics.get_mut(name);
            let count = read(request, &mut at, Cursor::int32)?;
            out.put(&count.to_be_bytes());
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
                out.put(&index.to_be_bytes());
                out.put(&error.to_be_bytes());
                out.put(&base_offset.to_be_bytes());
                // No append time, log start 0, no record errors, no message.
                out.put(&(-1_i64).to_be_bytes());
                out.put(&0_i64.to_be_bytes());
                out.put(&0_i32.to_be_bytes());
                out.put(&(-1_i16).to_be_bytes());
            }
        }
        // Not throttled.
        out.put(&0_i32.to_be_bytes());
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
    pub(super) fn finish(&self, fetch: &Parked, out: &mut Output) {
        let frame_at = out.at();
        out.put(&[0; 4]);
        out.put(&fetch.correlation_id.to_be_bytes());
        // Not throttled, no error, no session.
        out.put(&[0; 4 + 2 + 4]);
        put_count(out, fetch.request.topics.len());
        let mut left = u64::try_from(fetch.request.max_bytes).unwrap_or(0);
        for topic in &fetch.request.topics {
            let name = topic.topic.as_str().as_bytes();
            out.put(&u16::try_from(name.len()).unwrap_or(0).to_be_bytes());
            out.put(name);
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
                out.put(&asked.partition.to_be_bytes());
                out.put(&code.number().to_be_bytes());
                out.put(&end.to_be_bytes());
                out.put(&end.to_be_bytes());
                out.put(&start.to_be_bytes());
                // No aborted transactions, no better replica.
                out.put(&0_i32.to_be_bytes());
                out.put(&(-1_i32).to_be_bytes());
                let len_at = out.at();
                out.put(&[0; 4]);
                let mut len = 0;
                if let Some(found) = partition
                    && code.is_ok()
                    && asked.fetch_offset < end
                    && left > 0
                {
                    let limit = u64::try_from(asked.partition_max_bytes).unwrap_or(0).min(left);
                    len = found.read(asked.fetch_offset, limit, out);
                }
                left = left.saturating_sub(len as u64);
                out.set(len_at, i32::try_from(len).unwrap_or(0));
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

    fn find_coordinator(&self) -> FindCoordinatorResponse {
        FindCoordinatorResponse {
            node_id: 1,
            host: self.address.ip().to_string().into(),
            port: i32::from(self.address.port()),
            ..FindCoordinatorResponse::default()
        }
    }

    /// Everybody leads a group of one, in the first generation.
    fn join_group(&mut self, request: &JoinGroupRequest) -> JoinGroupResponse {
        self.members += 1;
        let member_id = Str::from(format!("member-{}", self.members));
        JoinGroupResponse {
            generation_id: 1,
            protocol_name: request.protocols.first().map(|protocol| protocol.name.clone()),
            leader: member_id.clone(),
            member_id,
            ..JoinGroupResponse::default()
        }
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
    planted(fault)?;
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

/// Takes note of nothing: a commit is a record as any other, and what a record costs is known.
fn offset_commit(
    request: &OffsetCommitRequest,
    fault: &mut Option<(i16, u64)>,
) -> OffsetCommitResponse {
    let mut code = || planted(fault).err().unwrap_or(0);
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| OffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: code(),
        });
        OffsetCommitResponseTopic {
            name: topic.name.clone(),
            partitions: partitions.collect(),
            ..OffsetCommitResponseTopic::default()
        }
    });
    OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() }
}

/// The planted error, once it is its turn.
fn planted(fault: &mut Option<(i16, u64)>) -> Result<(), i16> {
    if let Some((code, good)) = fault {
        match good.checked_sub(1) {
            Some(left) => *good = left,
            None => return Err(*code),
        }
    }
    Ok(())
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
        (ApiKey::FindCoordinator, 1, 3),
        (ApiKey::JoinGroup, 2, 3),
        (ApiKey::SyncGroup, 1, 3),
        (ApiKey::Heartbeat, 1, 3),
        (ApiKey::OffsetCommit, 2, 7),
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
    out: &mut Output,
    version: i16,
    correlation_id: i32,
    response: &R,
) -> Option<()> {
    let encoded = frame::encode_response(version, correlation_id, response).ok()?;
    out.put(&encoded.to_bytes()?);
    Some(())
}

fn put_count(out: &mut Output, count: usize) {
    out.put(&i32::try_from(count).unwrap_or(0).to_be_bytes());
}

/// Writes the length of the frame that begins at `at`.
fn put_len(out: &mut Output, at: usize) -> Option<()> {
    let len = out.at().checked_sub(at + 4)? + out.file_bytes_since(at);
    out.set(at, i32::try_from(len).ok()?);
    Some(())
}
