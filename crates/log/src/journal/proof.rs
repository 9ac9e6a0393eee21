//! The entry that proves the ones before it.
//!
//! A loss of power may tear the last entries, so damage to one is seen only when a later one of the same
//! life says that it was durable. Under load there is one soon. When nothing more was committed for a while, an entry is
//! written that nobody waits for, and nothing is until something was committed again. It says of each
//! partition that became durable since the last one how far that one is, so that recovery knows where
//! records are missing which only a damaged entry had; while the journal is busy, it is written now and
//! then for their sake. It defines the partitions that it names, and is nobody else's definition: it can
//! be read without the entries before it, and damage to it costs nothing.
//!
//! Locks: `state` (held by whoever writes the entry), then those of logs and of the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Member;

/// While the journal is busy, partitions are marked once in so many rounds.
const BUSY_ROUNDS: u32 = 10;

/// What is not proven yet.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// Goes up with each thing that is to be proven, once it is durable.
    done: AtomicU64,
    /// What `done` was before the last entry that proves.
    proven: AtomicU64,
    /// Partitions that became durable since; those whose flag is set.
    unmarked: Mutex<Vec<Arc<Member>>>,
    pub state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What `done` was in the last round, and how many rounds there were since something was proven.
    seen: u64,
    rounds: u32,
    /// The folder is closed.
    pub ended: bool,
}

impl Proof {
    /// Something became durable.
    pub fn add(&self) {
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    /// A partition is durable further than before.
    pub fn add_member(&self, member: &Arc<Member>) {
        let is_known =
            |flag: &AtomicBool| flag.load(Ordering::Relaxed) || flag.swap(true, Ordering::AcqRel);
        if !is_known(&member.unmarked) {
            self.unmarked.lock().push(member.clone());
        }
    }

    pub fn is_missing(&self) -> bool {
        self.done.load(Ordering::Acquire) != self.proven.load(Ordering::Acquire)
    }

    /// Whether it is time, in a round; then what an entry that is written from now on will prove.
    pub fn due(&self, state: &mut State) -> Option<u64> {
        let done = self.done.load(Ordering::Acquire);
        let is_idle = std::mem::replace(&mut state.seen, done) == done;
        if done == self.proven.load(Ordering::Acquire) {
            state.rounds = 0;
            return None;
        }
        state.rounds += 1;
        (is_idle || state.rounds >= BUSY_ROUNDS).then_some(done)
    }

    /// The partitions to be marked.
    pub fn take_unmarked(&self) -> Vec<Arc<Member>> {
        let members = std::mem::take(&mut *self.unmarked.lock());
        // From here on it is marked again when it becomes durable further.
        members.iter().for_each(|member| member.unmarked.store(false, Ordering::Release));
        members
    }

    pub fn is_done(&self, state: &mut State, proven: u64) {
        self.proven.store(proven, Ordering::Release);
        state.rounds = 0;
    }
}
