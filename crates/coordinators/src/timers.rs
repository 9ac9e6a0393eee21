//! Deadlines of one shard, in one ordered map. No clock: the time is always an argument.
//!
//! A heartbeat moves a deadline back, and there are far more heartbeats than expiries. So moving a
//! deadline back only writes the new one into its [`Timer`]; the map keeps the earlier entry, which
//! is looked at when its time comes and put back where it belongs by then. Cancelling removes the
//! entry at once, so that the map never holds more than one entry per live timer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Entry = (Duration, u64);

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimerKey {
    /// A member (joined or pending) must be heard of.
    Session { group: Arc<str>, member: Arc<str> },
    /// The join phase ends, or its initial delay does.
    Join { group: Arc<str> },
    /// All members must have fetched their assignment.
    Sync { group: Arc<str> },
    /// The group's offsets are to be looked at for expiry.
    Offsets { group: Arc<str> },
}

/// One deadline, kept by what it is for. Must be cancelled before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    due: Option<Duration>,
    entry: Option<Entry>,
}

/// All deadlines, earliest first; equal ones in the order they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BTreeMap<Entry, TimerKey>,
    sequence: u64,
}

#[cfg(test)]
impl Timer {
    pub(crate) fn is_armed(&self) -> bool {
        self.due.is_some()
    }
}

impl Timers {
    /// Sets `timer` to `due`, whatever it was before.
    pub(crate) fn arm(&mut self, timer: &mut Timer, due: Duration, key: impl FnOnce() -> TimerKey) {
        timer.due = Some(due);
        match timer.entry {
            Some((at, _)) if at <= due => {}
            Some(later) => {
                self.entries.remove(&later);
                timer.entry = Some(self.insert(due, key()));
            }
            None => timer.entry = Some(self.insert(due, key())),
        }
    }

    /// Makes `timer` never fire.
    pub(crate) fn cancel(&mut self, timer: &mut Timer) {
        timer.due = None;
        if let Some(entry) = timer.entry.take() {
            self.entries.remove(&entry);
        }
    }

    /// The time before which [`Timers::pop`] finds nothing.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the earliest entry that is due at `now`. Its timer must go through
    /// [`Timers::fires`] next.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<TimerKey> {
        let first = self.entries.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Whether `timer`, whose entry was popped, is due; if it was moved back meanwhile, a new entry
    /// is made.
    pub(crate) fn fires(&mut self, timer: &mut Timer, now: Duration, key: TimerKey) -> bool {
        timer.entry = None;
        match timer.due {
            Some(due) if due <= now => {
                timer.due = None;
                true
            }
            Some(due) => {
                timer.entry = Some(self.insert(due, key));
                false
            }
            None => false,
        }
    }

    /// Forgets everything; timers armed before must be dropped.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn insert(&mut self, at: Duration, key: TimerKey) -> Entry {
        self.sequence += 1;
        let entry = (at, self.sequence);
        self.entries.insert(entry, key);
        entry
    }
}

#[cfg(test)]
mod tests;
