//! Choosing, remembering and giving up.

use records::{BatchBuilder, Codec, LeaderEpoch};

use super::*;
use crate::compact::FullSpeed;
use crate::testing::Bench;
use crate::{Cleanup, LogConfig, Origin};

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 200,
        cleanup: Cleanup { delete: false, compact: true },
        ..LogConfig::default()
    }
}

fn fill(bench: &Bench, log: &Log, batches: usize) {
    for _ in 0..batches {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push(bench.now(), Some(b"key"), Some(b"a value"), &[]);
        let bytes = builder.build().unwrap();
        log.append_as_leader(&bytes, LeaderEpoch(0), Origin::Client).unwrap();
    }
    log.sync().unwrap();
}

fn candidate(topic: &str, log: &Arc<Log>) -> Candidate {
    Candidate { topic: topic.into(), partition: 0, log: log.clone(), limit: log.durable_end() }
}

fn round(cleaner: &Cleaner, candidates: &[Candidate]) -> Option<String> {
    match cleaner.round(candidates.to_vec(), &CompactionConfig::default(), &FullSpeed) {
        Round::Nothing => None,
        Round::Done(chosen, _) => Some(chosen.topic.to_string()),
        Round::Failed(chosen, error) => Some(format!("{}: {error}", chosen.topic)),
    }
}

#[test]
fn the_dirtiest_goes_first_and_all_is_remembered() {
    let bench = Bench::new(config());
    let other = bench.dir.open_log("u", 0, Uuid::from_u128(8), config()).unwrap();
    let cleaner = Cleaner::open(&bench.sim.env(), &bench.dir);
    fill(&bench, &bench.log, 10);
    fill(&bench, &other, 10);
    assert!(round(&cleaner, &[candidate("t", &bench.log)]).is_some());
    // Of t a part is clean now, and a little more is dirty; of u all is.
    fill(&bench, &bench.log, 4);
    let both = || [candidate("t", &bench.log), candidate("u", &other)];
    assert_eq!(round(&cleaner, &both()).as_deref(), Some("u"));
    assert_eq!(round(&cleaner, &both()).as_deref(), Some("t"));
    assert_eq!(round(&cleaner, &both()), None);

    let path = bench.dir.path().join("cleaner-offset-checkpoint");
    let text = bench.sim.env().disk.read(&path, 1000).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), "0\n2\nt 0 12\nu 0 8\n");
    bench.dir.close().unwrap();
    let Bench { sim, dir, log } = bench;
    drop((dir, log));
    let bench = Bench::on(sim, config());
    let cleaner = Cleaner::open(&bench.sim.env(), &bench.dir);
    assert_eq!(round(&cleaner, &[candidate("t", &bench.log)]), None);
    assert_eq!(bench.log.cleaned_end(), Some(Offset(12)));

    cleaner.forget("u");
    let text = bench.sim.env().disk.read(&path, 1000).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), "0\n1\nt 0 12\n");
}

#[test]
fn a_ratio_that_is_not_reached_waits_for_the_lag() {
    let bench = Bench::new(LogConfig { max_compaction_lag_ms: 60_000, ..config() });
    let cleaner = Cleaner::open(&bench.sim.env(), &bench.dir);
    fill(&bench, &bench.log, 10);
    bench.log.set_config(LogConfig {
        min_cleanable_dirty_ratio: 1.0,
        max_compaction_lag_ms: 60_000,
        ..config()
    });
    assert_eq!(round(&cleaner, &[candidate("t", &bench.log)]), None);
    bench.sim.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(round(&cleaner, &[candidate("t", &bench.log)]).as_deref(), Some("t"));
}

#[test]
fn a_damaged_log_is_given_up_and_the_others_go_on() {
    let bench = Bench::new(config());
    let other = bench.dir.open_log("u", 0, Uuid::from_u128(8), config()).unwrap();
    let cleaner = Cleaner::open(&bench.sim.env(), &bench.dir);
    fill(&bench, &bench.log, 10);
    fill(&bench, &other, 4);
    let path = bench.log.segments.load()[2].path();
    bench.sim.env().disk.remove_file(&path).unwrap();
    let both = [candidate("t", &bench.log), candidate("u", &other)];
    let failed = round(&cleaner, &both).unwrap();
    assert!(failed.starts_with("t: cannot open"), "{failed}");
    assert_eq!(cleaner.uncleanable(), [("t".to_owned(), 0)]);
    assert_eq!(round(&cleaner, &both).as_deref(), Some("u"));
    assert_eq!(round(&cleaner, &both), None);
}

#[test]
fn damaged_records_are_quarantined_and_the_next_run_passes_over_them() {
    let bench = Bench::new(config());
    let cleaner = Cleaner::open(&bench.sim.env(), &bench.dir);
    fill(&bench, &bench.log, 10);
    let path = bench.log.segments.load()[2].path();
    assert!(bench.sim.disk.flip_bit(&path, 65, 1));
    let one = [candidate("t", &bench.log)];
    let failed = round(&cleaner, &one).unwrap();
    assert!(failed.starts_with("t: ") && failed.contains("is damaged"), "{failed}");
    assert!(cleaner.uncleanable().is_empty());
    assert_eq!(bench.log.damages().len(), 1);
    assert_eq!(round(&cleaner, &one).as_deref(), Some("t"));
    assert_eq!(round(&cleaner, &one), None);
}

#[test]
fn a_checkpoint_that_is_not_what_was_written_costs_a_run() {
    let bench = Bench::new(config());
    let path = bench.dir.path().join("cleaner-offset-checkpoint");
    bench.sim.env().disk.replace(&path, b"0\nnonsense").unwrap();
    let cleaner = Cleaner::open(&bench.sim.env(), &bench.dir);
    fill(&bench, &bench.log, 10);
    assert_eq!(round(&cleaner, &[candidate("t", &bench.log)]).as_deref(), Some("t"));
}
