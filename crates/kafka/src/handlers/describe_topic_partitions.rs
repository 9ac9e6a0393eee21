//! DescribeTopicPartitions (75), version 0: topics and partitions in pages (KIP-966).
//!
//! Topics come sorted by name; a page ends after as many partitions as the client or the broker
//! allows, and names where the next one begins. Topics that are not there are answered only when
//! they were named.
//!
//! Gap: no eligible leader replicas are kept yet: the lists are empty.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker::groups::OFFSETS_TOPIC;
use broker::limits::DESCRIBE_PARTITIONS_MAX;
use broker::{Broker, Image, PartitionImage, TopicImage, check_topic_name};
use wire::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use wire::{ErrorCode, Str};

use super::leadership::Leadership;
use super::permissions;
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// A page while it is filled.
struct Page<'a> {
    broker: &'a Broker,
    image: &'a Image,
    /// Where the first topic begins, if this is not the first page.
    cursor: Option<&'a Cursor>,
    left: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next: Option<Cursor>,
}

pub(crate) fn handle(
    shared: &Arc<Shared>,
    call: Call,
    request: DescribeTopicPartitionsRequest,
) -> Reply {
    let image = shared.broker.image();
    if let Err(error) = check(&request) {
        return Reply::Now(call.answer(&refused(&request, error)));
    }
    let limit = usize::try_from(request.response_partition_limit).unwrap_or_default();
    let mut page = Page {
        broker: &shared.broker,
        image: &image,
        cursor: request.cursor.as_ref(),
        left: limit.clamp(1, DESCRIBE_PARTITIONS_MAX),
        topics: Vec::new(),
        next: None,
    };
    let begin = request.cursor.as_ref().map_or("", |cursor| cursor.topic_name.as_str());
    if request.topics.is_empty() {
        // The image is sorted by name.
        let topics = image.topics().skip_while(|topic| &*topic.name < begin);
        for topic in topics {
            if !page.add(topic) {
                break;
            }
        }
    } else {
        let names: BTreeSet<&str> = request.topics.iter().map(|topic| &*topic.name).collect();
        for name in names.range(begin..) {
            let goes_on = match image.topic(name) {
                Some(topic) => page.add(topic),
                None => page.add_unknown(name),
            };
            if !goes_on {
                break;
            }
        }
    }
    let response = DescribeTopicPartitionsResponse {
        topics: page.topics,
        next_cursor: page.next,
        ..DescribeTopicPartitionsResponse::default()
    };
    Reply::Now(call.answer(&response))
}

/// Whether the cursor lies within what is asked for.
fn check(request: &DescribeTopicPartitionsRequest) -> Result<(), ErrorCode> {
    let Some(cursor) = &request.cursor else { return Ok(()) };
    let is_named = request.topics.is_empty()
        || request.topics.iter().any(|topic| topic.name == cursor.topic_name);
    if is_named && cursor.partition_index >= 0 {
        return Ok(());
    }
    Err(ErrorCode::InvalidRequest)
}

impl Page<'_> {
    /// Adds a topic as far as there is room; says whether there is more room.
    fn add(&mut self, topic: &TopicImage) -> bool {
        if !self.has_room(&topic.name) {
            return false;
        }
        let first = match self.cursor {
            Some(cursor) if cursor.topic_name == *topic.name => cursor.partition_index,
            _ => 0,
        };
        let skipped = usize::try_from(first).unwrap_or_default();
        let partitions: Vec<_> = (0..)
            .zip(&topic.partitions)
            .skip(skipped)
            .take(self.left)
            .map(|numbered| show(self.broker, self.image, topic, numbered))
            .collect();
        self.left -= partitions.len();
        let end = skipped.saturating_add(partitions.len());
        if end < topic.partitions.len() {
            self.next = Some(Cursor {
                topic_name: Str::from(&*topic.name),
                partition_index: i32::try_from(end).unwrap_or(i32::MAX),
            });
        }
        self.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::None.number(),
            name: Some(Str::from(&*topic.name)),
            topic_id: topic.id.0,
            is_internal: topic.internal,
            partitions,
            topic_authorized_operations: permissions::topic(true),
        });
        self.next.is_none()
    }

    fn add_unknown(&mut self, name: &str) -> bool {
        if !self.has_room(name) {
            return false;
        }
        let error = match check_topic_name(name) {
            Ok(()) => ErrorCode::UnknownTopicOrPartition,
            Err(refusal) => refusal.code(),
        };
        self.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: error.number(),
            name: Some(Str::from(name)),
            is_internal: name == OFFSETS_TOPIC,
            topic_authorized_operations: permissions::topic(true),
            ..DescribeTopicPartitionsResponseTopic::default()
        });
        true
    }

    /// Whether another topic may begin on this page; if not, the next page begins with it.
    fn has_room(&mut self, name: &str) -> bool {
        if self.left == 0 {
            self.next = Some(Cursor { topic_name: Str::from(name), partition_index: 0 });
        }
        self.left > 0
    }
}

fn show(
    broker: &Broker,
    image: &Image,
    topic: &TopicImage,
    (number, partition): (i32, &PartitionImage),
) -> DescribeTopicPartitionsResponsePartition {
    let shown = Leadership::of(broker, image, topic, (number, partition));
    DescribeTopicPartitionsResponsePartition {
        error_code: shown.error_code,
        partition_index: number,
        leader_id: shown.leader_id,
        leader_epoch: shown.leader_epoch,
        replica_nodes: shown.replicas,
        isr_nodes: shown.in_sync,
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: shown.offline,
    }
}

fn refused(
    request: &DescribeTopicPartitionsRequest,
    error: ErrorCode,
) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: error.number(),
        name: Some(topic.name.clone()),
        ..DescribeTopicPartitionsResponseTopic::default()
    });
    DescribeTopicPartitionsResponse {
        topics: topics.collect(),
        ..DescribeTopicPartitionsResponse::default()
    }
}
