//! Topics: metadata, creation, growth, deletion, pages. Texts are those of Kafka 4.3.1.

use wire::messages::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use wire::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use wire::messages::delete_topics::DeleteTopicsRequest;
use wire::messages::describe_cluster::DescribeClusterRequest;
use wire::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicRequest,
};
use wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use wire::{ErrorCode, Str};

use crate::node::Node;

fn named(names: &[&str]) -> MetadataRequest {
    let topics = names.iter().map(|name| MetadataRequestTopic {
        name: Some(Str::from(*name)),
        ..MetadataRequestTopic::default()
    });
    MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    }
}

#[tokio::test]
async fn an_empty_list_is_all_topics_in_version_zero_and_none_later() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 3).await;
    let empty = MetadataRequest { allow_auto_topic_creation: true, ..named(&[]) };
    assert_eq!(client.call(0, &empty).await.topics.len(), 1);
    for version in 1..=13 {
        assert_eq!(client.call(version, &empty).await.topics, [], "version {version}");
        let all = MetadataRequest { topics: None, ..empty.clone() };
        let answer = client.call(version, &all).await;
        assert_eq!(answer.topics.len(), 1, "version {version}");
        assert_eq!(answer.topics[0].partitions.len(), 3, "version {version}");
    }
}

#[tokio::test]
async fn metadata_tells_where_everything_is() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    let answer = client.call(11, &named(&["t"])).await;
    let broker = &answer.brokers[0];
    let here = node.broker.node().0;
    assert_eq!((broker.node_id, &*broker.host), (here, "127.0.0.1"));
    assert_eq!(broker.port, i32::from(node.address.port()));
    assert_eq!(answer.controller_id, here);
    assert_eq!(answer.cluster_id.as_deref(), Some(node.broker.image().cluster_id()));
    for (number, partition) in (0..).zip(&answer.topics[0].partitions) {
        assert_eq!((partition.partition_index, partition.error_code), (number, 0));
        assert_eq!((partition.leader_id, partition.leader_epoch), (here, 0));
        assert_eq!(partition.replica_nodes, [here]);
        assert_eq!(partition.isr_nodes, [here]);
        assert_eq!(partition.offline_replicas, []);
    }
}

#[tokio::test]
async fn operations_are_told_when_asked_for() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    let answer = client.call(9, &named(&["t"])).await;
    assert_eq!(answer.topics[0].topic_authorized_operations, i32::MIN);
    assert_eq!(answer.cluster_authorized_operations, i32::MIN);
    let asks = MetadataRequest {
        include_topic_authorized_operations: true,
        include_cluster_authorized_operations: true,
        ..named(&["t"])
    };
    let answer = client.call(9, &asks).await;
    assert_eq!(answer.topics[0].topic_authorized_operations, 3576);
    assert_eq!(answer.cluster_authorized_operations, 8096);
}

#[tokio::test]
async fn topics_are_created_when_asked_for() {
    let node = Node::with(&["num.partitions=3"]).await;
    let mut client = node.connect().await;
    let answer = client.call(9, &named(&["no"])).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::UnknownTopicOrPartition.number());

    let creating = MetadataRequest {
        allow_auto_topic_creation: true,
        ..named(&["fresh", "a b", "", "fresh", "other"])
    };
    let answer = client.call(9, &creating).await;
    let told: Vec<_> = answer
        .topics
        .iter()
        .map(|topic| (topic.name.as_deref(), topic.error_code, topic.partitions.len()))
        .collect();
    let invalid = ErrorCode::InvalidTopicException.number();
    assert_eq!(
        told,
        [
            (Some("fresh"), 0, 3),
            (Some("a b"), invalid, 0),
            (Some(""), invalid, 0),
            (Some("other"), 0, 3),
        ]
    );
    // Versions before 4 cannot forbid it.
    let old = MetadataRequest { allow_auto_topic_creation: true, ..named(&["old"]) };
    assert_eq!(client.call(3, &old).await.topics[0].error_code, 0);
}

#[tokio::test]
async fn topics_are_not_created_where_that_is_off() {
    let node = Node::with(&["auto.create.topics.enable=false"]).await;
    let mut client = node.connect().await;
    let asks = MetadataRequest { allow_auto_topic_creation: true, ..named(&["no"]) };
    let answer = client.call(9, &asks).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::UnknownTopicOrPartition.number());
}

fn topic(name: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic {
        name: Str::from(name),
        num_partitions: partitions,
        replication_factor: replicas,
        ..CreatableTopic::default()
    }
}

fn manual(partitions: i32, replicas: i16, assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = assignments.iter().map(|(partition, brokers)| CreatableReplicaAssignment {
        partition_index: *partition,
        broker_ids: brokers.to_vec(),
    });
    CreatableTopic { assignments: assignments.collect(), ..topic("manual", partitions, replicas) }
}

fn config(name: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig { name: Str::from(name), value: value.map(Str::from) };
    CreatableTopic { configs: vec![config], ..topic("configured", 1, 1) }
}

#[tokio::test]
async fn impossible_topics_are_refused_as_in_kafka() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("taken", 1).await;
    let here = node.broker.node().0;
    for (topic, error, message) in [
        (topic("taken", 1, 1), ErrorCode::TopicAlreadyExists, "Topic 'taken' already exists."),
        (
            topic("a b", 1, 1),
            ErrorCode::InvalidTopicException,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII \
             alphanumerics, '.', '_' and '-'",
        ),
        (
            topic("t", 0, 1),
            ErrorCode::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("t", 1, 0),
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (topic("t", 1, 2), ErrorCode::InvalidReplicationFactor, "Unable to replicate"),
        (
            manual(1, 1, &[(0, &[here])]),
            ErrorCode::InvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ),
        (
            manual(1, -1, &[(0, &[here])]),
            ErrorCode::InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            manual(-1, -1, &[(0, &[here]), (0, &[here])]),
            ErrorCode::InvalidReplicaAssignment,
            "Found multiple manual partition assignments for partition 0",
        ),
        (manual(-1, -1, &[(0, &[99])]), ErrorCode::InvalidReplicaAssignment, ""),
        (
            config("retention.ms", None),
            ErrorCode::InvalidConfig,
            "Null value not supported for topic configs: retention.ms",
        ),
        (config("no.such.key", Some("1")), ErrorCode::InvalidConfig, ""),
        (config("retention.ms", Some("soon")), ErrorCode::InvalidConfig, ""),
        (
            topic("__cluster_metadata", 1, 1),
            ErrorCode::InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
    ] {
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let answer = client.call(7, &request).await;
        let refused = &answer.topics[0];
        let text = refused.error_message.as_deref().unwrap_or_default();
        assert_eq!(refused.error_code, error.number(), "{request:?}: {text}");
        assert!(text.starts_with(message), "{text:?} instead of {message:?}");
    }
}

#[tokio::test]
async fn created_topics_are_described() {
    let node = Node::with(&["num.partitions=5"]).await;
    let mut client = node.connect().await;
    for version in 2..=7 {
        let name = format!("t{version}");
        let mut wanted = config("retention.ms", Some("1000"));
        wanted.name = Str::from(&name);
        wanted.num_partitions = -1;
        wanted.replication_factor = -1;
        let request = CreateTopicsRequest { topics: vec![wanted], ..Default::default() };
        let answer = client.call(version, &request).await;
        let created = &answer.topics[0];
        assert_eq!((&*created.name, created.error_code), (&*name, 0), "version {version}");
        assert_eq!(created.topic_id.is_nil(), version < 7, "version {version}");
        if version >= 5 {
            assert_eq!((created.num_partitions, created.replication_factor), (5, 1));
            let configs = created.configs.as_ref().expect("configs");
            let retention = configs.iter().find(|c| c.name == "retention.ms").expect("the key");
            assert_eq!((retention.value.as_deref(), retention.config_source), (Some("1000"), 1));
            let other = configs.iter().find(|c| c.name == "cleanup.policy").expect("the key");
            assert_eq!((other.value.as_deref(), other.config_source), (Some("delete"), 5));
        }
    }
}

#[tokio::test]
async fn a_name_given_twice_is_refused_once() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let request = CreateTopicsRequest {
        topics: vec![topic("twice", 1, 1), topic("once", 1, 1), topic("twice", 2, 1)],
        ..CreateTopicsRequest::default()
    };
    let mut topics = client.call(7, &request).await.topics;
    topics.sort_by(|left, right| left.name.cmp(&right.name));
    let told: Vec<_> = topics.iter().map(|topic| (&*topic.name, topic.error_code)).collect();
    assert_eq!(told, [("once", 0), ("twice", ErrorCode::InvalidRequest.number())]);
    assert_eq!(topics[1].error_message.as_deref(), Some("Duplicate topic name."));
    assert_eq!(topics[1].configs, Some(vec![]));
}

#[tokio::test]
async fn validation_creates_nothing() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let request = CreateTopicsRequest {
        topics: vec![topic("maybe", 2, 1)],
        validate_only: true,
        ..CreateTopicsRequest::default()
    };
    let answer = client.call(7, &request).await;
    assert_eq!((answer.topics[0].error_code, answer.topics[0].num_partitions), (0, 2));
    assert!(node.broker.image().topic("maybe").is_none());
}

#[tokio::test]
async fn topics_grow() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    let here = node.broker.node().0;
    let grow = |name: &str, count, assignments: Option<Vec<Vec<i32>>>| CreatePartitionsTopic {
        name: Str::from(name),
        count,
        assignments: assignments.map(|all| {
            all.into_iter().map(|broker_ids| CreatePartitionsAssignment { broker_ids }).collect()
        }),
    };
    for (topic, error, message) in [
        (
            grow("t", 1, None),
            ErrorCode::InvalidPartitions,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (grow("t", 2, None), ErrorCode::InvalidPartitions, "Topic already has 2 partition(s)."),
        (grow("nope", 5, None), ErrorCode::UnknownTopicOrPartition, ""),
        (
            grow("t", 4, Some(vec![])),
            ErrorCode::InvalidReplicaAssignment,
            "Attempted to add 2 additional partition(s), but only 0 assignment(s) were specified.",
        ),
        (grow("t", 4, Some(vec![vec![here], vec![here]])), ErrorCode::None, ""),
        (grow("t", 5, None), ErrorCode::None, ""),
    ] {
        let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
        let answer = client.call(3, &request).await;
        let told = &answer.results[0];
        assert_eq!(told.error_code, error.number(), "{request:?}: {:?}", told.error_message);
        let text = told.error_message.as_deref().unwrap_or_default();
        assert!(text.starts_with(message), "{text:?} instead of {message:?}");
    }
    client.produce("t", 4, &["in a new partition"]).await;
    let twice = CreatePartitionsRequest {
        topics: vec![grow("t", 6, None), grow("t", 7, None)],
        ..CreatePartitionsRequest::default()
    };
    let answer = client.call(0, &twice).await;
    assert_eq!(answer.results.len(), 1);
    assert_eq!(answer.results[0].error_message.as_deref(), Some("Duplicate topic name."));
}

/// Where a group's offsets are is told by the number of partitions: with another they would be gone.
#[tokio::test]
async fn the_offsets_topic_does_not_grow() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("__consumer_offsets", 3).await;
    let partitions = || node.broker.image().topic("__consumer_offsets").unwrap().partitions.len();
    assert_eq!(partitions(), 3);
    for (count, validate_only) in [(4, false), (4, true), (3, false), (1, false)] {
        let topic = CreatePartitionsTopic {
            name: "__consumer_offsets".into(),
            count,
            ..CreatePartitionsTopic::default()
        };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            validate_only,
            ..CreatePartitionsRequest::default()
        };
        let told = client.call(3, &request).await.results.remove(0);
        assert_eq!(told.error_code, ErrorCode::InvalidPartitions.number(), "{count}");
        let text = told.error_message.as_deref().unwrap_or_default();
        assert!(text.contains("internal topic __consumer_offsets cannot be changed"), "{text:?}");
        assert_eq!(partitions(), 3);
    }
}

#[tokio::test]
async fn topics_are_deleted() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for version in 1..=5 {
        client.create("t", 1).await;
        let request = DeleteTopicsRequest {
            topic_names: vec!["t".into(), "nope".into(), "two".into(), "two".into()],
            ..DeleteTopicsRequest::default()
        };
        let mut responses = client.call(version, &request).await.responses;
        responses.sort_by_key(|response| response.error_code);
        let told: Vec<_> = responses.iter().map(|r| (r.error_code, r.name.as_deref())).collect();
        assert_eq!(told, [(0, Some("t")), (3, Some("nope")), (42, Some("two"))], "{version}");
        assert!(node.broker.image().topic("t").is_none());
    }
}

#[tokio::test]
async fn deletion_may_be_off() {
    let node = Node::with(&["delete.topic.enable=false"]).await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    let request =
        DeleteTopicsRequest { topic_names: vec!["t".into()], ..DeleteTopicsRequest::default() };
    for (version, error) in [(1, ErrorCode::InvalidRequest), (3, ErrorCode::TopicDeletionDisabled)]
    {
        let answer = client.call(version, &request).await;
        assert_eq!(answer.responses[0].error_code, error.number(), "version {version}");
    }
    assert!(node.broker.image().topic("t").is_some());
}

fn shown(page: &DescribeTopicPartitionsResponse) -> Vec<(String, Vec<i32>)> {
    page.topics
        .iter()
        .map(|topic| {
            let name = topic.name.as_deref().unwrap_or_default().to_owned();
            (name, topic.partitions.iter().map(|p| p.partition_index).collect())
        })
        .collect()
}

#[tokio::test]
async fn topics_are_described_in_pages() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for (name, partitions) in [("b", 3), ("a", 2), ("c", 1)] {
        client.create(name, partitions).await;
    }
    let page = |cursor, limit| DescribeTopicPartitionsRequest {
        response_partition_limit: limit,
        cursor,
        ..DescribeTopicPartitionsRequest::default()
    };
    let mut cursor = None;
    let mut pages = Vec::new();
    loop {
        let answer = client.call(0, &page(cursor, 2)).await;
        pages.push(shown(&answer));
        cursor = answer.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let entry = |name: &str, partitions: &[i32]| (name.to_owned(), partitions.to_vec());
    assert_eq!(
        pages,
        [
            vec![entry("a", &[0, 1])],
            vec![entry("b", &[0, 1])],
            vec![entry("b", &[2]), entry("c", &[0])],
        ]
    );
    // A limit below one counts as one.
    let answer = client.call(0, &page(None, 0)).await;
    assert_eq!(shown(&answer), [entry("a", &[0])]);
}

#[tokio::test]
async fn listed_topics_are_described_sorted_and_unknown_ones_named() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("b", 1).await;
    let ask = |cursor: Option<Cursor>| DescribeTopicPartitionsRequest {
        topics: ["z", "b", "a b"].map(|name| TopicRequest { name: name.into() }).to_vec(),
        cursor,
        ..DescribeTopicPartitionsRequest::default()
    };
    let answer = client.call(0, &ask(None)).await;
    let told: Vec<_> = answer.topics.iter().map(|t| (t.name.as_deref(), t.error_code)).collect();
    assert_eq!(told, [(Some("a b"), 17), (Some("b"), 0), (Some("z"), 3)]);
    assert_eq!(answer.topics[1].topic_authorized_operations, 3576);
    assert_eq!(answer.topics[1].partitions[0].eligible_leader_replicas, Some(vec![]));
    let cursor = |topic: &str, partition_index| {
        Some(Cursor { topic_name: Str::from(topic), partition_index })
    };
    let answer = client.call(0, &ask(cursor("b", 0))).await;
    assert_eq!(answer.topics.len(), 2, "what sorts before the cursor was told before");
    for wrong in [cursor("c", 0), cursor("b", -1)] {
        let answer = client.call(0, &ask(wrong)).await;
        assert_eq!(answer.topics[0].error_code, ErrorCode::InvalidRequest.number());
    }
}

#[tokio::test]
async fn the_cluster_is_described() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    for version in 0..=2 {
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: true,
            ..DescribeClusterRequest::default()
        };
        let answer = client.call(version, &request).await;
        assert_eq!(answer.error_code, 0, "version {version}");
        assert_eq!(answer.cluster_id, node.broker.image().cluster_id());
        assert_eq!(answer.controller_id, node.broker.node().0);
        assert_eq!(answer.cluster_authorized_operations, 8096);
        assert_eq!(answer.brokers.len(), 1, "version {version}");
    }
    for (endpoint_type, error) in [
        (2, ErrorCode::MismatchedEndpointType),
        (0, ErrorCode::UnsupportedEndpointType),
        (3, ErrorCode::UnsupportedEndpointType),
    ] {
        let request = DescribeClusterRequest { endpoint_type, ..Default::default() };
        let answer = client.call(1, &request).await;
        assert_eq!(answer.error_code, error.number(), "endpoint type {endpoint_type}");
    }
}
