//! One classic group: its members, its generation and where it is between two of them.
//!
//! This file holds the state and what keeps it consistent; the transitions are in `join`,
//! `rebalance`, `sync` and `session`, the views in `describe`, the way to and from records in
//! `persist`.
//!
//! Invariants:
//! - `awaiting_join` is the number of members with a parked join; `supported` counts how many members
//!   offer each protocol; `metadata_bytes` sums what they offer; `statics` names exactly the members
//!   with an instance id;
//! - `leader` names a member, or there are no members;
//! - a join is parked only in `PreparingRebalance`, a sync only in `CompletingRebalance`;
//! - `Empty` has no members, `Stable` and `CompletingRebalance` have some;
//! - all members share at least one protocol.

mod describe;
mod join;
mod persist;
mod rebalance;
mod session;
mod sync;
mod turn;

pub(crate) use join::refuse as refuse_join;
pub(crate) use turn::Turn;

use crate::error::GroupError;
use crate::offsets::GroupOffsets;
use crate::reply::{GroupReply, JoinRefused};
use crate::request::Protocol;
use crate::timers::{Timer, Timers};
use crate::{Token, schema};
use records::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The protocol type whose metadata names topics.
const CONSUMER: &str = "consumer";

/// Where a group is between two generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// No members; perhaps offsets.
    Empty,
    /// Waiting for the members to join the next generation.
    PreparingRebalance,
    /// Waiting for the leader's assignment.
    CompletingRebalance,
    /// Every member can fetch its assignment.
    Stable,
    /// There is no such group.
    Dead,
}

impl GroupState {
    /// The name as Kafka shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the end of the join timer means.
#[derive(Clone, Copy, Debug)]
enum JoinPhase {
    /// The first rebalance of an empty group waits for more members: the delay that is running, and
    /// how much more there may be.
    Initial { delay: Duration, left: Duration },
    /// Members that have not joined by now are dropped.
    Deadline,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    client_id: Arc<str>,
    client_host: Arc<str>,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    protocols: Vec<Protocol>,
    assignment: Arc<[u8]>,
    /// Not told its generation yet: its join times out, as it cannot send heartbeats.
    is_new: bool,
    join: Option<Token>,
    sync: Option<Token>,
    session: Timer,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: Arc<str>,
    pub(crate) state: GroupState,
    previous: GroupState,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<Arc<str>>,
    protocol_name: Option<Arc<str>>,
    leader: Option<Arc<str>>,
    pub(crate) state_since: Timestamp,
    members: BTreeMap<Arc<str>, Member>,
    /// Instance id to member id.
    statics: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids that were given out and have not joined yet.
    pub(crate) pending: BTreeMap<Arc<str>, Timer>,
    /// Members of this generation that have not synced yet.
    pending_sync: BTreeSet<Arc<str>>,
    supported: BTreeMap<Arc<str>, usize>,
    awaiting_join: usize,
    metadata_bytes: usize,
    /// What the members read, if the protocol type tells.
    pub(crate) subscribed: Option<BTreeSet<Arc<str>>>,
    /// Somebody joined during the initial delay: it may be extended.
    new_member_added: bool,
    join_phase: JoinPhase,
    pub(crate) join_timer: Timer,
    pub(crate) sync_timer: Timer,
    pub(crate) offsets_timer: Timer,
    pub(crate) offsets: GroupOffsets,
}

impl Member {
    fn metadata(&self, protocol: Option<&str>) -> Arc<[u8]> {
        protocol
            .and_then(|name| self.protocols.iter().find(|p| &*p.name == name))
            .map_or_else(|| Arc::from([]), |p| Arc::clone(&p.metadata))
    }

    fn session_timeout(&self) -> Duration {
        duration_ms(self.session_timeout_ms)
    }
}

/// A number of milliseconds from the wire; negative ones count as none.
fn duration_ms(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// What protocols weigh, against the limit of the group.
fn protocols_len(protocols: &[Protocol]) -> usize {
    protocols.iter().map(|p| p.name.len() + p.metadata.len()).sum()
}

impl Group {
    /// A group without members, as a first join or a first commit of a simple consumer makes it.
    pub(crate) fn new(id: Arc<str>, wall: Timestamp) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            previous: GroupState::Empty,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            state_since: wall,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            pending_sync: BTreeSet::new(),
            supported: BTreeMap::new(),
            awaiting_join: 0,
            metadata_bytes: 0,
            subscribed: None,
            new_member_added: false,
            join_phase: JoinPhase::Deadline,
            join_timer: Timer::default(),
            sync_timer: Timer::default(),
            offsets_timer: Timer::default(),
            offsets: GroupOffsets::default(),
        }
    }

    pub(crate) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether offsets of `topic` are in use. A `consumer` group whose metadata cannot be read may be
    /// reading anything.
    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        self.subscribed
            .as_ref()
            .map_or_else(|| self.uses_consumer_protocol(), |topics| topics.contains(topic))
    }

    fn transition(&mut self, state: GroupState, wall: Timestamp) {
        self.previous = self.state;
        self.state = state;
        self.state_since = wall;
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    fn has_all_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending.is_empty()
    }

    /// The longest time any member asked for.
    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|m| duration_ms(m.rebalance_timeout_ms)).max().unwrap_or_default()
    }

    /// Whether `protocols` have one in common with all members.
    fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let all = self.members.len();
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|p| self.supported.get(&p.name).copied().unwrap_or(0) == all)
    }

    /// The protocol that all members offer and most prefer; of equals the first by name.
    fn select_protocol(&self) -> Option<Arc<str>> {
        let all = self.members.len();
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().find(|p| self.supported.get(&p.name) == Some(&all));
            if let Some(protocol) = vote {
                *votes.entry(&protocol.name).or_default() += 1;
            }
        }
        votes
            .into_iter()
            .max_by(|(a_name, a), (b_name, b)| a.cmp(b).then_with(|| b_name.cmp(a_name)))
            .map(|(name, _)| Arc::clone(name))
    }

    /// Works out what the members read, from their metadata under the chosen protocol.
    fn compute_subscribed(&self) -> Option<BTreeSet<Arc<str>>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(Some(protocol));
            for topic in schema::subscribed_topics(&metadata).ok()? {
                if !topics.contains(topic) {
                    topics.insert(Arc::from(topic));
                }
            }
        }
        Some(topics)
    }

    /// Checks that a member is who it says it is.
    fn validate_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), GroupError> {
        if let Some(instance_id) = instance_id {
            let current = self.statics.get(instance_id).ok_or(GroupError::UnknownMemberId)?;
            if **current != *member_id {
                return Err(GroupError::FencedInstanceId);
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    fn count_protocols(&mut self, protocols: &[Protocol]) {
        self.metadata_bytes += protocols_len(protocols);
        for protocol in protocols {
            *self.supported.entry(Arc::clone(&protocol.name)).or_default() += 1;
        }
    }

    fn discount_protocols(&mut self, protocols: &[Protocol]) {
        self.metadata_bytes -= protocols_len(protocols);
        for protocol in protocols {
            if let Some(count) = self.supported.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.supported.remove(&protocol.name);
                }
            }
        }
    }

    fn insert_member(&mut self, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            self.statics.insert(Arc::clone(instance_id), Arc::clone(&member.id));
        }
        self.count_protocols(&member.protocols);
        self.awaiting_join += usize::from(member.join.is_some());
        if self.leader.is_none() {
            self.leader = Some(Arc::clone(&member.id));
        }
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Takes a member out and answers what it has parked with `error`. The rebalance that must follow
    /// is the caller's.
    fn remove_member(&mut self, turn: &mut Turn<'_>, member_id: &str, error: GroupError) {
        if let Some(mut member) = self.members.remove(member_id) {
            turn.timers.cancel(&mut member.session);
            self.discount_protocols(&member.protocols);
            if let Some(instance_id) = &member.instance_id {
                self.statics.remove(instance_id);
            }
            if let Some(token) = member.join.take() {
                self.awaiting_join -= 1;
                let refused = JoinRefused { error, member_id: "".into() };
                turn.reply(token, GroupReply::Join(Err(refused)));
            }
            if let Some(token) = member.sync.take() {
                turn.reply(token, GroupReply::Sync(Err(error)));
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.remove_pending(turn.timers, member_id);
        self.pending_sync.remove(member_id);
    }

    fn remove_pending(&mut self, timers: &mut Timers, member_id: &str) -> bool {
        self.pending.remove(member_id).map(|mut timer| timers.cancel(&mut timer)).is_some()
    }

    /// The session timer of a member, for when it fires.
    pub(crate) fn session_timer(&mut self, member_id: &str) -> Option<&mut Timer> {
        match self.members.get_mut(member_id) {
            Some(member) => Some(&mut member.session),
            None => self.pending.get_mut(member_id),
        }
    }

    /// Starts the member's session anew.
    fn touch(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        if let Some(member) = self.members.get_mut(member_id) {
            let timeout = member.session_timeout();
            turn.arm_session(&self.id, member, timeout);
        }
    }

    /// Cancels every timer, before the group is dropped.
    pub(crate) fn cancel_timers(&mut self, timers: &mut Timers) {
        for timer in [&mut self.join_timer, &mut self.sync_timer, &mut self.offsets_timer] {
            timers.cancel(timer);
        }
        for timer in self.pending.values_mut() {
            timers.cancel(timer);
        }
        for member in self.members.values_mut() {
            timers.cancel(&mut member.session);
        }
    }

    /// Answers everything parked with `error`.
    pub(crate) fn release(&mut self, error: GroupError, replies: &mut Vec<(Token, GroupReply)>) {
        for member in self.members.values_mut() {
            if let Some(token) = member.join.take() {
                let refused = JoinRefused { error, member_id: Arc::clone(&member.id) };
                replies.push((token, GroupReply::Join(Err(refused))));
            }
            if let Some(token) = member.sync.take() {
                replies.push((token, GroupReply::Sync(Err(error))));
            }
        }
        self.awaiting_join = 0;
    }
}

#[cfg(test)]
mod check;
