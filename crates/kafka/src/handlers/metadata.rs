//! Metadata (3), versions 0 to 13: brokers, topics, partitions and their leaders.
//!
//! Everything comes out of one image. A topic that is not there and may be created is created, and
//! the answer waits for it: Kafka answers with an error first and lets the client ask again, which
//! only costs time. Topics are asked for by id from version 12 (KIP-516).
//!
//! Gaps: no authorizer, so all operations are allowed where they are asked for (KIP-430); one
//! listener a broker (see [`super::brokers`]); which log directories failed is known of this broker alone
//! (KIP-858).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use broker::groups::OFFSETS_TOPIC;
use broker::limits::AUTO_CREATE_TOPICS_MAX;
use broker::{Broker, CreateTopic, Image, PartitionImage, TopicId, TopicImage, check_topic_name};
use uuid::Uuid;
use wire::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use wire::{ErrorCode, Str};

use super::leadership::Leadership;
use super::{brokers, permissions};
use crate::answer::{Answer, Reply};
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// The first version that may name a topic by its id.
const ASKED_BY_ID_SINCE: i16 = 12;

/// Which topics a client wants to know of.
enum Asked {
    All,
    These(Vec<Named>),
}

/// One of them.
#[derive(PartialEq, Eq, Hash)]
enum Named {
    Name(Str),
    Id(Uuid),
}

/// What else the client wants to be told.
#[derive(Clone, Copy)]
struct Terms {
    cluster_operations: bool,
    topic_operations: bool,
}

/// Why topics could not be created, by name.
type NotCreated = HashMap<Str, ErrorCode>;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: MetadataRequest) -> Reply {
    let terms = Terms {
        cluster_operations: request.include_cluster_authorized_operations,
        topic_operations: request.include_topic_authorized_operations,
    };
    let broker = &shared.broker;
    let may_create = request.allow_auto_topic_creation && broker.config().auto_create_topics_enable;
    let asked = match asked(call.version, request.topics) {
        Ok(asked) => asked,
        Err(response) => return Reply::Now(call.answer(&response)),
    };
    let image = broker.image();
    let missing = if may_create { missing(&image, &asked) } else { Vec::new() };
    if missing.is_empty() {
        return Reply::Now(answer(&call, (broker, &image), &asked, terms, &NotCreated::new()));
    }
    let broker = broker.clone();
    let asked = asked.detach();
    Reply::later(async move {
        let not_created = create(&broker, missing).await;
        answer(&call, (&broker, &broker.image()), &asked, terms, &not_created)
    })
}

/// Which topics are meant; or the response to a request that cannot be meant.
fn asked(
    version: i16,
    topics: Option<Vec<MetadataRequestTopic>>,
) -> Result<Asked, MetadataResponse> {
    let topics = match topics {
        None => return Ok(Asked::All),
        Some(topics) if version == 0 && topics.is_empty() => return Ok(Asked::All),
        Some(topics) => topics,
    };
    let is_wrong = |topic: &MetadataRequestTopic| topic.name.is_none() || !topic.topic_id.is_nil();
    if version < ASKED_BY_ID_SINCE && topics.iter().any(is_wrong) {
        return Err(contradicts_itself(topics));
    }
    let mut these = Vec::with_capacity(topics.len());
    for topic in topics {
        these.push(match topic.name {
            Some(name) if topic.topic_id.is_nil() => Named::Name(name),
            _ => Named::Id(topic.topic_id),
        });
    }
    if these.len() > 1 {
        let mut seen = HashSet::with_capacity(these.len());
        let firsts: Vec<bool> = these.iter().map(|named| seen.insert(named)).collect();
        let mut firsts = firsts.into_iter();
        these.retain(|_| firsts.next().unwrap_or(true));
    }
    Ok(Asked::These(these))
}

fn contradicts_itself(topics: Vec<MetadataRequestTopic>) -> MetadataResponse {
    let error_code = ErrorCode::InvalidRequest.number();
    let topics = topics.into_iter().map(|topic| MetadataResponseTopic {
        error_code,
        name: Some(topic.name.unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    });
    MetadataResponse { topics: topics.collect(), error_code, ..MetadataResponse::default() }
}

impl Asked {
    /// The same, without holding the receive buffer.
    fn detach(self) -> Asked {
        match self {
            Asked::All => Asked::All,
            Asked::These(these) => {
                let these = these.into_iter().map(|named| match named {
                    Named::Name(name) => Named::Name(name.detach()),
                    Named::Id(id) => Named::Id(id),
                });
                Asked::These(these.collect())
            }
        }
    }
}

/// The names that are asked for, could be topics and are none.
fn missing(image: &Image, asked: &Asked) -> Vec<String> {
    let Asked::These(these) = asked else { return Vec::new() };
    let names = these.iter().filter_map(|named| match named {
        Named::Name(name) => Some(name),
        Named::Id(_) => None,
    });
    names
        .filter(|name| image.topic(name).is_none() && check_topic_name(name).is_ok())
        .take(AUTO_CREATE_TOPICS_MAX)
        .map(|name| name.to_string())
        .collect()
}

async fn create(broker: &Broker, names: Vec<String>) -> NotCreated {
    let mut not_created = NotCreated::new();
    let (of_the_broker, of_users): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| name == OFFSETS_TOPIC);
    for name in of_the_broker {
        let created = broker.auto_create(&name).await;
        note(&mut not_created, &name, created.code());
    }
    let topics = of_users
        .iter()
        .map(|name| CreateTopic { name: name.clone(), ..CreateTopic::default() })
        .collect();
    for (name, created) in of_users.iter().zip(broker.create_topics(topics, false).await) {
        note(&mut not_created, name, created.code());
    }
    not_created
}

fn note(not_created: &mut NotCreated, name: &str, error: ErrorCode) {
    match error {
        // Somebody else was faster.
        ErrorCode::None | ErrorCode::TopicAlreadyExists => {}
        error => {
            not_created.insert(Str::from(name), error);
        }
    }
}

fn answer(
    call: &Call,
    (broker, image): (&Broker, &Image),
    asked: &Asked,
    terms: Terms,
    not_created: &NotCreated,
) -> Answer {
    let topics = match asked {
        Asked::All => image.topics().map(|topic| describe(broker, image, topic, terms)).collect(),
        Asked::These(these) => {
            these.iter().map(|named| look_up(broker, image, named, terms, not_created)).collect()
        }
    };
    let brokers = brokers::alive(image).into_iter().map(|node| MetadataResponseBroker {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
    });
    call.answer(&MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(Str::from(image.cluster_id())),
        controller_id: brokers::controller(image),
        topics,
        cluster_authorized_operations: permissions::cluster(terms.cluster_operations),
        ..MetadataResponse::default()
    })
}

fn look_up(
    broker: &Broker,
    image: &Image,
    named: &Named,
    terms: Terms,
    not_created: &NotCreated,
) -> MetadataResponseTopic {
    let (found, error, name, topic_id) = match named {
        Named::Name(name) => {
            let error = match check_topic_name(name) {
                Err(refusal) => refusal.code(),
                Ok(()) => {
                    let unknown = ErrorCode::UnknownTopicOrPartition;
                    not_created.get(name).copied().unwrap_or(unknown)
                }
            };
            (image.topic(name), error, Some(name.clone()), Uuid::nil())
        }
        Named::Id(id) => (image.topic_by_id(TopicId(*id)), ErrorCode::UnknownTopicId, None, *id),
    };
    match found {
        Some(topic) => describe(broker, image, topic, terms),
        None => MetadataResponseTopic {
            error_code: error.number(),
            is_internal: name.as_deref() == Some(OFFSETS_TOPIC),
            name,
            topic_id,
            partitions: Vec::new(),
            topic_authorized_operations: permissions::topic(terms.topic_operations),
        },
    }
}

fn describe(
    broker: &Broker,
    image: &Image,
    topic: &TopicImage,
    terms: Terms,
) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.partitions);
    MetadataResponseTopic {
        error_code: ErrorCode::None.number(),
        name: Some(Str::from(&*topic.name)),
        topic_id: topic.id.0,
        is_internal: topic.internal,
        partitions: partitions
            .map(|numbered| describe_partition(broker, image, topic, numbered))
            .collect(),
        topic_authorized_operations: permissions::topic(terms.topic_operations),
    }
}

fn describe_partition(
    broker: &Broker,
    image: &Image,
    topic: &TopicImage,
    (number, partition): (i32, &PartitionImage),
) -> MetadataResponsePartition {
    let shown = Leadership::of(broker, image, topic, (number, partition));
    MetadataResponsePartition {
        error_code: shown.error_code,
        partition_index: number,
        leader_id: shown.leader_id,
        leader_epoch: shown.leader_epoch,
        replica_nodes: shown.replicas,
        isr_nodes: shown.in_sync,
        offline_replicas: shown.offline,
    }
}
