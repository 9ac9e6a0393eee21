//! What is done before and after a run, one request at a time: a topic is created or deleted, high
//! watermarks are read, a sample of the batches is read back.
//!
//! Versions are fixed to ones that Kafka 4, Walser and the floor all serve, and are not flexible.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use wire::messages::api_versions::ApiVersionsRequest;
use wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use wire::messages::delete_topics::DeleteTopicsRequest;
use wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use wire::{ErrorCode, Request, frame};

use crate::{BenchError, clock};

/// How long an answer may take; creating thousands of partitions takes its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// How long the partitions of a new topic may be without a leader.
const LEADERS_WITHIN_SECONDS: f64 = 120.0;
const CLIENT: &str = "walser-bench";
const REPLY_LEN_MAX: usize = 256 << 20;
const CREATE_TOPICS: i16 = 4;
const DELETE_TOPICS: i16 = 3;
const LIST_OFFSETS: i16 = 3;
pub(crate) const FETCH: i16 = 11;
pub(crate) const API_VERSIONS: i16 = 0;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// A connection for one request at a time.
#[derive(Debug)]
pub struct Control {
    stream: TcpStream,
    correlation_id: i32,
}

impl Control {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn connect(address: SocketAddr) -> Result<Self, BenchError> {
        let doing = || format!("connecting to {address}");
        let stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)
            .and_then(|stream| {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(ANSWER_WITHIN))?;
                Ok(stream)
            })
            .map_err(|source| BenchError::Io { doing: doing(), source })?;
        Ok(Control { stream, correlation_id: 0 })
    }

    /// Asks for the API versions, as every client does first, and gives the socket.
    pub(crate) fn greet(mut self) -> Result<TcpStream, BenchError> {
        let response = self.exchange(&ApiVersionsRequest::default(), API_VERSIONS)?;
        good(response.error_code, || "ApiVersions".to_owned())?;
        Ok(self.stream)
    }

    /// Creates a topic with one replica of each partition, and waits until all have a leader.
    ///
    /// # Errors
    /// The node refuses it, for instance because it is there.
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: u32,
        configs: &[(String, String)],
    ) -> Result<(), BenchError> {
        let configs = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: name.into(),
                value: Some(value.into()),
            })
            .collect();
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.into(),
                num_partitions: i32::try_from(partitions)
                    .map_err(|_| BenchError::Workload("too many partitions".to_owned()))?,
                replication_factor: 1,
                configs,
                ..CreatableTopic::default()
            }],
            ..CreateTopicsRequest::default()
        };
        let response = self.exchange(&request, CREATE_TOPICS)?;
        for topic in &response.topics {
            let why = topic.error_message.as_deref().unwrap_or_default();
            good(topic.error_code, || format!("creating topic {name} {why}"))?;
        }
        self.await_leaders(name, partitions)
    }

    /// Waits until every partition of a new topic answers: Kafka creates first and leads later.
    fn await_leaders(&mut self, name: &str, partitions: u32) -> Result<(), BenchError> {
        let given_up = clock::now() + clock::from_seconds(LEADERS_WITHIN_SECONDS);
        loop {
            match self.high_watermarks(name, partitions) {
                Err(BenchError::Protocol(_)) if clock::now() < given_up => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(error),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// The node refuses it, for instance because there is none.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), BenchError> {
        let request = DeleteTopicsRequest {
            topic_names: vec![name.into()],
            timeout_ms: 60_000,
            ..DeleteTopicsRequest::default()
        };
        let response = self.exchange(&request, DELETE_TOPICS)?;
        for topic in &response.responses {
            good(topic.error_code, || format!("deleting topic {name}"))?;
        }
        Ok(())
    }

    /// The high watermarks of the partitions `0..partitions`.
    ///
    /// # Errors
    /// There is no such topic or partition.
    pub fn high_watermarks(
        &mut self,
        topic: &str,
        partitions: u32,
    ) -> Result<Vec<i64>, BenchError> {
        self.offsets(topic, partitions, LATEST)
    }

    /// The first offsets of the partitions `0..partitions`.
    ///
    /// # Errors
    /// There is no such topic or partition.
    pub fn log_starts(&mut self, topic: &str, partitions: u32) -> Result<Vec<i64>, BenchError> {
        self.offsets(topic, partitions, EARLIEST)
    }

    fn offsets(
        &mut self,
        topic: &str,
        partitions: u32,
        timestamp: i64,
    ) -> Result<Vec<i64>, BenchError> {
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: topic.into(),
                partitions: (0..partitions.cast_signed())
                    .map(|partition_index| ListOffsetsPartition {
                        partition_index,
                        timestamp,
                        ..ListOffsetsPartition::default()
                    })
                    .collect(),
            }],
            ..ListOffsetsRequest::default()
        };
        let response = self.exchange(&request, LIST_OFFSETS)?;
        let mut found = vec![None; partitions as usize];
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            let index = partition.partition_index;
            good(partition.error_code, || format!("offsets of {topic}-{index}"))?;
            if let Some(place) = usize::try_from(index).ok().and_then(|at| found.get_mut(at)) {
                *place = Some(partition.offset);
            }
        }
        found
            .into_iter()
            .collect::<Option<Vec<i64>>>()
            .ok_or_else(|| BenchError::Protocol(format!("offsets of {topic}: one is missing")))
    }

    /// Reads batches of a partition from `offset` on, computes their checksums, and says how many
    /// there were.
    ///
    /// # Errors
    /// A batch is damaged, or there is none.
    pub fn read_back(
        &mut self,
        topic: &str,
        partition: u32,
        offset: i64,
    ) -> Result<u64, BenchError> {
        let request = FetchRequest {
            max_wait_ms: 1000,
            min_bytes: 1,
            max_bytes: 4 << 20,
            topics: vec![FetchTopic {
                topic: topic.into(),
                partitions: vec![FetchPartition {
                    partition: partition.cast_signed(),
                    fetch_offset: offset,
                    partition_max_bytes: 1 << 20,
                    ..FetchPartition::default()
                }],
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        };
        let place = || format!("reading back {topic}-{partition} from {offset}");
        let response = self.exchange(&request, FETCH)?;
        good(response.error_code, place)?;
        let mut count = 0;
        for answer in response.responses.iter().flat_map(|topic| &topic.partitions) {
            good(answer.error_code, place)?;
            let bytes =
                answer.records.as_ref().and_then(wire::Records::to_bytes).unwrap_or_default();
            for batch in records::batches(&bytes).tolerating_partial_tail() {
                batch
                    .and_then(|batch| batch.check_crc().map(|()| batch))
                    .map_err(|error| BenchError::Protocol(format!("{}: {error}", place())))?;
                count += 1;
            }
        }
        if count == 0 {
            return Err(BenchError::Protocol(format!("{}: no batch came", place())));
        }
        Ok(count)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, BenchError> {
        let api = R::KEY.name();
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let bytes = encode(request, version, self.correlation_id)?;
        let doing = |source| BenchError::Io { doing: format!("{api} request"), source };
        self.stream.write_all(&bytes).map_err(doing)?;
        let mut len = [0; 4];
        self.stream.read_exact(&mut len).map_err(doing)?;
        let len = frame::peek_frame_len(&len, REPLY_LEN_MAX)
            .map_err(|error| BenchError::Protocol(format!("{api} reply: {error}")))?
            .unwrap_or(0);
        let mut reply = vec![0; len];
        self.stream.read_exact(&mut reply).map_err(doing)?;
        let (correlation_id, response) =
            frame::decode_response::<R::Response>(Bytes::from(reply), version)
                .map_err(|error| BenchError::Protocol(format!("{api} reply: {error}")))?;
        if correlation_id != self.correlation_id {
            return Err(BenchError::Protocol(format!("{api} reply to another request")));
        }
        Ok(response)
    }
}

/// The whole frame of a request.
pub(crate) fn encode<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
) -> Result<Bytes, BenchError> {
    frame::encode_request(version, correlation_id, Some(CLIENT), request)
        .ok()
        .and_then(|encoded| encoded.to_bytes())
        .ok_or_else(|| {
            BenchError::Protocol(format!("{} v{version} cannot be encoded", R::KEY.name()))
        })
}

/// The name of an error code.
pub(crate) fn error_name(code: i16) -> String {
    ErrorCode::from_number(code)
        .map_or_else(|| format!("code {code}"), |code| code.name().to_owned())
}

pub(crate) fn good(code: i16, doing: impl FnOnce() -> String) -> Result<(), BenchError> {
    if code == 0 {
        return Ok(());
    }
    Err(BenchError::Protocol(format!("{}: {}", doing(), error_name(code))))
}
