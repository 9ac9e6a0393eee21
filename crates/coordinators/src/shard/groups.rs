//! Requests about groups: finding or making the group, and what concerns more than one of them.

use super::GroupShard;
use crate::effects::{Effects, Token};
use crate::error::GroupError;
use crate::group::{Group, GroupState, Turn, refuse_join};
use crate::limits;
use crate::reply::{GroupDescription, GroupReply, LeftMember, ListedGroup};
use crate::request::{HeartbeatRequest, JoinRequest, LeaveRequest, ListFilter, SyncRequest};
use crate::timers::TimerKey;
use records::Timestamp;
use std::sync::Arc;
use std::time::Duration;

impl GroupShard {
    pub(super) fn join(
        &mut self,
        now: Duration,
        wall: Timestamp,
        token: Token,
        request: JoinRequest,
        effects: &mut Effects,
    ) {
        let (config, timers) = (&self.config, &mut self.timers);
        let turn = &mut Turn { config, timers, now, wall, effects };
        let session = Duration::from_millis(u64::try_from(request.session_timeout_ms).unwrap_or(0));
        let error = if request.group_id.is_empty() {
            Some(GroupError::InvalidGroupId)
        } else if session < config.session_timeout_min || session > config.session_timeout_max {
            Some(GroupError::InvalidSessionTimeout)
        } else {
            None
        };
        if let Some(error) = error {
            return refuse_join(turn, token, error, &request.member_id);
        }
        if let Some(group) = self.groups.get_mut(request.group_id.as_str()) {
            return group.join(turn, token, request);
        }
        if !request.member_id.is_empty() {
            return refuse_join(turn, token, GroupError::UnknownMemberId, &request.member_id);
        }
        if self.groups.len() >= limits::GROUPS_PER_SHARD_MAX {
            return refuse_join(turn, token, GroupError::GroupMaxSizeReached, "");
        }
        let mut group = Group::new(request.group_id.as_str().into(), wall);
        let new_record = group.to_new_record();
        group.join(turn, token, request);
        if !group.has_members() && group.pending.is_empty() {
            return; // The join was refused: no group for it.
        }
        if turn.effects.records.is_empty() {
            turn.record(new_record);
        }
        self.add_group(now, group);
    }

    pub(super) fn sync(
        &mut self,
        now: Duration,
        wall: Timestamp,
        token: Token,
        request: SyncRequest,
        effects: &mut Effects,
    ) {
        let (config, timers) = (&self.config, &mut self.timers);
        let turn = &mut Turn { config, timers, now, wall, effects };
        if request.group_id.is_empty() {
            return turn.reply(token, GroupReply::Sync(Err(GroupError::InvalidGroupId)));
        }
        match self.groups.get_mut(request.group_id.as_str()) {
            Some(group) => group.sync(turn, token, request),
            None => turn.reply(token, GroupReply::Sync(Err(GroupError::UnknownMemberId))),
        }
    }

    pub(super) fn heartbeat(
        &mut self,
        now: Duration,
        wall: Timestamp,
        request: &HeartbeatRequest,
        effects: &mut Effects,
    ) -> Result<(), GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let (config, timers) = (&self.config, &mut self.timers);
        let turn = &mut Turn { config, timers, now, wall, effects };
        let group = self.groups.get_mut(request.group_id.as_str());
        group.ok_or(GroupError::UnknownMemberId)?.heartbeat(turn, request)
    }

    pub(super) fn leave(
        &mut self,
        now: Duration,
        wall: Timestamp,
        request: LeaveRequest,
        effects: &mut Effects,
    ) -> Result<Vec<LeftMember>, GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let (config, timers) = (&self.config, &mut self.timers);
        let turn = &mut Turn { config, timers, now, wall, effects };
        let group = self.groups.get_mut(request.group_id.as_str());
        Ok(group.ok_or(GroupError::UnknownMemberId)?.leave(turn, request.members))
    }

    pub(super) fn describe(&self, group_id: String) -> GroupDescription {
        match self.groups.get(group_id.as_str()) {
            Some(group) => group.describe(),
            None => GroupDescription {
                group_id,
                error: Some(GroupError::GroupIdNotFound),
                state: GroupState::Dead,
                protocol_type: None,
                protocol_name: None,
                members: Vec::new(),
            },
        }
    }

    pub(super) fn list(&self, filter: &ListFilter) -> Vec<ListedGroup> {
        let wanted = |words: &[String], word: &str| {
            words.is_empty() || words.iter().any(|w| w.eq_ignore_ascii_case(word))
        };
        self.groups
            .values()
            .map(Group::list)
            .filter(|group| {
                wanted(&filter.states, group.state.as_str())
                    && wanted(&filter.types, group.group_type)
            })
            .collect()
    }

    pub(super) fn delete(
        &mut self,
        group_id: &str,
        effects: &mut Effects,
    ) -> Result<(), GroupError> {
        let group = self.groups.get_mut(group_id).ok_or(GroupError::GroupIdNotFound)?;
        if group.state != GroupState::Empty {
            return Err(GroupError::NonEmptyGroup);
        }
        let (removed, _) =
            group.offsets.remove_where(group_id, usize::MAX, &mut effects.records, |_, _| true);
        self.offsets -= removed;
        self.delete_empty(group_id, effects);
        Ok(())
    }

    /// Removes a group that has neither members nor offsets.
    pub(super) fn delete_empty(&mut self, group_id: &str, effects: &mut Effects) {
        if let Some(mut group) = self.groups.remove(group_id) {
            effects.records.push(group.to_tombstone());
            group.cancel_timers(&mut self.timers);
        }
    }

    /// Takes in a new group, whose offsets will be looked at from time to time.
    pub(super) fn add_group(&mut self, now: Duration, mut group: Group) {
        let due = now.saturating_add(self.config.offsets_check_interval);
        let id = Arc::clone(&group.id);
        self.timers.arm(&mut group.offsets_timer, due, || TimerKey::Offsets { group: id });
        self.groups.insert(Arc::clone(&group.id), group);
    }
}
