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
#[path = "../common/mod.rs"]
mod common;
mod damage;
mod model;
mod mutant;
mod stalls;
mod steps;
mod trial;

use common::runner;
use mutant::Mutant;

/// What must have happened in an ordinary run.
const ALL: [&str; 27] = [
    "advances",
    "appends",
    "checkpoints",
    "commits",
    "commits at once",
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

#[test]
fn nothing_acknowledged_is_lost_and_nothing_half_written_shows() {
    runner::trials("CRASH", TRIALS, &ALL, |seed, verbose| trial::run(seed, Mutant::None, verbose));
}

/// The checks are worth something only if they fail when they should.
#[test]
fn planted_bugs_are_noticed() {
    for (mutant, name) in Mutant::PLANTED {
        let trial = |seed| trial::run(seed, mutant, false);
        runner::check_noticed(name, TRIALS_OF_MUTANT, mutant.noticed_by(), trial);
    }
}
