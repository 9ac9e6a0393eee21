//! Topics: create, delete, add partitions, delete records.

use records::Offset;
use uuid::Uuid;
use wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};

use super::{Admin, Answerer, check, missing};
use crate::ClientError;
use crate::metadata::TopicPartition;

/// The first version of DeleteTopics that takes names or ids.
const DELETE_BY_STATE: i16 = 6;
/// How long the cluster may take to carry a change out.
const CHANGE_TIMEOUT_MS: i32 = 30_000;

/// A topic to be created.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; what the broker's settings say, if none.
    pub partitions: Option<i32>,
    /// How many copies; what the broker's settings say, if none.
    pub replication_factor: Option<i16>,
    /// Settings other than the defaults.
    pub configs: Vec<(String, String)>,
}

/// A topic that was created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// Its id, if the cluster has ids.
    pub id: Option<Uuid>,
    /// How many partitions it has, if the broker says so.
    pub partitions: Option<i32>,
    /// How many copies it has, if the broker says so.
    pub replication_factor: Option<i16>,
}

impl Admin {
    /// Creates a topic, or only checks whether that would succeed.
    pub async fn create_topic(
        &self,
        topic: &NewTopic,
        validate_only: bool,
    ) -> Result<CreatedTopic, ClientError> {
        let make = |_| CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic.name.as_str().into(),
                num_partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replication_factor.unwrap_or(-1),
                configs: topic
                    .configs
                    .iter()
                    .map(|(name, value)| CreatableTopicConfig {
                        name: name.into(),
                        value: Some(value.into()),
                    })
                    .collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: CHANGE_TIMEOUT_MS,
            validate_only,
        };
        let created = self
            .ask(Answerer::Controller, make, |response| {
                let Some(result) = response.topics.into_iter().next() else {
                    return Err(missing::<CreateTopicsRequest>(&topic.name));
                };
                let message = result.error_message.as_deref();
                check::<CreateTopicsRequest>(result.error_code, message, || subject(&topic.name))?;
                Ok(CreatedTopic {
                    name: result.name.to_string(),
                    id: Some(result.topic_id).filter(|id| !id.is_nil()),
                    partitions: Some(result.num_partitions).filter(|count| *count > 0),
                    replication_factor: Some(result.replication_factor).filter(|n| *n > 0),
                })
            })
            .await;
        self.cluster.forget_topic(&topic.name);
        created
    }

    /// Deletes a topic with all its records.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        let make = |version| {
            let mut request = DeleteTopicsRequest {
                timeout_ms: CHANGE_TIMEOUT_MS,
                ..DeleteTopicsRequest::default()
            };
            if version >= DELETE_BY_STATE {
                let name = Some(name.into());
                request.topics = vec![DeleteTopicState { name, ..DeleteTopicState::default() }];
            } else {
                request.topic_names = vec![name.into()];
            }
            request
        };
        let deleted = self
            .ask(Answerer::Controller, make, |response| {
                let Some(result) = response.responses.into_iter().next() else {
                    return Err(missing::<DeleteTopicsRequest>(name));
                };
                // Retriable by its code, but a topic that is not there will not come.
                unknown_topic(result.error_code, name)?;
                let message = result.error_message.as_deref();
                check::<DeleteTopicsRequest>(result.error_code, message, || subject(name))
            })
            .await;
        self.cluster.forget_topic(name);
        deleted
    }

    /// Raises the number of a topic's partitions to `total`.
    pub async fn create_partitions(&self, name: &str, total: i32) -> Result<(), ClientError> {
        let make = |_| CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: name.into(),
                count: total,
                assignments: None,
            }],
            timeout_ms: CHANGE_TIMEOUT_MS,
            validate_only: false,
        };
        let created = self
            .ask(Answerer::Controller, make, |response| {
                let Some(result) = response.results.into_iter().next() else {
                    return Err(missing::<CreatePartitionsRequest>(name));
                };
                unknown_topic(result.error_code, name)?;
                let message = result.error_message.as_deref();
                check::<CreatePartitionsRequest>(result.error_code, message, || subject(name))
            })
            .await;
        self.cluster.forget_topic(name);
        created
    }

    /// Deletes the records before an offset, all if none is given; returns the first offset left.
    pub async fn delete_records(
        &self,
        place: &TopicPartition,
        before: Option<Offset>,
    ) -> Result<Offset, ClientError> {
        let leader = self.cluster.leader(&place.topic, place.partition).await?;
        let make = |_| DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: (&*place.topic).into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: place.partition,
                    offset: before.map_or(-1, |offset| offset.0),
                }],
            }],
            timeout_ms: CHANGE_TIMEOUT_MS,
        };
        self.ask(Answerer::Node(leader.node), make, |response| {
            let mut results = response.topics.into_iter().flat_map(|topic| topic.partitions);
            let Some(result) = results.next() else {
                return Err(missing::<DeleteRecordsRequest>(place.to_string()));
            };
            check::<DeleteRecordsRequest>(result.error_code, None, || place.to_string())?;
            Ok(Offset(result.low_watermark))
        })
        .await
    }
}

fn subject(topic: &str) -> String {
    format!("topic '{topic}'")
}

fn unknown_topic(code: i16, name: &str) -> Result<(), ClientError> {
    match wire::ErrorCode::from_wire(code) {
        wire::ErrorCode::UnknownTopicOrPartition => {
            Err(ClientError::UnknownTopic { topic: name.to_owned() })
        }
        _ => Ok(()),
    }
}
