//! OffsetDelete (47), version 0: forgets committed offsets of a group (KIP-496).
//!
//! A partition that does not exist is UnknownTopicOrPartition; an error of the group is that of the
//! whole response, which then names no topics.

use std::sync::Arc;

use broker::Image;
use broker::groups::{DeleteOffsets, GroupReply, GroupRequest, TopicPartitions, TopicResult};
use wire::ErrorCode;
use wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestTopic, OffsetDeleteResponse,
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: OffsetDeleteRequest) -> Reply {
    let image = shared.broker.image();
    let topics = request.topics.iter().filter_map(|topic| known(&image, topic)).collect();
    let delete = DeleteOffsets { group_id: request.group_id.to_string(), topics };
    let answered = request.topics.iter().map(|topic| unknown(&image, topic)).collect();
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let response = match groups.request(GroupRequest::DeleteOffsets(delete)).await {
            GroupReply::DeleteOffsets(Ok(results)) => OffsetDeleteResponse {
                topics: merged(answered, results),
                ..OffsetDeleteResponse::default()
            },
            GroupReply::DeleteOffsets(Err(error)) => OffsetDeleteResponse {
                error_code: error.code().number(),
                ..OffsetDeleteResponse::default()
            },
            other => unreachable!("a deletion of offsets was answered with {other:?}"),
        };
        call.answer(&response)
    })
}

/// The partitions of a topic that exist, if any do.
fn known(image: &Image, asked: &OffsetDeleteRequestTopic) -> Option<TopicPartitions> {
    let topic = image.topic(&asked.name)?;
    let numbers = asked.partitions.iter().map(|partition| partition.partition_index);
    let partitions: Vec<i32> =
        numbers.filter(|number| topic.partition(*number).is_some()).collect();
    let topic_id = Some(*topic.id.0.as_bytes());
    (!partitions.is_empty()).then(|| TopicPartitions {
        topic: topic.name.to_string(),
        topic_id,
        partitions,
    })
}

/// The partitions of a topic that do not exist, with what is said of them.
fn unknown(image: &Image, asked: &OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic {
    let topic = image.topic(&asked.name);
    let exists = |number: i32| topic.is_some_and(|topic| topic.partition(number).is_some());
    let numbers = asked.partitions.iter().map(|partition| partition.partition_index);
    OffsetDeleteResponseTopic {
        name: asked.name.detach(),
        partitions: numbers
            .filter(|number| !exists(*number))
            .map(|number| OffsetDeleteResponsePartition {
                partition_index: number,
                error_code: ErrorCode::UnknownTopicOrPartition.number(),
            })
            .collect(),
    }
}

/// Adds what the group says to what was known before it was asked.
fn merged(
    mut answered: Vec<OffsetDeleteResponseTopic>,
    results: Vec<TopicResult>,
) -> Vec<OffsetDeleteResponseTopic> {
    let mut results = results.into_iter().peekable();
    for topic in &mut answered {
        while let Some(result) = results.next_if(|result| topic.name == result.topic) {
            topic.partitions.extend(result.partitions.iter().map(|partition| {
                OffsetDeleteResponsePartition {
                    partition_index: partition.partition,
                    error_code: partition.error.code().number(),
                }
            }));
        }
    }
    answered
}
