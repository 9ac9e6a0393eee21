//! Damage in a log that is open: looking for it, and keeping everybody away from it.
//!
//! Readers compare their place with the list of damaged ranges, which is published as a whole and which
//! nearly all logs do not have. A read that stumbles over damage nobody knew of answers with an error
//! and notes the segment in [`Suspects`]; whoever owns those has it examined later, off the read path.
//!
//! Examining takes no lock. Only when it has found something it takes `syncing`, and the segment must
//! still be part of the log: what a truncation, retention or compaction changed meanwhile is not damage.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use parking_lot::Mutex;
use records::Offset;
use thiserror::Error;

use super::Log;
use crate::compact::Pace;
use crate::epochs::Epochs;
use crate::error::{LogError, ReadError};
use crate::examine::{Flaw, Plot, Unexamined, examine};
use crate::quarantine::{Damage, Hole, Quarantine};
use crate::segment::{Extent, Segment};

/// Segments in which somebody found damage and which are still to be examined.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<BTreeSet<(PathBuf, Offset)>>);

impl Suspects {
    /// Takes one out: the folder of the log and the base offset of the segment.
    pub fn pop(&self) -> Option<(PathBuf, Offset)> {
        self.0.lock().pop_first()
    }
}

/// What an examination did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Segments that were examined.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Damaged ranges that were not known before.
    pub found: u64,
}

/// Why an examination did not come to its end.
#[derive(Clone, Debug, Error)]
pub enum ScrubError {
    /// The pace said so.
    #[error("the examination was stopped")]
    Stopped,
    /// The log cannot be read.
    #[error(transparent)]
    Storage(#[from] LogError),
}

impl Log {
    /// The damaged ranges, in order.
    #[must_use]
    pub fn damages(&self) -> Vec<Damage> {
        self.quarantine.load().as_ref().map_or(Vec::new(), |known| known.ranges().to_vec())
    }

    /// Checks every batch of all segments and quarantines what is damaged.
    pub fn scrub(&self, pace: &dyn Pace) -> Result<Scrubbed, ScrubError> {
        self.scrub_where(|_| true, pace)
    }

    /// [`Log::scrub`] of one segment; nothing where there is none with this base offset.
    pub fn scrub_segment(&self, base: Offset, pace: &dyn Pace) -> Result<Scrubbed, ScrubError> {
        self.scrub_where(|segment| segment.base == base, pace)
    }

    /// [`Log::scrub`] of the segment with this file.
    pub(crate) fn scrub_file(&self, path: &Path, pace: &dyn Pace) -> Result<Scrubbed, ScrubError> {
        self.scrub_where(|segment| segment.path() == path, pace)
    }

    fn scrub_where(
        &self,
        is_meant: impl Fn(&Segment) -> bool,
        pace: &dyn Pace,
    ) -> Result<Scrubbed, ScrubError> {
        let mut done = Scrubbed::default();
        for segment in self.segments.load_full().iter().filter(|segment| is_meant(segment)) {
            self.examine(segment, pace, &mut done)?;
        }
        Ok(done)
    }

    fn examine(
        &self,
        segment: &Arc<Segment>,
        pace: &dyn Pace,
        done: &mut Scrubbed,
    ) -> Result<(), ScrubError> {
        let (extent, epochs) = {
            // An append makes its batch visible before its epoch is in the list.
            let writer = self.writer.lock();
            // The file is looked at past this log.
            self.write_held(&writer)?;
            (segment.extent(), self.epochs.read().clone())
        };
        if extent.next <= self.log_start() {
            // Nobody reads it. It is being deleted, and a crash may have brought it back without the
            // one behind it.
            return Ok(());
        }
        let examined = self.flaws(segment, extent, &epochs, pace);
        let flaws = match examined {
            Ok(Some(flaws)) => flaws,
            Ok(None) => return Err(ScrubError::Stopped),
            // It was deleted meanwhile.
            Err(_) if !self.has(segment) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        done.segments += 1;
        done.bytes += u64::from(extent.size);
        if !flaws.is_empty() {
            done.found += self.quarantine_flaws(segment, flaws)?;
        }
        Ok(())
    }

    /// The flaws of a segment; nothing when the pace ended it.
    fn flaws(
        &self,
        segment: &Segment,
        extent: Extent,
        epochs: &Epochs,
        pace: &dyn Pace,
    ) -> Result<Option<Vec<Flaw>>, LogError> {
        let path = segment.path();
        let failed = |error| LogError::io(&path, "read", error);
        // A handle of its own, as what is read by it is not to stay in the page cache.
        let file = match self.env.disk.open(&path, OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(vec![Flaw {
                    position: 0,
                    end_position: extent.size,
                    first: segment.base,
                    end: extent.next,
                    what: "the file is missing".to_owned(),
                }]));
            }
            file => file.map_err(failed)?,
        };
        let len = file.len().map_err(failed)?;
        let size = u32::try_from(len).unwrap_or(u32::MAX).min(extent.size);
        let plot = Plot {
            file: &*file,
            base: segment.base,
            size,
            end: extent.next,
            is_exact: true,
            contiguous_from: Offset::MAX,
            epoch_of: &|offset| epochs.of(offset),
        };
        let spent = &mut |bytes: usize| {
            // It does not come to rest meanwhile.
            self.touch();
            pace.spent(u64::try_from(bytes).unwrap_or(u64::MAX))
        };
        match examine(&plot, spent) {
            Ok(mut flaws) => {
                if let Some(last) = flaws.last_mut().filter(|last| last.end_position == size) {
                    // Of what is missing of the file, too.
                    last.end_position = extent.size;
                }
                Ok(Some(flaws))
            }
            Err(Unexamined::Stopped) => Ok(None),
            Err(Unexamined::Io(error)) => Err(failed(error)),
        }
    }

    fn has(&self, segment: &Arc<Segment>) -> bool {
        self.segments.load().iter().any(|known| Arc::ptr_eq(known, segment))
    }

    /// Keeps everybody away from damaged parts of a segment. How many were not known.
    fn quarantine_flaws(&self, segment: &Arc<Segment>, flaws: Vec<Flaw>) -> Result<u64, LogError> {
        let _one_at_a_time = self.syncing.lock();
        if !self.has(segment) {
            return Ok(0);
        }
        if self.is_closed() {
            return Err(LogError::Closed);
        }
        let known = self.quarantine.load_full();
        let mut quarantine = known.map_or(Quarantine::default(), |known| (*known).clone());
        let (now, durable_end) = (self.env.clock.wall_ms(), self.durable_end());
        let mut new = 0;
        // What is not durable is not known to be damaged, and recovery cuts it.
        for flaw in flaws.into_iter().filter(|flaw| flaw.end <= durable_end) {
            if let Some(added) = quarantine.add(&Damage::of(flaw, segment.base, now)) {
                added.report(&self.dir);
                new += 1;
            }
        }
        if new == 0 {
            return Ok(0);
        }
        segment.set_holes(quarantine.holes(segment.base));
        let written = match self.check_open() {
            Ok(()) => quarantine.write(&self.env, &self.dir),
            Err(error) => Err(error),
        };
        self.quarantine.store(Some(Arc::new(quarantine)));
        written.map(|()| new)
    }

    /// The damaged parts of a segment's file.
    pub(crate) fn holes(&self, segment: Offset) -> Option<Vec<Hole>> {
        self.quarantine.load().as_ref().and_then(|known| known.holes(segment))
    }

    /// Forgets damage that does not fit any more. The caller holds `syncing`.
    pub(crate) fn retain_damage(&self, fits: impl Fn(&Damage) -> bool) -> Result<(), LogError> {
        let Some(known) = self.quarantine.load_full() else { return Ok(()) };
        let mut quarantine = (*known).clone();
        if quarantine.retain(fits) {
            self.fenced_unless_passing(quarantine.write(&self.env, &self.dir))?;
            let left = (!quarantine.is_empty()).then(|| Arc::new(quarantine));
            self.quarantine.store(left);
        }
        Ok(())
    }

    /// Up to where one can read from `from` on without coming to damage.
    pub(crate) fn sound_end(&self, from: Offset, end: Offset) -> Result<Offset, ReadError> {
        let quarantine = self.quarantine.load();
        let Some(known) = &*quarantine else { return Ok(end) };
        match known.of(from) {
            Some(damage) => Err(ReadError::Quarantined {
                from,
                path: self.dir.clone(),
                damage: Box::new(damage.clone()),
            }),
            None => Ok(known.next_after(from).map_or(end, |next| end.min(next))),
        }
    }

    /// Has a segment examined in which somebody just found damage.
    pub(crate) fn noticing<T>(&self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let (Err(LogError::Damaged { path, .. }), Some(suspects)) = (&result, &self.suspects) {
            let segments = self.segments.load();
            if let Some(segment) = segments.iter().find(|segment| segment.path() == *path) {
                suspects.0.lock().insert((self.dir.clone(), segment.base));
            }
        }
        result
    }
}

#[cfg(test)]
mod tests;
