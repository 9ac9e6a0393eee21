//! One trial: a machine, a few lives of the process on it, random work in each.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};
use log::{Cleanup, JournalConfig, Log, LogConfig, LogDir, LogError, Origin};
use records::{Codec, LeaderEpoch, Offset, Timestamp, sequence};
use uuid::Uuid;

use crate::check;
use crate::model::{Appended, Model, Sequenced};

/// What is planted to see whether the checks notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    None,
    /// Records count as acknowledged when they are appended.
    AcknowledgeEarly,
    /// A folder that was not closed in order is marked as if it had been.
    TrustUnclean,
    /// Files of the journal are begun anew while their entries are needed.
    ReuseJournal,
}

/// What the trials did, to see that they did all there is to do.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub appends: u64,
    pub commits: u64,
    pub duplicates: u64,
    pub rolls: u64,
    pub deletions: u64,
    pub truncations: u64,
    pub advances: u64,
    pub restarts: u64,
    pub recreations: u64,
    pub rests: u64,
    pub crashes: u64,
    pub cuts: u64,
    /// Operations that a full disk refused.
    pub refused: u64,
}

impl Work {
    pub fn add(&mut self, other: &Work) {
        self.appends += other.appends;
        self.commits += other.commits;
        self.duplicates += other.duplicates;
        self.rolls += other.rolls;
        self.deletions += other.deletions;
        self.truncations += other.truncations;
        self.advances += other.advances;
        self.restarts += other.restarts;
        self.recreations += other.recreations;
        self.rests += other.rests;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.refused += other.refused;
    }

    pub fn check_variety(&self) {
        let all = [
            ("appends", self.appends),
            ("commits", self.commits),
            ("duplicates", self.duplicates),
            ("rolls", self.rolls),
            ("deletions", self.deletions),
            ("truncations", self.truncations),
            ("advances", self.advances),
            ("restarts", self.restarts),
            ("recreations", self.recreations),
            ("rests", self.rests),
            ("crashes", self.crashes),
            ("cuts", self.cuts),
            ("refusals by a full disk", self.refused),
        ];
        for (what, count) in all {
            assert!(count > 0, "no trial had any {what}: {self:?}");
        }
        println!("{self:?}");
    }
}

const FOLDER: &str = "/data";
const LIVES: u64 = 3;
const STEPS: u64 = 40;

/// Runs a trial; what went wrong is the error.
pub fn run(seed: u64, mutant: Mutant, verbose: bool) -> Result<Work, String> {
    let sim = Sim::new(seed);
    let env = sim.env();
    let mut trial = Trial {
        sim,
        env,
        mutant,
        verbose,
        model: Model::default(),
        work: Work::default(),
        topic: 1,
        deleting: false,
        cutting: None,
        squeezed: false,
        counter: 0,
    };
    for life in 0..LIVES {
        trial.note(|| format!("--- life {life}"));
        if trial.dice(4) > 0 {
            let most = if trial.dice(2) == 0 { 30 } else { 250 };
            let stop = 1 + trial.dice(most);
            trial.sim.disk.stop_at(stop);
        }
        match trial.live() {
            Ok(()) => {}
            Err(Stop::Machine) => {}
            Err(Stop::Full) => return Err("refused by a disk that has room".to_owned()),
            Err(Stop::Wrong(what)) => return Err(what),
        }
        trial.crash()?;
    }
    Ok(trial.work)
}

/// Why a life ended.
enum Stop {
    Machine,
    /// It did not: the disk was full, and the operation did nothing.
    Full,
    Wrong(String),
}

struct Trial {
    sim: Sim,
    env: Env,
    mutant: Mutant,
    verbose: bool,
    model: Model,
    work: Work,
    topic: u128,
    /// The folder of an earlier topic may still be there.
    deleting: bool,
    /// A truncation to this end may be half done.
    cutting: Option<Offset>,
    /// The disk has little room, or none.
    squeezed: bool,
    counter: u64,
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
            } else if self.squeezed && error.to_string().contains("the disk has no room") {
                Stop::Full
            } else {
                Stop::Wrong(format!("an operation failed: {error}"))
            }
        })
    }

    fn config(&self) -> LogConfig {
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
            ..LogConfig::default()
        }
    }

    fn open(&mut self) -> Result<(LogDir, Arc<Log>), Stop> {
        let journal = JournalConfig {
            file_bytes: 8192 * (1 + self.dice(3)),
            append_bytes_max: usize::try_from(100 + self.dice(800)).unwrap(),
            unmarked_bytes_max: self.dice(2000),
        };
        let dir = LogDir::open_with(&self.env, Path::new(FOLDER), 1, None, journal);
        let dir = self.ok(dir)?;
        if self.dice(2) == 0 {
            dir.set_reserve(Some(0));
        }
        if self.deleting {
            self.ok(dir.delete_partition("t", 0))?;
            self.deleting = false;
        }
        let log = self.ok(dir.open_log("t", 0, Uuid::from_u128(self.topic), self.config()))?;
        Ok((dir, log))
    }

    /// A life of the process, from its start until it or the machine stops.
    fn live(&mut self) -> Result<(), Stop> {
        let (mut dir, mut log) = self.open()?;
        check::recovered(&log, &mut self.model).map_err(Stop::Wrong)?;
        for _ in 0..STEPS {
            let before = log.segment_count();
            if self.squeezed {
                self.step_without_room(&dir, &log)?;
                continue;
            }
            match self.dice(20) {
                19 if self.dice(2) == 0 => {
                    let room = self.dice(9000);
                    self.note(|| format!("room for {room} bytes"));
                    self.sim.disk.limit_space(room);
                    self.squeezed = true;
                }
                0..=7 => self.append(&log)?,
                8 => self.repeat(&log)?,
                9 => {
                    let end = self.ok(log.sync())?;
                    self.note(|| format!("sync to {end}"));
                    self.model.acknowledged = self.model.acknowledged.max(end);
                }
                10..=11 => {
                    let end = self.ok(log.commit())?;
                    self.note(|| format!("commit to {end}"));
                    self.work.commits += 1;
                    self.model.acknowledged = self.model.acknowledged.max(end);
                }
                12 => {
                    self.ok(dir.checkpoint())?;
                    self.model.acknowledged = log.log_end();
                    self.note(|| "checkpoint".to_owned());
                }
                13 => {
                    self.sim.clock.advance(Duration::from_millis(self.dice(60_000)));
                    self.retain(&log)?;
                }
                14 => self.advance(&log)?,
                15 if self.dice(2) == 0 => self.truncate(&log)?,
                16 => {
                    let epoch = LeaderEpoch(self.model.epoch.0 + 1);
                    self.ok(log.begin_epoch(epoch))?;
                    self.model.epoch = epoch;
                }
                17 if self.dice(2) == 0 => {
                    self.note(|| "restart in order".to_owned());
                    self.ok(dir.close())?;
                    self.model.acknowledged = log.log_end();
                    drop((dir, log));
                    (dir, log) = self.open()?;
                    if !dir.was_clean() {
                        return Err(Stop::Wrong("closed in order, but not found so".to_owned()));
                    }
                    check::recovered(&log, &mut self.model).map_err(Stop::Wrong)?;
                    self.work.restarts += 1;
                }
                18 if self.dice(6) == 0 => {
                    log = self.recreate(&dir, &log)?;
                }
                19 if self.dice(3) == 0 => {
                    self.note(|| "rest".to_owned());
                    dir.rest_unused();
                    dir.rest_unused();
                    if self.sim.disk.stopped() {
                        return Err(Stop::Machine);
                    }
                    // Not while files of it wait for their deletion.
                    let rested = log.is_closed();
                    let opened = dir.open_log("t", 0, Uuid::from_u128(self.topic), self.config());
                    log = self.ok(opened)?;
                    if rested {
                        self.model.acknowledged = log.log_end();
                        self.work.rests += 1;
                    }
                    check::matches(&log, &self.model, usize::MAX).map_err(Stop::Wrong)?;
                }
                _ => self.look(&log)?,
            }
            if log.segment_count() > before {
                self.work.rolls += 1;
            }
        }
        Ok(())
    }

    /// On a disk that is full, or nearly: what it refuses is as if it had not been asked for.
    fn step_without_room(&mut self, dir: &LogDir, log: &Log) -> Result<(), Stop> {
        if self.dice(12) == 0 {
            self.note(|| "room again".to_owned());
            self.sim.disk.limit_space(1 << 40);
            self.squeezed = false;
            dir.measure_space();
            return Ok(());
        }
        let done = match self.dice(9) {
            0..=3 => self.append(log),
            4 => self.ok(log.sync()).map(|end| self.acknowledge(end)),
            5 => self.ok(log.commit()).map(|end| self.acknowledge(end)),
            6 => self.ok(dir.checkpoint()).map(|()| self.acknowledge(log.log_end())),
            7 => {
                self.sim.clock.advance(Duration::from_millis(self.dice(60_000)));
                self.retain(log)
            }
            _ => self.advance(log),
        };
        if self.dice(3) == 0 {
            dir.measure_space();
        }
        if !matches!(done, Err(Stop::Full)) {
            return done;
        }
        self.note(|| "refused".to_owned());
        self.work.refused += 1;
        self.model.uncertain = None;
        self.model.acknowledged = self.model.acknowledged.max(log.durable_end());
        check::matches(log, &self.model, usize::MAX).map_err(Stop::Wrong)
    }

    fn acknowledge(&mut self, end: Offset) {
        self.model.acknowledged = self.model.acknowledged.max(end);
    }

    fn crash(&mut self) -> Result<(), String> {
        self.squeezed = false;
        let loss = match self.dice(5) {
            0 => CrashLoss::Everything,
            1 => CrashLoss::Nothing,
            _ => CrashLoss::Random(self.dice(u64::MAX)),
        };
        self.note(|| format!("crash, {loss:?}"));
        self.work.crashes += 1;
        if loss == CrashLoss::Nothing {
            // The page cache survives the process, so every append that returned does.
            self.model.acknowledged = self.model.end().min(self.cutting.unwrap_or(Offset::MAX));
        }
        let half_cut = self.cutting.take().is_some();
        self.sim.disk.crash(loss);
        if self.mutant == Mutant::TrustUnclean && self.env.disk.exists(Path::new(FOLDER)) {
            self.claim_rest().map_err(|error| error.to_string())?;
        }
        if self.mutant == Mutant::ReuseJournal {
            self.reuse_journal().map_err(|error| error.to_string())?;
        }
        let before = self.model.end();
        let (dir, log) = match self.open() {
            Ok(opened) => opened,
            Err(Stop::Machine | Stop::Full) => {
                return Err("stopped without being asked to".to_owned());
            }
            Err(Stop::Wrong(what)) => return Err(format!("recovery: {what}")),
        };
        check::recovered(&log, &mut self.model)
            .map_err(|what| format!("{what} (files: {})", self.files()))?;
        self.work.cuts += u64::from(self.model.end() < before);
        // And once more: recovery itself must leave a state that survives.
        if half_cut {
            // What an unfinished truncation cut may come back as long as nothing follows it, but
            // not behind something that does.
            let written = self.append(&log).and_then(|()| self.ok(log.sync()));
            match written {
                Ok(end) => self.model.acknowledged = end,
                Err(Stop::Wrong(what)) => return Err(what),
                Err(Stop::Machine | Stop::Full) => {
                    return Err("stopped without being asked to".to_owned());
                }
            }
        }
        drop((dir, log));
        self.sim.disk.crash(CrashLoss::Everything);
        let (_dir, log) = match self.open() {
            Ok(opened) => opened,
            Err(Stop::Machine | Stop::Full) => {
                return Err("stopped without being asked to".to_owned());
            }
            Err(Stop::Wrong(what)) => return Err(format!("second recovery: {what}")),
        };
        check::recovered(&log, &mut self.model)
            .map_err(|what| format!("second crash: {what} (files: {})", self.files()))?;
        drop((_dir, log));
        self.sim.disk.crash(CrashLoss::Nothing);
        Ok(())
    }

    /// Has the catalogue say that the log was closed with the files that are there.
    fn claim_rest(&self) -> std::io::Result<()> {
        let path = Path::new(FOLDER).join("catalogue");
        let folder = Path::new(FOLDER).join("t-0");
        let last = self.env.disk.read_dir(&folder).unwrap_or_default().into_iter();
        let Some(last) = last.map(|entry| entry.name).rfind(|name| name.ends_with(".log")) else {
            return Ok(());
        };
        let base = Offset(last.trim_end_matches(".log").parse().unwrap());
        let size = self.env.disk.open(&folder.join(&last), OpenMode::Read)?.len()?;
        let size = u32::try_from(size).unwrap();
        let Ok(known) = self.env.disk.read(&path, u64::MAX) else { return Ok(()) };
        match log::reread::catalogue_at_rest(&known, base, base, size) {
            Some(claimed) => self.env.disk.replace(&path, &claimed),
            None => Ok(()),
        }
    }

    fn reuse_journal(&self) -> std::io::Result<()> {
        let folder = Path::new(FOLDER).join("journal");
        for entry in self.env.disk.read_dir(&folder).unwrap_or_default() {
            if entry.name.ends_with(".journal") {
                let file = self.env.disk.open(&folder.join(entry.name), OpenMode::Write)?;
                file.write_all_at(&[IoSlice::new(&[0; 64])], 0)?;
                file.sync_data()?;
            }
        }
        Ok(())
    }

    fn files(&self) -> String {
        let folder = Path::new(FOLDER).join("t-0");
        let Ok(entries) = self.env.disk.read_dir(&folder) else { return "none".to_owned() };
        let sizes = entries.iter().map(|entry| {
            let file = self.env.disk.open(&folder.join(&entry.name), OpenMode::Read);
            format!("{} {}", entry.name, file.and_then(|file| file.len()).unwrap_or(0))
        });
        sizes.collect::<Vec<_>>().join(", ")
    }

    fn append(&mut self, log: &Log) -> Result<(), Stop> {
        let producer = match self.dice(6) {
            id @ 0..=3 => {
                let id = i64::try_from(id).unwrap();
                let last = self.model.of_producer(id).next_back();
                Some(
                    match last.and_then(|batch| batch.producer.map(|by| (by, batch.values.len()))) {
                        None => Sequenced { id, epoch: 0, sequence: 0 },
                        Some((by, _)) if self.dice(12) == 0 => {
                            Sequenced { id, epoch: by.epoch + 1, sequence: 0 }
                        }
                        Some((by, count)) => Sequenced {
                            sequence: sequence::add(by.sequence, i32::try_from(count).unwrap()),
                            ..by
                        },
                    },
                )
            }
            _ => None,
        };
        let count = 1 + self.dice(4);
        let now = self.env.clock.wall_ms();
        self.sim.clock.advance(Duration::from_millis(self.dice(3000)));
        let mut batch = Appended {
            base: self.model.end(),
            values: Vec::new(),
            timestamps: Vec::new(),
            epoch: self.model.epoch,
            producer,
        };
        for _ in 0..count {
            self.counter += 1;
            let width = usize::try_from(self.dice(120)).unwrap();
            batch.values.push(format!("{:0>width$}", self.counter));
            let jitter = i64::try_from(self.dice(2000)).unwrap() - 1000;
            batch.timestamps.push(Timestamp(now + jitter));
        }
        let codec = if self.dice(4) == 0 { Codec::Lz4 } else { Codec::None };
        self.note(|| format!("append {} x{count} by {producer:?}", batch.base));
        let bytes = check::encode(&batch, codec);
        self.model.uncertain = Some(batch.clone());
        let info = self.ok(log.append_as_leader(&bytes, self.model.epoch, Origin::Client))?;
        self.model.uncertain = None;
        if info.duplicate || info.first != batch.base || info.last.next() != batch.next() {
            return Err(Stop::Wrong(format!("appended {batch:?} and got {info:?}")));
        }
        self.model.history.push(batch);
        if self.mutant == Mutant::AcknowledgeEarly {
            self.model.acknowledged = self.model.end();
        }
        self.work.appends += 1;
        Ok(())
    }

    fn repeat(&mut self, log: &Log) -> Result<(), Stop> {
        check::producers(log, &self.model).map_err(Stop::Wrong)?;
        self.work.duplicates += 1;
        Ok(())
    }

    fn retain(&mut self, log: &Log) -> Result<(), Stop> {
        // Whatever it deletes, it deletes only what is durable.
        self.model.log_start_max = self.model.log_start_max.max(self.model.end());
        let report = self.ok(log.apply_retention())?;
        self.note(|| format!("retention: {report:?}"));
        self.model.acknowledged = self.model.acknowledged.max(log.durable_end());
        self.model.log_start_min = log.log_start();
        self.model.log_start_max = log.log_start().max(self.model.log_start_refused);
        self.work.deletions += u64::try_from(report.segments_deleted).unwrap();
        Ok(())
    }

    fn advance(&mut self, log: &Log) -> Result<(), Stop> {
        let to = self.pick(log.log_start(), log.log_end());
        self.note(|| format!("log start to {to}"));
        self.model.log_start_max = self.model.log_start_max.max(to);
        let before = self.model.log_start_refused;
        // One that a full disk refuses may have been written down all the same.
        self.model.log_start_refused = before.max(to);
        self.ok(log.advance_log_start(to))?;
        self.model.log_start_refused = before;
        self.model.acknowledged = self.model.acknowledged.max(log.durable_end());
        self.model.log_start_min = to;
        self.work.advances += 1;
        Ok(())
    }

    fn truncate(&mut self, log: &Log) -> Result<(), Stop> {
        let to = self.pick(log.log_start(), log.log_end());
        let end = self.model.batch_start(to);
        self.note(|| format!("truncate to {to}, which is {end}"));
        if end < log.log_start() {
            return match log.truncate_to(to) {
                Err(LogError::OutOfRange { .. }) => Ok(()),
                other => self.ok(other).and(Err(Stop::Wrong("cut before the start".to_owned()))),
            };
        }
        self.model.acknowledged = self.model.acknowledged.min(end);
        self.cutting = Some(end);
        self.ok(log.truncate_to(to))?;
        self.cutting = None;
        self.model.truncate(end);
        self.model.acknowledged = self.model.acknowledged.max(log.durable_end());
        self.work.truncations += 1;
        check::matches(log, &self.model, 1).map_err(Stop::Wrong)
    }

    fn recreate(&mut self, dir: &LogDir, log: &Log) -> Result<Arc<Log>, Stop> {
        self.note(|| "delete and create".to_owned());
        self.deleting = true;
        self.topic += 1;
        self.model = Model::default();
        self.ok(dir.delete_log(log))?;
        self.deleting = false;
        let created = dir.open_log("t", 0, Uuid::from_u128(self.topic), self.config());
        self.work.recreations += 1;
        self.ok::<_, LogError>(created)
    }

    fn look(&mut self, log: &Log) -> Result<(), Stop> {
        let most = usize::try_from(1 + self.dice(1500)).unwrap();
        check::matches(log, &self.model, most).map_err(Stop::Wrong)?;
        if self.model.history.is_empty() {
            return Ok(());
        }
        let any = usize::try_from(self.dice(1 << 30)).unwrap() % self.model.history.len();
        let at = self.model.history[any].timestamps[0];
        let at = Timestamp(at.0 + i64::try_from(self.dice(3)).unwrap() - 1);
        check::times(log, &self.model, at).map_err(Stop::Wrong)
    }
}
