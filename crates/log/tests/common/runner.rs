//! Runs trials on all cores and says how to replay one that fails; and runs them with planted bugs, which
//! must be noticed.
//!
//! Seeds are handed out in order, so that all before the one it stopped at were run: a long search goes
//! on from there.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use env::Clock;
use env::clock::SystemClock;

use super::errors;
use super::work::Work;

/// Seconds between two lines that say how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

fn number(of: &str, what: &str) -> Option<u64> {
    std::env::var(format!("WALSER_{of}_{what}")).ok()?.parse().ok()
}

/// The trials of an ordinary run, in which all of `variety` must have happened; or those that the
/// environment asks for, by variables whose names begin with `WALSER_` and `of`.
pub fn trials(
    of: &str,
    ordinary: u64,
    variety: &[&str],
    trial: impl Fn(u64, bool) -> Result<Work, String> + Sync,
) {
    if let Some(seed) = number(of, "SEED") {
        if let Err(what) = one(|| trial(seed, true)) {
            panic!("seed {seed}: {what}");
        }
        return;
    }
    let trials = number(of, "TRIALS").unwrap_or(ordinary);
    let from = number(of, "FROM").unwrap_or(0);
    match all(from, trials, |seed| trial(seed, false)) {
        Ok(work) if trials >= ordinary => work.check_variety(variety),
        Ok(_) => {}
        Err((seed, what)) => panic!("WALSER_{of}_SEED={seed} replays this: {what}"),
    }
}

/// A bug is planted: one of so many trials notices it, in words that hold what is expected.
pub fn check_noticed(
    name: &str,
    trials: u64,
    expected: &str,
    trial: impl Fn(u64) -> Result<Work, String>,
) {
    let caught = (0..trials).find_map(|seed| Some((seed, one(|| trial(seed)).err()?)));
    let Some((seed, what)) = caught else {
        panic!("{trials} trials, and nobody noticed this planted bug: {name}");
    };
    assert!(what.contains(expected), "{name}: noticed for another reason: {what}");
    println!("planted: {name}; noticed by trial {seed}: {what}");
}

/// One trial; a panic is a failure like any other, and keeps its seed.
fn one(trial: impl FnOnce() -> Result<Work, String>) -> Result<Work, String> {
    errors::listen();
    errors::take();
    std::panic::catch_unwind(AssertUnwindSafe(trial)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}

/// All trials from a seed on; the first that fails ends it.
fn all(
    from: u64,
    count: u64,
    trial: impl Fn(u64) -> Result<Work, String> + Sync,
) -> Result<Work, (u64, String)> {
    let clock = SystemClock::new();
    let next = AtomicU64::new(from);
    let failed = AtomicBool::new(false);
    let outcome = Mutex::new((Work::default(), None, clock.monotonic()));
    let began = clock.monotonic();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                break;
            }
            let done = one(|| trial(seed));
            let mut outcome = outcome.lock().unwrap();
            match done {
                Ok(work) => outcome.0.add(&work),
                Err(what) => {
                    failed.store(true, Ordering::Relaxed);
                    // The earliest of those that fail at the same time.
                    if outcome.1.as_ref().is_none_or(|(other, _)| seed < *other) {
                        outcome.1 = Some((seed, what));
                    }
                }
            }
            if clock.monotonic() - outcome.2 > TOLD_EVERY {
                outcome.2 = clock.monotonic();
                let seconds = (outcome.2 - began).as_secs();
                println!("    {} of {count} trials after {seconds} s", seed - from);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
    let (work, failure, _) = outcome.into_inner().unwrap();
    let seconds = (clock.monotonic() - began).as_secs_f64();
    let json = work.json();
    match failure {
        Some(failure) => Err(failure),
        None => {
            // What `cargo xtask crash trials` keeps.
            println!(
                "REPORT {{\"trials\": {count}, \"from\": {from}, \"seconds\": {seconds:.1}, {json}}}"
            );
            Ok(work)
        }
    }
}
