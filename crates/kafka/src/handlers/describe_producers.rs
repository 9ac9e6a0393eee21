//! DescribeProducers (61), version 0: producers a partition knows (KIP-664).
//!
//! Gap: without transactions nobody has a transaction open.

use std::sync::Arc;

use broker::error::PartitionError;
use broker::{ProducerEntry, TopicRef};
use wire::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::{Coded, Fault};
use crate::listener::Shared;

/// What stands for "none" in the fields of a producer.
const NONE: i32 = -1;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: DescribeProducersRequest) -> Reply {
    let topics = request.topics.into_iter().map(|asked| {
        let topic = shared.broker.topic(TopicRef::Name(&asked.name));
        let partitions = asked.partition_indexes.iter().map(|number| {
            let found = topic.as_ref().map_err(|error| *error).and_then(|t| t.partition(*number));
            let found = found.and_then(|p| p.log().map_err(|_| PartitionError::Offline));
            let outcome = found.as_ref().map(|_| ()).map_err(Fault::of);
            let (_, error_message) = Fault::fields(outcome);
            PartitionResponse {
                partition_index: *number,
                error_code: found.code().number(),
                error_message,
                active_producers: found.map_or_else(
                    |_| Vec::new(),
                    |log| log.active_producers().iter().map(show).collect(),
                ),
            }
        });
        let partitions = partitions.collect();
        TopicResponse { name: asked.name, partitions }
    });
    let topics = topics.collect();
    Reply::Now(call.answer(&DescribeProducersResponse { topics, ..Default::default() }))
}

fn show(producer: &ProducerEntry) -> ProducerState {
    ProducerState {
        producer_id: producer.producer_id.0,
        producer_epoch: i32::from(producer.epoch.0),
        last_sequence: producer.last_sequence.unwrap_or(NONE),
        last_timestamp: producer.last_timestamp.0,
        coordinator_epoch: producer.coordinator_epoch.unwrap_or(NONE),
        current_txn_start_offset: producer.txn_start.map_or(i64::from(NONE), |start| start.0),
    }
}
