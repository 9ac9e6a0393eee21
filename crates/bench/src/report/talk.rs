//! One connection that asks and waits: topics are made and removed with it, a start is watched with
//! it, and instructions are counted with it. What is measured by time goes through the generator.

mod admin;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use records::{BatchBuilder, Codec, Timestamp};
use wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use wire::messages::delete_topics::DeleteTopicsRequest;
use wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::{Request, Str, frame};

/// The last versions that name topics by name and are not flexible, as the generator uses.
const PRODUCE: i16 = 8;
const FETCH: i16 = 11;
const CREATE_TOPICS: i16 = 4;
const DELETE_TOPICS: i16 = 3;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time of records whose age does not matter. What is written of today behind them begins a new
/// segment: they are older than `segment.ms` allows one to be.
pub(crate) const LONG_AGO: Timestamp = Timestamp(1_700_000_000_000);
/// No answer here is larger.
const ANSWER_MAX: usize = 64 << 20;

/// A connection.
#[derive(Debug)]
pub(crate) struct Talk {
    stream: TcpStream,
}

/// A whole request, length included, ready to be sent again and again.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    bytes: Bytes,
    check: Check,
}

/// How the answer is looked at.
#[derive(Clone, Copy, Debug)]
enum Check {
    Produce,
    Fetch,
}

impl Talk {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Result<Talk> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("nobody accepts at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Talk { stream })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        let frame = encode(version, request)?;
        let answer = self.exchange(&frame)?;
        Ok(frame::decode_response::<R::Response>(answer, version)?.1)
    }

    /// Sends a ready request, waits, and returns the bytes of records read; an error code is an error.
    pub(crate) fn send(&mut self, frame: &Frame) -> Result<u64> {
        let answer = self.exchange(&frame.bytes)?;
        match frame.check {
            Check::Produce => {
                let (_, answer) = frame::decode_response::<<ProduceRequest as Request>::Response>(
                    answer, PRODUCE,
                )?;
                for part in answer.responses.iter().flat_map(|topic| &topic.partition_responses) {
                    refuse(part.error_code, "produce")?;
                }
                Ok(0)
            }
            Check::Fetch => {
                let (_, answer) =
                    frame::decode_response::<<FetchRequest as Request>::Response>(answer, FETCH)?;
                refuse(answer.error_code, "fetch")?;
                let mut bytes = 0;
                for part in answer.responses.iter().flat_map(|topic| &topic.partitions) {
                    refuse(part.error_code, "fetch")?;
                    bytes += part.records.as_ref().map_or(0, wire::Records::len);
                }
                Ok(u64::try_from(bytes)?)
            }
        }
    }

    /// Creates a topic; one that exists is an error.
    pub(crate) fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let configs = settings
            .iter()
            .map(|(key, value)| CreatableTopicConfig {
                name: Str::from(*key),
                value: Some(Str::from(*value)),
            })
            .collect();
        let topic = CreatableTopic {
            name: Str::from(name),
            num_partitions: partitions,
            replication_factor: 1,
            configs,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        for answer in self.ask(CREATE_TOPICS, &request)?.topics {
            let why = answer.error_message.as_ref().map_or("", |text| text.as_str());
            refuse(answer.error_code, "create topic").context(why.to_owned())?;
        }
        Ok(())
    }

    /// Sends any produce request.
    pub(crate) fn produce(&mut self, request: &ProduceRequest) -> Result<()> {
        let bytes = encode(PRODUCE, request)?;
        self.send(&Frame { bytes, check: Check::Produce }).map(drop)
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&mut self, name: &str) -> Result<()> {
        let request = DeleteTopicsRequest {
            topic_names: vec![Str::from(name)],
            timeout_ms: 30_000,
            ..DeleteTopicsRequest::default()
        };
        for answer in self.ask(DELETE_TOPICS, &request)?.responses {
            refuse(answer.error_code, "delete topic")?;
        }
        Ok(())
    }

    fn exchange(&mut self, frame: &[u8]) -> Result<Bytes> {
        self.stream.write_all(frame).context("the broker closed the connection")?;
        let mut length = [0; frame::LEN_SIZE];
        self.stream.read_exact(&mut length).context("the broker closed the connection")?;
        let length = usize::try_from(i32::from_be_bytes(length))?;
        if length > ANSWER_MAX {
            bail!("an answer of {length} bytes");
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).context("the broker closed the connection")?;
        Ok(Bytes::from(answer))
    }
}

impl Frame {
    /// A produce request with acks=1: one batch for each of `partitions`, all alike.
    pub(crate) fn produce(
        topic: &str,
        partitions: i32,
        records: usize,
        record_size: usize,
    ) -> Result<Frame> {
        // One fixed time: the bytes, and so the work, are the same in every run.
        Frame::produce_to(topic, 0..partitions, records, record_size, LONG_AGO)
    }

    /// The same for some partitions only, with records of some time.
    pub(crate) fn produce_to(
        topic: &str,
        partitions: Range<i32>,
        records: usize,
        record_size: usize,
        time: Timestamp,
    ) -> Result<Frame> {
        let mut batch = BatchBuilder::new(Codec::None);
        let value: Vec<u8> =
            (0..record_size).map(|at| b'a' + u8::try_from(at % 26).unwrap_or(0)).collect();
        for _ in 0..records {
            batch.push(time, None, Some(&value), &[]);
        }
        let batch = batch.build()?;
        let parts =
            partitions.map(|index| PartitionProduceData { index, records: Some(batch.clone()) });
        let topic = TopicProduceData {
            name: Str::from(topic),
            partition_data: parts.collect(),
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            acks: 1,
            timeout_ms: 30_000,
            topic_data: vec![topic],
            ..ProduceRequest::default()
        };
        Ok(Frame { bytes: encode(PRODUCE, &request)?, check: Check::Produce })
    }

    /// A fetch of up to `bytes` from the beginning of a topic's first partition.
    pub(crate) fn fetch(topic: &str, bytes: i32) -> Result<Frame> {
        let wanted = FetchPartition { partition_max_bytes: bytes, ..FetchPartition::default() };
        let topic = FetchTopic {
            topic: Str::from(topic),
            partitions: vec![wanted],
            ..FetchTopic::default()
        };
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: bytes,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        Ok(Frame { bytes: encode(FETCH, &request)?, check: Check::Fetch })
    }
}

fn encode<R: Request>(version: i16, request: &R) -> Result<Bytes> {
    let frame = frame::encode_request(version, 1, Some("bench"), request)?;
    frame.to_bytes().context("a frame of pieces that are not in memory")
}

fn refuse(code: i16, what: &str) -> Result<()> {
    if code != 0 {
        bail!("{what} was answered with the error {:?}", wire::ErrorCode::from_wire(code));
    }
    Ok(())
}
