//! The damaged ranges of a log: where they are, what they would have held, and the file that keeps them.
//!
//! A range goes from the end of the last batch before the damage to the begin of the first whole batch
//! behind it, in positions and in offsets. It has bytes without offsets where something was written
//! between two batches, and offsets without bytes where records are missing. Nothing of a range is ever
//! served, cut or overwritten; what lies before and behind it is read, compacted segment by segment,
//! and deleted as if it were not there. A range goes with its segment.
//!
//! On disk: `quarantine` in the folder of the partition, text with a checksum, replaced as a whole and
//! synced before a range counts. A log without damage has no such file. One that is not what was written
//! is no loss: it can be made again from the segments.

use std::fmt::Write as _;
use std::path::Path;

use env::Env;
use records::{Offset, crc};

use crate::error::LogError;
use crate::examine::Flaw;
use crate::files;
use crate::names;

/// The file is read up to this size: a hundred thousand ranges.
const FILE_MAX: u64 = 16 << 20;

/// A damaged range of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Base offset of the segment, which is the name of its file.
    pub segment: Offset,
    /// Where in the file the damage begins.
    pub position: u32,
    /// Where the next whole batch begins, or the end of the file.
    pub end_position: u32,
    /// The first offset that cannot be read.
    pub first: Offset,
    /// The offset to go on from.
    pub end: Offset,
    /// When it was found, in milliseconds since 1970.
    pub found_ms: i64,
    /// What is wrong.
    pub what: String,
}

/// A part of a segment that no walk looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub position: u32,
    pub end_position: u32,
    /// The offset behind it.
    pub end: Offset,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = names::segment_file(self.segment, names::LOG);
        write!(
            f,
            "file: {file} endPosition: {} firstOffset: {} endOffset: {} foundMs: {} damage: {}",
            self.end_position, self.first, self.end, self.found_ms, self.what
        )
    }
}

impl Damage {
    pub(crate) fn of(flaw: Flaw, segment: Offset, found_ms: i64) -> Damage {
        let Flaw { position, end_position, first, end, what } = flaw;
        Damage { segment, position, end_position, first, end, found_ms, what }
    }

    /// Tells the person who runs the node. Once for each range, when it is found.
    pub(crate) fn report(&self, dir: &Path) {
        tracing::error!(
            file = %dir.join(names::segment_file(self.segment, names::LOG)).display(),
            position = self.position, end_position = self.end_position,
            first_offset = %self.first, end_offset = %self.end, damage = self.what,
            "damaged records are quarantined: they are served to nobody, all others are; keep a copy \
             of the file, look at the disk, and have consumers seek to the end offset"
        );
    }
}

/// The damaged ranges of a log, in order, at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quarantine {
    ranges: Vec<Damage>,
}

impl Quarantine {
    pub fn ranges(&self) -> &[Damage] {
        &self.ranges
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The range that an offset lies in.
    pub fn of(&self, offset: Offset) -> Option<&Damage> {
        self.ranges.iter().find(|range| range.first <= offset && offset < range.end)
    }

    /// Up to where one can read from an offset that lies in no range.
    pub fn next_after(&self, offset: Offset) -> Option<Offset> {
        let firsts = self.ranges.iter().map(|range| range.first);
        firsts.filter(|first| *first > offset).min()
    }

    /// The parts of a segment's file that are damaged or missing.
    pub fn holes(&self, segment: Offset) -> Option<Vec<Hole>> {
        let of_it = self.ranges.iter().filter(|range| range.segment == segment);
        let hole = |range: &Damage| Hole {
            position: range.position,
            end_position: range.end_position,
            end: range.end,
        };
        let holes: Vec<Hole> = of_it.map(hole).collect();
        (!holes.is_empty()).then_some(holes)
    }

    /// Takes in a range, unless it is known; one that reaches over known ranges takes them in.
    pub fn add(&mut self, new: &Damage) -> Option<&Damage> {
        let covers = |known: &Damage| {
            known.segment == new.segment
                && known.position <= new.position
                && known.end_position >= new.end_position
                && known.first <= new.first
                && known.end >= new.end
        };
        if self.ranges.iter().any(covers) {
            return None;
        }
        let mut all = new.clone();
        self.ranges.retain(|known| {
            let apart = known.segment != all.segment
                || known.position >= all.end_position.max(all.position + 1)
                || known.end_position.max(known.position + 1) <= all.position;
            if !apart {
                all.position = all.position.min(known.position);
                all.end_position = all.end_position.max(known.end_position);
                all.first = all.first.min(known.first);
                all.end = all.end.max(known.end);
            }
            apart
        });
        let place = |range: &Damage| (range.first, range.segment, range.position);
        let at = self.ranges.partition_point(|known| place(known) < place(&all));
        self.ranges.insert(at, all);
        self.ranges.get(at)
    }

    /// Forgets what does not fit. True when there was any.
    pub fn retain(&mut self, fits: impl Fn(&Damage) -> bool) -> bool {
        let before = self.ranges.len();
        self.ranges.retain(fits);
        self.ranges.len() != before
    }

    /// The file.
    pub fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.ranges.len());
        for range in &self.ranges {
            let Damage { segment, position, end_position, first, end, found_ms, what } = range;
            let what = what.replace(['\n', '\r'], " ");
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{segment} {position} {end_position} {first} {end} {found_ms} {what}"
            );
        }
        let sum = crc::crc32c(text.as_bytes());
        let _ = writeln!(text, "crc32c {sum:08x}");
        text
    }

    /// The file back; `None` when it is not what was written.
    pub fn decode(bytes: &[u8]) -> Option<Quarantine> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (covered, sum) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let covered = text.get(..=covered.len())?;
        if sum != format!("crc32c {:08x}", crc::crc32c(covered.as_bytes())) {
            return None;
        }
        let mut lines = covered.lines();
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let ranges = lines.map(parse_line).collect::<Option<Vec<Damage>>>()?;
        (ranges.len() == count).then_some(Quarantine { ranges })
    }

    /// The file of a folder; nothing where there is none.
    pub fn read(env: &Env, dir: &Path) -> Result<Option<Quarantine>, LogError> {
        let path = dir.join(names::QUARANTINE);
        match env.disk.read(&path, FILE_MAX) {
            Ok(bytes) => Ok(Quarantine::decode(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Some(Quarantine::default()))
            }
            Err(error) => Err(LogError::io(&path, "read", error)),
        }
    }

    /// Makes the file say the same.
    pub fn write(&self, env: &Env, dir: &Path) -> Result<(), LogError> {
        let path = dir.join(names::QUARANTINE);
        if self.is_empty() {
            files::remove(&*env.disk, &path)?;
            return files::sync_dir(&*env.disk, dir);
        }
        files::replace(&*env.disk, &path, self.encode().as_bytes())
    }
}

fn parse_line(line: &str) -> Option<Damage> {
    let mut words = line.splitn(7, ' ');
    let range = Damage {
        segment: Offset(words.next()?.parse().ok()?),
        position: words.next()?.parse().ok()?,
        end_position: words.next()?.parse().ok()?,
        first: Offset(words.next()?.parse().ok()?),
        end: Offset(words.next()?.parse().ok()?),
        found_ms: words.next()?.parse().ok()?,
        what: words.next()?.to_owned(),
    };
    (range.position <= range.end_position && range.first <= range.end).then_some(range)
}

#[cfg(test)]
mod tests;
