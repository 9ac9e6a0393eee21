//! One partition of a producer: the batches that wait, and the task that sends them in order.
//!
//! Invariants: batches leave in the order in which they were opened, one at a time; a batch has its
//! sequence number from its first attempt on and keeps it through retries, so that a broker that has
//! it already recognizes it. Where it is not known whether a batch was written and it is given up,
//! the lane takes a new producer id, so that later batches do not depend on it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use records::{BatchBuilder, Codec, Offset, ProducerEpoch, ProducerId, Timestamp, sequence};
use tokio::sync::{Notify, OnceCell, OwnedSemaphorePermit, watch};
use wire::messages::init_producer_id::InitProducerIdRequest;
use wire::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use wire::{ErrorCode, Request};

use super::{Acks, Delivery, NewRecord, Outcome, OutcomeReceiver, ProducerOptions};
use crate::cluster::Leader;
use crate::metadata::TopicPartition;
use crate::{ClientError, Cluster};

/// The last version of Produce that names topics; later ones carry their ids.
const PRODUCE_BY_NAME: i16 = 12;

/// How a batch is made and when it is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealing {
    pub(super) codec: Codec,
    pub(super) level: Option<i32>,
    pub(super) bytes: usize,
}

/// The batches of one partition.
#[derive(Debug)]
pub(super) struct Lane {
    place: TopicPartition,
    sealing: Sealing,
    waiting: Mutex<Waiting>,
    /// There is a first record, a full batch or a flush.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    open: Option<Batch>,
    full: VecDeque<Batch>,
    flushing: bool,
    /// Of the batch opened last, sent or not.
    last: Option<OutcomeReceiver>,
}

#[derive(Debug)]
struct Batch {
    builder: BatchBuilder,
    outcome: watch::Sender<Option<Result<Outcome, ClientError>>>,
    /// Room in the producer's budget, given back when the batch is done.
    room: OwnedSemaphorePermit,
}

impl Lane {
    pub(super) fn new(place: TopicPartition, sealing: Sealing) -> Self {
        Lane { place, sealing, waiting: Mutex::default(), changed: Notify::new() }
    }

    /// Adds a record to the open batch, or to a new one where that is full.
    pub(super) fn push(
        &self,
        record: &NewRecord,
        now: Timestamp,
        room: OwnedSemaphorePermit,
    ) -> Delivery {
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|header| (header.name.as_str(), header.value.as_deref()))
            .collect();
        let waiting = &mut *self.waiting.lock();
        let full = |batch: &mut Batch| {
            let bytes = batch.builder.size_estimate().saturating_add(record.size_max());
            bytes > self.sealing.bytes
        };
        if let Some(batch) = waiting.open.take_if(full) {
            waiting.full.push_back(batch);
            self.changed.notify_one();
        }
        let batch = match &mut waiting.open {
            Some(batch) => {
                batch.room.merge(room);
                batch
            }
            none => {
                self.changed.notify_one();
                let (outcome, receiver) = watch::channel(None);
                waiting.last = Some(receiver);
                let builder = BatchBuilder::new(self.sealing.codec).level(self.sealing.level);
                none.insert(Batch { builder, outcome, room })
            }
        };
        let index = i64::from(batch.builder.record_count());
        let timestamp = record.timestamp.unwrap_or(now);
        batch.builder.push(timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
        Delivery { outcome: batch.outcome.subscribe(), partition: self.place.partition, index }
    }

    /// Ends lingering; returns the outcome of the last batch, if it is not known yet.
    pub(super) fn flush(&self) -> Option<OutcomeReceiver> {
        let mut waiting = self.waiting.lock();
        let last = waiting.last.clone()?;
        if waiting.open.is_some() {
            waiting.flushing = true;
            self.changed.notify_one();
        }
        Some(last)
    }

    /// The next batch that need not wait for more records.
    fn take_ready(&self) -> Option<Batch> {
        let mut waiting = self.waiting.lock();
        if let Some(batch) = waiting.full.pop_front() {
            return Some(batch);
        }
        if waiting.flushing {
            waiting.flushing = false;
            return waiting.open.take();
        }
        None
    }

    /// The next batch; waits for one, and with an open one as long as it may linger.
    async fn next(&self, linger: Duration) -> Batch {
        loop {
            if let Some(batch) = self.take_ready() {
                return batch;
            }
            if self.waiting.lock().open.is_none() {
                self.changed.notified().await;
                continue;
            }
            let lingered = linger.is_zero()
                || env::clock::timeout(linger, self.changed.notified()).await.is_none();
            // What was opened meanwhile may be younger than the linger; it leaves early, no harm.
            if lingered {
                let ready = self.take_ready().or_else(|| self.waiting.lock().open.take());
                if let Some(batch) = ready {
                    return batch;
                }
            }
        }
    }
}

/// What the lanes of a producer share.
#[derive(Debug)]
pub(super) struct Sender {
    cluster: Cluster,
    options: ProducerOptions,
    identity: OnceCell<(ProducerId, ProducerEpoch)>,
}

/// Who a lane is to the broker, and its next sequence number.
#[derive(Clone, Copy, Debug)]
struct Identity {
    id: ProducerId,
    epoch: ProducerEpoch,
    next_sequence: i32,
}

impl Sender {
    pub(super) fn new(cluster: Cluster, options: ProducerOptions) -> Self {
        Sender { cluster, options, identity: OnceCell::new() }
    }

    pub(super) fn options(&self) -> &ProducerOptions {
        &self.options
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Sends the batches of a lane, for as long as the producer lives.
    pub(super) async fn run(self: Arc<Self>, lane: Arc<Lane>) {
        let mut identity = None;
        let mut fresh = false;
        loop {
            let Batch { builder, outcome, room } = lane.next(self.options.linger).await;
            let result = self.deliver(&lane.place, builder, &mut identity, &mut fresh).await;
            if let Err(error) = &result {
                tracing::debug!(partition = %lane.place, %error, "batch failed");
            }
            drop(room);
            outcome.send_replace(Some(result));
        }
    }

    /// Sends one batch until it is acknowledged, refused for good, or its time is over.
    ///
    /// `fresh`: the lane needs an identity of its own rather than the producer's.
    async fn deliver(
        &self,
        place: &TopicPartition,
        mut builder: BatchBuilder,
        identity: &mut Option<Identity>,
        fresh: &mut bool,
    ) -> Result<Outcome, ClientError> {
        let idempotent = self.options.idempotent && self.options.acks == Acks::All;
        let mut backoff = self.cluster.backoff_within(self.options.delivery_timeout);
        let count = builder.record_count();
        let mut built: Option<Bytes> = None;
        let mut may_be_written = false;
        let mut renewed = false;
        loop {
            if idempotent && identity.is_none() {
                let (id, epoch) = self.identify(*fresh).await?;
                *identity = Some(Identity { id, epoch, next_sequence: 0 });
                built = None;
            }
            let bytes = match &built {
                Some(bytes) => bytes.clone(),
                None => {
                    if let Some(known) = identity {
                        builder = builder.producer(known.id, known.epoch, known.next_sequence);
                    }
                    let bytes = builder.build().map_err(|error| ClientError::BadBatch {
                        topic: place.topic.to_string(),
                        partition: place.partition,
                        reason: error.to_string(),
                    })?;
                    built.insert(bytes).clone()
                }
            };
            let error = match self.attempt(place, bytes).await {
                Ok(outcome) => {
                    if let Some(known) = identity {
                        known.next_sequence = sequence::add(known.next_sequence, count);
                    }
                    return Ok(outcome);
                }
                Err(error) => error,
            };
            may_be_written |= is_ambiguous(&error);
            if is_identity_lost(&error) && idempotent && !renewed {
                // The broker does not have this batch, or it would know its sequence.
                *identity = None;
                *fresh = true;
                renewed = true;
                continue;
            }
            if error.is_retriable() {
                self.cluster.forget_topic(&place.topic);
                if backoff.wait().await {
                    continue;
                }
            }
            if may_be_written {
                *identity = None;
                *fresh = true;
            }
            return Err(error);
        }
    }

    async fn attempt(
        &self,
        place: &TopicPartition,
        records: Bytes,
    ) -> Result<Outcome, ClientError> {
        let Leader { node, topic, .. } = self.cluster.leader(&place.topic, place.partition).await?;
        let connection = self.cluster.node(node).await?;
        let newest = connection.version::<ProduceRequest>()?;
        let version = if topic.id.is_some() { newest } else { newest.min(PRODUCE_BY_NAME) };
        let within = self.cluster.options().request_timeout;
        let request = ProduceRequest {
            acks: match self.options.acks {
                Acks::None => 0,
                Acks::Leader => 1,
                Acks::All => -1,
            },
            timeout_ms: i32::try_from(within.as_millis()).unwrap_or(i32::MAX),
            topic_data: vec![TopicProduceData {
                name: (&*place.topic).into(),
                topic_id: topic.id.unwrap_or_default(),
                partition_data: vec![PartitionProduceData {
                    index: place.partition,
                    records: Some(records),
                }],
            }],
            ..ProduceRequest::default()
        };
        if self.options.acks == Acks::None {
            connection.send_unanswered(&request).await?;
            return Ok(Outcome { base_offset: None, append_time: None });
        }
        let response = connection.send_version(&request, version, within).await?;
        let answer = response
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses)
            .find(|partition| partition.index == place.partition);
        match answer {
            Some(answer) => outcome_in(answer, place),
            None => Err(ClientError::Missing {
                api: ProduceRequest::KEY.name(),
                subject: place.to_string(),
            }),
        }
    }

    /// The producer's id and epoch, or new ones.
    async fn identify(&self, fresh: bool) -> Result<(ProducerId, ProducerEpoch), ClientError> {
        if fresh {
            return self.init_producer_id().await;
        }
        self.identity.get_or_try_init(|| self.init_producer_id()).await.copied()
    }

    async fn init_producer_id(&self) -> Result<(ProducerId, ProducerEpoch), ClientError> {
        let request = InitProducerIdRequest {
            transaction_timeout_ms: i32::MAX,
            ..InitProducerIdRequest::default()
        };
        let mut backoff = self.cluster.backoff_within(self.options.delivery_timeout);
        loop {
            let asked = async { self.cluster.any().await?.send(&request).await };
            let result = asked.await.and_then(|response| {
                let code = ErrorCode::from_wire(response.error_code);
                let refused = |code| {
                    let api = InitProducerIdRequest::KEY.name();
                    ClientError::broker(api, "this client", code, None)
                };
                code.ok().map_err(refused)?;
                Ok((ProducerId(response.producer_id), ProducerEpoch(response.producer_epoch)))
            });
            match result {
                Err(error) if error.is_retriable() && backoff.wait().await => {}
                result => return result,
            }
        }
    }
}

fn outcome_in(
    answer: &PartitionProduceResponse,
    place: &TopicPartition,
) -> Result<Outcome, ClientError> {
    let outcome = Outcome {
        base_offset: Some(Offset(answer.base_offset)).filter(|offset| offset.0 >= 0),
        append_time: Some(Timestamp(answer.log_append_time_ms)).filter(|time| time.is_some()),
    };
    match ErrorCode::from_wire(answer.error_code) {
        // The broker has the batch from an earlier attempt.
        ErrorCode::None | ErrorCode::DuplicateSequenceNumber => Ok(outcome),
        code => {
            let of_record = answer
                .record_errors
                .first()
                .and_then(|record| record.batch_index_error_message.as_deref());
            let message = answer.error_message.as_deref().or(of_record);
            let api = ProduceRequest::KEY.name();
            Err(ClientError::broker(api, format!("records to {place}"), code, message))
        }
    }
}

/// Whether the batch may have been written although an error came, or nothing.
fn is_ambiguous(error: &ClientError) -> bool {
    match error {
        ClientError::ConnectionLost { .. }
        | ClientError::Timeout { .. }
        | ClientError::Decode { .. }
        | ClientError::Missing { .. } => true,
        ClientError::Broker { code, .. } => matches!(
            code,
            ErrorCode::RequestTimedOut
                | ErrorCode::NotEnoughReplicasAfterAppend
                | ErrorCode::NetworkException
                | ErrorCode::UnknownServerError
        ),
        _ => false,
    }
}

/// Whether the broker no longer knows the producer, or knows another state of it.
fn is_identity_lost(error: &ClientError) -> bool {
    let ClientError::Broker { code, .. } = error else { return false };
    matches!(
        code,
        ErrorCode::UnknownProducerId
            | ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::InvalidProducerIdMapping
    )
}
