//! What the disk does to a life: it stops, fails, fills up, or reads little at a time; and what may be
//! said and must hold then.

use log::LogDir;

use crate::check;
use crate::common::machine::Stop;
use crate::mutant::Mutant;
use crate::trial::Trial;

impl Trial {
    /// An error is fine when the machine has stopped or a fault was asked for, and only then.
    pub fn ok<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Result<T, Stop> {
        result.map_err(|error| {
            let text = error.to_string();
            self.why(&text, is_full(&text))
        })
    }

    /// What will end the life that begins, or disturb it.
    pub fn plan_the_end(&mut self) {
        let nth = 1 + self.dice(400);
        let soon = 1 + self.dice(100);
        let disk = &self.sim.disk;
        match self.dice(16) {
            0..=7 => disk.stop_at(nth),
            8 => disk.fail_write(soon),
            9 => disk.fail_sync(soon),
            10..=11 => disk.fail_change(nth),
            12 => self.squeeze(),
            _ => {}
        }
        self.perhaps_shorten_reads();
    }

    /// On a disk that is full, or nearly: what it refuses is as if it had not been asked for.
    pub fn step_without_room(&mut self, dir: &LogDir, n: usize) -> Result<(), Stop> {
        if self.dice(12) == 0 {
            self.give_room(dir);
            return Ok(());
        }
        let is_compacted = self.parts[n].is_compacted;
        let done = match self.dice(9) {
            0..=3 => self.append(n),
            4 => self.sync(n),
            5 => self.commit(n),
            6 => self.checkpoint(dir),
            7 => self.retain(n),
            _ if is_compacted => self.compact(n),
            _ => self.look(n),
        };
        if self.dice(3) == 0 {
            dir.measure_space();
        }
        if !matches!(done, Err(Stop::Full)) {
            return done;
        }
        self.note(|| format!("{n}: refused"));
        self.work.count("refusals", 1);
        if std::mem::take(&mut self.compacting) {
            self.work.count("compactions refused", 1);
            // A fault may have kept them from being removed.
            let is_sound = self.sim.disk.faults_delivered() == 0;
            if is_sound && self.files(n).contains(".cleaned") {
                let files = self.files(n);
                return Err(Stop::Wrong(format!("a full disk, and half a compaction: {files}")));
            }
        }
        for n in 0..self.parts.len() {
            let durable = self.log(n).durable_end();
            self.promise(n, durable);
            let refused = self.parts[n].model.uncertain.take();
            if self.mutant == Mutant::CountRefused {
                self.parts[n].model.history.extend(refused);
            }
            self.holds(n)?;
        }
        Ok(())
    }

    /// After a fault: what is there is still read, and is a valid history.
    pub fn fenced(&mut self) -> Result<(), String> {
        self.work.count("faults", 1);
        for n in 0..self.parts.len() {
            let part = &self.parts[n];
            // In the middle of a cut what there is to read is about to change.
            let Some(log) = part.log.as_ref().filter(|_| part.cutting.is_none()) else { continue };
            check::holds(log, &part.model, self.env.clock.wall_ms())
                .map_err(|what| format!("{} after a fault: {what}", part.folder()))?;
        }
        Ok(())
    }
}

/// Whether an error says that there is no room: refused beforehand, or by the disk.
fn is_full(text: &str) -> bool {
    text.contains("the disk has no room") || text.contains("no storage space")
}
