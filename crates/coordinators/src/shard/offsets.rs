//! Requests about offsets, and their expiry.
//!
//! Expiry is Kafka's (KIP-211): a group without members loses its offsets when it has had none for
//! the retention time; a group that is stable loses those of topics it no longer reads, and a group
//! that never had members all of them, by the time of the commit. A commit of version 2 to 4 may have
//! named its own time.

use super::{GroupShard, weight};
use crate::config::GroupConfig;
use crate::effects::Effects;
use crate::error::GroupError;
use crate::group::{Group, GroupState, Turn};
use crate::limits;
use crate::offsets::{other_topic, record, tombstone};
use crate::reply::{
    CommittedOffset, FetchedPartition, FetchedTopic, PartitionResult, TopicResult, commit_refused,
};
use crate::request::{CommitOffsets, CommitPartition, DeleteOffsets, FetchOffsets};
use crate::timers::TimerKey;
use records::{LeaderEpoch, Timestamp};
use std::sync::Arc;
use std::time::Duration;

impl GroupShard {
    pub(super) fn commit(
        &mut self,
        now: Duration,
        wall: Timestamp,
        request: &CommitOffsets,
        effects: &mut Effects,
    ) -> Vec<TopicResult> {
        if let Err(error) = self.accept_commit(now, wall, request, effects) {
            return commit_refused(request, error);
        }
        let group_id = request.group_id.as_str();
        let existing = self.groups.get(group_id);
        let expire_timestamp = request.retention_ms.map(|ms| wall.plus_ms(ms));
        let mut commits = Vec::new();
        let mut results = Vec::with_capacity(request.topics.len());
        let (mut bytes, mut added) = (0, 0);
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for p in &topic.partitions {
                let partition = p.partition;
                if is_too_long(&p.metadata, self.config.metadata_bytes_max) {
                    let error = Some(GroupError::OffsetMetadataTooLarge);
                    partitions.push(PartitionResult { partition, error });
                    continue;
                }
                let offset = committed(p, topic.topic_id, wall, expire_timestamp);
                let record = record(group_id, &topic.topic, partition, &offset);
                bytes += weight(std::slice::from_ref(&record));
                let is_new = existing.is_none_or(|g| !g.offsets.contains(&topic.topic, partition));
                added += usize::from(is_new);
                commits.push((topic.topic.as_str(), partition, offset));
                effects.records.push(record);
                partitions.push(PartitionResult { partition, error: None });
            }
            let (topic, topic_id) = (topic.topic.clone(), topic.topic_id);
            results.push(TopicResult { topic, topic_id, partitions });
        }
        if bytes > self.config.records_bytes_max
            || self.offsets + added > limits::OFFSETS_PER_SHARD_MAX
            || (existing.is_none() && self.groups.len() >= limits::GROUPS_PER_SHARD_MAX)
        {
            effects.records.clear();
            return commit_refused(request, GroupError::InvalidCommitOffsetSize);
        }
        if commits.is_empty() {
            return results;
        }
        if existing.is_none() {
            // A simple consumer: its group is nothing but its offsets.
            self.add_group(now, Group::new(group_id.into(), wall));
        }
        if let Some(group) = self.groups.get_mut(group_id) {
            for (topic, partition, offset) in commits {
                self.offsets += usize::from(group.offsets.set(topic, partition, offset));
            }
        }
        results
    }

    fn accept_commit(
        &mut self,
        now: Duration,
        wall: Timestamp,
        request: &CommitOffsets,
        effects: &mut Effects,
    ) -> Result<(), GroupError> {
        let (config, timers) = (&self.config, &mut self.timers);
        let turn = &mut Turn { config, timers, now, wall, effects };
        match self.groups.get_mut(request.group_id.as_str()) {
            Some(group) => group.accept_commit(
                turn,
                &request.member_id,
                request.instance_id.as_deref(),
                request.generation,
            ),
            None if request.generation < 0 => Ok(()),
            None if request.knows_group_id_not_found => Err(GroupError::GroupIdNotFound),
            None => Err(GroupError::IllegalGeneration),
        }
    }

    pub(super) fn fetch(&self, request: FetchOffsets) -> Vec<FetchedTopic> {
        let group = self.groups.get(request.group_id.as_str());
        match (group, request.topics) {
            (Some(group), Some(topics)) => group.offsets.listed(topics),
            (Some(group), None) => group.offsets.all(),
            (None, Some(topics)) => topics
                .into_iter()
                .map(|t| FetchedTopic {
                    topic: t.topic,
                    topic_id: t.topic_id,
                    partitions: t
                        .partitions
                        .iter()
                        .map(|&partition| FetchedPartition { partition, offset: None })
                        .collect(),
                })
                .collect(),
            (None, None) => Vec::new(),
        }
    }

    pub(super) fn delete_offsets(
        &mut self,
        request: DeleteOffsets,
        effects: &mut Effects,
    ) -> Result<Vec<TopicResult>, GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let group_id = request.group_id.as_str();
        let group = self.groups.get_mut(group_id).ok_or(GroupError::GroupIdNotFound)?;
        if group.state != GroupState::Empty && !group.uses_consumer_protocol() {
            // Nobody but its members knows what such a group reads.
            return Err(GroupError::NonEmptyGroup);
        }
        let mut results = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let error =
                group.is_subscribed(&topic.topic).then_some(GroupError::GroupSubscribedToTopic);
            for &partition in topic.partitions.iter().filter(|_| error.is_none()) {
                if group.offsets.remove(&topic.topic, partition) {
                    self.offsets -= 1;
                    effects.records.push(tombstone(group_id, &topic.topic, partition));
                }
            }
            let partitions = topic.partitions.iter();
            results.push(TopicResult {
                partitions: partitions
                    .map(|&partition| PartitionResult { partition, error })
                    .collect(),
                topic: topic.topic,
                topic_id: topic.topic_id,
            });
        }
        Ok(results)
    }

    /// Removes the offsets of topics that were deleted. A topic is named with its id if that is known;
    /// offsets committed under another id are of another topic of that name, and stay.
    pub fn topics_deleted(&mut self, topics: &[(&str, Option<[u8; 16]>)]) -> Effects {
        let mut effects = Effects::default();
        for (group_id, group) in &mut self.groups {
            let (removed, _) = group.offsets.remove_where(
                group_id,
                usize::MAX,
                &mut effects.records,
                |name, offset| {
                    topics.iter().any(|&(t, id)| t == name && !other_topic(id, offset.topic_id))
                },
            );
            self.offsets -= removed;
        }
        effects
    }

    /// Looks at a group's offsets: removes what has expired, and the group itself if nothing is left
    /// of it.
    pub(super) fn expire_offsets(
        &mut self,
        now: Duration,
        wall: Timestamp,
        group_id: &Arc<str>,
        effects: &mut Effects,
    ) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        let mut unfinished = false;
        if let Some(base) = Base::of(group) {
            let mut offsets = std::mem::take(&mut group.offsets);
            let (removed, stopped) = offsets.remove_where(
                group_id,
                self.config.records_bytes_max / 2,
                &mut effects.records,
                |topic, offset| {
                    base.is_expired(offset, wall, &self.config) && !group.is_subscribed(topic)
                },
            );
            group.offsets = offsets;
            self.offsets -= removed;
            unfinished = stopped;
        }
        if group.state == GroupState::Empty && group.offsets.is_empty() && group.pending.is_empty()
        {
            return self.delete_empty(group_id, effects);
        }
        let interval = self.config.offsets_check_interval.max(limits::OFFSETS_CHECK_INTERVAL_MIN);
        let due = if unfinished { now } else { now.saturating_add(interval) };
        self.timers.arm(&mut group.offsets_timer, due, || TimerKey::Offsets {
            group: Arc::clone(group_id),
        });
    }
}

/// Since when an offset has been unused.
enum Base {
    /// Since this time.
    At(Timestamp),
    /// Since it was committed.
    Commit,
}

impl Base {
    /// What counts for the group as it is; none while its offsets do not expire.
    fn of(group: &Group) -> Option<Self> {
        if group.protocol_type.is_none() {
            return Some(Self::Commit);
        }
        match group.state {
            GroupState::Empty if group.state_since.is_some() => Some(Self::At(group.state_since)),
            // Records of before version 2 do not say since when.
            GroupState::Empty => Some(Self::Commit),
            GroupState::Stable if group.uses_consumer_protocol() && group.subscribed.is_some() => {
                Some(Self::Commit)
            }
            GroupState::Stable
            | GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Dead => None,
        }
    }

    fn is_expired(&self, offset: &CommittedOffset, wall: Timestamp, config: &GroupConfig) -> bool {
        if let Some(expire) = offset.expire_timestamp {
            return wall >= expire;
        }
        let since = match self {
            Self::At(since) => *since,
            Self::Commit => offset.commit_timestamp,
        };
        let retention = i64::try_from(config.offsets_retention.as_millis()).unwrap_or(i64::MAX);
        wall.ms_since(since) >= retention
    }
}

fn committed(
    partition: &CommitPartition,
    topic_id: Option<[u8; 16]>,
    wall: Timestamp,
    expire_timestamp: Option<Timestamp>,
) -> CommittedOffset {
    // A value that carries its own expiry has no place for the other two: what is kept here must be
    // what a replay gives.
    let plain = expire_timestamp.is_none();
    CommittedOffset {
        offset: partition.offset,
        leader_epoch: if plain { partition.leader_epoch } else { LeaderEpoch::NONE },
        metadata: partition.metadata.as_str().into(),
        commit_timestamp: wall,
        expire_timestamp,
        topic_id: if plain { topic_id.filter(|id| id != &[0; 16]) } else { None },
    }
}

/// Whether a note is longer than allowed, counted as Kafka does in UTF-16 units.
fn is_too_long(metadata: &str, max: u32) -> bool {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    metadata.len() > max && metadata.encode_utf16().count() > max
}
