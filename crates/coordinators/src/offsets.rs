//! The committed offsets of one group.
//!
//! Owns the map and its changes, each with the record that repeats it. Who may commit is for the
//! group to say, and how many there may be for the shard.

use crate::effects::CoordinatorRecord;
use crate::reply::{CommittedOffset, FetchedPartition, FetchedTopic};
use crate::request::TopicPartitions;
use crate::schema;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    /// Topics without offsets are not kept.
    topics: BTreeMap<Arc<str>, BTreeMap<i32, CommittedOffset>>,
}

impl GroupOffsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.topics.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn contains(&self, topic: &str, partition: i32) -> bool {
        self.topics.get(topic).is_some_and(|partitions| partitions.contains_key(&partition))
    }

    /// Stores an offset; true if the partition had none.
    pub(crate) fn set(&mut self, topic: &str, partition: i32, offset: CommittedOffset) -> bool {
        match self.topics.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, offset).is_none(),
            None => {
                self.topics.insert(topic.into(), BTreeMap::from([(partition, offset)]));
                true
            }
        }
    }

    /// Removes an offset; true if there was one.
    pub(crate) fn remove(&mut self, topic: &str, partition: i32) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else { return false };
        let removed = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        removed
    }

    /// The offsets of the listed partitions, in their order. A partition whose offset was committed
    /// under another topic id has none: the topic was deleted and created anew.
    pub(crate) fn listed(&self, wanted: Vec<TopicPartitions>) -> Vec<FetchedTopic> {
        wanted
            .into_iter()
            .map(|wanted| {
                let stored = self.topics.get(wanted.topic.as_str());
                let fetch = |partition: i32| FetchedPartition {
                    partition,
                    offset: stored
                        .and_then(|partitions| partitions.get(&partition))
                        .filter(|offset| !other_topic(offset.topic_id, wanted.topic_id))
                        .cloned(),
                };
                let partitions = wanted.partitions.iter().map(|&p| fetch(p)).collect();
                FetchedTopic { topic: wanted.topic, topic_id: wanted.topic_id, partitions }
            })
            .collect()
    }

    /// Every offset.
    pub(crate) fn all(&self) -> Vec<FetchedTopic> {
        self.topics
            .iter()
            .map(|(topic, partitions)| FetchedTopic {
                topic: topic.to_string(),
                topic_id: partitions.values().find_map(|offset| offset.topic_id),
                partitions: partitions
                    .iter()
                    .map(|(&partition, offset)| FetchedPartition {
                        partition,
                        offset: Some(offset.clone()),
                    })
                    .collect(),
            })
            .collect()
    }

    /// Removes the offsets that `condemned` says, until the records that do so weigh `bytes_max`; the
    /// number removed, and whether that ended it early.
    pub(crate) fn remove_where(
        &mut self,
        group: &str,
        bytes_max: usize,
        records: &mut Vec<CoordinatorRecord>,
        mut condemned: impl FnMut(&str, &CommittedOffset) -> bool,
    ) -> (usize, bool) {
        let (mut bytes, mut removed) = (0, 0);
        self.topics.retain(|topic, partitions| {
            partitions.retain(|&partition, offset| {
                if bytes >= bytes_max || !condemned(topic, offset) {
                    return true;
                }
                let record = tombstone(group, topic, partition);
                bytes += record.key.len();
                removed += 1;
                records.push(record);
                false
            });
            !partitions.is_empty()
        });
        (removed, bytes >= bytes_max)
    }
}

/// Whether two topic ids, as far as they are known, are of different topics.
pub(crate) fn other_topic(a: Option<[u8; 16]>, b: Option<[u8; 16]>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

/// The record that stores an offset.
pub(crate) fn record(
    group: &str,
    topic: &str,
    partition: i32,
    offset: &CommittedOffset,
) -> CoordinatorRecord {
    CoordinatorRecord {
        key: schema::offset_key(group, topic, partition),
        value: Some(schema::encode_offset(offset)),
    }
}

/// The record that removes an offset.
pub(crate) fn tombstone(group: &str, topic: &str, partition: i32) -> CoordinatorRecord {
    CoordinatorRecord { key: schema::offset_key(group, topic, partition), value: None }
}
