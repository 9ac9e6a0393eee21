//! OffsetCommit (8), versions 2 to 10: stores how far a group has read.
//!
//! Topics are named by id from version 10. Partitions that do not exist are refused one by one
//! (UnknownTopicOrPartition, UnknownTopicId); the group is asked about the others. The retention time
//! of versions 2 to 4 is kept with the offset. From version 9 an unknown group is GroupIdNotFound
//! (KIP-848).
//!
//! Gap: a group id longer than 1 KiB is refused, which Kafka takes.

use std::sync::Arc;

use broker::groups::{
    CommitOffsets, CommitPartition, CommitTopic, GroupReply, GroupRequest, TopicResult,
};
use broker::{Image, TopicId, TopicImage};
use records::{LeaderEpoch, Offset};
use wire::ErrorCode;
use wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use super::group_fields::{check_names, name};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// First version that names topics by id.
const IDS_SINCE: i16 = 10;

/// First version that knows the error of a group that is not there.
const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;

/// What is answered, and where in it the group's own answers go.
#[derive(Default)]
struct Draft {
    topics: Vec<OffsetCommitResponseTopic>,
    /// Topic and partition in `topics`, in the order the group is asked.
    open: Vec<(usize, usize)>,
}

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: OffsetCommitRequest) -> Reply {
    let image = shared.broker.image();
    let mut draft = Draft::default();
    let mut topics = Vec::with_capacity(request.topics.len());
    let too_long = check_names(&request.group_id, &request.member_id, None).err();
    for topic in &request.topics {
        topics.extend(draft.take_up(&image, &call, topic, too_long));
    }
    if topics.is_empty() {
        return Reply::Now(call.answer(&draft.response()));
    }
    let commit = CommitOffsets {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        instance_id: name(request.group_instance_id),
        generation: request.generation_id_or_member_epoch,
        retention_ms: (request.retention_time_ms >= 0).then_some(request.retention_time_ms),
        knows_group_id_not_found: call.version >= GROUP_ID_NOT_FOUND_SINCE,
        topics,
    };
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        match groups.request(GroupRequest::CommitOffsets(commit)).await {
            GroupReply::CommitOffsets(results) => draft.settle(&results),
            other => unreachable!("a commit was answered with {other:?}"),
        }
        call.answer(&draft.response())
    })
}

impl Draft {
    /// Puts a topic into the answer; gives what the group is to be asked about it.
    fn take_up(
        &mut self,
        image: &Image,
        call: &Call,
        asked: &OffsetCommitRequestTopic,
        refused: Option<ErrorCode>,
    ) -> Option<CommitTopic> {
        let by_id = call.version >= IDS_SINCE;
        let (topic, unknown) = if by_id {
            (image.topic_by_id(TopicId(asked.topic_id)), ErrorCode::UnknownTopicId)
        } else {
            (image.topic(&asked.name), ErrorCode::UnknownTopicOrPartition)
        };
        let topic: Option<&TopicImage> = topic.map(|topic| &**topic);
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        let mut wanted = Vec::with_capacity(asked.partitions.len());
        for partition in &asked.partitions {
            let number = partition.partition_index;
            let error = match topic {
                _ if refused.is_some() => refused,
                None => Some(unknown),
                Some(topic) if topic.partition(number).is_none() => {
                    Some(ErrorCode::UnknownTopicOrPartition)
                }
                Some(_) => None,
            };
            if error.is_none() {
                self.open.push((self.topics.len(), partitions.len()));
                wanted.push(commit(partition));
            }
            partitions.push(OffsetCommitResponsePartition {
                partition_index: number,
                error_code: error.unwrap_or(ErrorCode::None).number(),
            });
        }
        self.topics.push(OffsetCommitResponseTopic {
            name: asked.name.detach(),
            topic_id: asked.topic_id,
            partitions,
        });
        let topic = topic.filter(|_| !wanted.is_empty())?;
        Some(CommitTopic {
            topic: topic.name.to_string(),
            topic_id: Some(*topic.id.0.as_bytes()),
            partitions: wanted,
        })
    }

    fn settle(&mut self, results: &[TopicResult]) {
        let results = results.iter().flat_map(|topic| &topic.partitions);
        for ((topic, partition), result) in self.open.iter().zip(results) {
            let place = self.topics.get_mut(*topic);
            if let Some(place) = place.and_then(|topic| topic.partitions.get_mut(*partition)) {
                place.error_code = result.error.code().number();
            }
        }
    }

    fn response(self) -> OffsetCommitResponse {
        OffsetCommitResponse { topics: self.topics, ..OffsetCommitResponse::default() }
    }
}

fn commit(partition: &OffsetCommitRequestPartition) -> CommitPartition {
    CommitPartition {
        partition: partition.partition_index,
        offset: Offset(partition.committed_offset),
        leader_epoch: LeaderEpoch(partition.committed_leader_epoch.max(LeaderEpoch::NONE.0)),
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().to_owned(),
    }
}
