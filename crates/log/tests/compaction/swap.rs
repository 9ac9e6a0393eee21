//! A crash at every single change of one compaction, with every kind of loss.

use std::path::Path;

use env::sim::{CrashLoss, Sim};
use log::{Cleanup, CompactionConfig, FullSpeed, LogConfig, LogDir, Origin};
use records::{BatchBuilder, Codec, LeaderEpoch, Offset, Timestamp};
use uuid::Uuid;

use crate::check::contents;

const TOPIC: Uuid = Uuid::from_u128(9);

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 700,
        index_interval_bytes: 100,
        cleanup: Cleanup { delete: false, compact: true },
        ..LogConfig::default()
    }
}

fn open(sim: &Sim) -> (LogDir, std::sync::Arc<log::Log>) {
    let dir = LogDir::open(&sim.env(), Path::new("/data"), 1).unwrap();
    let log = dir.open_log("t", 0, TOPIC, config()).unwrap();
    (dir, log)
}

/// Ten keys over and over, in more than five segments.
fn filled(sim: &Sim) -> (LogDir, std::sync::Arc<log::Log>) {
    let (dir, log) = open(sim);
    for n in 0..60_u32 {
        let mut builder = BatchBuilder::new(Codec::None);
        let key = format!("key-{}", n % 10);
        let value = format!("value {n:04}");
        let now = Timestamp(sim.env().clock.wall_ms());
        builder.push(now, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
        log.append_as_leader(&builder.build().unwrap(), LeaderEpoch(0), Origin::Client).unwrap();
    }
    log.commit().unwrap();
    assert!(log.segment_count() > 5);
    (dir, log)
}

#[test]
fn a_crash_at_every_step_of_a_swap_leaves_the_old_or_the_new() {
    let mut finished = 0;
    let mut crashes = 0;
    for step in 1.. {
        let losses = [CrashLoss::Everything, CrashLoss::Nothing];
        let random = (0..3).map(|n| CrashLoss::Random(step * 100 + n));
        let mut done = false;
        for loss in losses.into_iter().chain(random) {
            let sim = Sim::new(step);
            let (dir, log) = filled(&sim);
            sim.disk.stop_at(step);
            let run = log.compact(log.durable_end(), &CompactionConfig::default(), &FullSpeed);
            done = run.is_ok();
            drop((dir, log));
            sim.disk.crash(loss);
            crashes += 1;

            let (_dir, log) = open(&sim);
            assert_eq!(log.log_end(), Offset(60), "step {step}, {loss:?}");
            let found = contents(&log, Offset::ZERO, 5000)
                .unwrap_or_else(|what| panic!("step {step}, {loss:?}: {what}"));
            // Appends come one by one, so the last ten records are those of the ten keys.
            let last: Vec<Offset> =
                found.iter().rev().take(10).rev().map(|(read, _)| read.offset).collect();
            let expected: Vec<Offset> = (50..60).map(Offset).collect();
            assert_eq!(last, expected, "step {step}, {loss:?}");
            finished += u64::from(found.len() < 60);
            // And it can be compacted from there.
            log.compact(log.durable_end(), &CompactionConfig::default(), &FullSpeed).unwrap();
            let left = contents(&log, Offset::ZERO, 5000).unwrap().len();
            assert!(left < 30, "step {step}, {loss:?}: {left} records are left");
        }
        if done {
            break;
        }
    }
    assert!(finished > 0 && crashes > 100, "{crashes} crashes, {finished} found compacted");
}
