//! Topics: create, delete, add partitions.

use std::collections::{BTreeMap, BTreeSet};

use env::Random;
use records::LeaderEpoch;

use super::Draft;
use crate::limits::{
    CONFIG_VALUE_BYTES_MAX, PARTITIONS_PER_OPERATION_MAX, REPLICAS_PER_PARTITION_MAX,
};
use crate::placement::{Folders, spread};
use crate::topic_name::{check_topic_name, colliding};
use crate::{
    ConfigResource, CreatedTopic, Image, MetadataRecord, NewPartitions, NewTopic, NodeId, NodeList,
    PartitionImage, Placement, Refusal, TopicId,
};

type Decision<T> = Result<(Vec<MetadataRecord>, T), Refusal>;

pub(super) fn create(
    draft: &mut Draft,
    topics: &[NewTopic],
    folders: &mut Folders,
    random: &dyn Random,
) -> Vec<Result<CreatedTopic, Refusal>> {
    let doubled = doubled(topics.iter().map(|topic| topic.name.as_str()));
    let mut left = PARTITIONS_PER_OPERATION_MAX;
    draft.each(topics, |image, topic| {
        refuse_doubled(&doubled, &topic.name)?;
        check_topic_name(&topic.name)?;
        if image.topic(&topic.name).is_some() {
            return Err(Refusal::TopicExists { name: topic.name.clone() });
        }
        if let Some(other) = colliding(image, &topic.name) {
            return Err(Refusal::InvalidTopicName {
                name: topic.name.clone(),
                reason: format!("Topic '{}' collides with existing topic: {other}", topic.name),
            });
        }
        check_config_values(&topic.configs)?;
        let replicas = match &topic.placement {
            Placement::Spread { partitions, replication_factor } => {
                let count = positive(*partitions)?;
                take(&mut left, count)?;
                spread(image, count, *replication_factor, random)?
            }
            Placement::Manual(assignments) => {
                take(&mut left, assignments.len())?;
                let lists: Vec<&[NodeId]> = consecutive(assignments)?;
                check_assignments(image, &lists, None)?;
                lists.into_iter().map(NodeList::from).collect()
            }
        };
        let id = TopicId::random(random);
        let created = CreatedTopic {
            id,
            name: topic.name.clone(),
            partitions: i32::try_from(replicas.len()).unwrap_or(i32::MAX),
            replication_factor: replicas
                .first()
                .and_then(|list| i16::try_from(list.len()).ok())
                .unwrap_or(i16::MAX),
        };
        let mut records = Vec::with_capacity(1 + replicas.len() + topic.configs.len());
        records.push(MetadataRecord::Topic {
            id,
            name: topic.name.clone(),
            internal: topic.internal,
        });
        add_partitions(&mut records, image, (id, 0), replicas, folders);
        for (key, value) in &topic.configs {
            records.push(MetadataRecord::SetConfig {
                resource: ConfigResource::Topic(topic.name.clone()),
                key: key.clone(),
                value: value.clone(),
            });
        }
        Ok((records, created))
    })
}

pub(super) fn delete(image: &Image, id: TopicId) -> Decision<String> {
    let topic = image.topic_by_id(id).ok_or(Refusal::UnknownTopicId { id })?;
    Ok((vec![MetadataRecord::RemoveTopic { id }], topic.name.to_string()))
}

pub(super) fn grow(
    draft: &mut Draft,
    topics: &[NewPartitions],
    folders: &mut Folders,
    random: &dyn Random,
) -> Vec<Result<(), Refusal>> {
    let doubled = doubled(topics.iter().map(|topic| topic.name.as_str()));
    let mut left = PARTITIONS_PER_OPERATION_MAX;
    draft.each(topics, |image, wanted| {
        refuse_doubled(&doubled, &wanted.name)?;
        let topic = image
            .topic(&wanted.name)
            .ok_or_else(|| Refusal::UnknownTopic { name: wanted.name.clone() })?;
        if topic.internal {
            // What a key belongs to is told by the number of partitions.
            return Err(Refusal::InvalidPartitions {
                reason: format!(
                    "The number of partitions of the internal topic {} cannot be changed: what is \
                     stored in it would be looked for in other partitions and not be found.",
                    wanted.name
                ),
            });
        }
        let now = topic.partitions.len();
        let total = usize::try_from(wanted.total).unwrap_or(0);
        if total <= now {
            let reason = if total == now {
                format!("Topic already has {now} partition(s).")
            } else {
                format!(
                    "The topic {} currently has {now} partition(s); {} would not be an increase.",
                    wanted.name, wanted.total
                )
            };
            return Err(Refusal::InvalidPartitions { reason });
        }
        let more = total - now;
        take(&mut left, more)?;
        let factor = topic.partition(0).map_or(0, |partition| partition.replicas.len());
        let replicas = match &wanted.assignments {
            None => spread(image, more, i16::try_from(factor).unwrap_or(i16::MAX), random)?,
            Some(lists) => {
                if lists.len() != more {
                    return Err(Refusal::InvalidReplicaAssignment {
                        reason: format!(
                            "Attempted to add {more} additional partition(s), but only {} \
                             assignment(s) were specified.",
                            lists.len()
                        ),
                    });
                }
                let slices: Vec<&[NodeId]> = lists.iter().map(Vec::as_slice).collect();
                check_assignments(image, &slices, Some(factor))?;
                slices.into_iter().map(NodeList::from).collect()
            }
        };
        let first = i32::try_from(now).unwrap_or(i32::MAX);
        let mut records = Vec::with_capacity(replicas.len());
        add_partitions(&mut records, image, (topic.id, first), replicas, folders);
        Ok((records, ()))
    })
}

/// The partitions from a number on, each with its place.
fn add_partitions(
    records: &mut Vec<MetadataRecord>,
    image: &Image,
    (topic, first): (TopicId, i32),
    replicas: Vec<NodeList>,
    folders: &mut Folders,
) {
    for (partition, list) in (first..).zip(replicas) {
        let place = folders.place(&list);
        records.push(MetadataRecord::partition(topic, partition, &fresh(image, list)));
        records.extend(place.map(|(node, directory)| MetadataRecord::PartitionDirectory {
            topic,
            partition,
            node,
            directory,
        }));
    }
}

/// A partition that nobody has led yet.
fn fresh(image: &Image, replicas: NodeList) -> PartitionImage {
    let isr: NodeList = replicas.iter().copied().filter(|node| image.is_alive(*node)).collect();
    PartitionImage {
        leader: isr.first().copied(),
        leader_epoch: LeaderEpoch::ZERO,
        partition_epoch: 0,
        replicas,
        isr,
    }
}

fn positive(partitions: i32) -> Result<usize, Refusal> {
    match usize::try_from(partitions) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Refusal::InvalidPartitions {
            reason: "Number of partitions was set to an invalid non-positive value.".to_owned(),
        }),
    }
}

fn take(left: &mut usize, count: usize) -> Result<(), Refusal> {
    *left = left.checked_sub(count).ok_or_else(|| Refusal::PolicyViolation {
        reason: format!(
            "Excessively large number of partitions per request: at most \
             {PARTITIONS_PER_OPERATION_MAX} are created at once."
        ),
    })?;
    Ok(())
}

/// Replica lists of partitions 0, 1, 2 and so on.
fn consecutive(assignments: &BTreeMap<i32, Vec<NodeId>>) -> Result<Vec<&[NodeId]>, Refusal> {
    let refuse =
        |reason: &str| Err(Refusal::InvalidReplicaAssignment { reason: reason.to_owned() });
    if assignments.is_empty() {
        return refuse("The manual partition assignment includes no partitions.");
    }
    if !(0..).zip(assignments.keys()).all(|(expected, number)| expected == *number) {
        return refuse("partitions should be a consecutive 0-based integer sequence");
    }
    Ok(assignments.values().map(Vec::as_slice).collect())
}

/// `factor` is how many replicas each must have; the first list says when it is open.
fn check_assignments(
    image: &Image,
    lists: &[&[NodeId]],
    mut factor: Option<usize>,
) -> Result<(), Refusal> {
    let refuse = |reason: String| Err(Refusal::InvalidReplicaAssignment { reason });
    for list in lists {
        if list.is_empty() {
            return refuse(
                "The manual partition assignment includes an empty replica list.".into(),
            );
        }
        if list.len() > REPLICAS_PER_PARTITION_MAX {
            return refuse(format!(
                "The manual partition assignment includes a partition with {} replica(s), more \
                 than {REPLICAS_PER_PARTITION_MAX}.",
                list.len()
            ));
        }
        let mut seen = BTreeSet::new();
        for node in *list {
            if image.broker(*node).is_none() {
                return refuse(format!(
                    "The manual partition assignment includes broker {node}, but no such broker \
                     is registered."
                ));
            }
            if !seen.insert(node) {
                return refuse(format!(
                    "The manual partition assignment includes the broker {node} more than once."
                ));
            }
        }
        if !list.iter().any(|node| image.is_alive(*node)) {
            return refuse(
                "All brokers specified in the manual partition assignment are fenced.".into(),
            );
        }
        let expected = *factor.get_or_insert(list.len());
        if list.len() != expected {
            return refuse(format!(
                "The manual partition assignment includes a partition with {} replica(s), but \
                 this is not consistent with previous partitions, which have {expected} \
                 replica(s).",
                list.len()
            ));
        }
    }
    Ok(())
}

pub(super) fn check_config_values(configs: &BTreeMap<String, String>) -> Result<(), Refusal> {
    match configs.iter().find(|(_, value)| value.len() > CONFIG_VALUE_BYTES_MAX) {
        None => Ok(()),
        Some((key, _)) => Err(Refusal::InvalidConfig {
            reason: format!(
                "The value of {key} exceeds the maximum size of {CONFIG_VALUE_BYTES_MAX} bytes."
            ),
        }),
    }
}

fn doubled<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

fn refuse_doubled(doubled: &BTreeSet<&str>, name: &str) -> Result<(), Refusal> {
    if doubled.contains(name) {
        return Err(Refusal::InvalidRequest { reason: format!("Duplicate topic name {name}.") });
    }
    Ok(())
}
