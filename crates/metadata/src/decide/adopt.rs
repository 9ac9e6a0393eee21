//! Topics of another cluster, taken over with their ids and epochs.

use super::Draft;
use super::topics::check_config_values;
use crate::limits::PARTITIONS_PER_OPERATION_MAX;
use crate::topic_name::{check_topic_name, colliding};
use crate::{AdoptedTopic, ConfigResource, Image, MetadataRecord, NodeId, PartitionImage, Refusal};

pub(super) fn adopt(
    draft: &mut Draft,
    node: NodeId,
    topics: &[AdoptedTopic],
    next_producer_id: i64,
) -> Vec<Result<(), Refusal>> {
    if draft.image.next_producer_id < next_producer_id {
        draft.write(vec![MetadataRecord::ProducerIds { next: next_producer_id }]);
    }
    draft.each(topics, |image, topic| Ok((records(image, node, topic)?, ())))
}

fn records(
    image: &Image,
    node: NodeId,
    topic: &AdoptedTopic,
) -> Result<Vec<MetadataRecord>, Refusal> {
    let name = &topic.name;
    check_topic_name(name)?;
    if image.broker(node).is_none() {
        return Err(Refusal::UnknownBroker { node });
    }
    if image.topic(name).is_some() || image.topic_by_id(topic.id).is_some() {
        return Err(Refusal::TopicExists { name: name.clone() });
    }
    if let Some(other) = colliding(image, name) {
        let reason = format!("Topic '{name}' collides with existing topic: {other}");
        return Err(Refusal::InvalidTopicName { name: name.clone(), reason });
    }
    if !(1..=PARTITIONS_PER_OPERATION_MAX).contains(&topic.leader_epochs.len()) {
        let count = topic.leader_epochs.len();
        let reason = format!(
            "A topic with {count} partitions cannot be taken over: 1 to \
             {PARTITIONS_PER_OPERATION_MAX} can."
        );
        return Err(Refusal::InvalidPartitions { reason });
    }
    check_config_values(&topic.configs)?;
    let id = topic.id;
    let mut records =
        vec![MetadataRecord::Topic { id, name: name.clone(), internal: topic.internal }];
    for (number, leader_epoch) in (0..).zip(&topic.leader_epochs) {
        let image = PartitionImage {
            leader: Some(node),
            leader_epoch: *leader_epoch,
            partition_epoch: 0,
            replicas: [node].into(),
            isr: [node].into(),
        };
        records.push(MetadataRecord::partition(id, number, &image));
    }
    records.extend(topic.configs.iter().map(|(key, value)| MetadataRecord::SetConfig {
        resource: ConfigResource::Topic(name.clone()),
        key: key.clone(),
        value: value.clone(),
    }));
    Ok(records)
}

#[cfg(test)]
mod tests;
