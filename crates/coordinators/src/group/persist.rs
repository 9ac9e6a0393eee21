//! A group to and from its record.
//!
//! Of a member only the metadata under the chosen protocol is kept: after a restart the others are
//! unknown until it joins again.

use super::{Group, GroupState, Member};
use crate::effects::CoordinatorRecord;
use crate::request::Protocol;
use crate::schema::{GroupMetadata, MemberMetadata, group_key};
use crate::timers::{Timer, Timers};
use records::Timestamp;
use std::sync::Arc;

impl Group {
    /// The record of the group as it is; none if it is larger than `bytes_max`.
    pub(super) fn to_record(&self, bytes_max: usize) -> Option<CoordinatorRecord> {
        let key = group_key(&self.id);
        let value = self.metadata().encode();
        (key.len() + value.len() <= bytes_max)
            .then_some(CoordinatorRecord { key, value: Some(value) })
    }

    /// The record of a group that was just made and has had no generation.
    pub(crate) fn to_new_record(&self) -> CoordinatorRecord {
        let metadata = GroupMetadata {
            protocol_type: String::new(),
            generation: 0,
            protocol: None,
            leader: None,
            state_since: self.state_since,
            members: Vec::new(),
        };
        CoordinatorRecord { key: group_key(&self.id), value: Some(metadata.encode()) }
    }

    /// The record that deletes the group.
    pub(crate) fn to_tombstone(&self) -> CoordinatorRecord {
        CoordinatorRecord { key: group_key(&self.id), value: None }
    }

    /// What is kept of the group.
    pub(crate) fn metadata(&self) -> GroupMetadata {
        let protocol = self.protocol_name.as_deref();
        let members = self.members.values().map(|m| MemberMetadata {
            member_id: Arc::clone(&m.id),
            instance_id: m.instance_id.clone(),
            client_id: Arc::clone(&m.client_id),
            client_host: Arc::clone(&m.client_host),
            rebalance_timeout_ms: m.rebalance_timeout_ms,
            session_timeout_ms: m.session_timeout_ms,
            subscription: m.metadata(protocol),
            assignment: Arc::clone(&m.assignment),
        });
        GroupMetadata {
            protocol_type: self.protocol_type.as_deref().unwrap_or("").to_owned(),
            generation: self.generation,
            protocol: self.protocol_name.as_deref().map(ToOwned::to_owned),
            leader: self.leader.as_deref().map(ToOwned::to_owned),
            state_since: self.state_since,
            members: members.collect(),
        }
    }

    /// Becomes what a record says. Offsets are their own records and stay.
    pub(crate) fn restore(&mut self, timers: &mut Timers, metadata: GroupMetadata) {
        self.reset(timers, metadata.state_since);
        self.state =
            if metadata.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        self.previous = self.state;
        self.generation = metadata.generation;
        self.protocol_type = Some(metadata.protocol_type).filter(|t| !t.is_empty()).map(Arc::from);
        self.protocol_name = metadata.protocol.map(Arc::from);
        let protocol = self.protocol_name.clone().unwrap_or_else(|| "".into());
        for member in metadata.members {
            self.remove_duplicate(&member);
            self.insert_member(Member {
                id: member.member_id,
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: vec![Protocol {
                    name: Arc::clone(&protocol),
                    metadata: member.subscription,
                }],
                assignment: member.assignment,
                is_new: false,
                join: None,
                sync: None,
                session: Timer::default(),
            });
        }
        let leader = metadata.leader.as_deref().and_then(|id| self.members.get_key_value(id));
        if let Some((leader, _)) = leader {
            self.leader = Some(Arc::clone(leader));
        }
        self.subscribed = self.compute_subscribed();
    }

    /// Forgets everything but the id and the offsets: what is left of a deleted group whose offsets
    /// were not deleted with it.
    pub(crate) fn reset(&mut self, timers: &mut Timers, state_since: Timestamp) {
        self.cancel_timers(timers);
        let offsets = std::mem::take(&mut self.offsets);
        *self = Self { offsets, ..Self::new(Arc::clone(&self.id), state_since) };
    }

    /// A record that names a member or an instance id twice was not written by us; the last wins.
    fn remove_duplicate(&mut self, member: &MemberMetadata) {
        let same_instance =
            member.instance_id.as_ref().and_then(|id| self.statics.get(id)).cloned();
        for id in same_instance.iter().chain([&member.member_id]) {
            if let Some(old) = self.members.remove(id) {
                self.discount_protocols(&old.protocols);
                if let Some(instance_id) = &old.instance_id {
                    self.statics.remove(instance_id);
                }
                if self.is_leader(id) {
                    self.leader = self.members.keys().next().cloned();
                }
            }
        }
    }

    /// Begins a session for every member, after a load.
    pub(crate) fn begin_sessions(&mut self, turn: &mut super::Turn<'_>) {
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            self.touch(turn, &id);
        }
        let size_max = usize::try_from(turn.config.group_size_max).unwrap_or(usize::MAX);
        if self.members.len() > size_max {
            // The limit was lowered: a rebalance lets go of those in excess.
            self.prepare_rebalance(turn);
        }
    }
}
