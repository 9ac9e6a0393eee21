//! Readers of the tail, alone and beside a reader that goes through more than memory holds.
//!
//! A backlog is written, and then the runner takes so much memory for itself that the page cache cannot
//! hold it: what the scan reads comes from the disk, and pushes out of the cache whatever the kernel
//! likes less. How much of it came from the disk is a figure. Nothing is told to forget anything, and no
//! process is confined: it is what a machine with so much memory would do.
//!
//! The scan's client shares a core with the tail's and gives way to it, so that what the tail's clients
//! notice is the broker's and the disk's doing.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use walser_bench::{Latency, Mark, Mode, Workload};

use super::drive::{acknowledged, create, delete, generate, refused, settings};
use super::figures::Figures;
use super::{COMPILE_SECONDS, Session};
use crate::machine::{self, pause};
use crate::peers::{Kind, Peer};
use crate::storage::Storage;
use crate::talk::{Frame, LONG_AGO, Talk};
use crate::usage;

/// The topic that is scanned.
const BACKLOG: &str = "backlog";
/// One, as the scan is one request after the other, and that reads one partition.
const BACKLOG_PARTITIONS: u32 = 1;

/// A megabyte a request, as a consumer that is far behind gets it.
const SCAN_BYTES: u32 = 1 << 20;

/// The scan is under way for so long before the tail's clients begin.
const SCAN_LEAD: Duration = Duration::from_millis(500);

/// The share of the tail's measured time that the tail's own start and end may add to the scan's.
const SCAN_MARGIN_SECONDS: f64 = 2.0;

/// How often the tail is measured alone and then beside the scan. What of a virtual machine's pauses falls
/// into one run decides its p99; the median of some is another matter.
const ROUNDS: usize = 3;

/// What was measured in [`ROUNDS`]: medians of the tail's latencies, sums of the scans'.
struct Rounds {
    alone: Percentiles,
    beside: Percentiles,
    scan: Scan,
}

/// End-to-end latencies.
struct Percentiles {
    p50_us: f64,
    p99_us: f64,
}

/// What the scan read, in how long, and what of it the disk gave.
#[derive(Default)]
struct Scan {
    bytes: u64,
    seconds: f64,
    disk_bytes: u64,
}

impl Session {
    /// The tail alone and beside the scan; Walser also with each record synced, its default.
    pub(super) fn backlog(
        &self,
        kind: Kind,
        storage: &Storage,
        (bytes, cache_bytes): (u64, u64),
        load: &Workload,
    ) -> Result<Figures> {
        let peer = Peer::start(&self.programs, kind, &storage.path().join("broker"), &[])?;
        if kind == Kind::Kafka {
            self.compile(&peer, false, load, 3.0 * COMPILE_SECONDS)?;
        }
        fill(&peer, bytes)?;
        machine::sync_disk(storage.path())?;
        let held = Held::take(machine::available_bytes()?.saturating_sub(cache_bytes))?;

        let mut figures = Figures::new();
        let mut put = |name: &str, value: f64| figures.insert(name.to_owned(), value);
        put("held_mb", float(held.bytes.len() as u64) / 1e6);
        let Rounds { alone, beside, scan } = self.rounds(&peer, load, false)?;
        put("alone_p50_us", alone.p50_us);
        put("alone_p99_us", alone.p99_us);
        put("beside_p50_us", beside.p50_us);
        put("beside_p99_us", beside.p99_us);
        put("beside_to_alone", beside.p99_us / alone.p99_us);
        let scanned = float(scan.bytes);
        put("scan_mb_per_second", scanned / scan.seconds / 1e6);
        put("scan_disk_share", float(scan.disk_bytes) / scanned.max(1.0));
        if kind == Kind::Walser {
            let Rounds { alone, beside, .. } = self.rounds(&peer, load, true)?;
            put("synced_alone_p99_us", alone.p99_us);
            put("synced_beside_p99_us", beside.p99_us);
            put("synced_beside_to_alone", beside.p99_us / alone.p99_us);
        }
        peer.stop()?;
        drop(held);
        Ok(figures)
    }

    /// The tail alone and beside the scan, in turn.
    fn rounds(&self, peer: &Peer, load: &Workload, synced: bool) -> Result<Rounds> {
        let (mut alone, mut beside, mut total) = (Vec::new(), Vec::new(), Scan::default());
        for _ in 0..ROUNDS {
            let (one, other, scan) = self.round(peer, load, synced)?;
            alone.push(one);
            beside.push(other);
            total.bytes += scan.bytes;
            total.seconds += scan.seconds;
            total.disk_bytes += scan.disk_bytes;
        }
        Ok(Rounds { alone: medians(&alone)?, beside: medians(&beside)?, scan: total })
    }

    /// End-to-end latencies of the tail without the scan and with it, and the scan.
    fn round(
        &self,
        peer: &Peer,
        load: &Workload,
        synced: bool,
    ) -> Result<(Latency, Latency, Scan)> {
        let seconds = self.options.seconds;
        let load = Workload { seconds, warm_up_seconds: (seconds / 2.0).min(1.0), ..load.clone() };
        let tail = || -> Result<Latency> {
            let (outcome, _) = generate(&load, peer)?;
            outcome.end_to_end.context("the run has no end-to-end latencies")
        };
        create(peer, load.partitions, synced)?;
        peer.pin()?;
        let alone = tail().context("the tail alone")?;
        delete(peer)?;
        create(peer, load.partitions, synced)?;
        let scan_seconds = load.warm_up_seconds + seconds + SCAN_MARGIN_SECONDS;
        std::thread::scope(|scope| {
            let scanning = scope.spawn(|| scan(peer, scan_seconds));
            pause(SCAN_LEAD);
            let beside = tail().context("the tail beside the scan");
            let scan = scanning.join().map_err(|_| anyhow!("the scan panicked"))?;
            delete(peer)?;
            Ok((alone, beside?, scan.context("the scan")?))
        })
    }
}

/// The median of each percentile.
fn medians(runs: &[Latency]) -> Result<Percentiles> {
    let median = |of: fn(&Latency) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().context("no run")
    };
    Ok(Percentiles { p50_us: median(|run| run.p50_us)?, p99_us: median(|run| run.p99_us)? })
}

/// Reads the backlog, round and round, one request after the other.
fn scan(peer: &Peer, seconds: f64) -> Result<Scan> {
    machine::pin_this_thread(machine::GENERATOR_CORE)?;
    machine::give_way()?;
    let workload = Workload {
        mode: Mode::Fetch { window: 1, response_bytes: SCAN_BYTES },
        topic: BACKLOG.to_owned(),
        partitions: BACKLOG_PARTITIONS,
        connections: 1,
        warm_up_seconds: 0.1,
        seconds,
        verify: false,
        gives_way: true,
        ..Workload::default()
    };
    let read: Mutex<Vec<Result<u64>>> = Mutex::default();
    let note = |_: Mark| {
        if let Ok(mut read) = read.lock() {
            read.push(usage::disk_reads(peer.pid()));
        }
    };
    let outcome =
        walser_bench::run_marked(&workload, peer.address, &mut { note }).map_err(refused)?;
    let mut read = read.into_inner().map_err(|_| anyhow!("a mark panicked"))?.into_iter();
    let (from, to) = (read.next().context("no mark")??, read.next().context("one mark")??);
    Ok(Scan { bytes: outcome.bytes, seconds: outcome.seconds, disk_bytes: to.saturating_sub(from) })
}

/// Writes the backlog, a megabyte a request.
fn fill(peer: &Peer, bytes: u64) -> Result<()> {
    const RECORDS: usize = 1_000;
    const RECORD_BYTES: usize = 1_000;
    let mut talk = Talk::connect(peer.address)?;
    let partitions = i32::try_from(BACKLOG_PARTITIONS)?;
    talk.create_topic(BACKLOG, partitions, settings(peer.kind, false))?;
    acknowledged(&mut talk, &Frame::produce(BACKLOG, partitions, 1, 10)?)?;
    let frames = (0..partitions)
        .map(|index| Frame::produce_to(BACKLOG, index..index + 1, RECORDS, RECORD_BYTES, LONG_AGO))
        .collect::<Result<Vec<_>>>()?;
    let requests = bytes / (RECORDS * RECORD_BYTES) as u64;
    for (_, frame) in (0..requests.max(u64::from(BACKLOG_PARTITIONS))).zip(frames.iter().cycle()) {
        talk.send(frame).context("while the backlog was written")?;
    }
    Ok(())
}

/// Memory that is really there and that nobody else can have.
struct Held {
    bytes: Vec<u8>,
}

impl Held {
    /// Takes it. Should memory run out after all, it is this process that goes.
    fn take(bytes: u64) -> Result<Held> {
        if bytes > 0 {
            expendable("1000").context("cannot offer this process to the kernel")?;
        }
        // Not zero: zeroes would be one page, again and again, until somebody writes to them.
        Ok(Held { bytes: vec![1; usize::try_from(bytes)?] })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bytes = Vec::new();
        // A benchmark that stays expendable is no harm.
        let _ = expendable("0");
    }
}

/// Sets how gladly the kernel ends this process when memory runs out.
#[expect(clippy::disallowed_methods, reason = "the benchmark's own place in the kernel's list")]
fn expendable(score: &str) -> std::io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", score)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}
