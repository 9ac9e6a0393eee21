//! Negotiation, pipelining and deadlines against a scripted node.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::messages::heartbeat::HeartbeatRequest;
use wire::messages::metadata::MetadataRequest;
use wire::{ApiKey, ErrorCode};

use super::*;
use crate::testing::{FakeBroker, Fault};

const SOON: Duration = Duration::from_millis(50);

async fn connect(broker: &FakeBroker) -> Connection {
    Connection::connect(&broker.env, &broker.address, &ClientOptions::default()).await.unwrap()
}

#[tokio::test]
async fn speaks_the_newest_version_of_both() {
    for (cap, metadata, asked) in [(i16::MAX, 13, vec![4]), (3, 3, vec![4, 3]), (0, 0, vec![4, 0])]
    {
        let broker = FakeBroker::start_with_versions_to(cap).await;
        let connection = connect(&broker).await;
        assert_eq!(connection.version::<MetadataRequest>().unwrap(), metadata, "cap {cap}");
        let seen = broker.state.lock().seen.clone();
        let seen: Vec<_> = seen.into_iter().map(|(_, version)| version).collect();
        assert_eq!(seen, asked, "versions of ApiVersions with cap {cap}");
    }
}

#[tokio::test]
async fn answers_reach_who_asked() {
    let broker = FakeBroker::start().await;
    let connection = connect(&broker).await;
    let asking: Vec<_> = (0..200)
        .map(|i| {
            let (connection, broker) = (connection.clone(), broker.clone());
            tokio::spawn(async move {
                let name = format!("topic-{i}");
                broker.create_topic(&name, i % 7 + 1);
                let topic = wire::messages::metadata::MetadataRequestTopic {
                    name: Some(name.as_str().into()),
                    ..Default::default()
                };
                let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
                let response = connection.send(&request).await.unwrap();
                assert_eq!(response.topics[0].name.as_deref(), Some(&*name));
                assert_eq!(response.topics[0].partitions.len(), i % 7 + 1);
            })
        })
        .collect();
    for task in asking {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_deadline_ends_the_connection_and_what_waits_behind() {
    let broker = FakeBroker::start().await;
    let connection = connect(&broker).await;
    broker.fail_next(ApiKey::Heartbeat, Fault::Ignore);
    let request = HeartbeatRequest::default();
    let (late, behind) =
        tokio::join!(connection.send_within(&request, SOON), connection.send(&request));
    let Err(ClientError::Timeout { api: "Heartbeat", address, after: SOON }) = late else {
        panic!("{late:?}");
    };
    assert_eq!(address, broker.address);
    let text = behind.unwrap_err().to_string();
    assert!(text.contains("Heartbeat was not answered within 50 ms"), "{text}");
    assert!(connection.is_lost());
}

#[tokio::test]
async fn giving_up_on_a_request_leaves_the_connection_alone() {
    let connection = connect(&FakeBroker::start().await).await;
    for _ in 0..20 {
        // Polled once, then dropped.
        let request = HeartbeatRequest::default();
        let sending = connection.send(&request);
        let _ = env::clock::timeout(Duration::ZERO, sending).await;
    }
    connection.send(&HeartbeatRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_fails_what_is_outstanding_and_what_follows() {
    let broker = FakeBroker::start().await;
    let connection = connect(&broker).await;
    broker.fail_next(ApiKey::Heartbeat, Fault::LoseAnswer);
    let request = HeartbeatRequest::default();
    let (first, second) = tokio::join!(connection.send(&request), connection.send(&request));
    for result in [first, second, connection.send(&request).await] {
        assert!(matches!(result, Err(ClientError::ConnectionLost { .. })), "{result:?}");
    }
    assert!(connection.is_lost());
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_socket() {
    let broker = FakeBroker::start().await;
    let mut listener = broker.env.net.listen(([127, 0, 0, 2], 0).into()).await.unwrap();
    let address = listener.local_address().unwrap().to_string();
    let env = broker.env.clone();
    let connecting = tokio::spawn(async move {
        Link::open(&env, &address, &ClientOptions::default()).await.unwrap()
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    drop(connecting.await.unwrap());
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "the socket stayed open");
}

/// What a peer that is no broker, or a broken one, is called.
async fn check_refused(answer: &'static [u8], expected: &str) {
    let broker = FakeBroker::start().await;
    let mut listener = broker.env.net.listen(([127, 0, 0, 3], 0).into()).await.unwrap();
    let address = listener.local_address().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(answer).await.unwrap();
    });
    let error =
        Connection::connect(&broker.env, &address, &ClientOptions::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ClientError::NotKafka { .. }), "{error:?}");
    assert!(text.contains(expected), "{text:?} does not say {expected:?}");
    assert!(text.contains(&address), "{text:?} does not say where");
}

#[tokio::test]
async fn other_services_are_recognized() {
    check_refused(b"HTTP/1.1 400 Bad Request\r\n\r\n", "bytes").await;
    check_refused(b"", "closed").await;
    check_refused(b"\x00\x00\x00\x02\x00\x00", "an answer of 2 bytes").await;
    check_refused(b"\x00\x00\x00\x04\x00\x00\x00\x09", "the answer with number 9").await;
    check_refused(b"\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00", "bytes needed").await;
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let env = env::sim::Sim::new(1).env();
    for address in ["127.0.0.1:9", "no-such-host:1"] {
        let error =
            Connection::connect(&env, address, &ClientOptions::default()).await.unwrap_err();
        assert!(error.to_string().contains(address), "{error}");
    }
}

#[tokio::test]
async fn an_api_that_is_not_served_is_named() {
    let connection = connect(&FakeBroker::start().await).await;
    let versions = Versions::default();
    assert_eq!(versions.common(ApiKey::Fetch, &(4..=18)), Err(None));
    let theirs = connection.versions().of(ApiKey::Fetch).unwrap();
    assert_eq!(theirs, 4..=18);
    assert_eq!(connection.versions().common(ApiKey::Fetch, &(19..=20)), Err(Some((4, 18))));
}

#[tokio::test]
async fn a_refusal_to_negotiate_is_passed_on() {
    let broker = FakeBroker::start().await;
    let mut listener = broker.env.net.listen(([127, 0, 0, 4], 0).into()).await.unwrap();
    let address = listener.local_address().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let response = wire::messages::api_versions::ApiVersionsResponse {
            error_code: ErrorCode::ClusterAuthorizationFailed.number(),
            ..Default::default()
        };
        let frame: Bytes = frame::encode_response(4, 0, &response).unwrap().to_bytes().unwrap();
        stream.write_all(&frame).await.unwrap();
    });
    let error =
        Connection::connect(&broker.env, &address, &ClientOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ClusterAuthorizationFailed));
}
