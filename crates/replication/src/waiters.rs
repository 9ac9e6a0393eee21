//! Who waits for the high watermark of a partition to reach an offset.
//!
//! A waiter registers with an offset and is told once the watermark is there. A [`Ticket`] that is
//! dropped takes its registration with it, so that a long poll that timed out leaves nothing behind.
//! The lock here is held for map operations only.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use records::Offset;
use tokio::sync::Notify;

/// The waiting list of one partition.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    reached: Offset,
    next: u64,
    waiting: BTreeMap<(Offset, u64), Arc<Notify>>,
}

/// A place in a waiting list, given up by dropping it.
#[derive(Debug)]
pub struct Ticket<'a> {
    waiters: &'a Waiters,
    key: (Offset, u64),
}

impl Waiters {
    /// Asks to be told when the watermark is at `offset` or beyond; `None` says it is already.
    pub fn wait(&self, offset: Offset, notify: &Arc<Notify>) -> Option<Ticket<'_>> {
        let mut list = self.0.lock();
        if list.reached >= offset {
            return None;
        }
        let key = (offset, list.next);
        list.next += 1;
        list.waiting.insert(key, notify.clone());
        Some(Ticket { waiters: self, key })
    }

    /// The watermark is at `offset`; tells everyone who waited for that.
    pub fn reached(&self, offset: Offset) {
        let ready = {
            let mut list = self.0.lock();
            if offset <= list.reached {
                return;
            }
            list.reached = offset;
            if list.waiting.is_empty() {
                return;
            }
            let later = list.waiting.split_off(&(offset.next(), 0));
            std::mem::replace(&mut list.waiting, later)
        };
        for notify in ready.into_values() {
            notify.notify_one();
        }
    }

    /// Tells everyone, whatever they wait for: the partition is gone, or its disk is.
    pub fn give_up(&self) {
        for notify in std::mem::take(&mut self.0.lock().waiting).into_values() {
            notify.notify_one();
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.waiters.0.lock().waiting.remove(&self.key);
    }
}

#[cfg(test)]
mod tests;
