//! Joining: new members, members that come back, static members that replace themselves.
//!
//! A new dynamic member is first told its id and kept as pending, so that a client that retries does
//! not leave ghosts behind (KIP-394). A static member that comes back without its id takes over the
//! membership of its instance id; whoever held it is fenced (KIP-345).

use super::{Group, GroupState, Member, Turn, protocols_len};
use crate::effects::Token;
use crate::error::GroupError;
use crate::limits;
use crate::reply::{GroupReply, JoinRefused, Joined, JoinedMember};
use crate::request::{JoinRequest, Protocol};
use crate::timers::{Timer, TimerKey};
use std::sync::Arc;

impl Group {
    /// Takes a join whose group id and session timeout are valid.
    pub(crate) fn join(&mut self, turn: &mut Turn<'_>, token: Token, mut request: JoinRequest) {
        keep_first_of_each_name(&mut request.protocols);
        if !self.has_room_for_metadata(&request) {
            return refuse(turn, token, GroupError::GroupMaxSizeReached, &request.member_id);
        }
        if !self.accepts(turn, &request.member_id) {
            self.remove_member(turn, &request.member_id, GroupError::GroupMaxSizeReached);
            refuse(turn, token, GroupError::GroupMaxSizeReached, "");
            return self.complete_if_all_joined(turn);
        }
        if request.protocols.len() > limits::PROTOCOLS_PER_MEMBER_MAX
            || !self.supports(&request.protocol_type, &request.protocols)
        {
            let error = GroupError::InconsistentGroupProtocol;
            return refuse(turn, token, error, &request.member_id);
        }
        if request.member_id.is_empty() {
            self.join_new(turn, token, request);
        } else {
            self.join_existing(turn, token, request);
        }
    }

    /// Whether what the member offers fits, in place of what it offers so far.
    fn has_room_for_metadata(&self, request: &JoinRequest) -> bool {
        let member = self.members.get(request.member_id.as_str()).or_else(|| {
            let id = self.statics.get(request.instance_id.as_deref()?)?;
            self.members.get(id)
        });
        let replaced = member.map_or(0, |m| protocols_len(&m.protocols));
        self.metadata_bytes - replaced + protocols_len(&request.protocols)
            <= limits::GROUP_METADATA_BYTES_MAX
    }

    /// Whether the member is in the group or there is room for one more.
    fn accepts(&self, turn: &Turn<'_>, member_id: &str) -> bool {
        let member = self.members.get(member_id);
        let size_max = usize::try_from(turn.config.group_size_max).unwrap_or(usize::MAX).max(1);
        match self.state {
            GroupState::Empty | GroupState::Dead => true,
            // Members in excess of a lowered limit fall out here: the last to rejoin find it full.
            GroupState::PreparingRebalance => {
                member.is_some_and(|m| m.join.is_some()) || self.awaiting_join < size_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                member.is_some() || self.members.len() < size_max
            }
        }
    }

    fn join_new(&mut self, turn: &mut Turn<'_>, token: Token, request: JoinRequest) {
        let prefix = request.instance_id.as_deref().unwrap_or(&request.client_id);
        let member_id: Arc<str> = new_member_id(prefix, request.random).into();
        if self.members.contains_key(&member_id) || self.pending.contains_key(&member_id) {
            // The same random bits twice. Whoever asks again gets others.
            return refuse(turn, token, GroupError::UnknownServerError, "");
        }
        if let Some(instance_id) = request.instance_id.as_deref() {
            match self.statics.get(instance_id).cloned() {
                Some(old) => self.replace_static(turn, token, request, &old, &member_id),
                None => self.add_member(turn, token, request, member_id),
            }
        } else if request.requires_known_member_id {
            self.add_pending(turn, token, &request, member_id);
        } else {
            self.add_member(turn, token, request, member_id);
        }
    }

    fn add_pending(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: &JoinRequest,
        member_id: Arc<str>,
    ) {
        if self.pending.len() >= limits::PENDING_MEMBERS_MAX {
            return refuse(turn, token, GroupError::GroupMaxSizeReached, "");
        }
        let mut timer = Timer::default();
        let due = turn.at(super::duration_ms(request.session_timeout_ms));
        turn.timers.arm(&mut timer, due, || TimerKey::Session {
            group: Arc::clone(&self.id),
            member: Arc::clone(&member_id),
        });
        refuse(turn, token, GroupError::MemberIdRequired, &member_id);
        self.pending.insert(member_id, timer);
    }

    fn join_existing(&mut self, turn: &mut Turn<'_>, token: Token, request: JoinRequest) {
        if let Some((member_id, _)) = self.pending.get_key_value(request.member_id.as_str()) {
            if request.instance_id.is_some() {
                // Ids are only given out to dynamic members.
                return refuse(turn, token, GroupError::UnknownServerError, &request.member_id);
            }
            let member_id = Arc::clone(member_id);
            return self.add_member(turn, token, request, member_id);
        }
        if let Err(error) = self.validate_member(&request.member_id, request.instance_id.as_deref())
        {
            return refuse(turn, token, error, &request.member_id);
        }
        let same = self
            .members
            .get(request.member_id.as_str())
            .is_some_and(|m| m.protocols == request.protocols);
        let member_id = request.member_id.as_str();
        match self.state {
            // Perhaps the answer to its join was lost: it gets it again.
            GroupState::CompletingRebalance if same => {
                let members =
                    if self.is_leader(member_id) { self.joined_members() } else { Vec::new() };
                self.answer_current(turn, token, member_id, members);
            }
            GroupState::Stable if same && !self.is_leader(member_id) => {
                self.answer_current(turn, token, member_id, Vec::new());
            }
            // A leader that joins again wants a rebalance, for a reason outside of the group.
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {
                self.rejoin(turn, token, request);
                self.rebalance_or_complete(turn);
            }
            GroupState::Empty | GroupState::Dead => {
                refuse(turn, token, GroupError::UnknownMemberId, member_id);
            }
        }
    }

    fn add_member(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: JoinRequest,
        member_id: Arc<str>,
    ) {
        self.remove_pending(turn.timers, &member_id);
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.into());
        }
        if self.state == GroupState::PreparingRebalance && self.previous == GroupState::Empty {
            self.new_member_added = true;
        }
        let mut member = Member {
            id: member_id,
            instance_id: request.instance_id.map(Arc::from),
            client_id: request.client_id.into(),
            client_host: request.client_host.into(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: request.protocols,
            assignment: Arc::from([]),
            is_new: true,
            join: Some(token),
            sync: None,
            session: Timer::default(),
        };
        turn.arm_session(&self.id, &mut member, turn.config.new_member_join_timeout);
        self.insert_member(member);
        self.rebalance_or_complete(turn);
    }

    /// Parks the join of a member that is there already, and takes what it offers now. A join it has
    /// parked before is from a connection it has given up.
    fn rejoin(&mut self, turn: &mut Turn<'_>, token: Token, request: JoinRequest) {
        let Some(mut member) = self.members.remove(request.member_id.as_str()) else { return };
        self.discount_protocols(&member.protocols);
        member.protocols = request.protocols;
        self.count_protocols(&member.protocols);
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        match member.join.replace(token) {
            Some(old) => refuse(turn, old, GroupError::RebalanceInProgress, &member.id),
            None => self.awaiting_join += 1,
        }
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// A static member has come back without its member id: it goes on under a new one.
    fn replace_static(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: JoinRequest,
        old_id: &Arc<str>,
        new_id: &Arc<str>,
    ) {
        let leader_before = self.leader.clone();
        let Some(mut member) = self.members.remove(old_id) else { return };
        turn.timers.cancel(&mut member.session);
        if let Some(parked) = member.join.take() {
            self.awaiting_join -= 1;
            refuse(turn, parked, GroupError::FencedInstanceId, old_id);
        }
        if let Some(parked) = member.sync.take() {
            turn.reply(parked, GroupReply::Sync(Err(GroupError::FencedInstanceId)));
        }
        if self.pending_sync.remove(old_id) {
            self.pending_sync.insert(Arc::clone(new_id));
        }
        if self.is_leader(old_id) {
            self.leader = Some(Arc::clone(new_id));
        }
        if let Some(instance_id) = &member.instance_id {
            self.statics.insert(Arc::clone(instance_id), Arc::clone(new_id));
        }
        member.id = Arc::clone(new_id);
        member.is_new = false;
        self.members.insert(Arc::clone(new_id), member);
        let skip = request.supports_skip_assignment;
        self.rejoin(turn, token, JoinRequest { member_id: new_id.to_string(), ..request });
        self.touch(turn, new_id);
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol_name => {
                // Nothing changes for the others, so nobody rebalances: only the new id is recorded.
                self.subscribed = self.compute_subscribed();
                match self.to_record(turn.config.records_bytes_max) {
                    Some(record) => {
                        turn.record(record);
                        self.answer_static(turn, new_id, leader_before, skip);
                    }
                    None => self.rebalance_or_complete(turn),
                }
            }
            GroupState::Stable => self.rebalance_or_complete(turn),
            // The leader may be working on an assignment for the old id.
            GroupState::CompletingRebalance => self.prepare_rebalance(turn),
            GroupState::PreparingRebalance | GroupState::Empty | GroupState::Dead => {
                self.complete_if_all_joined(turn);
            }
        }
    }

    /// Answers a static member that came back without a rebalance. Versions that know
    /// `skip_assignment` tell a leader that it still is; others name the leader of before, under an id
    /// that no longer exists, so that the client does not set out to assign.
    fn answer_static(
        &mut self,
        turn: &mut Turn<'_>,
        member_id: &Arc<str>,
        leader_before: Option<Arc<str>>,
        supports_skip: bool,
    ) {
        let Some(token) = self.members.get_mut(member_id).and_then(|m| m.join.take()) else {
            return;
        };
        self.awaiting_join -= 1;
        let skip_assignment = supports_skip && self.is_leader(member_id);
        let members = if skip_assignment { self.joined_members() } else { Vec::new() };
        let mut joined = self.joined(Arc::clone(member_id), members);
        joined.skip_assignment = skip_assignment;
        if !supports_skip {
            joined.leader = leader_before.unwrap_or_else(|| "".into());
        }
        turn.reply(token, GroupReply::Join(Ok(joined)));
    }

    fn answer_current(
        &self,
        turn: &mut Turn<'_>,
        token: Token,
        member_id: &str,
        members: Vec<JoinedMember>,
    ) {
        turn.reply(token, GroupReply::Join(Ok(self.joined(member_id.into(), members))));
    }

    /// What a member of the current generation is told.
    pub(super) fn joined(&self, member_id: Arc<str>, members: Vec<JoinedMember>) -> Joined {
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_else(|| "".into()),
            member_id,
            members,
            skip_assignment: false,
        }
    }

    /// What the leader is told of everybody.
    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol_name.as_deref();
        self.members
            .values()
            .map(|m| JoinedMember {
                member_id: Arc::clone(&m.id),
                instance_id: m.instance_id.clone(),
                metadata: m.metadata(protocol),
            })
            .collect()
    }
}

/// Refuses a join.
pub(crate) fn refuse(turn: &mut Turn<'_>, token: Token, error: GroupError, member_id: &str) {
    let refused = JoinRefused { error, member_id: member_id.into() };
    turn.reply(token, GroupReply::Join(Err(refused)));
}

fn keep_first_of_each_name(protocols: &mut Vec<Protocol>) {
    let mut names = std::collections::BTreeSet::new();
    protocols.retain(|p| names.insert(Arc::clone(&p.name)));
}

/// `{prefix}-{uuid}`, with the version and variant of a random UUID.
fn new_member_id(prefix: &str, random: u128) -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    let bits = (random & !VERSION & !VARIANT) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    let mut id = String::with_capacity(prefix.len() + 37);
    id.push_str(prefix);
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 0 | 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}
