//! What a life consists of: one operation on one partition, and what the model learns of it.

use std::time::Duration;

use log::{LogDir, LogError, Origin};
use records::{Codec, Offset, Timestamp, sequence};

use crate::check;
use crate::common::machine::Stop;
use crate::model::{Appended, Model, Sequenced};
use crate::mutant::Mutant;
use crate::trial::Trial;

impl Trial {
    fn producer(&self, n: usize) -> Option<Sequenced> {
        let id @ 0..=3 = self.dice(6) else { return None };
        let id = i64::try_from(id).unwrap();
        let last = self.parts[n].model.of_producer(id).next_back();
        Some(match last.and_then(|batch| batch.producer.map(|by| (by, batch.values.len()))) {
            None => Sequenced { id, epoch: 0, sequence: 0 },
            Some((by, _)) if self.dice(12) == 0 => {
                Sequenced { id, epoch: by.epoch + 1, sequence: 0 }
            }
            Some((by, count)) => Sequenced {
                sequence: sequence::add(by.sequence, i32::try_from(count).unwrap()),
                ..by
            },
        })
    }

    pub fn append(&mut self, n: usize) -> Result<(), Stop> {
        let producer = self.producer(n);
        let count = 1 + self.dice(4);
        let now = self.env.clock.wall_ms();
        self.sim.clock.advance(Duration::from_millis(self.dice(3000)));
        let epoch = self.parts[n].model.epoch;
        let mut batch = Appended {
            base: self.parts[n].model.end(),
            values: Vec::new(),
            timestamps: Vec::new(),
            epoch,
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
        self.note(|| format!("{n}: append {} x{count} by {producer:?}", batch.base));
        let bytes = check::encode(&batch, codec);
        self.parts[n].model.uncertain = Some(batch.clone());
        let log = self.log(n);
        let info = self.ok(log.append_as_leader(&bytes, epoch, Origin::Client))?;
        let model = &mut self.parts[n].model;
        model.uncertain = None;
        if info.duplicate || info.first != batch.base || info.last.next() != batch.next() {
            return Err(Stop::Wrong(format!("appended {batch:?} and got {info:?}")));
        }
        model.history.push(batch);
        let part = &mut self.parts[n];
        part.journaled = !part.unjournaled && bytes.len() <= part.journaled_max;
        part.unjournaled = !part.journaled;
        self.pending_bytes += bytes.len() + 128;
        let model = &mut self.parts[n].model;
        if self.mutant == Mutant::AcknowledgeAtAppend {
            model.acknowledged = model.end();
        }
        self.work.count("appends", 1);
        Ok(())
    }

    pub fn repeat(&mut self, n: usize) -> Result<(), Stop> {
        check::producers(&self.log(n), &self.parts[n].model).map_err(Stop::Wrong)?;
        self.work.count("duplicates", 1);
        Ok(())
    }

    pub fn sync(&mut self, n: usize) -> Result<(), Stop> {
        let end = self.ok(self.log(n).sync())?;
        self.note(|| format!("{n}: sync to {end}"));
        self.promise(n, end);
        Ok(())
    }

    pub fn commit(&mut self, n: usize) -> Result<Offset, Stop> {
        let end = self.ok(self.log(n).commit())?;
        self.note(|| format!("{n}: commit to {end}"));
        self.work.count("commits", 1);
        self.promise(n, end);
        Ok(end)
    }

    /// Two commits are under way, and the disk does them in any order, or one, or none.
    pub fn commit_two(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        let Some(first) = self.ok(dir.begin_commit())? else { return Ok(()) };
        let more = (0..1 + self.dice(3)).try_for_each(|_| self.append(n));
        let ends: Vec<Offset> = self.parts.iter().map(|part| part.model.end()).collect();
        let second = self.ok(dir.begin_commit()).and_then(|begun| more.map(|()| begun));
        if second.is_ok() && self.dice(2) == 0 {
            self.sim.disk.stop_at(1 + self.dice(6));
        }
        let second_first = self.dice(2) == 0;
        let (first, second) = match second {
            Err(stop) => {
                let _ = dir.end_commit(first.write());
                return Err(stop);
            }
            Ok(None) => (first.write(), None),
            Ok(Some(second)) if second_first => {
                let second = second.write();
                if self.mutant == Mutant::AcknowledgeOutOfTurn && !self.sim.disk.stopped() {
                    for (n, end) in ends.into_iter().enumerate() {
                        self.promise(n, end);
                    }
                }
                (first.write(), Some(second))
            }
            Ok(Some(second)) => (first.write(), Some(second.write())),
        };
        self.note(|| format!("two commits, the second {second:?}, done first {second_first}"));
        let first = dir.end_commit(first);
        let second = second.map_or(Ok(()), |second| {
            self.work.count("commits at once", 1);
            dir.end_commit(second)
        });
        self.ok(first.and(second))?;
        for n in 0..self.parts.len() {
            let end = self.commit(n)?;
            self.committed(n, end);
        }
        Ok(())
    }

    /// The journal is filled ahead, with commits before the disk is done with that, or after.
    pub fn fill_ahead(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        let begun = self.ok(dir.begin_filling())?;
        if self.dice(3) == 0 {
            self.sim.disk.stop_at(1 + self.dice(4));
        }
        let is_first = self.dice(2) == 0;
        let Some(gap) = begun else { return Ok(()) };
        let commit = match is_first {
            true => Ok(None),
            false => self.append(n).and_then(|()| self.ok(dir.begin_commit())),
        };
        let filled = dir.end_filling(gap.fill());
        self.note(|| {
            format!(
                "filled ahead: {filled:?}, a commit beside it: {}",
                matches!(commit, Ok(Some(_)))
            )
        });
        let ended = commit?.map_or(Ok(()), |commit| dir.end_commit(commit.write()));
        self.work.count("fillings", 1);
        self.ok(filled.map(|_| ()).and(ended))?;
        let end = self.commit(n)?;
        self.committed(n, end);
        Ok(())
    }

    /// Nothing is committed for two rounds; and for two more, as what waited for a commit goes with the
    /// entry that proves, and is to be proven by another.
    pub fn prove(&mut self, dir: &LogDir) -> Result<(), Stop> {
        for _ in 0..4 {
            self.ok(dir.prove())?;
        }
        if dir.is_proof_missing() {
            return Err(Stop::Wrong("the last entry of the journal is not proven".to_owned()));
        }
        self.note(|| "the journal is proven".to_owned());
        for part in self.parts.iter_mut().filter(|part| part.provable) {
            part.proven = part.marked;
        }
        self.work.count("proofs", 1);
        Ok(())
    }

    pub fn checkpoint(&mut self, dir: &LogDir) -> Result<(), Stop> {
        self.ok(dir.checkpoint())?;
        self.all_acknowledged();
        self.work.count("checkpoints", 1);
        self.note(|| "checkpoint".to_owned());
        Ok(())
    }

    pub fn retain(&mut self, n: usize) -> Result<(), Stop> {
        self.sim.clock.advance(Duration::from_millis(self.dice(60_000)));
        let log = self.log(n);
        // Whatever it deletes, it deletes only what is durable.
        let model = &mut self.parts[n].model;
        model.log_start_max = model.log_start_max.max(model.end());
        let report = self.ok(log.apply_retention())?;
        self.note(|| format!("{n}: retention: {report:?}"));
        self.promise(n, log.durable_end());
        let model = &mut self.parts[n].model;
        model.log_start_min = log.log_start();
        model.log_start_max = log.log_start().max(model.log_start_refused);
        self.work.count("deletions", u64::try_from(report.segments_deleted).unwrap());
        Ok(())
    }

    pub fn advance(&mut self, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let to = self.pick(log.log_start(), log.log_end());
        self.note(|| format!("{n}: log start to {to}"));
        let model = &mut self.parts[n].model;
        model.log_start_max = model.log_start_max.max(to);
        let before = model.log_start_refused;
        // One that a full disk refuses may have been written down all the same.
        model.log_start_refused = before.max(to);
        self.ok(log.advance_log_start(to))?;
        self.parts[n].model.log_start_refused = before;
        self.promise(n, log.durable_end());
        self.parts[n].model.log_start_min = to;
        self.work.count("advances", 1);
        Ok(())
    }

    pub fn truncate(&mut self, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let to = self.pick(log.log_start(), log.log_end());
        let end = self.parts[n].model.batch_start(to);
        self.note(|| format!("{n}: truncate to {to}, which is {end}"));
        if end < log.log_start() {
            return match log.truncate_to(to) {
                Err(LogError::OutOfRange { .. }) => Ok(()),
                other => self.ok(other).and(Err(Stop::Wrong("cut before the start".to_owned()))),
            };
        }
        let part = &mut self.parts[n];
        part.model.acknowledged = part.model.acknowledged.min(end);
        part.cutting = Some(end);
        part.marked = part.marked.min(end);
        part.proven = part.proven.min(end);
        self.ok(log.truncate_to(to))?;
        let part = &mut self.parts[n];
        part.cutting = None;
        part.model.truncate(end);
        self.promise(n, log.durable_end());
        self.work.count("truncations", 1);
        check::matches(&log, &self.parts[n].model, 1).map_err(Stop::Wrong)
    }

    pub fn recreate(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        self.note(|| format!("{n}: delete and create"));
        let log = self.log(n);
        self.topics += 1;
        let part = &mut self.parts[n];
        part.deleting = true;
        part.log = None;
        part.marked = Offset::ZERO;
        part.proven = Offset::ZERO;
        part.provable = false;
        part.topic_id = self.topics;
        part.model = Model::default();
        self.ok(dir.delete_log(&log))?;
        self.parts[n].deleting = false;
        self.open_part(dir, n)?;
        self.work.count("recreations", 1);
        Ok(())
    }

    /// Everything is closed, and opened again when it is used.
    pub fn rest(&mut self, dir: &LogDir) -> Result<(), Stop> {
        self.note(|| "rest".to_owned());
        // The first call sees that all were used until now.
        dir.rest_unused();
        dir.rest_unused();
        self.rested(dir)
    }

    /// What was closed is opened again, and holds all that was appended.
    pub fn rested(&mut self, dir: &LogDir) -> Result<(), Stop> {
        if self.sim.disk.stopped() {
            return Err(Stop::Machine);
        }
        if self.sim.disk.faults_delivered() > 0 {
            return Err(Stop::Fault);
        }
        for n in 0..self.parts.len() {
            let log = self.log(n);
            // Not while files of it wait for their deletion.
            if !log.is_closed() {
                continue;
            }
            self.open_part(dir, n)?;
            let log = self.log(n);
            self.promise(n, log.log_end());
            self.work.count("rests", 1);
            check::matches(&log, &self.parts[n].model, usize::MAX).map_err(Stop::Wrong)?;
        }
        Ok(())
    }

    pub fn look(&mut self, n: usize) -> Result<(), Stop> {
        let log = self.log(n);
        let most = usize::try_from(1 + self.dice(1500)).unwrap();
        let model = &self.parts[n].model;
        check::matches(&log, model, most).map_err(Stop::Wrong)?;
        if model.history.is_empty() {
            return Ok(());
        }
        let any = usize::try_from(self.dice(1 << 30)).unwrap() % model.history.len();
        let at = model.history[any].timestamps[0];
        let at = Timestamp(at.0 + i64::try_from(self.dice(3)).unwrap() - 1);
        check::times(&log, model, at).map_err(Stop::Wrong)
    }
}
