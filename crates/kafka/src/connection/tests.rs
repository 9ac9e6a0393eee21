//! A connection over the simulated network: order, what waits for what, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker::config::{BrokerConfig, Settings};
use broker::limits::{FRAME_PROGRESS_PERIOD, READER_STALL_MAX};
use broker::{Broker, CreateTopic, Endpoint, Security, TopicRef};
use bytes::Bytes;
use env::Clock;
use env::clock::Deadline;
use env::net::Stream;
use env::sim::Sim;
use records::{BatchBuilder, Codec, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use wire::messages::find_coordinator::FindCoordinatorRequest;
use wire::messages::join_group::JoinGroupRequest;
use wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use wire::messages::offset_commit::{OffsetCommitRequest, OffsetCommitRequestTopic};
use wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::{Request, Str, frame};

use crate::Server;
use crate::answer::Reply;
use crate::dispatch::{Session, dispatch};

/// Versions that name topics by name.
const BY_NAME: i16 = 12;
const METADATA: i16 = 9;

/// Longer than anything takes; only a fault waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough for a broker to do what it must not do.
const A_MOMENT: Duration = Duration::from_millis(50);

struct Node {
    sim: Sim,
    broker: Arc<Broker>,
    server: Server,
    address: SocketAddr,
}

impl Node {
    /// A broker with the topic `t`.
    async fn start() -> Node {
        let sim = Sim::new(3);
        let env = sim.env();
        let mut settings = Settings::new();
        for flag in ["log.dirs=/data", "queued.max.request.bytes=4194304"] {
            settings.set_flag(flag).unwrap();
        }
        settings.set_flag("socket.request.max.bytes=2097152").unwrap();
        let config = BrokerConfig::from_settings(settings).unwrap();
        let listener = env.net.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_address().unwrap();
        let endpoint = Endpoint {
            name: "PLAINTEXT".to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
            security: Security::Plaintext,
        };
        let broker = Broker::start(env, config, vec![endpoint]).await.unwrap();
        let topic = CreateTopic { name: "t".to_owned(), ..CreateTopic::default() };
        broker.create_topics(vec![topic], false).await.pop().unwrap().unwrap();
        let server = Server::new(broker.clone());
        server.listen(listener);
        Node { sim, broker, server, address }
    }

    async fn connect(&self) -> Stream {
        self.sim.env().net.connect(self.address).await.unwrap()
    }

    /// The records of `t` on the log, acknowledged or not.
    fn log_end(&self) -> i64 {
        let topic = self.broker.topic(TopicRef::Name("t")).unwrap();
        topic.partition(0).unwrap().log().unwrap().log_end().0
    }

    fn held(&self) -> i64 {
        self.broker.budget().total() - self.broker.budget().left()
    }

    /// Lets the simulated clock go with the runtime's, which jumps to the next timer.
    fn let_time_fly(&self) {
        let clock = self.sim.clock.clone();
        tokio::time::pause();
        tokio::spawn(async move {
            loop {
                env::clock::sleep(Duration::from_millis(100)).await;
                clock.advance(Duration::from_millis(100));
            }
        });
    }

    /// Until no connection is left, and nothing of what they held.
    async fn expect_all_gone(&self) {
        for _ in 0..1000 {
            if self.server.connections() == 0 && self.held() == 0 {
                return;
            }
            env::clock::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} connections are left, {} bytes held", self.server.connections(), self.held());
    }
}

fn request<R: Request>(version: i16, correlation: i32, request: &R) -> Vec<u8> {
    let encoded = frame::encode_request(version, correlation, Some("test"), request).unwrap();
    encoded.to_bytes().unwrap().to_vec()
}

/// How long a produce waits for its acknowledgement.
const PRODUCE_WAIT: Duration = Duration::from_secs(10);

fn produce(correlation: i32, value: &[u8]) -> Vec<u8> {
    produce_within(PRODUCE_WAIT, correlation, value)
}

fn produce_within(wait: Duration, correlation: i32, value: &[u8]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(Timestamp(1_767_225_600_000), None, Some(value), &[]);
    let records = Some(batch.build().unwrap());
    let topic = TopicProduceData {
        name: Str::from("t"),
        partition_data: vec![PartitionProduceData { index: 0, records }],
        ..TopicProduceData::default()
    };
    let body = ProduceRequest {
        acks: -1,
        timeout_ms: wait.as_millis().try_into().unwrap(),
        topic_data: vec![topic],
        ..ProduceRequest::default()
    };
    request(BY_NAME, correlation, &body)
}

/// A fetch that waits for records behind `offset`.
fn long_poll(correlation: i32, offset: i64) -> Vec<u8> {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let topic =
        FetchTopic { topic: Str::from("t"), partitions: vec![partition], ..FetchTopic::default() };
    let body = FetchRequest {
        max_wait_ms: 60_000,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..FetchRequest::default()
    };
    request(BY_NAME, correlation, &body)
}

fn metadata(correlation: i32) -> Vec<u8> {
    request(METADATA, correlation, &MetadataRequest::default())
}

/// The correlation id of the next answer; none at the end of the connection.
async fn answered(stream: &mut Stream) -> Option<i32> {
    let read = async {
        let len = usize::try_from(stream.read_i32().await.ok()?).unwrap();
        let mut frame = vec![0; len];
        stream.read_exact(&mut frame).await.ok()?;
        Some(i32::from_be_bytes(frame[..4].try_into().unwrap()))
    };
    env::clock::timeout(PATIENCE, read).await.expect("neither an answer nor an end")
}

/// That no answer comes within a moment.
async fn expect_silence(stream: &mut Stream) {
    let mut byte = [0];
    let read = env::clock::timeout(A_MOMENT, stream.read(&mut byte)).await;
    assert!(read.is_none(), "answered with {read:?} what has to wait");
}

#[tokio::test]
async fn a_request_that_waits_does_not_keep_its_frame_in_memory() {
    let node = Node::start().await;
    let new = MetadataRequestTopic { name: Some(Str::from("new")), ..Default::default() };
    let create = MetadataRequest {
        topics: Some(vec![new]),
        allow_auto_topic_creation: true,
        ..MetadataRequest::default()
    };
    let find = FindCoordinatorRequest {
        coordinator_keys: vec![Str::from("group")],
        ..FindCoordinatorRequest::default()
    };
    let join = JoinGroupRequest {
        group_id: Str::from("group"),
        protocol_type: Str::from("consumer"),
        ..JoinGroupRequest::default()
    };
    let commit = OffsetCommitRequest {
        group_id: Str::from("group"),
        topics: vec![OffsetCommitRequestTopic {
            name: Str::from("t"),
            partitions: vec![Default::default()],
            ..Default::default()
        }],
        ..OffsetCommitRequest::default()
    };
    // Otherwise a produce may be durable before anybody looks whether it waits.
    node.sim.disk.stall_syncs(true);
    let mut seen = Vec::new();
    for (what, request) in [
        ("Produce", produce(1, &[5; 10_000])),
        ("Fetch", long_poll(1, 0)),
        ("Metadata", request(METADATA, 1, &create)),
        ("FindCoordinator", request(4, 1, &find)),
        ("JoinGroup", request(5, 1, &join)),
        ("OffsetCommit", request(8, 1, &commit)),
    ] {
        let frame = Bytes::from(request[4..].to_vec());
        let mut session = Session::new(node.address);
        let reply = dispatch(&node.server.shared, &mut session, frame.clone());
        let waits = matches!(reply, Ok(Reply::Later(_)));
        seen.push((what, waits, frame.is_unique()));
    }
    node.sim.disk.stall_syncs(false);
    for (what, waits, is_free) in seen {
        assert!(waits, "{what} does not wait: a moot test");
        assert!(is_free, "{what} holds its frame");
    }
}

#[tokio::test]
async fn pipelined_produces_are_appended_and_answered_in_order() {
    let node = Node::start().await;
    let mut stream = node.connect().await;
    // More than may wait at once.
    let count = 200;
    let sent: Vec<u8> = (0..count).flat_map(|number| produce(number, b"v")).collect();
    stream.write_all(&sent).await.unwrap();
    for number in 0..count {
        assert_eq!(answered(&mut stream).await, Some(number));
    }
    assert_eq!(node.log_end(), i64::from(count));
}

#[tokio::test]
async fn the_time_of_a_produce_runs_from_when_it_came() {
    let node = Node::start().await;
    let mut stream = node.connect().await;
    node.sim.disk.stall_syncs(true);
    let sent: Vec<u8> = (0..3).flat_map(|number| produce(number, b"v")).collect();
    stream.write_all(&sent).await.unwrap();
    while node.log_end() < 3 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    let late = Deadline::after(PRODUCE_WAIT + PRODUCE_WAIT / 2);
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(answered(&mut stream).await);
    }
    let is_late = late.has_passed();
    tokio::time::resume();
    let topic = node.broker.topic(TopicRef::Name("t")).unwrap();
    let waiting = topic.partition(0).unwrap().waiters().len();
    node.sim.disk.stall_syncs(false);
    assert_eq!(answers, [Some(0), Some(1), Some(2)]);
    assert!(!is_late, "they waited one after the other");
    assert_eq!(waiting, 0, "in line for what is answered");
}

#[tokio::test]
async fn who_has_no_time_is_answered() {
    let node = Node::start().await;
    let mut stream = node.connect().await;
    node.sim.disk.stall_syncs(true);
    let mut answers = Vec::new();
    for number in 0..3 {
        stream.write_all(&produce_within(Duration::ZERO, number, b"v")).await.unwrap();
        answers.push(answered(&mut stream).await);
    }
    node.sim.disk.stall_syncs(false);
    assert_eq!(answers, [Some(0), Some(1), Some(2)]);
}

#[tokio::test]
async fn connections_end_with_the_server() {
    let node = Node::start().await;
    let mut silent = node.connect().await;
    let mut waits = node.connect().await;
    waits.write_all(&long_poll(1, 0)).await.unwrap();
    expect_silence(&mut waits).await;
    node.server.stop().await;
    assert_eq!(answered(&mut silent).await, None);
    assert_eq!(answered(&mut waits).await, None);
}

#[tokio::test]
async fn a_parked_fetch_holds_up_what_is_behind_it_and_then_lets_it_go() {
    let node = Node::start().await;
    let mut stream = node.connect().await;
    // All of it comes at once: what is behind the fetch is in the buffer when the fetch is answered.
    let sent = [produce(1, b"a"), long_poll(2, 1), produce(3, b"c"), metadata(4)].concat();
    stream.write_all(&sent).await.unwrap();
    assert_eq!(answered(&mut stream).await, Some(1));
    expect_silence(&mut stream).await;
    assert_eq!(node.log_end(), 1, "a produce overtook the fetch before it");
    let mut other = node.connect().await;
    other.write_all(&produce(9, b"b")).await.unwrap();
    assert_eq!(answered(&mut other).await, Some(9));
    for correlation in [2, 3, 4] {
        assert_eq!(answered(&mut stream).await, Some(correlation));
    }
    assert_eq!(node.log_end(), 3);
}

#[tokio::test]
async fn a_fetch_behind_a_produce_that_waits_comes_after_it() {
    let node = Node::start().await;
    let mut stream = node.connect().await;
    for round in 0..50 {
        let (first, second) = (2 * round, 2 * round + 1);
        let offset = i64::from(round);
        stream
            .write_all(&[produce(first, b"v"), long_poll(second, offset)].concat())
            .await
            .unwrap();
        // Waiting for more would take a minute: it sees what was written before it.
        assert_eq!(answered(&mut stream).await, Some(first));
        assert_eq!(answered(&mut stream).await, Some(second));
    }
}

#[tokio::test]
async fn what_was_asked_before_nonsense_is_answered_first() {
    let node = Node::start().await;
    for nonsense in [&(-5_i32).to_be_bytes()[..], &[0, 0, 0, 4, 0x7f, 0, 0, 0], &[0, 0, 0, 1, 9]] {
        let mut stream = node.connect().await;
        let sent = [produce(1, b"v"), produce(2, b"v"), nonsense.to_vec()].concat();
        stream.write_all(&sent).await.unwrap();
        assert_eq!(answered(&mut stream).await, Some(1), "before {nonsense:?}");
        assert_eq!(answered(&mut stream).await, Some(2), "before {nonsense:?}");
        assert_eq!(answered(&mut stream).await, None, "after {nonsense:?}");
    }
    node.expect_all_gone().await;
}

#[tokio::test]
async fn who_has_said_all_still_gets_the_answers() {
    let node = Node::start().await;
    let mut stream = node.connect().await;
    stream.write_all(&[produce(1, b"v"), produce(2, b"v"), metadata(3)].concat()).await.unwrap();
    stream.shutdown().await.unwrap();
    for correlation in [1, 2, 3] {
        assert_eq!(answered(&mut stream).await, Some(correlation));
    }
    assert_eq!(answered(&mut stream).await, None);
    node.expect_all_gone().await;
}

#[tokio::test]
async fn requests_wait_while_replies_elsewhere_crowd_the_memory() {
    let node = Node::start().await;
    let mut replies = node.broker.budget().tally();
    replies.count(5 << 20);
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = node.connect().await;
        stream.write_all(&metadata(1)).await.unwrap();
        expect_silence(&mut stream).await;
        streams.push(stream);
    }
    drop(replies);
    for stream in &mut streams {
        assert_eq!(answered(stream).await, Some(1));
    }
}

#[tokio::test]
async fn who_takes_the_answers_is_served_while_it_is_crowded() {
    let node = Node::start().await;
    let mut replies = node.broker.budget().tally();
    replies.count(3 << 20);
    assert!(node.broker.budget().is_crowded());
    let mut stream = node.connect().await;
    let sent: Vec<u8> = (0..50).flat_map(metadata).collect();
    stream.write_all(&sent).await.unwrap();
    for correlation in 0..50 {
        assert_eq!(answered(&mut stream).await, Some(correlation));
    }
}

#[tokio::test]
async fn a_large_request_waits_for_memory_and_small_ones_do_not() {
    let node = Node::start().await;
    let mut replies = node.broker.budget().tally();
    // Nothing open is left, and somebody borrows all of the reserve.
    replies.count(2 << 20);
    let mut borrower = node.broker.budget().grant();
    std::future::poll_fn(|context| borrower.poll_hold(context, 1, 2 << 20)).await;
    assert!(borrower.borrows());
    let mut large = node.connect().await;
    let sent = produce(1, &vec![5; 900_000]);
    let write = tokio::spawn(async move {
        large.write_all(&sent).await.unwrap();
        large
    });
    let mut small = node.connect().await;
    for correlation in 0..20 {
        small.write_all(&produce(correlation, b"v")).await.unwrap();
        assert_eq!(answered(&mut small).await, Some(correlation));
    }
    assert!(!write.is_finished(), "900 kB were taken in without memory for them");
    drop(borrower);
    let mut large = write.await.unwrap();
    assert_eq!(answered(&mut large).await, Some(1));
    drop((replies, small, large));
    node.expect_all_gone().await;
}

#[tokio::test]
async fn half_a_frame_is_cut_and_a_silent_peer_is_not() {
    let node = Node::start().await;
    let mut silent = node.connect().await;
    let mut header = node.connect().await;
    header.write_all(&[0, 0]).await.unwrap();
    let mut body = node.connect().await;
    body.write_all(&produce(1, b"v")[..30]).await.unwrap();
    let mut waits = node.connect().await;
    waits.write_all(&[long_poll(1, 0), metadata(2)[..5].to_vec()].concat()).await.unwrap();
    expect_silence(&mut waits).await;
    node.let_time_fly();
    let began = node.sim.clock.monotonic();
    assert_eq!(answered(&mut header).await, None);
    assert_eq!(answered(&mut body).await, None);
    let took = node.sim.clock.monotonic() - began;
    assert!(took >= FRAME_PROGRESS_PERIOD - A_MOMENT * 4, "cut after {took:?}");
    assert!(took <= FRAME_PROGRESS_PERIOD + FRAME_PROGRESS_PERIOD / 10, "cut after {took:?}");
    env::clock::sleep(3 * FRAME_PROGRESS_PERIOD).await;
    assert_eq!(node.server.connections(), 2, "who says nothing, or waits for an answer, stays");
    silent.write_all(&metadata(1)).await.unwrap();
    assert_eq!(answered(&mut silent).await, Some(1));
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_and_its_memory_comes_back() {
    let node = Node::start().await;
    let mut stream = node.connect().await;
    // Answers for more than the pipe holds and one connection may have waiting.
    let sent: Vec<u8> = (0..20_000).flat_map(metadata).collect();
    let write = tokio::spawn(async move {
        let _ = stream.write_all(&sent).await;
        stream
    });
    for _ in 0..1000 {
        if node.held() > 0 {
            break;
        }
        env::clock::sleep(Duration::from_millis(5)).await;
    }
    assert!(node.held() > 0, "no answer ever waited");
    node.let_time_fly();
    env::clock::sleep(READER_STALL_MAX - FRAME_PROGRESS_PERIOD / 2).await;
    assert_eq!(node.server.connections(), 1, "cut too early");
    env::clock::sleep(2 * FRAME_PROGRESS_PERIOD).await;
    node.expect_all_gone().await;
    drop(write.await.unwrap());
}
