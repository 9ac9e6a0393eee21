//! A broker with its front end on a simulated machine, and a client that speaks frames.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker::config::{BrokerConfig, Settings};
use broker::{Broker, Endpoint, Security};
use bytes::Bytes;
use env::net::Stream;
use env::sim::Sim;
use records::{BatchBuilder, Codec, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use walser_kafka::Server;
use wire::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::find_coordinator::FindCoordinatorRequest;
use wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::{ApiKey, Records, Request, Str, frame};

/// Longer than any answer takes; only a fault waits for it.
const ANSWER_WAIT: Duration = Duration::from_secs(20);

/// Versions in which tests produce and fetch where the version is not what they are about: the last
/// ones that name topics by name.
pub const PRODUCE_BY_NAME: i16 = 12;
pub const FETCH_BY_NAME: i16 = 12;

pub struct Node {
    pub sim: Sim,
    pub broker: Arc<Broker>,
    pub server: Server,
    pub address: SocketAddr,
}

impl Node {
    pub async fn start() -> Node {
        Node::with(&[]).await
    }

    /// A node with settings as the command line gives them.
    pub async fn with(flags: &[&str]) -> Node {
        Node::on(Sim::new(7), flags).await
    }

    /// A node on a machine that has been used before.
    pub async fn on(sim: Sim, flags: &[&str]) -> Node {
        let env = sim.env();
        let mut settings = Settings::new();
        let ours = [
            "log.dirs=/data",
            "offsets.topic.num.partitions=2",
            "group.initial.rebalance.delay.ms=0",
        ];
        for flag in ours.iter().chain(flags) {
            settings.set_flag(flag).expect("a setting");
        }
        let config = BrokerConfig::from_settings(settings).expect("settings that go together");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = env.net.listen(any).await.expect("a listener");
        let address = listener.local_address().expect("an address");
        let endpoint = Endpoint {
            name: "PLAINTEXT".to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
            security: Security::Plaintext,
        };
        let broker = Broker::start(env, config, vec![endpoint]).await.expect("the broker starts");
        let server = Server::new(broker.clone());
        server.listen(listener);
        Node { sim, broker, server, address }
    }

    pub async fn connect(&self) -> Client {
        let stream = self.sim.env().net.connect(self.address).await.expect("a connection");
        Client { stream, correlation: 0 }
    }
}

pub struct Client {
    pub stream: Stream,
    correlation: i32,
}

impl Client {
    /// Sends a request and takes its answer.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let correlation = self.send(version, request).await;
        self.receive::<R>(version, correlation).await
    }

    /// Sends a request; gives its correlation id.
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.correlation += 1;
        let encoded = frame::encode_request(version, self.correlation, Some("test"), request)
            .unwrap_or_else(|error| panic!("{} {version}: {error}", R::NAME));
        self.write(&encoded.to_bytes().expect("a request is in memory")).await;
        self.correlation
    }

    /// Takes the answer to a request that was sent.
    pub async fn receive<R: Request>(&mut self, version: i16, correlation: i32) -> R::Response {
        let Some(frame) = self.frame().await else {
            panic!("{} {version}: the connection was closed instead of answered", R::NAME)
        };
        match frame::decode_response::<R::Response>(frame, version) {
            Ok((answered, response)) => {
                assert_eq!(answered, correlation, "{} {version}: answers out of order", R::NAME);
                response
            }
            Err(error) => panic!("{} {version}: the answer is malformed: {error}", R::NAME),
        }
    }

    /// Sends bytes as they are. The broker may be closing the connection meanwhile.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next frame without its length; none when the connection was closed.
    pub async fn frame(&mut self) -> Option<Bytes> {
        let read = async {
            let mut len = [0; 4];
            self.stream.read_exact(&mut len).await.ok()?;
            let len = usize::try_from(i32::from_be_bytes(len)).expect("a length");
            let mut frame = vec![0; len];
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(Bytes::from(frame))
        };
        match env::clock::timeout(ANSWER_WAIT, read).await {
            Some(frame) => frame,
            None => panic!("neither an answer nor the end of the connection came"),
        }
    }

    /// The broker ends the connection without another word.
    pub async fn expect_closed(&mut self, why: &str) {
        let frame = self.frame().await;
        assert!(frame.is_none(), "{why}: answered {frame:?} instead of closed");
    }

    pub async fn create(&mut self, name: &str, partitions: i32) -> uuid::Uuid {
        self.create_with(name, partitions, &[]).await
    }

    pub async fn create_with(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> uuid::Uuid {
        let configs = configs.iter().map(|(key, value)| {
            wire::messages::create_topics::CreatableTopicConfig {
                name: Str::from(*key),
                value: Some(Str::from(*value)),
            }
        });
        let topic = CreatableTopic {
            name: Str::from(name),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let response = self.call(7, &request).await;
        let created = &response.topics[0];
        assert_eq!(created.error_code, 0, "{name}: {:?}", created.error_message);
        created.topic_id
    }

    /// Produces one batch of a record a value; gives the offset of the first.
    pub async fn produce(&mut self, topic: &str, partition: i32, values: &[&str]) -> i64 {
        let request = produce_request(topic, partition, batch(values));
        let response = self.call(PRODUCE_BY_NAME, &request).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0, "{topic}: {:?}", partition.error_message);
        partition.base_offset
    }

    /// Waits until the broker coordinates `group`.
    pub async fn find_group(&mut self, group: &str) {
        let request = FindCoordinatorRequest {
            coordinator_keys: vec![Str::from(group)],
            ..FindCoordinatorRequest::default()
        };
        let response = self.call(4, &request).await;
        assert_eq!(response.coordinators[0].error_code, 0, "{:?}", response.coordinators[0]);
        // Other groups than this may be used next, so all are waited for.
        let list = wire::messages::list_groups::ListGroupsRequest::default();
        for _ in 0..12_000 {
            if self.call(4, &list).await.error_code == 0 {
                return;
            }
            env::clock::sleep(Duration::from_millis(5)).await;
        }
        panic!("the groups do not finish loading");
    }
}

/// A batch with a record for each value.
pub fn batch(values: &[&str]) -> Bytes {
    batch_at(&values.iter().map(|value| (1_767_225_600_000, *value)).collect::<Vec<_>>())
}

/// A batch with a record for each time and value.
pub fn batch_at(records: &[(i64, &str)]) -> Bytes {
    let mut batch = BatchBuilder::new(Codec::None);
    for (time, value) in records {
        batch.push(Timestamp(*time), None, Some(value.as_bytes()), &[]);
    }
    batch.build().expect("a batch")
}

/// A request to produce one batch with acks=all.
pub fn produce_request(topic: &str, partition: i32, batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index: partition, records: Some(batch) };
    let topic = TopicProduceData {
        name: Str::from(topic),
        partition_data: vec![data],
        ..TopicProduceData::default()
    };
    ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![topic],
        ..ProduceRequest::default()
    }
}

/// A request to fetch one partition without waiting.
pub fn fetch_request(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    let wanted = FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let topic =
        FetchTopic { topic: Str::from(topic), partitions: vec![wanted], ..FetchTopic::default() };
    FetchRequest {
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

/// A frame with a header and whatever body.
pub fn raw(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend_from_slice(&key.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&77_i32.to_be_bytes());
    frame.extend_from_slice(&(-1_i16).to_be_bytes());
    let flexible =
        ApiKey::from_number(key).is_some_and(|known| known.request_header_version(version) >= 2);
    if flexible {
        frame.push(0);
    }
    frame.extend_from_slice(body);
    let mut framed = i32::try_from(frame.len()).expect("short").to_be_bytes().to_vec();
    framed.extend_from_slice(&frame);
    framed
}

/// The values of all records in what was fetched.
pub fn values(records: Option<&Records>) -> Vec<String> {
    let bytes = records.and_then(Records::to_bytes).unwrap_or_default();
    let mut values = Vec::new();
    for batch in records::batches(&bytes) {
        let batch = batch.expect("a whole batch");
        let unpacked = batch.uncompressed_records(1 << 20).expect("unpacks");
        for record in batch.records(&unpacked) {
            let value = record.expect("a record").value.unwrap_or_default();
            values.push(String::from_utf8_lossy(value).into_owned());
        }
    }
    values
}
