//! Settings: describing and altering them, and the log folder. Texts are those of Kafka 4.3.1.

use wire::messages::alter_configs::{self, AlterConfigsRequest};
use wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult,
};
use wire::messages::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};
use wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use wire::{ErrorCode, Str};

use crate::node::{Client, Node};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

async fn describe(
    client: &mut Client,
    version: i16,
    resource_type: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configuration_keys: keys.map(|keys| keys.iter().copied().map(Str::from).collect()),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: version >= 3,
    };
    client.call(version, &request).await.results.remove(0)
}

async fn value(client: &mut Client, resource_type: i8, name: &str, key: &str) -> Option<String> {
    let described = describe(client, 4, resource_type, name, Some(&[key])).await;
    assert_eq!(described.error_code, 0, "{:?}", described.error_message);
    described.configs.first()?.value.as_ref().map(Str::to_string)
}

#[tokio::test]
async fn settings_are_described_in_every_version() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create_with("t", 1, &[("retention.ms", "5000")]).await;
    for version in 1..=4 {
        let described = describe(&mut client, version, TOPIC, "t", None).await;
        let found = described.configs.iter().find(|config| config.name == "retention.ms");
        let retention = found.expect("the key");
        assert_eq!(retention.value.as_deref(), Some("5000"), "version {version}");
        assert_eq!(retention.config_source, 1, "version {version}");
        assert!(retention.synonyms.len() > 1, "the default is among the synonyms");
        assert_eq!(retention.config_type, if version >= 3 { 5 } else { 0 }, "version {version}");
        assert_eq!(retention.documentation.is_some(), version >= 3, "version {version}");
    }
}

#[tokio::test]
async fn no_keys_mean_all_keys() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    let all = describe(&mut client, 4, TOPIC, "t", None).await.configs.len();
    assert!(all > 10, "{all}");
    assert_eq!(describe(&mut client, 4, TOPIC, "t", Some(&[])).await.configs.len(), all);
    let one = describe(&mut client, 4, TOPIC, "t", Some(&["retention.ms", "none"])).await;
    assert_eq!(one.configs.len(), 1);
}

#[tokio::test]
async fn wrong_resources_are_refused_as_in_kafka() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let here = node.broker.node().0.to_string();
    let other = format!("Unexpected broker id, expected {here} or empty string, but received 777");
    let other_logger = format!("Unexpected broker id, expected {here} but received 777");
    for (resource_type, name, error, message) in [
        (TOPIC, "nope", 3, ""),
        (TOPIC, "", 17, "Topic name is invalid: the empty string is not allowed"),
        (BROKER, &*here, 0, ""),
        (BROKER, "", 0, ""),
        (BROKER, "777", 42, &*other),
        (BROKER, "x", 42, "Broker id must be an integer, but it is: x"),
        (BROKER_LOGGER, &*here, 0, ""),
        (BROKER_LOGGER, "", 42, "Broker id must not be empty"),
        (BROKER_LOGGER, "777", 42, &*other_logger),
        (CLIENT_METRICS, "m", 0, ""),
        (CLIENT_METRICS, "", 42, "Client metrics subscription name must not be empty"),
        (GROUP, "g", 0, ""),
        (GROUP, "", 42, "Group name must not be empty"),
        (99, "x", 42, "Unknown resource type 99"),
    ] {
        let described = describe(&mut client, 4, resource_type, name, None).await;
        let text = described.error_message.as_deref().unwrap_or_default();
        assert_eq!((described.error_code, text), (error, message), "{resource_type} {name:?}");
        assert_eq!((described.resource_type, &*described.resource_name), (resource_type, name));
    }
}

fn edits(
    resource_type: i8,
    name: &str,
    edits: &[(&str, i8, Option<&str>)],
) -> AlterConfigsResource {
    let configs = edits.iter().map(|(key, config_operation, value)| AlterableConfig {
        name: Str::from(*key),
        config_operation: *config_operation,
        value: value.map(Str::from),
    });
    AlterConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configs: configs.collect(),
    }
}

async fn alter(client: &mut Client, resources: Vec<AlterConfigsResource>) -> Vec<(i16, String)> {
    let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
    let answer = client.call(1, &request).await;
    let responses = answer.responses.into_iter();
    responses
        .map(|told| (told.error_code, told.error_message.as_deref().unwrap_or_default().to_owned()))
        .collect()
}

#[tokio::test]
async fn single_settings_are_altered() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    for (changes, expected) in [
        (&[("retention.ms", SET, Some("1234"))][..], ("retention.ms", "1234")),
        (&[("cleanup.policy", APPEND, Some("compact"))], ("cleanup.policy", "delete,compact")),
        (&[("cleanup.policy", SUBTRACT, Some("delete"))], ("cleanup.policy", "compact")),
        (&[("cleanup.policy", DELETE, None)], ("cleanup.policy", "delete")),
        (&[("retention.ms", DELETE, None)], ("retention.ms", "604800000")),
        // What is not set can be deleted, whatever it is called.
        (&[("no.such.key", DELETE, None)], ("retention.ms", "604800000")),
    ] {
        let told = alter(&mut client, vec![edits(TOPIC, "t", changes)]).await;
        assert_eq!(told, [(0, String::new())], "{changes:?}");
        let now = value(&mut client, TOPIC, "t", expected.0).await;
        assert_eq!(now.as_deref(), Some(expected.1), "{changes:?}");
    }
}

#[tokio::test]
async fn wrong_changes_are_refused_as_in_kafka() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    let here = node.broker.node().0.to_string();
    let other = format!("Unexpected broker id, expected {here}, but received 777");
    let retention = ("retention.ms", SET, Some("1"));
    for (resource, error, message) in [
        (edits(TOPIC, "nope", &[retention]), 3, "The topic 'nope' does not exist."),
        (edits(TOPIC, "", &[retention]), 42, "Default topic resources are not allowed."),
        (
            edits(TOPIC, "t", &[("retention.ms", SET, None)]),
            42,
            "Null value not supported for : retention.ms",
        ),
        (edits(TOPIC, "t", &[retention, retention]), 42, "Error due to duplicate config keys"),
        (edits(TOPIC, "t", &[("no.such.key", SET, Some("1"))]), 40, ""),
        (edits(TOPIC, "t", &[("retention.ms", SET, Some("soon"))]), 40, ""),
        (edits(TOPIC, "t", &[("retention.ms", APPEND, Some("1"))]), 40, ""),
        (edits(TOPIC, "t", &[("retention.ms", 9, Some("1"))]), 42, ""),
        (edits(BROKER, "777", &[("log.retention.ms", SET, Some("1"))]), 42, &*other),
        (
            edits(BROKER, "x", &[("log.retention.ms", SET, Some("1"))]),
            42,
            "Node id must be an integer, but it is: x",
        ),
        (edits(BROKER, &here, &[("log.dirs", SET, Some("/elsewhere"))]), 42, ""),
        (edits(BROKER, &here, &[("log.retention.ms", SET, Some("soon"))]), 42, ""),
        (edits(99, "x", &[retention]), 42, "Unknown resource type 99"),
        (edits(BROKER_LOGGER, &here, &[("root", SET, Some("INFO"))]), 42, ""),
        (edits(GROUP, "g", &[("consumer.session.timeout.ms", SET, Some("1"))]), 42, ""),
    ] {
        let told = alter(&mut client, vec![resource.clone()]).await;
        assert_eq!(told[0].0, error, "{resource:?}: {}", told[0].1);
        assert!(told[0].1.starts_with(message), "{:?} instead of {message:?}", told[0].1);
    }
}

#[tokio::test]
async fn each_resource_is_altered_by_itself() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    client.create("twice", 1).await;
    let told = alter(
        &mut client,
        vec![
            edits(TOPIC, "twice", &[("retention.ms", SET, Some("1"))]),
            edits(TOPIC, "nope", &[("retention.ms", SET, Some("1"))]),
            edits(TOPIC, "t", &[("retention.ms", SET, Some("77"))]),
            edits(TOPIC, "twice", &[("retention.ms", SET, Some("2"))]),
        ],
    )
    .await;
    let codes: Vec<i16> = told.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [42, 3, 0, 42]);
    assert_eq!(told[0].1, "Each resource must appear at most once.");
    assert_eq!(value(&mut client, TOPIC, "t", "retention.ms").await.as_deref(), Some("77"));
}

#[tokio::test]
async fn validation_alters_nothing() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    let request = IncrementalAlterConfigsRequest {
        resources: vec![edits(TOPIC, "t", &[("retention.ms", SET, Some("1"))])],
        validate_only: true,
    };
    assert_eq!(client.call(0, &request).await.responses[0].error_code, 0);
    let now = value(&mut client, TOPIC, "t", "retention.ms").await;
    assert_eq!(now.as_deref(), Some("604800000"));
}

#[tokio::test]
async fn brokers_take_settings_for_themselves_and_for_all() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let here = node.broker.node().0.to_string();
    let key = "message.max.bytes";
    for (name, set, expected) in [("", "50000", "50000"), (&*here, "60000", "60000")] {
        let change = edits(BROKER, name, &[(key, SET, Some(set))]);
        assert_eq!(alter(&mut client, vec![change]).await, [(0, String::new())], "{name:?}");
        let now = value(&mut client, BROKER, &here, key).await;
        assert_eq!(now.as_deref(), Some(expected), "{name:?}");
    }
    assert_eq!(value(&mut client, BROKER, "", key).await.as_deref(), Some("50000"));
    client.create("t", 1).await;
    let topic = value(&mut client, TOPIC, "t", "max.message.bytes").await;
    assert_eq!(topic.as_deref(), Some("60000"), "topics inherit");
}

#[tokio::test]
async fn all_settings_of_a_topic_are_replaced() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create_with("t", 1, &[("retention.ms", "5000"), ("segment.ms", "6000")]).await;
    let replace = |name: &str, value: Option<&str>| AlterConfigsRequest {
        resources: vec![alter_configs::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: Str::from(name),
            configs: vec![alter_configs::AlterableConfig {
                name: "retention.ms".into(),
                value: value.map(Str::from),
            }],
        }],
        ..AlterConfigsRequest::default()
    };
    for version in 0..=2 {
        let answer = client.call(version, &replace("t", Some("7000"))).await;
        assert_eq!(answer.responses[0].error_code, 0, "version {version}");
    }
    let retention = value(&mut client, TOPIC, "t", "retention.ms").await;
    assert_eq!(retention.as_deref(), Some("7000"));
    let segment = value(&mut client, TOPIC, "t", "segment.ms").await;
    assert_eq!(segment.as_deref(), Some("604800000"), "what is not named goes back");
    let answer = client.call(2, &replace("t", None)).await;
    assert_eq!(answer.responses[0].error_code, ErrorCode::InvalidRequest.number());
    let answer = client.call(2, &replace("nope", Some("1"))).await;
    assert_eq!(answer.responses[0].error_code, ErrorCode::UnknownTopicOrPartition.number());
}

#[tokio::test]
async fn the_log_folder_is_described() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    client.create("u", 1).await;
    client.produce("t", 1, &["some bytes"]).await;
    for version in 1..=5 {
        let answer = client.call(version, &DescribeLogDirsRequest { topics: None }).await;
        let dir = &answer.results[0];
        assert_eq!((answer.results.len(), dir.error_code), (1, 0), "version {version}");
        assert_eq!(dir.log_dir, "/data");
        let names: Vec<_> = dir.topics.iter().map(|topic| &*topic.name).collect();
        assert_eq!(names, ["t", "u"], "version {version}");
        let sizes: Vec<_> =
            dir.topics[0].partitions.iter().map(|partition| partition.partition_size).collect();
        assert!(sizes[0] == 0 && sizes[1] > 60, "{sizes:?}");
        assert_eq!(dir.total_bytes > 0, version >= 4, "version {version}");
    }
    let listed = DescribableLogDirTopic { topic: "t".into(), partitions: vec![1, 9] };
    let unknown = DescribableLogDirTopic { topic: "zz".into(), partitions: vec![0] };
    let request = DescribeLogDirsRequest { topics: Some(vec![listed, unknown]) };
    let answer = client.call(5, &request).await;
    let topics = &answer.results[0].topics;
    assert_eq!(topics.len(), 1);
    let partitions: Vec<_> = topics[0].partitions.iter().map(|p| p.partition_index).collect();
    assert_eq!(partitions, [1]);
    let none = client.call(5, &DescribeLogDirsRequest { topics: Some(vec![]) }).await;
    assert_eq!(none.results[0].topics, []);
}
