//! Crash tests: random work on the partitions of a folder that share a journal, over a simulated disk;
//! a stop at a random change of it (also in the middle of an operation) or a fault; a crash that takes
//! some or all of what was not synced; and a comparison of what is there afterwards with a model of
//! what was promised. Syncs and cold reads that take their time let the other work go on meanwhile, also
//! until the machine crashes (`stalls.rs`). Some of the folders are damaged after the crash, by a bit or a lost end of a
//! file: then the check is that nothing is served that was not written, and nothing is lost in silence.
//!
//! `WALSER_CRASH_SEED=n` replays one trial; a failure prints its seed. `WALSER_CRASH_TRIALS=n` runs
//! more of them, from `WALSER_CRASH_FROM` on; `cargo xtask crash trials` runs them fast.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

extern crate walser_log as log;

mod check;
mod damage;
#[path = "../common/errors.rs"]
mod errors;
mod model;
mod mutant;
#[path = "../common/runner.rs"]
mod runner;
#[path = "../common/stall.rs"]
mod stall;
mod stalls;
mod steps;
mod trial;
#[path = "../common/work.rs"]
mod work;

use mutant::Mutant;

/// What must have happened in an ordinary run.
const ALL: [&str; 26] = [
    "advances",
    "appends",
    "checkpoints",
    "commits",
    "crashes",
    "crashes during a stall",
    "cuts",
    "damages",
    "damages reported",
    "damages without effect",
    "deletions",
    "duplicates",
    "faults",
    "full disks",
    "partitions",
    "proofs",
    "recreations",
    "refusals",
    "relaxed openings",
    "restarts",
    "rests",
    "rolls",
    "stalled reads",
    "stalled syncs",
    "steps during a stall",
    "truncations",
];

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
        if let Err(what) = runner::one(|| trial::run(seed, Mutant::None, true)) {
            panic!("seed {seed}: {what}");
        }
        return;
    }
    let trials = number("WALSER_CRASH_TRIALS").unwrap_or(TRIALS);
    let from = number("WALSER_CRASH_FROM").unwrap_or(0);
    match runner::all(from, trials, |seed| trial::run(seed, Mutant::None, false)) {
        Ok(work) if trials >= TRIALS => work.check_variety(&ALL),
        Ok(_) => {}
        Err((seed, what)) => panic!("WALSER_CRASH_SEED={seed} replays this: {what}"),
    }
}

/// The checks are worth something only if they fail when they should.
#[test]
fn planted_bugs_are_noticed() {
    for (mutant, name) in Mutant::PLANTED {
        let one = |seed| runner::one(|| trial::run(seed, mutant, false));
        let caught = (0..TRIALS_OF_MUTANT).find_map(|seed| Some((seed, one(seed).err()?)));
        let Some((seed, what)) = caught else {
            panic!("{TRIALS_OF_MUTANT} trials, and nobody noticed this planted bug: {name}");
        };
        let expected = mutant.noticed_by();
        assert!(what.contains(expected), "{name}: noticed for another reason: {what}");
        println!("planted: {name}; noticed by trial {seed}: {what}");
    }
}
