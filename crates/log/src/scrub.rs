//! A slow pass over all logs of a folder, again and again: how far it is, and when the next is due.
//!
//! Logs are visited in the order of their topic ids and numbers, so that one place says how far a pass is,
//! whatever was created or deleted since; nothing is kept for each log.
//!
//! On disk: `scrub-checkpoint`, text, replaced as a whole when a pass begins and ends and now and then
//! between. Losing it costs a pass from the start, and nothing else.
//!
//! Deliberately absent: threads, pace, which logs there are, and what is damaged: each log keeps that
//! itself.

use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::time::Duration;

use env::Env;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::files;
use crate::log::Scrubbed;
use crate::log_dir::LogDir;
use crate::names;

const CHECKPOINT: &str = "scrub-checkpoint";
const CHECKPOINT_MAX: u64 = 4096;
/// How often the place is written down.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// A log: its topic and its number.
type Key = (Uuid, i32);

/// How far a pass is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pass {
    began_ms: i64,
    /// All logs up to this one are done; nothing before the first.
    after: Option<Key>,
    is_over: bool,
    logs: u64,
    bytes: u64,
    found: u64,
}

#[derive(Debug, Default)]
struct State {
    /// The current or last pass.
    pass: Pass,
    written: Duration,
}

/// Where the pass over a folder is.
#[derive(Debug)]
pub struct Scrubber {
    env: Env,
    path: PathBuf,
    state: Mutex<State>,
}

impl Scrubber {
    /// Reads how far the last process came. In a folder that is new to this the first pass is due when
    /// an interval is over.
    #[must_use]
    pub fn open(env: &Env, dir: &LogDir) -> Scrubber {
        let path = dir.path().join(CHECKPOINT);
        let bytes = env.disk.read(&path, CHECKPOINT_MAX).ok();
        let known = bytes.and_then(|bytes| decode(&bytes));
        let none = || Pass { began_ms: env.clock.wall_ms(), is_over: true, ..Pass::default() };
        let mut state = State { pass: known.unwrap_or_else(none), written: Duration::ZERO };
        let scrubber = Scrubber { env: env.clone(), path, state: Mutex::default() };
        if known.is_none() {
            scrubber.write_down(&mut state);
        }
        Scrubber { state: Mutex::new(state), ..scrubber }
    }

    /// How long until there is something to do, with a pass each `interval`. Zero begins a pass where the
    /// last is over.
    pub fn wait(&self, interval: Duration) -> Duration {
        let now = self.env.clock.wall_ms();
        let mut state = self.state.lock();
        if !state.pass.is_over {
            return Duration::ZERO;
        }
        // A clock that was set back does not put the next pass off for ever.
        let since = u64::try_from(now.saturating_sub(state.pass.began_ms)).ok();
        let left = since.map(|since| interval.saturating_sub(Duration::from_millis(since)));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return left;
        }
        state.pass = Pass { began_ms: now, ..Pass::default() };
        self.write_down(&mut state);
        Duration::ZERO
    }

    /// The next logs of the pass, at most so many, in order.
    #[must_use]
    pub fn upcoming<T>(
        &self,
        all: impl Iterator<Item = T>,
        key: impl Fn(&T) -> (Uuid, i32),
        most: usize,
    ) -> Vec<T> {
        let after = self.state.lock().pass.after;
        let mut all: Vec<(Key, T)> = all.map(|log| (key(&log), log)).collect();
        all.retain(|(key, _)| after.is_none_or(|after| *key > after));
        let mut least = BinaryHeap::new();
        for (key, _) in &all {
            least.push(*key);
            if least.len() > most {
                least.pop();
            }
        }
        if let Some(last) = least.peek() {
            all.retain(|(key, _)| key <= last);
        }
        all.sort_by_key(|(key, _)| *key);
        all.into_iter().map(|(_, log)| log).collect()
    }

    /// A log is done.
    pub fn passed(&self, topic_id: Uuid, partition: i32, done: Scrubbed) {
        let now = self.env.clock.monotonic();
        let mut state = self.state.lock();
        let written = state.written;
        let pass = &mut state.pass;
        pass.after = Some((topic_id, partition));
        pass.logs += u64::from(done.segments > 0);
        pass.bytes += done.bytes;
        pass.found += done.found;
        if now.saturating_sub(written) >= WRITTEN_EVERY {
            self.write_down(&mut state);
        }
    }

    /// No log is left.
    pub fn end(&self) {
        let mut state = self.state.lock();
        state.pass.is_over = true;
        let Pass { began_ms, logs, bytes, found, .. } = state.pass;
        let seconds = self.env.clock.wall_ms().saturating_sub(began_ms) / 1000;
        tracing::info!(
            partitions = logs,
            bytes,
            damaged = found,
            seconds,
            "all records were checked"
        );
        self.write_down(&mut state);
    }

    /// Keeps the place for the next process.
    pub fn keep(&self) {
        self.write_down(&mut self.state.lock());
    }

    fn write_down(&self, state: &mut State) {
        state.written = self.env.clock.monotonic();
        let text = encode(&state.pass);
        if let Err(error) = files::replace(&*self.env.disk, &self.path, text.as_bytes()) {
            tracing::warn!(%error, "after a restart some records are checked again");
        }
    }
}

fn encode(pass: &Pass) -> String {
    let Pass { began_ms, after, is_over, logs, bytes, found } = pass;
    let place = match after {
        _ if *is_over => "over".to_owned(),
        None => "begun".to_owned(),
        Some((id, number)) => format!("after {} {number}", names::id_text(*id)),
    };
    format!("0\n{began_ms}\n{place}\n{logs} {bytes} {found}\n")
}

fn decode(bytes: &[u8]) -> Option<Pass> {
    let mut lines = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
    if lines.next()? != "0" {
        return None;
    }
    let began_ms = lines.next()?.parse().ok()?;
    let place = lines.next()?;
    let after = match place.strip_prefix("after ") {
        Some(key) => {
            let (id, number) = key.split_once(' ')?;
            Some((names::parse_id(id)?, number.parse().ok()?))
        }
        None if place == "over" || place == "begun" => None,
        None => return None,
    };
    let mut counts = lines.next()?.split(' ').map(str::parse);
    let mut count = || counts.next()?.ok();
    let (logs, bytes, found) = (count()?, count()?, count()?);
    Some(Pass { began_ms, after, is_over: place == "over", logs, bytes, found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogConfig;
    use crate::testing::Bench;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn key(number: i32) -> Key {
        (Uuid::from_u128(u128::from(number.unsigned_abs() % 3)), number)
    }

    #[test]
    fn a_pass_visits_all_once_also_over_a_restart_and_the_next_is_due_later() {
        let bench = Bench::new(LogConfig::default());
        let env = bench.sim.env();
        let mut scrubber = Scrubber::open(&env, &bench.dir);
        assert_eq!(scrubber.wait(WEEK), WEEK, "nothing is old yet");
        bench.sim.clock.advance(WEEK);
        assert_eq!(scrubber.wait(WEEK), Duration::ZERO);
        let mut visited = Vec::new();
        for round in 0.. {
            let next = scrubber.upcoming((0..50).map(key), |key| *key, 7);
            for (id, number) in next.iter().copied() {
                let done = Scrubbed { segments: 1, bytes: 10, found: 0 };
                scrubber.passed(id, number, done);
                visited.push((id, number));
            }
            if next.is_empty() {
                break;
            }
            if round == 3 {
                scrubber.keep();
                scrubber = Scrubber::open(&env, &bench.dir);
                assert_eq!(scrubber.wait(WEEK), Duration::ZERO, "it goes on");
            }
        }
        let mut expected: Vec<Key> = (0..50).map(key).collect();
        expected.sort_unstable();
        assert_eq!(visited, expected);
        scrubber.end();
        bench.sim.clock.advance(WEEK / 2);
        let scrubber = Scrubber::open(&env, &bench.dir);
        assert_eq!(scrubber.wait(WEEK), WEEK / 2);
        bench.sim.clock.advance(WEEK / 2);
        assert_eq!(scrubber.wait(WEEK), Duration::ZERO);
        assert_eq!(scrubber.upcoming((0..50).map(key), |key| *key, 7).len(), 7);
    }

    #[test]
    fn the_checkpoint_comes_back_and_anything_else_is_refused() {
        let began_ms = 1_767_225_600_000;
        let begun = Pass { began_ms, ..Pass::default() };
        let after = Pass { after: Some(key(7)), logs: 3, bytes: 99, found: 1, ..begun };
        for pass in [begun, after, Pass { is_over: true, after: None, ..after }] {
            assert_eq!(decode(encode(&pass).as_bytes()), Some(pass));
        }
        for bad in ["", "1\n5\nover\n0 0 0\n", "0\n5\nafter\n0 0 0\n", "0\n5\nover\n0 0\n"] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
