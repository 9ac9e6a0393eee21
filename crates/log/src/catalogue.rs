//! What is known of every partition without opening its folder, and the one file that keeps it.
//!
//! For each partition: where it begins, how far it is synced and how far durable; its leader epochs, where they
//! are few; and, when its log was closed in order, what its last segment looked like then. A log whose files
//! still look so is opened as it is, any other is recovered from its recovery point on. With it stands the
//! number of the first entry of the journal that is still needed: what earlier ones say is in here. And the
//! number of the first entry whose marks are not in here, where that is a later one: what lies between them is
//! needed for its records, but its marks are old.
//!
//! The file is replaced as a whole by checkpoints, so that a crash leaves the old or the new. What
//! changes between two of them and must not be forgotten (a log start that rose, a log that was cut) goes
//! to the journal first. A file that is not what was written is an error: taken for an empty one it
//! would let recovery cut what was acknowledged. No I/O here.

use std::collections::BTreeMap;
use std::fmt;

use records::{LeaderEpoch, Offset, Timestamp};
use uuid::Uuid;

use crate::epochs::{Epochs, ListedEpochs};
use crate::names;

/// A partition: its topic and its number.
pub(crate) type Key = (Uuid, i32);

/// "WC" and the version of the format: the second has [`Catalogue::marks_from`], and is written only where
/// that says something.
const MAGIC: u32 = 0x5743_0001;
const MAGIC_WITH_MARKS_FROM: u32 = 0x5743_0002;

/// Where the checksum ends and what it covers begins.
const COVERED_FROM: usize = 8;

/// Set when the log was closed in order.
const RESTS: u8 = 1;
/// Set when there is a checksum of index files.
const INDEXED: u8 = 2;
/// Set when there are leader epochs.
const EPOCHS: u8 = 4;

/// Where a log begins and how far it is durable. `recovery_point <= durable_end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The first offset there is.
    pub log_start: Offset,
    /// Everything before it was synced, with all that small files say of it.
    pub recovery_point: Offset,
    /// Everything before it is durable: the journal may have more than was synced.
    pub durable_end: Offset,
}

/// A log that was closed in order; its recovery point is its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Base offset and size of its last segment.
    pub last_base: Offset,
    pub last_size: u32,
    /// Bytes of all segments.
    pub bytes: u64,
    /// The greatest timestamp of its first segment, by which that one grows old.
    pub oldest: Option<Timestamp>,
}

/// What the catalogue says of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub marks: Marks,
    /// Absent while the log is in use, and after a crash.
    pub rest: Option<Rest>,
    /// The checksum of the index files that were last written while their segment was the active one, and
    /// synced ([`crate::index::checksum`]): any other may be torn.
    pub index: Option<u32>,
    /// Where each leader epoch began of what lies before `epochs_to`. Absent where the epoch file says that.
    pub epochs: Option<ListedEpochs>,
    /// The recovery point when that was written. What the journal has raised since, the epochs of it are in
    /// no list, and perhaps in no file.
    pub epochs_to: Offset,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topic {
    pub name: String,
    pub partitions: BTreeMap<i32, Listed>,
}

/// All partitions of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    /// The first entry of the journal that says something new.
    pub journal_start: u64,
    /// The first entry of the journal whose marks are not in here; not before `journal_start`.
    pub marks_from: u64,
    pub topics: BTreeMap<Uuid, Topic>,
}

impl Catalogue {
    pub fn get(&self, key: Key) -> Option<&Listed> {
        self.topics.get(&key.0)?.partitions.get(&key.1)
    }

    /// The entry of a partition, made when there is none.
    pub fn entry(&mut self, key: Key, topic: &str) -> &mut Listed {
        let known = self
            .topics
            .entry(key.0)
            .or_insert_with(|| Topic { name: topic.to_owned(), partitions: BTreeMap::new() });
        known.partitions.entry(key.1).or_default()
    }

    pub fn remove(&mut self, key: Key) -> Option<Listed> {
        let topic = self.topics.get_mut(&key.0)?;
        let listed = topic.partitions.remove(&key.1);
        if topic.partitions.is_empty() {
            self.topics.remove(&key.0);
        }
        listed
    }

    /// Every partition with its topic's name.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &str, &Listed)> {
        self.topics.iter().flat_map(|(id, topic)| {
            let all = topic.partitions.iter();
            all.map(|(number, listed)| ((*id, *number), &*topic.name, listed))
        })
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let is_behind = self.marks_from > self.journal_start;
        let magic = if is_behind { MAGIC_WITH_MARKS_FROM } else { MAGIC };
        bytes.extend(magic.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.journal_start.to_be_bytes());
        if is_behind {
            bytes.extend(self.marks_from.to_be_bytes());
        }
        bytes.extend(u32::try_from(self.topics.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (id, topic) in &self.topics {
            bytes.extend(id.as_bytes());
            bytes.extend(u16::try_from(topic.name.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(topic.name.as_bytes());
            bytes.extend(u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX).to_be_bytes());
            for (number, listed) in &topic.partitions {
                put(&mut bytes, *number, listed);
            }
        }
        let crc = records::crc::crc32c(bytes.get(COVERED_FROM..).unwrap_or_default());
        if let Some(place) = bytes.get_mut(4..COVERED_FROM) {
            place.copy_from_slice(&crc.to_be_bytes());
        }
        bytes
    }

    /// The file back, or what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Catalogue, &'static str> {
        let (mut from, covered) = (Cursor(bytes), bytes.get(COVERED_FROM..).unwrap_or_default());
        let magic = from.u32();
        if magic != Some(MAGIC) && magic != Some(MAGIC_WITH_MARKS_FROM) {
            return Err("it does not begin as a catalogue of this version does");
        }
        if from.u32() != Some(records::crc::crc32c(covered)) {
            return Err("its checksum is not that of its content");
        }
        let mut catalogue = Catalogue::default();
        let is_behind = magic == Some(MAGIC_WITH_MARKS_FROM);
        from.fill(&mut catalogue, is_behind)
            .filter(|()| from.0.is_empty())
            .ok_or("its length is wrong")?;
        Ok(catalogue)
    }
}

fn put(bytes: &mut Vec<u8>, number: i32, listed: &Listed) {
    let Marks { log_start, recovery_point, durable_end } = listed.marks;
    bytes.extend(number.to_be_bytes());
    let rests = if listed.rest.is_some() { RESTS } else { 0 };
    let indexed = if listed.index.is_some() { INDEXED } else { 0 };
    bytes.push(rests | indexed | if listed.epochs.is_some() { EPOCHS } else { 0 });
    for offset in [log_start, recovery_point, durable_end] {
        bytes.extend(offset.0.to_be_bytes());
    }
    if let Some(Rest { last_base, last_size, bytes: all, oldest }) = listed.rest {
        bytes.extend(last_base.0.to_be_bytes());
        bytes.extend(last_size.to_be_bytes());
        bytes.extend(all.to_be_bytes());
        bytes.extend(oldest.unwrap_or(Timestamp::NONE).0.to_be_bytes());
    }
    if let Some(checksum) = listed.index {
        bytes.extend(checksum.to_be_bytes());
    }
    if let Some(epochs) = &listed.epochs {
        bytes.extend(u32::try_from(epochs.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (epoch, start) in &**epochs {
            bytes.extend(epoch.0.to_be_bytes());
            bytes.extend(start.0.to_be_bytes());
        }
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn name(&mut self) -> Option<String> {
        let len = self.array().map(u16::from_be_bytes)?;
        let (name, rest) = self.0.split_at_checked(usize::from(len))?;
        self.0 = rest;
        String::from_utf8(name.to_vec()).ok()
    }

    fn fill(&mut self, catalogue: &mut Catalogue, is_behind: bool) -> Option<()> {
        catalogue.journal_start = self.array().map(u64::from_be_bytes)?;
        catalogue.marks_from = match is_behind {
            true => {
                let from = self.array().map(u64::from_be_bytes)?;
                Some(from).filter(|from| *from > catalogue.journal_start)?
            }
            false => catalogue.journal_start,
        };
        for _ in 0..self.u32()? {
            let id = Uuid::from_bytes(self.array()?);
            let mut topic = Topic { name: self.name()?, partitions: BTreeMap::new() };
            for _ in 0..self.u32()? {
                let number = self.array().map(i32::from_be_bytes)?;
                topic.partitions.insert(number, self.listed()?);
            }
            catalogue.topics.insert(id, topic);
        }
        Some(())
    }

    fn listed(&mut self) -> Option<Listed> {
        let [flags] = self.array()?;
        let log_start = self.i64().map(Offset)?;
        let recovery_point = self.i64().map(Offset)?;
        let durable_end = self.i64().map(Offset)?;
        let rest = if flags & RESTS == 0 {
            None
        } else {
            Some(Rest {
                last_base: self.i64().map(Offset)?,
                last_size: self.u32()?,
                bytes: self.array().map(u64::from_be_bytes)?,
                oldest: self.i64().map(Timestamp).filter(|time| time.is_some()),
            })
        };
        let index = if flags & INDEXED == 0 { None } else { Some(self.u32()?) };
        let epochs = if flags & EPOCHS == 0 { None } else { Some(self.epochs()?) };
        let marks = Marks { log_start, recovery_point, durable_end };
        Some(Listed { marks, rest, index, epochs, epochs_to: recovery_point })
    }

    fn epochs(&mut self) -> Option<ListedEpochs> {
        let mut entries = Vec::new();
        for _ in 0..self.u32()? {
            let epoch = self.array().map(i32::from_be_bytes)?;
            entries.push((LeaderEpoch(epoch), self.i64().map(Offset)?));
        }
        Epochs::of_list(&entries).map(|_| entries.into())
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Marks { log_start, recovery_point, durable_end } = self.marks;
        write!(
            f,
            "logStart: {log_start} recoveryPoint: {recovery_point} durableEnd: {durable_end}"
        )?;
        match &self.rest {
            None => f.write_str(" in use"),
            Some(Rest { last_base, last_size, bytes, .. }) => {
                write!(f, " at rest, segment: {last_base} size: {last_size} of {bytes}")
            }
        }?;
        for (nth, (epoch, start)) in self.epochs.iter().flat_map(|all| all.iter()).enumerate() {
            write!(f, "{} {epoch}@{start}", if nth == 0 { " epochs:" } else { "" })?;
        }
        Ok(())
    }
}

/// Lines about the catalogue for a person.
pub(crate) fn describe(catalogue: &Catalogue) -> impl Iterator<Item = String> {
    let first = format!("journal: from entry {} on", catalogue.journal_start);
    let listed = catalogue.iter().map(|((id, partition), topic, listed)| {
        format!("topic: {topic} partition: {partition} topicId: {} {listed}", names::id_text(id))
    });
    std::iter::once(first).chain(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(
        marks: Marks,
        rest: Option<Rest>,
        index: Option<u32>,
        epochs: &[(i32, i64)],
    ) -> Listed {
        let epochs = epochs.iter().map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start)));
        let epochs_to = marks.recovery_point;
        Listed { marks, rest, index, epochs: Some(epochs.collect()), epochs_to }
    }

    fn sample() -> Catalogue {
        let marks = |log_start, recovery_point, durable_end| Marks {
            log_start: Offset(log_start),
            recovery_point: Offset(recovery_point),
            durable_end: Offset(durable_end),
        };
        let mut catalogue = Catalogue { journal_start: 77, marks_from: 77, ..Catalogue::default() };
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        *catalogue.entry((a, 0), "größe") =
            listed(marks(1, 5, 9), None, Some(6), &[(3, 1), (5, 2)]);
        let rest = Rest { last_base: Offset(3), last_size: 88, bytes: 1 << 40, oldest: None };
        *catalogue.entry((a, 7), "größe") =
            Listed { epochs: None, ..listed(marks(0, 4, 4), Some(rest), None, &[]) };
        let rest = Rest { oldest: Some(Timestamp(12)), ..rest };
        *catalogue.entry((b, -1), "") = listed(marks(0, 0, 0), Some(rest), Some(0), &[]);
        catalogue
    }

    #[test]
    fn the_file_comes_back_and_any_flipped_bit_or_missing_end_is_seen() {
        let file = sample().encode();
        assert_eq!(Catalogue::decode(&file), Ok(sample()));
        assert_eq!(Catalogue::decode(&Catalogue::default().encode()), Ok(Catalogue::default()));
        let behind = Catalogue { marks_from: 79, ..sample() };
        assert_eq!(Catalogue::decode(&behind.encode()), Ok(behind));
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Catalogue::decode(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..file.len() {
            assert!(Catalogue::decode(&file[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn epochs_that_do_not_rise_are_not_believed() {
        let mut catalogue = sample();
        for epochs in [[(3, 1), (3, 2)], [(3, 1), (4, 1)], [(3, 1), (2, 2)]] {
            let entry = catalogue.entry((Uuid::from_u128(1), 0), "größe");
            *entry = listed(entry.marks, None, None, &epochs);
            assert!(Catalogue::decode(&catalogue.encode()).is_err(), "{epochs:?}");
        }
    }

    #[test]
    fn a_topic_without_partitions_is_not_kept() {
        let mut catalogue = sample();
        let b = Uuid::from_u128(2);
        assert!(catalogue.remove((b, -1)).is_some());
        assert!(catalogue.remove((b, -1)).is_none());
        assert!(!catalogue.topics.contains_key(&b));
        assert_eq!(catalogue.iter().count(), 2);
    }
}
