//! Finds offsets: the first, the last, the one at a time.
//!
//! Groups what is asked by leader, one request a node, and asks again where a leader moved.

use std::collections::BTreeMap;

use records::{LeaderEpoch, Offset, Timestamp};
use wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};
use wire::{ErrorCode, Request};

use crate::metadata::TopicPartition;
use crate::{ClientError, Cluster};

/// Which records a reader sees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Isolation {
    /// All, also those of transactions that are open or were aborted.
    #[default]
    ReadUncommitted,
    /// Only those of committed transactions, and those outside of transactions.
    ReadCommitted,
}

impl Isolation {
    pub(crate) const fn number(self) -> i8 {
        match self {
            Isolation::ReadUncommitted => 0,
            Isolation::ReadCommitted => 1,
        }
    }
}

/// A place in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OffsetSpec {
    /// The first record there is.
    Earliest,
    /// After the last record.
    Latest,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The first record that is not older than this.
    At(Timestamp),
    /// This offset.
    Exact(Offset),
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedOffset {
    /// Where.
    pub place: TopicPartition,
    /// The offset; none where there is no such record.
    pub offset: Option<Offset>,
    /// The record's time, if the question was about time.
    pub timestamp: Option<Timestamp>,
    /// The epoch of the record's leader, if known.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl OffsetSpec {
    /// The timestamp that stands for it in a request; none if there is nothing to ask.
    const fn timestamp(self) -> Option<i64> {
        match self {
            OffsetSpec::Latest => Some(-1),
            OffsetSpec::Earliest => Some(-2),
            OffsetSpec::MaxTimestamp => Some(-3),
            OffsetSpec::At(timestamp) => Some(timestamp.0),
            OffsetSpec::Exact(_) => None,
        }
    }
}

/// What came of each question; none where it was not asked yet.
type Slots = [Option<Result<ListedOffset, ClientError>>];

/// Finds offsets; what was found is in the order of what was asked.
pub(crate) async fn list_offsets(
    cluster: &Cluster,
    isolation: Isolation,
    wanted: &[(TopicPartition, OffsetSpec)],
) -> Result<Vec<ListedOffset>, ClientError> {
    let mut slots = slots(wanted);
    let mut backoff = cluster.backoff();
    loop {
        ask_once(cluster, isolation, wanted, &mut slots).await;
        let mut passing = None;
        for slot in &mut slots {
            match slot {
                Some(Err(error)) if !error.is_retriable() => return Err(error.clone()),
                Some(Err(_)) => passing = slot.take().and_then(Result::err),
                Some(Ok(_)) | None => {}
            }
        }
        if let Some(error) = passing {
            if !backoff.wait().await {
                return Err(error);
            }
        } else if slots.iter().all(Option::is_some) {
            return slots.into_iter().flatten().collect();
        }
    }
}

/// The same without waiting for anything: what gives no offset now has its error.
pub(crate) async fn list_offsets_now(
    cluster: &Cluster,
    isolation: Isolation,
    wanted: &[(TopicPartition, OffsetSpec)],
) -> Vec<Result<ListedOffset, ClientError>> {
    let mut slots = slots(wanted);
    // Each round fills one slot of a place at least.
    while slots.iter().any(Option::is_none) {
        ask_once(cluster, isolation, wanted, &mut slots).await;
    }
    slots.into_iter().flatten().collect()
}

/// What is known without asking.
fn slots(
    wanted: &[(TopicPartition, OffsetSpec)],
) -> Vec<Option<Result<ListedOffset, ClientError>>> {
    let slot = |(place, spec): &(TopicPartition, OffsetSpec)| match *spec {
        OffsetSpec::Exact(offset) => Some(Ok(ListedOffset {
            place: place.clone(),
            offset: Some(offset),
            timestamp: None,
            leader_epoch: None,
        })),
        _ => None,
    };
    wanted.iter().map(slot).collect()
}

/// Asks for what has no answer yet; what is asked for twice at one place gets its second in another round.
async fn ask_once(
    cluster: &Cluster,
    isolation: Isolation,
    wanted: &[(TopicPartition, OffsetSpec)],
    slots: &mut Slots,
) {
    let mut by_node: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for (index, ((place, _), slot)) in wanted.iter().zip(slots.iter_mut()).enumerate() {
        if slot.is_none() {
            match cluster.leader(&place.topic, place.partition).await {
                Ok(leader) => by_node.entry(leader.node).or_default().push(index),
                Err(error) => *slot = Some(Err(error)),
            }
        }
    }
    for (node, indexes) in by_node {
        // A broker refuses a partition that is asked about twice in one request.
        let mut asked: Vec<(usize, &(TopicPartition, OffsetSpec))> = Vec::new();
        for (index, question) in indexes.iter().filter_map(|&i| Some((i, wanted.get(i)?))) {
            if asked.iter().all(|(_, (place, _))| *place != question.0) {
                asked.push((index, question));
            }
        }
        let answers = ask_node(cluster, isolation, node, &asked).await;
        for (place, (index, (TopicPartition { topic, .. }, _))) in asked.iter().enumerate() {
            let answer = match &answers {
                Ok(answers) => answers.get(place).cloned(),
                Err(error) => Some(Err(error.clone())),
            };
            if !matches!(answer, Some(Ok(_))) {
                cluster.forget_topic(topic);
            }
            if let Some(slot) = slots.get_mut(*index) {
                *slot = answer;
            }
        }
    }
}

/// One answer for each question, in their order.
async fn ask_node(
    cluster: &Cluster,
    isolation: Isolation,
    node: i32,
    asked: &[(usize, &(TopicPartition, OffsetSpec))],
) -> Result<Vec<Result<ListedOffset, ClientError>>, ClientError> {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (_, (place, spec)) in asked {
        let partition = ListOffsetsPartition {
            partition_index: place.partition,
            timestamp: spec.timestamp().unwrap_or(-1),
            ..ListOffsetsPartition::default()
        };
        match topics.last_mut() {
            Some(topic) if *topic.name == *place.topic => topic.partitions.push(partition),
            _ => topics.push(ListOffsetsTopic {
                name: (&*place.topic).into(),
                partitions: vec![partition],
            }),
        }
    }
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.number(),
        topics,
        ..ListOffsetsRequest::default()
    };
    let response = cluster.node(node).await?.send(&request).await?;
    let answer = |(_, (place, _)): &(usize, &(TopicPartition, OffsetSpec))| {
        let found = response
            .topics
            .iter()
            .filter(|topic| *topic.name == *place.topic)
            .flat_map(|topic| &topic.partitions)
            .find(|partition| partition.partition_index == place.partition);
        match found {
            Some(answer) => listed(answer, place),
            None => {
                let api = ListOffsetsRequest::KEY.name();
                Err(ClientError::Missing { api, subject: place.to_string() })
            }
        }
    };
    Ok(asked.iter().map(answer).collect())
}

fn listed(
    answer: &ListOffsetsPartitionResponse,
    place: &TopicPartition,
) -> Result<ListedOffset, ClientError> {
    ErrorCode::from_wire(answer.error_code).ok().map_err(|code| {
        ClientError::broker(ListOffsetsRequest::KEY.name(), place.to_string(), code, None)
    })?;
    Ok(ListedOffset {
        place: place.clone(),
        offset: Some(Offset(answer.offset)).filter(|offset| offset.0 >= 0),
        timestamp: Some(Timestamp(answer.timestamp)).filter(|time| time.is_some()),
        leader_epoch: Some(LeaderEpoch(answer.leader_epoch)).filter(|epoch| epoch.0 >= 0),
    })
}
