//! Committed offsets of groups: read and written, for members and for administration.
//!
//! Both requests carry topic ids in their last version; names are what is known here, so that
//! version is not used.

use std::sync::Arc;

use records::{LeaderEpoch, Offset};
use wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use wire::{ErrorCode, Request, Str};

use crate::cluster::CoordinatorKind;
use crate::metadata::TopicPartition;
use crate::{ClientError, Cluster};

/// The last version of OffsetCommit and OffsetFetch that names topics.
const BY_NAME: i16 = 9;
/// The first version of OffsetFetch that lists groups.
const FETCH_GROUPS: i16 = 8;

/// An offset that a group has committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommittedOffset {
    /// Where.
    pub place: TopicPartition,
    /// The next offset to be read.
    pub offset: Offset,
    /// The epoch of the leader of the last record that was read, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the member noted beside it.
    pub metadata: Option<String>,
}

/// An offset to be committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewOffset {
    pub(crate) place: TopicPartition,
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) metadata: Option<String>,
}

/// Who commits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Committer {
    pub(crate) generation: i32,
    pub(crate) member_id: Str,
    pub(crate) instance_id: Option<Str>,
}

impl Committer {
    /// Someone who is no member.
    pub(crate) fn outside() -> Self {
        Committer { generation: -1, member_id: Str::EMPTY, instance_id: None }
    }
}

/// The partitions of `places` by topic.
fn by_topic(places: &[TopicPartition]) -> Vec<(&str, Vec<i32>)> {
    let mut topics: Vec<(&str, Vec<i32>)> = Vec::new();
    for place in places {
        match topics.iter_mut().find(|(topic, _)| *topic == &*place.topic) {
            Some((_, partitions)) => partitions.push(place.partition),
            None => topics.push((&place.topic, vec![place.partition])),
        }
    }
    topics
}

pub(crate) async fn fetch(
    cluster: &Cluster,
    group: &str,
    places: Option<&[TopicPartition]>,
) -> Result<Vec<CommittedOffset>, ClientError> {
    let mut backoff = cluster.backoff();
    loop {
        match fetch_once(cluster, group, places).await {
            Err(error) if error.is_retriable() => {
                cluster.forget_coordinator(CoordinatorKind::Group, group);
                if !backoff.wait().await {
                    return Err(error);
                }
            }
            result => return result,
        }
    }
}

async fn fetch_once(
    cluster: &Cluster,
    group: &str,
    places: Option<&[TopicPartition]>,
) -> Result<Vec<CommittedOffset>, ClientError> {
    let coordinator = cluster.coordinator(CoordinatorKind::Group, group).await?;
    let version = coordinator.version::<OffsetFetchRequest>()?.min(BY_NAME);
    let topics = places.map(by_topic);
    let request = if version >= FETCH_GROUPS {
        let topics = topics.map(|topics| {
            let topics = topics.into_iter().map(|(name, partitions)| OffsetFetchRequestTopics {
                name: name.into(),
                partition_indexes: partitions,
                ..OffsetFetchRequestTopics::default()
            });
            topics.collect()
        });
        let group_id = group.into();
        let asked =
            OffsetFetchRequestGroup { group_id, topics, ..OffsetFetchRequestGroup::default() };
        OffsetFetchRequest { groups: vec![asked], ..OffsetFetchRequest::default() }
    } else {
        let topics = topics.map(|topics| {
            let topics = topics.into_iter().map(|(name, partitions)| OffsetFetchRequestTopic {
                name: name.into(),
                partition_indexes: partitions,
            });
            topics.collect()
        });
        OffsetFetchRequest { group_id: group.into(), topics, ..OffsetFetchRequest::default() }
    };
    let within = cluster.options().request_timeout;
    let response = coordinator.send_version(&request, version, within).await?;
    read_fetched(response, group)
}

fn read_fetched(
    response: OffsetFetchResponse,
    group: &str,
) -> Result<Vec<CommittedOffset>, ClientError> {
    let api = OffsetFetchRequest::KEY.name();
    let check = |code: i16, subject: &dyn Fn() -> String| {
        ErrorCode::from_wire(code)
            .ok()
            .map_err(|code| ClientError::broker(api, subject(), code, None))
    };
    let of_group = || format!("group '{group}'");
    check(response.error_code, &of_group)?;
    let mut found = Vec::new();
    let mut take = |topic: &Arc<str>, partition, offset, epoch, metadata: Option<Str>, code| {
        let place = TopicPartition { topic: topic.clone(), partition };
        check(code, &|| format!("{place} in group '{group}'"))?;
        if offset >= 0 {
            found.push(CommittedOffset {
                place,
                offset: Offset(offset),
                leader_epoch: Some(LeaderEpoch(epoch)).filter(|epoch| epoch.0 >= 0),
                metadata: metadata.filter(|text| !text.is_empty()).map(String::from),
            });
        }
        Ok(())
    };
    for topic in response.topics {
        let name = Arc::from(&*topic.name);
        for p in topic.partitions {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            take(&name, p.partition_index, offset, epoch, p.metadata, p.error_code)?;
        }
    }
    for fetched in response.groups {
        check(fetched.error_code, &of_group)?;
        for topic in fetched.topics {
            let name = Arc::from(&*topic.name);
            for p in topic.partitions {
                let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                take(&name, p.partition_index, offset, epoch, p.metadata, p.error_code)?;
            }
        }
    }
    found.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(found)
}

pub(crate) async fn commit(
    cluster: &Cluster,
    group: &str,
    committer: &Committer,
    offsets: &[NewOffset],
) -> Result<(), ClientError> {
    let mut backoff = cluster.backoff();
    loop {
        match commit_once(cluster, group, committer, offsets).await {
            Err(error) if error.is_retriable() => {
                cluster.forget_coordinator(CoordinatorKind::Group, group);
                if !backoff.wait().await {
                    return Err(error);
                }
            }
            result => return result,
        }
    }
}

async fn commit_once(
    cluster: &Cluster,
    group: &str,
    committer: &Committer,
    offsets: &[NewOffset],
) -> Result<(), ClientError> {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for new in offsets {
        let partition = OffsetCommitRequestPartition {
            partition_index: new.place.partition,
            committed_offset: new.offset.0,
            committed_leader_epoch: new.leader_epoch.0,
            committed_metadata: Some(new.metadata.as_deref().unwrap_or_default().into()),
        };
        match topics.iter_mut().find(|topic| *topic.name == *new.place.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(OffsetCommitRequestTopic {
                name: (&*new.place.topic).into(),
                partitions: vec![partition],
                ..OffsetCommitRequestTopic::default()
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: committer.generation,
        member_id: committer.member_id.clone(),
        group_instance_id: committer.instance_id.clone(),
        topics,
        ..OffsetCommitRequest::default()
    };
    let coordinator = cluster.coordinator(CoordinatorKind::Group, group).await?;
    let version = coordinator.version::<OffsetCommitRequest>()?.min(BY_NAME);
    let within = cluster.options().request_timeout;
    let response = coordinator.send_version(&request, version, within).await?;
    for topic in &response.topics {
        for partition in &topic.partitions {
            ErrorCode::from_wire(partition.error_code).ok().map_err(|code| {
                let subject =
                    format!("{}-{} in group '{group}'", topic.name, partition.partition_index);
                ClientError::broker(OffsetCommitRequest::KEY.name(), subject, code, None)
            })?;
        }
    }
    Ok(())
}
