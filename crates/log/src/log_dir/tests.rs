//! The folder of all partitions: identity, refusals, marks, deletion.

use std::io::IoSlice;

use env::sim::{CrashLoss, Sim};

use super::*;

const DATA: &str = "/data";

fn open(sim: &Sim) -> Result<LogDir, LogDirError> {
    LogDir::open(&sim.env(), Path::new(DATA), 1)
}

#[test]
fn an_empty_folder_becomes_ours_and_stays_so() {
    let sim = Sim::new(1);
    let first = open(&sim).unwrap().identity().clone();
    sim.disk.crash(CrashLoss::Everything);
    let again = open(&sim).unwrap();
    assert_eq!(*again.identity(), first);
    assert_eq!(again.cluster_id().len(), 22);
    assert!(!again.was_clean());
    drop(again);
    let other = LogDir::open(&sim.env(), Path::new(DATA), 2).unwrap_err();
    assert!(matches!(other, LogDirError::WrongNode { found: 1, expected: 2, .. }), "{other}");
    let other = LogDir::open_in_cluster(&sim.env(), Path::new(DATA), 1, Some("x")).unwrap_err();
    assert!(matches!(other, LogDirError::WrongCluster { .. }), "{other}");
}

#[test]
fn a_second_process_is_told_so() {
    let sim = Sim::new(1);
    let first = open(&sim).unwrap();
    let second = open(&sim).unwrap_err();
    assert!(matches!(second, LogDirError::Locked { .. }), "{second}");
    drop(first);
    open(&sim).unwrap();
}

#[test]
fn a_foreign_folder_is_refused_untouched() {
    for (file, content) in
        [("letters.txt", "dear"), ("meta.properties", "version=1\ncluster.id=abc\nnode.id=1\n")]
    {
        let sim = Sim::new(1);
        sim.disk.create_dir_all(Path::new(DATA)).unwrap();
        let path = Path::new(DATA).join(file);
        let written = sim.disk.open(&path, OpenMode::Create).unwrap();
        written.write_all_at(&[IoSlice::new(content.as_bytes())], 0).unwrap();
        let before = sim.disk.changes();
        let error = open(&sim).unwrap_err();
        match file {
            "letters.txt" => {
                assert!(error.to_string().ends_with("it holds letters.txt"), "{error}");
            }
            _ => assert!(matches!(error, LogDirError::ForeignKafka { .. }), "{error}"),
        }
        assert_eq!(sim.disk.changes(), before, "{file}");
        assert_eq!(sim.disk.read_dir(Path::new(DATA)).unwrap().len(), 1, "{file}");
    }
}

#[test]
fn an_unwritable_folder_is_named() {
    let sim = Sim::new(1);
    sim.disk.stop_at(1);
    let error = open(&sim).unwrap_err();
    assert!(matches!(error, LogDirError::Unwritable { .. }), "{error}");
}

#[test]
fn partitions_are_listed_measured_and_deleted() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let id = Uuid::from_u128(9);
    let log = dir.open_log("a-b", 2, id, LogConfig::default()).unwrap();
    dir.open_log("c", 0, id, LogConfig::default()).unwrap();
    let mut builder = records::BatchBuilder::new(records::Codec::None);
    builder.push(records::Timestamp(1), None, Some(b"v"), &[]);
    let bytes = builder.build().unwrap();
    log.append_as_leader(&bytes, records::LeaderEpoch(0), crate::Origin::Client).unwrap();
    let listed: Vec<_> = dir.partitions().unwrap();
    assert_eq!(
        listed[0],
        PartitionFolder { topic: "a-b".to_owned(), partition: 2, topic_id: Some(id) }
    );
    let sizes = dir.sizes().unwrap();
    assert_eq!(sizes.len(), 2);
    assert_eq!(sizes[0].bytes, bytes.len() as u64);
    dir.delete_log(&log).unwrap();
    assert!(dir.log("a-b", 2).is_none());
    assert!(matches!(log.sync(), Err(LogError::Closed)));
    assert_eq!(dir.partitions().unwrap().len(), 1);
    let again = dir.open_log("a-b", 2, Uuid::from_u128(10), LogConfig::default()).unwrap();
    assert_eq!(again.log_end(), Offset(0));
}

#[test]
fn a_damaged_checkpoint_is_not_taken_for_an_empty_one() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    dir.open_log("t", 0, Uuid::from_u128(9), LogConfig::default()).unwrap();
    dir.checkpoint().unwrap();
    drop(dir);
    assert!(sim.disk.flip_bit(&Path::new(DATA).join(RECOVERY_POINTS), 0, 3));
    let error = open(&sim).unwrap_err();
    assert!(matches!(error, LogDirError::Damaged { .. }), "{error}");
}

/// Whatever bytes the disk holds: an error or a log, never a panic, and never more memory than the
/// files are large.
#[test]
fn damaged_files_are_errors() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let id = Uuid::from_u128(9);
    let config = LogConfig { segment_bytes: 600, index_interval_bytes: 64, ..LogConfig::default() };
    let log = dir.open_log("t", 0, id, config.clone()).unwrap();
    for n in 0..20 {
        let mut builder = records::BatchBuilder::new(records::Codec::None).producer(
            records::ProducerId(1),
            records::ProducerEpoch(0),
            n,
        );
        builder.push(records::Timestamp(sim.env().clock.wall_ms()), None, Some(b"value"), &[]);
        let bytes = builder.build().unwrap();
        log.append_as_leader(&bytes, records::LeaderEpoch(n / 7), crate::Origin::Client).unwrap();
    }
    dir.checkpoint().unwrap();
    let unclean = sim.disk.duplicate();
    dir.close().unwrap();
    let clean = sim.disk.duplicate();
    let folder = Path::new(DATA).join("t-0");
    let (mut opened, mut refused) = (0, 0);
    for round in 0..3_000_u64 {
        let base = if round % 2 == 0 { &clean } else { &unclean };
        let sim = Sim { disk: Arc::new(base.duplicate()), ..Sim::new(round) };
        let env = sim.env();
        let names = env.disk.read_dir(&folder).unwrap();
        for _ in 0..=env.random.next_u64() % 3 {
            let which = usize::try_from(env.random.next_u64()).unwrap() % names.len();
            let file = folder.join(&names[which].name);
            let len = env.disk.open(&file, OpenMode::Read).unwrap().len().unwrap().max(1);
            let at = env.random.next_u64() % len;
            sim.disk.flip_bit(&file, at, u32::try_from(env.random.next_u64() % 8).unwrap());
            if let Ok(dump) = crate::dump::open(&*env.disk, &file) {
                assert!(dump.count() < 1_000);
            }
        }
        let Ok(dir) = open(&sim) else { continue };
        match dir.open_log("t", 0, id, config.clone()) {
            Ok(log) => {
                opened += 1;
                let _ = log.read(log.log_start(), log.log_end(), usize::MAX, true);
                let _ = log.read(Offset(11), log.log_end(), 100, true);
                let _ = log.offset_for_time(records::Timestamp(1), log.log_end());
                let _ = log.max_timestamp(log.log_end());
                let _ = log.apply_retention();
                let _ = log.truncate_to(Offset(9));
                let _ = log.close();
            }
            Err(_) => refused += 1,
        }
    }
    assert!(opened > 100 && refused > 100, "{opened} opened, {refused} refused");
}

#[test]
fn many_logs_are_all_closed_and_empty_ones_have_no_indexes() {
    let sim = Sim::new(1);
    let dir = open(&sim).unwrap();
    let count = 3 * i32::try_from(LOGS_PER_CLOSER).unwrap();
    let id = Uuid::from_u128(9);
    for partition in 0..count {
        let log = dir.open_log("t", partition, id, LogConfig::default()).unwrap();
        if partition % 2 == 0 {
            let mut builder = records::BatchBuilder::new(records::Codec::None);
            builder.push(records::Timestamp(1), None, Some(b"v"), &[]);
            let bytes = builder.build().unwrap();
            log.append_as_leader(&bytes, records::LeaderEpoch(0), crate::Origin::Client).unwrap();
        }
    }
    dir.close().unwrap();
    drop(dir);
    sim.disk.crash(CrashLoss::Everything);
    let dir = open(&sim).unwrap();
    assert!(dir.was_clean());
    for partition in 0..count {
        let folder = Path::new(DATA).join(format!("t-{partition}"));
        let files = sim.disk.read_dir(&folder).unwrap();
        let indexed = files.iter().any(|entry| entry.name.ends_with(".index"));
        let log = dir.open_log("t", partition, id, LogConfig::default()).unwrap();
        let records = i64::from(partition % 2 == 0);
        assert_eq!((log.log_end(), indexed), (Offset(records), records == 1), "{partition}");
    }
}
