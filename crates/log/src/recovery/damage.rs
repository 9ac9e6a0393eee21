//! Damage that recovery meets below the durable mark: it is entered into the list of damaged ranges, and
//! the log goes on behind it.
//!
//! A range ends at the next whole batch of the segment. Where there is none before the durable end, it
//! takes in the rest of the file, and the log goes on in another segment at the durable end, so that no
//! offset is used twice. The list is made durable before the log is used.
//!
//! What cannot be decided still keeps the log from being opened: segments that overlap, or a folder that
//! has none although records were durable.

use std::sync::Arc;

use env::File;
use env::disk::{DirEntry, OpenMode};
use records::Offset;

use super::Opening;
use super::segments::Found;
use crate::compact::FullSpeed;
use crate::error::LogError;
use crate::examine::{Flaw, Plot, Unexamined, examine};
use crate::log::{Log, ScrubError};
use crate::names;
use crate::quarantine::{Damage, Quarantine};
use crate::segment::Segment;

impl Opening<'_> {
    /// What is known to be damaged.
    pub(super) fn load_quarantine(&mut self, names: &[DirEntry]) -> Result<(), LogError> {
        if !names.iter().any(|entry| entry.name == names::QUARANTINE) {
            return Ok(());
        }
        if let Some(known) = Quarantine::read(self.env, self.dir)? {
            self.quarantine = known;
        } else {
            self.check_fence()?;
            tracing::error!(
                file = %self.dir.join(names::QUARANTINE).display(),
                "the list of damaged records is damaged itself; all records are checked again"
            );
            self.is_remade = true;
        }
        Ok(())
    }

    /// [`Opening::read_segment`], after looking where it goes on behind damage, if there is any.
    pub(super) fn check_segment(
        &mut self,
        found: &Found,
        next_base: Option<Offset>,
    ) -> Result<(Arc<Segment>, Arc<dyn File>), LogError> {
        let read = match self.read_segment(found, next_base, false) {
            Err(LogError::Damaged { path, .. }) if path == found.path => {
                self.examine(found, next_base)?;
                self.read_segment(found, next_base, true)?
            }
            read => read?,
        };
        let extent = read.0.extent();
        let end = next_base.map_or(self.durable, |next| next.min(self.durable));
        if extent.next < end {
            let what = format!("it ends at offset {}, {end} was durable", extent.next);
            self.missing(found.base, extent.size, (extent.next, end), what);
            read.0.set_holes(self.quarantine.holes(found.base));
            read.0.pass_hole();
        }
        Ok(read)
    }

    /// The log start is written down before a segment is deleted, so a log that begins after it has
    /// lost segments: to a crash before anything was durable, or to damage.
    pub(super) fn check_front(
        &mut self,
        found: &mut Vec<Found>,
        log_start: Offset,
    ) -> Result<(), LogError> {
        let Some(first) = found.first().filter(|first| first.base > log_start) else {
            return Ok(());
        };
        if self.journal.is_none() || self.quarantine.of(log_start).is_some() {
            return Ok(());
        }
        if self.clean || self.durable > log_start {
            let end = first.base;
            self.missing(log_start, 0, (log_start, end), "segments are missing".to_owned());
            return Ok(());
        }
        self.cut = true;
        for gone in std::mem::take(found) {
            self.remove_segment(gone.base)?;
        }
        Ok(())
    }

    /// A segment that does not begin where the one before ended is what a crash left of something
    /// that was not durable, or else damage.
    pub(super) fn gap(&self, segment: &Found, expected: Offset) -> Result<(), LogError> {
        if expected >= self.durable {
            return Ok(());
        }
        Err(LogError::Damaged {
            path: segment.path.clone(),
            position: 0,
            offset: expected,
            what: format!(
                "the segment begins at {}, the one before ends at {expected}",
                segment.base
            ),
        })
    }

    /// Up to here batches are durable and only their headers are looked at.
    pub(super) fn trusted(&self) -> Offset {
        if self.clean { Offset::MAX } else { self.recovery_point }
    }

    /// No durable batch lies beyond this.
    pub(super) fn known_end(&self) -> Offset {
        // A log that is opened by itself, without the marks of a folder, may have any end.
        let is_unknown = self.clean && self.durable == Offset::ZERO;
        if is_unknown { Offset::MAX } else { self.durable }
    }

    fn examine(&mut self, found: &Found, next_base: Option<Offset>) -> Result<(), LogError> {
        let failed = |error| LogError::io(&found.path, "read", error);
        let file = self.disk().open(&found.path, OpenMode::Read).map_err(failed)?;
        // Behind the durable end there may be anything.
        let exact = next_base.or(self.clean.then(|| self.known_end()));
        let exact = exact.filter(|end| *end <= self.durable);
        let plot = Plot {
            file: &*file,
            base: found.base,
            size: found.size,
            end: exact.or(next_base).unwrap_or(Offset::MAX),
            is_exact: exact.is_some(),
            contiguous_from: self.trusted(),
            epoch_of: &|_| None,
        };
        let flaws = match examine(&plot, &mut |_| true) {
            Ok(flaws) => flaws,
            Err(Unexamined::Io(error)) => return Err(failed(error)),
            Err(Unexamined::Stopped) => return Ok(()),
        };
        for mut flaw in flaws {
            if flaw.first >= self.durable {
                break;
            }
            let reaches_over = flaw.end > self.durable;
            if reaches_over {
                flaw.end = self.durable;
                flaw.end_position = found.size;
            }
            self.enter(found.base, flaw);
            if reaches_over {
                break;
            }
        }
        Ok(())
    }

    /// Records that are not there at all.
    fn missing(
        &mut self,
        segment: Offset,
        position: u32,
        (first, end): (Offset, Offset),
        what: String,
    ) {
        self.enter(segment, Flaw { position, end_position: position, first, end, what });
    }

    fn enter(&mut self, segment: Offset, flaw: Flaw) {
        let damage = Damage::of(flaw, segment, self.env.clock.wall_ms());
        self.found.extend(self.quarantine.add(&damage).cloned());
    }

    /// Makes what was found durable, and tells of it. What was known and is of records that are not in
    /// the log any more is forgotten.
    pub(super) fn settle_quarantine(
        &mut self,
        segments: &[Arc<Segment>],
        log_start: Offset,
        log_end: Offset,
    ) -> Result<(), LogError> {
        let forgotten = self.quarantine.retain(|damage| {
            let is_there = segments.iter().any(|segment| segment.base == damage.segment);
            damage.first < log_end && (damage.end > log_start || is_there)
        });
        for damage in &self.found {
            damage.report(self.dir);
        }
        if (forgotten || !self.found.is_empty()) && !self.is_fenced() {
            self.quarantine.write(self.env, self.dir)?;
        }
        Ok(())
    }

    pub(super) fn published(&mut self) -> Option<Arc<Quarantine>> {
        let known = std::mem::take(&mut self.quarantine);
        (!known.is_empty()).then(|| Arc::new(known))
    }
}

impl Log {
    /// Looks for damage everywhere, as the list of it is lost.
    pub(super) fn remake_quarantine(&self) -> Result<(), LogError> {
        match self.scrub(&FullSpeed) {
            Ok(_) | Err(ScrubError::Stopped) => {}
            Err(ScrubError::Storage(error)) => return Err(error),
        }
        let known =
            self.quarantine.load_full().map_or(Quarantine::default(), |known| (*known).clone());
        known.write(&self.env, &self.dir)
    }
}
