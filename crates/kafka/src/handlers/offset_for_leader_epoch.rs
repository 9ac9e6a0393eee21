//! OffsetForLeaderEpoch (23), versions 2 to 4: where a leader epoch ends (KIP-101, KIP-320).
//!
//! The answer is the greatest epoch up to the one asked for and its exclusive end. An epoch that
//! nothing is known of is answered with -1 and no error. A client's own idea of the leader epoch is
//! checked first.
//!
//! Gap: no followers; the replica id is not looked at.

use std::sync::Arc;

use broker::error::PartitionError;
use broker::read::check_epoch;
use broker::{Topic, TopicRef};
use records::{LeaderEpoch, Offset};
use wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

pub(crate) fn handle(
    shared: &Arc<Shared>,
    call: Call,
    request: OffsetForLeaderEpochRequest,
) -> Reply {
    let topics = request.topics.iter().map(|asked| {
        let topic = shared.broker.topic(TopicRef::Name(&asked.topic));
        let partitions = asked.partitions.iter().map(|partition| {
            let end = topic.as_ref().map_err(|error| *error).and_then(|t| look_up(t, partition));
            let (epoch, offset) = match end {
                Ok(Some((epoch, offset))) => (epoch.0, offset.0),
                Ok(None) | Err(_) => (LeaderEpoch::NONE.0, -1),
            };
            EpochEndOffset {
                error_code: end.code().number(),
                partition: partition.partition,
                leader_epoch: epoch,
                end_offset: offset,
            }
        });
        OffsetForLeaderTopicResult { topic: asked.topic.clone(), partitions: partitions.collect() }
    });
    let response = OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..OffsetForLeaderEpochResponse::default()
    };
    Reply::Now(call.answer(&response))
}

fn look_up(
    topic: &Topic,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<(LeaderEpoch, Offset)>, PartitionError> {
    let partition = topic.partition(asked.partition)?;
    let epoch = |number: i32| (number >= 0).then_some(LeaderEpoch(number));
    check_epoch(&partition, epoch(asked.current_leader_epoch))?;
    let log = partition.log().map_err(|_| PartitionError::Offline)?;
    Ok(epoch(asked.leader_epoch).and_then(|epoch| log.end_of_epoch(epoch)))
}
