//! The metadata cache and leader look-up against a scripted node.

use wire::ApiKey;

use super::*;
use crate::testing::{FakeBroker, Fault};

async fn cluster(broker: &FakeBroker) -> Cluster {
    let options = ClientOptions {
        request_timeout: Duration::from_millis(400),
        backoff_min: Duration::from_millis(1),
        ..ClientOptions::default()
    };
    Cluster::connect(&broker.env, &broker.address, options).await.unwrap()
}

#[test]
fn a_port_is_added_where_none_is_given() {
    for (given, expected) in [
        ("host", "host:9092"),
        ("host:1", "host:1"),
        ("127.0.0.1", "127.0.0.1:9092"),
        ("[::1]", "[::1]:9092"),
        ("[::1]:5", "[::1]:5"),
        ("::1", "[::1]:9092"),
    ] {
        assert_eq!(with_port(given), expected);
    }
}

#[tokio::test]
async fn starts_from_whichever_server_answers() {
    let broker = FakeBroker::start().await;
    let bootstrap = format!("127.0.0.9:1, {} ,", broker.address);
    let cluster =
        Cluster::connect(&broker.env, &bootstrap, ClientOptions::default()).await.unwrap();
    let info = cluster.info();
    assert_eq!(info.cluster_id.as_deref(), Some("fake"));
    assert_eq!(info.controller, Some(0));
    assert_eq!(info.brokers[0].address(), broker.address);
    assert_eq!(broker.count(ApiKey::ApiVersions), 1, "one connection is enough");
}

#[tokio::test]
async fn a_topic_is_remembered_until_forgotten() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 3);
    let cluster = cluster(&broker).await;
    let asked = broker.count(ApiKey::Metadata);
    for _ in 0..3 {
        assert_eq!(cluster.topic("t").await.unwrap().partitions.len(), 3);
    }
    assert_eq!(broker.count(ApiKey::Metadata), asked + 1);
    cluster.forget_topic("t");
    cluster.topic("t").await.unwrap();
    assert_eq!(broker.count(ApiKey::Metadata), asked + 2);
    assert_eq!(cluster.topics().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_topic_fails_at_once_and_is_not_created() {
    let broker = FakeBroker::start().await;
    broker.state.lock().auto_create = true;
    let cluster = cluster(&broker).await;
    let error = cluster.topic("typo").await.unwrap_err();
    assert!(matches!(&error, ClientError::UnknownTopic { topic } if topic == "typo"), "{error}");
    assert!(broker.state.lock().topics.is_empty());
    assert_eq!(cluster.topic_or_create("typo").await.unwrap().partitions.len(), 1);
}

#[tokio::test]
async fn a_partition_that_does_not_exist_is_named() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 2);
    let error = cluster(&broker).await.leader("t", 2).await.unwrap_err();
    assert_eq!(error.to_string(), "topic 't' has 2 partitions, there is no partition 2");
}

#[tokio::test]
async fn a_coordinator_is_looked_up_once_and_again_when_it_moved() {
    let broker = FakeBroker::start().await;
    let cluster = cluster(&broker).await;
    broker.fail_next(ApiKey::FindCoordinator, Fault::Refuse(ErrorCode::CoordinatorNotAvailable));
    for _ in 0..2 {
        cluster.coordinator(CoordinatorKind::Group, "g").await.unwrap();
    }
    assert_eq!(broker.count(ApiKey::FindCoordinator), 2, "refused, then found, then remembered");
    cluster.forget_coordinator(CoordinatorKind::Group, "g");
    cluster.coordinator(CoordinatorKind::Group, "g").await.unwrap();
    assert_eq!(broker.count(ApiKey::FindCoordinator), 3);
}

#[tokio::test]
async fn trying_again_ends_with_the_deadline() {
    let broker = FakeBroker::start().await;
    let cluster = cluster(&broker).await;
    for _ in 0..1000 {
        let fault = Fault::Refuse(ErrorCode::CoordinatorNotAvailable);
        broker.fail_next(ApiKey::FindCoordinator, fault);
    }
    let error = cluster.coordinator(CoordinatorKind::Group, "g").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::CoordinatorNotAvailable));
    assert!(broker.count(ApiKey::FindCoordinator) > 3, "tried a few times");
}

#[tokio::test]
async fn a_broken_connection_is_made_anew() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    let cluster = cluster(&broker).await;
    broker.fail_next(ApiKey::Metadata, Fault::LoseAnswer);
    cluster.topic("t").await.unwrap();
    assert_eq!(broker.count(ApiKey::ApiVersions), 2, "a second connection");
}
