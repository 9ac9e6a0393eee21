//! The segments of a log that is opened: which there are, what is dropped of them, and which of them the
//! log goes on with.
//!
//! A segment that ends before the recovery point is trusted as it is; the others are read (`tail.rs`).
//! Once something was cut, everything behind it goes too.

use std::path::PathBuf;
use std::sync::Arc;

use env::File;
use env::disk::{DirEntry, OpenMode};
use records::Offset;

use super::Opening;
use crate::catalogue::Rest;
use crate::error::LogError;
use crate::log::Pending;
use crate::names;
use crate::segment::{Extent, Segment};

/// A `.log` file that was found.
pub(super) struct Found {
    pub base: Offset,
    pub path: PathBuf,
    pub size: u32,
}

/// The segments, and the file of the last.
pub(super) type Loaded = (Vec<Arc<Segment>>, Arc<dyn File>);

/// Whether the last segment is what it was when the log was closed.
pub(super) fn is_as_left(found: &[Found], rest: Rest) -> bool {
    found.last().is_some_and(|last| last.base == rest.last_base && last.size == rest.last_size)
}

impl Opening<'_> {
    /// The `.log` files in order.
    pub(super) fn segments(&self, names: &[DirEntry]) -> Result<Vec<Found>, LogError> {
        let mut found = Vec::new();
        for entry in names {
            let Some((base, names::LOG)) = names::parse_segment_file(&entry.name) else { continue };
            let path = self.dir.join(&entry.name);
            let failed = |error| LogError::io(&path, "open", error);
            let len =
                self.disk().open(&path, OpenMode::Read).map_err(failed)?.len().map_err(failed)?;
            let size = u32::try_from(len).ok().filter(|size| *size <= i32::MAX.unsigned_abs());
            let size = size.ok_or_else(|| LogError::Damaged {
                path: path.clone(),
                position: len,
                offset: base,
                what: "a segment holds at most 2 GiB".to_owned(),
            })?;
            found.push(Found { base, path, size });
        }
        Ok(found)
    }

    /// Drops what lies before the log start.
    pub(super) fn drop_deleted(
        &mut self,
        found: &mut Vec<Found>,
        log_start: Offset,
    ) -> Result<(), LogError> {
        // What lies before the log start was deleted; the crash brought the names back.
        // Unless they were not deleted yet, and hold what no snapshot says of their producers: then
        // retention deletes them in its own time.
        let mut keep = found.partition_point(|segment| segment.base <= log_start).saturating_sub(1);
        if let Some(first) = found.get(keep)
            && !(self.trusts(first.base) && self.snapshot(first.base).is_some())
        {
            keep = 0;
        }
        if keep > 0
            && !self.is_fenced()
            && let (Some(joined), Some(first)) = (self.journal, found.get(keep))
        {
            joined.forget(first.base)?;
        }
        for gone in found.drain(..keep) {
            self.remove_segment(gone.base)?;
        }
        self.check_front(found, log_start)
    }

    pub(super) fn remove_indexes(&mut self, base: Offset) -> Result<(), LogError> {
        for kind in [names::INDEX, names::TIME_INDEX] {
            let stale = self.dir.join(names::segment_file(base, kind));
            if self.disk().exists(&stale) {
                self.remove(&stale)?;
            }
        }
        Ok(())
    }

    pub(super) fn remove_segment(&mut self, base: Offset) -> Result<(), LogError> {
        for kind in [names::LOG, names::INDEX, names::TIME_INDEX, names::SNAPSHOT] {
            let path = self.dir.join(names::segment_file(base, kind));
            self.remove(&path)?;
        }
        Ok(())
    }

    /// Trusts, checks or cuts each segment. The last one is ready to be appended to.
    pub(super) fn load_segments(
        &mut self,
        found: Vec<Found>,
        log_start: Offset,
    ) -> Result<Loaded, LogError> {
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(found.len().max(1));
        let mut open: Option<Arc<dyn File>> = None;
        let bases: Vec<Offset> = found.iter().map(|segment| segment.base).collect();
        for (at, segment) in found.into_iter().enumerate() {
            if self.cut {
                self.remove_segment(segment.base)?;
                continue;
            }
            let next_base = bases.get(at + 1).copied();
            if let Some(next) = next_base
                && (self.clean || next < self.recovery_point)
            {
                // A sync went past its end, so its indexes were written and synced as well.
                let extent = Extent { size: segment.size, next };
                let sealed = Segment::sealed(segment.path, segment.base, extent);
                sealed.set_holes(self.quarantine.holes(sealed.base));
                segments.push(Arc::new(sealed));
                open = None;
                continue;
            }
            let expected = segments.last().map(|before| before.extent().next);
            if let Some(expected) = expected
                && expected != segment.base
            {
                self.gap(&segment, expected)?;
                self.cut = true;
                self.remove_segment(segment.base)?;
                continue;
            }
            if open.is_some() {
                self.seal_last(&segments);
            }
            let (checked, file) = self.check_segment(&segment, next_base)?;
            segments.push(checked);
            open = Some(file);
        }
        if segments.last().is_some_and(|last| last.ends_in_hole()) && open.take().is_some() {
            // Its bytes stay as they are.
            self.seal_last(&segments);
        }
        match open {
            Some(file) => Ok((segments, file)),
            None => self.first_segment(segments, log_start),
        }
    }

    fn seal_last(&mut self, segments: &[Arc<Segment>]) {
        if let Some(last) = segments.last() {
            let index = last.seal();
            self.pending.push(Pending::Indexes(last.clone(), index));
        }
    }

    fn first_segment(
        &mut self,
        mut segments: Vec<Arc<Segment>>,
        log_start: Offset,
    ) -> Result<Loaded, LogError> {
        let base = segments.last().map_or(log_start, |last| last.extent().next);
        // Before anything is made that the next start would take for what is left of the log.
        self.check_end(base)?;
        self.check_fence()?;
        self.remove_indexes(base)?;
        let path = self.dir.join(names::segment_file(base, names::LOG));
        let file = self
            .disk()
            .open(&path, OpenMode::Create)
            .map_err(|error| LogError::of_write(&path, "create", error))?;
        self.names_changed = true;
        segments.push(Arc::new(Segment::active(path, base, file.clone())));
        Ok((segments, file))
    }

    /// Refuses a log of which nothing says where the rest of what was durable is.
    pub(super) fn check_end(&self, end: Offset) -> Result<(), LogError> {
        if end >= self.durable {
            return Ok(());
        }
        let path = self.dir.to_owned();
        Err(LogError::TailMissing { path, end, recovery_point: self.durable })
    }
}
