//! The sparse indexes of one segment: offset to position, timestamp to offset.
//!
//! Both are hints. An entry of the offset index names the *last* offset of a batch and the position
//! at which that batch begins; an entry of the time index names a timestamp that was the greatest so
//! far and the last offset of the batch that brought it. Offsets are relative to the segment's base.
//! Entries strictly increase, which is also what [`Index::decode`] insists on: a file that was torn
//! by a crash is refused and built anew from the records.

use records::{Offset, Timestamp};

/// Bytes of an entry in a `.index` file.
pub(crate) const OFFSET_ENTRY_LEN: usize = 8;
/// Bytes of an entry in a `.timeindex` file.
pub(crate) const TIME_ENTRY_LEN: usize = 12;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    /// Last offset of the batch, relative to the base of the segment.
    pub relative: u32,
    /// Where the batch begins.
    pub position: u32,
}

/// A timestamp and where it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    /// The greatest timestamp of the segment so far.
    pub timestamp: Timestamp,
    /// Last offset of the batch that holds it, relative to the base of the segment.
    pub relative: u32,
}

/// Both indexes of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    /// By offset.
    pub offsets: Vec<OffsetEntry>,
    /// By time.
    pub times: Vec<TimeEntry>,
}

impl Index {
    /// Adds a batch; one that does not come after the last entry is left out.
    pub fn push_offset(&mut self, relative: u32, position: u32) {
        let after = self.offsets.last();
        if after.is_none_or(|last| relative > last.relative && position > last.position) {
            self.offsets.push(OffsetEntry { relative, position });
        }
    }

    /// Adds a timestamp if it is greater than the last entry.
    pub fn push_time(&mut self, timestamp: Timestamp, relative: u32) {
        let after = self.times.last();
        if after.is_none_or(|last| timestamp > last.timestamp && relative >= last.relative) {
            self.times.push(TimeEntry { timestamp, relative });
        }
    }

    /// The last entry at or before `relative`: a walk from there finds the batch that holds it.
    #[must_use]
    pub fn entry_at(&self, relative: u32) -> Option<OffsetEntry> {
        let count = self.offsets.partition_point(|entry| entry.relative <= relative);
        self.before(count)
    }

    /// The last entry whose batch ends before `relative` and begins at or before `position`.
    #[must_use]
    pub fn last_within(&self, relative: u32, position: u32) -> Option<OffsetEntry> {
        let count = self
            .offsets
            .partition_point(|entry| entry.relative < relative && entry.position <= position);
        self.before(count)
    }

    fn before(&self, count: usize) -> Option<OffsetEntry> {
        count.checked_sub(1).and_then(|last| self.offsets.get(last)).copied()
    }

    /// Records with a timestamp of at least `timestamp` come at this relative offset or later.
    #[must_use]
    pub fn offset_of_time(&self, timestamp: Timestamp) -> u32 {
        let count = self.times.partition_point(|entry| entry.timestamp <= timestamp);
        count.checked_sub(1).and_then(|last| self.times.get(last)).map_or(0, |entry| entry.relative)
    }

    /// The `.index` and the `.timeindex` file.
    #[must_use]
    pub fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        let mut offsets = Vec::with_capacity(self.offsets.len() * OFFSET_ENTRY_LEN);
        for entry in &self.offsets {
            offsets.extend_from_slice(&entry.relative.to_be_bytes());
            offsets.extend_from_slice(&entry.position.to_be_bytes());
        }
        let mut times = Vec::with_capacity(self.times.len() * TIME_ENTRY_LEN);
        for entry in &self.times {
            times.extend_from_slice(&entry.timestamp.0.to_be_bytes());
            times.extend_from_slice(&entry.relative.to_be_bytes());
        }
        (offsets, times)
    }

    /// Both files of a segment of `size` bytes, or `None` when they cannot be what was written.
    #[must_use]
    pub fn decode(offsets: &[u8], times: &[u8], size: u32) -> Option<Index> {
        let mut index = Index::default();
        for entry in offset_entries(offsets)? {
            let increases = index.offsets.last().is_none_or(|last| {
                entry.relative > last.relative && entry.position > last.position
            });
            if !increases || entry.position >= size {
                return None;
            }
            index.offsets.push(entry);
        }
        for entry in time_entries(times)? {
            let increases = index.times.last().is_none_or(|last| {
                entry.timestamp > last.timestamp && entry.relative >= last.relative
            });
            if !increases {
                return None;
            }
            index.times.push(entry);
        }
        Some(index)
    }
}

/// Tells whether two files are those that were written of a segment: they have no checksum of their own.
pub(crate) fn checksum(base: Offset, offsets: &[u8], times: &[u8]) -> u32 {
    let len = u64::try_from(offsets.len()).unwrap_or(u64::MAX);
    let parts = [&base.0.to_be_bytes()[..], &len.to_be_bytes(), offsets, times];
    records::crc::crc32c(&parts.concat())
}

/// The entries of a `.index` file as they are; `None` when its length is not a whole number of them.
pub(crate) fn offset_entries(bytes: &[u8]) -> Option<impl Iterator<Item = OffsetEntry> + '_> {
    let (entries, rest) = bytes.as_chunks::<OFFSET_ENTRY_LEN>();
    rest.is_empty().then(|| {
        entries.iter().map(|&[a, b, c, d, e, f, g, h]| OffsetEntry {
            relative: u32::from_be_bytes([a, b, c, d]),
            position: u32::from_be_bytes([e, f, g, h]),
        })
    })
}

/// The entries of a `.timeindex` file as they are; `None` when its length does not fit.
pub(crate) fn time_entries(bytes: &[u8]) -> Option<impl Iterator<Item = TimeEntry> + '_> {
    let (entries, rest) = bytes.as_chunks::<TIME_ENTRY_LEN>();
    rest.is_empty().then(|| {
        entries.iter().map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| TimeEntry {
            timestamp: Timestamp(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
            relative: u32::from_be_bytes([i, j, k, l]),
        })
    })
}

/// `offset` counted from `base`; what lies before counts as 0, what lies too far as the greatest.
#[must_use]
pub(crate) fn relative(base: Offset, offset: Offset) -> u32 {
    u32::try_from((offset - base).max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
