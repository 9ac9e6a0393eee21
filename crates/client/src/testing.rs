//! A broker of a few hundred lines for the tests of this crate: one node, one process, memory only.
//!
//! It keeps batches as they came, checks sequence numbers, and lets a test make the next request of
//! an API fail ([`FakeBroker::fail_next`]). It is no model of a broker: what it answers is the least
//! that the client under test needs.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use env::Env;
use env::clock::SystemClock;
use env::net::{Listener, Stream};
use env::sim::Sim;
use parking_lot::Mutex;
use records::{Batch, LeaderEpoch, Offset, patched_prefix};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;
use wire::frame::{self, RequestHeader};
use wire::messages::{
    api_versions, create_topics, fetch, find_coordinator, heartbeat, init_producer_id, join_group,
    leave_group, list_offsets, metadata, offset_commit, offset_fetch, produce, sync_group,
};
use wire::{ApiKey, ErrorCode, Request};

/// What happens to a request instead of its being answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It is answered with this code, and nothing is done.
    Refuse(ErrorCode),
    /// It is done, and the connection is closed before the answer.
    LoseAnswer,
    /// It is done and answered with this code.
    Pretend(ErrorCode),
    /// It is not answered, nothing is done, and as with a broker nothing behind it on the
    /// connection is answered either.
    Ignore,
}

/// What a connection does about a request.
enum Reply {
    /// Sends this, if anything.
    Frame(Option<Bytes>),
    /// Answers nothing any more.
    Stuck,
    /// Ends.
    Close,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) topics: BTreeMap<String, FakeTopic>,
    pub(crate) committed: BTreeMap<(String, i32), i64>,
    /// Every request that came, with its version.
    pub(crate) seen: Vec<(ApiKey, i16)>,
    faults: HashMap<ApiKey, VecDeque<Fault>>,
    next_producer_id: i64,
    next_sequence: HashMap<(i64, String, i32), i32>,
    generation: i32,
    /// The topic that Metadata creates when asked.
    pub(crate) auto_create: bool,
}

#[derive(Debug)]
pub(crate) struct FakeTopic {
    id: Uuid,
    pub(crate) partitions: Vec<FakePartition>,
}

#[derive(Debug, Default)]
pub(crate) struct FakePartition {
    /// Batches, one after the other.
    pub(crate) log: Vec<u8>,
    pub(crate) end: Offset,
    pub(crate) start: Offset,
    pub(crate) aborted: Vec<fetch::AbortedTransaction>,
}

/// The broker. Its tasks end with the runtime of the test.
#[derive(Clone, Debug)]
pub(crate) struct FakeBroker {
    pub(crate) env: Env,
    pub(crate) address: String,
    pub(crate) state: Arc<Mutex<State>>,
    version_cap: i16,
}

impl FakeBroker {
    pub(crate) async fn start() -> Self {
        Self::start_with_versions_to(i16::MAX).await
    }

    /// A broker whose newest version of each API is at most this.
    pub(crate) async fn start_with_versions_to(version_cap: i16) -> Self {
        // The network of a simulation, and time that passes, so that deadlines do.
        let env = Env { clock: Arc::new(SystemClock::new()), ..Sim::new(7).env() };
        let mut listener = env.net.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_address().unwrap().to_string();
        let broker = FakeBroker { env, address, state: Arc::default(), version_cap };
        let serving = broker.clone();
        tokio::spawn(async move { serving.accept(&mut listener).await });
        broker
    }

    pub(crate) fn create_topic(&self, name: &str, partitions: usize) {
        let mut state = self.state.lock();
        let id = Uuid::from_u128(u128::try_from(state.topics.len()).unwrap() + 100);
        let partitions = (0..partitions).map(|_| FakePartition::default()).collect();
        state.topics.insert(name.to_owned(), FakeTopic { id, partitions });
    }

    /// Appends a batch as a leader does.
    pub(crate) fn append(&self, topic: &str, partition: usize, batch: &[u8]) -> Offset {
        let mut state = self.state.lock();
        state.topics.get_mut(topic).unwrap().partitions[partition].append(batch)
    }

    pub(crate) fn fail_next(&self, api: ApiKey, fault: Fault) {
        self.state.lock().faults.entry(api).or_default().push_back(fault);
    }

    pub(crate) fn count(&self, api: ApiKey) -> usize {
        self.state.lock().seen.iter().filter(|(seen, _)| *seen == api).count()
    }

    async fn accept(&self, listener: &mut Listener) {
        while let Ok((stream, _)) = listener.accept().await {
            let broker = self.clone();
            tokio::spawn(async move { broker.serve(stream).await });
        }
    }

    async fn serve(&self, mut stream: Stream) {
        let mut buffer = BytesMut::new();
        let mut stuck = false;
        loop {
            while let Some(mut body) = frame::take_frame(&mut buffer, 1 << 30).unwrap() {
                if stuck {
                    continue;
                }
                let header = frame::decode_request_header(&mut body).unwrap();
                match self.answer(&header, body) {
                    Reply::Frame(Some(answer)) => stream.write_all(&answer).await.unwrap(),
                    Reply::Frame(None) => {}
                    Reply::Stuck => stuck = true,
                    Reply::Close => return,
                }
            }
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn answer(&self, header: &RequestHeader, body: Bytes) -> Reply {
        let fault = {
            let mut state = self.state.lock();
            state.seen.push((header.api_key, header.api_version));
            state.faults.get_mut(&header.api_key).and_then(VecDeque::pop_front)
        };
        if fault == Some(Fault::Ignore) {
            return Reply::Stuck;
        }
        let answer = self.dispatch(header, body, fault);
        if fault == Some(Fault::LoseAnswer) { Reply::Close } else { Reply::Frame(answer) }
    }

    fn dispatch(&self, header: &RequestHeader, body: Bytes, fault: Option<Fault>) -> Option<Bytes> {
        let state = &mut *self.state.lock();
        // The code to answer with, and whether the request is carried out.
        let (code, act) = match fault {
            Some(Fault::Refuse(code)) => (code.number(), false),
            Some(Fault::Pretend(code)) => (code.number(), true),
            _ => (0, true),
        };
        match header.api_key {
            ApiKey::ApiVersions => self.api_versions(header, body),
            ApiKey::Metadata => respond(header, body, |request| self.metadata(state, &request)),
            ApiKey::InitProducerId => {
                respond(header, body, |_: init_producer_id::InitProducerIdRequest| {
                    state.next_producer_id += 1;
                    init_producer_id::InitProducerIdResponse {
                        error_code: code,
                        producer_id: state.next_producer_id,
                        ..Default::default()
                    }
                })
            }
            ApiKey::Produce => {
                let mut answered = true;
                let answer = respond(header, body, |r: produce::ProduceRequest| {
                    answered = r.acks != 0;
                    produced(state, &r, code, act)
                });
                answer.filter(|_| answered)
            }
            ApiKey::Fetch => respond(header, body, |r| fetched(state, &r, code)),
            ApiKey::ListOffsets => respond(header, body, |r| listed(state, &r, code)),
            ApiKey::FindCoordinator => {
                respond(header, body, |r: find_coordinator::FindCoordinatorRequest| {
                    let coordinators = r.coordinator_keys.into_iter().map(|key| {
                        let error_code = code;
                        find_coordinator::Coordinator { key, error_code, ..Default::default() }
                    });
                    find_coordinator::FindCoordinatorResponse {
                        coordinators: coordinators.collect(),
                        ..Default::default()
                    }
                })
            }
            ApiKey::JoinGroup => respond(header, body, |r| joined(state, r, code)),
            ApiKey::SyncGroup => respond(header, body, |r: sync_group::SyncGroupRequest| {
                let given = r.assignments.into_iter().find(|a| a.member_id == r.member_id);
                let assignment = given.map(|given| given.assignment).unwrap_or_default();
                sync_group::SyncGroupResponse { error_code: code, assignment, ..Default::default() }
            }),
            ApiKey::Heartbeat => respond(header, body, |_: heartbeat::HeartbeatRequest| {
                heartbeat::HeartbeatResponse { error_code: code, ..Default::default() }
            }),
            ApiKey::LeaveGroup => respond(header, body, |_: leave_group::LeaveGroupRequest| {
                leave_group::LeaveGroupResponse { error_code: code, ..Default::default() }
            }),
            ApiKey::OffsetCommit => respond(header, body, |r| committed(state, &r, code, act)),
            ApiKey::OffsetFetch => respond(header, body, |r| fetched_offsets(state, r)),
            ApiKey::CreateTopics => {
                respond(header, body, |r: create_topics::CreateTopicsRequest| {
                    let topics =
                        r.topics.into_iter().map(|topic| create_topics::CreatableTopicResult {
                            name: topic.name,
                            error_code: code,
                            num_partitions: 3,
                            ..Default::default()
                        });
                    create_topics::CreateTopicsResponse {
                        topics: topics.collect(),
                        ..Default::default()
                    }
                })
            }
            other => panic!("the fake broker has no {other:?}"),
        }
    }

    fn api_versions(&self, header: &RequestHeader, body: Bytes) -> Option<Bytes> {
        let api = |key: &ApiKey| {
            let (min, max) = key.versions().into_inner();
            let max_version = max.min(self.version_cap).max(min);
            api_versions::ApiVersion { api_key: key.number(), min_version: min, max_version }
        };
        let mut response = api_versions::ApiVersionsResponse {
            api_keys: ApiKey::ALL.iter().filter(|k| !k.versions().is_empty()).map(api).collect(),
            ..Default::default()
        };
        if header.api_version > self.version_cap {
            response.error_code = ErrorCode::UnsupportedVersion.number();
            return frame::encode_response(0, header.correlation_id, &response).unwrap().to_bytes();
        }
        respond(header, body, |_: api_versions::ApiVersionsRequest| response)
    }

    fn metadata(
        &self,
        state: &mut State,
        request: &metadata::MetadataRequest,
    ) -> metadata::MetadataResponse {
        let (host, port) = self.address.rsplit_once(':').unwrap();
        let wanted: Vec<String> = match &request.topics {
            None => state.topics.keys().cloned().collect(),
            Some(topics) => topics.iter().map(|t| t.name.as_ref().unwrap().to_string()).collect(),
        };
        let mut topics = Vec::new();
        for name in wanted {
            let mut topic = metadata::MetadataResponseTopic {
                name: Some(name.as_str().into()),
                ..Default::default()
            };
            match state.topics.get(&name) {
                Some(found) => {
                    topic.topic_id = found.id;
                    topic.partitions = (0_i32..)
                        .zip(&found.partitions)
                        .map(|(partition_index, _)| metadata::MetadataResponsePartition {
                            partition_index,
                            leader_id: 0,
                            replica_nodes: vec![0],
                            isr_nodes: vec![0],
                            ..Default::default()
                        })
                        .collect();
                }
                None => {
                    topic.error_code = ErrorCode::UnknownTopicOrPartition.number();
                    if request.allow_auto_topic_creation && state.auto_create {
                        let partitions = vec![FakePartition::default()];
                        let created = FakeTopic { id: Uuid::from_u128(1), partitions };
                        state.topics.insert(name, created);
                    }
                }
            }
            topics.push(topic);
        }
        metadata::MetadataResponse {
            brokers: vec![metadata::MetadataResponseBroker {
                node_id: 0,
                host: host.into(),
                port: port.parse().unwrap(),
                rack: None,
            }],
            controller_id: 0,
            cluster_id: Some("fake".into()),
            topics,
            ..Default::default()
        }
    }
}

impl FakePartition {
    fn append(&mut self, bytes: &[u8]) -> Offset {
        let batch = Batch::parse(bytes).unwrap();
        batch.check_crc().unwrap();
        let base = self.end;
        self.log.extend_from_slice(&patched_prefix(&batch, base, LeaderEpoch::ZERO));
        self.log.extend_from_slice(&batch.bytes[records::PREFIX_LEN..]);
        self.end = base.plus(i64::from(batch.header.last_offset_delta) + 1);
        base
    }
}

fn respond<R: Request>(
    header: &RequestHeader,
    body: Bytes,
    answer: impl FnOnce(R) -> R::Response,
) -> Option<Bytes> {
    let request = R::decode_exact(body, header.api_version).unwrap();
    let response = answer(request);
    frame::encode_response(header.api_version, header.correlation_id, &response).unwrap().to_bytes()
}

/// The name of a topic that was named or given by id.
fn name_of(state: &State, name: &str, id: Uuid) -> String {
    if id.is_nil() {
        return name.to_owned();
    }
    let found = state.topics.iter().find(|(_, topic)| topic.id == id);
    found.map(|(name, _)| name.clone()).unwrap()
}

fn produced(
    state: &mut State,
    request: &produce::ProduceRequest,
    code: i16,
    act: bool,
) -> produce::ProduceResponse {
    let mut responses = Vec::new();
    for topic in &request.topic_data {
        let name = name_of(state, &topic.name, topic.topic_id);
        let mut partition_responses = Vec::new();
        for data in &topic.partition_data {
            let mut answer = produce::PartitionProduceResponse {
                index: data.index,
                error_code: code,
                base_offset: -1,
                ..Default::default()
            };
            if act {
                let bytes = data.records.as_ref().unwrap();
                let header = Batch::parse(bytes).unwrap().header;
                let fresh = match header.producer_id {
                    None => Ok(()),
                    Some(id) => {
                        let key = (id.0, name.clone(), data.index);
                        let next = state.next_sequence.entry(key).or_default();
                        let given = header.base_sequence;
                        if given == *next {
                            *next += header.record_count;
                            Ok(())
                        } else if given < *next {
                            Err(ErrorCode::DuplicateSequenceNumber)
                        } else {
                            Err(ErrorCode::OutOfOrderSequenceNumber)
                        }
                    }
                };
                match fresh {
                    Ok(()) => {
                        let partition = usize::try_from(data.index).unwrap();
                        let topic = state.topics.get_mut(&name).unwrap();
                        answer.base_offset = topic.partitions[partition].append(bytes).0;
                    }
                    Err(refusal) => answer.error_code = refusal.number(),
                }
            }
            partition_responses.push(answer);
        }
        responses.push(produce::TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses,
        });
    }
    produce::ProduceResponse { responses, ..Default::default() }
}

fn fetched(state: &State, request: &fetch::FetchRequest, code: i16) -> fetch::FetchResponse {
    let mut responses = Vec::new();
    for topic in &request.topics {
        let found = &state.topics[&name_of(state, &topic.topic, topic.topic_id)];
        let partitions = topic.partitions.iter().map(|asked| {
            let partition = &found.partitions[usize::try_from(asked.partition).unwrap()];
            let mut data = fetch::PartitionData {
                partition_index: asked.partition,
                error_code: code,
                high_watermark: partition.end.0,
                log_start_offset: partition.start.0,
                aborted_transactions: Some(partition.aborted.clone()),
                ..Default::default()
            };
            let position = Offset(asked.fetch_offset);
            if position < partition.start || position > partition.end {
                data.error_code = ErrorCode::OffsetOutOfRange.number();
            } else if code == 0 {
                let mut batches = records::batches(&partition.log);
                let mut from = 0;
                while let Some(Ok(batch)) = batches.next() {
                    if batch.header.last_offset() >= position {
                        break;
                    }
                    from = batches.position();
                }
                let limit = usize::try_from(asked.partition_max_bytes).unwrap();
                let rest = &partition.log[from..];
                data.records = Some(Bytes::copy_from_slice(&rest[..rest.len().min(limit)]).into());
            }
            data
        });
        responses.push(fetch::FetchableTopicResponse {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
        });
    }
    fetch::FetchResponse { responses, ..Default::default() }
}

fn listed(
    state: &State,
    request: &list_offsets::ListOffsetsRequest,
    code: i16,
) -> list_offsets::ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let found = &state.topics[&*topic.name];
        let once = |asked: &list_offsets::ListOffsetsPartition| {
            let same = |other: &&list_offsets::ListOffsetsPartition| {
                other.partition_index == asked.partition_index
            };
            topic.partitions.iter().filter(same).count() == 1
        };
        assert!(topic.partitions.iter().all(once), "a partition is asked about twice");
        let partitions = topic.partitions.iter().map(|asked| {
            let partition = &found.partitions[usize::try_from(asked.partition_index).unwrap()];
            let offset = match asked.timestamp {
                -2 => partition.start.0,
                -1 => partition.end.0,
                time => records::batches(&partition.log)
                    .map(|batch| batch.unwrap().header)
                    .find(|header| header.max_timestamp.0 >= time)
                    .map_or(-1, |header| header.base_offset.0),
            };
            list_offsets::ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                error_code: code,
                offset,
                ..Default::default()
            }
        });
        let partitions = partitions.collect();
        list_offsets::ListOffsetsTopicResponse { name: topic.name.clone(), partitions }
    });
    list_offsets::ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
}

fn joined(
    state: &mut State,
    request: join_group::JoinGroupRequest,
    code: i16,
) -> join_group::JoinGroupResponse {
    let mut response = join_group::JoinGroupResponse { error_code: code, ..Default::default() };
    if code != 0 {
        return response;
    }
    if request.member_id.is_empty() {
        response.error_code = ErrorCode::MemberIdRequired.number();
        response.member_id = format!("member-{}", state.seen.len()).into();
        return response;
    }
    state.generation += 1;
    response.generation_id = state.generation;
    response.protocol_name = Some(request.protocols[0].name.clone());
    response.leader = request.member_id.clone();
    response.member_id = request.member_id.clone();
    response.members = vec![join_group::JoinGroupResponseMember {
        member_id: request.member_id,
        group_instance_id: None,
        metadata: request.protocols[0].metadata.clone(),
    }];
    response
}

fn committed(
    state: &mut State,
    request: &offset_commit::OffsetCommitRequest,
    code: i16,
    act: bool,
) -> offset_commit::OffsetCommitResponse {
    let mut topics = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for partition in &topic.partitions {
            if act {
                let key = (topic.name.to_string(), partition.partition_index);
                state.committed.insert(key, partition.committed_offset);
            }
            partitions.push(offset_commit::OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: code,
            });
        }
        topics.push(offset_commit::OffsetCommitResponseTopic {
            name: topic.name.clone(),
            partitions,
            ..Default::default()
        });
    }
    offset_commit::OffsetCommitResponse { topics, ..Default::default() }
}

fn fetched_offsets(
    state: &State,
    request: offset_fetch::OffsetFetchRequest,
) -> offset_fetch::OffsetFetchResponse {
    let groups = request.groups.into_iter().map(|group| {
        let topics = group.topics.unwrap_or_default().into_iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|&partition_index| {
                let key = (topic.name.to_string(), partition_index);
                offset_fetch::OffsetFetchResponsePartitions {
                    partition_index,
                    committed_offset: state.committed.get(&key).copied().unwrap_or(-1),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            offset_fetch::OffsetFetchResponseTopics {
                name: topic.name.clone(),
                partitions,
                ..Default::default()
            }
        });
        offset_fetch::OffsetFetchResponseGroup {
            group_id: group.group_id,
            topics: topics.collect(),
            ..Default::default()
        }
    });
    offset_fetch::OffsetFetchResponse { groups: groups.collect(), ..Default::default() }
}
