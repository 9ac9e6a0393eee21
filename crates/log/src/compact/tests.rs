//! Compaction of one log, rule by rule.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use env::disk::OpenMode;
use env::sim::{CrashLoss, Sim};
use records::{
    Batch, BatchBuilder, BatchHeader, Codec, EndTxnMarker, LeaderEpoch, Offset, ProducerEpoch,
    ProducerId, batches,
};

use super::{Compacted, CompactionConfig, CompactionError, FullSpeed, Pace};
use crate::testing::{Bench, TOPIC};
use crate::{AppendError, Cleanup, LogConfig, LogError, Origin};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 400,
        cleanup: Cleanup { delete: false, compact: true },
        ..LogConfig::default()
    }
}

/// A batch of one record for each pair; no value is a tombstone.
fn batch(bench: &Bench, codec: Codec, records: &[(&str, Option<&str>)]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(codec);
    for (key, value) in records {
        builder.push(bench.now(), Some(key.as_bytes()), value.map(str::as_bytes), &[]);
    }
    builder
}

fn put(bench: &Bench, records: &[(&str, Option<&str>)]) {
    bench.produce(&batch(bench, Codec::None, records).build().unwrap()).unwrap();
}

/// Ends the active segment, so that all before can be compacted.
fn seal(bench: &Bench) {
    let mut writer = bench.log.writer.lock();
    bench.log.roll(&mut writer, bench.log.log_end()).unwrap();
    drop(writer);
    bench.log.sync().unwrap();
}

fn compact(bench: &Bench) -> Option<Compacted> {
    let limit = bench.log.durable_end();
    bench.log.compact(limit, &CompactionConfig::default(), &FullSpeed).unwrap()
}

/// Offset, key and value of all records, as `offset key=value`.
fn shown(bench: &Bench) -> Vec<String> {
    let bytes = bench.bytes();
    let mut shown = Vec::new();
    for batch in batches(&bytes) {
        let batch: Batch<'_> = batch.unwrap();
        batch.check_crc().unwrap();
        let section = batch.uncompressed_records(1 << 20).unwrap();
        for record in batch.records(&section) {
            let record = record.unwrap();
            let offset = batch.header.base_offset.plus(i64::from(record.offset_delta));
            let text =
                |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"-")).into_owned();
            shown.push(match batch.header.attributes.is_control() {
                true => format!("{offset} marker"),
                false => format!("{offset} {}={}", text(record.key), text(record.value)),
            });
        }
    }
    shown
}

fn headers(bench: &Bench) -> Vec<BatchHeader> {
    let bytes = bench.bytes();
    batches(&bytes).map(|batch| batch.unwrap().header).collect()
}

#[test]
fn the_last_record_of_each_key_stays_at_its_offset() {
    let bench = Bench::new(config());
    put(&bench, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    put(&bench, &[("a", Some("2")), ("b", Some("2"))]);
    seal(&bench);
    put(&bench, &[("c", Some("active"))]);
    let done = compact(&bench).unwrap();
    assert_eq!((done.from, done.end, done.keys), (Offset(0), Offset(5), 3));
    assert_eq!(shown(&bench), ["2 c=1", "3 a=2", "4 b=2", "5 c=active"]);
    // The batch keeps the range it had.
    let first = headers(&bench)[0];
    assert_eq!(
        (first.base_offset, first.last_offset(), first.record_count),
        (Offset(0), Offset(2), 1)
    );
    assert_eq!(compact(&bench), None, "nothing is dirty any more");
}

#[test]
fn a_tombstone_stays_until_its_time_and_says_when_that_is() {
    let bench = Bench::new(config());
    put(&bench, &[("a", Some("1"))]);
    put(&bench, &[("a", None), ("b", Some("1"))]);
    let written = bench.now();
    seal(&bench);
    compact(&bench).unwrap();
    assert_eq!(shown(&bench), ["1 a=-", "2 b=1"]);
    let header = headers(&bench)[0];
    assert!(header.attributes.has_delete_horizon());
    assert_eq!(header.base_timestamp, bench.now().plus_ms(24 * 3_600_000));
    assert_eq!(header.max_timestamp, written);
    let found = bench.log.offset_for_time(written, Offset::MAX).unwrap().unwrap();
    assert_eq!((found.offset, found.timestamp), (Offset(1), written));

    // Before its time another run leaves it, after that it goes.
    for (wait, left) in [(DAY / 2, vec!["1 a=-", "2 b=1", "3 x=1"]), (DAY, vec!["2 b=1", "4 x=1"])]
    {
        bench.sim.clock.advance(wait);
        put(&bench, &[("x", Some("1"))]);
        seal(&bench);
        compact(&bench).unwrap();
        assert_eq!(shown(&bench), left);
    }
}

#[test]
fn a_compressed_batch_keeps_its_codec() {
    for codec in Codec::ALL {
        let bench = Bench::new(config());
        let records = [("a", Some("1")), ("b", Some("1")), ("a", Some("2"))];
        bench.produce(&batch(&bench, codec, &records).build().unwrap()).unwrap();
        seal(&bench);
        compact(&bench).unwrap();
        assert_eq!(shown(&bench), ["1 b=1", "2 a=2"], "{codec:?}");
        assert_eq!(headers(&bench)[0].codec(), codec);
    }
}

#[test]
fn the_last_batch_of_a_producer_stays_for_its_sequence() {
    let bench = Bench::new(config());
    let of = |sequence| {
        let builder = batch(&bench, Codec::None, &[("a", Some("producer"))]);
        builder.producer(ProducerId(7), ProducerEpoch(0), sequence).build().unwrap()
    };
    bench.produce(&of(0)).unwrap();
    bench.produce(&of(1)).unwrap();
    put(&bench, &[("a", Some("another"))]);
    seal(&bench);
    compact(&bench).unwrap();
    assert_eq!(shown(&bench), ["2 a=another"]);
    let left: Vec<_> = headers(&bench).iter().map(|h| (h.base_offset.0, h.record_count)).collect();
    assert_eq!(left, [(1, 0), (2, 1)]);
    assert_eq!(headers(&bench)[0].base_sequence, 1);

    // It is all that is left to tell after a crash that takes the snapshots.
    bench.dir.close().unwrap();
    let folder = bench.log.dir().to_owned();
    let Bench { sim, dir, log } = bench;
    drop((dir, log));
    let disk = sim.env().disk;
    for entry in disk.read_dir(&folder).unwrap() {
        if entry.name.ends_with(".snapshot") {
            disk.remove_file(&folder.join(entry.name)).unwrap();
        }
    }
    let bench = Bench::on(sim, config());
    let refused = bench.produce(
        &batch(&bench, Codec::None, &[("a", Some("x"))])
            .producer(ProducerId(7), ProducerEpoch(0), 5)
            .build()
            .unwrap(),
    );
    assert!(
        matches!(refused, Err(AppendError::OutOfOrderSequence { expected: 2, .. })),
        "{refused:?}"
    );
}

fn transactional(bench: &Bench, producer: i64, sequence: i32, records: &[(&str, Option<&str>)]) {
    let builder = batch(bench, Codec::None, records).transactional();
    let builder = builder.producer(ProducerId(producer), ProducerEpoch(0), sequence);
    bench.produce(&builder.build().unwrap()).unwrap();
}

fn end_transaction(bench: &Bench, producer: i64, committed: bool) {
    let marker = EndTxnMarker { committed, coordinator_epoch: 1 };
    let bytes =
        BatchBuilder::end_txn(marker, ProducerId(producer), ProducerEpoch(0), bench.now()).unwrap();
    bench.log.append_as_leader(&bytes, LeaderEpoch(0), Origin::Coordinator).unwrap();
}

#[test]
fn what_was_aborted_goes_and_its_marker_later() {
    let bench = Bench::new(config());
    put(&bench, &[("a", Some("1"))]);
    transactional(&bench, 1, 0, &[("a", Some("aborted"))]);
    transactional(&bench, 2, 0, &[("b", Some("committed"))]);
    end_transaction(&bench, 1, false);
    end_transaction(&bench, 2, true);
    transactional(&bench, 1, 1, &[("c", Some("committed"))]);
    end_transaction(&bench, 1, true);
    seal(&bench);
    compact(&bench).unwrap();
    // The marker stays as long as a batch of its transaction was there before it.
    let marked = ["0 a=1", "2 b=committed", "3 marker", "4 marker", "5 c=committed", "6 marker"];
    assert_eq!(shown(&bench), marked);

    // Now nothing is left of the aborted one: the run notes when its marker may go.
    let round = |expected: &[&str]| {
        put(&bench, &[("x", Some("1"))]);
        seal(&bench);
        compact(&bench).unwrap();
        let left: Vec<_> = shown(&bench).into_iter().filter(|r| !r.contains("x=")).collect();
        assert_eq!(left, expected);
    };
    round(&marked);
    bench.sim.clock.advance(DAY * 2);
    round(&["0 a=1", "2 b=committed", "4 marker", "5 c=committed", "6 marker"]);
}

#[test]
fn nothing_at_or_above_the_limit_is_touched() {
    let bench = Bench::new(LogConfig { segment_bytes: 100, ..config() });
    for n in 0..8 {
        put(&bench, &[("a", Some(&n.to_string()))]);
    }
    bench.log.sync().unwrap();
    assert_eq!(bench.log.segment_count(), 8);
    // Each segment holds one record; the one at 4 does not end below 4.
    bench.log.compact(Offset(4), &CompactionConfig::default(), &FullSpeed).unwrap().unwrap();
    assert_eq!(shown(&bench), ["3 a=3", "4 a=4", "5 a=5", "6 a=6", "7 a=7"]);

    bench.log.set_config(LogConfig {
        segment_bytes: 100,
        min_compaction_lag_ms: 60_000,
        ..config()
    });
    assert_eq!(compact(&bench), None, "all of it is too young");
    bench.sim.clock.advance(Duration::from_secs(61));
    transactional(&bench, 1, 0, &[("a", Some("open"))]);
    seal(&bench);
    put(&bench, &[("a", Some("behind the transaction"))]);
    seal(&bench);
    compact(&bench).unwrap();
    assert_eq!(shown(&bench), ["7 a=7", "8 a=open", "9 a=behind the transaction"]);
}

#[test]
fn a_transaction_whose_marker_may_still_be_cut_is_not_touched() {
    for committed in [false, true] {
        let bench = Bench::new(config());
        put(&bench, &[("a", Some("1"))]);
        seal(&bench);
        transactional(&bench, 1, 0, &[("a", Some("2")), ("b", Some("3"))]);
        seal(&bench);
        let limit = bench.log.log_end();
        end_transaction(&bench, 1, committed);
        seal(&bench);
        let all = ["0 a=1", "1 a=2", "2 b=3", "3 marker"];
        bench.log.compact(limit, &CompactionConfig::default(), &FullSpeed).unwrap();
        assert_eq!(shown(&bench), all, "a new leader may not have the marker and end it otherwise");
        compact(&bench).unwrap();
        let left: &[&str] = if committed { &all[1..] } else { &["0 a=1", "3 marker"] };
        assert_eq!(shown(&bench), left);
    }
}

#[test]
fn a_map_without_room_for_all_takes_several_runs() {
    let bench = Bench::new(LogConfig { segment_bytes: 1500, ..config() });
    for round in 0..3 {
        for n in 0..40 {
            put(&bench, &[(&format!("key-{n}"), Some(&format!("{round}")))]);
        }
    }
    seal(&bench);
    let small = CompactionConfig { map_bytes_max: 16 * 20, load_factor: 0.9 };
    let mut runs = 0;
    while bench.log.compact(bench.log.durable_end(), &small, &FullSpeed).unwrap().is_some() {
        runs += 1;
    }
    assert_eq!(bench.log.cleaned_end(), Some(Offset(120)));
    assert!(runs >= 6, "{runs} runs for 120 records, 18 keys at a time");
    let left = shown(&bench);
    assert_eq!(left.len(), 40, "{left:?}");
    assert!(left.iter().all(|record| record.ends_with("=2")), "{left:?}");
}

#[test]
fn small_segments_become_one() {
    let bench = Bench::new(LogConfig { segment_bytes: 100, ..config() });
    for n in 0..20 {
        put(&bench, &[("a", Some(&n.to_string()))]);
    }
    bench.log.set_config(LogConfig { segment_bytes: 10_000, ..config() });
    seal(&bench);
    assert_eq!(bench.log.segment_count(), 21);
    let done = compact(&bench).unwrap();
    assert_eq!((done.segments_before, done.segments_after), (20, 1));
    assert_eq!(bench.log.segment_count(), 2);
    assert_eq!(shown(&bench), ["19 a=19"]);
    // A reader at a place where nothing is left goes on with what follows.
    let slice = bench.log.read(Offset(3), Offset::MAX, 1000, true).unwrap();
    assert_eq!((slice.start, slice.next), (Offset(19), Offset(20)));
}

#[test]
fn a_reader_that_has_found_an_old_segment_reads_on() {
    let bench = Bench::new(config());
    for n in 0..20 {
        put(&bench, &[("a", Some(&n.to_string()))]);
    }
    seal(&bench);
    let before = bench.log.read(Offset(0), Offset::MAX, usize::MAX, true).unwrap();
    compact(&bench).unwrap();
    let bytes = before.load().unwrap();
    assert_eq!(batches(&bytes).count(), 20);
    assert_eq!(shown(&bench).len(), 1);
}

#[test]
fn damage_ends_the_run_and_changes_nothing() {
    let bench = Bench::new(config());
    for n in 0..20 {
        put(&bench, &[("a", Some(&n.to_string()))]);
    }
    seal(&bench);
    let count = bench.log.segment_count();
    let path = bench.log.segments.load()[1].path();
    // In a record, in the length, and in the base offset, which no checksum covers: one too high, one
    // that is lower than that before it.
    for (position, bit) in [(65, 0), (10, 0), (7, 7), (7, 2)] {
        assert!(bench.sim.disk.flip_bit(&path, position, bit));
        let result = bench.log.compact(Offset::MAX, &CompactionConfig::default(), &FullSpeed);
        let Err(CompactionError::Storage(LogError::Damaged { path: found, .. })) = result else {
            panic!("{position}: {result:?}");
        };
        assert_eq!(found, path);
        assert_eq!(bench.log.segment_count(), count);
        assert!(bench.sim.disk.flip_bit(&path, position, bit));
    }
    assert!(bench.log.fenced().is_none());
}

struct StopAfter(std::sync::atomic::AtomicU64);

impl Pace for StopAfter {
    fn spent(&self, _bytes: u64) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) > 1
    }
}

#[test]
fn a_run_that_is_stopped_leaves_no_files() {
    let bench = Bench::new(LogConfig { segment_bytes: 1 << 20, ..config() });
    let value = "v".repeat(300_000);
    for n in 0..12 {
        put(&bench, &[(if n % 2 == 0 { "a" } else { "b" }, Some(&value))]);
    }
    seal(&bench);
    for steps in 1..6 {
        let pace = StopAfter(steps.into());
        let result = bench.log.compact(Offset::MAX, &CompactionConfig::default(), &pace);
        assert!(matches!(result, Err(CompactionError::Stopped)), "{result:?}");
        let names = bench.sim.env().disk.read_dir(bench.log.dir()).unwrap();
        assert!(!names.iter().any(|entry| entry.name.contains("cleaned")), "{names:?}");
    }
    compact(&bench).unwrap();
    assert_eq!(shown(&bench).len(), 2);
}

#[test]
fn a_full_disk_fences_nothing() {
    let bench = Bench::new(config());
    for n in 0..20 {
        put(&bench, &[("a", Some(&n.to_string())), ("b", Some("x"))]);
    }
    seal(&bench);
    bench.sim.disk.limit_space(0);
    let result = bench.log.compact(Offset::MAX, &CompactionConfig::default(), &FullSpeed);
    assert!(matches!(result, Err(CompactionError::Storage(LogError::Io { .. }))), "{result:?}");
    assert!(bench.log.fenced().is_none());
    bench.sim.disk.limit_space(1 << 20);
    compact(&bench).unwrap();
    assert_eq!(shown(&bench).len(), 2);
}

#[test]
fn a_cut_where_nothing_is_left_ends_behind_what_is() {
    let bench = Bench::new(config());
    put(&bench, &[("a", Some("1"))]);
    put(&bench, &[("b", Some("1"))]);
    put(&bench, &[("b", Some("2"))]);
    put(&bench, &[("c", Some("1"))]);
    seal(&bench);
    compact(&bench).unwrap();
    assert_eq!(shown(&bench), ["0 a=1", "2 b=2", "3 c=1"]);
    bench.log.truncate_to(Offset(1)).unwrap();
    assert_eq!(bench.log.log_end(), Offset(1));
    assert_eq!(bench.log.cleaned_end(), Some(Offset(1)));
    bench.dir.close().unwrap();
    let Bench { sim, dir, log } = bench;
    drop((dir, log));
    let bench = Bench::on(sim, config());
    assert_eq!((shown(&bench), bench.log.log_end()), (vec!["0 a=1".to_owned()], Offset(1)));
}

#[test]
fn a_header_without_records_does_not_hold_retention_up() {
    let both = Cleanup { delete: true, compact: true };
    let config =
        LogConfig { cleanup: both, retention_ms: Some(60_000), segment_bytes: 100, ..config() };
    let bench = Bench::new(config);
    put(&bench, &[("a", Some("1"))]);
    put(&bench, &[("a", Some("2"))]);
    seal(&bench);
    compact(&bench).unwrap();
    assert_eq!(headers(&bench)[0].record_count, 0);
    bench.sim.clock.advance(Duration::from_secs(120));
    bench.log.apply_retention().unwrap();
    assert_eq!(bench.log.log_start(), Offset(2));
}

#[test]
fn what_is_unfinished_is_removed_and_what_was_decided_is_finished() {
    let bench = Bench::on(Sim::new(3), config());
    for n in 0..6 {
        put(&bench, &[("a", Some(&n.to_string()))]);
    }
    seal(&bench);
    bench.dir.checkpoint().unwrap();
    let path = bench.log.segments.load()[0].path();
    let disk: std::sync::Arc<dyn env::Disk> = bench.sim.disk.clone();
    let old = disk.read(&path, 1 << 20).unwrap();
    for (name, content) in [
        ("00000000000000000000.log.cleaned", &b"half"[..]),
        ("00000000000000000000.index.cleaned", b""),
        ("00000000000000000000.log.swap", &old),
    ] {
        let file = disk.open(&bench.log.dir().join(name), OpenMode::Create).unwrap();
        file.write_all_at(&[std::io::IoSlice::new(content)], 0).unwrap();
        file.sync_data().unwrap();
    }
    disk.sync_dir(bench.log.dir()).unwrap();
    let Bench { sim, dir, log } = bench;
    drop((dir, log));
    sim.disk.crash(env::sim::CrashLoss::Everything);
    let bench = Bench::on(sim, config());
    assert_eq!(bench.log.topic_id(), TOPIC);
    assert_eq!(shown(&bench).len(), 6);
    let names = disk.read_dir(bench.log.dir()).unwrap();
    let left = names.iter().any(|e| e.name.ends_with(".swap") || e.name.ends_with(".cleaned"));
    assert!(!left, "{names:?}");
}

/// Has something done at the first step of a run.
struct AtFirst<F: Fn()>(F, std::sync::atomic::AtomicBool);

impl<F: Fn() + Send + Sync> Pace for AtFirst<F> {
    fn spent(&self, _bytes: u64) -> bool {
        if !self.1.swap(true, std::sync::atomic::Ordering::AcqRel) {
            (self.0)();
        }
        true
    }
}

/// It is the log that changed, and another run goes on with what is left.
#[test]
fn segments_that_retention_takes_from_a_run_do_not_make_a_log_uncleanable() {
    let config = LogConfig {
        segment_bytes: 800_000,
        cleanup: Cleanup { delete: true, compact: true },
        retention_ms: Some(60_000),
        ..config()
    };
    let delay = Duration::from_millis(config.file_delete_delay_ms);
    let bench = Bench::new(config);
    let value = "v".repeat(390_000);
    for n in 0..6 {
        put(&bench, &[(&n.to_string(), Some(&value)), ("all", Some("1"))]);
        seal(&bench);
    }
    let retention = || {
        bench.sim.clock.advance(Duration::from_secs(61));
        assert!(bench.log.apply_retention().unwrap().segments_deleted > 0);
        bench.sim.clock.advance(delay);
        assert!(bench.log.apply_retention().unwrap().files_removed > 0);
    };
    let limit = bench.log.durable_end();
    let pace = AtFirst(retention, std::sync::atomic::AtomicBool::new(false));
    let result = bench.log.compact(limit, &CompactionConfig::default(), &pace);
    assert!(matches!(result, Err(CompactionError::Changed)), "{result:?}");
}

/// Neither before the swap is decided nor after it.
#[test]
fn a_lack_of_descriptors_fences_nothing() {
    let mut unchanged = 0;
    for nth in 0..10 {
        let bench = Bench::new(config());
        for n in 0..8 {
            put(&bench, &[("a", Some(&n.to_string())), ("b", Some("x"))]);
        }
        seal(&bench);
        // The journal has its file.
        bench.log.persist_marks().unwrap();
        let (sim, first) = (bench.sim.clone(), bench.log.segments.load()[0].clone());
        match nth {
            0 => sim.disk.limit_handles(0),
            nth => {
                let limited = sim.clone();
                let limit = move |_: &Path| limited.disk.limit_handles(0);
                sim.disk.stall_sync(nth, Box::new(limit));
            }
        }
        let done = bench.log.compact(Offset::MAX, &CompactionConfig::default(), &FullSpeed);
        assert!(bench.log.fenced().is_none(), "at sync {nth}: {done:?}");
        sim.disk.stall_sync(u64::MAX, Box::new(|_| {}));
        sim.disk.limit_handles(1000);
        unchanged += usize::from(Arc::ptr_eq(&first, &bench.log.segments.load()[0]));
        if done.is_err() {
            compact(&bench).unwrap();
        }
        assert_eq!(shown(&bench).len(), 2, "at sync {nth}");
        drop(bench);
        sim.disk.crash(CrashLoss::Everything);
        assert_eq!(shown(&Bench::on(sim, config())).len(), 2, "at sync {nth}, after a crash");
    }
    assert_eq!(unchanged, 4, "only before the first swap is decided");
}
