//! Reading: from an offset to the regions of files that hold the batches.
//!
//! A slice is whole batches. It begins with the batch that holds the offset asked for, which may begin
//! before it, and ends before the end asked for. No lock of the writer is taken; bytes are read only to
//! find where batches begin, and then only headers.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use env::File;
use records::Offset;

use crate::error::{LogError, ReadError};
use crate::index::relative;
use crate::log::Log;
use crate::segment::{Extent, Segment};
use crate::walk::HeaderWalk;

/// A part of a segment file.
#[derive(Clone, Debug)]
pub struct Region {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where the part begins.
    pub position: u64,
    /// How long it is.
    pub len: usize,
}

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

impl Region {
    /// The bytes.
    pub fn load(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len];
        self.file.read_exact_at(&mut bytes, self.position)?;
        Ok(bytes.into())
    }
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
        // The end is read first: what is published later is not asked for.
        let log_end = self.log_end();
        let log_start = self.log_start();
        if from < log_start || from > log_end {
            return Err(ReadError::OutOfRange { from, log_start, log_end });
        }
        let end = end.min(log_end);
        if from >= end {
            return Ok(Slice::empty(from));
        }
        loop {
            let segments = self.segments.load();
            let result = self.read_from(&segments, from, end, bytes_max, at_least_one);
            // Segments that were replaced meanwhile may have lost their files.
            if result.is_ok() || Arc::ptr_eq(&segments, &self.segments.load()) {
                return result.map_err(|error| self.gone(from, error));
            }
        }
    }

    fn read_from(
        &self,
        segments: &[Arc<Segment>],
        from: Offset,
        end: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Slice, LogError> {
        let mut slice = Slice::empty(from);
        let at = segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        for segment in segments.get(at..).unwrap_or_default() {
            if segment.base >= end {
                break;
            }
            let left = bytes_max.saturating_sub(slice.len());
            let first = slice.is_empty();
            if left == 0 && !(first && at_least_one) {
                break;
            }
            let found = self.read_segment(segment, slice.next, end, left, first && at_least_one)?;
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
        end: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Option<(Slice, bool)>, LogError> {
        let extent = segment.extent();
        // The second: it was just begun.
        if extent.next <= from || extent.next == segment.base {
            return Ok(None);
        }
        let file = segment.file(&*self.env.disk, &self.warm)?;
        let Some((position, start)) = self.find(segment, &*file, extent, from)? else {
            // Compaction leaves holes, but never takes the last batch of a segment.
            return Err(LogError::Damaged {
                path: segment.path(),
                position: u64::from(extent.size),
                offset: from,
                what: format!("it was written up to offset {} and ends before", extent.next),
            });
        };
        let stop = self.stop(segment, &*file, extent, position, end, bytes_max, at_least_one)?;
        let Extent { size: stop, next } = stop;
        if stop == position {
            return Ok(Some((Slice::empty(from), false)));
        }
        let len = usize::try_from(stop - position).unwrap_or(0);
        let regions = vec![Region { file, position: u64::from(position), len }];
        Ok(Some((Slice { start, next, regions }, stop == extent.size)))
    }

    /// Where the first batch begins that ends at or after `from`, and its base offset.
    pub(crate) fn find(
        &self,
        segment: &Segment,
        file: &dyn File,
        extent: Extent,
        from: Offset,
    ) -> Result<Option<(u32, Offset)>, LogError> {
        if from <= segment.base {
            // The first batch, whose base offset is that of the segment but for compaction.
            let mut walk = HeaderWalk::new(file, 0, extent.size);
            return match walk.next().map_err(|error| error.in_file(&segment.path(), from))? {
                Some((position, header)) => Ok(Some((position, header.base_offset))),
                None => Ok(None),
            };
        }
        let at = relative(segment.base, from);
        let hint = segment.with_index(&*self.env.disk, &self.warm, |index| index.entry_at(at))?;
        let mut walk = HeaderWalk::hinted(file, segment.base, hint, 0, extent.size);
        while let Some((position, header)) =
            walk.next().map_err(|error| error.in_file(&segment.path(), from))?
        {
            if header.last_offset() >= from {
                return Ok(Some((position, header.base_offset)));
            }
        }
        Ok(None)
    }

    /// Where to stop after `position`: before the first batch that reaches `end` or goes over
    /// `bytes_max`.
    #[expect(clippy::too_many_arguments, reason = "one question, all of it needed for the answer")]
    fn stop(
        &self,
        segment: &Segment,
        file: &dyn File,
        extent: Extent,
        position: u32,
        end: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Extent, LogError> {
        let limit = u32::try_from(bytes_max).unwrap_or(u32::MAX).saturating_add(position);
        if extent.next <= end && extent.size <= limit {
            return Ok(extent);
        }
        let at = relative(segment.base, end);
        let hint = segment
            .with_index(&*self.env.disk, &self.warm, |index| index.last_within(at, limit))?;
        let mut walk = HeaderWalk::hinted(file, segment.base, hint, position, extent.size);
        let mut stop = Extent { size: walk.position(), next: segment.base };
        while let Some((begin, header)) =
            walk.next().map_err(|error| error.in_file(&segment.path(), end))?
        {
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

    fn base_at(
        &self,
        segment: &Segment,
        file: &dyn File,
        position: u32,
        extent: Extent,
    ) -> Result<Offset, LogError> {
        let mut walk = HeaderWalk::new(file, position, extent.size);
        let header = walk.next().map_err(|error| error.in_file(&segment.path(), extent.next))?;
        Ok(header.map_or(extent.next, |(_, header)| header.base_offset))
    }
}
