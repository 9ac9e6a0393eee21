//! The end of the log: cutting what a new leader does not have.
//!
//! What has to be read or opened for it is before anything is changed. Then the marks are lowered, so that
//! no crash leaves a durable mark above the end, and then the files. Everything is synced before this
//! returns: what was cut must not come back behind newer records.
//!
//! Where room or a descriptor is missing, the log is what it was, and it can be tried again, as long as no
//! file of records was touched. From there on there is no way back, and any failure fences.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use env::File;
use env::disk::OpenMode;
use records::{Offset, Timestamp};

use crate::epochs::Epochs;
use crate::error::LogError;
use crate::files;
use crate::index::{Index, relative};
use crate::log::{Log, Writer};
use crate::names;
use crate::producers::Producers;
use crate::quarantine::Quarantine;
use crate::read::Wait;
use crate::recovery::first_timestamp;
use crate::recovery::state::replay;
use crate::segment::{Segment, Written};
use crate::walk::HeaderWalk;

/// Snapshots are read up to this size.
const SNAPSHOT_MAX: u64 = 64 << 20;

/// What a truncation leaves and what it removes.
struct Cut {
    end: Offset,
    /// Where it ends in the segment that stays.
    position: u32,
    kept: Arc<Segment>,
    later: Vec<Arc<Segment>>,
    /// Those of producers after the end.
    snapshots: Vec<PathBuf>,
    left: Vec<Arc<Segment>>,
    /// The last of these, and its file.
    active: Arc<Segment>,
    file: Arc<dyn File>,
    producers: Producers,
    first_timestamp: Option<Timestamp>,
}

impl Log {
    /// Cuts the log so that it ends at `to`, or before it where `to` is inside a batch or where compaction
    /// has left nothing. A log that
    /// ends there already is left alone; one that would end before it starts is not cut.
    pub fn truncate_to(&self, to: Offset) -> Result<(), LogError> {
        let _one_at_a_time = self.syncing.lock();
        self.check_open()?;
        let (log_start, log_end) = (self.log_start(), self.log_end());
        if to < log_start {
            return Err(LogError::OutOfRange { offset: to, log_start, log_end });
        }
        if to >= log_end {
            return Ok(());
        }
        // Nothing is left for a later sync to write about segments that go now.
        self.sync_locked()?;
        let mut writer = self.writer.lock();
        self.write_held(&writer)?;
        let prepared = match self.prepare_cut(to) {
            Err(error @ LogError::OutOfRange { .. }) => Err(error),
            prepared => self.fenced_unless_passing(prepared),
        };
        let Some(cut) = prepared? else { return Ok(()) };
        self.lower_ends(&mut writer, cut.end)?;
        self.fencing(self.cut_files(&mut writer, cut))
    }

    /// Finds out what will be left; changes nothing. `None` where nothing is to be cut.
    fn prepare_cut(&self, to: Offset) -> Result<Option<Cut>, LogError> {
        let disk = &*self.env.disk;
        let segments = self.segments.load_full();
        let at = segments.partition_point(|segment| segment.base <= to).saturating_sub(1);
        let Some((kept, later)) = segments.get(at..).and_then(|rest| rest.split_first()) else {
            return Ok(None);
        };
        let path = kept.path();
        let file = disk.open(&path, OpenMode::Write);
        let file = file.map_err(|error| LogError::io(&path, "open", error))?;
        let extent = kept.extent();
        let damages = self.damages();
        let damaged = damages.iter().find(|range| range.first <= to && to < range.end);
        let (position, end) = if let Some(range) = damaged.filter(|at| at.segment == kept.base) {
            (range.position, range.first)
        } else {
            match self.find(kept, &*file, extent, to, Wait::ForDisk)? {
                None => (extent.size, extent.next),
                Some((position, base)) if base <= to => (position, base),
                // Compaction has left nothing at `to`: the log ends where the batch before it does.
                Some((position, _)) => (position, end_before(kept, &*file, position)?),
            }
        };
        let log_start = self.log_start();
        if end < log_start {
            return Err(LogError::OutOfRange { offset: end, log_start, log_end: self.log_end() });
        }
        let index = kept.with_index(disk, &self.warm, Index::clone)?;

        let active = Arc::new(Segment::active(path.clone(), kept.base, file.clone()));
        let mut quarantine =
            self.quarantine.load().as_ref().map_or_else(Quarantine::default, |it| (**it).clone());
        quarantine.retain(|range| range.end <= end);
        active.set_holes(quarantine.holes(kept.base));
        let interval = self.config.load().index_interval_bytes;
        resume(&active, &*file, index, end, position);
        let mut walk = active.headers(&*file, active.extent().size, position);
        loop {
            active.pass_hole();
            let step = walk.next().map_err(|error| error.in_file(&path, active.extent().next))?;
            let Some((_, header)) = step else { break };
            active.publish(&[Written::of(&header)], interval);
        }
        if active.extent().next != end {
            return Err(LogError::Damaged {
                path,
                position: u64::from(position),
                offset: end,
                what: format!("the batches before it end at {}", active.extent().next),
            });
        }
        let mut left: Vec<Arc<Segment>> = segments.iter().take(at).cloned().collect();
        left.push(active.clone());
        let (producers, snapshots) = self.producers_before(&left, end)?;
        let first_timestamp = first_timestamp(&*file, &active)?;
        let (kept, later) = (kept.clone(), later.to_vec());
        Ok(Some(Cut {
            end,
            position,
            kept,
            later,
            snapshots,
            left,
            active,
            file,
            producers,
            first_timestamp,
        }))
    }

    /// Says for good that the log ends at `end`: what lies behind is not known to be durable any more. Does
    /// nothing where there is no room for that, or no descriptor.
    fn lower_ends(&self, writer: &mut Writer, end: Offset) -> Result<(), LogError> {
        let (log_end, durable_end) = (self.log_end(), self.durable_end());
        let unjournaled_end = writer.unjournaled_end;
        let epochs = self.epochs.read().clone();
        self.durable_end.fetch_min(end.0, Ordering::AcqRel);
        self.synced_end.fetch_min(end.0, Ordering::AcqRel);
        writer.unjournaled_end = writer.unjournaled_end.min(end);
        self.compaction.cut(end);
        self.log_end.store(end.0, Ordering::Release);
        let lowered = self.fenced_unless_passing(self.write_lower_ends(end));
        if lowered.is_err() {
            // All records are there, and durable. What the small files say of them may not be: so only the
            // next sync raises `synced_end` again, and has them written.
            self.log_end.store(log_end.0, Ordering::Release);
            self.durable_end.fetch_max(durable_end.0, Ordering::AcqRel);
            writer.unjournaled_end = unjournaled_end;
            self.epochs.change(|now| *now = epochs);
            writer.epochs_changed(Offset::ZERO);
            writer.dirty = true;
            if let Some(joined) = &self.journal {
                joined.mark_later(self.marks());
            }
        }
        lowered
    }

    fn write_lower_ends(&self, end: Offset) -> Result<(), LogError> {
        if let Some(joined) = &self.journal {
            joined.cut(self.marks())?;
        }
        let cut = |epochs: &mut Epochs| epochs.truncate_from_end(end).then(|| epochs.encode());
        if let Some(text) = self.epochs.change(cut) {
            // An epoch that is cut must not be found again at an offset that gets another one.
            let (disk, path) = (&*self.env.disk, self.dir.join(names::EPOCHS));
            if self.journal.is_none() || self.epochs_filed.load(Ordering::Acquire) {
                files::replace(disk, &path, text.as_bytes())?;
            } else {
                files::remove(disk, &path)?;
            }
        }
        Ok(())
    }

    /// Whatever fails in here leaves files that are cut in part, or damage that nobody knows of any more.
    fn cut_files(&self, writer: &mut Writer, cut: Cut) -> Result<(), LogError> {
        let disk = &*self.env.disk;
        let Cut { end, position, kept, file, active, .. } = cut;
        // Before the files, as new records will get those offsets.
        self.retain_damage(|range| range.end <= end)?;
        kept.set_holes(self.holes(kept.base));
        for segment in cut.later.iter().rev() {
            for kind in [names::LOG, names::INDEX, names::TIME_INDEX] {
                files::remove(disk, &segment.sibling(kind))?;
            }
        }
        for kind in [names::INDEX, names::TIME_INDEX] {
            files::remove(disk, &kept.sibling(kind))?;
        }
        let failed = |error| LogError::io(&kept.path(), "truncate", error);
        file.set_len(u64::from(position)).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        for snapshot in &cut.snapshots {
            files::remove(disk, snapshot)?;
        }
        self.sync_names()?;
        writer.producers = cut.producers;
        writer.first_timestamp = cut.first_timestamp;
        writer.file = active.append_through(file, self.hold_budget());
        writer.active = active;
        writer.reserved = 0;
        writer.indexed = 0;
        writer.settled = None;
        writer.extra_snapshot = None;
        self.segments.store(Arc::new(cut.left));
        Ok(())
    }

    /// Makes the names in the folder durable where that can be put off no longer. Without a descriptor to
    /// do it by, the whole file system is synced, which has one of its own.
    pub(crate) fn sync_names(&self) -> Result<(), LogError> {
        let disk = &*self.env.disk;
        match (files::sync_dir(disk, &self.dir), self.dir.parent()) {
            (Err(error), Some(folder)) if error.is_too_many_open() => {
                disk.sync_all(folder).map_err(|error| LogError::io(folder, "sync", error))
            }
            (synced, _) => synced,
        }
    }

    /// The producers as they were at `end`, and the snapshots of what comes after it.
    fn producers_before(
        &self,
        segments: &[Arc<Segment>],
        end: Offset,
    ) -> Result<(Producers, Vec<PathBuf>), LogError> {
        let disk = &*self.env.disk;
        let now = self.env.clock.wall_ms();
        let entries =
            disk.read_dir(&self.dir).map_err(|error| LogError::io(&self.dir, "list", error))?;
        let mut from = segments.first().map_or(Offset::ZERO, |segment| segment.base);
        let mut producers = Producers::default();
        let mut later = Vec::new();
        for entry in &entries {
            let Some((offset, names::SNAPSHOT)) = names::parse_segment_file(&entry.name) else {
                continue;
            };
            let path = self.dir.join(&entry.name);
            if offset > end {
                later.push(path);
                continue;
            }
            match disk.read(&path, SNAPSHOT_MAX).map_err(|error| LogError::io(&path, "read", error))
            {
                // It may be all that is known of batches that were deleted.
                Err(error) if error.is_too_many_open() => return Err(error),
                Ok(bytes) if let Ok(read) = Producers::decode(&bytes, now) => {
                    producers = read;
                    from = from.max(offset);
                }
                Ok(_) | Err(_) => {}
            }
        }
        replay(disk, &self.warm, segments, from, end, &mut producers, now)?;
        Ok((producers, later))
    }
}

/// Where the batch ends that lies before `position`; the base where there is none.
fn end_before(segment: &Segment, file: &dyn File, position: u32) -> Result<Offset, LogError> {
    let mut end = segment.base;
    let mut walk = segment.headers(file, 0, position);
    while let Some((_, header)) =
        walk.next().map_err(|error| error.in_file(&segment.path(), end))?
    {
        end = header.next_offset();
    }
    Ok(end)
}

/// Takes over the index entries of the batches before `end` and `size`, but for the last, which the
/// walk that follows enters again. Entries that lead nowhere are all given up.
pub(crate) fn resume(segment: &Segment, file: &dyn File, mut index: Index, end: Offset, size: u32) {
    let base = segment.base;
    let before = relative(base, end);
    index.offsets.retain(|entry| entry.relative < before && entry.position < size);
    let Some(last) = index.offsets.pop() else { return };
    let position = HeaderWalk::hinted(file, base, Some(last), 0, size).position();
    if position != last.position {
        return;
    }
    index.times.retain(|entry| entry.relative < last.relative);
    let next =
        index.offsets.last().map_or(base, |entry| base.plus(i64::from(entry.relative)).next());
    segment.resume(index, last.position, next);
}

#[cfg(test)]
mod tests;
