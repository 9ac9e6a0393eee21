//! The invariants of `group`'s header as assertions, for the property test.

use crate::timers::Timer;

use super::{Group, GroupState, protocols_len};

impl Group {
    pub(crate) fn check(&self) {
        let id = &self.id;
        let parked = self.members.values().filter(|m| m.join.is_some()).count();
        assert_eq!(self.awaiting_join, parked, "{id}: parked joins");
        let bytes: usize = self.members.values().map(|m| protocols_len(&m.protocols)).sum();
        assert_eq!(self.metadata_bytes, bytes, "{id}: metadata bytes");
        for (name, &count) in &self.supported {
            let offers = |m: &&super::Member| m.protocols.iter().any(|p| p.name == *name);
            assert_eq!(count, self.members.values().filter(offers).count(), "{id}: {name}");
        }
        let statics = self.members.values().filter(|m| m.instance_id.is_some()).count();
        assert_eq!(self.statics.len(), statics, "{id}: static members");
        for (instance, member) in &self.statics {
            let member = &self.members[member];
            assert_eq!(member.instance_id.as_ref(), Some(instance), "{id}: static member");
        }
        match &self.leader {
            Some(leader) => assert!(self.members.contains_key(leader), "{id}: leader {leader}"),
            None => assert!(self.members.is_empty(), "{id}: no leader"),
        }
        let syncs = self.members.values().filter(|m| m.sync.is_some()).count();
        assert!(parked == 0 || self.state == GroupState::PreparingRebalance, "{id}: joins parked");
        assert!(syncs == 0 || self.state == GroupState::CompletingRebalance, "{id}: syncs parked");
        match self.state {
            GroupState::Empty => assert!(self.members.is_empty(), "{id}: empty with members"),
            GroupState::Stable | GroupState::CompletingRebalance => {
                assert!(!self.members.is_empty(), "{id}: {} without members", self.state);
                assert!(self.protocol_name.is_some(), "{id}: {} without protocol", self.state);
            }
            GroupState::PreparingRebalance => {}
            GroupState::Dead => panic!("{id}: dead groups are not kept"),
        }
        if !self.members.is_empty() {
            assert!(self.select_protocol().is_some(), "{id}: no protocol in common");
        }
        for (member_id, member) in &self.members {
            let waits = member.join.is_some() || member.sync.is_some();
            assert!(waits || member.session.is_armed(), "{id}: {member_id} lives forever");
        }
        assert!(self.pending.values().all(Timer::is_armed), "{id}: pending forever");
        if self.state == GroupState::PreparingRebalance {
            assert!(self.join_timer.is_armed(), "{id}: rebalances forever");
        }
        if !self.pending_sync.is_empty() {
            assert!(self.sync_timer.is_armed(), "{id}: waits for syncs forever");
        }
        assert!(self.offsets_timer.is_armed(), "{id}: offsets live forever");
        for member in &self.pending_sync {
            assert!(self.members.contains_key(member), "{id}: {member} is to sync but gone");
        }
        for member in self.pending.keys() {
            assert!(!self.members.contains_key(member), "{id}: {member} is pending and joined");
        }
    }
}
