//! DescribeLogDirs (35), versions 1 to 5: what lies in each log folder, and its size.
//!
//! Null topics mean all; a partition that is not here is left out. Sizes are those of the segments, as in
//! Kafka, without indexes. A folder that was not there at the start has an error and nothing else; one that
//! failed since has the error and, unlike Kafka's, what is in it, as that can still be read.
//!
//! Gaps: no replica is being moved (KIP-113) and none lags behind itself; no folder is closed to new
//! partitions (KIP-1066).

use std::sync::Arc;

use broker::{Broker, LogDir, Storage, Topic, TopicRef};
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
    let folders = broker.folders();
    let online = folders.online().iter().map(|storage| {
        let topics = match &request.topics {
            None => all(broker, storage),
            Some(topics) => {
                topics.iter().filter_map(|topic| listed(broker, storage, topic)).collect()
            }
        };
        describe(&storage.dir, topics)
    });
    let offline = folders.offline().iter().map(|folder| DescribeLogDirsResult {
        error_code: ErrorCode::KafkaStorageError.number(),
        log_dir: Str::from(folder.path.to_string_lossy()),
        ..DescribeLogDirsResult::default()
    });
    let results = online.chain(offline).collect();
    Reply::Now(call.answer(&DescribeLogDirsResponse { results, ..Default::default() }))
}

fn describe(dir: &LogDir, topics: Vec<DescribeLogDirsTopic>) -> DescribeLogDirsResult {
    let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let (mut error, total_bytes, usable_bytes) = match dir.space() {
        Ok(space) => (ErrorCode::None, size(space.total), size(space.available)),
        Err(error) => {
            tracing::warn!(%error, "the room on the disk cannot be asked for");
            (ErrorCode::KafkaStorageError, -1, -1)
        }
    };
    if dir.fenced().is_some() {
        error = ErrorCode::KafkaStorageError;
    }
    DescribeLogDirsResult {
        error_code: error.number(),
        log_dir: Str::from(dir.path().to_string_lossy()),
        topics,
        total_bytes,
        usable_bytes,
        ..DescribeLogDirsResult::default()
    }
}

fn all(broker: &Broker, storage: &Arc<Storage>) -> Vec<DescribeLogDirsTopic> {
    let mut topics = broker.topics();
    topics.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    topics.iter().filter_map(|topic| show(topic, storage, |_| true)).collect()
}

fn listed(
    broker: &Broker,
    storage: &Arc<Storage>,
    asked: &DescribableLogDirTopic,
) -> Option<DescribeLogDirsTopic> {
    let topic = broker.topic(TopicRef::Name(&asked.topic)).ok()?;
    show(&topic, storage, |number| asked.partitions.contains(&number))
}

fn show(
    topic: &Topic,
    storage: &Arc<Storage>,
    is_asked: impl Fn(i32) -> bool,
) -> Option<DescribeLogDirsTopic> {
    let mut partitions = topic.partitions();
    partitions.retain(|partition| {
        is_asked(partition.id().index) && Arc::ptr_eq(partition.storage(), storage)
    });
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
