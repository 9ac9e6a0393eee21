//! DeleteRecords (21), versions 0 to 2: moves the beginning of partitions up.
//!
//! -1 is the high watermark. What lies above it is OffsetOutOfRange; a topic whose cleanup.policy does
//! not delete is PolicyViolation, one of the broker's own InvalidTopicException. The new beginning is
//! on stable storage before it is answered.
//!
//! Gap: one replica, so the low watermark is the log start and the timeout is not looked at.

use std::sync::Arc;

use broker::error::PartitionError;
use broker::offsets::delete_records;
use broker::{Broker, Partition, TopicRef};
use records::Offset;
use wire::ErrorCode;
use wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// What stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, mut request: DeleteRecordsRequest) -> Reply {
    for topic in &mut request.topics {
        topic.name = topic.name.detach();
    }
    let broker = shared.broker.clone();
    Reply::later(async move {
        // Each partition costs a write to the disk and perhaps a sync.
        let deleted = tokio::task::spawn_blocking(move || delete(&broker, request)).await;
        match deleted {
            Ok(response) => call.answer(&response),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    })
}

fn delete(broker: &Broker, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let topic = broker.topic(TopicRef::Name(&asked.name));
        let partitions = asked.partitions.iter().map(|partition| match &topic {
            Ok(topic) if topic.internal => answer(partition, Err(ErrorCode::InvalidTopicException)),
            Ok(topic) => {
                let deletable = topic.config().log.cleanup.delete;
                let found = topic.partition(partition.partition_index);
                answer(partition, delete_from(found, deletable, partition.offset))
            }
            Err(error) => answer(partition, Err(error.code())),
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult { name: asked.name, partitions }
    });
    DeleteRecordsResponse { topics: topics.collect(), ..DeleteRecordsResponse::default() }
}

fn delete_from(
    partition: Result<Arc<Partition>, PartitionError>,
    deletable: bool,
    offset: i64,
) -> Result<Offset, ErrorCode> {
    let partition = partition.map_err(|error| error.code())?;
    let before = (offset != HIGH_WATERMARK).then_some(Offset(offset));
    delete_records(&partition, deletable, before).map_err(|refusal| refusal.code())
}

fn answer(
    asked: &DeleteRecordsPartition,
    outcome: Result<Offset, ErrorCode>,
) -> DeleteRecordsPartitionResult {
    DeleteRecordsPartitionResult {
        partition_index: asked.partition_index,
        low_watermark: outcome.map_or(-1, |start| start.0),
        error_code: outcome.err().unwrap_or(ErrorCode::None).number(),
    }
}
