//! Fetch over the wire: sessions (KIP-227), limits, errors.

use wire::ErrorCode;
use wire::messages::fetch::{FetchRequest, FetchResponse, ForgottenTopic};

use crate::node::{FETCH_BY_NAME, Node, fetch_request, values};

fn in_session(session_id: i32, session_epoch: i32, request: FetchRequest) -> FetchRequest {
    FetchRequest { session_id, session_epoch, ..request }
}

fn partitions(answer: &FetchResponse) -> Vec<(String, i32, i16)> {
    let topics = answer.responses.iter();
    topics
        .flat_map(|topic| {
            topic.partitions.iter().map(|partition| {
                (topic.topic.to_string(), partition.partition_index, partition.error_code)
            })
        })
        .collect()
}

#[tokio::test]
async fn a_session_tells_only_news() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("a", 1).await;
    client.create("b", 1).await;
    let mut first = in_session(0, 0, fetch_request("a", 0, 0));
    first.topics.extend(fetch_request("b", 0, 0).topics);
    let opened = client.call(FETCH_BY_NAME, &first).await;
    let id = opened.session_id;
    assert!(id > 0);
    assert_eq!(partitions(&opened), [("a".to_owned(), 0, 0), ("b".to_owned(), 0, 0)]);

    let nothing =
        |epoch| in_session(id, epoch, FetchRequest { max_bytes: 1 << 20, ..Default::default() });
    let answer = client.call(FETCH_BY_NAME, &nothing(1)).await;
    assert_eq!((answer.session_id, partitions(&answer)), (id, vec![]));

    client.produce("b", 0, &["x"]).await;
    let answer = client.call(FETCH_BY_NAME, &nothing(2)).await;
    assert_eq!(partitions(&answer), [("b".to_owned(), 0, 0)]);
    assert_eq!(values(answer.responses[0].partitions[0].records.as_ref()), ["x"]);

    let mut forgets = nothing(3);
    forgets.forgotten_topics_data =
        vec![ForgottenTopic { topic: "b".into(), partitions: vec![0], ..Default::default() }];
    let answer = client.call(FETCH_BY_NAME, &forgets).await;
    assert_eq!(partitions(&answer), []);
}

#[tokio::test]
async fn a_lost_session_is_an_error_of_the_whole_response() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("a", 1).await;
    let id =
        client.call(FETCH_BY_NAME, &in_session(0, 0, fetch_request("a", 0, 0))).await.session_id;
    let empty = FetchRequest::default();
    for (session, epoch, error) in [
        (id, 7, ErrorCode::InvalidFetchSessionEpoch),
        (id + 1, 1, ErrorCode::FetchSessionIdNotFound),
    ] {
        let answer = client.call(FETCH_BY_NAME, &in_session(session, epoch, empty.clone())).await;
        assert_eq!(answer.error_code, error.number(), "session {session} epoch {epoch}");
    }
    client.call(FETCH_BY_NAME, &in_session(id, -1, empty.clone())).await;
    let answer = client.call(FETCH_BY_NAME, &in_session(id, 1, empty)).await;
    assert_eq!(answer.error_code, ErrorCode::FetchSessionIdNotFound.number());
}

#[tokio::test]
async fn sessions_belong_to_no_connection() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("a", 1).await;
    let opened = client.call(FETCH_BY_NAME, &in_session(0, 0, fetch_request("a", 0, 0))).await;
    drop(client);
    let mut again = node.connect().await;
    let empty = FetchRequest::default();
    let answer = again.call(FETCH_BY_NAME, &in_session(opened.session_id, 1, empty)).await;
    assert_eq!(answer.error_code, 0);
}

#[tokio::test]
async fn without_a_free_slot_there_is_no_session() {
    let node = Node::with(&["max.incremental.fetch.session.cache.slots=1"]).await;
    let mut client = node.connect().await;
    client.create("a", 1).await;
    let open = in_session(0, 0, fetch_request("a", 0, 0));
    assert!(client.call(FETCH_BY_NAME, &open).await.session_id > 0);
    let second = client.call(FETCH_BY_NAME, &open).await;
    assert_eq!((second.session_id, second.error_code), (0, 0));
    node.sim.clock.advance(std::time::Duration::from_secs(121));
    assert!(client.call(FETCH_BY_NAME, &open).await.session_id > 0, "the silent one gives way");
}

#[tokio::test]
async fn one_batch_comes_whatever_the_limits_say() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("a", 1).await;
    let large = "x".repeat(5_000);
    client.produce("a", 0, &[&large]).await;
    client.produce("a", 0, &["second"]).await;
    let mut request = fetch_request("a", 0, 0);
    request.max_bytes = 10;
    request.topics[0].partitions[0].partition_max_bytes = 10;
    let answer = client.call(FETCH_BY_NAME, &request).await;
    assert_eq!(values(answer.responses[0].partitions[0].records.as_ref()), [large]);
}

#[tokio::test]
async fn every_version_reads_what_was_produced() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("a", 1).await;
    client.produce("a", 0, &["one", "two"]).await;
    for version in 4..=12 {
        let answer = client.call(version, &fetch_request("a", 0, 0)).await;
        let partition = &answer.responses[0].partitions[0];
        assert_eq!(values(partition.records.as_ref()), ["one", "two"], "version {version}");
        assert_eq!(partition.high_watermark, 2, "version {version}");
    }
}

#[tokio::test]
async fn wrong_places_have_their_errors() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("a", 1).await;
    client.produce("a", 0, &["one"]).await;
    let mut fenced = fetch_request("a", 0, 0);
    fenced.topics[0].partitions[0].current_leader_epoch = 9;
    for (request, error) in [
        (fetch_request("a", 0, 2), ErrorCode::OffsetOutOfRange),
        (fetch_request("a", 0, -1), ErrorCode::OffsetOutOfRange),
        (fetch_request("a", 1, 0), ErrorCode::UnknownTopicOrPartition),
        (fetch_request("zzz", 0, 0), ErrorCode::UnknownTopicOrPartition),
        (fenced, ErrorCode::UnknownLeaderEpoch),
        (fetch_request("a", 0, 1), ErrorCode::None),
    ] {
        let answer = client.call(FETCH_BY_NAME, &request).await;
        let got = answer.responses[0].partitions[0].error_code;
        assert_eq!(got, error.number(), "{request:?}");
    }
}
