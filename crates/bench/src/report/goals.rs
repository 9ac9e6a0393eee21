//! What Walser set out to reach beside Apache Kafka, and whether it did.

use crate::peers::Kind;
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

/// As the project set them before it measured.
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
];

impl Goal {
    /// What is wanted, for people.
    pub(crate) fn wanted(&self) -> String {
        match self.aim {
            Aim::RatioAtMost(limit) => format!("≤ {limit:.2} × Kafka"),
            Aim::RatioAtLeast(limit) => format!("≥ {limit:.1} × Kafka"),
            Aim::AtMost(limit, unit) => format!("≤ {limit:.0} {unit}"),
        }
    }

    /// What was reached, for people, and whether it is enough; `None` when it was not measured.
    pub(crate) fn reached(&self, results: &Results) -> Option<(String, bool)> {
        let ratio = || results.ratio(self.scenario, self.figure, Kind::Walser, Kind::Kafka);
        Some(match self.aim {
            Aim::RatioAtMost(limit) => (format!("{:.3} ×", ratio()?), ratio()? <= limit),
            Aim::RatioAtLeast(limit) => (format!("{:.1} ×", ratio()?), ratio()? >= limit),
            Aim::AtMost(limit, unit) => {
                let value = results.spread(self.scenario, Kind::Walser, self.figure)?.median;
                (format!("{value:.1} {unit}"), value <= limit)
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
        }
    }
}
