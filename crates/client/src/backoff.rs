//! How long to wait before something is tried again: doubling, with jitter, within a deadline.

use std::time::Duration;

use env::Env;

use crate::ClientOptions;

/// The waits of one operation, counted from its beginning.
#[derive(Debug)]
pub(crate) struct Backoff<'a> {
    env: &'a Env,
    next: Duration,
    longest: Duration,
    deadline: Duration,
}

impl<'a> Backoff<'a> {
    /// An operation that may be tried again until `within` has passed.
    pub(crate) fn new(env: &'a Env, options: &ClientOptions, within: Duration) -> Self {
        let deadline = env.clock.monotonic().saturating_add(within);
        Backoff { env, next: options.backoff_min, longest: options.backoff_max, deadline }
    }

    /// What is left of the operation's time.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.env.clock.monotonic())
    }

    /// Waits, unless that would pass the deadline; says whether to try again.
    pub(crate) async fn wait(&mut self) -> bool {
        // Between half of the wait and all of it, so that many clients do not come back at once.
        let half = self.next / 2;
        let jitter_ns = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        let wait = half + Duration::from_nanos(self.env.random.next_u64() % jitter_ns);
        if wait >= self.left() {
            return false;
        }
        env::clock::sleep(wait).await;
        self.next = (self.next * 2).min(self.longest);
        true
    }
}
