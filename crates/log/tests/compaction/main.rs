//! A model of compaction: any sequence of appends, rolls, compactions, restarts and crashes on a
//! simulated disk, also crashes in the middle of a swap, and what must hold of the log at each moment.
//!
//! `WALSER_COMPACTION_SEED=n` replays one trial; a failure prints its seed.
//! `WALSER_COMPACTION_TRIALS=n` runs more of them.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

extern crate walser_log as log;

mod check;
mod model;
mod swap;
mod trial;

use trial::{Mutant, Work, run};

/// Trials of an ordinary run.
const TRIALS: u64 = 400;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_last_value_of_each_key_holds_and_every_reader_sees_a_valid_history() {
    if let Some(seed) = number("WALSER_COMPACTION_SEED") {
        if let Err(what) = run(seed, Mutant::None, true) {
            panic!("seed {seed}: {what}");
        }
        return;
    }
    let mut work = Work::default();
    for seed in 0..number("WALSER_COMPACTION_TRIALS").unwrap_or(TRIALS) {
        match run(seed, Mutant::None, false) {
            Ok(done) => work.add(&done),
            Err(what) => panic!("WALSER_COMPACTION_SEED={seed} replays this: {what}"),
        }
    }
    // A harness that does nothing finds nothing.
    work.check_variety();
}

/// Each of these must be noticed, or the checks are worth nothing.
#[test]
fn faults_are_noticed() {
    for mutant in [Mutant::LoseALatest, Mutant::ForgetTheSwap, Mutant::KeepTheOldBeside] {
        let caught = (0..200).any(|seed| run(seed, mutant, false).is_err());
        assert!(caught, "200 trials and nobody noticed {mutant:?}");
    }
}
