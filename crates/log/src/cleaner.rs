//! Which log is compacted next, and what is remembered of it: up to where each was compacted, and
//! which cannot be.
//!
//! Chosen is the log with the greatest share of dirty bytes, of those that are due, as Kafka does it.
//! A log that cannot be compacted is reported once and left alone until the process ends; the others
//! go on.
//!
//! On disk: `cleaner-offset-checkpoint`, Kafka's file, replaced as a whole after each run. Losing it costs
//! a run over what was compacted already, and nothing else; so does a mark that is too low. One that is
//! above the end of its log is not believed.
//!
//! Deliberately absent: threads, pauses and settings of the broker; which logs there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use env::Env;
use parking_lot::Mutex;
use records::Offset;
use uuid::Uuid;

use crate::checkpoint::{self, Key};
use crate::compact::{Cleanable, Compacted, CompactionConfig, CompactionError, Pace};
use crate::error::LogError;
use crate::files;
use crate::log::Log;
use crate::log_dir::LogDir;

const CHECKPOINT: &str = "cleaner-offset-checkpoint";
/// The checkpoint is read up to this size: a million partitions with long names.
const CHECKPOINT_MAX: u64 = 256 << 20;

/// A log that may be compacted.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its number.
    pub partition: i32,
    /// The log.
    pub log: Arc<Log>,
    /// The high watermark: nothing at or above it is touched.
    pub limit: Offset,
}

/// What a round did.
#[derive(Clone, Debug)]
pub enum Round {
    /// No log is due.
    Nothing,
    /// A log was compacted.
    Done(Candidate, Compacted),
    /// A log was not.
    Failed(Candidate, CompactionError),
}

#[derive(Debug, Default)]
struct State {
    ends: BTreeMap<Key, Offset>,
    running: BTreeSet<Key>,
    /// Logs that cannot be compacted, by the topics they were of.
    uncleanable: BTreeMap<Key, Uuid>,
}

/// Compacts the logs of a folder.
#[derive(Debug)]
pub struct Cleaner {
    env: Env,
    path: PathBuf,
    state: Mutex<State>,
    /// One writer of the checkpoint.
    file: Mutex<()>,
}

impl Cleaner {
    /// Reads what is remembered of the logs of a folder.
    #[must_use]
    pub fn open(env: &Env, dir: &LogDir) -> Cleaner {
        let path = dir.path().join(CHECKPOINT);
        let bytes = match env.disk.read(&path, CHECKPOINT_MAX) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot be read; all logs count as dirty");
                None
            }
        };
        let ends = bytes.map(|bytes| checkpoint::decode(&bytes)).unwrap_or(Ok(BTreeMap::new()));
        let ends = ends.unwrap_or_else(|line| {
            tracing::warn!(
                file = %path.display(), line,
                "not what was written; all logs count as dirty"
            );
            BTreeMap::new()
        });
        let state = State { ends, ..State::default() };
        Cleaner { env: env.clone(), path, state: Mutex::new(state), file: Mutex::new(()) }
    }

    /// Compacts the log that needs it most, if any does.
    pub fn round(
        &self,
        candidates: Vec<Candidate>,
        config: &CompactionConfig,
        pace: &dyn Pace,
    ) -> Round {
        let Some((key, chosen)) = self.choose(candidates) else { return Round::Nothing };
        let result = chosen.log.compact(chosen.limit, config, pace);
        let is_passed_over =
            result.as_ref().is_err_and(|error| is_quarantined(&chosen.log, error, pace));
        // A topic that is deleted meanwhile leaves nothing behind, a folder that is fenced has said so.
        let is_in_use = chosen.log.check_open().is_ok();
        let mut state = self.state.lock();
        state.running.remove(&key);
        match result {
            Ok(done) => {
                let known = chosen.log.cleaned_end().filter(|_| is_in_use);
                state.ends.extend(known.map(|end| (key, end)));
                drop(state);
                self.write_down();
                done.map_or(Round::Nothing, |done| Round::Done(chosen, done))
            }
            Err(error) => {
                if is_in_use && is_lasting(&error) && !is_passed_over {
                    tracing::error!(
                        topic = %chosen.topic, partition = chosen.partition, %error,
                        "this partition is not compacted any more; repair it and restart"
                    );
                    state.uncleanable.insert(key, chosen.log.topic_id());
                }
                Round::Failed(chosen, error)
            }
        }
    }

    /// Partitions that cannot be compacted.
    #[must_use]
    pub fn uncleanable(&self) -> Vec<(String, i32)> {
        self.state.lock().uncleanable.keys().cloned().collect()
    }

    /// Keeps nothing of the partitions of a topic, which is deleted.
    pub fn forget(&self, topic: &str) {
        let mut state = self.state.lock();
        let before = state.ends.len();
        state.ends.retain(|(name, _), _| name != topic);
        state.uncleanable.retain(|(name, _), _| name != topic);
        let changed = state.ends.len() != before;
        drop(state);
        if changed {
            self.write_down();
        }
    }

    /// The log with the greatest share of dirty bytes of those that are due. It counts as taken.
    fn choose(&self, candidates: Vec<Candidate>) -> Option<(Key, Candidate)> {
        let mut best: Option<(f64, Key, Candidate)> = None;
        for candidate in candidates {
            let key = (candidate.topic.to_string(), candidate.partition);
            if !self.is_free(&key, &candidate.log) {
                continue;
            }
            let plan = match candidate.log.cleanable(candidate.limit) {
                Ok(plan) => plan,
                Err(LogError::Closed | LogError::Fenced { .. }) => continue,
                Err(error) => {
                    tracing::warn!(
                        topic = %candidate.topic, partition = candidate.partition, %error,
                        "cannot be looked at for compaction now"
                    );
                    continue;
                }
            };
            let ratio_min = candidate.log.config().min_cleanable_dirty_ratio;
            let ratio = Cleanable::dirty_ratio(&plan);
            if plan.is_due(ratio_min) && best.as_ref().is_none_or(|(known, ..)| ratio > *known) {
                best = Some((ratio, key, candidate));
            }
        }
        let (_, key, candidate) = best?;
        // Another thread may have taken it meanwhile.
        self.state.lock().running.insert(key.clone()).then_some((key, candidate))
    }

    /// Whether a log can be taken. One that is new here learns up to where it was compacted.
    fn is_free(&self, key: &Key, log: &Log) -> bool {
        let state = self.state.lock();
        if state.running.contains(key) || state.uncleanable.get(key) == Some(&log.topic_id()) {
            return false;
        }
        if log.cleaned_end().is_none() {
            let known = state.ends.get(key).copied().filter(|end| *end <= log.log_end());
            log.set_cleaned_end(known.unwrap_or(log.log_start()));
        }
        true
    }

    fn write_down(&self) {
        let _one_writer = self.file.lock();
        let state = self.state.lock();
        let text = checkpoint::encode(state.ends.iter().map(|(key, end)| (key, *end)));
        drop(state);
        if let Err(error) = files::replace(&*self.env.disk, &self.path, text.as_bytes()) {
            tracing::warn!(%error, "after a restart some logs are compacted again");
        }
    }
}

/// Whether what a run stumbled over is quarantined now, so that another goes on behind it.
fn is_quarantined(log: &Log, error: &CompactionError, pace: &dyn Pace) -> bool {
    match error {
        CompactionError::Storage(LogError::Damaged { path, .. }) => {
            log.scrub_file(path, pace).is_ok_and(|done| done.found > 0)
        }
        CompactionError::Storage(_) | CompactionError::Stopped | CompactionError::Changed => false,
    }
}

/// Whether it is the log that is at fault, so that another run would end the same way.
fn is_lasting(error: &CompactionError) -> bool {
    match error {
        CompactionError::Stopped | CompactionError::Changed => false,
        CompactionError::Storage(
            LogError::Closed | LogError::Fenced { .. } | LogError::Full { .. },
        ) => false,
        CompactionError::Storage(LogError::Io { source, .. }) => !matches!(
            source.kind(),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
        ),
        CompactionError::Storage(_) => true,
    }
}

#[cfg(test)]
mod tests;
