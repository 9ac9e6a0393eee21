//! Produce (0), versions 3 to 13: appends record batches.
//!
//! Appends are made inline, in the order of the request; the answer waits until every partition's
//! high watermark has passed its batches. On a topic with `durability=fsync` that is when they are
//! on stable storage, with acks=1 as with acks=all: an acknowledgement means the same for both. When
//! `timeout_ms` is over, which is counted from the append, each partition is answered for itself.
//! With acks=0 nothing is answered, and an error closes nothing (Kafka closes the connection;
//! clients that send acks=0 do not look).
//!
//! Internal topics are refused with InvalidTopicException: their records are the broker's own.
//!
//! Gap: transactions (KIP-98, KIP-890) are not served yet; a request with a transactional id is
//! refused with TransactionalIdNotFound.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use broker::append::{Acknowledgement, Acks, Unacknowledged, append};
use broker::error::PartitionError;
use broker::limits::PRODUCE_WAIT_MAX;
use broker::{AppendRefusal, Appended, TopicId, TopicRef};
use env::clock::Deadline;
use smallvec::SmallVec;
use wire::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use wire::{ErrorCode, Str};

use crate::answer::{Answer, Reply};
use crate::dispatch::Call;
use crate::errors::{Coded, blamed, text};
use crate::listener::Shared;

/// First version that names topics by id.
const IDS_SINCE: i16 = 13;

/// A partition whose batches are appended and not acknowledged yet, and its place in the response.
struct Pending {
    topic: usize,
    partition: usize,
    acknowledgement: Acknowledgement,
}

/// A request that waits for its partitions.
struct Waiting {
    call: Call,
    response: ProduceResponse,
    pending: SmallVec<[Pending; 1]>,
    deadline: Deadline,
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
                        let acknowledgement = Acknowledgement::of(log, appended.acknowledged_at);
                        let (topic, partition) = (topic_at, partition_at);
                        pending.push(Pending { topic, partition, acknowledgement });
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
    let deadline = Deadline::after(wait.min(PRODUCE_WAIT_MAX));
    let mut waiting = Waiting { call, response, pending, deadline };
    Reply::passing(deadline, poll_fn(move |context| waiting.poll(context)))
}

impl Waiting {
    /// Waits for the partitions one after the other, the last of them first; what is done leaves the list.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        while let Some(next) = self.pending.last_mut() {
            match next.acknowledgement.poll(context) {
                Poll::Ready(outcome) => {
                    if let Some(done) = self.pending.pop() {
                        settle(&mut self.response, &done, outcome);
                    }
                }
                Poll::Pending if self.deadline.has_passed() => self.give_up(),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(self.call.answer(&self.response))
    }

    /// One of them was waited for; how it ended for the others meanwhile was not looked at.
    fn give_up(&mut self) {
        for left in std::mem::take(&mut self.pending) {
            match left.acknowledgement.outcome() {
                Some(outcome) => settle(&mut self.response, &left, outcome),
                None => set_error(&mut self.response, &left, ErrorCode::RequestTimedOut),
            }
        }
    }
}

fn settle(response: &mut ProduceResponse, at: &Pending, outcome: Result<(), Unacknowledged>) {
    if let Err(error) = outcome {
        set_error(response, at, error.code());
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
