//! Crash tests: random work on the partitions of a folder that share a journal, over a simulated disk;
//! a stop at a random change of it (also in the middle of an operation) or a fault; a crash that takes
//! some or all of what was not synced; and a comparison of what is there afterwards with a model of
//! what was promised. Some of the folders are damaged after the crash, by a bit or a lost end of a
//! file: then the check is that nothing is served that was not written, and nothing is lost in silence.
//!
//! `WALSER_CRASH_SEED=n` replays one trial; a failure prints its seed. `WALSER_CRASH_TRIALS=n` runs
//! more of them, from `WALSER_CRASH_FROM` on; `cargo xtask crash trials` runs them fast.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

extern crate walser_log as log;

mod check;
mod damage;
mod errors;
mod model;
mod mutant;
mod runner;
mod steps;
mod trial;
mod work;

use mutant::Mutant;

/// Trials of an ordinary run.
const TRIALS: u64 = 1_000;
/// A planted bug must be noticed within so many.
const TRIALS_OF_MUTANT: u64 = 400;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_half_written_shows() {
    if let Some(seed) = number("WALSER_CRASH_SEED") {
        if let Err(what) = runner::one(seed, Mutant::None, true) {
            panic!("seed {seed}: {what}");
        }
        return;
    }
    let trials = number("WALSER_CRASH_TRIALS").unwrap_or(TRIALS);
    let from = number("WALSER_CRASH_FROM").unwrap_or(0);
    match runner::all(from, trials) {
        Ok(work) if trials >= TRIALS => work.check_variety(),
        Ok(_) => {}
        Err((seed, what)) => panic!("WALSER_CRASH_SEED={seed} replays this: {what}"),
    }
}

/// The checks are worth something only if they fail when they should.
#[test]
fn planted_bugs_are_noticed() {
    for (mutant, name) in Mutant::PLANTED {
        let caught = (0..TRIALS_OF_MUTANT)
            .find_map(|seed| Some((seed, runner::one(seed, mutant, false).err()?)));
        let Some((seed, what)) = caught else {
            panic!("{TRIALS_OF_MUTANT} trials, and nobody noticed this planted bug: {name}");
        };
        let expected = mutant.noticed_by();
        assert!(what.contains(expected), "{name}: noticed for another reason: {what}");
        println!("planted: {name}; noticed by trial {seed}: {what}");
    }
}
