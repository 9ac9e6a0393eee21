//! Produce (0), versions 3 to 13: appends record batches.
//!
//! Appends are made inline, in the order of the request; the answer waits until every partition's
//! high watermark has passed its batches. On a topic with `durability=fsync` that is when they are
//! on stable storage, with acks=1 as with acks=all: an acknowledgement means the same for both.
//! With acks=0 nothing is answered, and an error closes nothing (Kafka closes the connection;
//! clients that send acks=0 do not look).
//!
//! Internal topics are refused with InvalidTopicException: their records are the broker's own.
//!
//! Gap: transactions (KIP-98, KIP-890) are not served yet; a request with a transactional id is
//! refused with TransactionalIdNotFound.

use std::sync::Arc;
use std::time::Duration;

use broker::append::{Acks, acknowledged, append, outcome};
use broker::error::PartitionError;
use broker::limits::PRODUCE_WAIT_MAX;
use broker::{AppendRefusal, Appended, Partition, TopicId, TopicRef};
use records::Offset;
use smallvec::SmallVec;
use wire::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use wire::{ErrorCode, Str};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::{Coded, blamed, text};
use crate::listener::Shared;

/// First version that names topics by id.
const IDS_SINCE: i16 = 13;

/// A partition whose batches are appended and not acknowledged yet, and its place in the response.
struct Pending {
    topic: usize,
    partition: usize,
    log: Arc<Partition>,
    acknowledged_at: Offset,
}

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: ProduceRequest) -> Reply {
    let acks = match request.acks {
        0 => Acks::None,
        1 => Acks::Leader,
        -1 => Acks::All,
        _ => {
            let response = refuse(request, ErrorCode::InvalidRequiredAcks);
            return Reply::Now(call.answer(&response));
        }
    };
    if request.transactional_id.is_some() {
        let response = refuse(request, ErrorCode::TransactionalIdNotFound);
        return Reply::Now(call.answer(&response));
    }
    let mut pending = SmallVec::<[Pending; 1]>::new();
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for (topic_at, data) in request.topic_data.into_iter().enumerate() {
        let named = if call.version >= IDS_SINCE {
            TopicRef::Id(TopicId(data.topic_id))
        } else {
            TopicRef::Name(&data.name)
        };
        let topic = shared.broker.topic(named);
        let mut partition_responses = Vec::with_capacity(data.partition_data.len());
        for (partition_at, part) in data.partition_data.iter().enumerate() {
            let appended = match &topic {
                Ok(topic) if topic.internal => Err(PartitionError::Internal),
                Ok(topic) => topic.partition(part.index).map(|partition| {
                    let batches = part.records.as_deref().unwrap_or_default();
                    let outcome = append(topic, &partition, batches, acks);
                    (partition, outcome)
                }),
                Err(error) => Err(*error),
            };
            partition_responses.push(match appended {
                Ok((log, Ok(appended))) => {
                    let response = accepted(part, &appended);
                    if log.high_watermark() < appended.acknowledged_at {
                        let acknowledged_at = appended.acknowledged_at;
                        let (topic, partition) = (topic_at, partition_at);
                        pending.push(Pending { topic, partition, log, acknowledged_at });
                    }
                    response
                }
                Ok((_, Err(refusal))) => refused(part, &refusal),
                Err(error) => unknown(part, error),
            });
        }
        responses.push(TopicProduceResponse {
            name: data.name,
            topic_id: data.topic_id,
            partition_responses,
        });
    }
    if acks == Acks::None {
        return Reply::Nothing;
    }
    let mut response = ProduceResponse { responses, ..ProduceResponse::default() };
    if pending.is_empty() {
        return Reply::Now(call.answer(&response));
    }
    let wait = Duration::from_millis(request.timeout_ms.max(0).unsigned_abs().into());
    // The answer outlives the receive buffer: what it names must not keep that buffer alive.
    for topic in &mut response.responses {
        topic.name = topic.name.detach();
    }
    Reply::passing(async move {
        let _ =
            env::clock::timeout(wait.min(PRODUCE_WAIT_MAX), settle(&mut pending, &mut response))
                .await;
        // One of them was waited for; how it ended for the others meanwhile was not looked at.
        for left in &pending {
            match outcome(&left.log, left.acknowledged_at) {
                Some(Ok(())) => {}
                Some(Err(error)) => set_error(&mut response, left, error.code()),
                None => set_error(&mut response, left, ErrorCode::RequestTimedOut),
            }
        }
        call.answer(&response)
    })
}

/// Waits for the partitions one after the other; what is done leaves the list.
async fn settle(pending: &mut SmallVec<[Pending; 1]>, response: &mut ProduceResponse) {
    while let Some(next) = pending.last() {
        if let Err(error) = acknowledged(&next.log, next.acknowledged_at).await {
            set_error(response, next, error.code());
        }
        pending.pop();
    }
}

fn set_error(response: &mut ProduceResponse, at: &Pending, error: ErrorCode) {
    let partition = response
        .responses
        .get_mut(at.topic)
        .and_then(|topic| topic.partition_responses.get_mut(at.partition));
    if let Some(partition) = partition {
        partition.error_code = error.number();
        partition.base_offset = -1;
        partition.log_append_time_ms = -1;
    }
}

fn accepted(part: &PartitionProduceData, appended: &Appended) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index: part.index,
        base_offset: appended.info.first.0,
        log_append_time_ms: appended.info.append_time.map_or(-1, |time| time.0),
        log_start_offset: appended.info.log_start.0,
        ..PartitionProduceResponse::default()
    }
}

fn refused(part: &PartitionProduceData, refusal: &AppendRefusal) -> PartitionProduceResponse {
    tracing::debug!(partition = part.index, error = %refusal, "records refused");
    PartitionProduceResponse {
        index: part.index,
        error_code: refusal.code().number(),
        base_offset: -1,
        record_errors: blamed(refusal)
            .iter()
            .map(|fault| BatchIndexAndErrorMessage {
                batch_index: fault.index,
                batch_index_error_message: Some(Str::from(fault.message.clone())),
            })
            .collect(),
        error_message: text(refusal),
        ..PartitionProduceResponse::default()
    }
}

fn unknown(part: &PartitionProduceData, error: PartitionError) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index: part.index,
        error_code: error.code().number(),
        base_offset: -1,
        ..PartitionProduceResponse::default()
    }
}

/// The same error for every partition of the request.
fn refuse(request: ProduceRequest, error: ErrorCode) -> ProduceResponse {
    let responses = request.topic_data.into_iter().map(|topic| TopicProduceResponse {
        name: topic.name,
        topic_id: topic.topic_id,
        partition_responses: topic
            .partition_data
            .iter()
            .map(|part| PartitionProduceResponse {
                index: part.index,
                error_code: error.number(),
                base_offset: -1,
                ..PartitionProduceResponse::default()
            })
            .collect(),
    });
    ProduceResponse { responses: responses.collect(), ..ProduceResponse::default() }
}
