//! One trial: lives of a process with random work over partitions that share a folder and a journal,
//! each life ended by a crash.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use env::sim::CrashLoss;
use log::{Cleanup, Log, LogConfig, LogDir};
use records::Offset;
use uuid::Uuid;

use crate::check;
use crate::common::errors;
use crate::common::machine::{FOLDER, Machine, Stop};
use crate::common::work::Work;
use crate::model::Model;
use crate::mutant::Mutant;

const LIVES: usize = 4;
/// Steps of a life, and how many more for each partition beyond the first.
const STEPS: u64 = 50;
const STEPS_MORE: u64 = 20;
const PARTITIONS_MAX: u64 = 3;
pub const DELETE_RETENTION_MS: i64 = 40_000;

/// Runs the trial of a seed; what went wrong is the error.
pub fn run(seed: u64, mutant: Mutant, verbose: bool) -> Result<Work, String> {
    let mut trial = Trial {
        machine: Machine::new(seed, mutant.lie(), verbose),
        mutant,
        parts: Vec::new(),
        counter: 0,
        compacting: false,
    };
    for n in 0..=trial.dice(PARTITIONS_MAX) {
        let is_compacted = n == 0 || trial.dice(2) == 0;
        trial.parts.push(Part {
            number: i32::try_from(n).unwrap(),
            is_compacted,
            model: Model::default(),
            cutting: None,
            log: None,
        });
    }
    trial.machine.work.count("partitions", trial.parts.len() as u64);
    for life in 0..LIVES {
        trial.note(|| format!("--- life {life}"));
        trial.plan_the_end();
        let ended = trial.live();
        if trial.was_fault(ended)? {
            trial.fenced()?;
        }
        trial.crash()?;
    }
    Ok(trial.machine.work)
}

/// A partition and what is known of it.
pub struct Part {
    number: i32,
    pub is_compacted: bool,
    pub model: Model,
    /// A truncation to this end may be half done.
    pub cutting: Option<Offset>,
    pub log: Option<Arc<Log>>,
}

impl Part {
    pub fn folder(&self) -> String {
        format!("t-{}", self.number)
    }
}

pub struct Trial {
    machine: Machine,
    pub mutant: Mutant,
    pub parts: Vec<Part>,
    pub counter: u64,
    /// A compaction is under way, or was when the machine stopped.
    pub compacting: bool,
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
    pub fn log(&self, n: usize) -> Arc<Log> {
        self.parts[n].log.clone().unwrap()
    }

    pub fn promise(&mut self, n: usize, end: Offset) {
        let model = &mut self.parts[n].model;
        model.acknowledged = model.acknowledged.max(end);
    }

    /// Everything that is appended is promised.
    pub fn all_acknowledged(&mut self) {
        for n in 0..self.parts.len() {
            let end = self.log(n).log_end();
            self.promise(n, end);
        }
    }

    fn open(&mut self) -> Result<LogDir, Stop> {
        for part in &mut self.parts {
            part.log = None;
        }
        let journal = self.journal_config();
        // One that could not be opened is told so; there is nothing yet that could go on.
        let dir = self.ok(LogDir::open_with(&self.env, Path::new(FOLDER), 1, None, journal))?;
        if self.dice(2) == 0 {
            dir.set_reserve(Some(0));
        }
        for n in 0..self.parts.len() {
            let config = LogConfig {
                segment_bytes: 600 + u32::try_from(self.dice(2500)).unwrap(),
                index_interval_bytes: 64 + u32::try_from(self.dice(400)).unwrap(),
                segment_ms: 30_000,
                cleanup: Cleanup { delete: false, compact: self.parts[n].is_compacted },
                delete_retention_ms: DELETE_RETENTION_MS.unsigned_abs(),
                file_delete_delay_ms: self.dice(2) * 1000,
                preallocate_bytes: 0,
                checkpoint_index_bytes: 1 + u32::try_from(self.dice(900)).unwrap(),
                close_index_bytes: u32::try_from(self.dice(2) * self.dice(2000)).unwrap(),
                ..LogConfig::default()
            };
            let number = self.parts[n].number;
            let id = Uuid::from_u128(5);
            self.parts[n].log = Some(self.ok(dir.open_log("t", number, id, config))?);
        }
        Ok(dir)
    }

    pub fn holds(&self, n: usize) -> Result<Vec<check::Read>, Stop> {
        let part = &self.parts[n];
        let now = self.env.clock.wall_ms();
        check::holds(&self.log(n), &part.model, now).map_err(|what| {
            Stop::Wrong(format!("{}: {what} (files: {})", part.folder(), self.files(n)))
        })
    }

    /// A life of the process, from its start until it or the machine stops.
    fn live(&mut self) -> Result<(), Stop> {
        let mut dir = self.open()?;
        if self.squeezed {
            self.give_room(&dir);
        }
        self.recovered()?;
        for _ in 0..STEPS + STEPS_MORE * (self.parts.len() as u64 - 1) {
            let n = usize::try_from(self.dice(self.parts.len() as u64)).unwrap();
            if self.squeezed {
                self.step_without_room(&dir, n)?;
                continue;
            }
            match self.dice(17) {
                0..=6 => self.append(n)?,
                7 => self.sync(n)?,
                8 => self.commit(n)?,
                9 => self.checkpoint(&dir)?,
                10 => self.retain(n)?,
                11..=13 if self.parts[n].is_compacted => self.compact(n)?,
                14 if self.dice(3) == 0 => dir = self.restart(dir)?,
                15 => match self.dice(8) {
                    0 => self.truncate(n)?,
                    1 => self.squeeze(),
                    _ => self.look(n)?,
                },
                16 => self.stall(&dir, n)?,
                _ => self.look(n)?,
            }
        }
        Ok(())
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
        self.recovered()?;
        self.work.count("restarts", 1);
        Ok(dir)
    }

    /// Every partition holds what was promised; afterwards the models are what is there.
    fn recovered(&mut self) -> Result<(), Stop> {
        for n in 0..self.parts.len() {
            let end = self.log(n).log_end();
            let model = &mut self.parts[n].model;
            model.history.extend(model.uncertain.take());
            if end < model.acknowledged {
                let promised = model.acknowledged;
                return Err(Stop::Wrong(format!("acknowledged to {promised}, it ends at {end}")));
            }
            model.truncate(end);
            model.acknowledged = end;
            self.holds(n)?;
            check::producers(&self.log(n), &self.parts[n].model).map_err(Stop::Wrong)?;
        }
        Ok(())
    }

    fn crash(&mut self) -> Result<(), String> {
        let faults = self.sim.disk.faults_delivered();
        let is_sound = faults == 0 && !self.was_squeezed && !self.sim.disk.stopped();
        if is_sound && errors::any() {
            return Err(format!("ERROR lines although nothing failed: {:?}", errors::take()));
        }
        errors::take();
        let loss = self.loss(4);
        self.note(|| format!("crash, {loss:?}"));
        self.work.count("crashes", 1);
        let in_compaction = u64::from(std::mem::take(&mut self.compacting));
        self.work.count("crashes in compaction", in_compaction);
        let mut half_cut = Vec::new();
        for (n, part) in self.parts.iter_mut().enumerate() {
            part.log = None;
            let cut = part.cutting.take();
            half_cut.extend(cut.map(|_| n));
        }
        self.die(loss);
        self.change_files().map_err(|error| error.to_string())?;
        for again in [false, true] {
            self.recover(std::mem::take(&mut half_cut))
                .map_err(|stop| stop.said(&format!("recovery (again: {again})")))?;
            // Recovery itself must leave a state that survives.
            self.die(if again { CrashLoss::Nothing } else { CrashLoss::Everything });
        }
        if errors::any() {
            return Err(format!("ERROR lines although nothing is damaged: {:?}", errors::take()));
        }
        Ok(())
    }

    /// A start after a crash, in the middle of which these were being cut.
    fn recover(&mut self, half_cut: Vec<usize>) -> Result<(), Stop> {
        let _dir = self.open()?;
        self.recovered()?;
        for n in half_cut {
            // What an unfinished truncation cut may come back as long as nothing follows it, but
            // not behind something that does.
            self.append(n)?;
            self.sync(n)?;
        }
        Ok(())
    }

    pub fn files(&self, n: usize) -> String {
        let folder = Path::new(FOLDER).join(self.parts[n].folder());
        let Ok(entries) = self.env.disk.read_dir(&folder) else { return "none".to_owned() };
        entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
    }
}
