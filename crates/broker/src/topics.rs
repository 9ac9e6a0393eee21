//! Creating, growing and deleting topics.
//!
//! What a client leaves open is filled in from the settings here; whether it can be is decided by
//! the controller. An operation returns when this node has opened or removed the partitions.

use std::collections::BTreeMap;

use metadata::{
    CreatedTopic, NewPartitions, NewTopic, NodeId, Operation, Outcome, Placement, Refusal, TopicId,
};

use crate::broker::Broker;
use crate::config::{ConfigError, TopicConfig, validate_topic_override};
use crate::error::QuorumUnavailable;
use crate::groups::OFFSETS_TOPIC;

/// A topic to create, as a client asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; `None` takes `num.partitions`.
    pub partitions: Option<i32>,
    /// How many replicas; `None` takes `default.replication.factor`.
    pub replication_factor: Option<i16>,
    /// Replicas by partition, instead of the two numbers; empty when the cluster decides.
    pub assignments: BTreeMap<i32, Vec<i32>>,
    /// Settings of its own.
    pub configs: BTreeMap<String, String>,
}

/// A topic to give more partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it is to have.
    pub total: i32,
    /// Replicas of the new partitions, in order; `None` when the cluster decides.
    pub assignments: Option<Vec<Vec<i32>>>,
}

/// Why a topic was not created, grown or deleted.
#[derive(Debug, thiserror::Error)]
pub enum TopicRefusal {
    /// The controller declined.
    #[error(transparent)]
    Declined(#[from] Refusal),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `delete.topic.enable` is off.
    #[error("Topic deletion is disabled.")]
    DeletionDisabled,
    /// The quorum does not answer.
    #[error(transparent)]
    Unavailable(#[from] QuorumUnavailable),
}

impl Broker {
    /// Creates topics, each by itself; the answers are in order.
    pub async fn create_topics(
        &self,
        topics: Vec<CreateTopic>,
        validate_only: bool,
    ) -> Vec<Result<CreatedTopic, TopicRefusal>> {
        let mut answers: Vec<Option<Result<CreatedTopic, TopicRefusal>>> = Vec::new();
        let mut asked = Vec::new();
        for topic in topics {
            match self.new_topic(topic) {
                Ok(topic) => {
                    asked.push(topic);
                    answers.push(None);
                }
                Err(error) => answers.push(Some(Err(error.into()))),
            }
        }
        let decided = if asked.is_empty() {
            Ok(Vec::new())
        } else {
            match self
                .submit(Operation::CreateTopics {
                    topics: asked,
                    folders: self.folders.loads(),
                    validate_only,
                })
                .await
            {
                Ok(Outcome::TopicsCreated(decided)) => Ok(decided),
                Ok(other) => Err(QuorumUnavailable(format!("answered {other:?}"))),
                Err(error) => Err(error),
            }
        };
        merge(answers, decided)
    }

    /// Creates a topic with the defaults, because somebody asked for it.
    pub async fn auto_create(&self, name: &str) -> Result<CreatedTopic, TopicRefusal> {
        let topic = match name {
            OFFSETS_TOPIC => self.offsets_topic(),
            _ => CreateTopic { name: name.to_owned(), ..CreateTopic::default() },
        };
        match self.create_topics(vec![topic], false).await.pop() {
            Some(answer) => answer,
            None => Err(QuorumUnavailable("no answer".into()).into()),
        }
    }

    fn offsets_topic(&self) -> CreateTopic {
        let config = self.config.load();
        let configs = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "producer".to_owned()),
            ("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
        ];
        CreateTopic {
            name: OFFSETS_TOPIC.to_owned(),
            partitions: Some(config.offsets_topic_num_partitions),
            configs: configs.map(|(key, value)| (key.to_owned(), value)).into(),
            ..CreateTopic::default()
        }
    }

    fn new_topic(&self, topic: CreateTopic) -> Result<NewTopic, ConfigError> {
        let config = self.config.load();
        let mut configs = BTreeMap::new();
        for (key, value) in topic.configs {
            let value = validate_topic_override(&key, &value)?;
            configs.insert(key, value);
        }
        TopicConfig::resolve(&config, &configs)?;
        let placement = if topic.assignments.is_empty() {
            Placement::Spread {
                partitions: topic.partitions.unwrap_or(config.num_partitions),
                replication_factor: topic
                    .replication_factor
                    .unwrap_or(config.default_replication_factor),
            }
        } else {
            let manual = topic.assignments.into_iter();
            Placement::Manual(manual.map(|(partition, nodes)| (partition, ids(nodes))).collect())
        };
        let internal = topic.name == OFFSETS_TOPIC;
        Ok(NewTopic { name: topic.name, placement, configs, internal })
    }

    /// Gives topics more partitions; the answers are in order.
    pub async fn grow_topics(
        &self,
        topics: Vec<GrowTopic>,
        validate_only: bool,
    ) -> Vec<Result<(), TopicRefusal>> {
        let answers = topics.iter().map(|_| None).collect();
        let topics = topics
            .into_iter()
            .map(|topic| NewPartitions {
                name: topic.name,
                total: topic.total,
                assignments: topic.assignments.map(|all| all.into_iter().map(ids).collect()),
            })
            .collect();
        let decided = match self
            .submit(Operation::CreatePartitions {
                topics,
                folders: self.folders.loads(),
                validate_only,
            })
            .await
        {
            Ok(Outcome::PartitionsCreated(decided)) => Ok(decided),
            Ok(other) => Err(QuorumUnavailable(format!("answered {other:?}"))),
            Err(error) => Err(error),
        };
        merge(answers, decided)
    }

    /// Deletes topics with their records; the answers, with the names, are in order.
    pub async fn delete_topics(&self, ids: Vec<TopicId>) -> Vec<Result<String, TopicRefusal>> {
        if !self.config.load().delete_topic_enable {
            return ids.iter().map(|_| Err(TopicRefusal::DeletionDisabled)).collect();
        }
        let answers = ids.iter().map(|_| None).collect();
        let decided = match self.submit(Operation::DeleteTopics { ids }).await {
            Ok(Outcome::TopicsDeleted(decided)) => Ok(decided),
            Ok(other) => Err(QuorumUnavailable(format!("answered {other:?}"))),
            Err(error) => Err(error),
        };
        merge(answers, decided)
    }
}

/// Puts the controller's answers into the places that were left open for them.
fn merge<T>(
    answers: Vec<Option<Result<T, TopicRefusal>>>,
    decided: Result<Vec<Result<T, Refusal>>, QuorumUnavailable>,
) -> Vec<Result<T, TopicRefusal>> {
    let (mut decided, unavailable) = match decided {
        Ok(decided) => (decided.into_iter(), QuorumUnavailable("no answer".into())),
        Err(error) => (Vec::new().into_iter(), error),
    };
    answers
        .into_iter()
        .map(|answer| match answer {
            Some(answer) => answer,
            None => match decided.next() {
                Some(decided) => decided.map_err(TopicRefusal::from),
                None => Err(unavailable.clone().into()),
            },
        })
        .collect()
}

fn ids(nodes: Vec<i32>) -> Vec<NodeId> {
    nodes.into_iter().map(NodeId).collect()
}
