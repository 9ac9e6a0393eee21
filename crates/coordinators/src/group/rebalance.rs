//! From one generation to the next: prepare (everybody is to join), complete (the new generation is
//! announced), and what happens to those who do not come.

use super::{Group, GroupState, JoinPhase, Turn};
use crate::error::GroupError;
use crate::limits;
use crate::reply::GroupReply;
use crate::timers::TimerKey;
use std::sync::Arc;
use std::time::Duration;

impl Group {
    /// Something about the members has changed: begins a rebalance, or goes on with the one under
    /// way.
    pub(super) fn rebalance_or_complete(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::PreparingRebalance {
            self.complete_if_all_joined(turn);
        } else {
            self.prepare_rebalance(turn);
        }
    }

    /// Ends the join phase if nobody is missing; the initial one only ends with its delay.
    pub(super) fn complete_if_all_joined(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::PreparingRebalance
            && self.previous != GroupState::Empty
            && self.has_all_joined()
        {
            self.complete_join(turn);
        }
    }

    /// Begins a rebalance.
    pub(crate) fn prepare_rebalance(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::CompletingRebalance {
            self.drop_assignment(turn, GroupError::RebalanceInProgress);
        }
        self.pending_sync.clear();
        turn.timers.cancel(&mut self.sync_timer);
        let initial = self.state == GroupState::Empty;
        self.transition(GroupState::PreparingRebalance, turn.wall);
        if initial {
            self.new_member_added = false;
            let delay = turn.config.initial_rebalance_delay;
            if delay.is_zero() {
                return self.complete_join(turn);
            }
            let left = self.rebalance_timeout().saturating_sub(delay);
            self.arm_join(turn, delay, JoinPhase::Initial { delay, left });
        } else if self.has_all_joined() {
            self.complete_join(turn);
        } else {
            self.arm_join(turn, self.rebalance_timeout(), JoinPhase::Deadline);
        }
    }

    /// The join timer has fired.
    pub(crate) fn join_expired(&mut self, turn: &mut Turn<'_>) {
        if self.state != GroupState::PreparingRebalance {
            return;
        }
        match self.join_phase {
            // Others have come during the delay, so more may: wait once more, if there is time left.
            JoinPhase::Initial { delay, left } if self.new_member_added && !left.is_zero() => {
                self.new_member_added = false;
                let next = turn.config.initial_rebalance_delay.min(left);
                let left = left.saturating_sub(delay);
                self.arm_join(turn, next, JoinPhase::Initial { delay: next, left });
            }
            JoinPhase::Initial { .. } | JoinPhase::Deadline => self.complete_join(turn),
        }
    }

    /// Ends the join phase. Dynamic members that have not joined are dropped; static ones stay until
    /// their session ends, as they may just be restarting.
    pub(super) fn complete_join(&mut self, turn: &mut Turn<'_>) {
        turn.timers.cancel(&mut self.join_timer);
        let missing: Vec<Arc<str>> = self
            .members
            .values()
            .filter(|m| m.join.is_none() && m.instance_id.is_none())
            .map(|m| Arc::clone(&m.id))
            .collect();
        for member_id in missing {
            self.remove_member(turn, &member_id, GroupError::UnknownMemberId);
        }
        if self.members.is_empty() {
            self.become_empty(turn);
        } else if self.elect_joined_leader() {
            self.begin_generation(turn);
        } else {
            // Only static members are left and none has come: until one does, or their sessions end.
            let again = self.rebalance_timeout().max(limits::JOIN_RETRY_MIN);
            self.arm_join(turn, again, JoinPhase::Deadline);
        }
    }

    /// Makes sure that the leader is a member that joined.
    fn elect_joined_leader(&mut self) -> bool {
        let joined = |id: &Arc<str>| self.members.get(id).is_some_and(|m| m.join.is_some());
        if self.leader.as_ref().is_some_and(joined) {
            return true;
        }
        match self.members.values().find(|m| m.join.is_some()) {
            Some(member) => {
                self.leader = Some(Arc::clone(&member.id));
                true
            }
            None => false,
        }
    }

    fn become_empty(&mut self, turn: &mut Turn<'_>) {
        self.generation = self.generation.saturating_add(1);
        self.protocol_name = None;
        self.subscribed = self.compute_subscribed();
        self.transition(GroupState::Empty, turn.wall);
        self.pending_sync.clear();
        if let Some(record) = self.to_record(usize::MAX) {
            turn.record(record);
        }
    }

    fn begin_generation(&mut self, turn: &mut Turn<'_>) {
        self.generation = self.generation.saturating_add(1);
        self.protocol_name = self.select_protocol();
        self.subscribed = self.compute_subscribed();
        self.transition(GroupState::CompletingRebalance, turn.wall);
        self.pending_sync = self.members.keys().cloned().collect();
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_new = false;
            let token = member.join.take();
            self.touch(turn, &id);
            if let Some(token) = token {
                self.awaiting_join -= 1;
                let members = if self.is_leader(&id) { self.joined_members() } else { Vec::new() };
                turn.reply(token, GroupReply::Join(Ok(self.joined(id, members))));
            }
        }
        let due = turn.at(self.rebalance_timeout());
        let group = &self.id;
        turn.timers.arm(&mut self.sync_timer, due, || TimerKey::Sync { group: Arc::clone(group) });
    }

    /// The sync timer has fired: whoever has not fetched its assignment is gone.
    pub(crate) fn sync_expired(&mut self, turn: &mut Turn<'_>) {
        let waiting = matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable);
        if !waiting || self.pending_sync.is_empty() {
            return;
        }
        for member_id in std::mem::take(&mut self.pending_sync) {
            self.remove_member(turn, &member_id, GroupError::UnknownMemberId);
        }
        self.prepare_rebalance(turn);
    }

    /// Takes back what the leader assigned, and answers parked syncs with `error`.
    pub(super) fn drop_assignment(&mut self, turn: &mut Turn<'_>, error: GroupError) {
        let empty: Arc<[u8]> = Arc::from([]);
        let mut answered = Vec::new();
        for member in self.members.values_mut() {
            member.assignment = Arc::clone(&empty);
            if let Some(token) = member.sync.take() {
                turn.reply(token, GroupReply::Sync(Err(error)));
                answered.push(Arc::clone(&member.id));
            }
        }
        // Their sessions did not count while they waited.
        for member_id in answered {
            self.touch(turn, &member_id);
        }
    }

    fn arm_join(&mut self, turn: &mut Turn<'_>, after: Duration, phase: JoinPhase) {
        self.join_phase = phase;
        let due = turn.at(after);
        let group = &self.id;
        turn.timers.arm(&mut self.join_timer, due, || TimerKey::Join { group: Arc::clone(group) });
    }
}
