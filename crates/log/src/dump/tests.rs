//! Every kind of file as a person sees it, whole and damaged.

use std::path::Path;

use env::sim::Sim;
use records::{BatchBuilder, Codec, ProducerEpoch, ProducerId, Timestamp};
use uuid::Uuid;

use super::*;
use crate::{LogConfig, LogDir, Origin};

/// A folder with a few batches in two segments, closed in order.
fn folder() -> Sim {
    let sim = Sim::new(1);
    let env = sim.env();
    let dir = LogDir::open(&env, Path::new("/d"), 1).unwrap();
    let config = LogConfig { segment_bytes: 400, index_interval_bytes: 1, ..LogConfig::default() };
    let log = dir.open_log("t", 0, Uuid::from_u128(5), config).unwrap();
    for n in 0..6_i32 {
        let mut builder =
            BatchBuilder::new(Codec::None).producer(ProducerId(7), ProducerEpoch(1), n);
        builder.push(Timestamp(env.clock.wall_ms() + i64::from(n)), None, Some(b"value"), &[]);
        let bytes = builder.build().unwrap();
        log.append_as_leader(&bytes, LeaderEpoch(3), Origin::Client).unwrap();
    }
    dir.close().unwrap();
    // As a log with many epochs has one.
    let epochs = Path::new("/d/t-0/leader-epoch-checkpoint");
    env.disk.replace(epochs, b"0\n1\n3 0\n").unwrap();
    sim
}

fn dump(sim: &Sim, name: &str) -> Vec<String> {
    let path = Path::new("/d").join(name);
    open(&*sim.disk, &path).unwrap().map(|entry| entry.to_string()).collect()
}

#[test]
fn every_kind_of_file_is_shown() {
    let sim = folder();
    let batches = dump(&sim, "t-0/00000000000000000000.log");
    assert_eq!(batches.len(), 5, "{batches:?}");
    assert!(
        batches[4].starts_with("baseOffset: 4 lastOffset: 4 count: 1 position: 292 size: 73 "),
        "{}",
        batches[4]
    );
    assert!(batches.iter().all(|batch| batch.ends_with(" valid")), "{batches:?}");
    assert_eq!(
        dump(&sim, "t-0/00000000000000000000.index"),
        [
            "offset: 1 position: 73",
            "offset: 2 position: 146",
            "offset: 3 position: 219",
            "offset: 4 position: 292"
        ]
    );
    let times = dump(&sim, "t-0/00000000000000000000.timeindex");
    assert_eq!(times.len(), 4, "{times:?}");
    assert!(times[3].ends_with(" offset: 4"), "{times:?}");
    let producers = dump(&sim, "t-0/00000000000000000006.snapshot");
    assert!(producers[0].ends_with("batches: 1-1@1 2-2@2 3-3@3 4-4@4 5-5@5"), "{producers:?}");
    assert_eq!(dump(&sim, "t-0/leader-epoch-checkpoint"), ["epoch: 3 startOffset: 0"]);
    let known = dump(&sim, "catalogue");
    assert_eq!(known[0], "journal: from entry 1 on");
    assert_eq!(
        known[1].split_once(" logStart").unwrap().1,
        ": 0 recoveryPoint: 6 durableEnd: 6 at rest, segment: 5 size: 73 of 438 epochs: 3@0"
    );
    assert_eq!(dump(&sim, "t-0/partition.metadata")[0], "version: 0");
    assert!(open(&*sim.disk, Path::new("/d/.lock")).is_err());
}

#[test]
fn the_list_of_damaged_ranges_is_damage() {
    let sim = folder();
    let list = "0\n1\n5 73 146 6 7 12 the checksum is wrong\n";
    let list = format!("{list}crc32c {:08x}\n", records::crc::crc32c(list.as_bytes()));
    sim.env().disk.replace(Path::new("/d/t-0/quarantine"), list.as_bytes()).unwrap();
    assert_eq!(
        dump(&sim, "t-0/quarantine"),
        ["DAMAGED at position 73: file: 00000000000000000005.log endPosition: 146 firstOffset: 6 \
          endOffset: 7 foundMs: 12 damage: the checksum is wrong"]
    );
}

#[test]
fn damage_is_shown_with_its_place() {
    let sim = folder();
    let log = Path::new("/d/t-0/00000000000000000000.log");
    assert!(sim.disk.flip_bit(log, 73 + 70, 2));
    let batches: Vec<Entry> = open(&*sim.disk, log).unwrap().collect();
    let damaged: Vec<bool> = batches.iter().map(Entry::is_damage).collect();
    assert_eq!(damaged, [false, true, false, false, false]);
    assert!(sim.disk.flip_bit(log, 146 + 16, 5));
    let batches: Vec<String> = dump(&sim, "t-0/00000000000000000000.log");
    assert_eq!(batches.len(), 3, "{batches:?}");
    assert!(batches[2].starts_with("DAMAGED at position 146: "), "{batches:?}");
    for (file, byte) in [
        ("t-0/00000000000000000000.index", 10),
        ("t-0/00000000000000000006.snapshot", 20),
        ("t-0/leader-epoch-checkpoint", 3),
        ("catalogue", 30),
    ] {
        assert!(sim.disk.flip_bit(&Path::new("/d").join(file), byte, 7), "{file}");
        let path = Path::new("/d").join(file);
        let damaged = open(&*sim.disk, &path).unwrap().any(|entry| entry.is_damage());
        assert!(damaged, "{file}: {:?}", dump(&sim, file));
    }
}
