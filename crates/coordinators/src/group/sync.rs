//! The leader brings the assignment, everybody fetches its share of it.

use super::{Group, GroupState, Turn};
use crate::effects::Token;
use crate::error::GroupError;
use crate::reply::{GroupReply, Synced};
use crate::request::{Assignment, SyncRequest};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Group {
    /// Takes a sync of a group that exists.
    pub(crate) fn sync(&mut self, turn: &mut Turn<'_>, token: Token, request: SyncRequest) {
        if let Err(error) = self.validate_sync(&request) {
            return turn.reply(token, GroupReply::Sync(Err(error)));
        }
        let member_id = request.member_id.as_str();
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            turn.timers.cancel(&mut self.sync_timer);
        }
        let leads = self.is_leader(member_id);
        let Some(member) = self.members.get_mut(member_id) else { return };
        if self.state == GroupState::Stable {
            let assignment = Arc::clone(&member.assignment);
            turn.effects.barrier = true;
            return turn.reply(token, GroupReply::Sync(Ok(self.synced(assignment))));
        }
        if let Some(old) = member.sync.replace(token) {
            // From a connection the member has given up.
            turn.reply(old, GroupReply::Sync(Err(GroupError::RebalanceInProgress)));
        }
        if leads {
            self.assign(turn, request.assignments);
        }
    }

    fn validate_sync(&self, request: &SyncRequest) -> Result<(), GroupError> {
        if self.state == GroupState::Empty {
            return Err(GroupError::UnknownMemberId);
        }
        self.validate_member(&request.member_id, request.instance_id.as_deref())?;
        if request.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        let differs = |sent: &Option<String>, ours: &Option<Arc<str>>| matches!((sent, ours), (Some(sent), Some(ours)) if **sent != **ours);
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        match self.state {
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
            GroupState::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            GroupState::Empty | GroupState::Dead => Err(GroupError::UnknownMemberId),
        }
    }

    /// The generation is complete: its record goes out, and with it the answer to all who wait.
    fn assign(&mut self, turn: &mut Turn<'_>, assignments: Vec<Assignment>) {
        let mut shares: BTreeMap<String, Arc<[u8]>> =
            assignments.into_iter().map(|a| (a.member_id, a.assignment)).collect();
        let empty: Arc<[u8]> = Arc::from([]);
        for member in self.members.values_mut() {
            member.assignment = shares.remove(&*member.id).unwrap_or_else(|| Arc::clone(&empty));
        }
        self.transition(GroupState::Stable, turn.wall);
        let Some(record) = self.to_record(turn.config.records_bytes_max) else {
            // The log would not take it. Kafka lets the members try again, too: they may shrink.
            self.drop_assignment(turn, GroupError::UnknownServerError);
            return self.prepare_rebalance(turn);
        };
        turn.record(record);
        let waiting: Vec<_> = self
            .members
            .values_mut()
            .filter_map(|m| Some((m.sync.take()?, Arc::clone(&m.id), Arc::clone(&m.assignment))))
            .collect();
        for (token, member_id, assignment) in waiting {
            turn.reply(token, GroupReply::Sync(Ok(self.synced(assignment))));
            // The session did not count while the sync was parked.
            self.touch(turn, &member_id);
        }
    }

    fn synced(&self, assignment: Arc<[u8]>) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment,
        }
    }
}
