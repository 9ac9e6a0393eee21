//! The cleaner, seen from outside: how fast a log of keyed records shrinks, and what a producer beside it
//! notices.
//!
//! A topic is filled while it may not be compacted, and then its `cleanup.policy` is changed. The cleaner is
//! at work from then until its size, as the broker tells it, has stopped changing. Nothing else is asked of
//! the broker meanwhile, so that its CPU time is the cleaner's. A broker whose logs do not shrink has no
//! figure.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use records::{BatchBuilder, Codec, Timestamp};
use walser_bench::Workload;
use wire::Str;
use wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

use super::drive::{create, generate, settings};
use super::figures::Figures;
use super::{COMPILE_SECONDS, Session};
use crate::machine::{self, now, pause};
use crate::peers::{Kind, Peer};
use crate::storage::Storage;
use crate::talk::Talk;
use crate::usage::CpuClock;

/// The topics that are compacted: one alone, one beside a producer.
const ALONE: &str = "compacted-alone";
const BESIDE: &str = "compacted-beside";

/// Bytes of a segment. The last one is not compacted, and is not counted.
const SEGMENT_BYTES: u64 = 100 << 20;
/// When the whole log is smaller than a few segments, as in a smoke run.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// Records of 1 KB and their keys. A key is drawn at random, so that what survives is spread over the log
/// and every batch has to be looked into.
const BATCH_RECORDS: usize = 250;
const VALUE_BYTES: usize = 1_000;
const RECORDS_PER_KEY: u64 = 8;

/// How often the size is asked for, for how long it stands still at the end, and how long the first change
/// may take: Kafka's cleaner looks for work every 15 s, ours and its own are told to do so at once.
const LOOK: Duration = Duration::from_millis(20);
const STILL: Duration = Duration::from_secs(3);
const BEGINS_WITHIN: Duration = Duration::from_secs(45);
const ENDS_WITHIN: Duration = Duration::from_secs(180);

/// What the cleaner did between two moments.
#[derive(Clone, Copy, Debug)]
struct Cleaned {
    before: u64,
    after: u64,
    /// From the change of the policy to the last change of the size.
    took: Duration,
    /// The broker's, meanwhile.
    cpu_seconds: f64,
}

impl Session {
    /// A producer alone, a compaction alone, and both together.
    pub(super) fn compaction(
        &self,
        kind: Kind,
        storage: &Storage,
        bytes: u64,
        load: &Workload,
    ) -> Result<Figures> {
        let folder = storage.path().join("broker");
        let at_once = [("log.cleaner.backoff.ms".to_owned(), "100".to_owned())];
        let peer = Peer::start(&self.programs, kind, &folder, &at_once)?;
        if kind == Kind::Kafka {
            self.compile(&peer, false, load, 3.0 * COMPILE_SECONDS)?;
        }
        let segment_bytes = SEGMENT_BYTES.min(bytes / 15).max(SEGMENT_BYTES_MIN);
        for topic in [ALONE, BESIDE] {
            fill(&peer, topic, bytes, segment_bytes)?;
        }
        machine::sync_disk(storage.path())?;

        let mut figures = Figures::new();
        let mut put = |name: &str, value: f64| figures.insert(name.to_owned(), value);
        let cleaned = compact(&peer, ALONE, &AtomicBool::new(true))?;
        // All but the last segment was there to be cleaned.
        let mb = float(cleaned.before / segment_bytes * segment_bytes) / 1e6;
        put("cleaned_mb", mb);
        put("before_mb", float(cleaned.before) / 1e6);
        put("after_mb", float(cleaned.after) / 1e6);
        put("cleaned_mb_per_second", mb / cleaned.took.as_secs_f64());
        put("cleaned_mb_per_cpu_second", mb / cleaned.cpu_seconds);

        machine::sync_disk(storage.path())?;
        // With the broker's own default durability: what a cleaner takes from a producer is the disk.
        create(&peer, load.partitions, kind != Kind::Kafka)?;
        let load = Workload { seconds: self.options.seconds, warm_up_seconds: 0.5, ..load.clone() };
        let (alone, _) = generate(&load, &peer).context("produce alone")?;
        let produced = AtomicBool::new(false);
        let (beside, cleaned) = std::thread::scope(|scope| {
            let cleaning = scope.spawn(|| compact(&peer, BESIDE, &produced));
            let beside = generate(&load, &peer);
            produced.store(true, Ordering::Relaxed);
            let cleaned = cleaning.join().map_err(|_| anyhow!("watching the cleaner panicked"))?;
            Ok::<_, anyhow::Error>((beside.context("produce beside the cleaner")?.0, cleaned?))
        })?;
        put("alone_p50_us", alone.latency.p50_us);
        put("alone_p99_us", alone.latency.p99_us);
        put("beside_p50_us", beside.latency.p50_us);
        put("beside_p99_us", beside.latency.p99_us);
        put("beside_to_alone", beside.latency.p99_us / alone.latency.p99_us);
        put("beside_cleaned_mb_per_second", mb / cleaned.took.as_secs_f64());
        // Less than 1 says that the producer was alone again for a part of its run.
        let run = load.warm_up_seconds + load.seconds;
        put("cleaning_share_of_run", (cleaned.took.as_secs_f64() / run).min(1.0));
        peer.stop()?;
        Ok(figures)
    }
}

/// Lets the cleaner at a topic and watches it; gives up the waiting for its end only once `may_end`.
fn compact(peer: &Peer, topic: &str, may_end: &AtomicBool) -> Result<Cleaned> {
    let mut talk = Talk::connect(peer.address)?;
    let before = talk.topic_bytes(topic)?;
    let cpu = CpuClock::read(peer.pid())?;
    talk.set_topic(topic, "cleanup.policy", "compact")?;
    let began: Instant = now();
    let (mut bytes, mut last_change) = (before, None);
    loop {
        let size = talk.topic_bytes(topic)?;
        if size != bytes {
            bytes = size;
            let cpu_seconds = CpuClock::read(peer.pid())?.since(&cpu).seconds;
            last_change = Some((began.elapsed(), cpu_seconds));
        }
        match last_change {
            None if began.elapsed() > BEGINS_WITHIN => {
                bail!("nothing of {topic} was compacted within {BEGINS_WITHIN:?}")
            }
            Some((took, cpu_seconds))
                if began.elapsed() > took + STILL && may_end.load(Ordering::Relaxed) =>
            {
                return Ok(Cleaned { before, after: bytes, took, cpu_seconds });
            }
            Some(_) if began.elapsed() > ENDS_WITHIN => {
                bail!("{topic} is still being compacted after {ENDS_WITHIN:?}")
            }
            Some(_) | None => pause(LOOK),
        }
    }
}

/// Makes a topic of one partition and writes so many bytes of keyed records to it.
fn fill(peer: &Peer, topic: &str, bytes: u64, segment_bytes: u64) -> Result<()> {
    let mut talk = Talk::connect(peer.address)?;
    let segment = segment_bytes.to_string();
    let mut topic_settings = settings(peer.kind, false).to_vec();
    topic_settings.retain(|(key, _)| *key != "file.delete.delay.ms");
    topic_settings.extend([
        ("file.delete.delay.ms", "0"),
        ("segment.bytes", segment.as_str()),
        ("min.cleanable.dirty.ratio", "0.01"),
        // The records' timestamps are not of today.
        ("retention.ms", "-1"),
    ]);
    talk.create_topic(topic, 1, &topic_settings)?;
    let keys = bytes / (VALUE_BYTES as u64) / RECORDS_PER_KEY;
    let (mut sent, mut random) = (0, 0x9e37_79b9_7f4a_7c15);
    while sent < bytes {
        let batch = batch(keys.max(1), &mut random)?;
        let length = batch.len() as u64;
        if let Err(error) = talk.produce(&request(topic, batch)) {
            // Kafka answers a little before it leads the new partition.
            if sent > 0 || talk.topic_bytes(topic).is_ok_and(|bytes| bytes > 0) {
                return Err(error).context("while the topic was filled");
            }
            pause(Duration::from_millis(50));
            continue;
        }
        sent += length;
    }
    Ok(())
}

fn request(topic: &str, batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index: 0, records: Some(batch) };
    let topic = TopicProduceData {
        name: Str::from(topic),
        partition_data: vec![data],
        ..TopicProduceData::default()
    };
    ProduceRequest {
        acks: 1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..ProduceRequest::default()
    }
}

/// Records whose keys are drawn from `0..keys`.
fn batch(keys: u64, random: &mut u64) -> Result<Bytes> {
    let mut batch = BatchBuilder::new(Codec::None);
    let value = [b'v'; VALUE_BYTES];
    for _ in 0..BATCH_RECORDS {
        // xorshift64: the same keys in every run.
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let key = format!("key-{:012}", *random % keys);
        batch.push(Timestamp(1_700_000_000_000), Some(key.as_bytes()), Some(&value), &[]);
    }
    Ok(batch.build()?)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_and_few_enough_to_come_again() {
        let mut random = 1;
        let bytes = batch(10, &mut random).unwrap();
        let found = records::Batch::parse(&bytes).unwrap();
        found.check_crc().unwrap();
        assert_eq!(usize::try_from(found.header.record_count).unwrap(), BATCH_RECORDS);
        let text = String::from_utf8_lossy(&bytes);
        for key in 0..10 {
            assert!(text.matches(&format!("key-{key:012}")).count() > 1, "key {key}");
        }
        assert_ne!(batch(10, &mut random).unwrap(), bytes, "each batch has keys of its own");
    }
}
