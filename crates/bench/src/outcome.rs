//! What came back: [`Outcome`], what a run of a [`Workload`] counted between its two marks.
//!
//! It holds what the generator saw and what the generator itself cost. What the broker cost is
//! measured by whoever started it, between [`Mark::Start`] and [`Mark::End`].
//!
//! An outcome is only returned of a run in which every reply was good; else there is
//! [`BenchError::Refused`](crate::BenchError::Refused), which carries it for people to look at.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::workload::Workload;

/// Generator's share of a core from which it, and not the broker, is what was measured.
pub const BUSY_SHARE_MAX: f64 = 0.90;
/// Share of the asked rate below which the broker was saturated.
pub const ACHIEVED_SHARE_MIN: f64 = 0.99;

/// When the counted time begins and ends; the caller reads its own clocks then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// Warm-up is over.
    Start,
    /// The counted time is over; answers to what was sent in it may still be on their way.
    End,
}

/// What came back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// What was run.
    pub workload: Workload,
    /// Seconds between the marks, measured.
    pub seconds: f64,
    /// Requests answered between the marks: produce requests, fetches, commits or rounds.
    pub requests: u64,
    /// Requests beside those: heartbeats; fetches of the consumers of an end-to-end run.
    pub other_requests: u64,
    /// Batches acknowledged, or read in [`Mode::Fetch`](crate::workload::Mode::Fetch).
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of these batches, headers included.
    pub bytes: u64,
    /// Bytes of batches that consumers got beside that (end to end).
    pub fetched_bytes: u64,
    /// From the intended start of a request to its answer. In a closed window the intended start is
    /// the moment at which it was sent.
    pub latency: Latency,
    /// From the intended start of a request to its batch at a consumer.
    pub end_to_end: Option<Latency>,
    /// Requests per second that were asked for.
    pub target_rate: Option<f64>,
    /// Requests per second that were answered.
    pub achieved_rate: f64,
    /// What the generator itself took.
    pub generator: Generator,
    /// Replies with an error, by the name of the code. Empty in an outcome that is returned.
    pub errors: BTreeMap<String, u64>,
    /// What was verified after the run.
    pub verified: Option<Verified>,
    /// What a reader of the figures must know: generator was the limit, broker was saturated.
    pub remarks: Vec<String>,
}

/// What the generator itself took.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// CPU seconds of its thread between the marks.
    pub cpu_seconds: f64,
    /// The same as a share of one core.
    pub busy_share: f64,
    /// Longest time by which it sent a request too late, in microseconds.
    pub lag_us_max: f64,
    /// Whether it was busy for [`BUSY_SHARE_MAX`] of the time or more.
    pub was_limit: bool,
    /// Whether less than [`ACHIEVED_SHARE_MIN`] of the target rate was achieved.
    pub saturated: bool,
}

/// What was verified after the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Verified {
    /// Records by which the high watermarks rose, which is what was acknowledged.
    pub records: u64,
    /// Batches that were read back and whose checksum was right.
    pub batches_read_back: u64,
}

/// Latencies in microseconds, and the histogram they come from.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// The least.
    pub min_us: f64,
    /// Their mean.
    pub mean_us: f64,
    /// Half are at most this.
    pub p50_us: f64,
    /// 90 % are at most this.
    pub p90_us: f64,
    /// 99 % are at most this.
    pub p99_us: f64,
    /// 99.9 % are at most this.
    pub p999_us: f64,
    /// The greatest.
    pub max_us: f64,
    /// All of them, within 1 %.
    pub histogram: Histogram,
}

impl From<Histogram> for Latency {
    fn from(histogram: Histogram) -> Self {
        Latency {
            count: histogram.count(),
            min_us: micros(histogram.min()),
            mean_us: histogram.mean() / 1000.0,
            p50_us: micros(histogram.quantile(0.5)),
            p90_us: micros(histogram.quantile(0.9)),
            p99_us: micros(histogram.quantile(0.99)),
            p999_us: micros(histogram.quantile(0.999)),
            max_us: micros(histogram.max()),
            histogram,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run are far below 2^52")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.0}  p99 {:.0}  p99.9 {:.0}  max {:.0} µs",
            self.p50_us, self.p99_us, self.p999_us, self.max_us
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_second = |count: u64| count as f64 / self.seconds;
        writeln!(
            f,
            "requests     {} in {:.2} s, {:.0}/s",
            self.requests, self.seconds, self.achieved_rate
        )?;
        if let Some(target) = self.target_rate {
            writeln!(
                f,
                "target       {target:.0}/s, generator late by {:.0} µs at most",
                self.generator.lag_us_max
            )?;
        }
        if self.batches > 0 {
            writeln!(
                f,
                "batches      {:.0}/s, {:.0} records/s, {:.1} MB/s",
                per_second(self.batches),
                per_second(self.records),
                per_second(self.bytes) / 1e6
            )?;
        }
        if self.fetched_bytes > 0 {
            writeln!(f, "consumed     {:.1} MB/s", per_second(self.fetched_bytes) / 1e6)?;
        }
        if self.other_requests > 0 {
            writeln!(f, "others       {:.0}/s", per_second(self.other_requests))?;
        }
        if self.latency.count > 0 {
            writeln!(f, "latency      {}", self.latency)?;
        }
        if let Some(latency) = &self.end_to_end {
            writeln!(f, "end to end   {latency}")?;
        }
        writeln!(
            f,
            "generator    {:.0} % of a core, {:.2} µs a request",
            self.generator.busy_share * 100.0,
            self.generator.cpu_seconds * 1e6 / self.requests.max(1) as f64
        )?;
        if let Some(verified) = self.verified {
            writeln!(
                f,
                "verified     {} records by high watermark, {} batches read back",
                verified.records, verified.batches_read_back
            )?;
        }
        for (code, count) in &self.errors {
            writeln!(f, "error        {code} x {count}")?;
        }
        for remark in &self.remarks {
            writeln!(f, "remark       {remark}")?;
        }
        Ok(())
    }
}
