//! Reads records of partitions that are named by the caller. For groups see [`crate::GroupConsumer`].
//!
//! [`Consumer::poll`] asks each leader once, all at the same time, and returns what came. A position
//! moves only when its records are returned, so that dropping the future of a poll loses nothing.
//! Keys and values are slices of what was received or decompressed.
//!
//! Invariant: a position is the offset of the next record that will be returned, or of a gap before
//! it that compaction, a transaction marker or an aborted transaction left.

mod decode;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use records::{LeaderEpoch, Offset, Timestamp, TimestampType};
use tokio::task::JoinSet;
use wire::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use wire::{ErrorCode, Request};

use crate::metadata::{Topic, TopicPartition};
use crate::offsets::{self, Isolation, OffsetSpec};
use crate::producer::RecordHeader;
use crate::{ClientError, Cluster};

/// The last version of Fetch that names topics; later ones carry their ids.
const FETCH_BY_NAME: i16 = 12;

/// What to do where a position is outside of what the partition holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OffsetReset {
    /// Go on from the first record there is.
    #[default]
    Earliest,
    /// Go on from the end.
    Latest,
    /// Fail.
    Fail,
}

/// Choices for a consumer.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// Which records are seen.
    pub isolation: Isolation,
    /// What to do at a position that does not exist, and in a group at one never committed.
    pub reset: OffsetReset,
    /// A broker answers when it has this much, or when the wait is over.
    pub min_bytes: i32,
    /// About how much one answer may hold.
    pub max_bytes: i32,
    /// About how much of it may be of one partition.
    pub partition_max_bytes: i32,
    /// The most that one batch may take when decompressed.
    pub batch_bytes_max: usize,
    /// Whether the checksums of batches are compared.
    pub check_crcs: bool,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        ConsumerOptions {
            isolation: Isolation::default(),
            reset: OffsetReset::default(),
            min_bytes: 1,
            max_bytes: 16 * 1024 * 1024,
            partition_max_bytes: 1024 * 1024,
            batch_bytes_max: 128 * 1024 * 1024,
            check_crcs: true,
        }
    }
}

/// A record that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumedRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Timestamp,
    /// Whose time that is.
    pub timestamp_type: TimestampType,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<RecordHeader>,
}

/// How far a partition has been read, and how far it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionState {
    /// The next offset that will be read.
    pub position: Offset,
    /// Epoch of the leader of the last record that was read.
    pub leader_epoch: Option<LeaderEpoch>,
    /// End of what all replicas have, as last heard.
    pub high_watermark: Option<Offset>,
    /// The first offset there is, as last heard.
    pub log_start: Option<Offset>,
    /// Whether it is left out for now.
    pub paused: bool,
}

impl PartitionState {
    /// Records between the position and the end, as far as known.
    #[must_use]
    pub fn lag(&self) -> Option<i64> {
        self.high_watermark.map(|end| (end - self.position).max(0))
    }
}

/// Reads partitions.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    options: ConsumerOptions,
    partitions: BTreeMap<TopicPartition, PartitionState>,
    /// Rises with each poll, so that another partition comes first in each answer.
    round: usize,
}

/// What one node is asked.
struct NodeRequest {
    topics: Vec<(Arc<Topic>, Vec<FetchPartition>)>,
}

impl Consumer {
    /// A consumer of nothing yet.
    #[must_use]
    pub fn new(cluster: &Cluster, options: ConsumerOptions) -> Self {
        // A fetch waits at the broker: not on a connection that others use.
        let cluster = cluster.with_own_connections();
        Consumer { cluster, options, partitions: BTreeMap::new(), round: 0 }
    }

    /// Reads these partitions from now on, and no others.
    ///
    /// A time after the last record means the end of the partition.
    pub async fn assign(
        &mut self,
        wanted: impl IntoIterator<Item = (TopicPartition, OffsetSpec)>,
    ) -> Result<(), ClientError> {
        let wanted: Vec<_> = wanted.into_iter().collect();
        let isolation = self.options.isolation;
        let found = offsets::list_offsets(&self.cluster, isolation, &wanted).await?;
        let missing: Vec<_> = found
            .iter()
            .filter(|listed| listed.offset.is_none())
            .map(|listed| (listed.place.clone(), OffsetSpec::Latest))
            .collect();
        let ends = offsets::list_offsets(&self.cluster, isolation, &missing).await?;
        self.partitions.clear();
        for listed in found.into_iter().chain(ends) {
            if let Some(position) = listed.offset {
                self.partitions.insert(listed.place, PartitionState::at(position));
            }
        }
        Ok(())
    }

    /// Reads all partitions of a topic from one kind of place.
    pub async fn assign_topic(&mut self, topic: &str, from: OffsetSpec) -> Result<(), ClientError> {
        let topic = self.cluster.topic(topic).await?;
        let places = topic
            .partitions
            .iter()
            .map(|partition| (TopicPartition::new(topic.name.clone(), partition.id), from));
        self.assign(places).await
    }

    /// The partitions that are read, and how far.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicPartition, &PartitionState)> {
        self.partitions.iter()
    }

    /// How far a partition has been read.
    #[must_use]
    pub fn state(&self, place: &TopicPartition) -> Option<&PartitionState> {
        self.partitions.get(place)
    }

    /// Goes on reading a partition from here; says whether it is one of those that are read.
    pub fn seek(&mut self, place: &TopicPartition, position: Offset) -> bool {
        match self.partitions.get_mut(place) {
            Some(state) => {
                state.position = position;
                true
            }
            None => false,
        }
    }

    /// Leaves a partition out, or takes it in again; says whether it is one of those that are read.
    pub fn pause(&mut self, place: &TopicPartition, paused: bool) -> bool {
        match self.partitions.get_mut(place) {
            Some(state) => {
                state.paused = paused;
                true
            }
            None => false,
        }
    }

    /// Whether every partition that is read was read to its end, as far as known.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.partitions.values().all(|state| state.lag() == Some(0))
    }

    /// The next records, in order within each partition; none if there are none within `wait`.
    pub async fn poll(&mut self, wait: Duration) -> Result<Vec<ConsumedRecord>, ClientError> {
        let mut by_node = match self.plan().await {
            Ok(by_node) => by_node,
            Err(error) => return self.after_failure(error, wait).await,
        };
        if by_node.is_empty() {
            env::clock::sleep(wait).await;
            return Ok(Vec::new());
        }
        self.round = self.round.wrapping_add(1);
        let mut asking = JoinSet::new();
        while let Some((node, request)) = by_node.pop_first() {
            let (cluster, options) = (self.cluster.clone(), self.options.clone());
            asking.spawn(async move {
                let answer = fetch(&cluster, &options, node, &request, wait).await;
                (request, answer)
            });
        }
        let mut records = Vec::new();
        let mut failure = None;
        let mut answers = Vec::new();
        while let Some(joined) = asking.join_next().await {
            // A task that panicked has no answer; the next poll asks again.
            answers.extend(joined);
        }
        // From here on nothing waits: positions move and records are returned, or neither.
        let mut resets = Vec::new();
        for (request, answer) in answers {
            let result =
                answer.and_then(|answer| self.take(&request, &answer, &mut records, &mut resets));
            if let Err(error) = result {
                for (topic, _) in &request.topics {
                    self.cluster.forget_topic(&topic.name);
                }
                failure = Some(error);
            }
        }
        match failure {
            Some(error) if records.is_empty() => self.after_failure(error, wait).await,
            _ if records.is_empty() && !resets.is_empty() => {
                self.reset(resets).await.map(|()| records)
            }
            // What failed will fail again, or not.
            _ => Ok(records),
        }
    }

    /// Waits out a failure that may pass; returns any other.
    async fn after_failure(
        &self,
        error: ClientError,
        wait: Duration,
    ) -> Result<Vec<ConsumedRecord>, ClientError> {
        if !error.is_retriable() {
            return Err(error);
        }
        tracing::warn!(%error, "fetch failed, trying again");
        env::clock::sleep(wait.min(self.cluster.options().backoff_max)).await;
        Ok(Vec::new())
    }

    /// Which node is asked for what.
    async fn plan(&self) -> Result<BTreeMap<i32, NodeRequest>, ClientError> {
        let mut by_node: BTreeMap<i32, NodeRequest> = BTreeMap::new();
        let active: Vec<_> = self.partitions.iter().filter(|(_, state)| !state.paused).collect();
        let first = self.round.checked_rem(active.len()).unwrap_or(0);
        let (tail, head) = active.split_at(first);
        for (place, state) in head.iter().chain(tail) {
            let leader = self.cluster.leader(&place.topic, place.partition).await?;
            let epoch = leader.partition.leader_epoch.unwrap_or(LeaderEpoch::NONE);
            let partition = FetchPartition {
                partition: place.partition,
                current_leader_epoch: epoch.0,
                fetch_offset: state.position.0,
                partition_max_bytes: self.options.partition_max_bytes,
                ..FetchPartition::default()
            };
            let node = by_node.entry(leader.node).or_insert(NodeRequest { topics: Vec::new() });
            match node.topics.iter_mut().find(|(topic, _)| topic.name == leader.topic.name) {
                Some((_, partitions)) => partitions.push(partition),
                None => node.topics.push((leader.topic, vec![partition])),
            }
        }
        Ok(by_node)
    }

    /// Takes the records out of an answer and moves the positions.
    fn take(
        &mut self,
        request: &NodeRequest,
        answer: &FetchResponse,
        records: &mut Vec<ConsumedRecord>,
        resets: &mut Vec<TopicPartition>,
    ) -> Result<(), ClientError> {
        let api = FetchRequest::KEY.name();
        ErrorCode::from_wire(answer.error_code)
            .ok()
            .map_err(|code| ClientError::broker(api, "these partitions", code, None))?;
        let mut result = Ok(());
        for response in &answer.responses {
            let asked = request.topics.iter().find(|(topic, _)| {
                *response.topic == *topic.name
                    || (!response.topic_id.is_nil() && Some(response.topic_id) == topic.id)
            });
            let Some((topic, _)) = asked else { continue };
            for data in &response.partitions {
                let place = TopicPartition::new(topic.name.clone(), data.partition_index);
                let Some(state) = self.partitions.get_mut(&place) else { continue };
                match take_partition(&self.options, &place, state, data, records) {
                    Err(error) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                        match self.options.reset {
                            OffsetReset::Fail => result = Err(error),
                            OffsetReset::Earliest | OffsetReset::Latest => resets.push(place),
                        }
                    }
                    taken => result = result.and(taken),
                }
            }
        }
        result
    }

    /// Moves positions that do not exist to where the options say.
    async fn reset(&mut self, places: Vec<TopicPartition>) -> Result<(), ClientError> {
        let to = match self.options.reset {
            OffsetReset::Latest => OffsetSpec::Latest,
            OffsetReset::Earliest | OffsetReset::Fail => OffsetSpec::Earliest,
        };
        let wanted: Vec<_> = places.into_iter().map(|place| (place, to)).collect();
        let isolation = self.options.isolation;
        for listed in offsets::list_offsets(&self.cluster, isolation, &wanted).await? {
            if let Some(position) = listed.offset {
                tracing::info!(partition = %listed.place, %position, "position did not exist, moved");
                self.seek(&listed.place, position);
            }
        }
        Ok(())
    }
}

impl PartitionState {
    fn at(position: Offset) -> Self {
        PartitionState {
            position,
            leader_epoch: None,
            high_watermark: None,
            log_start: None,
            paused: false,
        }
    }
}

fn take_partition(
    options: &ConsumerOptions,
    place: &TopicPartition,
    state: &mut PartitionState,
    data: &PartitionData,
    records: &mut Vec<ConsumedRecord>,
) -> Result<(), ClientError> {
    let api = FetchRequest::KEY.name();
    ErrorCode::from_wire(data.error_code)
        .ok()
        .map_err(|code| ClientError::broker(api, place.to_string(), code, None))?;
    let known = |offset: i64| Some(Offset(offset)).filter(|offset| offset.0 >= 0);
    state.high_watermark = known(data.high_watermark).or(state.high_watermark);
    state.log_start = known(data.log_start_offset).or(state.log_start);
    let bytes = data.records.as_ref().and_then(wire::Records::to_bytes).unwrap_or_default();
    let aborted = data.aborted_transactions.as_deref().unwrap_or_default();
    decode::take_batches(options, place, state, &bytes, aborted, records)
}

async fn fetch(
    cluster: &Cluster,
    options: &ConsumerOptions,
    node: i32,
    request: &NodeRequest,
    wait: Duration,
) -> Result<FetchResponse, ClientError> {
    let connection = cluster.node(node).await?;
    let newest = connection.version::<FetchRequest>()?;
    let by_id = request.topics.iter().all(|(topic, _)| topic.id.is_some());
    let version = if by_id { newest } else { newest.min(FETCH_BY_NAME) };
    let topics = request.topics.iter().map(|(topic, partitions)| FetchTopic {
        topic: (&*topic.name).into(),
        topic_id: topic.id.unwrap_or_default(),
        partitions: partitions.clone(),
    });
    let wire_request = FetchRequest {
        max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: options.min_bytes,
        max_bytes: options.max_bytes,
        isolation_level: options.isolation.number(),
        topics: topics.collect(),
        ..FetchRequest::default()
    };
    let within = wait.saturating_add(cluster.options().request_timeout);
    connection.send_version(&wire_request, version, within).await
}

#[cfg(test)]
mod tests;
