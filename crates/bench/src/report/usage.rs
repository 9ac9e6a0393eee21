//! What a process uses: CPU time of all its threads, memory, threads, descriptors.
//!
//! CPU time is the scheduler's own run time in nanoseconds (`schedstat`), which no clock tick rounds.
//! User and system are told apart by the share in `stat`, whose sum is coarser.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::read;

/// Ticks a second in /proc/PID/stat; fixed in the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process up to a moment.
#[derive(Clone, Debug)]
pub(crate) struct CpuClock {
    /// Nanoseconds by thread.
    threads: BTreeMap<u32, u64>,
    user_ticks: f64,
    system_ticks: f64,
}

/// CPU time between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CpuTime {
    pub(crate) seconds: f64,
    /// From 0 to 1: the rest is the kernel's.
    pub(crate) user_share: f64,
}

/// Memory and handles of a process at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Footprint {
    pub(crate) rss_mb: f64,
    /// Shared pages counted by their share.
    pub(crate) pss_mb: f64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

impl CpuClock {
    /// Reads the clocks of all threads of a process.
    pub(crate) fn read(pid: u32) -> Result<CpuClock> {
        let mut clocks = BTreeMap::new();
        for thread in threads(pid)? {
            // A thread that ended meanwhile has no file.
            let Ok(text) = read(&format!("/proc/{pid}/task/{thread}/schedstat")) else { continue };
            let run = text.split_whitespace().next().and_then(|word| word.parse().ok());
            clocks.insert(thread, run.context("schedstat is not a number")?);
        }
        let (user_ticks, system_ticks) = ticks(&read(&format!("/proc/{pid}/stat"))?)?;
        Ok(CpuClock { threads: clocks, user_ticks, system_ticks })
    }

    /// The time used since `earlier`.
    pub(crate) fn since(&self, earlier: &CpuClock) -> CpuTime {
        let user = self.user_ticks - earlier.user_ticks;
        let system = self.system_ticks - earlier.system_ticks;
        let nanoseconds: u64 = self
            .threads
            .iter()
            .map(|(thread, run)| run - earlier.threads.get(thread).copied().unwrap_or(0).min(*run))
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "2^53 nanoseconds are 104 days")]
        let mut seconds = nanoseconds as f64 / 1e9;
        // A thread that ended took its schedstat with it; `stat` still counts it.
        if earlier.threads.keys().any(|thread| !self.threads.contains_key(thread)) {
            seconds = seconds.max((user + system) / TICKS_PER_SECOND);
        }
        let user_share = if user + system > 0.0 { user / (user + system) } else { 0.0 };
        CpuTime { seconds, user_share }
    }
}

/// The threads of a process.
pub(crate) fn threads(pid: u32) -> Result<Vec<u32>> {
    let folder = format!("/proc/{pid}/task");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("process {pid} is not running"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// User and system ticks from the text of /proc/PID/stat.
fn ticks(stat: &str) -> Result<(f64, f64)> {
    // The program's name is in parentheses and may hold anything; count from the last one.
    let after = stat.rsplit_once(')').context("/proc/PID/stat has no name")?.1;
    let mut words = after.split_whitespace().skip(11).map(str::parse::<f64>);
    match (words.next(), words.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user, system)),
        _ => anyhow::bail!("/proc/PID/stat is too short"),
    }
}

/// Memory, threads and descriptors of a process now.
pub(crate) fn footprint(pid: u32) -> Result<Footprint> {
    let rollup = read(&format!("/proc/{pid}/smaps_rollup"))?;
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok(Footprint {
        rss_mb: megabytes(&rollup, "Rss:")?,
        pss_mb: megabytes(&rollup, "Pss:")?,
        threads: u64::try_from(threads(pid)?.len())?,
        descriptors: u64::try_from(descriptors)?,
    })
}

/// Bytes that a process has caused to be read from a disk, read-ahead included.
pub(crate) fn disk_reads(pid: u32) -> Result<u64> {
    let text = read(&format!("/proc/{pid}/io"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("read_bytes:"));
    line.and_then(|bytes| bytes.trim().parse().ok()).context("/proc/PID/io has no read_bytes")
}

/// A line `Name:  123 kB` in decimal megabytes.
fn megabytes(rollup: &str, name: &str) -> Result<f64> {
    let kib: f64 = rollup
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("smaps_rollup has no {name}"))?;
    Ok(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(threads: &[(u32, u64)], user: f64, system: f64) -> CpuClock {
        CpuClock {
            threads: threads.iter().copied().collect(),
            user_ticks: user,
            system_ticks: system,
        }
    }

    #[test]
    fn time_of_all_threads_is_counted() {
        let before = clock(&[(1, 1_000_000_000), (2, 5)], 10.0, 10.0);
        let after = clock(&[(1, 2_000_000_000), (2, 5), (3, 500_000_000)], 100.0, 70.0);
        let time = after.since(&before);
        assert!((time.seconds - 1.5).abs() < 1e-9);
        assert!((time.user_share - 0.6).abs() < 1e-9);
    }

    #[test]
    fn time_of_a_thread_that_ended_is_not_lost() {
        let before = clock(&[(1, 0), (2, 0)], 0.0, 0.0);
        let after = clock(&[(1, 1_000_000_000)], 150.0, 50.0);
        assert!((after.since(&before).seconds - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_program_with_a_strange_name_is_read() {
        let stat = "7 (a) b (c) S 1 1 1 0 -1 0 1 2 3 4 77 33 0 0 20 0 1 0 5";
        assert_eq!(ticks(stat).unwrap(), (77.0, 33.0));
        assert!(ticks("7 (a) S").is_err());
    }

    #[test]
    fn this_process_has_a_footprint() {
        let footprint = footprint(std::process::id()).unwrap();
        assert!(footprint.rss_mb > 0.5 && footprint.pss_mb <= footprint.rss_mb + 0.1);
        assert!(footprint.threads >= 1 && footprint.descriptors >= 3);
        super::disk_reads(std::process::id()).unwrap();
    }
}
