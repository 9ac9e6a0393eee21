//! What recovery knows of producers: what the small files say as far as they can be believed, and beyond
//! that what the batches say.

use std::sync::Arc;

use env::Disk;
use parking_lot::Mutex;
use records::{BatchHeader, Offset};

use super::Opening;
use crate::append::marker_epoch;
use crate::error::LogError;
use crate::index::relative;
use crate::log::Pending;
use crate::names;
use crate::producers::Producers;
use crate::segment::{Segment, Warm};

impl Opening<'_> {
    /// The last good snapshot and the batches after it.
    pub(super) fn load_producers(
        &mut self,
        segments: &[Arc<Segment>],
        log_end: Offset,
    ) -> Result<Producers, LogError> {
        let now = self.env.clock.wall_ms();
        let entries = self
            .disk()
            .read_dir(self.dir)
            .map_err(|error| LogError::io(self.dir, "list", error))?;
        let mut snapshots: Vec<Offset> = entries
            .iter()
            .filter_map(|entry| match names::parse_segment_file(&entry.name) {
                Some((offset, names::SNAPSHOT)) => Some(offset),
                _ => None,
            })
            .collect();
        let mut from = segments.first().map_or(Offset::ZERO, |segment| segment.base);
        let mut producers = Producers::default();
        let mut chosen = None;
        while let Some(offset) = snapshots.pop() {
            let path = self.dir.join(names::segment_file(offset, names::SNAPSHOT));
            if offset > log_end || !self.trusts(offset) {
                self.remove(&path)?;
                continue;
            }
            if chosen.is_none() {
                match self.snapshot(offset) {
                    Some(read) => {
                        chosen = Some(offset);
                        producers = read;
                        from = from.max(offset);
                    }
                    None => self.remove(&path)?,
                }
            } else if !segments.iter().any(|segment| segment.base == offset) {
                self.remove(&path)?;
            }
        }
        self.snapshot_at = chosen;
        self.replay(segments, from, &mut producers, now)?;
        producers.expire(now, self.expiration_ms);
        Ok(producers)
    }

    /// Enters the batches from `from` on, and has the snapshots written that are missing on the way:
    /// when the segments before them are deleted, nothing else will tell of those batches.
    fn replay(
        &mut self,
        segments: &[Arc<Segment>],
        from: Offset,
        producers: &mut Producers,
        now: i64,
    ) -> Result<(), LogError> {
        let warm = Mutex::new(Warm::default());
        for segment in segments {
            if segment.base > from {
                self.pending.push(Pending::Snapshot(segment.base, producers.encode()));
            }
            let segment = std::slice::from_ref(segment);
            replay(self.disk(), &warm, segment, from, Offset::MAX, producers, now)?;
        }
        Ok(())
    }
}

/// Calls `see` with segment, header and position of every batch that ends at or after `from`.
pub(crate) fn each_header(
    disk: &dyn Disk,
    warm: &Mutex<Warm>,
    segments: &[Arc<Segment>],
    from: Offset,
    mut see: impl FnMut(&Segment, &BatchHeader, u32) -> Result<(), LogError>,
) -> Result<(), LogError> {
    for segment in segments {
        let extent = segment.extent();
        if extent.next <= from || extent.size == 0 {
            continue;
        }
        let file = segment.file(disk, warm)?;
        let at = relative(segment.base, from);
        let hint = segment.with_index(disk, warm, |index| index.entry_at(at))?;
        let mut walk = segment.headers_hinted(&*file, hint, 0, extent.size);
        while let Some((position, header)) =
            walk.next().map_err(|error| error.in_file(&segment.path(), from))?
        {
            if header.last_offset() >= from {
                see(segment, &header, position)?;
            }
        }
    }
    Ok(())
}

/// Enters the batches from `from` up to `end` into the table of producers.
pub(crate) fn replay(
    disk: &dyn Disk,
    warm: &Mutex<Warm>,
    segments: &[Arc<Segment>],
    from: Offset,
    end: Offset,
    producers: &mut Producers,
    now: i64,
) -> Result<(), LogError> {
    each_header(disk, warm, segments, from, |segment, header, position| {
        if header.producer_id.is_none() || header.base_offset < from || header.base_offset >= end {
            return Ok(());
        }
        let mut marker = None;
        if header.attributes.is_control() {
            let mut bytes = vec![0; header.size_in_bytes()];
            segment
                .file(disk, warm)?
                .read_exact_at(&mut bytes, u64::from(position))
                .map_err(|error| LogError::io(&segment.path(), "read", error))?;
            marker = records::Batch::parse(&bytes).ok().and_then(|batch| marker_epoch(&batch));
        }
        producers.enter(header, marker, now);
        Ok(())
    })
}
