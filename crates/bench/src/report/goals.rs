//! What Walser set out to reach beside Apache Kafka, and whether it did.

use crate::peers::Kind;
use crate::plot::short;
use crate::results::Results;

/// How a goal is stated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// Walser over Kafka, at most.
    RatioAtMost(f64),
    /// Walser over Kafka, at least.
    RatioAtLeast(f64),
    /// Walser's own figure, at most.
    AtMost(f64, &'static str),
    /// Walser's own figure, at least.
    AtLeast(f64, &'static str),
    /// Walser's own figure, which is a share of something, at least.
    ShareAtLeast(f64),
    /// Walser's own figure over that of another scenario, at least.
    ShareOfOwnAtLeast(f64, &'static str),
}

/// One goal: all its figures must reach it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) about: &'static str,
    pub(crate) scenario: &'static str,
    pub(crate) figure: &'static str,
    pub(crate) aim: Aim,
}

const fn goal(about: &'static str, scenario: &'static str, figure: &'static str, aim: Aim) -> Goal {
    Goal { about, scenario, figure, aim }
}

const CREATE: Aim = Aim::AtMost(0.3, "ms");
const MOVED: Aim = Aim::AtMost(1.2, "times");
const KILLED: &str = "killed_first_ack_ms";
const CLEAN: &str = "clean_first_ack_ms";

/// As the project set them before it measured, but for what says otherwise.
pub(crate) const GOALS: &[Goal] = &[
    goal("CPU per 1 KB request", "produce-1k", "cpu_us_per_request", Aim::RatioAtMost(0.20)),
    goal(
        "CPU per batch, 16 partitions a request",
        "produce-16p",
        "cpu_us_per_batch",
        Aim::RatioAtMost(0.25),
    ),
    goal("CPU per GB, 16 KB batches", "produce-16k", "cpu_s_per_gb", Aim::RatioAtMost(0.28)),
    goal("CPU per GB, 1 MB batches", "produce-1m", "cpu_s_per_gb", Aim::RatioAtMost(0.45)),
    goal("fetch CPU per GB, 64 KB", "fetch-64k", "cpu_s_per_gb", Aim::RatioAtMost(0.9)),
    goal("fetch CPU per GB, 1 MB", "fetch-1m", "cpu_s_per_gb", Aim::RatioAtMost(0.9)),
    goal("end-to-end p99 at 1,000/s", "e2e-1k", "e2e_p99_us", Aim::RatioAtMost(0.3)),
    goal("end-to-end p99 at 5,000/s", "e2e-5k", "e2e_p99_us", Aim::RatioAtMost(0.3)),
    goal(
        "synced acknowledgements per second, 100 connections",
        "synced-100c",
        "requests_per_second",
        Aim::RatioAtLeast(3.0),
    ),
    goal("idle memory", "memory", "idle_rss_mb", Aim::AtMost(20.0, "MB")),
    goal(
        "memory with 10,000 connections",
        "memory",
        "connections_rss_mb",
        Aim::AtMost(100.0, "MB"),
    ),
    goal("start to first acknowledged produce", "start", "first_ack_ms", Aim::AtMost(50.0, "ms")),
    goal(
        "synced acknowledgements per second, 1 KB, 100 connections",
        "synced-1k-100c",
        "requests_per_second",
        Aim::RatioAtLeast(10.0),
    ),
    // Beside the goal above, not instead of it.
    goal(
        "the same with 5 requests in flight on each, a producer's default (a goal added later)",
        "synced-1k-100c-5",
        "requests_per_second",
        Aim::RatioAtLeast(10.0),
    ),
    goal(
        "synced MB/s, 16 KB batches, 100 connections",
        "synced-16k-100c",
        "mb_per_second",
        Aim::RatioAtLeast(5.0),
    ),
    goal(
        "synced, 1 MB batches, 100 connections, of the device's limit in files written over",
        "synced-1m-100c",
        "device_share",
        Aim::ShareAtLeast(0.8),
    ),
    // Beside the goal above, not instead of it: a log's files grow, for which the device has another limit.
    goal(
        "synced, 1 MB batches, 100 connections, of the device's limit in files that grow (a goal added later)",
        "synced-1m-100c",
        "growing_share",
        Aim::ShareAtLeast(0.8),
    ),
    goal("creating one of 10,000 partitions", "partitions-10k", "create_ms", CREATE),
    goal("creating one of 100,000 partitions", "partitions-100k", "create_ms", CREATE),
    goal(
        "memory of one of 10,000 partitions at rest",
        "partitions-10k",
        "rest_kb_per_partition",
        Aim::AtMost(2.0, "KB"),
    ),
    goal(
        "memory of one of 100,000 partitions at rest",
        "partitions-100k",
        "rest_kb_per_partition",
        Aim::AtMost(2.0, "KB"),
    ),
    goal(
        "memory with 100,000 partitions",
        "partitions-100k",
        "rest_rss_mb",
        Aim::AtMost(300.0, "MB"),
    ),
    goal(
        "open files with 100,000 partitions at rest",
        "partitions-100k",
        "rest_descriptors",
        Aim::AtMost(1_000.0, "files"),
    ),
    goal(
        "CPU with 100,000 partitions at rest, cores",
        "partitions-100k",
        "rest_core_share",
        Aim::AtMost(0.01, "cores"),
    ),
    goal(
        "produce over 10,000 partitions, of that over one",
        "partitions-10k",
        "mb_per_second",
        Aim::ShareOfOwnAtLeast(0.8, "partitions-1"),
    ),
    goal("kill -9 to serving, 10,000 partitions", "recovery-10k", KILLED, Aim::AtMost(500.0, "ms")),
    goal("clean start, 10,000 partitions", "recovery-10k", CLEAN, Aim::AtMost(200.0, "ms")),
    goal("kill -9 to serving, with 10 GiB", "recovery-10gib", KILLED, Aim::AtMost(500.0, "ms")),
    goal("clean start, with 10 GiB", "recovery-10gib", CLEAN, Aim::AtMost(200.0, "ms")),
    goal(
        "compaction by one core",
        "compaction",
        "cleaned_mb_per_cpu_second",
        Aim::AtLeast(300.0, "MB/s"),
    ),
    goal("produce p99, cleaner at work to idle", "compaction", "beside_to_alone", MOVED),
    goal("tail p99, beside a scan to alone", "backlog", "beside_to_alone", MOVED),
    goal(
        "tail p99 when synced, beside a scan to alone",
        "backlog",
        "synced_beside_to_alone",
        MOVED,
    ),
];

impl Goal {
    /// What is wanted, for people.
    pub(crate) fn wanted(&self) -> String {
        match self.aim {
            Aim::RatioAtMost(limit) => format!("≤ {limit:.2} × Kafka"),
            Aim::RatioAtLeast(limit) => format!("≥ {limit:.1} × Kafka"),
            Aim::AtMost(limit, unit) => format!("≤ {} {unit}", short(limit)),
            Aim::AtLeast(limit, unit) => format!("≥ {} {unit}", short(limit)),
            Aim::ShareAtLeast(limit) | Aim::ShareOfOwnAtLeast(limit, _) => {
                format!("≥ {:.0} %", limit * 100.0)
            }
        }
    }

    /// What was reached, for people, and whether it is enough; `None` when it was not measured.
    pub(crate) fn reached(&self, results: &Results) -> Option<(String, bool)> {
        let ratio = || results.ratio(self.scenario, self.figure, Kind::Walser, Kind::Kafka);
        let own = || Some(results.spread(self.scenario, Kind::Walser, self.figure)?.median);
        let share = |share: f64, limit| (format!("{:.0} %", share * 100.0), share >= limit);
        Some(match self.aim {
            Aim::RatioAtMost(limit) => (format!("{:.3} ×", ratio()?), ratio()? <= limit),
            Aim::RatioAtLeast(limit) => (format!("{:.1} ×", ratio()?), ratio()? >= limit),
            Aim::AtMost(limit, unit) => (format!("{} {unit}", short(own()?)), own()? <= limit),
            Aim::AtLeast(limit, unit) => (format!("{} {unit}", short(own()?)), own()? >= limit),
            Aim::ShareAtLeast(limit) => share(own()?, limit),
            Aim::ShareOfOwnAtLeast(limit, other) => {
                share(own()? / results.spread(other, Kind::Walser, self.figure)?.median, limit)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_names_what_is_measured() {
        let scenarios = crate::scenarios::all();
        for goal in GOALS {
            let scenario =
                scenarios.iter().find(|scenario| scenario.name == goal.scenario).unwrap();
            assert!(
                scenario.shown.iter().any(|shown| shown.figure == goal.figure),
                "{} does not show {}",
                goal.scenario,
                goal.figure
            );
            if let Aim::ShareOfOwnAtLeast(_, other) = goal.aim {
                assert!(scenarios.iter().any(|scenario| scenario.name == other), "{other}");
            }
        }
    }
    #[test]
    fn a_goal_is_reached_from_its_limit_on() {
        use crate::results::{Measured, Run};
        let mut results = Results::default();
        for (scenario, value) in [("partitions-1", 200.0), ("partitions-10k", 160.0)] {
            let run = Run {
                program: Kind::Walser,
                repeat: 1,
                load: [0.0; 3],
                generator_bound: false,
                rate_missed: false,
                figures: [("mb_per_second".to_owned(), value)].into(),
            };
            let measured = Measured {
                at: String::new(),
                machine: crate::machine::Machine::default(),
                storage: String::new(),
                seconds: 1.0,
                runs: vec![run],
            };
            results.scenarios.insert(scenario.to_owned(), measured);
        }
        let reached = |aim| {
            let (text, enough) =
                goal("", "partitions-10k", "mb_per_second", aim).reached(&results).unwrap();
            format!("{text} {enough}")
        };
        assert_eq!(reached(Aim::ShareOfOwnAtLeast(0.8, "partitions-1")), "80 % true");
        assert_eq!(reached(Aim::ShareOfOwnAtLeast(0.81, "partitions-1")), "80 % false");
        assert_eq!(reached(Aim::AtLeast(161.0, "MB/s")), "160 MB/s false");
        assert_eq!(reached(Aim::AtMost(160.0, "MB/s")), "160 MB/s true");
        let ratio = goal("", "partitions-10k", "mb_per_second", Aim::RatioAtLeast(1.0));
        assert!(ratio.reached(&results).is_none(), "Kafka was not measured");
    }
}
