//! One trial: lives of a process with random work, each ended by a crash.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};
use log::{
    Cleanup, Compacted, CompactionConfig, CompactionError, FullSpeed, JournalConfig, Log,
    LogConfig, LogDir, Origin,
};
use records::{Codec, LeaderEpoch, Offset, Timestamp};
use uuid::Uuid;

use crate::check;
use crate::model::{Appended, By, Model, Rec};

pub const FOLDER: &str = "/data";
const TOPIC: Uuid = Uuid::from_u128(5);
const LIVES: usize = 4;
const STEPS: usize = 60;
pub const DELETE_RETENTION_MS: i64 = 40_000;

/// A fault that the checks must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    None,
    /// Compaction goes up to where nothing is durable, and takes a record nobody replaced.
    LoseALatest,
    /// Recovery does not finish a swap but removes it.
    ForgetTheSwap,
    /// An old segment comes back beside the one that has taken its place.
    KeepTheOldBeside,
}

/// What was done, to see that all of it was.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub appends: u64,
    pub compactions: u64,
    pub removed: u64,
    pub merged: u64,
    pub partial: u64,
    pub crashes: u64,
    pub crashes_in_compaction: u64,
    pub swaps_finished: u64,
    pub restarts: u64,
    pub aborted: u64,
    pub truncations: u64,
}

impl Work {
    pub fn add(&mut self, other: &Work) {
        self.appends += other.appends;
        self.compactions += other.compactions;
        self.removed += other.removed;
        self.merged += other.merged;
        self.partial += other.partial;
        self.crashes += other.crashes;
        self.crashes_in_compaction += other.crashes_in_compaction;
        self.swaps_finished += other.swaps_finished;
        self.restarts += other.restarts;
        self.aborted += other.aborted;
        self.truncations += other.truncations;
    }

    pub fn check_variety(&self) {
        let counts = [
            self.appends,
            self.compactions,
            self.removed,
            self.merged,
            self.partial,
            self.crashes,
            self.crashes_in_compaction,
            self.swaps_finished,
            self.restarts,
            self.aborted,
            self.truncations,
        ];
        assert!(
            counts.iter().all(|count| *count > 0),
            "some kind of work was never done: {self:?}"
        );
        println!("{self:?}");
    }
}

/// Runs the trial of a seed.
pub fn run(seed: u64, mutant: Mutant, verbose: bool) -> Result<Work, String> {
    let sim = Sim::new(seed);
    let env = sim.env();
    let (model, work) = (Model::default(), Work::default());
    let mut trial = Trial { sim, env, mutant, verbose, model, work, counter: 0, compacting: false };
    for life in 0..LIVES {
        trial.note(|| format!("--- life {life}"));
        if trial.dice(4) > 0 {
            let stop = 1 + trial.dice(400);
            trial.sim.disk.stop_at(stop);
        }
        match trial.live() {
            Ok(()) | Err(Stop::Machine) => {}
            Err(Stop::Wrong(what)) => return Err(what),
        }
        trial.crash()?;
    }
    Ok(trial.work)
}

/// Why a life ended.
enum Stop {
    Machine,
    Wrong(String),
}

struct Trial {
    sim: Sim,
    env: Env,
    mutant: Mutant,
    verbose: bool,
    model: Model,
    work: Work,
    counter: u64,
    /// A compaction was under way when the machine stopped.
    compacting: bool,
}

impl Trial {
    fn dice(&self, sides: u64) -> u64 {
        self.env.random.next_u64() % sides.max(1)
    }

    fn pick(&self, from: Offset, to: Offset) -> Offset {
        let span = u64::try_from(to - from + 1).unwrap();
        from.plus(i64::try_from(self.dice(span)).unwrap())
    }

    fn note(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>5} {}", self.sim.disk.changes(), what());
        }
    }

    /// An error is fine when the machine has stopped, and only then.
    fn ok<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Result<T, Stop> {
        result.map_err(|error| {
            if self.sim.disk.stopped() {
                Stop::Machine
            } else {
                Stop::Wrong(format!("an operation failed: {error}"))
            }
        })
    }

    fn open(&mut self) -> Result<(LogDir, Arc<Log>), Stop> {
        let journal = JournalConfig {
            file_bytes: 8192 * (1 + self.dice(3)),
            append_bytes_max: usize::try_from(100 + self.dice(800)).unwrap(),
            unmarked_bytes_max: self.dice(2000),
        };
        let dir = self.ok(LogDir::open_with(&self.env, Path::new(FOLDER), 1, None, journal))?;
        let config = LogConfig {
            segment_bytes: 600 + u32::try_from(self.dice(2500)).unwrap(),
            index_interval_bytes: 64 + u32::try_from(self.dice(400)).unwrap(),
            segment_ms: 30_000,
            cleanup: Cleanup { delete: false, compact: true },
            delete_retention_ms: DELETE_RETENTION_MS.unsigned_abs(),
            file_delete_delay_ms: self.dice(2) * 1000,
            preallocate_bytes: 0,
            checkpoint_index_bytes: 1 + u32::try_from(self.dice(900)).unwrap(),
            ..LogConfig::default()
        };
        let log = self.ok(dir.open_log("t", 0, TOPIC, config))?;
        Ok((dir, log))
    }

    fn holds(&self, log: &Log) -> Result<Vec<check::Read>, Stop> {
        check::holds(log, &self.model, self.env.clock.wall_ms(), DELETE_RETENTION_MS)
            .map_err(|what| Stop::Wrong(format!("{what} (files: {})", self.files())))
    }

    fn live(&mut self) -> Result<(), Stop> {
        let (mut dir, mut log) = self.open()?;
        self.recovered(&log)?;
        for _ in 0..STEPS {
            match self.dice(16) {
                0..=6 => self.append(&log)?,
                7 => {
                    let end = self.ok(log.sync())?;
                    self.model.acknowledged = self.model.acknowledged.max(end);
                }
                8 => {
                    let end = self.ok(log.commit())?;
                    self.model.acknowledged = self.model.acknowledged.max(end);
                }
                9 => {
                    self.ok(dir.checkpoint())?;
                    self.model.acknowledged = log.log_end();
                }
                10 => {
                    self.sim.clock.advance(Duration::from_millis(self.dice(60_000)));
                    self.ok(log.apply_retention())?;
                    self.model.acknowledged = self.model.acknowledged.max(log.durable_end());
                }
                11..=13 => self.compact(&log)?,
                14 if self.dice(3) == 0 => {
                    self.note(|| "restart in order".to_owned());
                    self.ok(dir.close())?;
                    self.model.acknowledged = log.log_end();
                    drop((dir, log));
                    (dir, log) = self.open()?;
                    self.recovered(&log)?;
                    self.work.restarts += 1;
                }
                15 if self.dice(8) == 0 => self.truncate(&log)?,
                _ => {
                    let found = self.holds(&log)?;
                    let time = Timestamp(
                        self.env.clock.wall_ms() - i64::try_from(self.dice(90_000)).unwrap(),
                    );
                    let from = self.pick(log.log_start(), log.log_end());
                    check::lookups(&log, &found, time, from).map_err(Stop::Wrong)?;
                    check::producers(&log, &self.model).map_err(Stop::Wrong)?;
                }
            }
        }
        Ok(())
    }

    fn recovered(&mut self, log: &Log) -> Result<(), Stop> {
        let end = log.log_end();
        self.model.history.extend(self.model.uncertain.take());
        if end < self.model.acknowledged {
            let promised = self.model.acknowledged;
            return Err(Stop::Wrong(format!("acknowledged to {promised}, it ends at {end}")));
        }
        self.model.truncate(end);
        self.model.acknowledged = end;
        self.holds(log)?;
        check::producers(log, &self.model).map_err(Stop::Wrong)
    }

    fn crash(&mut self) -> Result<(), String> {
        let loss = match self.dice(4) {
            0 => CrashLoss::Everything,
            1 => CrashLoss::Nothing,
            _ => CrashLoss::Random(self.dice(u64::MAX)),
        };
        self.note(|| format!("crash, {loss:?}"));
        self.work.crashes += 1;
        self.work.crashes_in_compaction += u64::from(std::mem::take(&mut self.compacting));
        self.die(loss);
        self.change_files().map_err(|error| error.to_string())?;
        for again in [false, true] {
            let opened =
                self.open().and_then(|(dir, log)| self.recovered(&log).map(|()| (dir, log)));
            match opened {
                Ok(opened) => drop(opened),
                Err(Stop::Machine) => return Err("stopped without being asked to".to_owned()),
                Err(Stop::Wrong(what)) => return Err(format!("recovery (again: {again}): {what}")),
            }
            // Recovery itself must leave a state that survives.
            self.die(if again { CrashLoss::Nothing } else { CrashLoss::Everything });
        }
        Ok(())
    }

    /// This process is over, and another one starts.
    fn die(&mut self, loss: CrashLoss) {
        self.sim.disk.crash(loss);
        self.env = self.sim.env();
    }

    /// Notes which swaps recovery will find, and plants the fault of a mutant.
    fn change_files(&mut self) -> std::io::Result<()> {
        let folder = Path::new(FOLDER).join("t-0");
        for entry in self.env.disk.read_dir(&folder).unwrap_or_default() {
            let path = folder.join(&entry.name);
            if entry.name.ends_with(".swap") {
                self.work.swaps_finished += 1;
                if self.mutant == Mutant::ForgetTheSwap {
                    self.env.disk.remove_file(&path)?;
                }
            }
            if self.mutant == Mutant::KeepTheOldBeside
                && let Some((log, _)) = entry.name.split_once(".log.")
                && entry.name.ends_with(".deleted")
            {
                let old = folder.join(format!("{log}.log"));
                if self.env.disk.open(&old, OpenMode::Read).is_err() {
                    self.env.disk.rename(&path, &old)?;
                }
            }
        }
        Ok(())
    }

    fn files(&self) -> String {
        let folder = Path::new(FOLDER).join("t-0");
        let Ok(entries) = self.env.disk.read_dir(&folder) else { return "none".to_owned() };
        entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
    }

    fn append(&mut self, log: &Log) -> Result<(), Stop> {
        let base = self.model.end();
        let now = self.env.clock.wall_ms();
        self.sim.clock.advance(Duration::from_millis(self.dice(2000)));
        let mut batch = Appended {
            base,
            records: Vec::new(),
            by: None,
            transactional: false,
            control: None,
            codec: match self.dice(4) {
                0 => Codec::Lz4,
                1 => Codec::Zstd,
                _ => Codec::None,
            },
            at_ms: now,
        };
        match self.dice(10) {
            // Idempotent producers, and two that write transactions.
            id @ 0..=3 => {
                let id = i64::try_from(id).unwrap();
                batch.by = Some(By { id, sequence: self.model.next_sequence(id) });
            }
            which @ 4..=7 => {
                let id = 4 + i64::try_from(which % 2).unwrap();
                batch.transactional = true;
                batch.by = Some(By { id, sequence: self.model.next_sequence(id) });
                if self.model.is_open(id) && self.dice(2) == 0 {
                    let committed = self.dice(2) == 0;
                    batch.control = Some(committed);
                    self.work.aborted += u64::from(!committed);
                }
            }
            _ => {}
        }
        let count = if batch.control.is_some() { 1 } else { 1 + self.dice(5) };
        for n in 0..count {
            self.counter += 1;
            let width = usize::try_from(self.dice(60)).unwrap();
            let value = format!("{:0>width$}", self.counter).into_bytes();
            let jitter = i64::try_from(self.dice(2000)).unwrap() - 1000;
            batch.records.push(Rec {
                offset: base.plus(i64::try_from(n).unwrap()),
                key: format!("key-{}", self.dice(9)).into_bytes(),
                value: (self.dice(5) > 0).then_some(value),
                timestamp: Timestamp(now + jitter),
            });
        }
        self.note(|| format!("append {base} x{count} {:?} {:?}", batch.by, batch.control));
        let origin = if batch.control.is_some() { Origin::Coordinator } else { Origin::Client };
        self.model.uncertain = Some(batch.clone());
        let info = self.ok(log.append_as_leader(&batch.encode(), LeaderEpoch(0), origin))?;
        self.model.uncertain = None;
        if info.duplicate || info.first != base {
            return Err(Stop::Wrong(format!("appended {batch:?} and got {info:?}")));
        }
        self.model.history.push(batch);
        self.work.appends += 1;
        Ok(())
    }

    fn compact(&mut self, log: &Log) -> Result<(), Stop> {
        let durable = log.durable_end();
        let limit = if self.dice(3) == 0 { self.pick(log.log_start(), durable) } else { durable };
        self.model.limit = self.model.limit.max(limit);
        let config = CompactionConfig {
            map_bytes_max: if self.dice(3) == 0 { 16 * 6 } else { 1 << 16 },
            load_factor: 0.9,
        };
        let before = log.segment_count();
        self.compacting = true;
        let result = log.compact(limit, &config, &FullSpeed);
        self.note(|| format!("compact below {limit}: {result:?}"));
        let done: Option<Compacted> = match result {
            Err(CompactionError::Changed) => {
                return Err(Stop::Wrong("nobody else changes segments".to_owned()));
            }
            result => self.ok(result)?,
        };
        self.compacting = false;
        self.model.acknowledged = self.model.acknowledged.max(log.durable_end());
        let Some(done) = done else { return Ok(()) };
        self.work.compactions += 1;
        self.work.removed += u64::from(done.bytes_after < done.bytes_before);
        self.work.merged += u64::from(log.segment_count() < before);
        self.work.partial += u64::from(done.segments_after > 0 && done.end < limit);
        if self.mutant == Mutant::LoseALatest {
            let lost = self.model.history.iter_mut().find(|batch| batch.control.is_none());
            if let Some(record) = lost.and_then(|batch| batch.records.last_mut()) {
                record.key = b"a key of its own".to_vec();
            }
        }
        let found = self.holds(log)?;
        check::is_compact(&self.model, &found, done.end).map_err(Stop::Wrong)
    }

    fn truncate(&mut self, log: &Log) -> Result<(), Stop> {
        // As a new leader asks: never below what was acknowledged, and so never below the limit.
        let floor = self.model.limit.max(self.model.acknowledged);
        if floor > log.log_end() {
            return Ok(());
        }
        let to = self.pick(floor, log.log_end());
        let batch = self.model.history.iter().find(|batch| batch.next() > to);
        let end = batch.map_or(self.model.end(), |batch| batch.base);
        self.note(|| format!("truncate to {to}, which is {end}"));
        self.ok(log.truncate_to(to))?;
        self.model.truncate(end);
        self.model.acknowledged = self.model.acknowledged.max(log.durable_end());
        self.work.truncations += 1;
        self.holds(log).map(|_| ())
    }
}
