//! A disk that stalls: a compaction is held up in one of its syncs, or a reader that is behind in one of
//! its cold reads, while others go on; then it ends, or the machine crashes in the middle of it.
//!
//! While a compaction stalls, all partitions are appended to and read, and others committed; its own too
//! as long as it writes beside the log, which holds no lock that others need. While a reader stalls, what
//! it reads is compacted, replaced and removed: in the end it must have seen everything that is left,
//! and nothing that was not there when it began.

use std::collections::BTreeMap;
use std::path::Path;

use log::{FullSpeed, LogDir};
use records::Offset;

use crate::check::{self, Read};
use crate::common::machine::{FOLDER, Stop};
use crate::common::stall::during;
use crate::mutant::Mutant;
use crate::trial::Trial;

/// Syncs of a compaction among which the one is that stalls.
const SYNCS: u64 = 12;

impl Trial {
    pub fn stall(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        if self.parts[n].is_compacted && self.dice(2) == 0 {
            self.stall_compaction(dir, n)
        } else {
            self.stall_reader(dir, n)
        }
    }

    fn stall_compaction(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let disk = self.sim.disk.clone();
        let nth = 1 + self.dice(SYNCS);
        self.note(|| format!("{n}: a compaction, of which sync {nth} stalls"));
        let planned = self.begin_compaction(n);
        let mut others = Ok(());
        let result = during(
            |meanwhile| disk.stall_sync(nth, meanwhile),
            || log.compact(planned.limit, &planned.config, &FullSpeed),
            |path| others = self.go_on_beside_compaction(dir, n, path),
        );
        others?;
        self.end_compaction(n, &planned, result)?;
        if self.mutant == Mutant::AcknowledgeDuringStall {
            self.promise(n, log.log_end());
        }
        Ok(())
    }

    fn go_on_beside_compaction(&mut self, dir: &LogDir, n: usize, path: &Path) -> Result<(), Stop> {
        self.note(|| format!("stalled: {}", path.display()));
        self.work.count("stalled syncs", 1);
        let is_beside = path.to_string_lossy().ends_with(".cleaned");
        let is_journal = path.starts_with(Path::new(FOLDER).join("journal"));
        for _ in 0..1 + self.dice(5) {
            let other = usize::try_from(self.dice(self.parts.len() as u64)).unwrap();
            let is_free = other != n || is_beside;
            self.work.count("steps during a stall", 1);
            match self.dice(10) {
                0..=4 => self.append(other)?,
                5 if is_free => self.sync(other)?,
                6 if is_free && !is_journal => self.commit(other)?,
                7 if is_beside => self.checkpoint(dir)?,
                8 if is_beside => self.truncate(other)?,
                _ => self.holds(other).map(drop)?,
            }
        }
        self.perhaps_stop();
        Ok(())
    }

    /// A reader from anywhere to the end that there is now.
    fn stall_reader(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let end = log.log_end();
        let from = self.pick(log.log_start(), end);
        let within = |read: &Read| read.0.offset >= from && read.0.offset < end;
        let mut before = self.holds(n)?;
        before.retain(within);
        let disk = self.sim.disk.clone();
        disk.forget_pages();
        let nth = 1 + self.dice(4);
        let bytes_max = usize::try_from(1 + self.dice(1500)).unwrap();
        self.note(|| format!("{n}: a reader from {from} to {end} stalls at its cold read {nth}"));
        let mut others = Ok(());
        let read = during(
            |meanwhile| disk.stall_read(nth, meanwhile),
            || check::contents_to(&log, from, end, bytes_max),
            |path| others = self.go_on_beside_reader(dir, n, path),
        );
        let mut read = read.map_err(|what| Stop::Wrong(format!("who was behind: {what}")))?;
        read.retain(within);
        if self.mutant == Mutant::SkipForReader {
            read.pop();
        }
        if matches!(others, Ok(()) | Err(Stop::Machine)) {
            let mut after = check::contents(&log, log.log_start(), 5000).map_err(Stop::Wrong)?;
            after.retain(within);
            saw_what_is_left(&before, &read, &after, from)?;
        }
        others
    }

    fn go_on_beside_reader(&mut self, dir: &LogDir, n: usize, path: &Path) -> Result<(), Stop> {
        self.note(|| format!("stalled: {}", path.display()));
        self.work.count("stalled reads", 1);
        for _ in 0..1 + self.dice(5) {
            self.work.count("steps during a stall", 1);
            match self.dice(8) {
                0..=2 => self.append(n)?,
                3 => self.sync(n)?,
                4 => self.checkpoint(dir)?,
                // Removes the files of segments that were replaced.
                5 => self.retain(n)?,
                _ if self.parts[n].is_compacted => {
                    self.commit(n)?;
                    self.compact(n)?;
                    self.work.count("behind", 1);
                }
                _ => self.commit(n)?,
            }
        }
        self.perhaps_stop();
        Ok(())
    }
}

/// What is left is among what was read, and that among what was there: both in the order of offsets.
fn saw_what_is_left(
    before: &[Read],
    read: &[Read],
    after: &[Read],
    from: Offset,
) -> Result<(), Stop> {
    if !read.is_sorted_by_key(|(record, _)| record.offset) {
        return Err(Stop::Wrong(format!("who was behind from {from} on got offsets out of order")));
    }
    for (some, all, fault) in
        [(read, before, "got what was not there"), (after, read, "did not get what is left")]
    {
        let all: BTreeMap<Offset, &Read> = all.iter().map(|read| (read.0.offset, read)).collect();
        if let Some(strange) = some.iter().find(|read| all.get(&read.0.offset) != Some(read)) {
            let what = format!("who was behind from {from} on {fault}: {strange:?}");
            return Err(Stop::Wrong(what));
        }
    }
    Ok(())
}
