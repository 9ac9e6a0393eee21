//! Connections themselves: many that do nothing, and some that come and go.

use super::link::Sent;
use super::{Desk, Play};
use crate::frames::{self, Frame};
use crate::{BenchError, clock};

/// Connections that were greeted when they were made, and are left alone.
pub(super) struct Idle;

impl Play for Idle {
    fn due(&self) -> Option<u64> {
        None
    }

    fn tick(&mut self, _now: u64, _desk: &mut Desk) -> Result<(), BenchError> {
        Ok(())
    }

    fn reply(&mut self, _: Sent, _: &[u8], _: u64, _: &mut Desk) -> Result<(), BenchError> {
        Err(BenchError::Protocol("a reply that nobody asked for".to_owned()))
    }
}

/// Each slot connects, asks, closes, and begins again.
pub(super) struct Churn {
    begun: bool,
    greeting: Frame,
}

impl Churn {
    pub(super) fn new() -> Result<Self, BenchError> {
        Ok(Churn { begun: false, greeting: frames::api_versions()? })
    }

    fn ask(&self, link: usize, intended: u64, desk: &mut Desk) {
        desk.send(Sent { link, intended, tag: 0 }, self.greeting.clone());
    }
}

impl Play for Churn {
    fn due(&self) -> Option<u64> {
        None
    }

    fn tick(&mut self, now: u64, desk: &mut Desk) -> Result<(), BenchError> {
        if !self.begun {
            self.begun = true;
            for link in 0..desk.links.len() {
                self.ask(link, now, desk);
            }
        }
        Ok(())
    }

    fn reply(
        &mut self,
        sent: Sent,
        body: &[u8],
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError> {
        desk.tally.request(sent.intended, now);
        match body.first_chunk().map(|code| i16::from_be_bytes(*code)) {
            Some(0) => {}
            Some(code) => desk.tally.error(code),
            None => {
                return Err(BenchError::Protocol("an ApiVersions reply was cut short".to_owned()));
            }
        }
        if !desk.stopping {
            let begun = clock::now();
            desk.reconnect(sent.link)?;
            self.ask(sent.link, begun, desk);
        }
        Ok(())
    }
}
