//! Offsets of partitions: by name, by time, by epoch; cutting off the beginning; producers.

use wire::ErrorCode;
use wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use wire::messages::describe_producers::{DescribeProducersRequest, TopicRequest};
use wire::messages::init_producer_id::InitProducerIdRequest;
use wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};
use wire::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use crate::node::{Client, Node, PRODUCE_BY_NAME, batch_at, produce_request};

const FIRST: i64 = 1_767_225_600_000;

fn question(topic: &str, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: topic.into(), partitions: vec![partition] };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() }
}

async fn list(
    client: &mut Client,
    version: i16,
    topic: &str,
    timestamp: i64,
) -> ListOffsetsPartitionResponse {
    let answer = client.call(version, &question(topic, timestamp)).await;
    answer.topics[0].partitions[0].clone()
}

/// Four records in two batches, the third the latest in time.
async fn filled(node: &Node) -> Client {
    let mut client = node.connect().await;
    client.create("t", 1).await;
    for records in [[(FIRST, "a"), (FIRST + 10, "b")], [(FIRST + 900, "c"), (FIRST + 500, "d")]] {
        let request = produce_request("t", 0, batch_at(&records));
        let answer = client.call(PRODUCE_BY_NAME, &request).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }
    client
}

#[tokio::test]
async fn offsets_are_found_by_name_and_by_time() {
    let node = Node::start().await;
    let mut client = filled(&node).await;
    for (timestamp, since, offset, found_time) in [
        (-1, 1, 4, -1),
        (-2, 1, 0, -1),
        (-3, 7, 2, FIRST + 900),
        (-4, 8, 0, -1),
        (-5, 9, -1, -1),
        (-6, 11, -1, -1),
        (0, 1, 0, FIRST),
        (FIRST + 5, 1, 1, FIRST + 10),
        (FIRST + 11, 1, 2, FIRST + 900),
        (FIRST + 901, 1, -1, -1),
    ] {
        for version in 1..=11 {
            let told = list(&mut client, version, "t", timestamp).await;
            let known = version >= since;
            let error = if known { ErrorCode::None } else { ErrorCode::UnsupportedVersion };
            let context = format!("time {timestamp}, version {version}");
            assert_eq!(told.error_code, error.number(), "{context}");
            let (offset, time) = if known { (offset, found_time) } else { (-1, -1) };
            assert_eq!((told.offset, told.timestamp), (offset, time), "{context}");
            let epoch = if version >= 4 && offset >= 0 { 0 } else { -1 };
            assert_eq!(told.leader_epoch, epoch, "{context}");
        }
    }
    let told = list(&mut client, 11, "t", -7).await;
    assert_eq!(told.error_code, ErrorCode::UnsupportedVersion.number());
}

#[tokio::test]
async fn wrong_questions_about_offsets_have_their_errors() {
    let node = Node::start().await;
    let mut client = filled(&node).await;
    let told = list(&mut client, 5, "nope", -1).await;
    assert_eq!(told.error_code, ErrorCode::UnknownTopicOrPartition.number());
    let mut twice = question("t", -1);
    let again = twice.topics[0].partitions[0].clone();
    twice.topics[0].partitions.push(again);
    let answer = client.call(5, &twice).await;
    let codes: Vec<_> = answer.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [ErrorCode::InvalidRequest.number(); 2]);
    let mut ahead = question("t", -1);
    ahead.topics[0].partitions[0].current_leader_epoch = 3;
    let answer = client.call(5, &ahead).await;
    let told = answer.topics[0].partitions[0].error_code;
    assert_eq!(told, ErrorCode::UnknownLeaderEpoch.number());
}

async fn delete(client: &mut Client, topic: &str, partition: i32, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition { partition_index: partition, offset };
    let topic = DeleteRecordsTopic { name: topic.into(), partitions: vec![partition] };
    let request = DeleteRecordsRequest { topics: vec![topic], ..DeleteRecordsRequest::default() };
    let answer = client.call(2, &request).await;
    let told = &answer.topics[0].partitions[0];
    (told.error_code, told.low_watermark)
}

#[tokio::test]
async fn records_are_deleted_from_the_beginning() {
    let node = Node::start().await;
    let mut client = filled(&node).await;
    let out_of_range = ErrorCode::OffsetOutOfRange.number();
    assert_eq!(delete(&mut client, "t", 0, 1).await, (0, 1));
    assert_eq!(list(&mut client, 5, "t", -2).await.offset, 1);
    assert_eq!(delete(&mut client, "t", 0, 0).await, (0, 1), "what is gone is gone");
    assert_eq!(delete(&mut client, "t", 0, 5).await, (out_of_range, -1));
    assert_eq!(delete(&mut client, "t", 0, -2).await, (out_of_range, -1));
    let unknown = (ErrorCode::UnknownTopicOrPartition.number(), -1);
    assert_eq!(delete(&mut client, "t", 7, 0).await, unknown);
    assert_eq!(delete(&mut client, "nope", 0, 0).await, unknown);
    assert_eq!(delete(&mut client, "t", 0, -1).await, (0, 4), "up to the high watermark");
    assert_eq!(list(&mut client, 5, "t", -2).await.offset, 4);

    client.create_with("compacted", 1, &[("cleanup.policy", "compact")]).await;
    let policy = (ErrorCode::PolicyViolation.number(), -1);
    assert_eq!(delete(&mut client, "compacted", 0, 0).await, policy);
    client.find_group("g").await;
    let internal = (ErrorCode::InvalidTopicException.number(), -1);
    assert_eq!(delete(&mut client, "__consumer_offsets", 0, 0).await, internal);
}

#[tokio::test]
async fn epochs_have_their_ends() {
    let node = Node::start().await;
    let mut client = filled(&node).await;
    for (topic, known, asked, expected) in [
        ("t", -1, 0, (0, 0, 4)),
        ("t", 0, 0, (0, 0, 4)),
        ("t", -1, -1, (0, -1, -1)),
        ("t", -1, 5, (0, -1, -1)),
        ("t", 3, 0, (ErrorCode::UnknownLeaderEpoch.number(), -1, -1)),
        ("nope", -1, 0, (ErrorCode::UnknownTopicOrPartition.number(), -1, -1)),
    ] {
        let partition = OffsetForLeaderPartition {
            partition: 0,
            current_leader_epoch: known,
            leader_epoch: asked,
        };
        let topic = OffsetForLeaderTopic { topic: topic.into(), partitions: vec![partition] };
        let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic] };
        for version in 2..=4 {
            let answer = client.call(version, &request).await;
            let told = &answer.topics[0].partitions[0];
            let told = (told.error_code, told.leader_epoch, told.end_offset);
            assert_eq!(told, expected, "version {version}: {request:?}");
        }
    }
}

#[tokio::test]
async fn producers_get_ids_of_their_own() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let mut ids = Vec::new();
    for version in 0..=5 {
        let answer = client.call(version, &InitProducerIdRequest::default()).await;
        assert_eq!((answer.error_code, answer.producer_epoch), (0, 0), "version {version}");
        ids.push(answer.producer_id);
    }
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");

    let refused = |transactional_id: Option<&str>, id, epoch| InitProducerIdRequest {
        transactional_id: transactional_id.map(Into::into),
        producer_id: id,
        producer_epoch: epoch,
        ..InitProducerIdRequest::default()
    };
    for (request, error) in [
        (refused(Some(""), -1, -1), ErrorCode::InvalidRequest),
        (refused(Some("tx"), -1, -1), ErrorCode::UnsupportedVersion),
        (refused(None, 5, -1), ErrorCode::InvalidRequest),
        (refused(None, -1, 5), ErrorCode::InvalidRequest),
    ] {
        let answer = client.call(4, &request).await;
        let told = (answer.error_code, answer.producer_id, answer.producer_epoch);
        assert_eq!(told, (error.number(), -1, -1), "{request:?}");
    }
    let known = client.call(4, &refused(None, ids[0], 0)).await;
    assert_eq!(known.error_code, 0);
    assert!(!ids.contains(&known.producer_id), "a fresh id for whoever asks again");
}

#[tokio::test]
async fn producers_of_a_partition_are_described() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    let id = client.call(4, &InitProducerIdRequest::default()).await.producer_id;
    let mut batch = records::BatchBuilder::new(records::Codec::None).producer(
        records::ProducerId(id),
        records::ProducerEpoch(0),
        0,
    );
    for value in ["a", "b", "c"] {
        batch.push(records::Timestamp(FIRST), None, Some(value.as_bytes()), &[]);
    }
    let request = produce_request("t", 0, batch.build().expect("a batch"));
    let answer = client.call(PRODUCE_BY_NAME, &request).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);

    let asked = TopicRequest { name: "t".into(), partition_indexes: vec![0, 8] };
    let request = DescribeProducersRequest { topics: vec![asked] };
    let answer = client.call(0, &request).await;
    let partitions = &answer.topics[0].partitions;
    let producer = &partitions[0].active_producers[0];
    assert_eq!((producer.producer_id, producer.producer_epoch), (id, 0));
    assert_eq!((producer.last_sequence, producer.last_timestamp), (2, FIRST));
    assert_eq!((producer.coordinator_epoch, producer.current_txn_start_offset), (-1, -1));
    assert_eq!(partitions[1].error_code, ErrorCode::UnknownTopicOrPartition.number());
}
