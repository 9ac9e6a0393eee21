//! Reads of what is not in memory: the bytes are the same, their order too, and nobody else waits.

use tokio::io::AsyncReadExt;
use wire::ErrorCode;
use wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use wire::messages::fetch::{FetchRequest, FetchResponse};
use wire::messages::metadata::MetadataRequest;

use crate::node::{Client, FETCH_BY_NAME, Node, fetch_request, values};

/// More than one part of what is brought in at a time.
const LARGE: i32 = 5 << 20;

fn fetch_up_to(topic: &str, bytes: i32, offset: i64) -> FetchRequest {
    let mut request = FetchRequest { max_bytes: bytes, ..fetch_request(topic, 0, offset) };
    request.topics[0].partitions[0].partition_max_bytes = bytes;
    request
}

fn fetched(answer: &FetchResponse) -> Vec<String> {
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    values(partition.records.as_ref())
}

/// A value that says which it is, `bytes` long.
fn value(index: usize, bytes: usize) -> String {
    format!("{index:08}").repeat(bytes / 8)
}

async fn fill(client: &mut Client, topic: &str, sizes: &[usize]) -> Vec<String> {
    fill_segments(client, topic, "1048576", sizes).await
}

async fn fill_segments(
    client: &mut Client,
    topic: &str,
    segment_bytes: &str,
    sizes: &[usize],
) -> Vec<String> {
    client.create_with(topic, 1, &[("segment.bytes", segment_bytes)]).await;
    let mut produced = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let value = value(index, *size);
        client.produce(topic, 0, &[&value]).await;
        produced.push(value);
    }
    produced
}

#[tokio::test]
async fn what_is_not_in_memory_comes_all_the_same() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let sizes: Vec<usize> = (0..60).map(|index| [80, 5_000, 40_000, 300_000][index % 4]).collect();
    let produced = fill(&mut client, "a", &sizes).await;
    for bytes in [1, 10_000, 100_000, 1 << 20, LARGE] {
        for read_bytes in [700, usize::MAX] {
            node.sim.disk.shorten_reads(read_bytes);
            let mut all = Vec::new();
            while all.len() < produced.len() {
                node.sim.disk.forget_pages();
                let offset = i64::try_from(all.len()).unwrap();
                let answer = client.call(FETCH_BY_NAME, &fetch_up_to("a", bytes, offset)).await;
                let more = fetched(&answer);
                assert!(!more.is_empty(), "nothing at {offset}, up to {bytes} bytes");
                all.extend(more);
            }
            assert!(all == produced, "up to {bytes} bytes, {read_bytes} a read");
        }
    }
}

#[tokio::test]
async fn a_disk_that_does_not_answer_holds_up_nobody_else() {
    let node = Node::start().await;
    let mut reader = node.connect().await;
    let mut other = node.connect().await;
    let produced = fill(&mut reader, "old", &[10_000; 10]).await;
    other.create("new", 1).await;
    node.sim.disk.forget_pages();
    node.sim.disk.stall_reads(true);

    let fetch = reader.send(FETCH_BY_NAME, &fetch_request("old", 0, 0)).await;
    let metadata = reader.send(9, &MetadataRequest::default()).await;
    // Twice, so that the fetch was looked at before.
    for round in 0..2 {
        other.produce("new", 0, &["x"]).await;
        let answer = other.call(FETCH_BY_NAME, &fetch_request("new", 0, round)).await;
        assert_eq!(fetched(&answer), ["x"]);
    }
    other.produce("old", 0, &["the tail"]).await;

    node.sim.disk.stall_reads(false);
    let answer = reader.receive::<FetchRequest>(FETCH_BY_NAME, fetch).await;
    assert_eq!(fetched(&answer)[..10], produced);
    reader.receive::<MetadataRequest>(9, metadata).await;
}

#[tokio::test]
async fn nor_does_one_that_stops_in_the_middle_of_an_answer() {
    let node = Node::start().await;
    let mut reader = node.connect().await;
    let mut other = node.connect().await;
    let produced = fill_segments(&mut reader, "old", "16777216", &[500_000; 6]).await;
    other.create("new", 1).await;
    let fetch = reader.send(FETCH_BY_NAME, &fetch_up_to("old", LARGE, 0)).await;
    let mut len = [0; 4];
    reader.stream.read_exact(&mut len).await.unwrap();
    // As much as the pipe takes is on its way.
    node.sim.disk.forget_pages();
    node.sim.disk.stall_reads(true);
    let mut frame = vec![0; usize::try_from(i32::from_be_bytes(len)).unwrap()];
    let (head, rest) = frame.split_at_mut(60_000);
    reader.stream.read_exact(head).await.unwrap();
    for offset in 0..2 {
        other.produce("new", 0, &["x"]).await;
        let answer = other.call(FETCH_BY_NAME, &fetch_request("new", 0, offset)).await;
        assert_eq!(fetched(&answer), ["x"]);
    }
    node.sim.disk.stall_reads(false);
    reader.stream.read_exact(rest).await.unwrap();
    let (correlation, answer) =
        wire::frame::decode_response::<FetchResponse>(frame.into(), FETCH_BY_NAME).unwrap();
    assert_eq!(correlation, fetch);
    assert!(fetched(&answer) == produced);
}

#[tokio::test]
async fn a_read_goes_on_when_its_segment_is_deleted() {
    let node = Node::start().await;
    let mut reader = node.connect().await;
    let mut other = node.connect().await;
    let produced = fill(&mut reader, "old", &[200_000; 20]).await;
    node.sim.disk.forget_pages();
    node.sim.disk.stall_reads(true);
    // Its pieces are found in memory, and then sent from the files.
    let fetch = reader.send(FETCH_BY_NAME, &fetch_up_to("old", LARGE, 0)).await;
    other.call(9, &MetadataRequest::default()).await;
    node.sim.disk.stall_reads(false);
    let delete = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: Some("old".into()), ..Default::default() }],
        timeout_ms: 10_000,
        ..Default::default()
    };
    let mut len = [0; 4];
    reader.stream.read_exact(&mut len).await.unwrap();
    let deleted = other.call(6, &delete).await;
    assert_eq!(deleted.responses[0].error_code, 0);
    node.sim.disk.forget_pages();
    let mut frame = vec![0; usize::try_from(i32::from_be_bytes(len)).unwrap()];
    reader.stream.read_exact(&mut frame).await.unwrap();
    let decoded = wire::frame::decode_response::<FetchResponse>(frame.into(), FETCH_BY_NAME);
    let (correlation, answer) = decoded.unwrap();
    assert_eq!(correlation, fetch);
    assert!(fetched(&answer) == produced);
}

#[tokio::test]
async fn a_disk_that_cannot_read_is_an_error_of_its_partition() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for bytes in [20_000, 200_000] {
        let topic = format!("old-{bytes}");
        let produced = fill(&mut client, &topic, &[bytes]).await;
        let warm = fill(&mut client, &format!("new-{bytes}"), &[bytes]).await;
        node.sim.disk.forget_pages();
        client.call(FETCH_BY_NAME, &fetch_request(&format!("new-{bytes}"), 0, 0)).await;
        node.sim.disk.fail_reads(true);
        let mut both = fetch_request(&topic, 0, 0);
        both.topics.extend(fetch_request(&format!("new-{bytes}"), 0, 0).topics);
        let answer = client.call(FETCH_BY_NAME, &both).await;
        let failed = &answer.responses[0].partitions[0];
        assert_eq!(failed.error_code, ErrorCode::KafkaStorageError.number());
        let well = &answer.responses[1].partitions[0];
        assert!(values(well.records.as_ref()) == warm);
        node.sim.disk.fail_reads(false);
        let answer = client.call(FETCH_BY_NAME, &fetch_request(&topic, 0, 0)).await;
        assert!(fetched(&answer) == produced);
    }
}
