//! Partitions: who is in sync, who leads.
//!
//! A leader is taken from the ISR and nowhere else; without one alive there the partition has no
//! leader. The last member of an ISR stays in it, dead or not, because its copy is the complete one.

use records::LeaderEpoch;

use crate::{Image, IsrChange, MetadataRecord, NodeId, PartitionImage, Refusal, TopicImage};

/// A leader's report about one partition.
pub(super) fn alter(
    image: &Image,
    node: NodeId,
    broker_epoch: i64,
    change: &IsrChange,
) -> Result<(Vec<MetadataRecord>, PartitionImage), Refusal> {
    super::brokers::check_epoch(image, node, broker_epoch)?;
    let topic =
        image.topic_by_id(change.topic).ok_or(Refusal::UnknownTopicId { id: change.topic })?;
    let partition = topic
        .partition(change.partition)
        .ok_or(Refusal::UnknownPartition { id: change.topic, partition: change.partition })?;
    let current = partition.leader_epoch.0;
    let given = change.leader_epoch;
    if given < current || (given == current && partition.leader != Some(node)) {
        return Err(Refusal::FencedLeaderEpoch { given, current });
    }
    if given > current {
        return Err(Refusal::UnknownLeaderEpoch { given, current });
    }
    if change.partition_epoch != partition.partition_epoch {
        return Err(Refusal::InvalidUpdateVersion {
            given: change.partition_epoch,
            current: partition.partition_epoch,
        });
    }
    if !change.isr.contains(&node) {
        return Err(Refusal::InvalidRequest {
            reason: format!("The leader {node} is missing from its own in-sync replicas."),
        });
    }
    for (place, member) in change.isr.iter().enumerate() {
        if !partition.replicas.contains(member)
            || change.isr.iter().skip(place + 1).any(|other| other == member)
        {
            return Err(Refusal::InvalidRequest {
                reason: format!("In-sync replica {member} is no replica or is listed twice."),
            });
        }
        if !image.is_alive(*member) {
            return Err(Refusal::IneligibleReplica { node: *member });
        }
    }
    if *change.isr == *partition.isr {
        return Ok((Vec::new(), partition.clone()));
    }
    let mut next = partition.clone();
    next.isr = change.isr.as_slice().into();
    next.partition_epoch += 1;
    let record = MetadataRecord::partition_change(topic.id, change.partition, next.clone());
    Ok((vec![record], next))
}

/// What happens to every partition when `node` may no longer lead.
pub(super) fn without(image: &Image, node: NodeId) -> Vec<MetadataRecord> {
    changed(image, |partition| {
        if !partition.isr.contains(&node) {
            return None;
        }
        let mut next = partition.clone();
        if next.isr.len() > 1 {
            next.isr = next.isr.iter().copied().filter(|member| *member != node).collect();
        }
        if next.leader == Some(node) {
            next.leader = elect(&next, |member| member != node && image.is_alive(member));
            next.leader_epoch = following(next.leader_epoch);
        }
        Some(next)
    })
}

/// What happens to partitions without a leader when `node` may lead again.
pub(super) fn with(image: &Image, node: NodeId) -> Vec<MetadataRecord> {
    changed(image, |partition| {
        if partition.leader.is_some() || !partition.isr.contains(&node) {
            return None;
        }
        let mut next = partition.clone();
        next.leader = elect(&next, |member| member == node || image.is_alive(member));
        next.leader_epoch = following(next.leader_epoch);
        Some(next)
    })
}

fn changed(
    image: &Image,
    change: impl Fn(&PartitionImage) -> Option<PartitionImage>,
) -> Vec<MetadataRecord> {
    let in_topic = |topic: &TopicImage| {
        let id = topic.id;
        let change = &change;
        let records: Vec<MetadataRecord> = (0..)
            .zip(&topic.partitions)
            .filter_map(|(number, partition)| {
                let mut next = change(partition).filter(|next| next != partition)?;
                next.partition_epoch += 1;
                Some(MetadataRecord::partition_change(id, number, next))
            })
            .collect();
        records
    };
    image.topics().flat_map(|topic| in_topic(topic)).collect()
}

/// The first replica in sync that may lead, in the order of preference.
fn elect(partition: &PartitionImage, may_lead: impl Fn(NodeId) -> bool) -> Option<NodeId> {
    let candidates = partition.replicas.iter().copied();
    candidates.filter(|node| partition.isr.contains(node)).find(|node| may_lead(*node))
}

fn following(epoch: LeaderEpoch) -> LeaderEpoch {
    LeaderEpoch(epoch.0 + 1)
}
