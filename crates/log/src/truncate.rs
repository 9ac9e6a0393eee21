//! The end of the log: cutting what a new leader does not have.
//!
//! The marks are lowered first, so that no crash leaves a durable mark above the end. Everything is
//! synced before this returns: what was cut must not come back behind newer records.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use env::File;
use env::disk::OpenMode;
use records::Offset;

use crate::error::LogError;
use crate::files;
use crate::index::{Index, relative};
use crate::log::{Log, Writer};
use crate::names;
use crate::producers::Producers;
use crate::read::Wait;
use crate::recovery::first_timestamp;
use crate::recovery::state::replay;
use crate::segment::{Segment, Written};
use crate::walk::HeaderWalk;

/// Snapshots are read up to this size.
const SNAPSHOT_MAX: u64 = 64 << 20;

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
        match self.cut(&mut writer, to) {
            Err(error @ LogError::OutOfRange { .. }) => Err(error),
            result => self.fencing(result),
        }
    }

    fn cut(&self, writer: &mut Writer, to: Offset) -> Result<(), LogError> {
        let disk = &*self.env.disk;
        self.write_held(writer)?;
        let segments = self.segments.load_full();
        let at = segments.partition_point(|segment| segment.base <= to).saturating_sub(1);
        let Some((kept, later)) = segments.get(at..).and_then(|rest| rest.split_first()) else {
            return Ok(());
        };
        let file = kept.file(disk, &self.warm)?;
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

        self.durable_end.fetch_min(end.0, Ordering::AcqRel);
        self.synced_end.fetch_min(end.0, Ordering::AcqRel);
        writer.unjournaled_end = writer.unjournaled_end.min(end);
        self.compaction.cut(end);
        self.log_end.store(end.0, Ordering::Release);
        if let Some(joined) = &self.journal {
            joined.cut(self.marks())?;
        }
        let mut epochs = self.epochs.write();
        if epochs.truncate_from_end(end) {
            let text = epochs.encode();
            drop(epochs);
            // An epoch that is cut must not be found again at an offset that gets another one.
            files::replace(disk, &self.dir.join(names::EPOCHS), text.as_bytes())?;
        } else {
            drop(epochs);
        }

        // Before the files, as new records will get those offsets.
        self.retain_damage(|range| range.end <= end)?;
        kept.set_holes(self.holes(kept.base));
        for segment in later.iter().rev() {
            for kind in [names::LOG, names::INDEX, names::TIME_INDEX] {
                files::remove(disk, &segment.sibling(kind))?;
            }
        }
        for kind in [names::INDEX, names::TIME_INDEX] {
            files::remove(disk, &kept.sibling(kind))?;
        }
        let path = kept.path();
        let failed = |error| LogError::io(&path, "truncate", error);
        let file = disk.open(&path, OpenMode::Write).map_err(failed)?;
        file.set_len(u64::from(position)).map_err(failed)?;
        file.sync_data().map_err(failed)?;

        let active = Arc::new(Segment::active(path.clone(), kept.base, file.clone()));
        active.set_holes(self.holes(kept.base));
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

        writer.producers = self.producers_before(&left, end)?;
        files::sync_dir(disk, &self.dir)?;
        writer.first_timestamp = first_timestamp(&*file, &active)?;
        writer.file = active.append_through(file, self.held_bytes());
        writer.active = active;
        writer.reserved = 0;
        writer.indexed = 0;
        writer.settled = None;
        writer.extra_snapshot = None;
        self.segments.store(Arc::new(left));
        Ok(())
    }

    /// The producers as they were at `end`; snapshots after it are removed.
    fn producers_before(
        &self,
        segments: &[Arc<Segment>],
        end: Offset,
    ) -> Result<Producers, LogError> {
        let disk = &*self.env.disk;
        let now = self.env.clock.wall_ms();
        let entries =
            disk.read_dir(&self.dir).map_err(|error| LogError::io(&self.dir, "list", error))?;
        let mut from = segments.first().map_or(Offset::ZERO, |segment| segment.base);
        let mut producers = Producers::default();
        for entry in &entries {
            let Some((offset, names::SNAPSHOT)) = names::parse_segment_file(&entry.name) else {
                continue;
            };
            let path = self.dir.join(&entry.name);
            if offset > end {
                files::remove(disk, &path)?;
            } else if let Ok(bytes) = disk.read(&path, SNAPSHOT_MAX)
                && let Ok(read) = Producers::decode(&bytes, now)
            {
                producers = read;
                from = from.max(offset);
            }
        }
        replay(disk, &self.warm, segments, from, end, &mut producers, now)?;
        Ok(producers)
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
