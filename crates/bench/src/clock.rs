//! The clocks: one monotonic for everything that is compared, the CPU clock of this thread, and the
//! wall clock for the timestamps in batches.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

/// CPU nanoseconds this thread has used.
pub(crate) fn thread_cpu() -> u64 {
    nanos(clock_gettime(ClockId::ThreadCPUTime))
}

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Seconds as nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be finite and not negative when the workload was"
)]
pub(crate) fn from_seconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "figures need no more than 15 digits")]
pub(crate) fn to_seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn nanos(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
