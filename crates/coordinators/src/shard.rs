//! One partition of `__consumer_offsets`: all groups that hash to it.
//!
//! A shard is replayed from its log, told that it is loaded, and then fed requests and ticks. State
//! changes at once, before the records are durable; what a client is shown waits for them (see
//! [`Effects`]). There is no undo: when an append fails, the shard is closed
//! ([`GroupShard::failed`]), everything parked in it is answered, and the driver replays the log into
//! a new one, whose state then is what the log holds.
//!
//! Owned by one task or lock of the driver; nothing here is shared.

mod groups;
mod offsets;
mod replay;

pub use replay::Replayed;

use crate::config::GroupConfig;
use crate::effects::{Effects, Token};
use crate::error::GroupError;
use crate::group::{Group, Turn};
use crate::reply::GroupReply;
use crate::request::GroupRequest;
use crate::timers::{TimerKey, Timers};
use records::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Whether requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Loaded,
    Closed(GroupError),
}

/// All groups of one partition of `__consumer_offsets`.
#[derive(Debug)]
pub struct GroupShard {
    config: GroupConfig,
    phase: Phase,
    groups: BTreeMap<Arc<str>, Group>,
    /// Offsets of all groups together.
    offsets: usize,
    timers: Timers,
    replayed: Replayed,
}

impl GroupShard {
    /// An empty shard that waits to be replayed; requests are refused until [`GroupShard::loaded`].
    #[must_use]
    pub fn new(config: GroupConfig) -> Self {
        Self {
            config,
            phase: Phase::Loading,
            groups: BTreeMap::new(),
            offsets: 0,
            timers: Timers::default(),
            replayed: Replayed::default(),
        }
    }

    /// Takes a request. Its answer comes with these effects, or with later ones.
    ///
    /// `now` is monotonic and never goes back; `wall` is the time of day for what is recorded.
    pub fn handle(
        &mut self,
        now: Duration,
        wall: Timestamp,
        token: Token,
        request: GroupRequest,
    ) -> Effects {
        let mut effects = Effects::default();
        let refused = match self.phase {
            Phase::Loaded => None,
            Phase::Loading => Some(GroupError::CoordinatorLoadInProgress),
            Phase::Closed(error) => Some(error),
        };
        if let Some(error) = refused {
            effects.replies.push((token, request.refuse(error)));
            return effects;
        }
        let reply = match request {
            GroupRequest::Join(request) => {
                self.join(now, wall, token, request, &mut effects);
                None
            }
            GroupRequest::Sync(request) => {
                self.sync(now, wall, token, request, &mut effects);
                None
            }
            GroupRequest::Heartbeat(request) => {
                let outcome = self.heartbeat(now, wall, &request, &mut effects);
                Some(GroupReply::Heartbeat(outcome))
            }
            GroupRequest::Leave(request) => {
                Some(GroupReply::Leave(self.leave(now, wall, request, &mut effects)))
            }
            GroupRequest::Describe { group_id } => {
                effects.barrier = true;
                Some(GroupReply::Describe(self.describe(group_id)))
            }
            GroupRequest::List(filter) => {
                effects.barrier = true;
                Some(GroupReply::List(Ok(self.list(&filter))))
            }
            GroupRequest::Delete { group_id } => {
                Some(GroupReply::Delete(self.delete(&group_id, &mut effects)))
            }
            GroupRequest::CommitOffsets(request) => {
                Some(GroupReply::CommitOffsets(self.commit(now, wall, &request, &mut effects)))
            }
            GroupRequest::FetchOffsets(request) => {
                effects.barrier = true;
                Some(GroupReply::FetchOffsets(Ok(self.fetch(request))))
            }
            GroupRequest::DeleteOffsets(request) => {
                Some(GroupReply::DeleteOffsets(self.delete_offsets(request, &mut effects)))
            }
        };
        effects.replies.extend(reply.map(|reply| (token, reply)));
        effects
    }

    /// When [`GroupShard::tick`] has something to do at the earliest. It may then turn out that there
    /// is nothing: a deadline that was moved back is noticed when its old time comes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Lets time pass: sessions and rebalances end, offsets expire. A tick stops when its records fill
    /// a batch; what is left is due at once.
    pub fn tick(&mut self, now: Duration, wall: Timestamp) -> Effects {
        let mut effects = Effects::default();
        let mut bytes = 0;
        while bytes < self.config.records_bytes_max {
            let Some(key) = self.timers.pop(now) else { break };
            let before = effects.records.len();
            self.fire(now, wall, key, &mut effects);
            bytes += weight(effects.records.get(before..).unwrap_or_default());
        }
        effects
    }

    fn fire(&mut self, now: Duration, wall: Timestamp, key: TimerKey, effects: &mut Effects) {
        let (TimerKey::Session { group, .. }
        | TimerKey::Join { group }
        | TimerKey::Sync { group }
        | TimerKey::Offsets { group }) = &key;
        let group_id = Arc::clone(group);
        let Some(group) = self.groups.get_mut(&group_id) else { return };
        let timer = match &key {
            TimerKey::Session { member, .. } => group.session_timer(member),
            TimerKey::Join { .. } => Some(&mut group.join_timer),
            TimerKey::Sync { .. } => Some(&mut group.sync_timer),
            TimerKey::Offsets { .. } => Some(&mut group.offsets_timer),
        };
        let Some(timer) = timer else { return };
        if !self.timers.fires(timer, now, key.clone()) {
            return;
        }
        let (config, timers) = (&self.config, &mut self.timers);
        let turn = &mut Turn { config, timers, now, wall, effects };
        match key {
            TimerKey::Session { member, .. } => group.session_expired(turn, &member),
            TimerKey::Join { .. } => group.join_expired(turn),
            TimerKey::Sync { .. } => group.sync_expired(turn),
            TimerKey::Offsets { .. } => self.expire_offsets(now, wall, &group_id, effects),
        }
    }

    /// Ends the shard because an append of its records failed. Answers everything parked with
    /// `CoordinatorNotAvailable` and refuses whatever comes later: clients look for the coordinator
    /// again, and find the shard that the driver loads from the log meanwhile.
    ///
    /// The replies of the effects whose append failed are the driver's to convert, with
    /// [`GroupReply::replaced_by`].
    pub fn failed(&mut self) -> Vec<(Token, GroupReply)> {
        self.close(GroupError::CoordinatorNotAvailable)
    }

    /// Ends the shard: everything parked, and whatever comes later, is answered with `error`
    /// (`NotCoordinator` when the partition has moved).
    pub fn close(&mut self, error: GroupError) -> Vec<(Token, GroupReply)> {
        let mut replies = Vec::new();
        for group in self.groups.values_mut() {
            group.release(error, &mut replies);
        }
        self.groups.clear();
        self.timers.clear();
        self.offsets = 0;
        self.phase = Phase::Closed(error);
        replies
    }

    /// How many groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// How many offsets are stored.
    #[must_use]
    pub fn offset_count(&self) -> usize {
        self.offsets
    }
}

/// What records weigh in a batch, short of the batch's own framing.
fn weight(records: &[crate::CoordinatorRecord]) -> usize {
    records.iter().map(|r| r.key.len() + r.value.as_ref().map_or(0, Vec::len)).sum()
}

#[cfg(test)]
mod tests;
