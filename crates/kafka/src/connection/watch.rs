//! What the timer of a connection looks at: is it idle, does half a frame go on, are replies taken.
//!
//! Pure: time comes in, a verdict goes out. The clock is read when something begins to wait, and at
//! each look; a request that comes and goes in one wake-up never asks for the time. A half frame is
//! watched only while the connection listens to it: what the peer cannot change is not its fault.

use std::time::Duration;

use broker::limits::{
    FRAME_PROGRESS_BYTES, FRAME_PROGRESS_PERIOD, READER_STALL_CROWDED_MAX, READER_STALL_MAX,
};

use super::Ended;

/// A connection at rest is looked at this often even where nothing ends it.
const LOOK_AT_LEAST: Duration = Duration::from_secs(3600);

/// The share of a half frame that has to come in each period while others wait for its memory.
const PRESSED_SHARE: usize = 4;

/// The state between two looks.
#[derive(Debug)]
pub(super) struct Watch {
    /// Something was asked or answered since the last look.
    active: bool,
    idle_since: Duration,
    /// Half a frame that is listened to.
    frame: Option<Progress>,
    /// Replies that the peer does not take.
    reply: Option<Progress>,
    /// The next look is too far away for something that begins to wait.
    far: bool,
}

/// How far something has come since when.
#[derive(Clone, Copy, Debug)]
struct Progress {
    since: Duration,
    bytes: usize,
}

/// What a look needs to know besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    pub(super) now: Duration,
    pub(super) idle_max: Duration,
    /// A request is parked.
    pub(super) waits: bool,
    /// Bytes in memory of the half frame.
    pub(super) frame_bytes: usize,
    /// Other requests wait for memory.
    pub(super) pressed: bool,
    /// Replies hold more memory than is good.
    pub(super) crowded: bool,
}

impl Watch {
    pub(super) fn new(now: Duration) -> Watch {
        Watch { active: false, idle_since: now, frame: None, reply: None, far: true }
    }

    /// A request was looked at, or answered.
    pub(super) fn acted(&mut self) {
        self.active = true;
    }

    /// The frame under way came to its end; the next one has its own time.
    pub(super) fn frame_ended(&mut self) {
        self.frame = None;
    }

    pub(super) fn received(&mut self, bytes: usize) {
        if let Some(frame) = &mut self.frame {
            frame.bytes += bytes;
        }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(reply) = &mut self.reply {
            reply.bytes += bytes;
        }
    }

    /// The connection goes to sleep, with half a frame that it listens to, or with replies that the
    /// peer did not take. Says whether the timer has to be set for that.
    pub(super) fn sleep(
        &mut self,
        now: impl Fn() -> Duration,
        half_a_frame: bool,
        replies: bool,
    ) -> bool {
        let follow = |progress: &mut Option<Progress>, waits: bool| match progress {
            None if waits => *progress = Some(Progress { since: now(), bytes: 0 }),
            Some(_) if !waits => *progress = None,
            Some(_) | None => {}
        };
        follow(&mut self.frame, half_a_frame);
        follow(&mut self.reply, replies);
        let soon = self.far && (half_a_frame || replies);
        self.far &= !soon;
        soon
    }

    /// The timer's look: when to look again, or why to end.
    pub(super) fn look(&mut self, around: &Surroundings) -> Result<Duration, Ended> {
        let now = around.now;
        if std::mem::take(&mut self.active) || around.waits {
            self.idle_since = now;
        }
        if let Some(frame) = &mut self.frame
            && now.saturating_sub(frame.since) >= FRAME_PROGRESS_PERIOD
        {
            let share = if around.pressed { around.frame_bytes / PRESSED_SHARE } else { 0 };
            if frame.bytes < share.max(FRAME_PROGRESS_BYTES) {
                return Err(Ended::Stalled);
            }
            *frame = Progress { since: now, bytes: 0 };
            self.idle_since = now;
        }
        let stall_max = if around.crowded { READER_STALL_CROWDED_MAX } else { READER_STALL_MAX };
        if let Some(reply) = &mut self.reply {
            if reply.bytes > 0 {
                *reply = Progress { since: now, bytes: 0 };
                self.idle_since = now;
            } else if now.saturating_sub(reply.since) >= stall_max {
                return Err(Ended::SlowReader);
            }
        }
        let idle = now.saturating_sub(self.idle_since);
        if idle >= around.idle_max {
            return Err(Ended::Idle);
        }
        Ok(self.next_look(around, idle))
    }

    fn next_look(&mut self, around: &Surroundings, idle: Duration) -> Duration {
        self.far = self.frame.is_none() && self.reply.is_none();
        if self.far {
            return around.idle_max.saturating_sub(idle).min(LOOK_AT_LEAST);
        }
        match self.frame {
            Some(frame) => (frame.since + FRAME_PROGRESS_PERIOD).saturating_sub(around.now),
            None => FRAME_PROGRESS_PERIOD,
        }
    }
}

#[cfg(test)]
mod tests;
