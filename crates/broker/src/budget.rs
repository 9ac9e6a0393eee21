//! One budget in bytes for all requests and replies in flight.
//!
//! A connection reserves before it reads on, and gives back when the bytes are gone. Replies are
//! counted without asking, as they exist already; that may take the budget below zero, and then
//! nobody reads further requests until replies have left. No allocation is ever made for what a
//! peer only announced.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

/// The shared budget; cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: i64,
    left: AtomicI64,
    returned: Notify,
}

/// Bytes taken from the budget, given back by dropping.
#[derive(Debug)]
pub struct Grant {
    budget: Budget,
    bytes: i64,
}

impl Budget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: u64) -> Budget {
        let total = i64::try_from(bytes).unwrap_or(i64::MAX);
        Budget(Arc::new(Shared { total, left: AtomicI64::new(total), returned: Notify::new() }))
    }

    /// An empty grant, to be grown.
    #[must_use]
    pub fn grant(&self) -> Grant {
        Grant { budget: self.clone(), bytes: 0 }
    }

    /// Bytes nobody holds; below zero while replies exceed the budget.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.0.left.load(Ordering::Relaxed)
    }

    /// The whole budget.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.total
    }

    /// Waits until somebody gives bytes back. Made before looking, so that no return is missed.
    pub fn returned(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.0.clone();
        async move { shared.returned.notified().await }
    }
}

impl Grant {
    /// Holds `bytes` from now on if the budget allows; a smaller number always does.
    #[must_use]
    pub fn resize(&mut self, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let more = bytes - self.bytes;
        if more > 0 && self.budget.left() < more {
            return false;
        }
        self.force(bytes);
        true
    }

    /// Holds `bytes` from now on, whatever is left: they are in memory already.
    pub fn count(&mut self, bytes: usize) {
        self.force(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn force(&mut self, bytes: i64) {
        let more = bytes - self.bytes;
        if more == 0 {
            return;
        }
        self.bytes = bytes;
        self.budget.0.left.fetch_sub(more, Ordering::Relaxed);
        if more < 0 {
            self.budget.0.returned.notify_waiters();
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.force(0);
    }
}

#[cfg(test)]
mod tests;
