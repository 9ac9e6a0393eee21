//! ListOffsets (2), versions 1 to 11: finds offsets by time or by name.
//!
//! Times that a version does not know (-3 before 7, -4 before 8, -5 before 9, -6 before 11) are
//! refused with UnsupportedVersion for that partition; a partition that is named twice with
//! InvalidRequest. Nothing is tiered: -5 and -6 find nothing, which is no error (KIP-1005, KIP-1023),
//! and -4 is the same as -2.
//!
//! Gap: without transactions the last stable offset is the high watermark, so the isolation level
//! changes nothing yet (KIP-98). The timeout of version 10 is for tiered storage and not looked at.

use std::collections::HashSet;
use std::sync::Arc;

use broker::offsets::{OffsetAt, TimedOffset, find};
use broker::read::check_epoch;
use broker::{OffsetRefusal, Topic, TopicRef};
use records::{LeaderEpoch, Timestamp};
use wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse,
};
use wire::{ErrorCode, Str};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// First version with leader epochs.
const EPOCHS_SINCE: i16 = 4;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: ListOffsetsRequest) -> Reply {
    let doubled = doubled(&request.topics);
    let topics = request.topics.iter().map(|asked| {
        let topic = shared.broker.topic(TopicRef::Name(&asked.name));
        let partitions = asked.partitions.iter().map(|partition| {
            if doubled.contains(&(&asked.name, partition.partition_index)) {
                return refused(partition, ErrorCode::InvalidRequest);
            }
            let at = match question(partition.timestamp, call.version) {
                Ok(at) => at,
                Err(error) => return refused(partition, error),
            };
            let found = topic
                .as_ref()
                .map_err(|error| OffsetRefusal::from(*error))
                .and_then(|topic| look_up(topic, partition, at));
            match found {
                Ok(found) => answered(partition, found, call.version),
                Err(refusal) => refused(partition, refusal.code()),
            }
        });
        ListOffsetsTopicResponse { name: asked.name.clone(), partitions: partitions.collect() }
    });
    let response =
        ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() };
    Reply::Now(call.answer(&response))
}

/// What a number in the place of a time asks for, if the version knows it.
fn question(timestamp: i64, version: i16) -> Result<OffsetAt, ErrorCode> {
    let (at, since) = match timestamp {
        -1 => (OffsetAt::Latest, 1),
        -2 => (OffsetAt::Earliest, 1),
        -3 => (OffsetAt::MaxTimestamp, 7),
        -4 => (OffsetAt::EarliestLocal, 8),
        -5 => (OffsetAt::LastTiered, 9),
        -6 => (OffsetAt::EarliestPendingUpload, 11),
        time if time >= 0 => (OffsetAt::Time(Timestamp(time)), 1),
        _ => return Err(ErrorCode::UnsupportedVersion),
    };
    if version >= since { Ok(at) } else { Err(ErrorCode::UnsupportedVersion) }
}

fn look_up(
    topic: &Topic,
    asked: &ListOffsetsPartition,
    at: OffsetAt,
) -> Result<TimedOffset, OffsetRefusal> {
    let partition = topic.partition(asked.partition_index)?;
    let known =
        (asked.current_leader_epoch >= 0).then_some(LeaderEpoch(asked.current_leader_epoch));
    check_epoch(&partition, known)?;
    find(&partition, at)
}

fn answered(
    asked: &ListOffsetsPartition,
    found: TimedOffset,
    version: i16,
) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        timestamp: found.timestamp.map_or(-1, |time| time.0),
        offset: found.offset.map_or(-1, |offset| offset.0),
        leader_epoch: if version >= EPOCHS_SINCE {
            found.leader_epoch.unwrap_or(LeaderEpoch::NONE).0
        } else {
            LeaderEpoch::NONE.0
        },
        ..ListOffsetsPartitionResponse::default()
    }
}

fn refused(asked: &ListOffsetsPartition, error: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        error_code: error.number(),
        ..ListOffsetsPartitionResponse::default()
    }
}

fn doubled(topics: &[ListOffsetsTopic]) -> HashSet<(&Str, i32)> {
    let mut seen = HashSet::new();
    topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|part| (&topic.name, part.partition_index)))
        .filter(|named| !seen.insert(*named))
        .collect()
}
