//! Staying and going: heartbeats, leaving, and sessions that end.

use super::{Group, GroupState, Turn};
use crate::error::GroupError;
use crate::reply::LeftMember;
use crate::request::{HeartbeatRequest, LeavingMember};
use std::sync::Arc;

impl Group {
    /// Takes a heartbeat.
    pub(crate) fn heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        request: &HeartbeatRequest,
    ) -> Result<(), GroupError> {
        self.validate_member(&request.member_id, request.instance_id.as_deref())?;
        if request.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        self.touch(turn, &request.member_id);
        match self.state {
            GroupState::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            // Members may send heartbeats as soon as their join is answered.
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
            GroupState::Empty | GroupState::Dead => Err(GroupError::UnknownMemberId),
        }
    }

    /// Checks that an offset commit comes from the group as it is now, and counts it as a sign of
    /// life.
    pub(crate) fn accept_commit(
        &mut self,
        turn: &mut Turn<'_>,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), GroupError> {
        if generation < 0 && self.state == GroupState::Empty {
            // An administrator, or a consumer that assigns its partitions itself.
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return if self.state == GroupState::Empty {
                Ok(())
            } else {
                Err(GroupError::UnknownMemberId)
            };
        }
        self.validate_member(member_id, instance_id)?;
        if generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        if self.state == GroupState::CompletingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        self.touch(turn, member_id);
        Ok(())
    }

    /// Ends the membership of each of `leaving` that is who it says it is.
    pub(crate) fn leave(
        &mut self,
        turn: &mut Turn<'_>,
        leaving: Vec<LeavingMember>,
    ) -> Vec<LeftMember> {
        let left: Vec<LeftMember> = leaving
            .into_iter()
            .map(|member| LeftMember {
                error: self.leave_one(turn, &member).err(),
                member_id: member.member_id,
                instance_id: member.instance_id,
            })
            .collect();
        if left.iter().any(|member| member.error.is_none()) {
            self.after_removal(turn);
        }
        left
    }

    fn leave_one(
        &mut self,
        turn: &mut Turn<'_>,
        leaving: &LeavingMember,
    ) -> Result<(), GroupError> {
        let instance_id = leaving.instance_id.as_deref();
        let member_id: Arc<str> = if leaving.member_id.is_empty() {
            // An administrator removes a static member.
            let member_id = instance_id.and_then(|id| self.statics.get(id));
            Arc::clone(member_id.ok_or(GroupError::UnknownMemberId)?)
        } else if self.remove_pending(turn.timers, &leaving.member_id) {
            return Ok(());
        } else {
            self.validate_member(&leaving.member_id, instance_id)?;
            leaving.member_id.as_str().into()
        };
        self.remove_member(turn, &member_id, GroupError::UnknownMemberId);
        Ok(())
    }

    /// The session timer of a member, joined or pending, has fired.
    pub(crate) fn session_expired(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        if self.remove_pending(turn.timers, member_id) {
            if self.state == GroupState::PreparingRebalance && self.has_all_joined() {
                self.complete_join(turn);
            }
            return;
        }
        let Some(member) = self.members.get(member_id) else { return };
        let waits_for_us = member.join.is_some() || member.sync.is_some();
        if waits_for_us && !member.is_new {
            // It cannot be heard of while it waits; its session begins anew with the answer.
            return;
        }
        self.remove_member(turn, member_id, GroupError::UnknownMemberId);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(turn),
            GroupState::PreparingRebalance if self.has_all_joined() => self.complete_join(turn),
            GroupState::PreparingRebalance | GroupState::Empty | GroupState::Dead => {}
        }
    }

    fn after_removal(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(turn),
            GroupState::PreparingRebalance => self.complete_if_all_joined(turn),
            GroupState::Empty | GroupState::Dead => {}
        }
    }
}
