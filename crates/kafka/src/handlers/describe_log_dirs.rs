//! DescribeLogDirs (35), versions 1 to 5: what lies in the log folder, and its size.
//!
//! There is one folder. Null topics mean all; a partition that is not here is left out. Sizes are
//! those of the segments, as in Kafka, without indexes.
//!
//! Gaps: no replica is being moved (KIP-113) and none lags behind itself; no folder is closed to new
//! partitions (KIP-1066).

use std::sync::Arc;

use broker::{Broker, Topic, TopicRef};
use wire::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest,
    DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use wire::{ErrorCode, Str};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::listener::Shared;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: DescribeLogDirsRequest) -> Reply {
    let broker = &shared.broker;
    let path = broker.log_dir().path();
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let (error, total_bytes, usable_bytes) = match broker.log_dir().space() {
        Ok(space) => (ErrorCode::None, size(space.total), size(space.available)),
        Err(error) => {
            tracing::warn!(%error, "the room on the disk cannot be asked for");
            (ErrorCode::KafkaStorageError, -1, -1)
        }
    };
    let topics = match request.topics {
        None => all(broker),
        Some(topics) => topics.iter().filter_map(|topic| listed(broker, topic)).collect(),
    };
    let result = DescribeLogDirsResult {
        error_code: error.number(),
        log_dir: Str::from(path.to_string_lossy()),
        topics,
        total_bytes,
        usable_bytes,
        ..DescribeLogDirsResult::default()
    };
    let response =
        DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() };
    Reply::Now(call.answer(&response))
}

fn all(broker: &Broker) -> Vec<DescribeLogDirsTopic> {
    let mut topics = broker.topics();
    topics.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    topics.iter().filter_map(|topic| show(topic, |_| true)).collect()
}

fn listed(broker: &Broker, asked: &DescribableLogDirTopic) -> Option<DescribeLogDirsTopic> {
    let topic = broker.topic(TopicRef::Name(&asked.topic)).ok()?;
    show(&topic, |number| asked.partitions.contains(&number))
}

fn show(topic: &Topic, is_asked: impl Fn(i32) -> bool) -> Option<DescribeLogDirsTopic> {
    let mut partitions = topic.partitions();
    partitions.retain(|partition| is_asked(partition.id().index));
    let partitions: Vec<_> = partitions
        .iter()
        .map(|partition| DescribeLogDirsPartition {
            partition_index: partition.id().index,
            partition_size: partition
                .size_bytes()
                .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            ..DescribeLogDirsPartition::default()
        })
        .collect();
    (!partitions.is_empty())
        .then(|| DescribeLogDirsTopic { name: Str::from(&*topic.name), partitions })
}
