//! Logs that wait for a thread of the syncer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::journal::COMMITS_AT_ONCE;
use crate::log::Log;

/// A second commit always is worth what it costs where none of late carried more than so few appends; beside
/// one of so many bytes; and where the disk takes so long for most of them.
const FEW_APPENDS: u64 = 4;
const MANY_BYTES: u64 = 128 << 10;
const SLOW_COMMIT: Duration = Duration::from_micros(400);

/// With each commit what most of them take is moved by such a part of it towards what this one took, and the
/// most that one carried of late is taken for less by such a part of it.
const STEP: u32 = 16;

/// Logs that wait to be synced, each once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    logs: VecDeque<Arc<Log>>,
    stopping: bool,
}

impl Queue {
    pub fn push(&self, log: Arc<Log>) {
        self.waiting.lock().logs.push_back(log);
        self.arrived.notify_one();
    }

    /// The next as soon as there is one; `None` when it was stopped and there is none.
    pub fn next(&self) -> Option<Arc<Log>> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.stopping || !waiting.logs.is_empty() {
                return waiting.logs.pop_front();
            }
            self.arrived.wait(&mut waiting);
        }
    }

    pub fn stop(&self) {
        self.waiting.lock().stopping = true;
        self.arrived.notify_all();
    }
}

/// Logs that were appended to and wait for a commit, which takes all of them.
///
/// While one is under way another may begin, so that the disk need not wait for the core, nor a slow disk's
/// latency be paid twice. But each costs the core the same, however little it carries: so it begins when as
/// many appends wait as the one under way carries, and only where the disk may be expected to take longer
/// for that one than the core for this (ADR 21).
///
/// Who waits for one rests at a bell of its own. Of two the one that rested last is rung for, alone: what it
/// works with is still in the core's caches, and whoever is woken for nothing costs as much as a commit does.
#[derive(Debug, Default)]
pub(super) struct Commits {
    state: Mutex<State>,
    bells: [Condvar; COMMITS_AT_ONCE],
}

#[derive(Debug, Default)]
struct State {
    logs: VecDeque<Arc<Log>>,
    waiting: Load,
    /// What the commits under way carry, and how many there are.
    carried: Load,
    under_way: usize,
    /// The most appends that a commit carried of late.
    largest: u64,
    /// What most commits take, or a little less.
    typical: Duration,
    /// Who waits for a commit, by the number of its bell; the last came last.
    resting: Vec<usize>,
    /// One was rung for and has not come yet.
    is_rung: bool,
    stopping: bool,
}

/// What a commit carries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    appends: u64,
    bytes: u64,
}

impl Commits {
    /// Queues a log that so many bytes were appended to, unless it is queued already.
    pub fn push(&self, log: &Arc<Log>, bytes: u64) {
        let is_queued = log.queued.swap(true, Ordering::AcqRel);
        let mut state = self.state.lock();
        if !is_queued {
            state.logs.push_back(log.clone());
        }
        state.waiting.appends += 1;
        state.waiting.bytes += bytes;
        let rung = if state.is_rung || !state.is_due() { None } else { state.resting.pop() };
        state.is_rung |= rung.is_some();
        drop(state);
        if let Some(bell) = rung.and_then(|number| self.bells.get(number)) {
            bell.notify_one();
        }
    }

    /// All that wait, when it is time, with what they carry; `None` when it was stopped and nothing waits.
    /// Each who may call this at the same time has a number of its own.
    pub fn next(&self, number: usize) -> Option<(VecDeque<Arc<Log>>, Load)> {
        let mut state = self.state.lock();
        let mut has_given_way = false;
        loop {
            if state.is_due() && !has_given_way && state.is_early() {
                has_given_way = true;
                MutexGuard::unlocked(&mut state, env::thread::give_way);
                continue;
            }
            if state.is_due() {
                let load = std::mem::take(&mut state.waiting);
                state.carried.appends += load.appends;
                state.carried.bytes += load.bytes;
                state.under_way += 1;
                let faded = state.largest - state.largest.div_ceil(u64::from(STEP));
                state.largest = load.appends.max(faded);
                return Some((std::mem::take(&mut state.logs), load));
            }
            if state.stopping && state.logs.is_empty() {
                return None;
            }
            state.resting.push(number);
            if let Some(bell) = self.bells.get(number) {
                bell.wait(&mut state);
            }
            // Whoever rang took it out already.
            match state.resting.iter().position(|resting| *resting == number) {
                Some(place) => drop(state.resting.remove(place)),
                None => state.is_rung = false,
            }
        }
    }

    /// A commit has ended that carried this, and took so long. To be called by who calls [`Commits::next`]
    /// right after it: nobody else is woken for what waits.
    pub fn ended(&self, load: Load, took: Duration) {
        let mut state = self.state.lock();
        state.carried.appends -= load.appends;
        state.carried.bytes -= load.bytes;
        state.under_way -= 1;
        let step = state.typical / STEP + Duration::from_micros(1);
        state.typical = match took > state.typical {
            true => state.typical + step,
            false => state.typical.saturating_sub(step),
        };
    }

    pub fn stop(&self) {
        self.state.lock().stopping = true;
        for bell in &self.bells {
            bell.notify_all();
        }
    }
}

impl State {
    /// Whether much less waits than came of late: whoever brings the rest may be waiting for this core. To
    /// let them go first costs nothing where nobody does.
    fn is_early(&self) -> bool {
        self.waiting.appends < self.largest / 2
    }

    fn is_due(&self) -> bool {
        let Load { appends, bytes } = self.carried;
        let is_worth_it =
            || self.largest <= FEW_APPENDS || bytes >= MANY_BYTES || self.typical >= SLOW_COMMIT;
        let is_time = self.under_way == 0
            || self.stopping
            || (self.waiting.appends >= appends && is_worth_it());
        !self.logs.is_empty() && is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogConfig;
    use crate::testing::Bench;

    const FAST: Duration = Duration::from_micros(100);

    fn push(commits: &Commits, bench: &Bench, appends: u64, bytes: u64) {
        (0..appends).for_each(|_| commits.push(&bench.log, bytes));
    }

    fn next(commits: &Commits) -> Load {
        let (logs, load) = commits.next(0).unwrap();
        logs.iter().for_each(|log| log.queued.store(false, Ordering::Release));
        load
    }

    /// Whether, after so many commits of so many appends that took so long each, another begins beside one of
    /// `appends` with so many bytes each, when as many wait.
    fn begins(before: &[(u32, u64, Duration)], appends: u64, bytes: u64) -> bool {
        let (bench, commits) = (Bench::new(LogConfig::default()), Commits::default());
        for (count, appends, took) in before.iter().copied() {
            for _ in 0..count {
                push(&commits, &bench, appends, 1);
                commits.ended(next(&commits), took);
            }
        }
        push(&commits, &bench, appends, bytes);
        next(&commits);
        push(&commits, &bench, appends - 1, bytes);
        assert!(!commits.state.lock().is_due(), "it could carry more");
        push(&commits, &bench, 1, bytes);
        commits.state.lock().is_due()
    }

    #[test]
    fn who_rested_last_is_rung_for_and_nobody_else() {
        let (bench, commits) = (Bench::new(LogConfig::default()), Commits::default());
        commits.state.lock().resting = vec![0, 1];
        push(&commits, &bench, 3, 1);
        assert_eq!(commits.state.lock().resting, [0], "the first to come takes all three");
        assert_eq!(next(&commits).appends, 3);
    }

    #[test]
    fn a_second_commit_begins_where_it_is_worth_what_it_costs() {
        assert!(begins(&[], 2, 1), "few appends come at all");
        assert!(!begins(&[(1, 50, FAST)], 2, 1), "more came of late");
        assert!(begins(&[(1, 50, FAST), (60, 1, FAST)], 2, 1), "that is long ago");
        assert!(!begins(&[], 50, 1), "it carries many, and little");
        assert!(begins(&[], 50, MANY_BYTES / 50 + 1), "it carries much");
        assert!(begins(&[(1000, 50, 2 * SLOW_COMMIT)], 50, 1), "the disk is slow");
    }
}
