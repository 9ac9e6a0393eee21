//! One trial: a machine, a few lives of the process on it, random work in each, over partitions that
//! share a folder and a journal.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use env::disk::OpenMode;
use env::sim::CrashLoss;
use log::{Cleanup, Durability, Log, LogConfig, LogDir};
use records::{LeaderEpoch, Offset};
use uuid::Uuid;

use crate::check;
use crate::common::errors;
use crate::common::machine::{FOLDER, Machine, Stop};
use crate::common::work::Work;
use crate::model::Model;
use crate::mutant::Mutant;

const LIVES: u64 = 2;
/// Steps of a life, and how many more for each partition beyond the first.
const STEPS: u64 = 30;
const STEPS_MORE: u64 = 10;
const PARTITIONS_MAX: u64 = 3;

/// Runs a trial; what went wrong is the error.
pub fn run(seed: u64, mutant: Mutant, verbose: bool) -> Result<Work, String> {
    let mut trial = Trial {
        machine: Machine::new(seed, mutant.lie(), verbose),
        mutant,
        parts: Vec::new(),
        topics: 0,
        counter: 0,
        append_bytes_max: 0,
        pending_bytes: 0,
    };
    for n in 0..=trial.dice(PARTITIONS_MAX) {
        trial.topics += 1;
        // Two of one topic, and another topic.
        let (topic, number) = if n < 2 { ("t", n) } else { ("u.v-w", 0) };
        let (topic, number) = (topic.to_owned(), i32::try_from(number).unwrap());
        trial.parts.push(Part::new(topic, number, trial.topics));
    }
    trial.machine.work.count("partitions", trial.parts.len() as u64);
    for life in 0..LIVES {
        trial.note(|| format!("--- life {life}"));
        trial.plan_the_end();
        let ended = trial.live();
        if trial.was_fault(ended)? {
            trial.fenced()?;
        }
        trial.crash(life)?;
    }
    Ok(trial.machine.work)
}

/// A partition and what is known of it.
pub struct Part {
    pub topic: String,
    pub number: i32,
    pub topic_id: u128,
    pub model: Model,
    /// The folder of an earlier topic of the name may still be there.
    pub deleting: bool,
    /// A truncation to this end may be half done.
    pub cutting: Option<Offset>,
    /// Up to here a mark on the disk says that it is durable: a checkpoint, or the journal.
    pub marked: Offset,
    /// Up to here a second one does, in another entry of the journal or in the catalogue.
    pub proven: Offset,
    /// This life has committed something to the journal.
    pub provable: bool,
    /// The last append went to the journal; one before it did not and was not synced since.
    pub journaled: bool,
    pub unjournaled: bool,
    /// Appends up to this size go to the journal.
    pub journaled_max: usize,
    pub log: Option<Arc<Log>>,
}

impl Part {
    fn new(topic: String, number: i32, topic_id: u128) -> Part {
        let model = Model::default();
        Part {
            topic,
            number,
            topic_id,
            model,
            deleting: false,
            cutting: None,
            marked: Offset::ZERO,
            proven: Offset::ZERO,
            provable: false,
            journaled: false,
            unjournaled: false,
            journaled_max: 0,
            log: None,
        }
    }
}

pub struct Trial {
    machine: Machine,
    pub mutant: Mutant,
    pub parts: Vec<Part>,
    pub topics: u128,
    pub counter: u64,
    append_bytes_max: usize,
    /// About what waits for the journal's next commit.
    pub pending_bytes: usize,
}

/// A step of a trial reads as one of its machine: `self.dice(3)`.
impl Deref for Trial {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl DerefMut for Trial {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

impl Trial {
    /// An error is fine when the machine has stopped or a fault was asked for, and only then.
    pub fn ok<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Result<T, Stop> {
        result.map_err(|error| {
            let text = error.to_string();
            self.why(&text, text.contains("the disk has no room"))
        })
    }

    /// What will end the life that begins, or disturb it.
    fn plan_the_end(&mut self) {
        let most = if self.dice(2) == 0 { 30 } else { 250 };
        let nth = 1 + self.dice(most);
        let disk = &self.sim.disk;
        match self.dice(16) {
            0..=8 => disk.stop_at(nth),
            9 => disk.fail_write(nth.min(60)),
            10 => disk.fail_sync(nth.min(60)),
            11 => disk.fail_change(nth),
            12 => self.squeeze(),
            _ => {}
        }
        self.perhaps_shorten_reads();
    }

    pub fn config(&self) -> LogConfig {
        LogConfig {
            segment_bytes: 700 + u32::try_from(self.dice(3000)).unwrap(),
            index_interval_bytes: 64 + u32::try_from(self.dice(400)).unwrap(),
            segment_ms: 50_000,
            retention_bytes: (self.dice(2) == 0).then(|| 1500 + self.dice(4000)),
            retention_ms: None,
            cleanup: Cleanup { delete: true, compact: false },
            file_delete_delay_ms: self.dice(2) * 1000,
            preallocate_bytes: u32::try_from(self.dice(2)).unwrap() * 256,
            checkpoint_index_bytes: 1 + u32::try_from(self.dice(900)).unwrap(),
            close_index_bytes: u32::try_from(self.dice(2) * self.dice(2000)).unwrap(),
            durability: if self.dice(4) == 0 { Durability::Relaxed } else { Durability::Fsync },
            ..LogConfig::default()
        }
    }

    pub fn log(&self, n: usize) -> Arc<Log> {
        self.parts[n].log.clone().unwrap()
    }

    fn open(&mut self) -> Result<LogDir, Stop> {
        for part in &mut self.parts {
            part.log = None;
        }
        let journal = self.journal_config();
        self.append_bytes_max = journal.append_bytes_max;
        self.pending_bytes = 0;
        let dir = LogDir::open_with(&self.env, Path::new(FOLDER), 1, None, journal);
        if let Err(error) = &dir
            && self.squeezed
            && error.to_string().contains("no storage space")
        {
            // Whoever starts it is told; there is nothing yet that could go on.
            return Err(Stop::Full);
        }
        let dir = self.ok(dir)?;
        if self.dice(2) == 0 {
            dir.set_reserve(Some(0));
        }
        for n in 0..self.parts.len() {
            if self.parts[n].deleting {
                let part = &self.parts[n];
                self.ok(dir.delete_partition(&part.topic, part.number))?;
                self.parts[n].deleting = false;
            }
            self.open_part(&dir, n)?;
        }
        Ok(dir)
    }

    pub fn open_part(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        let config = self.config();
        let relaxed = config.durability == Durability::Relaxed;
        self.work.count("relaxed openings", u64::from(relaxed));
        let part = &self.parts[n];
        let id = Uuid::from_u128(part.topic_id);
        let log = self.ok(dir.open_log(&part.topic, part.number, id, config))?;
        let part = &mut self.parts[n];
        part.log = Some(log);
        part.journaled = false;
        part.unjournaled = false;
        part.journaled_max = if relaxed { 0 } else { self.append_bytes_max };
        Ok(())
    }

    /// Every partition holds what was promised; afterwards the models are what is there.
    fn recovered(&mut self) -> Result<(), String> {
        for part in &mut self.parts {
            let log = part.log.clone().unwrap();
            check::recovered(&log, &mut part.model)
                .map_err(|what| format!("{}-{}: {what}", part.topic, part.number))?;
        }
        Ok(())
    }

    /// Everything that is appended is promised.
    pub fn all_acknowledged(&mut self) {
        for part in &mut self.parts {
            let end = part.log.as_ref().map(|log| log.log_end());
            part.model.acknowledged = end.unwrap_or(part.model.acknowledged);
            part.marked = part.model.acknowledged;
            part.proven = part.marked;
        }
    }

    /// A life of the process, from its start until it or the machine stops.
    fn live(&mut self) -> Result<(), Stop> {
        let dir = self.open()?;
        if self.squeezed {
            self.give_room(&dir);
        }
        self.recovered().map_err(Stop::Wrong)?;
        let mut dir = Some(dir);
        let done = self.steps(&mut dir);
        if let (Err(Stop::Fault), Some(dir)) = (&done, &dir) {
            // Upkeep goes on; what becomes of it is all the same, but nothing must be lost by it.
            dir.rest_unused();
            dir.rest_unused();
            let _ = dir.checkpoint();
        }
        done
    }

    fn steps(&mut self, at: &mut Option<LogDir>) -> Result<(), Stop> {
        for _ in 0..STEPS + STEPS_MORE * (self.parts.len() as u64 - 1) {
            let n = usize::try_from(self.dice(self.parts.len() as u64)).unwrap();
            let log = self.log(n);
            let before = log.segment_count();
            let Some(dir) = &*at else { return Ok(()) };
            if self.squeezed {
                self.step_without_room(dir, n)?;
                continue;
            }
            match self.dice(23) {
                21 => self.commit_two(dir, n)?,
                22 => self.fill_ahead(dir, n)?,
                0..=7 => self.append(n)?,
                8 => self.repeat(n)?,
                9 => self.sync(n)?,
                10..=11 => {
                    let end = self.commit(n)?;
                    self.committed(n, end);
                    if self.dice(3) == 0 {
                        self.prove(dir)?;
                    }
                }
                12 => self.checkpoint(dir)?,
                13 => self.retain(n)?,
                14 => self.advance(n)?,
                15 if self.dice(2) == 0 => self.truncate(n)?,
                16 => {
                    let epoch = LeaderEpoch(self.parts[n].model.epoch.0 + 1);
                    self.ok(log.begin_epoch(epoch))?;
                    self.parts[n].model.epoch = epoch;
                }
                17 if self.dice(2) == 0 => {
                    if let Some(dir) = at.take() {
                        *at = Some(self.restart(dir)?);
                    }
                }
                18 if self.dice(6) == 0 => self.recreate(dir, n)?,
                20 => self.stall(dir, n)?,
                19 => match self.dice(8) {
                    0..=2 => self.rest(dir)?,
                    3 => self.squeeze(),
                    _ => self.look(n)?,
                },
                _ => self.look(n)?,
            }
            if self.log(n).segment_count() > before {
                self.work.count("rolls", 1);
            }
        }
        Ok(())
    }

    /// On a disk that is full, or nearly: what it refuses is as if it had not been asked for.
    fn step_without_room(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        if self.dice(12) == 0 {
            self.give_room(dir);
            return Ok(());
        }
        let done = match self.dice(10) {
            9 => {
                // Those that cannot be closed stay open; those that can are opened where there is room.
                dir.rest_unused();
                dir.rest_unused();
                self.give_room(dir);
                return self.rested(dir);
            }
            0..=3 => self.append(n),
            4 => self.sync(n),
            // By a sync, perhaps, so that the journal does not know.
            5 => self.commit(n).map(|_| ()),
            6 => self.checkpoint(dir),
            7 => self.retain(n),
            _ => self.advance(n),
        };
        if self.dice(3) == 0 {
            dir.measure_space();
        }
        if !matches!(done, Err(Stop::Full)) {
            return done;
        }
        self.note(|| format!("{n}: refused"));
        self.work.count("refusals", 1);
        for n in 0..self.parts.len() {
            let log = self.log(n);
            self.promise(n, log.durable_end());
            let model = &mut self.parts[n].model;
            model.uncertain = None;
            check::matches(&log, model, usize::MAX).map_err(Stop::Wrong)?;
        }
        Ok(())
    }

    /// What the journal has is under its mark. One that had no room is not counted on.
    pub fn committed(&mut self, n: usize, end: Offset) {
        let part = &mut self.parts[n];
        if part.journaled && self.pending_bytes < 4096 {
            part.marked = end;
            part.provable = true;
        }
        part.unjournaled = false;
        self.pending_bytes = 0;
    }

    pub fn promise(&mut self, n: usize, end: Offset) {
        let model = &mut self.parts[n].model;
        model.acknowledged = model.acknowledged.max(end);
    }

    fn restart(&mut self, dir: LogDir) -> Result<LogDir, Stop> {
        self.note(|| "restart in order".to_owned());
        self.ok(dir.close())?;
        self.all_acknowledged();
        drop(dir);
        let dir = self.open()?;
        if !dir.was_clean() {
            return Err(Stop::Wrong("closed in order, but not found so".to_owned()));
        }
        self.recovered().map_err(Stop::Wrong)?;
        self.work.count("restarts", 1);
        Ok(dir)
    }

    /// After a fault: what is durable is still read, and nothing that was not written.
    fn fenced(&mut self) -> Result<(), String> {
        self.work.count("faults", 1);
        for part in &self.parts {
            // In the middle of these what there is to read is about to change.
            let Some(log) = part.log.as_ref().filter(|_| part.cutting.is_none() && !part.deleting)
            else {
                continue;
            };
            check::durable(log, &part.model)
                .map_err(|what| format!("{}-{} after a fault: {what}", part.topic, part.number))?;
        }
        Ok(())
    }

    fn crash(&mut self, life: u64) -> Result<(), String> {
        let faults = self.sim.disk.faults_delivered();
        let lines = errors::take();
        if let Some(line) =
            lines.first().filter(|_| faults == 0 && !self.was_squeezed && !self.sim.disk.stopped())
        {
            return Err(format!("an ERROR line although nothing failed: {line}"));
        }
        let loss = self.loss(5);
        self.note(|| format!("crash, {loss:?}"));
        self.work.count("crashes", 1);
        let mut half_cut = Vec::new();
        for (n, part) in self.parts.iter_mut().enumerate() {
            let log = part.log.take();
            let relaxed = log.is_some_and(|log| log.config().durability == Durability::Relaxed);
            part.provable = false;
            if loss == CrashLoss::Nothing && relaxed {
                // The page cache survives the process, and so does every append of a log that promises
                // no more. Others may hold in memory what is not durable yet.
                let end = part.model.end();
                part.model.acknowledged = end.min(part.cutting.unwrap_or(Offset::MAX));
            }
            half_cut.extend(part.cutting.take().map(|_| n));
        }
        self.die(loss);
        if self.mutant == Mutant::TrustUnclean && self.env.disk.exists(Path::new(FOLDER)) {
            self.claim_rest().map_err(|error| error.to_string())?;
        }
        let damaged = matches!(self.mutant, Mutant::None | Mutant::CutAtDamage);
        if damaged && life + 1 == LIVES && self.dice(2) == 0 && !self.deleting() {
            self.damage()?;
        }
        self.note(|| self.files());
        let ends: Vec<Offset> = self.parts.iter().map(|part| part.model.end()).collect();
        let dir = self.open().map_err(|stop| stop.said("recovery"))?;
        self.recovered().map_err(|what| format!("{what} ({})", self.files()))?;
        let cut = self.parts.iter().zip(ends).any(|(part, before)| part.model.end() < before);
        self.work.count("cuts", u64::from(cut));
        // And once more: recovery itself must leave a state that survives.
        for n in half_cut {
            // What an unfinished truncation cut may come back as long as nothing follows it, but
            // not behind something that does.
            let written = self.append(n).and_then(|()| self.ok(self.log(n).sync()));
            let end = written.map_err(|stop| stop.said("an append after a truncation"))?;
            self.promise(n, end);
        }
        drop(dir);
        self.note(|| self.files());
        self.die(CrashLoss::Everything);
        self.note(|| self.files());
        let dir = self.open().map_err(|stop| stop.said("second recovery"))?;
        self.recovered().map_err(|what| format!("second crash: {what} ({})", self.files()))?;
        drop(dir);
        self.die(CrashLoss::Nothing);
        match errors::take().into_iter().next() {
            Some(line) => Err(format!("an ERROR line although nothing was damaged: {line}")),
            None => Ok(()),
        }
    }

    fn deleting(&self) -> bool {
        self.parts.iter().any(|part| part.deleting)
    }

    fn files(&self) -> String {
        let mut sizes = Vec::new();
        for part in &self.parts {
            let folder = Path::new(FOLDER).join(format!("{}-{}", part.topic, part.number));
            for entry in self.env.disk.read_dir(&folder).unwrap_or_default() {
                let file = self.env.disk.open(&folder.join(&entry.name), OpenMode::Read);
                let len = file.and_then(|file| file.len()).unwrap_or(0);
                sizes.push(format!("{}-{}/{} {len}", part.topic, part.number, entry.name));
            }
        }
        sizes.join(", ")
    }
}
