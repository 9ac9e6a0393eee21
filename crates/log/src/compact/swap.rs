//! A compacted segment takes the place of the old ones, so that a crash leaves the one or the others.
//!
//! | step | on disk | a crash after it |
//! |---|---|---|
//! | 1 | all that was appended is synced, the recovery point says so, the journal forgets the old segments | nothing has changed |
//! | 2 | `.log.cleaned` becomes `.log.swap`, which is made durable | the swap is finished by recovery |
//! | 3 | old files become `.deleted`, the new indexes get their names, which is made durable | the same |
//! | 4 | `.log.swap` becomes `.log` | it is done |
//!
//! Step 2 decides, and from there on any failure fences: no log goes on with a segment under a name that
//! is not its own. Until then the old segments are what they were. A lack of descriptors is no failure of
//! the disk, so that none is needed from step 2 on ([`Log::sync_names`]).
//!
//! Which segments a `.swap` replaces follows from it alone: those with base offsets from its own up to the
//! end of its last batch, which compaction never takes away.
//!
//! Readers that found an old segment go on reading its file under its other name, until that is removed
//! after `file.delete.delay.ms`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use env::Disk;
use env::disk::OpenMode;
use records::Offset;

use super::CompactionError;
use super::rewrite::Cleaned;
use crate::config::LogConfig;
use crate::error::LogError;
use crate::files;
use crate::log::{Doomed, Log};
use crate::names;
use crate::segment::{Segment, Written};
use crate::walk::{HeaderWalk, to_usize};

impl Log {
    /// Puts `cleaned` in the place of `old`, unless those are not in the log any more.
    pub(super) fn replace(
        &self,
        old: &[Arc<Segment>],
        cleaned: &Cleaned,
        config: &LogConfig,
    ) -> Result<(), CompactionError> {
        let _one_at_a_time = self.syncing.lock();
        let current = self.segments.load_full();
        let at = current
            .iter()
            .position(|segment| old.first().is_some_and(|first| Arc::ptr_eq(first, segment)));
        let there = at.and_then(|at| current.get(at..at + old.len()));
        let same = there
            .is_some_and(|there| there.iter().zip(old).all(|(there, old)| Arc::ptr_eq(there, old)));
        let usable = self.check_open();
        let (Some(at), true, true) = (at, same, usable.is_ok()) else {
            self.remove_cleaned(cleaned);
            usable?;
            return Err(CompactionError::Changed);
        };
        if let Err(error) = self.make_way(cleaned) {
            // The disk may be full, and a later run may begin with another segment.
            self.remove_cleaned(cleaned);
            return Err(error.into());
        }
        Ok(self.fencing(self.swap(at, old, cleaned, config))?)
    }

    /// Makes it certain that nothing writes the old segments again.
    fn make_way(&self, cleaned: &Cleaned) -> Result<(), LogError> {
        self.sync_locked()?;
        assert!(cleaned.extent.next <= self.synced_end(), "compacted what is not durable");
        self.persist_marks()?;
        match &self.journal {
            Some(joined) => self.fenced_unless_passing(joined.forget(cleaned.extent.next)),
            None => Ok(()),
        }
    }

    /// What cannot be removed now is at the next start.
    fn remove_cleaned(&self, cleaned: &Cleaned) {
        let beside = cleaned.beside.iter().map(|(path, _)| path);
        for path in beside.chain([&cleaned.log]) {
            let _ = files::remove(&*self.env.disk, path);
        }
    }

    fn swap(
        &self,
        at: usize,
        old: &[Arc<Segment>],
        cleaned: &Cleaned,
        config: &LogConfig,
    ) -> Result<(), LogError> {
        let disk = &*self.env.disk;
        let swap = self.dir.join(format!(
            "{}{}",
            names::segment_file(cleaned.base, names::LOG),
            names::SWAP
        ));
        rename(disk, &cleaned.log, &swap)?;
        self.sync_names()?;

        // Its index stays in memory while the file under its name may be the old one.
        let (base, extent) = (cleaned.base, cleaned.extent);
        let new = Arc::new(Segment::compacted(swap, base, extent, &cleaned.index));
        {
            // Appends may have added segments at the end; all else stands still under `syncing`.
            let _writer = self.writer.lock();
            let mut segments = self.segments.load().as_ref().clone();
            segments.splice(at..at + old.len(), [new.clone()]);
            self.segments.store(Arc::new(segments));
        }
        let mut segments = Vec::new();
        for segment in old {
            let kinds: &[&str] = match segment.base == cleaned.base {
                // What was known of producers before it is known of the new one.
                true => &[names::LOG, names::INDEX, names::TIME_INDEX],
                false => &[names::LOG, names::INDEX, names::TIME_INDEX, names::SNAPSHOT],
            };
            let ending = format!(".{}{}", self.compaction.next_replaced(), names::DELETED);
            segments.push((segment.clone(), segment.rename_away(disk, kinds, &ending)?));
        }
        for (from, to) in &cleaned.beside {
            rename(disk, from, to)?;
        }
        self.sync_names()?;
        new.rename(disk, &self.dir.join(names::segment_file(cleaned.base, names::LOG)))?;
        self.sync_names()?;
        let due = self.env.clock.monotonic() + Duration::from_millis(config.file_delete_delay_ms);
        self.doomed.lock().push(Doomed { due, segments });
        Ok(())
    }
}

fn rename(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), LogError> {
    disk.rename(from, to).map_err(|error| LogError::io(from, "rename", error))
}

/// A `.log.swap` that a crash left: it is whole and durable, and the old segments may be there or not.
pub(crate) struct SwapFile {
    path: PathBuf,
    base: Offset,
    segment: Segment,
}

impl SwapFile {
    /// Reads its headers. `None` where the name is not that of one.
    pub fn read(
        disk: &dyn Disk,
        dir: &Path,
        name: &str,
        interval: u32,
    ) -> Result<Option<SwapFile>, LogError> {
        let log = name.strip_suffix(names::SWAP).and_then(names::parse_segment_file);
        let Some((base, names::LOG)) = log else { return Ok(None) };
        let path = dir.join(name);
        let failed = |error| LogError::io(&path, "open", error);
        let file = disk.open(&path, OpenMode::Read).map_err(failed)?;
        let size = u32::try_from(file.len().map_err(failed)?).unwrap_or(u32::MAX);
        let segment = Segment::active(path.clone(), base, file.clone());
        let mut walk = HeaderWalk::new(&*file, 0, size);
        while let Some((_, header)) =
            walk.next().map_err(|error| error.in_file(&path, segment.extent().next))?
        {
            segment.publish(&[Written::of(&header)], interval);
        }
        Ok(Some(SwapFile { path, base, segment }))
    }

    /// Whether a file is of a segment that this one replaces.
    pub fn replaces(&self, base: Offset, kind: &str) -> bool {
        let is_inside = base >= self.base && base < self.segment.extent().next;
        is_inside
            && match kind {
                names::LOG | names::INDEX | names::TIME_INDEX => true,
                names::SNAPSHOT => base != self.base,
                _ => false,
            }
    }

    /// Takes the place of the old segments, whose files are gone.
    pub fn finish(&self, disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
        let (offsets, times) = self.segment.finished_index().encode();
        for (kind, content) in [(names::INDEX, offsets), (names::TIME_INDEX, times)] {
            let path = dir.join(names::segment_file(self.base, kind));
            let file = files::write(disk, &path, &content)?;
            file.sync_data().map_err(|error| LogError::io(&path, "sync", error))?;
        }
        files::sync_dir(disk, dir)?;
        rename(disk, &self.path, &dir.join(names::segment_file(self.base, names::LOG)))?;
        files::sync_dir(disk, dir)?;
        let bytes = to_usize(self.segment.extent().size);
        tracing::info!(segment = %self.path.display(), bytes, "a compaction was finished");
        Ok(())
    }
}
