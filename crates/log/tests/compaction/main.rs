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
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod model;
mod mutant;
mod stalls;
mod steps;
mod swap;
mod trial;

use common::runner;
use mutant::Mutant;

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

#[test]
fn the_last_value_of_each_key_holds_and_every_reader_sees_a_valid_history() {
    runner::trials("COMPACTION", TRIALS, &ALL, |seed, verbose| {
        trial::run(seed, Mutant::None, verbose)
    });
}

/// Each of these must be noticed, or the checks are worth nothing.
#[test]
fn planted_bugs_are_noticed() {
    for (mutant, name) in Mutant::PLANTED {
        let trial = |seed| trial::run(seed, mutant, false);
        runner::check_noticed(name, TRIALS_OF_MUTANT, mutant.noticed_by(), trial);
    }
}
