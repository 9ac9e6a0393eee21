//! CreateTopics (19), versions 2 to 7.
//!
//! -1 stands for the broker's numbers in every version, as in Kafka (whose clients send it from 4).
//! A name that is given twice is refused once. Versions from 5 return the settings the topic has,
//! those that were only validated too (KIP-525); 7 returns the id (KIP-516).
//!
//! Gaps: no quota (KIP-599); the timeout is not looked at, a creation takes as long as one write of
//! the metadata.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use broker::config::BrokerConfig;
use broker::{CreateTopic, CreatedTopic};
use wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use wire::{ErrorCode, Str};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Fault;
use crate::listener::Shared;

/// First version that tells what was created.
const DETAILS_SINCE: i16 = 5;

/// The topic Kafka keeps its metadata in: nobody may make one of this name.
const METADATA_TOPIC: &str = "__cluster_metadata";

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: CreateTopicsRequest) -> Reply {
    let mut seen = HashSet::new();
    let names = request.topics.iter().map(|topic| &topic.name);
    let doubled: HashSet<&Str> = names.filter(|name| !seen.insert(*name)).collect();
    let mut results = Vec::with_capacity(request.topics.len());
    let mut wanted = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        if doubled.contains(&topic.name) {
            continue;
        }
        match wish(topic) {
            Ok(topic) => wanted.push(topic),
            Err(fault) => results.push(refused(topic.name.detach(), fault)),
        }
    }
    for name in doubled {
        let fault = Fault::invalid_request("Duplicate topic name.");
        results.push(refused(name.detach(), fault));
    }
    let (broker, validate_only) = (shared.broker.clone(), request.validate_only);
    Reply::later(async move {
        let asked: Vec<_> =
            wanted.iter().map(|topic| (topic.name.clone(), topic.configs.clone())).collect();
        let outcomes = broker.create_topics(wanted, validate_only).await;
        let config = broker.config();
        for ((name, overrides), outcome) in asked.into_iter().zip(outcomes) {
            results.push(match outcome {
                Ok(created) if call.version >= DETAILS_SINCE => {
                    with_details(&created, &overrides, &config)
                }
                Ok(created) => CreatableTopicResult {
                    name: Str::from(created.name),
                    ..CreatableTopicResult::default()
                },
                Err(refusal) => refused(Str::from(name), Fault::of(&refusal)),
            });
        }
        call.answer(&CreateTopicsResponse { topics: results, ..CreateTopicsResponse::default() })
    })
}

/// What is to be created, or how the request contradicts itself.
fn wish(topic: &CreatableTopic) -> Result<CreateTopic, Fault> {
    if topic.name == METADATA_TOPIC {
        return Err(Fault::invalid_request(format!(
            "Creation of internal topic {METADATA_TOPIC} is prohibited."
        )));
    }
    let mut configs = BTreeMap::new();
    let mut valueless = Vec::new();
    for config in &topic.configs {
        match &config.value {
            Some(value) => {
                configs.insert(config.name.to_string(), value.to_string());
            }
            None => valueless.push(config.name.as_str()),
        }
    }
    if !valueless.is_empty() {
        let message =
            format!("Null value not supported for topic configs: {}", valueless.join(","));
        return Err(Fault::new(ErrorCode::InvalidConfig, message));
    }
    Ok(CreateTopic {
        name: topic.name.to_string(),
        partitions: (topic.num_partitions != -1).then_some(topic.num_partitions),
        replication_factor: (topic.replication_factor != -1).then_some(topic.replication_factor),
        assignments: assignments(topic)?,
        configs,
    })
}

fn assignments(topic: &CreatableTopic) -> Result<BTreeMap<i32, Vec<i32>>, Fault> {
    let mut by_partition = BTreeMap::new();
    if topic.assignments.is_empty() {
        return Ok(by_partition);
    }
    let not_left_open = |what: &str| {
        Err(Fault::invalid_request(format!(
            "A manual partition assignment was specified, but {what} was not set to -1."
        )))
    };
    if topic.replication_factor != -1 {
        return not_left_open("replication factor");
    }
    if topic.num_partitions != -1 {
        return not_left_open("numPartitions");
    }
    for assignment in &topic.assignments {
        let number = assignment.partition_index;
        if by_partition.insert(number, assignment.broker_ids.clone()).is_some() {
            return Err(Fault::new(
                ErrorCode::InvalidReplicaAssignment,
                format!("Found multiple manual partition assignments for partition {number}"),
            ));
        }
    }
    Ok(by_partition)
}

fn with_details(
    created: &CreatedTopic,
    overrides: &BTreeMap<String, String>,
    config: &BrokerConfig,
) -> CreatableTopicResult {
    let configs =
        config.describe_topic(overrides).into_iter().map(|config| CreatableTopicConfigs {
            name: Str::from_static(config.name),
            value: config.value.filter(|_| !config.sensitive).map(Str::from),
            read_only: config.read_only,
            config_source: config.source.kafka_number(),
            is_sensitive: config.sensitive,
        });
    CreatableTopicResult {
        name: Str::from(&created.name),
        topic_id: created.id.0,
        num_partitions: created.partitions,
        replication_factor: created.replication_factor,
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    }
}

fn refused(name: Str, fault: Fault) -> CreatableTopicResult {
    let (error_code, error_message) = Fault::fields(Err(fault));
    CreatableTopicResult {
        name,
        error_code,
        error_message,
        configs: Some(Vec::new()),
        ..CreatableTopicResult::default()
    }
}
