//! Sends records: batches them by partition, keeps their order, retries, bounds its memory.
//!
//! Each partition has a lane: an open batch that records are added to, full batches behind it, and a
//! task that sends one batch at a time. While one is under way the next fills, so that batches grow
//! with the load and a lone record leaves after [`ProducerOptions::linger`]. One batch in flight per
//! partition keeps order through retries without any bookkeeping; partitions do not wait for each
//! other.
//!
//! What an acknowledgement means: with [`Acks::All`], which is the default and with idempotence
//! (also the default), a record that was confirmed is in its partition once, however often it was
//! sent. A record whose delivery failed with a timeout may be there or not.
//!
//! Memory: records wait in [`Producer::send`] until the budget has room for them.
//!
//! Locks: a lane's state is locked for map and buffer operations only, never over a wait.

mod lane;
mod partitioner;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use records::{Codec, Offset, Timestamp};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use crate::metadata::TopicPartition;
use crate::{ClientError, Cluster};
use lane::{Lane, Sealing, Sender};
use partitioner::Partitioner;

/// How many acknowledgements a batch waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Acks {
    /// None; the offset is not learned, and a loss is not noticed.
    None,
    /// The leader's.
    Leader,
    /// That of all replicas in sync.
    #[default]
    All,
}

/// Choices for a producer.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// How batches are compressed.
    pub codec: Codec,
    /// At which level; the codec's default if none.
    pub level: Option<i32>,
    /// Whose acknowledgement is waited for.
    pub acks: Acks,
    /// Whether the broker drops what it was sent twice. Needs [`Acks::All`].
    pub idempotent: bool,
    /// How long an incomplete batch waits for more records.
    pub linger: Duration,
    /// A batch that reaches this is sent; larger records are sent alone.
    pub batch_bytes: usize,
    /// The largest record.
    pub record_bytes_max: usize,
    /// Bytes of records that are not acknowledged yet, before [`Producer::send`] waits.
    pub buffer_bytes: u32,
    /// How long a batch is tried before it fails, counted from its first attempt.
    pub delivery_timeout: Duration,
    /// Whether a topic that does not exist may be created by sending to it.
    pub create_topics: bool,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        ProducerOptions {
            codec: Codec::None,
            level: None,
            acks: Acks::All,
            idempotent: true,
            linger: Duration::from_millis(5),
            batch_bytes: 256 * 1024,
            record_bytes_max: 1024 * 1024,
            buffer_bytes: 32 * 1024 * 1024,
            delivery_timeout: Duration::from_secs(120),
            create_topics: true,
        }
    }
}

/// A header of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    /// Its name; may repeat.
    pub name: String,
    /// Its value.
    pub value: Option<Bytes>,
}

/// A record to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRecord {
    /// To which topic.
    pub topic: Arc<str>,
    /// To which partition; chosen from the key, or at random for a while, if none.
    pub partition: Option<i32>,
    /// Its time; now, if none.
    pub timestamp: Option<Timestamp>,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<RecordHeader>,
}

impl NewRecord {
    /// A record without key and headers.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, value: impl Into<Bytes>) -> Self {
        NewRecord {
            topic: topic.into(),
            partition: None,
            timestamp: None,
            key: None,
            value: Some(value.into()),
            headers: Vec::new(),
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same for a certain partition.
    #[must_use]
    pub fn to_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The most it can take in a batch.
    fn size_max(&self) -> usize {
        /// Length, attributes, deltas, lengths of key and value, number of headers.
        const FIELDS: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;
        /// Lengths of a header's name and value.
        const HEADER_FIELDS: usize = 5 + 5;
        let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter();
        let headers = headers.map(|h| HEADER_FIELDS + h.name.len() + len(&h.value)).sum::<usize>();
        FIELDS + len(&self.key) + len(&self.value) + headers
    }
}

/// Where a record ended up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// Its partition.
    pub partition: i32,
    /// Its offset; none where no acknowledgement was asked for, or where the broker recognized the
    /// batch as one it has and no longer knows where.
    pub offset: Option<Offset>,
    /// The broker's time, if the topic uses that.
    pub append_time: Option<Timestamp>,
}

/// What became of a batch.
#[derive(Clone, Debug)]
struct Outcome {
    base_offset: Option<Offset>,
    append_time: Option<Timestamp>,
}

/// Learns what became of a batch; nothing yet, while it is under way.
type OutcomeReceiver = watch::Receiver<Option<Result<Outcome, ClientError>>>;

/// A record under way.
#[derive(Debug)]
pub struct Delivery {
    outcome: OutcomeReceiver,
    partition: i32,
    index: i64,
}

impl Delivery {
    /// Waits until the record is acknowledged or has failed.
    pub async fn wait(mut self) -> Result<Delivered, ClientError> {
        let outcome = outcome_of(&mut self.outcome).await?;
        Ok(Delivered {
            partition: self.partition,
            offset: outcome.base_offset.map(|base| base.plus(self.index)),
            append_time: outcome.append_time,
        })
    }

    /// The partition that was chosen.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition
    }
}

async fn outcome_of(receiver: &mut OutcomeReceiver) -> Result<Outcome, ClientError> {
    match receiver.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Err(ClientError::Closed)),
        Err(_) => Err(ClientError::Closed),
    }
}

/// Sends records; share it by reference or in an `Arc`.
#[derive(Debug)]
pub struct Producer {
    sender: Arc<Sender>,
    budget: Arc<Semaphore>,
    partitioner: Partitioner,
    lanes: Mutex<HashMap<TopicPartition, RunningLane>>,
}

#[derive(Debug)]
struct RunningLane {
    lane: Arc<Lane>,
    task: AbortHandle,
}

impl Producer {
    /// A producer; nothing is sent before the first record.
    #[must_use]
    pub fn new(cluster: &Cluster, options: ProducerOptions) -> Self {
        let budget = usize::try_from(options.buffer_bytes).unwrap_or(Semaphore::MAX_PERMITS);
        Producer {
            sender: Arc::new(Sender::new(cluster.with_own_connections(), options)),
            budget: Arc::new(Semaphore::new(budget.min(Semaphore::MAX_PERMITS))),
            partitioner: Partitioner::default(),
            lanes: Mutex::default(),
        }
    }

    /// Takes a record, once there is room for it, and sends it soon. The delivery may be dropped by
    /// whoever does not care; [`Producer::flush`] waits for all.
    pub async fn send(&self, record: NewRecord) -> Result<Delivery, ClientError> {
        let options = self.sender.options();
        let bytes = record.size_max();
        let limit = options.record_bytes_max;
        let too_large = || ClientError::RecordTooLarge { bytes, limit };
        if bytes > limit {
            return Err(too_large());
        }
        let permits = u32::try_from(bytes).ok().filter(|bytes| *bytes <= options.buffer_bytes);
        let permits = permits.ok_or_else(too_large)?;

        let cluster = self.sender.cluster();
        let topic = match options.create_topics {
            true => cluster.topic_or_create(&record.topic).await?,
            false => cluster.topic(&record.topic).await?,
        };
        let count = topic.partitions.len();
        let partition = match record.partition {
            Some(partition) if topic.partition(partition).is_none() => {
                let topic = topic.name.to_string();
                return Err(ClientError::UnknownPartition { topic, partition, count });
            }
            Some(partition) => partition,
            None => self.partitioner.choose(&record, count, bytes, options, cluster.env()),
        };

        let room = self.budget.clone().acquire_many_owned(permits).await;
        let room = room.map_err(|_| ClientError::Closed)?;
        let now = Timestamp(cluster.env().clock.wall_ms());
        let lane = self.lane(&topic.name, partition);
        Ok(lane.push(&record, now, room))
    }

    /// Sends what is waiting, without lingering, and waits until all that was sent before is
    /// acknowledged; the first failure among the last batches is returned.
    pub async fn flush(&self) -> Result<(), ClientError> {
        let lanes: Vec<_> = self.lanes.lock().values().map(|lane| lane.lane.clone()).collect();
        let waiting: Vec<_> = lanes.iter().filter_map(|lane| lane.flush()).collect();
        let mut result = Ok(());
        for mut outcome in waiting {
            let outcome = outcome_of(&mut outcome).await;
            result = result.and(outcome.map(drop));
        }
        result
    }

    /// Sends what is waiting, waits for it, and ends.
    pub async fn close(self) -> Result<(), ClientError> {
        self.flush().await
    }

    fn lane(&self, topic: &Arc<str>, partition: i32) -> Arc<Lane> {
        let place = TopicPartition { topic: topic.clone(), partition };
        let mut lanes = self.lanes.lock();
        if let Some(running) = lanes.get(&place) {
            return running.lane.clone();
        }
        let options = self.sender.options();
        let sealing =
            Sealing { codec: options.codec, level: options.level, bytes: options.batch_bytes };
        let lane = Arc::new(Lane::new(place.clone(), sealing));
        let task = tokio::spawn(self.sender.clone().run(lane.clone())).abort_handle();
        lanes.insert(place, RunningLane { lane: lane.clone(), task });
        lane
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        for running in self.lanes.lock().values() {
            running.task.abort();
        }
    }
}

#[cfg(test)]
mod tests;
