//! What is measured: one row a scenario. The load is the generator's [`Workload`]; this says which
//! ones, over which topic, on which storage, and which figures of it are shown.
//!
//! Does not run anything, and does not say what is good: the goals are in `goals.rs`.

mod storage;

pub(crate) use storage::{PARTITION_COUNTS, SYNCED_CELLS, SYNCED_CONNECTIONS, SYNCED_SIZES, smoke};

use walser_bench::{Arrivals, BatchShape, Mode, Workload};

use crate::peers::Kind;

/// Where a scenario's place in the report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Produce,
    Fetch,
    Latency,
    Synced,
    Groups,
    Memory,
    Start,
    SyncedSizes,
    Partitions,
    Recovery,
    Compaction,
    Backlog,
}

impl Section {
    pub(crate) const ALL: [Section; 12] = [
        Section::Produce,
        Section::Fetch,
        Section::Latency,
        Section::Synced,
        Section::Groups,
        Section::Memory,
        Section::Start,
        Section::SyncedSizes,
        Section::Partitions,
        Section::Recovery,
        Section::Compaction,
        Section::Backlog,
    ];

    /// Its heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Section::Produce => "Produce: broker CPU",
            Section::Fetch => "Fetch: broker CPU",
            Section::Latency => "End-to-end latency",
            Section::Synced => "Synced before the acknowledgement",
            Section::Groups => "Consumer groups",
            Section::Memory => "Memory",
            Section::Start => "Start",
            Section::SyncedSizes => "Synced, by connections and the size of a batch",
            Section::Partitions => "Partitions",
            Section::Recovery => "Recovery",
            Section::Compaction => "Compaction",
            Section::Backlog => "A reader of a large backlog beside readers of the tail",
        }
    }
}

/// Where the logs lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A size-limited tmpfs, so that the disk is no part of it.
    Memory,
    /// A fresh folder on disk.
    Disk,
}

/// How it is run.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// One run of the generator against a broker that has run for a while.
    Load { workload: Workload, fill: Option<Workload> },
    /// A fresh process: idle, with many connections, under load.
    Memory { connections: u32, load: Workload },
    /// A process started on a folder that holds a topic, until it acknowledges.
    Start,
    /// A fresh process and so many partitions: their creation, what they cost at rest, and produce
    /// spread over all of them.
    Partitions { count: u32, load: Workload },
    /// Killed, started, stopped and started again on so many partitions that hold so many bytes in all.
    Recovery { partitions: u32, bytes: u64 },
    /// Keyed records, so many bytes of them, compacted; then again beside a producer.
    Compaction { bytes: u64, load: Workload },
    /// Readers of the tail, alone and beside one that reads a backlog of so many bytes, while so many
    /// are left to the page cache.
    Backlog { bytes: u64, cache_bytes: u64, load: Workload },
}

/// A figure that the report shows of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Its name in the results.
    pub(crate) figure: &'static str,
    pub(crate) label: &'static str,
    pub(crate) unit: &'static str,
    /// What to multiply the stored value by for people.
    pub(crate) scale: f64,
}

const fn shown(figure: &'static str, label: &'static str, unit: &'static str) -> Shown {
    Shown { figure, label, unit, scale: 1.0 }
}

const PER_REQUEST: Shown = shown("cpu_us_per_request", "CPU per request", "µs");
const PER_BATCH: Shown = shown("cpu_us_per_batch", "CPU per batch", "µs");
const PER_GB: Shown = shown("cpu_s_per_gb", "CPU per GB", "s");
const PER_GB_READ: Shown = shown("cpu_s_per_gb_delivered", "CPU per GB delivered", "s");
const RECORDS: Shown = Shown {
    figure: "records_per_cpu_second",
    label: "records per second of one core",
    unit: "million/s, more is better",
    scale: 1e-6,
};
const CORE: Shown =
    Shown { figure: "core_share", label: "CPU used", unit: "% of a core", scale: 100.0 };

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) section: Section,
    pub(crate) place: Place,
    pub(crate) programs: &'static [Kind],
    /// Each record is on stable storage before it is acknowledged; otherwise Walser's topic is relaxed,
    /// which is Kafka's default.
    pub(crate) synced: bool,
    pub(crate) work: Work,
    /// The first is the one that the overview shows.
    pub(crate) shown: &'static [Shown],
    /// No longer than this, as it writes gigabytes a second into memory.
    pub(crate) seconds_max: f64,
    /// Turns of Kafka, at most, where one takes minutes.
    pub(crate) kafka_repeats_max: u32,
    /// What the device itself does with such writes is measured beside each run.
    pub(crate) beside_device: bool,
    /// Part of `--quick`: what the machine's memory moves least (see `ballast`).
    pub(crate) quick: bool,
}

const ALL: &[Kind] = &Kind::ALL;
const BROKERS: &[Kind] = &[Kind::Kafka, Kind::Walser];

/// How long a run may be that writes a gigabyte or two a second into memory, so that the ballast
/// lasts.
const WRITING_SECONDS_MAX: f64 = 0.8;

/// The topic of every scenario; made before and deleted after each run.
pub(crate) const TOPIC: &str = "bench";
pub(crate) const PARTITIONS: u32 = 16;

/// Record sizes of the curve, and the scenario that measures each.
pub(crate) const CURVE: [(f64, &str, &str); 6] = [
    (10.0, "10 B", "size-10"),
    (100.0, "100 B", "produce-100b"),
    (1000.0, "1 KB", "produce-16k"),
    (10_000.0, "10 KB", "size-10k"),
    (100_000.0, "100 KB", "size-100k"),
    (1_000_000.0, "1 MB", "size-1m"),
];

fn produce(records: u32, value_bytes: u32, window: u32) -> Workload {
    Workload {
        mode: Mode::Produce { arrivals: Arrivals::Closed { window }, partitions_per_request: 1 },
        topic: TOPIC.to_owned(),
        partitions: PARTITIONS,
        batch: BatchShape { records, value_bytes },
        verify: false,
        ..Workload::default()
    }
}

/// Fills a topic with the same data in every program: a rate that all of them can follow.
fn fill(batch: BatchShape, rate: f64, seconds: f64) -> Workload {
    Workload {
        mode: Mode::Produce { arrivals: Arrivals::Constant { rate }, partitions_per_request: 1 },
        batch,
        warm_up_seconds: 0.0,
        seconds,
        ..produce(1, 1, 1)
    }
}

fn end_to_end(rate: f64, records: u32, consumers: u32) -> Workload {
    Workload {
        mode: Mode::EndToEnd { arrivals: Arrivals::Constant { rate }, consumers },
        ..produce(records, 1000, 1)
    }
}

fn load(
    name: &'static str,
    title: &'static str,
    section: Section,
    workload: Workload,
    shown: &'static [Shown],
) -> Scenario {
    Scenario {
        name,
        title,
        section,
        place: Place::Memory,
        programs: ALL,
        synced: false,
        work: Work::Load { workload, fill: None },
        shown,
        seconds_max: f64::MAX,
        kafka_repeats_max: u32::MAX,
        beside_device: false,
        quick: false,
    }
}

/// All of them, in the order in which they run.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all = produce_scenarios();
    all.extend(read_scenarios());
    all.extend(other_scenarios());
    all.extend(storage::scenarios());
    all
}

impl Scenario {
    /// Whether a name that somebody asked for means this one, alone or with others.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let storage = matches!(
            self.section,
            Section::SyncedSizes
                | Section::Partitions
                | Section::Recovery
                | Section::Compaction
                | Section::Backlog
        );
        self.name.starts_with(name) || (storage && name == "storage")
    }

    /// How many turns a program gets of those that were asked for.
    pub(crate) fn repeats(&self, program: Kind, asked: u32) -> u32 {
        match program {
            _ if !self.programs.contains(&program) => 0,
            Kind::Kafka => asked.min(self.kafka_repeats_max),
            Kind::Walser | Kind::Floor => asked,
        }
    }
}

fn produce_scenarios() -> Vec<Scenario> {
    let sixteen = Workload {
        mode: Mode::Produce {
            arrivals: Arrivals::Closed { window: 5 },
            partitions_per_request: PARTITIONS,
        },
        ..produce(1, 1000, 5)
    };
    let hundred = Workload { connections: 100, ..produce(1, 1000, 1) };
    let of = |name, title, workload, shown| load(name, title, Section::Produce, workload, shown);
    let quick = |scenario: Scenario| Scenario { quick: true, ..scenario };
    let short = |scenario: Scenario| Scenario { seconds_max: WRITING_SECONDS_MAX, ..scenario };
    vec![
        quick(of("produce-1k", "1 record of 1 KB", produce(1, 1000, 5), &[PER_REQUEST])),
        short(of(
            "produce-16k",
            "16 records of 1 KB",
            produce(16, 1000, 5),
            &[PER_GB, PER_REQUEST],
        )),
        short(of("produce-64k", "64 records of 1 KB", produce(64, 1000, 5), &[PER_GB])),
        short(of("produce-1m", "1,000 records of 1 KB", produce(1000, 1000, 3), &[PER_GB])),
        quick(of("produce-16p", "16 partitions, 1 KB each", sixteen, &[PER_BATCH])),
        quick(of("produce-100c", "100 connections, 1 KB, 1 in flight", hundred, &[PER_REQUEST])),
        short(of("produce-100b", "160 records of 100 B", produce(160, 100, 5), &[RECORDS, PER_GB])),
        short(of("size-10", "1,000 records of 10 B", produce(1000, 10, 5), &[PER_GB, RECORDS])),
        short(of("size-10k", "1 record of 10 KB", produce(1, 10_000, 5), &[PER_GB])),
        short(of("size-100k", "1 record of 100 KB", produce(1, 100_000, 5), &[PER_GB])),
        short(of("size-1m", "1 record of 1 MB", produce(1, 1_000_000, 3), &[PER_GB])),
    ]
}

fn read_scenarios() -> Vec<Scenario> {
    let fetch = |name, title, response_bytes, quick| {
        let workload =
            Workload { mode: Mode::Fetch { window: 1, response_bytes }, ..produce(16, 1000, 1) };
        let filled = fill(BatchShape { records: 16, value_bytes: 1000 }, 8_000.0, 2.0);
        Scenario {
            work: Work::Load { workload: workload.clone(), fill: Some(filled) },
            quick,
            ..load(name, title, Section::Fetch, workload, &[PER_GB, PER_REQUEST])
        }
    };
    const LATENCY: &[Shown] = &[
        Shown { figure: "e2e_p99_us", label: "p99", unit: "ms", scale: 0.001 },
        Shown { figure: "e2e_p50_us", label: "p50", unit: "ms", scale: 0.001 },
        Shown { figure: "e2e_p999_us", label: "p99.9", unit: "ms", scale: 0.001 },
        CORE,
    ];
    vec![
        fetch("fetch-64k", "64 KB responses", 65_536, true),
        fetch("fetch-1m", "1 MB responses", 1_048_576, false),
        load(
            "fan-out",
            "10 consumers of one tail",
            Section::Fetch,
            end_to_end(1_000.0, 16, 10),
            &[PER_GB_READ, CORE],
        ),
        load(
            "e2e-1k",
            "1,000 records of 1 KB a second",
            Section::Latency,
            end_to_end(1_000.0, 1, 1),
            LATENCY,
        ),
        load(
            "e2e-5k",
            "5,000 records of 1 KB a second",
            Section::Latency,
            end_to_end(5_000.0, 1, 1),
            LATENCY,
        ),
    ]
}

fn other_scenarios() -> Vec<Scenario> {
    const ACKS: &[Shown] = &[
        shown("requests_per_second", "acknowledgements", "acks/s"),
        Shown { figure: "ack_p99_us", label: "p99", unit: "ms", scale: 0.001 },
        PER_REQUEST,
    ];
    const GROUPS: &[Shown] = &[
        CORE,
        shown("cpu_us_per_request", "CPU per commit", "µs"),
        Shown { figure: "ack_p99_us", label: "commit p99", unit: "ms", scale: 0.001 },
    ];
    const MEMORY: &[Shown] = &[
        shown("idle_rss_mb", "resident, idle", "MB"),
        shown("connections_rss_mb", "resident, 10,000 connections", "MB"),
        shown("load_rss_mb", "resident, under load", "MB"),
        shown("idle_pss_mb", "proportional (PSS), idle", "MB"),
        shown("idle_threads", "threads", ""),
        shown("idle_descriptors", "file descriptors, idle", ""),
    ];
    const START: &[Shown] = &[
        shown("first_ack_ms", "first acknowledged produce", "ms"),
        shown("listening_ms", "accepts connections", "ms"),
    ];
    let synced = |name, title, connections| Scenario {
        place: Place::Disk,
        synced: true,
        programs: BROKERS,
        ..load(name, title, Section::Synced, Workload { connections, ..produce(1, 1000, 1) }, ACKS)
    };
    let groups = Workload {
        mode: Mode::Groups { groups: 1000, members: 10, interval_ms: 1000 },
        ..produce(1, 1000, 1)
    };
    vec![
        synced("synced-1c", "1 connection", 1),
        synced("synced-100c", "100 connections", 100),
        Scenario {
            place: Place::Disk,
            programs: BROKERS,
            ..load(
                "groups",
                "1,000 groups of 10 members, each commits every second",
                Section::Groups,
                groups,
                GROUPS,
            )
        },
        Scenario {
            work: Work::Memory { connections: 10_000, load: produce(16, 1000, 5) },
            programs: BROKERS,
            ..load("memory", "a fresh process", Section::Memory, produce(16, 1000, 5), MEMORY)
        },
        Scenario {
            work: Work::Start,
            place: Place::Disk,
            programs: BROKERS,
            ..load(
                "start",
                "on a folder with one topic",
                Section::Start,
                produce(1, 1000, 1),
                START,
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_workload_makes_sense_and_every_name_is_its_own() {
        let mut names = BTreeSet::new();
        for scenario in all() {
            assert!(names.insert(scenario.name), "{} twice", scenario.name);
            assert!(!scenario.shown.is_empty());
            match &scenario.work {
                Work::Load { workload, fill } => {
                    workload.check().unwrap();
                    fill.iter().for_each(|fill| fill.check().unwrap());
                }
                Work::Memory { load, .. }
                | Work::Partitions { load, .. }
                | Work::Compaction { load, .. }
                | Work::Backlog { load, .. } => load.check().unwrap(),
                Work::Start | Work::Recovery { .. } => {}
            }
        }
        let plotted = CURVE.iter().map(|(_, _, name)| *name);
        let plotted = plotted.chain(PARTITION_COUNTS.iter().map(|(_, _, name)| *name));
        for name in plotted.chain(SYNCED_CELLS.iter().flatten().map(|(name, _)| *name)) {
            assert!(names.contains(name), "a plot names {name}");
        }
    }
}
