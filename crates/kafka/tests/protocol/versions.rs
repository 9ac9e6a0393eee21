//! Versions: what is advertised is served, all of it, and nothing else; ApiVersions answers always.

use wire::generate::{Dice, Generate};
use wire::messages::alter_configs::AlterConfigsRequest;
use wire::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use wire::messages::create_partitions::CreatePartitionsRequest;
use wire::messages::create_topics::CreateTopicsRequest;
use wire::messages::delete_groups::DeleteGroupsRequest;
use wire::messages::delete_records::DeleteRecordsRequest;
use wire::messages::delete_topics::DeleteTopicsRequest;
use wire::messages::describe_cluster::DescribeClusterRequest;
use wire::messages::describe_configs::DescribeConfigsRequest;
use wire::messages::describe_groups::DescribeGroupsRequest;
use wire::messages::describe_log_dirs::DescribeLogDirsRequest;
use wire::messages::describe_producers::DescribeProducersRequest;
use wire::messages::describe_topic_partitions::DescribeTopicPartitionsRequest;
use wire::messages::fetch::FetchRequest;
use wire::messages::find_coordinator::FindCoordinatorRequest;
use wire::messages::heartbeat::HeartbeatRequest;
use wire::messages::incremental_alter_configs::IncrementalAlterConfigsRequest;
use wire::messages::init_producer_id::InitProducerIdRequest;
use wire::messages::join_group::JoinGroupRequest;
use wire::messages::leave_group::LeaveGroupRequest;
use wire::messages::list_groups::ListGroupsRequest;
use wire::messages::list_offsets::ListOffsetsRequest;
use wire::messages::metadata::MetadataRequest;
use wire::messages::offset_commit::OffsetCommitRequest;
use wire::messages::offset_delete::OffsetDeleteRequest;
use wire::messages::offset_fetch::OffsetFetchRequest;
use wire::messages::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use wire::messages::produce::ProduceRequest;
use wire::messages::sync_group::SyncGroupRequest;
use wire::{ErrorCode, Request, Str, frame};

use crate::node::{Node, raw};

/// Random requests of each version and API.
const ROLLS: usize = 5;

/// Asks in every version, with defaults and with random content, and counts the API off the list of
/// what is advertised.
async fn ask<R: Request + Generate>(
    node: &Node,
    advertised: &mut Vec<ApiVersion>,
    tame: impl Fn(R) -> R,
) {
    let key = R::KEY.number();
    let at = advertised.iter().position(|api| api.api_key == key);
    let api = advertised.remove(at.unwrap_or_else(|| panic!("{} is not advertised", R::NAME)));
    let first_advertised = if R::NAME == "ProduceRequest" { 0 } else { *R::VERSIONS.start() };
    assert_eq!((api.min_version, api.max_version), (first_advertised, *R::VERSIONS.end()));
    let mut client = node.connect().await;
    let mut dice = Dice::new(u64::from(key.unsigned_abs()));
    for version in R::VERSIONS {
        client.call(version, &tame(R::default())).await;
        let wire_version = R::version(version).expect("a version of the message");
        for _ in 0..ROLLS {
            let request = tame(R::generate(&mut dice, wire_version));
            client.call(version, &request).await;
        }
    }
}

#[tokio::test]
async fn what_is_advertised_is_served_in_every_version_and_nothing_else_is() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.find_group("some group").await;
    let mut advertised = client.call(4, &api_versions("test", "1.0")).await.api_keys;
    let keys: Vec<i16> = advertised.iter().map(|api| api.api_key).collect();
    assert!(keys.is_sorted(), "{keys:?}");

    let all = &mut advertised;
    ask(&node, all, |request: ProduceRequest| ProduceRequest { acks: -1, ..request }).await;
    ask(&node, all, |request: FetchRequest| FetchRequest { max_wait_ms: 0, ..request }).await;
    ask::<ListOffsetsRequest>(&node, all, |request| request).await;
    ask::<MetadataRequest>(&node, all, |request| request).await;
    ask::<OffsetCommitRequest>(&node, all, |request| request).await;
    ask::<OffsetFetchRequest>(&node, all, |request| request).await;
    ask::<FindCoordinatorRequest>(&node, all, |request| request).await;
    ask::<JoinGroupRequest>(&node, all, |request| request).await;
    ask::<HeartbeatRequest>(&node, all, |request| request).await;
    ask::<LeaveGroupRequest>(&node, all, |request| request).await;
    ask::<SyncGroupRequest>(&node, all, |request| request).await;
    ask::<DescribeGroupsRequest>(&node, all, |request| request).await;
    ask::<ListGroupsRequest>(&node, all, |request| request).await;
    ask::<ApiVersionsRequest>(&node, all, |request| request).await;
    ask::<CreateTopicsRequest>(&node, all, |request| request).await;
    ask::<DeleteTopicsRequest>(&node, all, |request| request).await;
    ask::<DeleteRecordsRequest>(&node, all, |request| request).await;
    ask::<InitProducerIdRequest>(&node, all, |request| request).await;
    ask::<OffsetForLeaderEpochRequest>(&node, all, |request| request).await;
    ask::<DescribeConfigsRequest>(&node, all, |request| request).await;
    ask::<AlterConfigsRequest>(&node, all, |request| request).await;
    ask::<DescribeLogDirsRequest>(&node, all, |request| request).await;
    ask::<CreatePartitionsRequest>(&node, all, |request| request).await;
    ask::<DeleteGroupsRequest>(&node, all, |request| request).await;
    ask::<IncrementalAlterConfigsRequest>(&node, all, |request| request).await;
    ask::<OffsetDeleteRequest>(&node, all, |request| request).await;
    ask::<DescribeClusterRequest>(&node, all, |request| request).await;
    ask::<DescribeProducersRequest>(&node, all, |request| request).await;
    ask::<DescribeTopicPartitionsRequest>(&node, all, |request| request).await;
    assert_eq!(advertised, [], "advertised and not known to this test");
}

fn api_versions(name: &'static str, version: &'static str) -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: Str::from_static(name),
        client_software_version: Str::from_static(version),
    }
}

#[tokio::test]
async fn api_versions_of_the_future_are_told_the_range_in_version_zero() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for version in [5, 99, i16::MAX, -1] {
        client.write(&raw(18, version, b"whatever this version has")).await;
        let answer = client.frame().await.expect("an answer");
        // Correlation id and then at once the error: no tags in the header, nothing of a later form.
        assert_eq!(answer[..6], [0, 0, 0, 77, 0, 35], "version {version}");
        let (_, response) =
            frame::decode_response::<ApiVersionsResponse>(answer, 0).expect("a v0 response");
        assert_eq!(response.api_keys.len(), 1, "version {version}");
        let own = &response.api_keys[0];
        assert_eq!((own.api_key, own.min_version, own.max_version), (18, 0, 4));
    }
    client.call(4, &api_versions("a", "1")).await;
}

#[tokio::test]
async fn api_versions_has_no_tags_in_its_response_header() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    // name "a", version "1", no tags
    client.write(&raw(18, 3, &[2, b'a', 2, b'1', 0])).await;
    let answer = client.frame().await.expect("an answer");
    assert_eq!(answer[..6], [0, 0, 0, 77, 0, 0]);
    let count = answer[6];
    assert!(count > 20, "the compact array follows the error at once: {count}");
}

#[tokio::test]
async fn clients_must_have_sensible_names() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for (name, version, error) in [
        ("apache-kafka-java", "4.3.1", ErrorCode::None),
        ("", "", ErrorCode::None),
        ("-x", "1", ErrorCode::InvalidRequest),
        ("x", "1.", ErrorCode::InvalidRequest),
        ("a b", "1", ErrorCode::InvalidRequest),
    ] {
        let answer = client.call(3, &api_versions(name, version)).await;
        assert_eq!(answer.error_code, error.number(), "{name:?} {version:?}");
    }
}

#[tokio::test]
async fn produce_is_advertised_from_zero_and_served_from_three() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for version in [0, 3] {
        let answer = client.call(version, &api_versions("x", "1")).await;
        let produce = answer.api_keys.iter().find(|api| api.api_key == 0).expect("Produce");
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
    }
    for version in 0..3 {
        let mut client = node.connect().await;
        // acks=-1, timeout 0, no topics
        client.write(&raw(0, version, &[255, 255, 0, 0, 0, 0, 0, 0, 0, 0])).await;
        client.expect_closed("an old Produce").await;
    }
}

#[tokio::test]
async fn what_is_not_served_closes_the_connection() {
    let node = Node::start().await;
    for (key, version, why) in [
        (3, 14, "a Metadata version that is not there"),
        (1, 3, "a Fetch version of before Kafka 4"),
        (8, 1, "an OffsetCommit version of before Kafka 4"),
        (3, -1, "a version below zero"),
        (24, 0, "an API that is known and not served"),
        (4, 0, "an API that is no more"),
        (999, 0, "an API nobody knows"),
        (-1, 0, "a key below zero"),
    ] {
        let mut client = node.connect().await;
        client.write(&raw(key, version, &[0; 16])).await;
        client.expect_closed(why).await;
    }
}
