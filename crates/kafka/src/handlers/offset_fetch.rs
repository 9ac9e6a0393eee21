//! OffsetFetch (9), versions 1 to 10: tells how far a group has read.
//!
//! Versions 1 to 7 ask for one group, later ones for several (KIP-709). Null topics mean all. Topics
//! are named by id from version 10: an id that nobody has is UnknownTopicId, and when all are asked
//! for, offsets of topics that are gone are left out, since they have no id. What is not committed
//! is offset -1 and no error, also for topics that do not exist.
//!
//! Gaps: no transactions, so every offset is stable (KIP-447); member id and epoch (KIP-848) belong
//! to the new groups and are not looked at.

use std::sync::Arc;

use broker::groups::{
    CommittedOffset, FetchOffsets, FetchedPartition, FetchedTopic, GroupReply, GroupRequest,
    Groups, TopicPartitions,
};
use broker::{Image, TopicId};
use uuid::Uuid;
use wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use wire::{ErrorCode, Str};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// First version with an error of the whole response, instead of one in each partition.
const ERROR_SINCE: i16 = 2;

/// First version that asks for several groups.
const GROUPS_SINCE: i16 = 8;

/// First version that names topics by id.
const IDS_SINCE: i16 = 10;

/// One group to be asked, and the answer as far as it is known.
struct Draft {
    fetch: FetchOffsets,
    /// What was asked for, in order; empty when everything was.
    topics: Vec<OffsetFetchResponseTopics>,
    /// Which of `topics` the group is asked about, in order.
    open: Vec<usize>,
}

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: OffsetFetchRequest) -> Reply {
    let by_id = call.version >= IDS_SINCE;
    let image = shared.broker.image();
    let asked = if call.version >= GROUPS_SINCE { request.groups } else { vec![single(request)] };
    let drafts: Vec<Draft> = asked.iter().map(|group| Draft::new(&image, group, by_id)).collect();
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let mut answered = Vec::with_capacity(drafts.len());
        for draft in drafts {
            answered.push(draft.ask(&groups, &image, by_id).await);
        }
        if call.version >= GROUPS_SINCE {
            for group in answered.iter_mut().filter(|group| !is_ok(group)) {
                group.topics.clear();
            }
            return call.answer(&OffsetFetchResponse {
                groups: answered,
                ..OffsetFetchResponse::default()
            });
        }
        let only = answered.into_iter().next().unwrap_or_default();
        call.answer(&for_one_group(call.version, only))
    })
}

/// A request of the versions before several groups, in the form of those after.
fn single(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..OffsetFetchRequestTopics::default()
        });
        topics.collect()
    });
    OffsetFetchRequestGroup {
        group_id: request.group_id,
        topics,
        ..OffsetFetchRequestGroup::default()
    }
}

impl Draft {
    fn new(image: &Image, asked: &OffsetFetchRequestGroup, by_id: bool) -> Draft {
        let group_id = asked.group_id.to_string();
        let (mut topics, mut open) = (Vec::new(), Vec::new());
        let wanted = asked.topics.as_ref().map(|listed| {
            let mut wanted = Vec::with_capacity(listed.len());
            for topic in listed {
                let known = if by_id {
                    image.topic_by_id(TopicId(topic.topic_id))
                } else {
                    image.topic(&topic.name)
                };
                // A name needs no topic: offsets may outlive theirs.
                let name = known.map(|known| known.name.to_string());
                let name = name.or_else(|| (!by_id).then(|| topic.name.to_string()));
                let error = match name {
                    Some(_) => ErrorCode::None,
                    None => ErrorCode::UnknownTopicId,
                };
                if let Some(name) = name {
                    open.push(topics.len());
                    wanted.push(TopicPartitions {
                        topic: name,
                        topic_id: known.map(|known| *known.id.0.as_bytes()),
                        partitions: topic.partition_indexes.clone(),
                    });
                }
                topics.push(OffsetFetchResponseTopics {
                    name: topic.name.detach(),
                    topic_id: topic.topic_id,
                    partitions: topic
                        .partition_indexes
                        .iter()
                        .map(|number| nothing(*number, error))
                        .collect(),
                });
            }
            wanted
        });
        Draft { fetch: FetchOffsets { group_id, topics: wanted }, topics, open }
    }

    async fn ask(self, groups: &Groups, image: &Image, by_id: bool) -> OffsetFetchResponseGroup {
        let group_id = Str::from(&self.fetch.group_id);
        let everything = self.fetch.topics.is_none();
        let mut topics = self.topics;
        let fetched = match groups.request(GroupRequest::FetchOffsets(self.fetch)).await {
            GroupReply::FetchOffsets(Ok(fetched)) => fetched,
            GroupReply::FetchOffsets(Err(error)) => {
                return OffsetFetchResponseGroup {
                    group_id,
                    topics,
                    error_code: error.code().number(),
                };
            }
            other => unreachable!("a fetch of offsets was answered with {other:?}"),
        };
        if everything {
            topics = fetched.iter().filter_map(|topic| shown(image, topic, by_id)).collect();
        } else {
            for (at, found) in self.open.iter().zip(&fetched) {
                if let Some(topic) = topics.get_mut(*at) {
                    topic.partitions = found.partitions.iter().map(partition).collect();
                }
            }
        }
        OffsetFetchResponseGroup { group_id, topics, ..OffsetFetchResponseGroup::default() }
    }
}

/// A topic among everything a group has committed; none where the version cannot name it.
fn shown(image: &Image, found: &FetchedTopic, by_id: bool) -> Option<OffsetFetchResponseTopics> {
    let now = image.topic(&found.topic).map(|topic| topic.id.0);
    let committed = found.topic_id.map(Uuid::from_bytes);
    let is_gone = now.is_none() || committed.is_some_and(|id| now != Some(id));
    if by_id && is_gone {
        return None;
    }
    Some(OffsetFetchResponseTopics {
        name: Str::from(&found.topic),
        topic_id: now.unwrap_or_default(),
        partitions: found.partitions.iter().map(partition).collect(),
    })
}

fn partition(found: &FetchedPartition) -> OffsetFetchResponsePartitions {
    match &found.offset {
        None => nothing(found.partition, ErrorCode::None),
        Some(CommittedOffset { offset, leader_epoch, metadata, .. }) => {
            OffsetFetchResponsePartitions {
                partition_index: found.partition,
                committed_offset: offset.0,
                committed_leader_epoch: leader_epoch.0,
                metadata: Some(Str::from(&**metadata)),
                ..OffsetFetchResponsePartitions::default()
            }
        }
    }
}

fn nothing(number: i32, error: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: number,
        committed_offset: -1,
        metadata: Some(Str::EMPTY),
        error_code: error.number(),
        ..OffsetFetchResponsePartitions::default()
    }
}

/// The answer for one group as versions 1 to 7 carry it. Version 1 has no place for an error but in
/// the partitions.
fn for_one_group(version: i16, group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let refused = !is_ok(&group);
    let topics = group.topics.into_iter().filter(|_| !refused || version < ERROR_SINCE);
    let topics = topics.map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic
            .partitions
            .into_iter()
            .map(|found| OffsetFetchResponsePartition {
                partition_index: found.partition_index,
                committed_offset: found.committed_offset,
                committed_leader_epoch: found.committed_leader_epoch,
                metadata: found.metadata,
                error_code: if refused { group.error_code } else { found.error_code },
            })
            .collect(),
    });
    OffsetFetchResponse {
        topics: topics.collect(),
        error_code: group.error_code,
        ..OffsetFetchResponse::default()
    }
}

fn is_ok(group: &OffsetFetchResponseGroup) -> bool {
    group.error_code == ErrorCode::None.number()
}
