//! Crash tests: random work on a simulated disk, a stop at a random change of it (also in the middle
//! of an operation), a crash that takes some or all of what was not synced, and a comparison of what
//! is there afterwards with a model of what was promised.
//!
//! `WALSER_CRASH_SEED=n` replays one trial; a failure prints its seed. `WALSER_CRASH_TRIALS=n` runs
//! more of them.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

extern crate walser_log as log;

mod check;
mod model;
mod trial;

use trial::{Mutant, run};

/// Trials of an ordinary run.
const TRIALS: u64 = 3_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_half_written_shows() {
    if let Some(seed) = number("WALSER_CRASH_SEED") {
        if let Err(what) = run(seed, Mutant::None, true) {
            panic!("seed {seed}: {what}");
        }
        return;
    }
    let mut work = trial::Work::default();
    for seed in 0..number("WALSER_CRASH_TRIALS").unwrap_or(TRIALS) {
        match run(seed, Mutant::None, false) {
            Ok(done) => work.add(&done),
            Err(what) => panic!("WALSER_CRASH_SEED={seed} replays this: {what}"),
        }
    }
    // A harness that does nothing finds nothing.
    work.check_variety();
}

/// The check is worth something only if it fails when it should.
#[test]
fn acknowledging_before_the_sync_is_noticed() {
    let caught = (0..200).filter_map(|seed| run(seed, Mutant::AcknowledgeEarly, false).err());
    let first = caught.into_iter().next();
    let what = first.expect("200 trials and nobody noticed that unsynced records were promised");
    assert!(what.contains("acknowledged"), "noticed for another reason: {what}");
}

/// A journal whose files are used again too early holds nothing when it is needed.
#[test]
fn reusing_a_journal_file_too_early_is_noticed() {
    let caught = (0..200).any(|seed| run(seed, Mutant::ReuseJournal, false).is_err());
    assert!(caught, "200 trials and nobody noticed that the journal was gone");
}

/// So must a recovery that does not look at what is not durable.
#[test]
fn trusting_an_unclean_folder_is_noticed() {
    let caught = (0..200).any(|seed| run(seed, Mutant::TrustUnclean, false).is_err());
    assert!(caught, "200 trials and nobody noticed that torn tails were trusted");
}
