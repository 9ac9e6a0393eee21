//! The form of a journal entry (docs/format/journal.md): what one group commit writes.
//!
//! A header, then records one after the other, all big-endian. The checksum covers everything after
//! it, so that an entry is whole or does not count. No I/O.

use std::fmt;

use records::Offset;
use uuid::Uuid;

use crate::catalogue::Marks;
use crate::names;

/// "WJ" and the version of the format.
const MAGIC: u32 = 0x574a_0001;

/// Bytes before the first record.
pub(super) const HEADER_LEN: usize = 48;

/// Entries begin at multiples of this: a commit never writes to a page that an earlier one needs.
pub(super) const ALIGNMENT: u64 = 4096;

/// The largest entry, without what fills its last page.
pub(super) const ENTRY_MAX: usize = 32 << 20;

/// Where the checksum lies, and what it covers begins.
const CRC_AT: usize = 4;
const COVERED_FROM: usize = 8;

const DEFINE: u8 = 1;
const WRITE: u8 = 2;
const FORGET: u8 = 3;
const MARKS: u8 = 4;

/// Bytes of a write record before the batches.
pub(super) const WRITE_LEN: usize = 1 + 4 + 8 + 4 + 4;

/// The head of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Entries of a folder are numbered without gaps.
    pub sequence: u64,
    /// A random number of the process that wrote it, known to nobody outside.
    pub life: u64,
    /// Bytes with this header, without what fills the last page.
    pub len: u32,
    /// How many of the entries right before it were not known to be durable when it was written. All
    /// before those were.
    pub behind: u32,
    /// The folder it belongs to.
    pub directory: Uuid,
}

/// What a journal says of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// From here on in this file, `log` means this partition.
    Define { log: u32, topic_id: Uuid, partition: i32, topic: &'a str },
    /// Batches at a position of a segment.
    Write { log: u32, base: Offset, position: u32, batches: &'a [u8] },
    /// What was said before of the partition's segments with lower base offsets is not needed, and must
    /// not be written again: they are gone, or synced and may hold something else from now on.
    Forget { topic_id: Uuid, partition: i32, below: Offset },
    /// Where a partition begins and how far it is durable, from here on: its records were deleted, or
    /// it was cut.
    Marks { log: u32, marks: Marks },
}

impl Record<'_> {
    /// Adds the record to an entry's body. Of a write only what comes before the batches.
    pub fn put(&self, body: &mut Vec<u8>) {
        match *self {
            Record::Define { log, topic_id, partition, topic } => {
                body.push(DEFINE);
                body.extend(log.to_be_bytes());
                body.extend(topic_id.as_bytes());
                body.extend(partition.to_be_bytes());
                body.extend(u16::try_from(topic.len()).unwrap_or(u16::MAX).to_be_bytes());
                body.extend(topic.as_bytes());
            }
            Record::Write { log, base, position, batches } => {
                put_write(body, log, base, position, batches.len());
                body.extend(batches);
            }
            Record::Forget { topic_id, partition, below } => {
                body.push(FORGET);
                body.extend(topic_id.as_bytes());
                body.extend(partition.to_be_bytes());
                body.extend(below.0.to_be_bytes());
            }
            Record::Marks { log, marks } => {
                body.push(MARKS);
                body.extend(log.to_be_bytes());
                for offset in [marks.log_start, marks.recovery_point, marks.durable_end] {
                    body.extend(offset.0.to_be_bytes());
                }
            }
        }
    }
}

/// The beginning of a write record; `len` bytes of batches follow.
pub(super) fn put_write(body: &mut Vec<u8>, log: u32, base: Offset, position: u32, len: usize) {
    body.push(WRITE);
    body.extend(log.to_be_bytes());
    body.extend(base.0.to_be_bytes());
    body.extend(position.to_be_bytes());
    body.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Define { log, topic_id, partition, topic } => write!(
                f,
                "define log: {log} topic: {topic} partition: {partition} topicId: {}",
                names::id_text(*topic_id)
            ),
            Record::Write { log, base, position, batches } => write!(
                f,
                "write log: {log} segment: {base} position: {position} size: {}",
                batches.len()
            ),
            Record::Forget { topic_id, partition, below } => write!(
                f,
                "forget topicId: {} partition: {partition} below: {below}",
                names::id_text(*topic_id)
            ),
            Record::Marks { log, marks: Marks { log_start, recovery_point, durable_end } } => {
                write!(
                    f,
                    "marks log: {log} logStart: {log_start} recoveryPoint: {recovery_point} \
                 durableEnd: {durable_end}"
                )
            }
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { sequence, life, len, .. } = self;
        write!(f, "entry: {sequence} size: {len} life: {life:016x}")
    }
}

impl Header {
    /// The header in front of these parts of a body, with its checksum.
    pub fn encode(&self, body: &[&[u8]]) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + part.len()) {
                place.copy_from_slice(part);
            }
            at += part.len();
        };
        put(&MAGIC.to_be_bytes());
        put(&[0; 4]);
        put(&self.sequence.to_be_bytes());
        put(&self.life.to_be_bytes());
        put(&self.len.to_be_bytes());
        put(&self.behind.to_be_bytes());
        put(self.directory.as_bytes());
        let covered = bytes.get(COVERED_FROM..).unwrap_or_default();
        let parts: Vec<&[u8]> = std::iter::once(covered).chain(body.iter().copied()).collect();
        let crc = records::crc::crc32c_parts(&parts);
        if let Some(place) = bytes.get_mut(CRC_AT..COVERED_FROM) {
            place.copy_from_slice(&crc.to_be_bytes());
        }
        bytes
    }

    /// The header at the start of `bytes`, its checksum unchecked.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let mut from = Cursor(bytes);
        if from.u32()? != MAGIC {
            return None;
        }
        from.u32()?;
        let (sequence, life, len) = (from.u64()?, from.u64()?, from.u32()?);
        let behind = from.u32()?;
        let directory = from.id()?;
        let fits = (HEADER_LEN..=ENTRY_MAX).contains(&usize::try_from(len).ok()?);
        fits.then_some(Header { sequence, life, len, behind, directory })
    }

    /// Whether the entry with this number was durable before this one was written.
    pub fn proves(&self, sequence: u64) -> bool {
        sequence < self.sequence.saturating_sub(u64::from(self.behind))
    }

    /// Whether `entry`, which begins with this header and has its length, is what was written.
    pub fn is_whole(&self, entry: &[u8]) -> bool {
        let stored = entry.get(CRC_AT..COVERED_FROM).and_then(|crc| crc.try_into().ok());
        let covered = entry.get(COVERED_FROM..).unwrap_or_default();
        u32::try_from(entry.len()) == Ok(self.len)
            && stored.map(u32::from_be_bytes) == Some(records::crc::crc32c(covered))
    }

    /// Bytes it takes in the file.
    pub fn footprint(&self) -> u64 {
        footprint(u64::from(self.len))
    }
}

/// An entry of so many bytes with what fills its last page.
pub(super) fn footprint(len: u64) -> u64 {
    len.next_multiple_of(ALIGNMENT)
}

/// The records of an entry's body, or `None` in place of one that is not as it should be.
pub(super) fn records(body: &[u8]) -> impl Iterator<Item = Option<Record<'_>>> {
    records_with_ends(body).map(|(record, _)| record)
}

/// [`records`], each with where it ends in the body.
pub(super) fn records_with_ends(body: &[u8]) -> impl Iterator<Item = (Option<Record<'_>>, usize)> {
    let mut from = Cursor(body);
    let mut over = false;
    std::iter::from_fn(move || {
        if over || from.0.is_empty() {
            return None;
        }
        let record = from.record();
        over = record.is_none();
        Some((record, body.len() - from.0.len()))
    })
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn offset(&mut self) -> Option<Offset> {
        self.array().map(i64::from_be_bytes).map(Offset)
    }

    fn id(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let [kind] = self.array()?;
        Some(match kind {
            DEFINE => {
                let (log, topic_id, partition) = (self.u32()?, self.id()?, self.i32()?);
                let len = self.array().map(u16::from_be_bytes)?;
                let topic = std::str::from_utf8(self.take(usize::from(len))?).ok()?;
                Record::Define { log, topic_id, partition, topic }
            }
            WRITE => {
                let (log, base, position) = (self.u32()?, self.offset()?, self.u32()?);
                let len = usize::try_from(self.u32()?).ok()?;
                Record::Write { log, base, position, batches: self.take(len)? }
            }
            FORGET => {
                let (topic_id, partition) = (self.id()?, self.i32()?);
                Record::Forget { topic_id, partition, below: self.offset()? }
            }
            MARKS => {
                let log = self.u32()?;
                let (log_start, recovery_point) = (self.offset()?, self.offset()?);
                let durable_end = self.offset()?;
                Record::Marks { log, marks: Marks { log_start, recovery_point, durable_end } }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(len: usize) -> Header {
        Header {
            sequence: 7,
            life: 0x1234_5678_9abc_def0,
            len: u32::try_from(len).unwrap(),
            behind: 1,
            directory: Uuid::from_u128(9),
        }
    }

    #[test]
    fn an_entry_comes_back_and_any_flipped_bit_is_seen() {
        let topic_id = Uuid::from_u128(5);
        let all = [
            Record::Define { log: 3, topic_id, partition: 12, topic: "größe" },
            Record::Write { log: 3, base: Offset(40), position: 99, batches: b"batches" },
            Record::Forget { topic_id, partition: 12, below: Offset::MAX },
            Record::Marks {
                log: 3,
                marks: Marks {
                    log_start: Offset(1),
                    recovery_point: Offset(2),
                    durable_end: Offset(3),
                },
            },
        ];
        let mut body = Vec::new();
        all.iter().for_each(|record| record.put(&mut body));
        let (one, two) = body.split_at(body.len() / 3);
        let header = header(HEADER_LEN + body.len());
        let mut entry = header.encode(&[one, two]).to_vec();
        entry.extend(&body);

        assert_eq!(Header::parse(&entry), Some(header));
        assert!(header.is_whole(&entry));
        let read: Vec<_> = records(&body).collect();
        assert_eq!(read, all.into_iter().map(Some).collect::<Vec<_>>());
        for bit in CRC_AT * 8..entry.len() * 8 {
            let mut flipped = entry.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = Header::parse(&flipped);
            assert!(!read.is_some_and(|header| header.is_whole(&flipped)), "bit {bit}");
        }
    }

    #[test]
    fn a_body_cut_anywhere_gives_no_record_that_was_not_written() {
        let mut body = Vec::new();
        let write = Record::Write { log: 1, base: Offset(0), position: 0, batches: b"abc" };
        write.put(&mut body);
        for len in 1..body.len() {
            assert_eq!(records(&body[..len]).collect::<Vec<_>>(), [None], "{len}");
        }
        assert_eq!(records(&[99]).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn a_length_that_no_entry_has_is_refused() {
        for len in [0, HEADER_LEN - 1, ENTRY_MAX + 1] {
            assert_eq!(Header::parse(&header(len).encode(&[])), None, "{len}");
        }
    }
}
