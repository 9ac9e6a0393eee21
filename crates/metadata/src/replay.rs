//! Replay: the only way from one image to the next.
//!
//! A record that does not fit its image means that the log is not the one the image came from, or
//! that a decision was wrong. Nothing is guessed then: replay stops and the node with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::delta::Touched;
use crate::{
    BrokerImage, Delta, Image, MetadataRecord, NodeId, PartitionImage, SharedList, TopicId,
    TopicImage,
};

/// A record does not fit the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata record does not fit the image at version {version}: {reason}")]
pub struct ReplayError {
    /// The image's version.
    pub version: u64,
    /// What does not fit.
    pub reason: String,
}

impl Image {
    /// The image after one entry of the log, and what differs.
    ///
    /// # Panics
    /// When a record does not fit; [`Image::try_apply`] is for records that may not.
    #[must_use]
    pub fn apply(&self, records: &[MetadataRecord]) -> (Image, Delta) {
        match self.try_apply(records) {
            Ok(next) => next,
            Err(error) => panic!("{error}"),
        }
    }

    /// The image after one entry of the log, and what differs.
    pub fn try_apply(&self, records: &[MetadataRecord]) -> Result<(Image, Delta), ReplayError> {
        let mut next = self.clone();
        let mut touched = Touched::default();
        for record in records {
            next.replay(record, &mut touched)
                .map_err(|reason| ReplayError { version: self.version, reason })?;
        }
        next.version += 1;
        let delta = Delta::of(self, &next, &touched);
        Ok((next, delta))
    }

    fn replay(&mut self, record: &MetadataRecord, touched: &mut Touched) -> Result<(), String> {
        match record {
            MetadataRecord::ClusterId { id } => {
                if self.cluster_id.is_some() {
                    return Err(format!("cluster id {id} although there is one"));
                }
                self.cluster_id = Some(id.as_str().into());
            }
            MetadataRecord::Topic { id, name, internal } => {
                touched.topics.insert(*id);
                self.add_topic(*id, name, *internal)?;
            }
            MetadataRecord::Partition {
                topic,
                partition,
                leader,
                leader_epoch,
                partition_epoch,
                replicas,
                isr,
            } => {
                touched.topics.insert(*topic);
                let partitions = &mut self.topic_mut(*topic)?.partitions;
                if usize::try_from(*partition) != Ok(partitions.len()) {
                    return Err(format!(
                        "partition {partition} of {topic}, which has {}",
                        partitions.len()
                    ));
                }
                partitions.push(PartitionImage {
                    leader: *leader,
                    leader_epoch: *leader_epoch,
                    partition_epoch: *partition_epoch,
                    replicas: replicas.clone(),
                    isr: isr.clone(),
                });
            }
            MetadataRecord::PartitionChange {
                topic,
                partition,
                leader,
                leader_epoch,
                partition_epoch,
                replicas,
                isr,
            } => {
                touched.topics.insert(*topic);
                let image = usize::try_from(*partition)
                    .ok()
                    .and_then(|place| self.topic_mut(*topic).ok()?.partitions.get_mut(place))
                    .ok_or_else(|| format!("change of unknown partition {topic}-{partition}"))?;
                *image = PartitionImage {
                    leader: *leader,
                    leader_epoch: *leader_epoch,
                    partition_epoch: *partition_epoch,
                    replicas: replicas.clone(),
                    isr: isr.clone(),
                };
            }
            MetadataRecord::PartitionDirectory { topic, partition, node, directory } => {
                touched.topics.insert(*topic);
                let image = self.topic_mut(*topic)?;
                if image.partition(*partition).is_none() {
                    return Err(format!("directory of unknown partition {topic}-{partition}"));
                }
                image.directories.insert((*partition, *node), *directory);
            }
            MetadataRecord::Directories { node, directories } => {
                Arc::make_mut(&mut self.directories).insert(*node, directories.clone());
            }
            MetadataRecord::RemoveTopic { id } => {
                touched.topics.insert(*id);
                let topic =
                    self.topics.remove(id).ok_or_else(|| format!("removal of unknown {id}"))?;
                self.names.remove(&*topic.name);
                self.configs.remove(&crate::ConfigResource::Topic(topic.name.to_string()));
            }
            MetadataRecord::SetConfig { resource, key, value } => {
                touched.configs.insert(resource.clone());
                match self.configs.get_mut(resource) {
                    Some(overrides) => {
                        Arc::make_mut(overrides).insert(key.clone(), value.clone());
                    }
                    None => {
                        let overrides = BTreeMap::from([(key.clone(), value.clone())]);
                        self.configs.insert(resource.clone(), Arc::new(overrides));
                    }
                }
            }
            MetadataRecord::RemoveConfig { resource, key } => {
                touched.configs.insert(resource.clone());
                if let Some(overrides) = self.configs.get_mut(resource) {
                    let overrides = Arc::make_mut(overrides);
                    overrides.remove(key);
                    if overrides.is_empty() {
                        self.configs.remove(resource);
                    }
                }
            }
            MetadataRecord::RegisterBroker {
                node,
                epoch,
                incarnation,
                endpoints,
                rack,
                fenced,
            } => {
                touched.brokers.insert(*node);
                let broker = BrokerImage {
                    id: *node,
                    epoch: *epoch,
                    incarnation: *incarnation,
                    endpoints: endpoints.clone(),
                    rack: rack.clone(),
                    fenced: *fenced,
                };
                Arc::make_mut(&mut self.brokers).insert(*node, broker);
            }
            MetadataRecord::UnregisterBroker { node } => {
                touched.brokers.insert(*node);
                Arc::make_mut(&mut self.brokers)
                    .remove(node)
                    .ok_or_else(|| format!("removal of unknown broker {node}"))?;
            }
            MetadataRecord::FenceBroker { node } => self.fence(*node, true, touched)?,
            MetadataRecord::UnfenceBroker { node } => self.fence(*node, false, touched)?,
            MetadataRecord::ProducerIds { next } => {
                if *next < self.next_producer_id {
                    return Err(format!("producer ids go back to {next}"));
                }
                self.next_producer_id = *next;
            }
            MetadataRecord::Feature { name, level } => {
                let features = Arc::make_mut(&mut self.features);
                if *level == 0 {
                    features.remove(name);
                } else {
                    features.insert(name.clone(), *level);
                }
            }
        }
        Ok(())
    }

    fn add_topic(&mut self, id: TopicId, name: &str, internal: bool) -> Result<(), String> {
        let name: Arc<str> = name.into();
        let topic = TopicImage {
            id,
            name: name.clone(),
            internal,
            partitions: SharedList::default(),
            directories: BTreeMap::new(),
        };
        if self.names.insert(name.clone(), id).is_some() {
            return Err(format!("topic {name} although there is one"));
        }
        if self.topics.insert(id, Arc::new(topic)).is_some() {
            return Err(format!("topic id {id} although there is one"));
        }
        Ok(())
    }

    fn topic_mut(&mut self, id: TopicId) -> Result<&mut TopicImage, String> {
        let topic = self.topics.get_mut(&id).ok_or_else(|| format!("unknown topic {id}"))?;
        Ok(Arc::make_mut(topic))
    }

    fn fence(&mut self, node: NodeId, fenced: bool, touched: &mut Touched) -> Result<(), String> {
        touched.brokers.insert(node);
        let broker = Arc::make_mut(&mut self.brokers)
            .get_mut(&node)
            .ok_or_else(|| format!("fencing of unknown broker {node}"))?;
        broker.fenced = fenced;
        Ok(())
    }
}
