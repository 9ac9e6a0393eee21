//! What a transition works with: the time it happens at, the settings, the timers, and the effects it
//! leaves.

use super::Member;
use crate::config::GroupConfig;
use crate::effects::{CoordinatorRecord, Effects, Token};
use crate::reply::GroupReply;
use crate::timers::{TimerKey, Timers};
use records::Timestamp;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Turn<'a> {
    pub(crate) config: &'a GroupConfig,
    pub(crate) timers: &'a mut Timers,
    pub(crate) now: Duration,
    pub(crate) wall: Timestamp,
    pub(crate) effects: &'a mut Effects,
}

impl Turn<'_> {
    pub(crate) fn reply(&mut self, token: Token, reply: GroupReply) {
        self.effects.replies.push((token, reply));
    }

    pub(crate) fn record(&mut self, record: CoordinatorRecord) {
        self.effects.records.push(record);
    }

    /// The moment `after` from now; a timeout too large to add is never.
    pub(crate) fn at(&self, after: Duration) -> Duration {
        self.now.saturating_add(after)
    }

    pub(super) fn arm_session(&mut self, group: &Arc<str>, member: &mut Member, timeout: Duration) {
        let due = self.at(timeout);
        let id = &member.id;
        self.timers.arm(&mut member.session, due, || TimerKey::Session {
            group: Arc::clone(group),
            member: Arc::clone(id),
        });
    }
}
