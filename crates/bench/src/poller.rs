//! One epoll and one timer: which sockets may be read or written, and when to look up from them.
//!
//! Level-triggered: whoever leaves bytes in a socket hears of it again.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// The token of the timer; sockets have lower ones.
const TIMER: u64 = u64::MAX;
const EVENTS_AT_ONCE: usize = 512;

/// A socket that has something to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) token: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

pub(crate) struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// When the timer goes off, in nanoseconds of the monotonic clock.
    armed: Option<u64>,
    events: Vec<Event>,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Poller { epoll, timer, armed: None, events: Vec::with_capacity(EVENTS_AT_ONCE) })
    }

    /// Reports when `socket` can be read.
    pub(crate) fn add(&self, socket: impl AsFd, token: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::RDHUP;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token as u64), flags)?)
    }

    /// Reports also, or no longer, when it can be written.
    pub(crate) fn want_write(&self, socket: impl AsFd, token: usize, on: bool) -> io::Result<()> {
        let mut flags = EventFlags::IN | EventFlags::RDHUP;
        if on {
            flags |= EventFlags::OUT;
        }
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(token as u64), flags)?)
    }

    /// Waits for a socket, or until the monotonic clock shows `until`, and puts what is ready into
    /// `ready`.
    pub(crate) fn wait(
        &mut self,
        until: Option<u64>,
        now: u64,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        ready.clear();
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = match until {
            Some(until) if until <= now => Some(&zero),
            _ => {
                self.arm(until)?;
                None
            }
        };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut rang = false;
        for event in &self.events {
            let (flags, data) = (event.flags, event.data);
            match usize::try_from(data.u64()) {
                _ if data.u64() == TIMER => rang = true,
                Ok(token) => ready.push(Ready {
                    token,
                    readable: flags.intersects(
                        EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR,
                    ),
                    writable: flags.contains(EventFlags::OUT),
                }),
                Err(_) => {}
            }
        }
        if rang {
            // Read, so that it is silent until it is armed again.
            let mut expirations = [0_u8; 8];
            let _ = rustix::io::read(&self.timer, &mut expirations);
            self.armed = None;
        }
        Ok(())
    }

    fn arm(&mut self, until: Option<u64>) -> io::Result<()> {
        if self.armed == until {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let at = until.unwrap_or(0);
        let it_value = Timespec {
            tv_sec: i64::try_from(at / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(at % 1_000_000_000).unwrap_or(0),
        };
        let when = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &when)?;
        self.armed = until;
        Ok(())
    }
}
