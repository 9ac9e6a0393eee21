//! Hostile bytes: they end their connection, cost nothing, and disturb nobody else.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use wire::messages::metadata::MetadataRequest;

use crate::node::{Client, Node, raw};

/// The broker still answers, and holds no memory for whoever is gone.
async fn expect_unharmed(node: &Node) {
    let mut client = node.connect().await;
    client.call(9, &MetadataRequest::default()).await;
    drop(client);
    let budget = node.broker.budget();
    for _ in 0..200 {
        if budget.left() == budget.total() {
            return;
        }
        env::clock::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} bytes of the budget are held by nobody", budget.total() - budget.left());
}

#[tokio::test]
async fn a_frame_of_an_impossible_length_closes_the_connection() {
    let node = Node::start().await;
    let limit = i32::try_from(node.broker.config().socket_request_max_bytes).expect("an i32");
    for length in [i32::MAX, limit + 1, -1, i32::MIN, 0] {
        let mut client = node.connect().await;
        client.write(&length.to_be_bytes()).await;
        client.expect_closed(&format!("a frame of {length} bytes")).await;
    }
    expect_unharmed(&node).await;
}

#[tokio::test]
async fn a_large_frame_that_does_not_come_holds_no_memory() {
    let node = Node::start().await;
    let limit = i32::try_from(node.broker.config().socket_request_max_bytes).expect("an i32");
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = node.connect().await;
        client.write(&limit.to_be_bytes()).await;
        client.write(&[0; 100]).await;
        clients.push(client);
    }
    // What they declared is a hundred times the budget; what they sent is next to nothing.
    let mut client = node.connect().await;
    client.call(9, &MetadataRequest::default()).await;
    let budget = node.broker.budget();
    let held = budget.total() - budget.left();
    assert!(held <= 100 * 64 * 1024, "{held} bytes are held for what was only declared");
    drop(clients);
    drop(client);
    expect_unharmed(&node).await;
}

#[tokio::test]
async fn arrays_of_a_billion_entries_close_the_connection() {
    let node = Node::start().await;
    let billion = 1_000_000_000_i32.to_be_bytes();
    // Compact arrays say their length plus one, seven bits a byte.
    let compact = [0x81, 0x94, 0xeb, 0xdc, 0x03];
    for (key, version, body, why) in [
        (3, 1, billion.to_vec(), "Metadata"),
        (3, 12, compact.to_vec(), "flexible Metadata"),
        (19, 2, billion.to_vec(), "CreateTopics"),
        (32, 1, billion.to_vec(), "DescribeConfigs"),
        (42, 0, billion.to_vec(), "DeleteGroups"),
        (75, 0, compact.to_vec(), "DescribeTopicPartitions"),
    ] {
        let mut client = node.connect().await;
        client.write(&raw(key, version, &body)).await;
        client.expect_closed(why).await;
    }
    expect_unharmed(&node).await;
}

#[tokio::test]
async fn noise_closes_the_connection() {
    let node = Node::start().await;
    let mut dice = wire::generate::Dice::new(11);
    for round in 0..200 {
        let mut client = node.connect().await;
        let len = 8 + dice.below(200);
        let noise: Vec<u8> = (0..len).map(|_| dice.roll().to_le_bytes()[0]).collect();
        let key = i16::try_from(dice.below(76)).expect("small");
        let version = i16::try_from(dice.below(14)).expect("small");
        client.write(&raw(key, version, &noise)).await;
        client.stream.shutdown().await.expect("the other direction");
        // Noise may be a request by chance; then it is answered before the end.
        while client.frame().await.is_some() {}
        assert!(round < 200);
    }
    expect_unharmed(&node).await;
}

#[tokio::test]
async fn a_frame_may_come_in_single_bytes() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for byte in raw(3, 1, &0_i32.to_be_bytes()) {
        client.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(client.frame().await.is_some());
}

#[tokio::test]
async fn half_a_frame_and_the_end_is_no_more_than_an_end() {
    let node = Node::start().await;
    let whole = raw(3, 1, &0_i32.to_be_bytes());
    for sent in 0..whole.len() {
        let mut client: Client = node.connect().await;
        client.write(&whole[..sent]).await;
    }
    expect_unharmed(&node).await;
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_room_comes_back() {
    let node = Node::with(&["max.connections.per.ip=3"]).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = node.connect().await;
        client.call(0, &MetadataRequest::default()).await;
        clients.push(client);
    }
    assert_eq!(node.server.connections(), 3);
    node.connect().await.expect_closed("one connection too many").await;
    clients.pop();
    for _ in 0..200 {
        if node.server.connections() == 2 {
            break;
        }
        env::clock::sleep(Duration::from_millis(5)).await;
    }
    node.connect().await.call(0, &MetadataRequest::default()).await;
}
