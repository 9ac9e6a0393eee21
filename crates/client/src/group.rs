//! A member of a classic consumer group: joins, takes its share of the partitions, commits.
//!
//! [`GroupConsumer::poll`] does what a member has to: it joins when the group asks for it, reads the
//! partitions it was given from where the group had committed, and returns records. A task beside it
//! sends heartbeats and notes when the group wants the members to join again; the next poll sees
//! that. Assignment is eager with the "range" assignor: when the group rebalances, a member gives up
//! all its partitions before it joins again.
//!
//! [`GroupConsumer::commit`] commits what poll has returned, so that a caller who commits after
//! handling a poll's records gets each record at least once. With
//! [`GroupOptions::auto_commit`] each poll commits what the polls before it returned.

mod assignor;
mod membership;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use records::Offset;

use crate::consumer::{ConsumedRecord, Consumer, ConsumerOptions, OffsetReset, PartitionState};
use crate::metadata::TopicPartition;
use crate::offsets::OffsetSpec;
use crate::{ClientError, Cluster};
use membership::{Lost, Membership};

pub use assignor::{Subscriber, range_assignment};

/// Choices for a member of a group.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The group.
    pub group: String,
    /// Makes the member static: it keeps its partitions over a restart.
    pub instance_id: Option<String>,
    /// A member that is silent for this long is out.
    pub session_timeout: Duration,
    /// How long members have to join again when the group rebalances.
    pub rebalance_timeout: Duration,
    /// How often a heartbeat is sent.
    pub heartbeat_interval: Duration,
    /// Whether each poll commits what the polls before it returned.
    pub auto_commit: bool,
    /// How partitions are read.
    pub consumer: ConsumerOptions,
}

impl GroupOptions {
    /// The defaults for a group.
    #[must_use]
    pub fn new(group: impl Into<String>) -> Self {
        GroupOptions {
            group: group.into(),
            instance_id: None,
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(60),
            heartbeat_interval: Duration::from_secs(3),
            auto_commit: true,
            consumer: ConsumerOptions::default(),
        }
    }
}

/// Reads topics together with the other members of its group.
#[derive(Debug)]
pub struct GroupConsumer {
    cluster: Cluster,
    options: GroupOptions,
    topics: Vec<Arc<str>>,
    consumer: Consumer,
    membership: Membership,
    committed: BTreeMap<TopicPartition, Offset>,
}

impl GroupConsumer {
    /// A member of a group that reads these topics; it joins with the first poll.
    #[must_use]
    pub fn new(cluster: &Cluster, topics: &[&str], options: GroupOptions) -> Self {
        GroupConsumer {
            cluster: cluster.clone(),
            consumer: Consumer::new(cluster, options.consumer.clone()),
            membership: Membership::new(cluster, &options),
            topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
            options,
            committed: BTreeMap::new(),
        }
    }

    /// The next records of the partitions this member was given; none if there are none within
    /// `wait`. Takes longer where the group rebalances.
    pub async fn poll(&mut self, wait: Duration) -> Result<Vec<ConsumedRecord>, ClientError> {
        match self.membership.lost() {
            None if self.membership.is_member() => {}
            None => self.join().await?,
            Some(lost) => {
                // Still a member until it joins again: what was read may be committed.
                if lost == Lost::Rebalance && self.options.auto_commit {
                    self.commit_or_rejoin().await?;
                }
                self.join().await?;
            }
        }
        if self.options.auto_commit {
            self.commit_or_rejoin().await?;
        }
        self.consumer.poll(wait).await
    }

    /// Commits what poll has returned so far. Fails where the member lost its partitions meanwhile:
    /// others may then handle the same records again.
    pub async fn commit(&mut self) -> Result<(), ClientError> {
        let offsets: Vec<_> = self
            .consumer
            .partitions()
            .filter(|(place, state)| self.committed.get(place) != Some(&state.position))
            .map(|(place, state)| (place.clone(), *state))
            .collect();
        if offsets.is_empty() {
            return Ok(());
        }
        self.membership.commit(&offsets).await?;
        self.committed.extend(offsets.into_iter().map(|(place, state)| (place, state.position)));
        Ok(())
    }

    /// Goes on reading a partition from here, which is then also what is committed; says whether
    /// the partition is one that this member was given.
    pub fn seek(&mut self, place: &TopicPartition, position: Offset) -> bool {
        self.consumer.seek(place, position)
    }

    /// The partitions this member was given, and how far they are read.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicPartition, &PartitionState)> {
        self.consumer.partitions()
    }

    /// Whether every partition this member was given was read to its end, as far as known.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.membership.is_member() && self.consumer.is_at_end()
    }

    /// The id the group knows this member by, once it has joined.
    #[must_use]
    pub fn member_id(&self) -> Option<&str> {
        self.membership.member_id()
    }

    /// Commits, if that is automatic, and leaves the group, so that its partitions go to others at
    /// once. A static member stays, and is out when its session ends.
    pub async fn close(mut self) -> Result<(), ClientError> {
        let committed = match self.options.auto_commit && self.membership.is_member() {
            true => self.commit().await,
            false => Ok(()),
        };
        let left = self.membership.leave().await;
        committed.and(left)
    }

    /// Commits; where the group has moved on, notes that the member has to join again.
    async fn commit_or_rejoin(&mut self) -> Result<(), ClientError> {
        match self.commit().await {
            Err(error) if Lost::by(&error).is_some() => Ok(()),
            result => result,
        }
    }

    async fn join(&mut self) -> Result<(), ClientError> {
        // Eager: nothing is held while the group rebalances.
        self.consumer.assign([]).await?;
        self.committed.clear();
        let assigned = self.membership.join(&self.topics).await?;
        let committed = self.membership.committed(&assigned).await?;
        let mut wanted = Vec::with_capacity(assigned.len());
        for place in assigned {
            let from = match (committed.get(&place), self.options.consumer.reset) {
                (Some(offset), _) => {
                    self.committed.insert(place.clone(), *offset);
                    OffsetSpec::Exact(*offset)
                }
                (None, OffsetReset::Earliest) => OffsetSpec::Earliest,
                (None, OffsetReset::Latest) => OffsetSpec::Latest,
                (None, OffsetReset::Fail) => {
                    let api = "OffsetFetch";
                    let subject = format!("{place} in group {}", self.options.group);
                    return Err(ClientError::Missing { api, subject });
                }
            };
            wanted.push((place, from));
        }
        tracing::info!(group = %self.options.group, partitions = wanted.len(), "joined group");
        self.consumer.assign(wanted).await
    }

    /// The cluster this member reads from.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

#[cfg(test)]
mod tests;
