//! Walking the batches of a segment file: headers only, or whole batches with their checksums.
//!
//! Both stop at `limit`, which is what was published or, in recovery, the length of the file. Neither
//! believes a length before it was compared with what is left, and the buffer never grows beyond one
//! batch.

use std::io;
use std::sync::Arc;

use env::File;
use records::{Batch, BatchError, BatchHeader, HEADER_LEN, Offset};

use crate::index::OffsetEntry;
use crate::quarantine::Hole;

/// How much of the file one read of a header walk brings: an index interval of small batches.
const HEADERS_READ: usize = 4096;
/// How much one read of a walk over whole batches brings.
const BATCHES_READ: usize = 1 << 20;

/// Why a walk stopped before its limit.
#[derive(Debug)]
pub(crate) enum WalkError {
    /// The file could not be read.
    Io(io::Error),
    /// What lies at `position` is not the batch it should be.
    Damaged { position: u32, what: String },
}

impl From<io::Error> for WalkError {
    fn from(error: io::Error) -> WalkError {
        WalkError::Io(error)
    }
}

/// The damaged parts of a file, in order; nearly all have none.
pub(crate) type Holes = Option<Arc<Vec<Hole>>>;

/// The first position from `position` on that is in no hole.
fn behind(holes: &Holes, position: u32) -> u32 {
    let Some(holes) = holes else { return position };
    holes.iter().fold(position, |at, hole| {
        if hole.position <= at && at < hole.end_position { hole.end_position } else { at }
    })
}

/// The way through a file, and the part of it that was read.
struct Walk<'a> {
    file: &'a dyn File,
    position: u32,
    limit: u32,
    /// How much one read brings, at least.
    at_once: usize,
    buffer: Vec<u8>,
    buffer_at: u32,
    holes: Holes,
}

impl<'a> Walk<'a> {
    fn new(file: &'a dyn File, position: u32, limit: u32, at_once: usize) -> Walk<'a> {
        let buffer = Vec::new();
        Walk { file, position, limit, at_once, buffer, buffer_at: position, holes: None }
    }

    /// Goes to the next batch and says where that begins, its header and its size.
    fn header(&mut self) -> Result<Option<(u32, BatchHeader, u32)>, WalkError> {
        self.position = behind(&self.holes, self.position);
        let position = self.position;
        let left = self.limit.saturating_sub(position);
        if left == 0 {
            return Ok(None);
        }
        let bytes = self.bytes(HEADER_LEN)?;
        let header = BatchHeader::parse(bytes).map_err(|error| damaged(position, &error))?;
        let size = size_of_batch(&header, position, left)?;
        Ok(Some((position, header, size)))
    }

    /// The bytes from the current position on: at least so many, where there are.
    fn bytes(&mut self, wanted: usize) -> Result<&[u8], WalkError> {
        let left = to_usize(self.limit.saturating_sub(self.position));
        let skip = to_usize(self.position.saturating_sub(self.buffer_at));
        if self.buffer.len() >= skip.saturating_add(wanted.min(left)) {
            return Ok(self.buffer.get(skip..).unwrap_or_default());
        }
        self.buffer.resize(left.min(wanted.max(self.at_once)), 0);
        if let Err(error) = self.file.read_exact_at(&mut self.buffer, u64::from(self.position)) {
            // What is in it now was not read.
            self.buffer.clear();
            return Err(error.into());
        }
        self.buffer_at = self.position;
        Ok(&self.buffer)
    }
}

/// Walks headers.
pub(crate) struct HeaderWalk<'a>(Walk<'a>);

impl<'a> HeaderWalk<'a> {
    pub fn new(file: &'a dyn File, position: u32, limit: u32) -> HeaderWalk<'a> {
        HeaderWalk(Walk::new(file, position, limit, HEADERS_READ))
    }

    /// Passes over the damaged parts of the file.
    pub fn over(self, holes: Holes) -> HeaderWalk<'a> {
        HeaderWalk(Walk { holes, ..self.0 })
    }

    /// A walk from where an index entry leads, if the batch it means does begin there, else from
    /// `start`: a damaged index costs time and nothing else.
    pub fn hinted(
        file: &'a dyn File,
        base: Offset,
        hint: Option<OffsetEntry>,
        start: u32,
        limit: u32,
    ) -> HeaderWalk<'a> {
        if let Some(hint) = hint.filter(|hint| hint.position > start && hint.position < limit) {
            let mut walk = HeaderWalk::new(file, hint.position, limit);
            let header = match walk.0.bytes(HEADER_LEN) {
                // It does not know, and its first step says so.
                Err(error) if error.would_block() => return walk,
                bytes => bytes.ok().and_then(|bytes| BatchHeader::parse(bytes).ok()),
            };
            let last = base.plus(i64::from(hint.relative));
            if header.is_some_and(|header| header.last_offset() == last) {
                return walk;
            }
        }
        HeaderWalk::new(file, start, limit)
    }

    /// Where the next batch begins.
    pub fn position(&self) -> u32 {
        self.0.position
    }

    /// Where the next batch begins and its header.
    pub fn next(&mut self) -> Result<Option<(u32, BatchHeader)>, WalkError> {
        let Some((position, header, size)) = self.0.header()? else { return Ok(None) };
        self.0.position += size;
        Ok(Some((position, header)))
    }
}

/// Walks whole batches and checks their checksums.
pub(crate) struct BatchWalk<'a>(Walk<'a>);

impl<'a> BatchWalk<'a> {
    pub fn new(file: &'a dyn File, position: u32, limit: u32) -> BatchWalk<'a> {
        BatchWalk(Walk::new(file, position, limit, BATCHES_READ))
    }

    /// Passes over the damaged parts of the file.
    pub fn over(self, holes: Holes) -> BatchWalk<'a> {
        BatchWalk(Walk { holes, ..self.0 })
    }

    /// Where the next batch begins and the batch.
    pub fn next(&mut self) -> Result<Option<(u32, Batch<'_>)>, WalkError> {
        let Some((position, _, size)) = self.0.header()? else { return Ok(None) };
        self.0.bytes(to_usize(size))?;
        self.0.position += size;
        let skip = to_usize(position.saturating_sub(self.0.buffer_at));
        let bytes = self.0.buffer.get(skip..).unwrap_or_default();
        let batch = Batch::parse(bytes).map_err(|error| damaged(position, &error))?;
        batch.check_crc().map_err(|error| damaged(position, &error))?;
        Ok(Some((position, batch)))
    }
}

fn size_of_batch(header: &BatchHeader, position: u32, left: u32) -> Result<u32, WalkError> {
    let needed = header.size_in_bytes();
    match u32::try_from(needed) {
        Ok(size) if size <= left => Ok(size),
        Ok(_) | Err(_) => {
            let error = BatchError::Truncated { needed, available: to_usize(left) };
            Err(damaged(position, &error))
        }
    }
}

fn damaged(position: u32, error: &BatchError) -> WalkError {
    WalkError::Damaged { position, what: error.to_string() }
}

pub(crate) fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl WalkError {
    /// Whether it is only that the disk would have been waited for.
    pub fn would_block(&self) -> bool {
        matches!(self, WalkError::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// With what the log knows of the place.
    pub fn in_file(self, path: &std::path::Path, offset: Offset) -> crate::LogError {
        match self {
            WalkError::Io(error) => crate::LogError::io(path, "read", error),
            WalkError::Damaged { position, what } => crate::LogError::Damaged {
                path: path.to_owned(),
                position: u64::from(position),
                offset,
                what,
            },
        }
    }
}
