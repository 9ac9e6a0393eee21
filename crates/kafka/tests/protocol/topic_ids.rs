//! Topic ids (KIP-516) through every API that carries them.

use uuid::Uuid;
use wire::ErrorCode;
use wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};

use crate::node::{Node, batch, fetch_request, produce_request, values};

/// An id no topic has.
const NOBODYS: Uuid = Uuid::from_u128(0x1234);

fn by_id(topic_id: Uuid) -> MetadataRequest {
    let topic = MetadataRequestTopic { topic_id, name: None };
    MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
}

#[tokio::test]
async fn metadata_shows_and_takes_ids() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let id = client.create("named", 1).await;
    for version in 10..=13 {
        let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
        let answer = client.call(version, &all).await;
        assert_eq!(answer.topics[0].topic_id, id, "version {version}");
    }
    for version in [12, 13] {
        let answer = client.call(version, &by_id(id)).await;
        assert_eq!(answer.topics[0].name.as_deref(), Some("named"), "version {version}");
        let answer = client.call(version, &by_id(NOBODYS)).await;
        let unknown = &answer.topics[0];
        assert_eq!(unknown.error_code, ErrorCode::UnknownTopicId.number());
        assert_eq!((unknown.name.as_deref(), unknown.topic_id), (None, NOBODYS));
    }
    for version in [10, 11] {
        let answer = client.call(version, &by_id(id)).await;
        assert_eq!(answer.topics[0].error_code, ErrorCode::InvalidRequest.number(), "{version}");
    }
}

#[tokio::test]
async fn produce_and_fetch_name_topics_by_id_from_thirteen() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let id = client.create("named", 1).await;
    let mut produce = produce_request("", 0, batch(&["v"]));
    produce.topic_data[0].topic_id = id;
    let answer = client.call(13, &produce).await;
    assert_eq!(answer.responses[0].topic_id, id);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    produce.topic_data[0].topic_id = NOBODYS;
    let answer = client.call(13, &produce).await;
    let refused = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(refused, ErrorCode::UnknownTopicId.number());

    let mut fetch = fetch_request("", 0, 0);
    fetch.topics[0].topic_id = id;
    for version in 13..=18 {
        let answer = client.call(version, &fetch).await;
        let topic = &answer.responses[0];
        assert_eq!(topic.topic_id, id, "version {version}");
        assert_eq!(values(topic.partitions[0].records.as_ref()), ["v"], "version {version}");
    }
    fetch.topics[0].topic_id = NOBODYS;
    let answer = client.call(13, &fetch).await;
    let refused = answer.responses[0].partitions[0].error_code;
    assert_eq!(refused, ErrorCode::UnknownTopicId.number());
}

fn commit(topic_id: Uuid, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: offset,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic {
        topic_id,
        partitions: vec![partition],
        ..OffsetCommitRequestTopic::default()
    };
    OffsetCommitRequest {
        group_id: "g".into(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    }
}

fn fetch_all(topics: Option<Vec<OffsetFetchRequestTopics>>) -> OffsetFetchRequest {
    let group = OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics,
        ..OffsetFetchRequestGroup::default()
    };
    OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() }
}

#[tokio::test]
async fn offsets_are_kept_by_id_from_ten() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let id = client.create("named", 1).await;
    client.find_group("g").await;
    let answer = client.call(10, &commit(id, 42)).await;
    assert_eq!(answer.topics[0].topic_id, id);
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    let answer = client.call(10, &commit(NOBODYS, 42)).await;
    let refused = answer.topics[0].partitions[0].error_code;
    assert_eq!(refused, ErrorCode::UnknownTopicId.number());

    let asked = |topic_id| OffsetFetchRequestTopics {
        topic_id,
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let answer = client.call(10, &fetch_all(Some(vec![asked(NOBODYS), asked(id)]))).await;
    let topics = &answer.groups[0].topics;
    assert_eq!(topics[0].partitions[0].error_code, ErrorCode::UnknownTopicId.number());
    assert_eq!((topics[1].topic_id, topics[1].partitions[0].committed_offset), (id, 42));
    let answer = client.call(10, &fetch_all(None)).await;
    assert_eq!(answer.groups[0].topics[0].topic_id, id);
    let answer = client.call(9, &fetch_all(None)).await;
    assert_eq!(answer.groups[0].topics[0].name, "named");
}

#[tokio::test]
async fn an_offset_belongs_to_the_topic_it_was_committed_for() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let before = client.create("again", 1).await;
    client.find_group("g").await;
    client.call(10, &commit(before, 42)).await;
    let delete = DeleteTopicsRequest { topic_names: vec!["again".into()], ..Default::default() };
    client.call(5, &delete).await;
    let answer = client.call(10, &fetch_all(None)).await;
    assert_eq!(answer.groups[0].topics, [], "a topic that is gone has no id to be named by");
    let after = client.create("again", 1).await;
    assert_ne!(before, after);
    let asked = OffsetFetchRequestTopics {
        topic_id: after,
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let answer = client.call(10, &fetch_all(Some(vec![asked]))).await;
    assert_eq!(answer.groups[0].topics[0].partitions[0].committed_offset, -1);
}

#[tokio::test]
async fn topics_are_deleted_by_id_from_six() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let id = client.create("gone", 1).await;
    let both = client.create("both", 1).await;
    let state =
        |name: Option<&str>, topic_id| DeleteTopicState { name: name.map(Into::into), topic_id };
    let topics = vec![
        state(None, id),
        state(None, NOBODYS),
        state(None, Uuid::nil()),
        state(Some("both"), both),
        state(Some("nope"), Uuid::nil()),
    ];
    let request = DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() };
    let mut responses = client.call(6, &request).await.responses;
    responses.sort_by_key(|response| response.error_code);
    let told: Vec<_> =
        responses.iter().map(|r| (r.error_code, r.name.as_deref(), r.topic_id)).collect();
    assert_eq!(
        told,
        [
            (0, Some("gone"), id),
            (ErrorCode::UnknownTopicOrPartition.number(), Some("nope"), Uuid::nil()),
            (ErrorCode::InvalidRequest.number(), None, Uuid::nil()),
            (ErrorCode::InvalidRequest.number(), Some("both"), both),
            (ErrorCode::UnknownTopicId.number(), None, NOBODYS),
        ]
    );
}
