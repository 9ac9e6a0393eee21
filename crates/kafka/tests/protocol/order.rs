//! Order: answers come in the order of the requests, and appends of one connection too.

use wire::ErrorCode;
use wire::messages::fetch::FetchRequest;
use wire::messages::init_producer_id::InitProducerIdRequest;
use wire::messages::metadata::MetadataRequest;
use wire::messages::produce::ProduceRequest;

use crate::node::{
    FETCH_BY_NAME, Node, PRODUCE_BY_NAME, batch, fetch_request, produce_request, values,
};

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("orders", 1).await;
    let mut sent = Vec::new();
    for round in 0..30 {
        let value = format!("v{round}");
        let produce = produce_request("orders", 0, batch(&[&value]));
        sent.push(client.send(PRODUCE_BY_NAME, &produce).await);
    }
    let fetch = client.send(FETCH_BY_NAME, &fetch_request("orders", 0, 0)).await;
    let metadata = client.send(9, &MetadataRequest::default()).await;
    for (round, correlation) in (0..).zip(sent) {
        let answer = client.receive::<ProduceRequest>(PRODUCE_BY_NAME, correlation).await;
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, round);
    }
    let answer = client.receive::<FetchRequest>(FETCH_BY_NAME, fetch).await;
    let fetched = values(answer.responses[0].partitions[0].records.as_ref());
    let produced: Vec<_> = (0..30).map(|round| format!("v{round}")).collect();
    assert_eq!(fetched, produced, "a fetch sees what its own connection wrote before it");
    client.receive::<MetadataRequest>(9, metadata).await;
}

#[tokio::test]
async fn what_waits_is_not_overtaken() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("slow", 1).await;
    let poll = FetchRequest { max_wait_ms: 300, min_bytes: 1, ..fetch_request("slow", 0, 0) };
    let fetch = client.send(FETCH_BY_NAME, &poll).await;
    let id = client.send(4, &InitProducerIdRequest::default()).await;
    let metadata = client.send(9, &MetadataRequest::default()).await;
    let answer = client.receive::<FetchRequest>(FETCH_BY_NAME, fetch).await;
    assert_eq!(values(answer.responses[0].partitions[0].records.as_ref()), [""; 0]);
    client.receive::<InitProducerIdRequest>(4, id).await;
    client.receive::<MetadataRequest>(9, metadata).await;
}

#[tokio::test]
async fn without_acks_there_is_no_answer_and_the_next_request_gets_its_own() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("quiet", 1).await;
    for value in ["a", "b"] {
        let request = ProduceRequest { acks: 0, ..produce_request("quiet", 0, batch(&[value])) };
        client.send(PRODUCE_BY_NAME, &request).await;
    }
    assert_eq!(client.produce("quiet", 0, &["c"]).await, 2);
    let answer = client.call(FETCH_BY_NAME, &fetch_request("quiet", 0, 0)).await;
    assert_eq!(values(answer.responses[0].partitions[0].records.as_ref()), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_long_poll_ends_when_somebody_produces() {
    let node = Node::start().await;
    let mut reader = node.connect().await;
    let mut writer = node.connect().await;
    writer.create("news", 2).await;
    let poll = FetchRequest { max_wait_ms: 15_000, min_bytes: 1, ..fetch_request("news", 1, 0) };
    let fetch = reader.send(FETCH_BY_NAME, &poll).await;
    writer.produce("news", 0, &["elsewhere"]).await;
    writer.produce("news", 1, &["here"]).await;
    let answer = reader.receive::<FetchRequest>(FETCH_BY_NAME, fetch).await;
    assert_eq!(values(answer.responses[0].partitions[0].records.as_ref()), ["here"]);
}

#[tokio::test]
async fn nobody_but_the_broker_writes_to_an_internal_topic() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("__consumer_offsets", 1).await;
    let produce = produce_request("__consumer_offsets", 0, batch(&["forged"]));
    let answer = client.call(PRODUCE_BY_NAME, &produce).await;
    let partition = &answer.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, ErrorCode::InvalidTopicException.number());
}
