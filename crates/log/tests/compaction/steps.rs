//! What a life consists of: one operation on one partition, and what the model learns of it.

use std::time::Duration;

use log::{Compacted, CompactionConfig, CompactionError, FullSpeed, LogDir, Origin};
use records::{Codec, LeaderEpoch, Offset, Timestamp};

use crate::check;
use crate::common::machine::Stop;
use crate::model::{Appended, By, Rec};
use crate::mutant::Mutant;
use crate::trial::Trial;

/// What [`Trial::begin_compaction`] has decided.
pub struct Planned {
    pub limit: Offset,
    pub config: CompactionConfig,
    segments: usize,
}

impl Trial {
    pub fn append(&mut self, n: usize) -> Result<(), Stop> {
        let base = self.parts[n].model.end();
        let now = self.env.clock.wall_ms();
        self.sim.clock.advance(Duration::from_millis(self.dice(2000)));
        let mut batch = Appended {
            base,
            records: Vec::new(),
            by: None,
            transactional: false,
            control: None,
            codec: match self.dice(16) {
                0..=3 => Codec::Lz4,
                // Its context costs more than all the rest of a step.
                4 => Codec::Zstd,
                _ => Codec::None,
            },
            at_ms: now,
        };
        match self.dice(10) {
            // Idempotent producers, and two that write transactions.
            id @ 0..=3 => {
                let id = i64::try_from(id).unwrap();
                batch.by = Some(By { id, sequence: self.parts[n].model.next_sequence(id) });
            }
            which @ 4..=7 => {
                let id = 4 + i64::try_from(which % 2).unwrap();
                batch.transactional = true;
                batch.by = Some(By { id, sequence: self.parts[n].model.next_sequence(id) });
                if self.parts[n].model.is_open(id) && self.dice(2) == 0 {
                    let committed = self.dice(2) == 0;
                    batch.control = Some(committed);
                    self.work.count("transactions aborted", u64::from(!committed));
                }
            }
            _ => {}
        }
        let count = if batch.control.is_some() { 1 } else { 1 + self.dice(5) };
        for delta in 0..count {
            self.counter += 1;
            let width = usize::try_from(self.dice(60)).unwrap();
            let value = format!("{:0>width$}", self.counter).into_bytes();
            let jitter = i64::try_from(self.dice(2000)).unwrap() - 1000;
            batch.records.push(Rec {
                offset: base.plus(i64::try_from(delta).unwrap()),
                key: format!("key-{}", self.dice(9)).into_bytes(),
                value: (self.dice(5) > 0).then_some(value),
                timestamp: Timestamp(now + jitter),
            });
        }
        self.note(|| format!("{n}: append {base} x{count} {:?} {:?}", batch.by, batch.control));
        let origin = if batch.control.is_some() { Origin::Coordinator } else { Origin::Client };
        self.parts[n].model.uncertain = Some(batch.clone());
        let log = self.log(n);
        let info = self.ok(log.append_as_leader(&batch.encode(), LeaderEpoch(0), origin))?;
        self.parts[n].model.uncertain = None;
        if info.duplicate || info.first != base {
            return Err(Stop::Wrong(format!("appended {batch:?} and got {info:?}")));
        }
        self.parts[n].model.history.push(batch);
        self.work.count("appends", 1);
        Ok(())
    }

    pub fn sync(&mut self, n: usize) -> Result<(), Stop> {
        let end = self.ok(self.log(n).sync())?;
        self.note(|| format!("{n}: sync to {end}"));
        self.promise(n, end);
        Ok(())
    }

    pub fn commit(&mut self, n: usize) -> Result<(), Stop> {
        let end = self.ok(self.log(n).commit())?;
        self.note(|| format!("{n}: commit to {end}"));
        self.promise(n, end);
        Ok(())
    }

    pub fn checkpoint(&mut self, dir: &LogDir) -> Result<(), Stop> {
        self.ok(dir.checkpoint())?;
        self.note(|| "checkpoint".to_owned());
        self.all_acknowledged();
        Ok(())
    }

    pub fn retain(&mut self, n: usize) -> Result<(), Stop> {
        self.sim.clock.advance(Duration::from_millis(self.dice(60_000)));
        let log = self.log(n);
        let report = self.ok(log.apply_retention())?;
        self.note(|| format!("{n}: retention: {report:?}"));
        self.promise(n, log.durable_end());
        Ok(())
    }

    pub fn look(&mut self, n: usize) -> Result<(), Stop> {
        let found = self.holds(n)?;
        let log = self.log(n);
        let ago = i64::try_from(self.dice(90_000)).unwrap();
        let time = Timestamp(self.env.clock.wall_ms() - ago);
        let from = self.pick(log.log_start(), log.log_end());
        check::lookups(&log, &found, time, from).map_err(Stop::Wrong)?;
        // What comes again is recognised only where it is not refused before.
        if self.squeezed {
            return Ok(());
        }
        check::producers(&log, &self.parts[n].model).map_err(Stop::Wrong)
    }

    /// Decides what the next compaction may touch; from here on it counts as under way.
    pub fn begin_compaction(&mut self, n: usize) -> Planned {
        let log = self.log(n);
        let durable = log.durable_end();
        let limit = if self.dice(3) == 0 { self.pick(log.log_start(), durable) } else { durable };
        let model = &mut self.parts[n].model;
        model.limit = model.limit.max(limit);
        let config = CompactionConfig {
            map_bytes_max: if self.dice(3) == 0 { 16 * 6 } else { 1 << 16 },
            load_factor: 0.9,
        };
        self.compacting = true;
        Planned { limit, config, segments: log.segment_count() }
    }

    pub fn compact(&mut self, n: usize) -> Result<(), Stop> {
        let planned = self.begin_compaction(n);
        let result = self.log(n).compact(planned.limit, &planned.config, &FullSpeed);
        self.end_compaction(n, &planned, result)
    }

    pub fn end_compaction(
        &mut self,
        n: usize,
        planned: &Planned,
        result: Result<Option<Compacted>, CompactionError>,
    ) -> Result<(), Stop> {
        let log = self.log(n);
        let limit = planned.limit;
        self.note(|| format!("{n}: compact below {limit}: {result:?}"));
        let done = match result {
            Err(CompactionError::Changed) => {
                return Err(Stop::Wrong("nobody else changes segments".to_owned()));
            }
            result => self.ok(result),
        };
        if matches!(done, Err(Stop::Fault)) && log.fenced().is_none() {
            // It failed before it touched anything that counts: the life goes on.
            self.compacting = false;
            self.faults_passed = self.sim.disk.faults_delivered();
            self.work.count("compactions given up", 1);
            return self.holds(n).map(drop);
        }
        let done = done?;
        self.compacting = false;
        self.promise(n, log.durable_end());
        let Some(done) = done else { return Ok(()) };
        self.work.count("compactions", 1);
        self.work.count("records removed", u64::from(done.bytes_after < done.bytes_before));
        self.work.count("merges", u64::from(log.segment_count() < planned.segments));
        let is_part = done.segments_after > 0 && done.end < limit;
        self.work.count("compactions in part", u64::from(is_part));
        if self.mutant == Mutant::LoseALatest {
            let mut batches = self.parts[n].model.history.iter_mut();
            let lost = batches.find(|batch| batch.control.is_none());
            if let Some(record) = lost.and_then(|batch| batch.records.last_mut()) {
                record.key = b"a key of its own".to_vec();
            }
        }
        let found = self.holds(n)?;
        check::is_compact(&self.parts[n].model, &found, done.end).map_err(Stop::Wrong)
    }

    pub fn truncate(&mut self, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let model = &self.parts[n].model;
        // As a new leader asks: never below what was acknowledged, and so never below the limit.
        let floor = model.limit.max(model.acknowledged);
        if floor > log.log_end() {
            return Ok(());
        }
        let to = self.pick(floor, log.log_end());
        let model = &self.parts[n].model;
        let batch = model.history.iter().find(|batch| batch.next() > to);
        let end = batch.map_or(model.end(), |batch| batch.base);
        self.note(|| format!("{n}: truncate to {to}, which is {end}"));
        self.parts[n].cutting = Some(end);
        self.ok(log.truncate_to(to))?;
        self.parts[n].cutting = None;
        self.parts[n].model.truncate(end);
        self.promise(n, log.durable_end());
        self.work.count("truncations", 1);
        self.holds(n).map(drop)
    }
}
