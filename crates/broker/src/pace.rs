//! How fast the threads may be that work behind everything else, and how they are stopped.
//!
//! A step that was asked for waits until its rate allows it, and as long as it took while the journal is
//! being written, so that appends find processor and disk free half of the time at least. Stop is prompt:
//! work ends at its next step.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use env::Env;
use log::{LogDir, Pace};
use parking_lot::{Condvar, Mutex};

/// The longest rest after one step because others write.
const REST_MAX: Duration = Duration::from_millis(100);

/// Ends threads.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    stopping: Mutex<bool>,
    stopped: Condvar,
}

impl Stop {
    /// From now on nobody waits.
    pub fn stop(&self) {
        *self.stopping.lock() = true;
        self.stopped.notify_all();
    }

    /// Waits, and says whether to go on.
    pub fn wait(&self, time: Duration) -> bool {
        let mut stopping = self.stopping.lock();
        if !*stopping && !time.is_zero() {
            self.stopped.wait_for(&mut stopping, time);
        }
        !*stopping
    }
}

/// Holds work to its rate, and has it rest while others write.
pub(crate) struct Throttle<'a> {
    stop: &'a Stop,
    env: &'a Env,
    dir: &'a LogDir,
    bytes_per_second: f64,
    step_began: Mutex<Duration>,
    journal_bytes: AtomicU64,
}

impl<'a> Throttle<'a> {
    pub fn new(
        stop: &'a Stop,
        env: &'a Env,
        dir: &'a LogDir,
        bytes_per_second: f64,
    ) -> Throttle<'a> {
        Throttle {
            stop,
            env,
            dir,
            bytes_per_second,
            step_began: Mutex::new(env.clock.monotonic()),
            journal_bytes: AtomicU64::new(dir.journal_bytes()),
        }
    }

    /// How long to rest after a step of so many bytes that took `worked`.
    fn rest(&self, bytes: u64, worked: Duration) -> Duration {
        let held = self.dir.journal_bytes();
        let others_write = self.journal_bytes.swap(held, Ordering::Relaxed) != held;
        let yielded = if others_write { worked.min(REST_MAX) } else { Duration::ZERO };
        yielded.max(time_for(bytes, self.bytes_per_second).saturating_sub(worked))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time needs no more digits")]
fn time_for(bytes: u64, bytes_per_second: f64) -> Duration {
    Duration::try_from_secs_f64(bytes as f64 / bytes_per_second).unwrap_or(Duration::MAX)
}

impl Pace for Throttle<'_> {
    fn spent(&self, bytes: u64) -> bool {
        let worked = self.env.clock.monotonic().saturating_sub(*self.step_began.lock());
        let go_on = self.stop.wait(self.rest(bytes, worked));
        *self.step_began.lock() = self.env.clock.monotonic();
        go_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_how_long_a_step_takes() {
        assert_eq!(time_for(1 << 20, f64::MAX), Duration::ZERO);
        assert_eq!(time_for(1000, 500.0), Duration::from_secs(2));
    }
}
