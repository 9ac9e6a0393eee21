//! What is worked out from one run, by name: names end in their unit.

use std::collections::BTreeMap;

use walser_bench::{Latency, Outcome};

use super::drive::Used;
use crate::device::Limits;
use crate::usage::Footprint;

/// The figures of a run.
pub(super) type Figures = BTreeMap<String, f64>;

/// All that can be worked out from a run, by name. What was not counted has no figure.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
pub(super) fn figures(outcome: &Outcome, used: &Used) -> Figures {
    let mut figures = BTreeMap::new();
    let mut put = |name: &str, value: f64| {
        if value.is_finite() {
            figures.insert(name.to_owned(), value);
        }
    };
    let (cpu, seconds) = (used.cpu.seconds, outcome.seconds);
    let per = |amount: f64| if amount > 0.0 { cpu / amount } else { f64::NAN };
    let rate = |count: u64| if count > 0 { count as f64 / seconds } else { f64::NAN };
    put("seconds", seconds);
    put("requests", outcome.requests as f64);
    put("other_requests", outcome.other_requests as f64);
    put("batches", outcome.batches as f64);
    put("records", outcome.records as f64);
    put("bytes", outcome.bytes as f64);
    put("delivered_bytes", outcome.fetched_bytes as f64);
    put("cpu_seconds", cpu);
    put("user_share", used.cpu.user_share);
    put("core_share", cpu / seconds);
    put("cpu_us_per_request", per(outcome.requests as f64) * 1e6);
    put("cpu_us_per_batch", per(outcome.batches as f64) * 1e6);
    put("cpu_s_per_gb", per(outcome.bytes as f64) * 1e9);
    put("cpu_s_per_gb_delivered", per(outcome.fetched_bytes as f64) * 1e9);
    put(
        "records_per_cpu_second",
        if outcome.records > 0 { 1.0 / per(outcome.records as f64) } else { f64::NAN },
    );
    put("requests_per_second", rate(outcome.requests));
    put("records_per_second", rate(outcome.records));
    put("mb_per_second", rate(outcome.bytes) / 1e6);
    put("generator_share", outcome.generator.busy_share);
    put("generator_lag_us", outcome.generator.lag_us_max);
    let mut latency = |of: &str, latency: &Latency| {
        if latency.count > 0 {
            put(&format!("{of}_p50_us"), latency.p50_us);
            put(&format!("{of}_p90_us"), latency.p90_us);
            put(&format!("{of}_p99_us"), latency.p99_us);
            put(&format!("{of}_p999_us"), latency.p999_us);
            put(&format!("{of}_max_us"), latency.max_us);
        }
    };
    latency("ack", &outcome.latency);
    if let Some(end_to_end) = &outcome.end_to_end {
        latency("e2e", end_to_end);
    }
    if let Some(target) = outcome.target_rate {
        put("target_per_second", target);
    }
    figures
}

/// What the device did with such batches beside the run, and how much of that was reached.
pub(super) fn add_limits(figures: &mut Figures, limits: Limits) {
    let of = |name: &str| figures.get(name).copied().unwrap_or(0.0);
    let (reached, mb) = (of("requests_per_second"), of("mb_per_second"));
    for (name, per_second) in [("device", limits.over), ("growing", limits.growing)] {
        figures.insert(format!("{name}_per_second"), per_second);
        figures.insert(format!("{name}_share"), reached / per_second);
        figures.insert(format!("{name}_mb_per_second"), mb * per_second / reached);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of threads and files are small")]
pub(super) fn add_footprint(figures: &mut Figures, prefix: &str, footprint: &Footprint) {
    figures.insert(format!("{prefix}rss_mb"), footprint.rss_mb);
    figures.insert(format!("{prefix}pss_mb"), footprint.pss_mb);
    figures.insert(format!("{prefix}threads"), footprint.threads as f64);
    figures.insert(format!("{prefix}descriptors"), footprint.descriptors as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_are_figures_of_a_run() {
        let mut figures: Figures =
            [("requests_per_second".to_owned(), 500.0), ("mb_per_second".to_owned(), 8.0)].into();
        add_limits(&mut figures, Limits { over: 2000.0, growing: 1000.0 });
        let expected = [
            ("device_share", 0.25),
            ("device_mb_per_second", 32.0),
            ("growing_share", 0.5),
            ("growing_mb_per_second", 16.0),
        ];
        for (name, value) in expected {
            assert_eq!(figures.get(name), Some(&value), "{name}");
        }
    }
}
