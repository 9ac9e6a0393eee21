//! Time: a wall clock for stamps, a monotonic clock for deadlines, and waiting.
//!
//! Wall time may jump and is used only where a record or a person sees it; every timeout is counted
//! on the monotonic clock.

use std::fmt::Debug;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

/// Where time comes from.
pub trait Clock: Send + Sync + Debug {
    /// Milliseconds since the Unix epoch. May jump in both directions.
    fn wall_ms(&self) -> i64;

    /// Time since an arbitrary start. Never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts at zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn wall_ms(&self) -> i64 {
        let now = SystemTime::now();
        match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        }
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Waits on the runtime's timer, which a simulation pauses and moves by itself.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Gives up on `future` after `duration`; `None` says it did.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(duration, future).await.ok()
}

/// A moment of the runtime's timer, up to which something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(tokio::time::Instant);

/// What no duration reaches beyond: a century, more than any process runs.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Deadline {
    /// So long from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn after(duration: Duration) -> Deadline {
        Deadline(tokio::time::Instant::now() + duration.min(NEVER))
    }

    /// Whether it has passed; never before a [`Timer`] that was set to it is due.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn has_passed(self) -> bool {
        tokio::time::Instant::now() >= self.0
    }
}

/// A timer of one task, for as long as that lives: it is set anew instead of made anew, and to ask again
/// whether it is due costs a look at a number.
#[derive(Debug)]
pub struct Timer {
    sleep: Pin<Box<tokio::time::Sleep>>,
    /// Who is told when it is due.
    waker: Option<Waker>,
}

impl Timer {
    /// A timer that is due then.
    #[must_use]
    pub fn at(deadline: Deadline) -> Timer {
        Timer { sleep: Box::pin(tokio::time::sleep_until(deadline.0)), waker: None }
    }

    /// When it is due.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        Deadline(self.sleep.deadline())
    }

    /// Has it due at another time; nobody is told before it is polled again.
    pub fn set(&mut self, deadline: Deadline) {
        self.waker = None;
        self.sleep.as_mut().reset(deadline.0);
    }

    /// Whether it is due, until it is set anew; if not, the task is woken when it is.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            return if self.sleep.is_elapsed() { Poll::Ready(()) } else { Poll::Pending };
        }
        // Else "not yet" may mean that the task is to give way, and nobody would be told.
        let polled = pin!(tokio::task::unconstrained(self.sleep.as_mut())).poll(context);
        self.waker = polled.is_pending().then(|| context.waker().clone());
        polled
    }
}

#[cfg(test)]
mod tests;
