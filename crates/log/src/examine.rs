//! Looking at every batch of a segment, and saying which parts are not what was written.
//!
//! The checksum covers a batch from its attributes on. Its length shows by where the next batch begins;
//! its base offset is held against those of its neighbours, its leader epoch against the list of epochs.
//! Offsets rise, with gaps where compaction took batches away, so a base offset that is wrong and still
//! fits between its neighbours is not noticed; everywhere else it is.
//!
//! Behind damage the next whole batch is looked for: where the length of the damaged one leads, else
//! byte by byte. One found so counts only if another follows it or the segment ends with it, as the records
//! of the damaged batch may hold the bytes of a batch themselves.
//!
//! Nothing is changed, and no more than a window of the file is in memory, whatever its lengths say.

use std::io;

use env::File;
use records::{BatchHeader, HEADER_LEN, LeaderEpoch, Offset, crc};

use crate::walk::to_usize;

/// Bytes of a file in memory.
const WINDOW: usize = 256 << 10;
/// Where the part of a batch begins that its checksum covers.
const COVERED_FROM: u32 = 21;
/// Bytes of a batch up to the end of the length field.
const LENGTH_END: u32 = 12;
/// Where a batch says its format.
const MAGIC_AT: usize = 16;
/// How often a search takes bytes for a batch that are none, before it gives the rest up: whoever wrote
/// records that look like batches must not keep it busy for ever.
const TRIES: u32 = 10_000;

/// What is looked at.
pub(crate) struct Plot<'a> {
    pub file: &'a dyn File,
    /// Of the segment.
    pub base: Offset,
    /// Bytes of it.
    pub size: u32,
    /// The offset it must end at.
    pub end: Offset,
    /// Whether it does end there, or somewhere before.
    pub is_exact: bool,
    /// From here on offsets have no gaps, nor does one reach over it.
    pub contiguous_from: Offset,
    /// The leader epoch at an offset, where that is known.
    pub epoch_of: &'a dyn Fn(Offset) -> Option<LeaderEpoch>,
}

/// A part of a segment that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub position: u32,
    pub end_position: u32,
    pub first: Offset,
    pub end: Offset,
    pub what: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unexamined {
    /// The file could not be read.
    Io(io::Error),
    /// Whoever sets the pace said so.
    Stopped,
}

impl From<io::Error> for Unexamined {
    fn from(error: io::Error) -> Unexamined {
        Unexamined::Io(error)
    }
}

/// All flaws of a segment, in order. `spent` is told of bytes that were read, and says whether to go on.
pub(crate) fn examine(
    plot: &Plot<'_>,
    spent: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<Flaw>, Unexamined> {
    let mut view = View { plot, spent, bytes: Vec::new(), at: 0 };
    let mut course = Course::new(plot);
    let mut tries = TRIES;
    let mut position = 0;
    let mut before = None;
    while position < plot.size {
        let checked = match view.whole(position)? {
            Ok(whole) => view.of_its_epoch(whole, before)?,
            fault => fault,
        };
        let fault = match checked {
            Ok(whole) => {
                position = whole.end_position;
                before = Some(whole.header);
                course.whole(whole);
                continue;
            }
            Err(fault) => fault,
        };
        let header = fault.header.filter(|header| course.expects(header.base_offset));
        let due = header.map(|header| header.next_offset());
        let leads_on = match fault.end_position {
            Some(end) if end == plot.size => true,
            Some(end) => view.is_batch(end, due)?,
            None => false,
        };
        course.broken(position, fault.what, due);
        position = if let Some(end) = fault.end_position.filter(|_| leads_on) {
            end
        } else {
            course.is_searched = true;
            view.search(position + 1, course.end, &mut tries)?.unwrap_or(plot.size)
        };
    }
    Ok(course.finish())
}

/// A batch whose bytes are what was written, but for offset and epoch.
#[derive(Clone, Copy, Debug)]
struct Whole {
    position: u32,
    end_position: u32,
    base: Offset,
    next: Offset,
    header: BatchHeader,
    is_searched: bool,
}

/// What is wrong with the bytes at a place.
struct Fault {
    what: String,
    /// The header, where it can be read.
    header: Option<BatchHeader>,
    /// Where the batch ends by its own account.
    end_position: Option<u32>,
}

/// A window of the file.
struct View<'a, 'b> {
    plot: &'a Plot<'a>,
    spent: &'b mut dyn FnMut(usize) -> bool,
    bytes: Vec<u8>,
    at: u32,
}

impl View<'_, '_> {
    /// The bytes from a position on, at least `wanted` of them where the segment has so many.
    fn bytes(&mut self, position: u32, wanted: usize) -> Result<&[u8], Unexamined> {
        let left = to_usize(self.plot.size.saturating_sub(position));
        let wanted = wanted.min(left);
        let skip = position.checked_sub(self.at).map(to_usize);
        let is_there = skip.is_some_and(|skip| skip + wanted <= self.bytes.len());
        if let Some(skip) = skip.filter(|_| is_there) {
            return Ok(self.bytes.get(skip..).unwrap_or_default());
        }
        self.bytes.resize(left.min(WINDOW), 0);
        let read = self.plot.file.read_exact_aside(&mut self.bytes, u64::from(position));
        if let Err(error) = read {
            self.bytes.clear();
            return Err(error.into());
        }
        self.at = position;
        if !(self.spent)(self.bytes.len()) {
            return Err(Unexamined::Stopped);
        }
        Ok(&self.bytes)
    }

    /// The batch at a position, if it is one of this segment.
    fn whole(&mut self, position: u32) -> Result<Result<Whole, Fault>, Unexamined> {
        let (size, base, end) = (self.plot.size, self.plot.base, self.plot.end);
        let fault =
            |what: String, header, end_position| Ok(Err(Fault { what, header, end_position }));
        let header = match BatchHeader::parse(self.bytes(position, HEADER_LEN)?) {
            Ok(header) => header,
            Err(error) => return fault(error.to_string(), None, None),
        };
        let len = u32::try_from(header.size_in_bytes()).unwrap_or(u32::MAX);
        let Some(end_position) = position.checked_add(len).filter(|end| *end <= size) else {
            let left = size - position;
            return fault(format!("a batch of {len} bytes where {left} are left"), None, None);
        };
        let mut sum = crc::Running::default();
        let mut at = position + COVERED_FROM;
        while at < end_position {
            let left = to_usize(end_position - at);
            let bytes = self.bytes(at, 1)?;
            let part = bytes.get(..left.min(bytes.len())).unwrap_or_default();
            sum.update(part);
            at += u32::try_from(part.len()).unwrap_or(u32::MAX);
        }
        let what = if sum.finish() != header.crc {
            format!("the checksum is {:08x}, its content has {:08x}", header.crc, sum.finish())
        } else if header.base_offset < base || header.next_offset() > end {
            let last = header.last_offset();
            format!("offsets {} to {last} in a segment of {base} to {end}", header.base_offset)
        } else {
            return Ok(Ok(Whole {
                position,
                end_position,
                base: header.base_offset,
                next: header.next_offset(),
                header,
                is_searched: false,
            }));
        };
        fault(what, Some(header), Some(end_position))
    }

    /// Holds the leader epoch of a batch against the list of epochs. That has no checksum, so it is
    /// believed only where the batches beside it agree with it.
    fn of_its_epoch(
        &mut self,
        whole: Whole,
        before: Option<BatchHeader>,
    ) -> Result<Result<Whole, Fault>, Unexamined> {
        let known = |header: &BatchHeader| (self.plot.epoch_of)(header.base_offset);
        let agrees =
            |header: &BatchHeader| known(header).is_none_or(|known| known == header.leader_epoch);
        if agrees(&whole.header) {
            return Ok(Ok(whole));
        }
        let epoch = known(&whole.header).unwrap_or(whole.header.leader_epoch);
        let before = before.map(|header| agrees(&header));
        let after = match self.whole(whole.end_position)? {
            Ok(next) => {
                let known = (self.plot.epoch_of)(next.base);
                Some(known.is_none_or(|known| known == next.header.leader_epoch))
            }
            Err(_) => None,
        };
        let is_sure = before.or(after).is_some() && ![before, after].contains(&Some(false));
        if !is_sure {
            return Ok(Ok(whole));
        }
        let what = format!("leader epoch {} where it was {epoch}", whole.header.leader_epoch);
        let (header, end_position) = (Some(whole.header), Some(whole.end_position));
        Ok(Err(Fault { what, header, end_position }))
    }

    /// Whether a batch begins at a position: a whole one, or a damaged one with the offset that is due.
    fn is_batch(&mut self, position: u32, due: Option<Offset>) -> Result<bool, Unexamined> {
        Ok(match self.whole(position)? {
            Ok(_) => true,
            Err(fault) => due.is_some() && due == fault.header.map(|header| header.base_offset),
        })
    }

    /// The next position from which a whole batch begins whose offsets are not below `from`.
    fn search(
        &mut self,
        mut position: u32,
        from: Offset,
        tries: &mut u32,
    ) -> Result<Option<u32>, Unexamined> {
        let (size, end) = (self.plot.size, self.plot.end);
        let header_len = u32::try_from(HEADER_LEN).unwrap_or(u32::MAX);
        while *tries > 0 && position.saturating_add(header_len) <= size {
            let bytes = self.bytes(position, HEADER_LEN)?;
            let looks_like_one = |bytes: &[u8]| {
                let Some((base, rest)) = bytes.split_first_chunk::<8>() else { return false };
                let base = Offset(i64::from_be_bytes(*base));
                let len = rest.first_chunk::<4>().map_or(0, |len| u32::from_be_bytes(*len));
                bytes.get(MAGIC_AT) == Some(&2)
                    && base >= from
                    && base < end
                    && len >= header_len - LENGTH_END
            };
            let found = bytes.windows(HEADER_LEN).position(looks_like_one);
            let last = bytes.len().saturating_sub(HEADER_LEN - 1);
            position += u32::try_from(found.unwrap_or(last)).unwrap_or(u32::MAX);
            if found.is_some() {
                *tries -= 1;
                if self.whole(position)?.is_ok_and(|whole| whole.base >= from) {
                    return Ok(Some(position));
                }
                position += 1;
            }
        }
        Ok(None)
    }
}

/// Damage that no sound batch has ended yet.
struct Open {
    position: u32,
    first: Offset,
    what: String,
    /// What the next offset is by the header of the damaged batch.
    due: Option<Offset>,
    /// Batches contradict each other, and only what is followed without a gap, or lies behind this
    /// offset, is believed.
    disputed: Option<Offset>,
}

/// What is known of the batches up to one place: all before `end` is sound, or in a flaw.
struct Course<'a> {
    plot: &'a Plot<'a>,
    flaws: Vec<Flaw>,
    end: Offset,
    open: Option<Open>,
    /// A whole batch whose offset is still to be believed.
    doubtful: Option<Whole>,
    /// The next batch was searched for.
    is_searched: bool,
}

impl<'a> Course<'a> {
    fn new(plot: &'a Plot<'a>) -> Course<'a> {
        let (flaws, end) = (Vec::new(), plot.base);
        Course { plot, flaws, end, open: None, doubtful: None, is_searched: false }
    }

    /// Whether a damaged batch that says it has this offset can be believed in that.
    fn expects(&self, base: Offset) -> bool {
        match (&self.doubtful, &self.open) {
            (Some(doubtful), _) => base == doubtful.next,
            (None, Some(open)) => Some(base) == open.due,
            (None, None) => base == self.end,
        }
    }

    fn whole(&mut self, mut batch: Whole) {
        batch.is_searched = std::mem::take(&mut self.is_searched);
        let Some(before) = self.doubtful else { return self.first_of_doubt(batch) };
        let disputed = self.open.as_ref().and_then(|open| open.disputed);
        if batch.base == before.next {
            self.believe(before);
            self.believe(batch);
        } else if batch.base > before.next {
            match disputed {
                Some(above) => {
                    let above = above.max(before.next);
                    let open = self.open_at(before.position, String::new());
                    open.disputed = (batch.base < above).then_some(above);
                }
                None => self.believe(before),
            }
            self.doubtful = None;
            self.first_of_doubt(batch);
        } else if batch.base >= self.end {
            let what = format!("offsets from {} are before offset {}", batch.base, before.next);
            let open = self.open_at(before.position, what);
            open.disputed = Some(disputed.unwrap_or(before.next).max(before.next));
            self.doubtful = Some(batch);
        } else {
            self.settle();
            self.misplaced(batch);
        }
    }

    /// A batch behind what is sound, or behind damage.
    fn first_of_doubt(&mut self, batch: Whole) {
        if batch.base < self.end {
            self.misplaced(batch);
            return;
        }
        let is_due = match &self.open {
            Some(open) => open.due == Some(batch.base) && open.disputed.is_none(),
            None => batch.base == self.end,
        };
        if is_due {
            self.believe(batch);
        } else if self.open.is_none() && self.end.max(batch.base - 1) >= self.plot.contiguous_from {
            self.misplaced(batch);
        } else {
            self.doubtful = Some(batch);
        }
    }

    /// A batch whose offsets cannot be its own.
    fn misplaced(&mut self, batch: Whole) {
        let what = format!("offset {} where {} was due", batch.base, self.end);
        // Its records are there, so it tells how many offsets are its own.
        let due = self.end.plus(batch.next - batch.base);
        let is_new = self.open.is_none();
        let open = self.open_at(batch.position, what);
        open.due = is_new.then_some(due);
    }

    /// Bytes that are no batch of this segment.
    fn broken(&mut self, position: u32, what: String, due: Option<Offset>) {
        self.settle();
        // Of the first, or of one that the one before leads to.
        self.open_at(position, what).due = due;
    }

    /// Decides about a batch after which nothing can be said of it.
    fn settle(&mut self) {
        let Some(before) = self.doubtful.take() else { return };
        let is_disputed = self.open.as_ref().is_some_and(|open| open.disputed.is_some());
        if !is_disputed && !before.is_searched {
            self.believe(before);
        }
    }

    fn open_at(&mut self, position: u32, what: String) -> &mut Open {
        let first = self.end;
        self.open.get_or_insert(Open { position, first, what, due: None, disputed: None })
    }

    /// The batch is sound, and ends the damage before it.
    fn believe(&mut self, batch: Whole) {
        if let Some(open) = self.open.take() {
            self.flaws.push(Flaw {
                position: open.position,
                end_position: batch.position,
                first: open.first,
                end: batch.base,
                what: open.what,
            });
        }
        self.doubtful = None;
        self.end = batch.next;
    }

    fn finish(mut self) -> Vec<Flaw> {
        let Plot { size, end, is_exact, .. } = *self.plot;
        if let Some(last) = self.doubtful.take() {
            let is_disputed = self.open.as_ref().is_some_and(|open| open.disputed.is_some());
            if if is_exact { last.next == end } else { !is_disputed } {
                self.believe(last);
            } else {
                let what = format!("offset {} where {} was due", last.base, self.end);
                self.open_at(last.position, what);
            }
        }
        if is_exact && self.end < end {
            let what = format!("offsets from {} to {end} are missing", self.end);
            self.open_at(size, what);
        }
        if let Some(open) = self.open {
            let Open { position, first, what, .. } = open;
            self.flaws.push(Flaw { position, end_position: size, first, end, what });
        }
        self.flaws
    }
}

#[cfg(test)]
mod tests;
