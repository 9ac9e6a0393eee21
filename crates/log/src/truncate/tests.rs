//! Truncation on a machine that lacks something: nothing is fenced where nothing was cut.

use env::sim::{CrashLoss, Sim};
use records::LeaderEpoch;

use super::*;
use crate::testing::Bench;
use crate::{LogConfig, Origin};

fn config() -> LogConfig {
    LogConfig { segment_bytes: 200, ..LogConfig::default() }
}

/// Five segments of two records each, one leader epoch for each record, all of it synced.
fn bench() -> Bench {
    let bench = Bench::new(config());
    (0..10).for_each(|n| append(&bench, n));
    bench.log.sync().unwrap();
    assert_eq!(bench.log.segment_count(), 5);
    bench
}

fn append(bench: &Bench, n: i32) {
    let batch = bench.builder(&[&n.to_string()]).build().unwrap();
    bench.log.append_as_leader(&batch, LeaderEpoch(n), Origin::Client).unwrap();
}

fn values(to: i64) -> Vec<String> {
    (0..to).map(|n| n.to_string()).collect()
}

fn check(bench: &Bench, end: i64, story: &str) {
    assert!(bench.log.fenced().is_none(), "{story}");
    assert_eq!(bench.values(), values(end), "{story}");
    let ends = (bench.log.log_end(), bench.log.durable_end());
    assert_eq!(ends, (Offset(end), Offset(end)), "{story}");
    let last = i32::try_from(end - 1).unwrap();
    assert_eq!(bench.log.latest_epoch(), Some(LeaderEpoch(last)), "{story}");
}

/// The machine loses its power.
fn restart(bench: Bench) -> Bench {
    let sim: Sim = bench.sim.clone();
    drop(bench);
    sim.disk.crash(CrashLoss::Everything);
    Bench::on(sim, config())
}

/// Runs out of something at the `nth` sync, or before the first; true when that was in vain.
fn lack_at(nth: u64, limit: impl Fn(&Sim) + Send + Clone + 'static) -> bool {
    let story = format!("at sync {nth}");
    // What was said of the log before it is tried again, or before a crash, must not be believed.
    for crashes in [false, true] {
        let mut bench = bench();
        let (sim, limit) = (bench.sim.clone(), limit.clone());
        match nth {
            0 => limit(&sim),
            nth => sim.clone().disk.stall_sync(nth, Box::new(move |_| limit(&sim))),
        }
        let cut = bench.log.truncate_to(Offset(3));
        bench.sim.disk.stall_sync(u64::MAX, Box::new(|_| {}));
        bench.sim.disk.limit_handles(1000);
        bench.sim.disk.limit_space(1 << 30);
        bench.dir.measure_space();
        if cut.is_ok() {
            check(&bench, 3, &story);
            check(&restart(bench), 3, &story);
            return true;
        }
        let error = cut.unwrap_err();
        assert!(error.is_passing(), "{story}: {error}");
        check(&bench, 10, &story);
        if crashes {
            bench = restart(bench);
            check(&bench, 10, &format!("{story}, after a crash"));
        } else {
            bench.dir.checkpoint().unwrap();
        }
        append(&bench, 10);
        bench.log.commit().unwrap();
        bench = restart(bench);
        assert_eq!(bench.values(), values(11), "{story}");
        bench.log.truncate_to(Offset(3)).unwrap();
        check(&bench, 3, &story);
        check(&restart(bench), 3, &story);
    }
    false
}

#[test]
fn a_lack_of_descriptors_leaves_the_log_as_it_was_or_cuts_it() {
    let passed: Vec<bool> =
        (0..8).map(|nth| lack_at(nth, |sim| sim.disk.limit_handles(0))).collect();
    // Before anything, and then for the file of epochs; the cut itself needs none.
    assert_eq!(passed, [false, false, false, false, true, true, true, true]);
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was_or_cuts_it() {
    let passed: Vec<bool> = (0..8).map(|nth| lack_at(nth, |sim| sim.disk.limit_space(0))).collect();
    assert!(passed.contains(&true) && passed.contains(&false), "{passed:?}");
}
