//! A file of a crashed folder is not what was written: one bit of it differs, or its end is gone.
//!
//! What may follow: everything is there all the same; or an error that names a file; or records are
//! missing or quarantined and a line at level ERROR says so. What may not: a panic, a record that nobody
//! wrote, records that are missing in silence, a part of the log that cannot be read and is not
//! quarantined. Damage that recovery does not meet is found by an examination.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::Env;
use env::disk::OpenMode;
use env::sim::SimDisk;
use log::{FullSpeed, Log, LogDir};
use records::Offset;
use uuid::Uuid;

use crate::check;
use crate::common::errors;
use crate::common::machine::FOLDER;
use crate::model::{Appended, Model};
use crate::trial::{Part, Trial};

/// Files below a folder.
fn files(disk: &dyn env::Disk, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in disk.read_dir(folder).unwrap_or_default() {
        let path = folder.join(&entry.name);
        if entry.is_dir { found.extend(files(disk, &path)) } else { found.push(path) }
    }
    found
}

/// The journal's file and the position in it from which on nothing is proven. That is the entry with the greatest
/// number, of those that are whole: one that a crash tore was not acknowledged, and proves nothing. Or the one
/// before it, if it was under way when that was written. A loss of power may tear both, so nobody can tell what
/// else did.
fn unproven_of_journal(disk: &dyn env::Disk) -> Option<(PathBuf, u64)> {
    let mut entries = BTreeMap::new();
    for path in files(disk, &Path::new(FOLDER).join("journal")) {
        let bytes = disk.read(&path, 1 << 20).unwrap_or_default();
        for position in (0..bytes.len()).step_by(4096) {
            if let Some((number, behind)) = whole_entry(&bytes[position..]) {
                entries.insert(number, (behind, path.clone(), position as u64));
            }
        }
    }
    let (last, (behind, ..)) = entries.last_key_value()?;
    let (_, path, position) = entries.range(last.saturating_sub(*behind)..).next()?.1;
    Some((path.clone(), *position))
}

/// The number of the entry of the journal that begins here, if it is whole, and how many right before it were
/// under way.
fn whole_entry(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |from: usize| bytes.get(from..from + 4)?.try_into().map(u32::from_be_bytes).ok();
    let len = usize::try_from(number(24)?).ok()?;
    let is_whole =
        number(0)? == 0x574a_0001 && number(4)? == records::crc::crc32c(bytes.get(8..len)?);
    let sequence = bytes.get(8..16)?.try_into().map(u64::from_be_bytes).ok()?;
    is_whole.then_some((sequence, u64::from(number(28)?)))
}

/// What was done to a file.
struct Spoilt {
    what: String,
    /// It can look like the end of the journal after a loss of power.
    is_like_a_crash: bool,
    /// It is one bit, and not the end of the file.
    is_flip: bool,
}

impl Trial {
    /// Damages a copy of the disk and looks at what becomes of it.
    pub fn damage(&mut self) -> Result<(), String> {
        let disk = Arc::new(self.sim.disk.duplicate());
        let env = Env { disk: disk.clone(), ..self.env.clone() };
        let Some(Spoilt { what, is_like_a_crash, is_flip }) = self.spoil(&disk) else {
            return Ok(());
        };
        self.note(|| format!("damage: {what}"));
        self.work.count("damages", 1);
        errors::take();
        let told = self
            .look_at_damaged(&env, is_like_a_crash, is_flip)
            .map_err(|fault| format!("{what}: {fault}"))?;
        let silent = errors::take().is_empty() && !told;
        self.work.count(if silent { "damages without effect" } else { "damages reported" }, 1);
        Ok(())
    }

    fn spoil(&mut self, disk: &SimDisk) -> Option<Spoilt> {
        let paths = files(disk, Path::new(FOLDER));
        let at = usize::try_from(self.dice(paths.len() as u64)).unwrap();
        let path = paths.get(at)?;
        let file = (disk as &dyn env::Disk).open(path, OpenMode::Write).ok()?;
        let len = file.len().ok().filter(|len| *len > 0)?;
        if self.dice(3) == 0 {
            let left = self.dice(len);
            let unproven = unproven_of_journal(disk);
            file.set_len(left).ok()?;
            let what = format!("{} cut from {len} to {left} bytes", path.display());
            let is_like_a_crash = unproven.is_some_and(|(of, _)| of == *path);
            return Some(Spoilt { what, is_like_a_crash, is_flip: false });
        }
        // Most of a journal file is zeros that nobody reads.
        let position = self.dice(if self.dice(2) == 0 { len } else { len.min(300) });
        let bit = u32::try_from(self.dice(8)).unwrap();
        let unproven = unproven_of_journal(disk);
        disk.flip_bit(path, position, bit);
        let what =
            format!("bit {bit} of byte {position} of {}, {len} bytes, flipped", path.display());
        let is_like_a_crash = unproven.is_some_and(|(of, from)| of == *path && from <= position);
        Some(Spoilt { what, is_like_a_crash, is_flip: true })
    }

    /// Whether an error said that something is damaged.
    fn look_at_damaged(&mut self, env: &Env, silent: bool, is_flip: bool) -> Result<bool, String> {
        let dir = match LogDir::open_with(env, Path::new(FOLDER), 1, None, self.journal_config()) {
            Ok(dir) => dir,
            Err(error) => return names_a_file(&error.to_string()),
        };
        let mut told = false;
        for n in 0..self.parts.len() {
            let config = self.config();
            let part = &self.parts[n];
            let opened = if self.mutant == crate::Mutant::CutAtDamage {
                let folder = Path::new(FOLDER).join(format!("{}-{}", part.topic, part.number));
                let id = Uuid::from_u128(part.topic_id);
                Log::open(env, &folder, id, config, false, Offset::ZERO).map(Arc::new)
            } else {
                dir.open_log(&part.topic, part.number, Uuid::from_u128(part.topic_id), config)
            };
            told |= match opened {
                Ok(log) => {
                    let told = look_at(&log, part, silent)?;
                    if is_flip && self.mutant == crate::Mutant::None {
                        goes_on_behind(&log, part)?;
                    }
                    told
                }
                Err(error) => names_a_file(&error.to_string())?,
            };
        }
        Ok(told)
    }
}

/// One bit is in one entry of the journal, and another says how far the partition was durable: no offset
/// of what is lost is used again.
fn goes_on_behind(log: &Log, part: &Part) -> Result<(), String> {
    let (end, proven) = (log.log_end(), part.proven);
    if end >= proven {
        return Ok(());
    }
    let name = format!("{}-{}", part.topic, part.number);
    Err(format!("{name} ends at {end}, and its offsets up to {proven} were known to be used"))
}

fn names_a_file(error: &str) -> Result<bool, String> {
    if error.contains(FOLDER) { Ok(true) } else { Err(format!("no file is named: {error}")) }
}

/// A log that opened: what it shows after an examination was written, where it shows it, and what it
/// does not show is in a range that is quarantined, or somebody was told.
fn look_at(log: &Log, part: &Part, silent: bool) -> Result<bool, String> {
    let mut model: Model = part.model.clone();
    model.history.extend(model.uncertain.take());
    let name = format!("{}-{}", part.topic, part.number);
    log.scrub(&FullSpeed).map_err(|error| format!("{name} cannot be examined: {error}"))?;
    let found = check::undamaged(log).map_err(|error| format!("{name}: {error}"))?;
    let damages = log.damages();
    if !damages.is_empty() && !errors::any() {
        return Err(format!("{name} has damage, and nobody was told: {damages:?}"));
    }
    let mut told = !damages.is_empty();
    for batch in &found {
        // The leader's epoch lies before the checksum, and recovery believes it.
        let same = |written: &&Appended| {
            let epoch = batch.epoch;
            Appended { epoch, ..(*written).clone() } == *batch
        };
        if model.history.iter().any(|written| same(&written)) {
            continue;
        }
        if !model.gone.iter().any(|written| same(&written)) {
            return Err(format!("{name} shows what nobody wrote: {batch:?}"));
        }
        if !silent && !errors::any() {
            return Err(format!("{name} shows what was cut, and nobody was told: {batch:?}"));
        }
        told = true;
    }
    let (start, end) = (log.log_start(), log.log_end());
    let missing = end < part.marked || start > model.log_start_max;
    if missing && !silent && !errors::any() {
        return Err(format!(
            "{name} goes from {start} to {end} where {} to {} was acknowledged, and nobody was told",
            model.log_start_max, part.marked
        ));
    }
    for written in &model.history {
        let is_due = written.base >= start && written.next() <= end.min(part.marked);
        let is_damaged = |base: Offset| {
            damages.iter().any(|range| range.first <= base && written.next() <= range.end)
        };
        let is_found = || found.iter().any(|batch| batch.base == written.base);
        if is_due && !is_damaged(written.base) && !is_found() && !silent && !errors::any() {
            return Err(format!("{name} does not show {written:?}, and nobody was told"));
        }
    }
    Ok(missing || told)
}
