//! Reading: from an offset to the regions of files that hold the batches.
//!
//! A slice is whole batches. It begins with the batch that holds the offset asked for, which may begin
//! before it, and ends before the end asked for. No lock of the writer is taken; bytes are read only to
//! find where batches begin, and then only headers. Who must not wait for the disk asks for what is in
//! memory, and is told when that is not enough.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use env::File;
use env::disk::InMemory;
use records::Offset;

use crate::error::{LogError, ReadError};
use crate::index::{Index, relative};
use crate::log::Log;
use crate::region::Region;
use crate::segment::{Extent, Segment};

/// Whole batches in their files.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Offset of the first record of the first batch, or what was asked for when there is none.
    pub start: Offset,
    /// The offset to go on from.
    pub next: Offset,
    /// Where the bytes are, in order.
    pub regions: Vec<Region>,
}

impl Slice {
    /// No batches, and nothing to go on from but where one is.
    #[must_use]
    pub fn empty(at: Offset) -> Slice {
        Slice { start: at, next: at, regions: Vec::new() }
    }

    /// Bytes in all regions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.regions.iter().map(|region| region.len).sum()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// The bytes.
    pub fn load(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len()];
        let mut rest = bytes.as_mut_slice();
        for region in &self.regions {
            let Some((part, after)) = rest.split_at_mut_checked(region.len) else { break };
            region.file.read_exact_at(part, region.position)?;
            rest = after;
        }
        Ok(bytes.into())
    }
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It may.
    ForDisk,
    /// It may not, and fails with [`LogError::NotInMemory`] instead.
    Never,
}

/// What is asked of a read besides where it begins.
#[derive(Clone, Copy)]
struct Terms {
    end: Offset,
    bytes_max: usize,
    at_least_one: bool,
    wait: Wait,
}

impl Log {
    /// Batches from the one that holds `from` up to `end` (exclusive), at most `bytes_max` bytes of
    /// them, or the first alone however large when `at_least_one` is set.
    pub fn read(
        &self,
        from: Offset,
        end: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Slice, ReadError> {
        self.read_on(from, Terms { end, bytes_max, at_least_one, wait: Wait::ForDisk })
    }

    /// [`Log::read`] that never waits for the disk: `None` where it would have to.
    pub fn read_in_memory(
        &self,
        from: Offset,
        end: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Option<Slice>, ReadError> {
        let terms = Terms { end, bytes_max, at_least_one, wait: Wait::Never };
        match self.read_on(from, terms) {
            Ok(slice) => Ok(Some(slice)),
            Err(ReadError::Storage(LogError::NotInMemory)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_on(&self, from: Offset, terms: Terms) -> Result<Slice, ReadError> {
        // The end is read first: what is published later is not asked for.
        let log_end = self.log_end();
        let log_start = self.log_start();
        if from < log_start || from > log_end {
            return Err(ReadError::OutOfRange { from, log_start, log_end });
        }
        let end = terms.end.min(log_end);
        if from >= end {
            return Ok(Slice::empty(from));
        }
        let terms = Terms { end: self.sound_end(from, end)?, ..terms };
        loop {
            let segments = self.segments.load();
            let result = self.read_from(&segments, from, terms);
            // Segments that were replaced meanwhile may have lost their files.
            if result.is_ok() || Arc::ptr_eq(&segments, &self.segments.load()) {
                return self.noticing(result).map_err(|error| self.gone(from, error));
            }
        }
    }

    fn read_from(
        &self,
        segments: &[Arc<Segment>],
        from: Offset,
        terms: Terms,
    ) -> Result<Slice, LogError> {
        let mut slice = Slice::empty(from);
        let at = segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        for segment in segments.get(at..).unwrap_or_default() {
            if segment.base >= terms.end {
                break;
            }
            let left = terms.bytes_max.saturating_sub(slice.len());
            let first = slice.is_empty();
            let at_least_one = first && terms.at_least_one;
            if left == 0 && !at_least_one {
                break;
            }
            let terms = Terms { bytes_max: left, at_least_one, ..terms };
            let found = self.read_segment(segment, slice.next, terms)?;
            let Some((part, to_its_end)) = found else { continue };
            if first && !part.regions.is_empty() {
                slice.start = part.start;
            }
            slice.regions.extend(part.regions);
            slice.next = slice.next.max(part.next);
            if !to_its_end {
                break;
            }
        }
        Ok(slice)
    }

    /// A segment that was deleted while it was read answers as the log start now does.
    fn gone(&self, from: Offset, error: LogError) -> ReadError {
        let (log_start, log_end) = (self.log_start(), self.log_end());
        if from < log_start {
            return ReadError::OutOfRange { from, log_start, log_end };
        }
        ReadError::Storage(error)
    }

    /// The part of one segment and whether it goes to the segment's end; `None` when the segment
    /// holds nothing at or after `from`.
    fn read_segment(
        &self,
        segment: &Segment,
        from: Offset,
        terms: Terms,
    ) -> Result<Option<(Slice, bool)>, LogError> {
        let extent = segment.extent();
        // The second: it was just begun.
        if extent.next <= from || extent.next == segment.base {
            return Ok(None);
        }
        let file = match terms.wait {
            Wait::ForDisk => segment.file(&*self.env.disk, &self.warm)?,
            Wait::Never => segment.open_file().ok_or(LogError::NotInMemory)?,
        };
        let found = match terms.wait {
            Wait::ForDisk => self.part(segment, &*file, extent, from, terms)?,
            Wait::Never => self.part(segment, &InMemory(&*file), extent, from, terms)?,
        };
        let Some((position, start, Extent { size: stop, next })) = found else {
            // Compaction leaves holes, but never takes the last batch of a segment.
            return Err(LogError::Damaged {
                path: segment.path(),
                position: u64::from(extent.size),
                offset: from,
                what: format!("it was written up to offset {} and ends before", extent.next),
            });
        };
        if stop == position {
            return Ok(Some((Slice::empty(from), false)));
        }
        let len = usize::try_from(stop - position).unwrap_or(0);
        let regions = segment.regions(file, position, len);
        Ok(Some((Slice { start, next, regions }, stop == extent.size)))
    }

    /// Where in the file the part begins, its first offset, and where it ends.
    fn part(
        &self,
        segment: &Segment,
        file: &dyn File,
        extent: Extent,
        from: Offset,
        terms: Terms,
    ) -> Result<Option<(u32, Offset, Extent)>, LogError> {
        let Some((position, start)) = self.find(segment, file, extent, from, terms.wait)? else {
            return Ok(None);
        };
        let stop = self.stop(segment, file, extent, position, terms)?;
        Ok(Some((position, start, stop)))
    }

    /// Where the first batch begins that ends at or after `from`, and its base offset.
    pub(crate) fn find(
        &self,
        segment: &Segment,
        file: &dyn File,
        extent: Extent,
        from: Offset,
        wait: Wait,
    ) -> Result<Option<(u32, Offset)>, LogError> {
        if from <= segment.base {
            // The first batch, whose base offset is that of the segment but for compaction.
            let mut walk = segment.headers(file, 0, extent.size);
            return match walk.next().map_err(|error| segment.fault(error, from))? {
                Some((position, header)) => Ok(Some((position, header.base_offset))),
                None => Ok(None),
            };
        }
        let at = relative(segment.base, from);
        let hint = self.with_index(segment, wait, |index| index.entry_at(at))?;
        let mut walk = segment.headers_hinted(file, hint, 0, extent.size);
        while let Some((position, header)) =
            walk.next().map_err(|error| segment.fault(error, from))?
        {
            if header.last_offset() >= from {
                return Ok(Some((position, header.base_offset)));
            }
        }
        Ok(None)
    }

    /// Where to stop after `position`: before the first batch that reaches `end` or goes over
    /// `bytes_max`.
    fn stop(
        &self,
        segment: &Segment,
        file: &dyn File,
        extent: Extent,
        position: u32,
        terms: Terms,
    ) -> Result<Extent, LogError> {
        let Terms { end, bytes_max, at_least_one, wait } = terms;
        let limit = u32::try_from(bytes_max).unwrap_or(u32::MAX).saturating_add(position);
        // Damage may lie behind its last batch.
        if extent.next <= end && extent.size <= limit && !segment.has_holes() {
            return Ok(extent);
        }
        let at = relative(segment.base, end);
        let hint = self.with_index(segment, wait, |index| index.last_within(at, limit))?;
        let mut walk = segment.headers_hinted(file, hint, position, extent.size);
        let mut stop = Extent { size: walk.position(), next: segment.base };
        while let Some((begin, header)) = walk.next().map_err(|error| segment.fault(error, end))? {
            let whole = u32::try_from(header.size_in_bytes()).unwrap_or(u32::MAX);
            let over = begin.saturating_add(whole) > limit;
            if header.last_offset() >= end || (over && !(at_least_one && begin == position)) {
                break;
            }
            stop = Extent { size: begin.saturating_add(whole), next: header.next_offset() };
            if over {
                break;
            }
        }
        if stop.next == segment.base && stop.size > position {
            // The hint itself was the place to stop; its batch begins where the one before ended.
            stop.next = self.base_at(segment, file, stop.size, extent)?;
        }
        Ok(stop)
    }

    fn with_index<T>(
        &self,
        segment: &Segment,
        wait: Wait,
        look: impl FnOnce(&Index) -> T,
    ) -> Result<T, LogError> {
        match wait {
            Wait::ForDisk => segment.with_index(&*self.env.disk, &self.warm, look),
            Wait::Never => segment.with_loaded_index(look).map_err(|_| LogError::NotInMemory),
        }
    }

    fn base_at(
        &self,
        segment: &Segment,
        file: &dyn File,
        position: u32,
        extent: Extent,
    ) -> Result<Offset, LogError> {
        let mut walk = segment.headers(file, position, extent.size);
        let header = walk.next().map_err(|error| segment.fault(error, extent.next))?;
        Ok(header.map_or(extent.next, |(_, header)| header.base_offset))
    }
}

#[cfg(test)]
mod tests;
