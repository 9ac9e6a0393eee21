//! From one partition to a hundred thousand: what it takes to create them, to keep them, and to write to
//! all of them.
//!
//! They are of one topic, grown by a thousand at a time: Kafka takes no more than 10,000 records in one
//! request of an administrator. A partition counts as created when it answers for its end offset.

use std::time::Duration;

use anyhow::{Context, Result};
use walser_bench::topics::Control;
use walser_bench::{BenchError, Workload};

use super::drive::{generate, settings};
use super::figures::{Figures, add_footprint, figures};
use super::sweep::Sweep;
use super::{COMPILE_SECONDS, Limits, Session};
use crate::machine::{self, now, pause};
use crate::peers::{Kind, Peer};
use crate::scenarios::{Scenario, TOPIC};
use crate::storage::Storage;
use crate::talk::Talk;
use crate::usage::{self, CpuClock, Footprint};

/// Partitions of one request to create them.
const STEP: u32 = 1_000;

/// All of them are created within this, or the run has failed.
const CREATED_WITHIN: Duration = Duration::from_secs(300);

/// How long a process is left alone before its memory is looked at, and while its idle CPU is counted.
const REST_SECONDS_MAX: f64 = 3.0;

/// From this on the memory of one is more than the noise of an allocator.
const COUNT_FOR_MEMORY: u32 = 100;

/// How long the first write to each partition may take in all: Kafka maps an index of 10 MB at each.
const TOUCHED_WITHIN: Duration = Duration::from_secs(30);

/// A short lead: what is not synced fills the memory of the machine.
const LEAD_SECONDS: f64 = 0.5;

impl Session {
    /// One process: empty, with so many partitions at rest, and while all of them are written to.
    #[expect(clippy::cast_precision_loss, reason = "counts of partitions are small")]
    pub(super) fn partitions(
        &self,
        kind: Kind,
        storage: &Storage,
        scenario: &Scenario,
        count: u32,
        load: &Workload,
    ) -> Result<(Figures, Limits)> {
        let peer = Peer::start(&self.programs, kind, &storage.path().join("broker"), &[])?;
        let rest = Duration::from_secs_f64(self.options.seconds.clamp(1.0, REST_SECONDS_MAX));
        pause(rest);
        let empty = usage::footprint(peer.pid())?;

        let began = now();
        make(&peer, count, settings(kind, false))?;
        let created = began.elapsed();
        let mut figures_at_rest = Figures::new();
        let mut put = |name: &str, value: f64| figures_at_rest.insert(name.to_owned(), value);
        put("create_ms", created.as_secs_f64() * 1e3 / f64::from(count));
        put("empty_rss_mb", empty.rss_mb);
        pause(rest);
        let cpu = CpuClock::read(peer.pid())?;
        let began = now();
        pause(rest);
        let used = CpuClock::read(peer.pid())?.since(&cpu);
        put("rest_core_share", used.seconds / began.elapsed().as_secs_f64());
        let resting = usage::footprint(peer.pid())?;
        let one = |now: &Footprint| (now.rss_mb - empty.rss_mb) * 1e3 / f64::from(count);
        if count >= COUNT_FOR_MEMORY {
            put("rest_kb_per_partition", one(&resting));
        }

        let mut sweep = Sweep::new(&peer, count)?;
        sweep.write(1, TOUCHED_WITHIN)?;
        put("touched_share", sweep.records() as f64 / f64::from(count));
        peer.pin()?;
        if kind == Kind::Kafka {
            self.practise(&peer, load, 3.0 * COMPILE_SECONDS);
        }
        // What the kernel still has to write would be in the way.
        machine::sync_disk(storage.path())?;
        let load = Workload {
            seconds: self.options.seconds.min(scenario.seconds_max),
            warm_up_seconds: LEAD_SECONDS,
            ..load.clone()
        };
        let (outcome, used) = generate(&load, &peer).context("produce over all partitions")?;
        pause(rest);
        let written = usage::footprint(peer.pid())?;
        if count >= COUNT_FOR_MEMORY {
            put("written_kb_per_partition", one(&written));
        }
        let mut all = figures(&outcome, &used);
        add_footprint(&mut all, "rest_", &resting);
        add_footprint(&mut all, "written_", &written);
        all.extend(figures_at_rest);
        let generator = outcome.generator;
        Ok((all, Limits { generator: generator.was_limit, rate: generator.saturated }))
    }
}

/// Creates the topic with so many partitions, and waits until each of them answers.
pub(super) fn make(peer: &Peer, count: u32, settings: &[(&str, &str)]) -> Result<()> {
    let mut talk = Talk::connect(peer.address)?;
    let mut made = count.min(STEP);
    talk.create_topic(TOPIC, i32::try_from(made)?, settings)?;
    while made < count {
        made = (made + STEP).min(count);
        talk.grow_topic(TOPIC, i32::try_from(made)?)?;
    }
    ends(peer, count, CREATED_WITHIN).map(drop)
}

/// The end offsets of all partitions, once every one of them answers.
pub(super) fn ends(peer: &Peer, count: u32, within: Duration) -> Result<Vec<i64>> {
    let began = now();
    let mut control = Control::connect(peer.address)?;
    loop {
        match control.high_watermarks(TOPIC, count) {
            Ok(found) => return Ok(found),
            // No leader yet, or not even the topic.
            Err(BenchError::Protocol(_)) if began.elapsed() < within => {
                pause(Duration::from_millis(1));
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("not all of {count} partitions answer in {within:?}")
                });
            }
        }
    }
}
