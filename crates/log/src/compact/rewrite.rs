//! Writes what stays of a group of segments into one file beside them.
//!
//! The file is read and written in pieces of a quarter of a megabyte, each synced, so that the disk never has
//! much to write at once while appends wait for their own syncs. It has the ending `.cleaned`
//! until it is whole; a crash or an error leaves such files, which are removed by whoever comes next.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};
use parking_lot::Mutex;
use records::{BatchHeader, Offset};

use super::filter::{Filter, Outcome};
use super::{CompactionError, Meter, check_place};
use crate::config::LogConfig;
use crate::error::LogError;
use crate::files;
use crate::index::Index;
use crate::log::Log;
use crate::names;
use crate::segment::{Extent, Segment, Warm, Written};

/// What is collected before it is written and synced.
const WRITE_BYTES: usize = 256 << 10;

/// What stays of a group: durable, under names that mean nothing yet.
#[derive(Debug)]
pub(crate) struct Cleaned {
    pub base: Offset,
    pub log: PathBuf,
    pub extent: Extent,
    pub index: Arc<Index>,
    /// The index files.
    pub beside: Vec<(PathBuf, PathBuf)>,
}

impl Log {
    /// Writes what stays of `group`, whose segments follow each other.
    pub(super) fn rewrite(
        &self,
        group: &[Arc<Segment>],
        filter: &mut Filter<'_>,
        config: &LogConfig,
        meter: &mut Meter<'_>,
    ) -> Result<Cleaned, CompactionError> {
        let Some((first, last)) = group.first().zip(group.last()) else {
            return Err(CompactionError::Changed);
        };
        let disk = &*self.env.disk;
        let path = cleaned_path(&self.dir, first.base, names::LOG);
        let result = self.rewrite_to(&path, group, filter, config, meter).and_then(|built| {
            let next = last.extent().next;
            Ok(finish(disk, &self.dir, first.base, &path, built, next)?)
        });
        if result.is_err() {
            for kind in [names::LOG, names::INDEX, names::TIME_INDEX] {
                // What cannot be removed now is at the next start.
                let _ = files::remove(disk, &cleaned_path(&self.dir, first.base, kind));
            }
        }
        result
    }

    fn rewrite_to(
        &self,
        path: &Path,
        group: &[Arc<Segment>],
        filter: &mut Filter<'_>,
        config: &LogConfig,
        meter: &mut Meter<'_>,
    ) -> Result<Output, CompactionError> {
        let disk = &*self.env.disk;
        let warm = Mutex::new(Warm::default());
        let base = group.first().map_or(Offset::ZERO, |first| first.base);
        let mut output = Output::create(disk, path, base, config.index_interval_bytes)?;
        for (at, segment) in group.iter().enumerate() {
            let extent = segment.extent();
            let old = segment.path();
            let file = segment.file(disk, &warm)?;
            let is_last_segment = at + 1 == group.len();
            let mut walk = segment.batches(&*file, 0, extent.size);
            let mut offset = segment.base;
            while let Some((position, batch)) =
                walk.next().map_err(|error| error.in_file(&old, offset))?
            {
                let header = batch.header;
                check_place(segment, &header, position, offset)?;
                offset = header.next_offset();
                let size = header.size_in_bytes();
                meter.read(size)?;
                let end = u64::from(position) + size as u64;
                let is_last = is_last_segment && end == u64::from(extent.size);
                let outcome = filter.next(&batch, is_last).map_err(|what| LogError::Damaged {
                    path: old.clone(),
                    position: u64::from(position),
                    offset: header.base_offset,
                    what,
                })?;
                let written = match &outcome {
                    Outcome::Verbatim => output.push(batch.bytes)?,
                    Outcome::Rewritten(bytes) => output.push(bytes)?,
                    Outcome::Dropped => 0,
                };
                meter.spent(written)?;
            }
        }
        Ok(output)
    }
}

/// The file that is written.
struct Output {
    path: PathBuf,
    file: Arc<dyn File>,
    /// Takes the index entries and counts the bytes.
    segment: Segment,
    interval: u32,
    buffer: Vec<u8>,
    written: u64,
}

impl Output {
    fn create(
        disk: &dyn Disk,
        path: &Path,
        base: Offset,
        interval: u32,
    ) -> Result<Output, LogError> {
        // One of an earlier run that was stopped may be there.
        files::remove(disk, path)?;
        let file = disk
            .open(path, OpenMode::CreateNew)
            .map_err(|error| LogError::io(path, "create", error))?;
        Ok(Output {
            path: path.to_owned(),
            segment: Segment::active(path.to_owned(), base, file.clone()),
            file,
            interval,
            buffer: Vec::with_capacity(WRITE_BYTES),
            written: 0,
        })
    }

    /// Adds a batch and says how many bytes it has.
    fn push(&mut self, batch: &[u8]) -> Result<usize, LogError> {
        let extent = self.segment.extent();
        let damaged = |what: String| LogError::Damaged {
            path: self.path.clone(),
            position: u64::from(extent.size),
            offset: extent.next,
            what,
        };
        let header = BatchHeader::parse(batch).map_err(|error| damaged(error.to_string()))?;
        if header.base_offset < extent.next {
            return Err(damaged(format!("offset {} after it", header.base_offset)));
        }
        let size = u64::from(extent.size) + batch.len() as u64;
        if size > u64::from(i32::MAX.unsigned_abs()) {
            return Err(damaged("a segment holds at most 2 GiB".to_owned()));
        }
        self.segment.publish(&[Written::of(&header)], self.interval);
        if self.buffer.len() + batch.len() > WRITE_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(batch);
        Ok(batch.len())
    }

    /// Writes what was collected, and makes it durable.
    fn flush(&mut self) -> Result<(), LogError> {
        let failed = |error| LogError::io(&self.path, "write", error);
        if !self.buffer.is_empty() {
            let part = IoSlice::new(&self.buffer);
            self.file.write_all_at(&[part], self.written).map_err(failed)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        self.file.sync_data().map_err(|error| LogError::io(&self.path, "sync", error))
    }
}

/// Makes all of it durable, with its indexes. `next` is where the old segments ended.
fn finish(
    disk: &dyn Disk,
    dir: &Path,
    base: Offset,
    path: &Path,
    mut output: Output,
    next: Offset,
) -> Result<Cleaned, LogError> {
    output.flush()?;
    let extent = output.segment.extent();
    assert!(u64::from(extent.size) == output.written, "a segment of another size than written");
    let index = Arc::new(output.segment.finished_index());
    let (offsets, times) = index.encode();
    let mut beside = Vec::new();
    for (kind, content) in [(names::INDEX, offsets), (names::TIME_INDEX, times)] {
        let cleaned = cleaned_path(dir, base, kind);
        let file = files::write(disk, &cleaned, &content)?;
        file.sync_data().map_err(|error| LogError::io(&cleaned, "sync", error))?;
        beside.push((cleaned, dir.join(names::segment_file(base, kind))));
    }
    files::sync_dir(disk, dir)?;
    let extent = Extent { size: extent.size, next };
    Ok(Cleaned { base, log: path.to_owned(), extent, index, beside })
}

fn cleaned_path(dir: &Path, base: Offset, kind: &str) -> PathBuf {
    dir.join(format!("{}{}", names::segment_file(base, kind), names::CLEANED))
}
