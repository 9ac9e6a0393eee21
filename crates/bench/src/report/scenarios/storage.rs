//! The scenarios of the storage engine: syncs by size, partitions, recovery, compaction, and a backlog.
//!
//! Sizes are those of a report. `--smoke` runs the same scenarios at a part of them ([`smoke`]).

use walser_bench::{Arrivals, BatchShape, Mode, Workload};

use super::{BROKERS, Place, Scenario, Section, Shown, Work, end_to_end, load, produce, shown};
use crate::peers::Kind;

/// Only where Kafka would take too long or does not start under default limits.
const WALSER: &[Kind] = &[Kind::Walser];

const MILLISECONDS: f64 = 0.001;

/// Connections of the synced runs, each with a partition of its own and one request in flight.
pub(crate) const SYNCED_CONNECTIONS: [u32; 3] = [1, 4, 100];

/// Bytes of their batches, which are of records of 1 KB.
pub(crate) const SYNCED_SIZES: [(f64, &str); 4] =
    [(1e3, "1 KB"), (16e3, "16 KB"), (64e3, "64 KB"), (1e6, "1 MB")];

/// Their scenarios and titles: a row a size, a column a number of connections.
pub(crate) const SYNCED_CELLS: [[(&str, &str); 3]; 4] = [
    [
        ("synced-1k-1c", "1 KB, 1 connection"),
        ("synced-1k-4c", "1 KB, 4 connections"),
        ("synced-1k-100c", "1 KB, 100 connections"),
    ],
    [
        ("synced-16k-1c", "16 KB, 1 connection"),
        ("synced-16k-4c", "16 KB, 4 connections"),
        ("synced-16k-100c", "16 KB, 100 connections"),
    ],
    [
        ("synced-64k-1c", "64 KB, 1 connection"),
        ("synced-64k-4c", "64 KB, 4 connections"),
        ("synced-64k-100c", "64 KB, 100 connections"),
    ],
    [
        ("synced-1m-1c", "1 MB, 1 connection"),
        ("synced-1m-4c", "1 MB, 4 connections"),
        ("synced-1m-100c", "1 MB, 100 connections"),
    ],
];

/// The same with as many requests in flight on a connection as a Java producer has unless it is told otherwise.
const SYNCED_IN_FLIGHT: [(&str, &str); 2] = [
    ("synced-1k-100c-5", "1 KB, 100 connections, 5 in flight"),
    ("synced-16k-100c-5", "16 KB, 100 connections, 5 in flight"),
];

/// `max.in.flight.requests.per.connection`.
const IN_FLIGHT_BY_DEFAULT: u32 = 5;

/// Partition counts, and the scenario of each.
pub(crate) const PARTITION_COUNTS: [(u32, &str, &str); 5] = [
    (1, "1", "partitions-1"),
    (100, "100", "partitions-100"),
    (1_000, "1,000", "partitions-1k"),
    (10_000, "10,000", "partitions-10k"),
    (100_000, "100,000", "partitions-100k"),
];

const GIB: u64 = 1 << 30;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = synced();
    all.extend(partitions());
    all.extend(recovery());
    all.extend([compaction(), backlog()]);
    all
}

fn synced() -> Vec<Scenario> {
    const SHOWN: &[Shown] = &[
        shown("requests_per_second", "acknowledgements", "acks/s"),
        shown("mb_per_second", "throughput", "MB/s"),
        Shown { figure: "ack_p99_us", label: "p99", unit: "ms", scale: MILLISECONDS },
        Shown {
            figure: "device_share",
            label: "of the limit of files written over",
            unit: "%",
            scale: 100.0,
        },
        Shown {
            figure: "growing_share",
            label: "of the limit of files that grow",
            unit: "%",
            scale: 100.0,
        },
    ];
    let of = |name, title, workload| Scenario {
        place: Place::Disk,
        synced: true,
        programs: BROKERS,
        seconds_max: 1.5,
        beside_device: true,
        ..load(name, title, Section::SyncedSizes, workload, SHOWN)
    };
    let mut all = Vec::new();
    for (records, cells) in [1, 16, 64, 1000].into_iter().zip(SYNCED_CELLS) {
        for (connections, (name, title)) in SYNCED_CONNECTIONS.into_iter().zip(cells) {
            let workload =
                Workload { connections, partitions: connections, ..produce(records, 1000, 1) };
            all.push(of(name, title, workload));
        }
    }
    for (records, (name, title)) in [1, 16].into_iter().zip(SYNCED_IN_FLIGHT) {
        let workload = Workload {
            connections: 100,
            partitions: 100,
            ..produce(records, 1000, IN_FLIGHT_BY_DEFAULT)
        };
        all.push(of(name, title, workload));
    }
    all
}

fn partitions() -> Vec<Scenario> {
    const SHOWN: &[Shown] = &[
        shown("create_ms", "creation of one", "ms"),
        shown("rest_kb_per_partition", "memory of one at rest", "KB"),
        shown("rest_rss_mb", "resident, at rest", "MB"),
        shown("rest_descriptors", "file descriptors at rest", ""),
        Shown {
            figure: "rest_core_share",
            label: "CPU at rest",
            unit: "% of a core",
            scale: 100.0,
        },
        shown("mb_per_second", "produce over all of them", "MB/s"),
    ];
    PARTITION_COUNTS
        .iter()
        .map(|&(count, title, name)| {
            let load = Workload { partitions: count, ..produce(16, 1000, 5) };
            Scenario {
                work: Work::Partitions { count, load: load.clone() },
                place: Place::Disk,
                programs: if count > 10_000 { WALSER } else { BROKERS },
                seconds_max: 2.0,
                kafka_repeats_max: 1,
                ..super::load(name, title, Section::Partitions, load, SHOWN)
            }
        })
        .collect()
}

fn recovery() -> Vec<Scenario> {
    const SHOWN: &[Shown] = &[
        shown("killed_first_ack_ms", "kill -9 to an acknowledged produce", "ms"),
        shown("killed_all_ms", "kill -9 to an answer for every partition", "ms"),
        shown("stop_ms", "orderly stop", "ms"),
        shown("clean_first_ack_ms", "clean start to an acknowledged produce", "ms"),
        shown("clean_all_ms", "clean start to an answer for every partition", "ms"),
    ];
    let of = |name, title, bytes, programs| Scenario {
        work: Work::Recovery { partitions: 10_000, bytes },
        place: Place::Disk,
        programs,
        kafka_repeats_max: 1,
        ..load(name, title, Section::Recovery, produce(1, 1000, 1), SHOWN)
    };
    vec![
        of("recovery-10k", "10,000 partitions", 10_000 * 16_000, BROKERS),
        of("recovery-10gib", "10,000 partitions, 10 GiB", 10 * GIB, WALSER),
    ]
}

fn compaction() -> Scenario {
    const SHOWN: &[Shown] = &[
        shown("cleaned_mb_per_cpu_second", "cleaned by one core", "MB/s, more is better"),
        shown("cleaned_mb_per_second", "cleaned", "MB/s, more is better"),
        Shown {
            figure: "alone_p99_us",
            label: "produce p99, idle cleaner",
            unit: "ms",
            scale: MILLISECONDS,
        },
        Shown {
            figure: "beside_p99_us",
            label: "produce p99, cleaner at work",
            unit: "ms",
            scale: MILLISECONDS,
        },
        shown("beside_to_alone", "produce p99, at work to idle", "times"),
    ];
    let load = Workload {
        mode: Mode::Produce {
            arrivals: Arrivals::Constant { rate: 1_000.0 },
            partitions_per_request: 1,
        },
        ..produce(1, 1000, 1)
    };
    Scenario {
        work: Work::Compaction { bytes: 3 * GIB / 2, load: load.clone() },
        place: Place::Disk,
        programs: BROKERS,
        kafka_repeats_max: 1,
        ..super::load(
            "compaction",
            "1.5 GiB of 1 KB records, 200,000 keys",
            Section::Compaction,
            load,
            SHOWN,
        )
    }
}

fn backlog() -> Scenario {
    const SHOWN: &[Shown] = &[
        Shown {
            figure: "alone_p99_us",
            label: "end-to-end p99, tail alone",
            unit: "ms",
            scale: MILLISECONDS,
        },
        Shown {
            figure: "beside_p99_us",
            label: "end-to-end p99, beside the scan",
            unit: "ms",
            scale: MILLISECONDS,
        },
        shown("beside_to_alone", "p99, beside to alone", "times"),
        shown("scan_mb_per_second", "scan", "MB/s, more is better"),
        Shown {
            figure: "scan_disk_share",
            label: "of the scan from the disk",
            unit: "%",
            scale: 100.0,
        },
        Shown {
            figure: "synced_alone_p99_us",
            label: "end-to-end p99 when synced, tail alone",
            unit: "ms",
            scale: MILLISECONDS,
        },
        Shown {
            figure: "synced_beside_p99_us",
            label: "end-to-end p99 when synced, beside the scan",
            unit: "ms",
            scale: MILLISECONDS,
        },
        shown("synced_beside_to_alone", "p99 when synced, beside to alone", "times"),
    ];
    let load = Workload {
        batch: BatchShape { records: 1, value_bytes: 1000 },
        ..end_to_end(1_000.0, 1, 4)
    };
    Scenario {
        work: Work::Backlog { bytes: 8 * GIB, cache_bytes: 4 * GIB, load: load.clone() },
        place: Place::Disk,
        programs: BROKERS,
        kafka_repeats_max: 1,
        ..super::load(
            "backlog",
            "8 GiB read with 4 GiB of memory left",
            Section::Backlog,
            load,
            SHOWN,
        )
    }
}

/// The same scenario at a part of its size, to see that it runs: no figure of it counts.
pub(crate) fn smoke(mut scenario: Scenario, part: u32) -> Scenario {
    scenario.seconds_max = scenario.seconds_max.min(0.5);
    scenario.kafka_repeats_max = 1;
    match &mut scenario.work {
        Work::Partitions { count, load } => {
            *count = count.div_ceil(part);
            load.partitions = *count;
        }
        Work::Recovery { partitions, bytes } => {
            *partitions = partitions.div_ceil(part);
            *bytes /= u64::from(part);
        }
        Work::Compaction { bytes, .. } => *bytes /= u64::from(part),
        Work::Backlog { bytes, cache_bytes, .. } => {
            *bytes /= u64::from(part);
            // All that there is: a smoke run takes no memory from anybody.
            *cache_bytes = u64::MAX;
        }
        Work::Load { .. } | Work::Memory { .. } | Work::Start => {}
    }
    scenario
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoke_run_is_small_and_still_makes_sense() {
        for scenario in scenarios() {
            let small = smoke(scenario, 100);
            assert!(small.seconds_max <= 0.5, "{}", small.name);
            assert_eq!(
                small.repeats(Kind::Kafka, 3),
                u32::from(small.programs.contains(&Kind::Kafka))
            );
            match small.work {
                Work::Load { workload, .. } => workload.check().unwrap(),
                Work::Partitions { count, load } => {
                    assert!((1..=1000).contains(&count));
                    load.check().unwrap();
                }
                Work::Recovery { partitions, bytes } => {
                    assert!(partitions == 100 && bytes >= u64::from(partitions));
                }
                Work::Compaction { bytes, .. } | Work::Backlog { bytes, .. } => {
                    assert!(bytes < GIB);
                }
                Work::Memory { .. } | Work::Start => {}
            }
        }
    }
}
