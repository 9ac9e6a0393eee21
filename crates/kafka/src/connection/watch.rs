//! What the timer of a connection looks at: is it idle, does half a frame go on, are replies taken.
//!
//! Pure: time comes in, a verdict goes out. The clock is read when something begins to wait, and at
//! each look; a request that comes and goes in one wake-up never asks for the time. A half frame is
//! watched only while the connection listens to it: what the peer cannot change is not its fault.

use std::time::Duration;

use broker::limits::{
    FRAME_PRESSED_PERIOD, FRAME_PRESSED_SHARE, FRAME_PROGRESS_BYTES, FRAME_PROGRESS_PERIOD,
    FREE_OUTPUT_BYTES, READER_STALL_CROWDED_MAX, READER_STALL_MAX,
};

use super::Ended;

/// A connection at rest is looked at this often even where nothing ends it.
const LOOK_AT_LEAST: Duration = Duration::from_secs(3600);

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
    /// How far away the next look is at most.
    within: Duration,
}

/// How a connection goes to sleep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bed {
    /// It listens to half a frame.
    pub(super) half_a_frame: bool,
    /// There are replies that the peer did not take.
    pub(super) replies: bool,
    /// One of the two holds memory that others may wait for.
    pub(super) holds_memory: bool,
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
    /// What half a frame holds of the byte budget.
    pub(super) frame_bytes: usize,
    /// Bytes in memory of replies.
    pub(super) reply_bytes: usize,
    /// Other requests wait for memory.
    pub(super) pressed: bool,
    /// Replies hold more memory than is good.
    pub(super) crowded: bool,
}

impl Watch {
    pub(super) fn new(now: Duration) -> Watch {
        Watch { active: false, idle_since: now, frame: None, reply: None, within: Duration::MAX }
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

    /// The connection goes to sleep. Says when to look, if the timer has to be set for that.
    pub(super) fn sleep(&mut self, now: impl Fn() -> Duration, bed: Bed) -> Option<Duration> {
        let follow = |progress: &mut Option<Progress>, waits: bool| match progress {
            None if waits => *progress = Some(Progress { since: now(), bytes: 0 }),
            Some(_) if !waits => *progress = None,
            Some(_) | None => {}
        };
        follow(&mut self.frame, bed.half_a_frame);
        follow(&mut self.reply, bed.replies);
        let wanted = self.look_within(bed.holds_memory);
        (wanted < self.within).then(|| {
            self.within = wanted;
            wanted
        })
    }

    /// How soon what waits has to be looked at.
    fn look_within(&self, holds_memory: bool) -> Duration {
        match (self.frame, self.reply) {
            (None, None) => Duration::MAX,
            (Some(_), _) | (_, Some(_)) if holds_memory => FRAME_PRESSED_PERIOD,
            (Some(_), _) | (_, Some(_)) => FRAME_PROGRESS_PERIOD,
        }
    }

    /// The timer's look: when to look again, or why to end.
    pub(super) fn look(&mut self, around: &Surroundings) -> Result<Duration, Ended> {
        let now = around.now;
        if std::mem::take(&mut self.active) || around.waits {
            self.idle_since = now;
        }
        let (period, share) = if around.pressed && around.frame_bytes > 0 {
            (FRAME_PRESSED_PERIOD, around.frame_bytes / FRAME_PRESSED_SHARE)
        } else {
            (FRAME_PROGRESS_PERIOD, 0)
        };
        if let Some(frame) = &mut self.frame
            && now.saturating_sub(frame.since) >= period
        {
            if frame.bytes < share.max(FRAME_PROGRESS_BYTES) {
                return Err(Ended::Stalled);
            }
            *frame = Progress { since: now, bytes: 0 };
            self.idle_since = now;
        }
        let in_the_way = around.crowded && around.reply_bytes > FREE_OUTPUT_BYTES;
        let stall_max = if in_the_way { READER_STALL_CROWDED_MAX } else { READER_STALL_MAX };
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
        let at_rest = around.idle_max.saturating_sub(idle).min(LOOK_AT_LEAST);
        let holds_memory = around.frame_bytes > 0 || around.reply_bytes > FREE_OUTPUT_BYTES;
        self.within = self.look_within(holds_memory);
        Ok(match self.frame {
            // At the end of its period, if that is sooner.
            Some(frame) => {
                let end = frame.since + FRAME_PROGRESS_PERIOD;
                self.within.min(end.saturating_sub(now))
            }
            None => self.within.min(at_rest),
        })
    }
}

#[cfg(test)]
mod tests;
