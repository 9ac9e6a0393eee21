//! A disk that stalls: a sync or a cold read is held up while other partitions, producers and readers go
//! on; then it ends, or the machine crashes in the middle of it.
//!
//! Held up are syncs of segments and small files, commits of the journal, checkpoints, logs that come to
//! rest, and readers of what is not in memory. Meanwhile any partition is appended to and read; others are
//! synced and committed, unless it is the journal that stalls or the log's own lock that is held, and beside
//! a log that comes to rest checkpoints are made. What is written meanwhile
//! is not in the sync that stalls ([`env::sim::SimDisk::stall_sync`]), so whoever acknowledges it all the
//! same loses it. Not covered: truncations and retention that stall, and stalls of a full disk.

use std::path::Path;

use log::LogDir;
use records::Offset;

use crate::check;
use crate::common::machine::{FOLDER, Stop};
use crate::common::stall::during;
use crate::model::Appended;
use crate::mutant::Mutant;
use crate::trial::{Part, Trial};

/// Syncs of an operation among which the one is that stalls.
const SYNCS: u64 = 5;

/// What is held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Sync,
    Commit,
    Checkpoint,
    Rest,
    Read,
}

impl Trial {
    pub fn stall(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        match self.dice(5) {
            0 => self.stall_sync(dir, n, Held::Sync),
            1 => self.stall_sync(dir, n, Held::Commit),
            2 => self.stall_sync(dir, n, Held::Checkpoint),
            3 => self.stall_rest(dir, n),
            _ => self.stall_read(dir, n),
        }
    }

    fn stall_sync(&mut self, dir: &LogDir, n: usize, held: Held) -> Result<(), Stop> {
        let log = self.log(n);
        let ends: Vec<Offset> = self.parts.iter().map(|part| part.model.end()).collect();
        let disk = self.sim.disk.clone();
        let nth = 1 + self.dice(SYNCS);
        self.note(|| format!("{n}: {held:?}, of which sync {nth} stalls"));
        let work = || match held {
            Held::Sync => log.sync().map(Some),
            Held::Commit => log.commit().map(Some),
            Held::Checkpoint | Held::Rest | Held::Read => dir.checkpoint().map(|()| None),
        };
        let mut others = Ok(());
        let done = during(
            |meanwhile| disk.stall_sync(nth, meanwhile),
            work,
            |path| others = self.go_on(dir, n, held, path),
        );
        others?;
        match self.ok(done)? {
            Some(end) => {
                let promised = match self.mutant {
                    Mutant::AcknowledgeDuringStall => log.log_end(),
                    _ => end,
                };
                self.promise(n, promised);
            }
            None => {
                for (n, end) in ends.into_iter().enumerate() {
                    self.promise(n, end);
                    let part = &mut self.parts[n];
                    part.marked = part.marked.max(end);
                }
            }
        }
        if self.dice(3) == 0 && !self.sim.disk.stopped() {
            // Soon after it, while little has been synced since.
            self.sim.disk.stop_at(1 + self.dice(3));
        }
        Ok(())
    }

    /// A log that comes to rest is held up in its sync.
    fn stall_rest(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let disk = self.sim.disk.clone();
        let nth = 1 + self.dice(SYNCS);
        self.note(|| format!("{n}: comes to rest, of which sync {nth} stalls"));
        let mut others = Ok(());
        during(
            |meanwhile| disk.stall_sync(nth, meanwhile),
            || dir.rest_again(&log),
            |path| others = self.go_on(dir, n, Held::Rest, path),
        );
        others?;
        self.rested(dir)
    }

    /// A reader is held up; what it reads in the end is all that was there when it began.
    fn stall_read(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let (start, end) = (log.log_start(), log.log_end());
        let there = |batch: &&Appended| batch.next() > start && batch.base < end;
        let expected: Vec<Appended> =
            self.parts[n].model.history.iter().filter(there).cloned().collect();
        let disk = self.sim.disk.clone();
        disk.forget_pages();
        let nth = 1 + self.dice(3);
        let bytes_max = usize::try_from(1 + self.dice(1500)).unwrap();
        self.note(|| format!("{n}: a reader from {start} to {end} stalls at its cold read {nth}"));
        let mut others = Ok(());
        let read = during(
            |meanwhile| disk.stall_read(nth, meanwhile),
            || check::contents_to(&log, start, end, bytes_max),
            |path| others = self.go_on(dir, n, Held::Read, path),
        );
        others?;
        let read =
            read.map_err(|what| Stop::Wrong(format!("a reader that was held up: {what}")))?;
        if read != expected {
            let (read, expected) = (read.len(), expected.len());
            let what = format!("a reader that was held up got {read} batches of {expected}");
            return Err(Stop::Wrong(what));
        }
        Ok(())
    }

    /// The disk holds up whoever called it for this file or folder; the others go on.
    fn go_on(&mut self, dir: &LogDir, n: usize, held: Held, path: &Path) -> Result<(), Stop> {
        self.note(|| format!("stalled: {}", path.display()));
        let kind = if held == Held::Read { "stalled reads" } else { "stalled syncs" };
        self.work.count(kind, 1);
        let is_journal = path.starts_with(Path::new(FOLDER).join("journal"));
        for _ in 0..1 + self.dice(5) {
            let other = usize::try_from(self.dice(self.parts.len() as u64)).unwrap();
            let is_free = match held {
                Held::Read => true,
                Held::Sync | Held::Commit | Held::Rest => other != n,
                Held::Checkpoint => {
                    let part = &self.parts[other];
                    let folder = format!("{}-{}", part.topic, part.number);
                    path != Path::new(FOLDER) && !path.starts_with(Path::new(FOLDER).join(folder))
                }
            };
            self.work.count("steps during a stall", 1);
            match self.dice(8) {
                // It takes no more appends.
                0..=3 if held == Held::Rest && other == n => {}
                0..=3 => self.append(other)?,
                4 if is_free => self.sync(other)?,
                5 if is_free && !is_journal => drop(self.commit(other)?),
                6 if held == Held::Read => self.checkpoint(dir)?,
                6 if held == Held::Rest => {
                    // It promises nothing of the log that is not synced yet. As it may keep the journal,
                    // which may say of a log that it was cut, what it marks does not count.
                    let marks = |part: &Part| (part.model.acknowledged, part.marked, part.proven);
                    let before: Vec<_> = self.parts.iter().map(marks).collect();
                    self.checkpoint(dir)?;
                    for (at, (acknowledged, marked, proven)) in before.into_iter().enumerate() {
                        let part = &mut self.parts[at];
                        (part.marked, part.proven) = (marked, proven);
                        if at == n {
                            part.model.acknowledged = acknowledged;
                        }
                    }
                }
                _ => self.look(other)?,
            }
        }
        self.perhaps_stop();
        Ok(())
    }
}
