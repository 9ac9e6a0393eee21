//! A model of compaction: any sequence of appends, rolls, compactions, restarts and crashes on a
//! simulated disk, also crashes in the middle of a swap, and what must hold of the log at each moment.
//! Other partitions, compacted or not, share the folder and its journal.
//!
//! The disk also fails a write, a sync or any other change, fills up, returns short reads, and stalls: a
//! compaction is held up while others append, read and commit, and a reader that is behind is held up
//! while what it reads is compacted (`stalls.rs`). Flipped bits are the business of the trials in
//! `tests/crash`.
//!
//! `WALSER_COMPACTION_SEED=n` replays one trial; a failure prints its seed.
//! `WALSER_COMPACTION_TRIALS=n` runs more of them, from `WALSER_COMPACTION_FROM` on; `cargo xtask crash
//! trials` runs them fast.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

extern crate walser_log as log;

mod check;
#[path = "../common/errors.rs"]
mod errors;
mod faults;
mod model;
mod mutant;
#[path = "../common/runner.rs"]
mod runner;
#[path = "../common/stall.rs"]
mod stall;
mod stalls;
mod steps;
mod swap;
mod trial;
#[path = "../common/work.rs"]
mod work;

use mutant::Mutant;
use trial::run;

/// Trials of an ordinary run.
const TRIALS: u64 = 400;
/// A planted bug must be noticed within so many.
const TRIALS_OF_MUTANT: u64 = 400;

/// What must have happened in an ordinary run.
const ALL: [&str; 22] = [
    "appends",
    "behind",
    "compactions",
    "compactions given up",
    "compactions in part",
    "compactions refused",
    "crashes",
    "crashes during a stall",
    "crashes in compaction",
    "faults",
    "full disks",
    "merges",
    "partitions",
    "records removed",
    "refusals",
    "restarts",
    "stalled reads",
    "stalled syncs",
    "steps during a stall",
    "swaps finished",
    "transactions aborted",
    "truncations",
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_last_value_of_each_key_holds_and_every_reader_sees_a_valid_history() {
    if let Some(seed) = number("WALSER_COMPACTION_SEED") {
        if let Err(what) = runner::one(|| run(seed, Mutant::None, true)) {
            panic!("seed {seed}: {what}");
        }
        return;
    }
    let trials = number("WALSER_COMPACTION_TRIALS").unwrap_or(TRIALS);
    let from = number("WALSER_COMPACTION_FROM").unwrap_or(0);
    match runner::all(from, trials, |seed| run(seed, Mutant::None, false)) {
        Ok(work) if trials >= TRIALS => work.check_variety(&ALL),
        Ok(_) => {}
        Err((seed, what)) => panic!("WALSER_COMPACTION_SEED={seed} replays this: {what}"),
    }
}

/// Each of these must be noticed, or the checks are worth nothing.
#[test]
fn planted_bugs_are_noticed() {
    for (mutant, name) in Mutant::PLANTED {
        let one = |seed| runner::one(|| run(seed, mutant, false));
        let caught = (0..TRIALS_OF_MUTANT).find_map(|seed| Some((seed, one(seed).err()?)));
        let Some((seed, what)) = caught else {
            panic!("{TRIALS_OF_MUTANT} trials, and nobody noticed this planted bug: {name}");
        };
        let expected = mutant.noticed_by();
        assert!(what.contains(expected), "{name}: noticed for another reason: {what}");
        println!("planted: {name}; noticed by trial {seed}: {what}");
    }
}
