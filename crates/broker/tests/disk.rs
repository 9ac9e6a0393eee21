//! A node whose disk fails or fills up: what is refused, what goes on, and how it comes back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker::append::{Acks, acknowledged, append};
use broker::config::{BrokerConfig, Settings, Source};
use broker::groups::{CommitOffsets, CommitPartition, CommitTopic, GroupReply, GroupRequest};
use broker::{
    AppendError, AppendRefusal, Appended, Broker, CreateTopic, LogError, Partition, StartError,
    TopicRef,
};
use env::sim::{CrashLoss, Sim};
use records::{BatchBuilder, Codec, LeaderEpoch, Offset, Timestamp};
use walser_broker as broker;

const RESERVE: u64 = 2 << 20;

async fn start(sim: &Sim) -> Arc<Broker> {
    try_start(sim).await.expect("the node starts")
}

async fn try_start(sim: &Sim) -> Result<Arc<Broker>, StartError> {
    let mut settings = Settings::new();
    settings.set("log.dirs", "/data", Source::Default).expect("a folder");
    let reserve = RESERVE.to_string();
    settings.set("log.dir.reserve.bytes", &reserve, Source::Default).expect("a reserve");
    let config = BrokerConfig::from_settings(settings).expect("settings that go together");
    Broker::start(sim.env(), config, Vec::new()).await
}

async fn create(broker: &Broker, name: &str) {
    let configs = BTreeMap::from([("segment.bytes".to_owned(), "1048576".to_owned())]);
    let topic = CreateTopic {
        name: name.to_owned(),
        partitions: Some(1),
        configs,
        ..CreateTopic::default()
    };
    let answers = broker.create_topics(vec![topic], false).await;
    assert!(matches!(answers.as_slice(), [Ok(_)]), "{answers:?}");
}

fn partition(broker: &Broker, topic: &str) -> Arc<Partition> {
    let topic = broker.topic(TopicRef::Name(topic)).expect("the topic is there");
    topic.partition(0).expect("the partition is there")
}

fn try_append(
    broker: &Broker,
    sim: &Sim,
    topic: &str,
    value: &[u8],
) -> Result<Appended, AppendRefusal> {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(Timestamp(sim.env().clock.wall_ms()), None, Some(value), &[]);
    let batch = batch.build().expect("a batch").to_vec();
    let found = broker.topic(TopicRef::Name(topic)).expect("the topic is there");
    append(&found, &partition(broker, topic), &batch, Acks::All)
}

async fn write(
    broker: &Broker,
    sim: &Sim,
    topic: &str,
    value: &[u8],
) -> Result<Offset, AppendRefusal> {
    let appended = try_append(broker, sim, topic, value)?;
    let partition = partition(broker, topic);
    acknowledged(&partition, appended.acknowledged_at).await.expect("taken, so acknowledged");
    Ok(appended.info.first)
}

fn count(broker: &Broker, topic: &str) -> i64 {
    let partition = partition(broker, topic);
    let mut at = partition.log().expect("it opens").log_start();
    let mut records = 0;
    loop {
        let fetched = broker::read::read(&partition, at, 1 << 20, true, broker::Wait::ForDisk)
            .expect("readable");
        if fetched.slice.is_empty() {
            return records;
        }
        for batch in records::batches(&fetched.slice.load().expect("loadable")) {
            let batch = batch.expect("a whole batch");
            batch.check_crc().expect("undamaged");
            at = batch.header.next_offset();
            records += i64::from(batch.header.record_count);
        }
    }
}

async fn commit(broker: &Broker, offset: i64) {
    let request = GroupRequest::CommitOffsets(CommitOffsets {
        group_id: "readers".into(),
        member_id: String::new(),
        instance_id: None,
        generation: -1,
        retention_ms: None,
        knows_group_id_not_found: true,
        topics: vec![CommitTopic {
            topic: "kept".into(),
            topic_id: None,
            partitions: vec![CommitPartition {
                partition: 0,
                offset: Offset(offset),
                leader_epoch: LeaderEpoch(0),
                metadata: String::new(),
            }],
        }],
    });
    for _ in 0..10_000 {
        match broker.groups().request(request.clone()).await {
            loading if format!("{loading:?}").contains("CoordinatorLoadInProgress") => {}
            GroupReply::CommitOffsets(topics) => {
                let text = format!("{topics:?}");
                assert!(!text.contains("error: Some"), "{text}");
                return;
            }
            other => panic!("{other:?}"),
        }
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    panic!("the groups are never loaded");
}

fn is_full(refusal: &AppendRefusal) -> bool {
    matches!(refusal, AppendRefusal::Log(AppendError::Storage(LogError::Full { .. })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_producers_and_nothing_else_until_there_is_room() {
    let sim = Sim::new(31);
    let broker = start(&sim).await;
    create(&broker, "kept").await;
    create(&broker, "big").await;
    create(&broker, "__consumer_offsets").await;
    write(&broker, &sim, "kept", b"one").await.expect("there is room");
    commit(&broker, 1).await;
    sim.disk.limit_space(8 << 20);
    // A disk does not shrink between two measurements but here.
    broker.log_dir().measure_space();

    let value = vec![7; 60_000];
    let mut taken = 0;
    let refusal = loop {
        match write(&broker, &sim, "big", &value).await {
            Ok(_) => taken += 1,
            Err(refusal) => break refusal,
        }
        assert!(taken < 1000, "never refused");
    };
    assert!(is_full(&refusal), "{refusal}");
    assert!(taken > 10, "refused after {taken} of 60 KB where 6 MB were free");
    let left = broker.log_dir().space().expect("measured").available;
    assert!(left >= RESERVE / 2, "{left} bytes of the reserve are left");

    // All else goes on.
    assert_eq!(count(&broker, "big"), taken);
    commit(&broker, 2).await;
    create(&broker, "later").await;
    partition(&broker, "kept")
        .log()
        .expect("it opens")
        .advance_log_start(Offset(1))
        .expect("records are deleted");
    broker.log_dir().checkpoint().expect("a checkpoint");
    assert!(write(&broker, &sim, "kept", b"two").await.is_err_and(|refusal| is_full(&refusal)));

    // A restart changes nothing about it.
    broker.stop().await;
    let broker = start(&sim).await;
    assert_eq!(count(&broker, "big"), taken);
    assert!(write(&broker, &sim, "kept", &value).await.is_err_and(|refusal| is_full(&refusal)));

    // It ends by itself.
    let id = broker.topic(TopicRef::Name("big")).expect("there").id;
    let answers = broker.delete_topics(vec![id]).await;
    assert!(matches!(answers.as_slice(), [Ok(_)]), "{answers:?}");
    let mut waits = 0;
    while let Err(refusal) = write(&broker, &sim, "kept", b"two").await {
        assert!(is_full(&refusal), "{refusal}");
        waits += 1;
        assert!(waits < 6000, "refused for ever");
        env::clock::sleep(Duration::from_millis(10)).await;
    }
    commit(&broker, 3).await;
    assert_eq!(count(&broker, "kept"), 1);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_write_or_sync_reads_go_on_and_only_a_restart_helps() {
    for fault in ["write", "sync"] {
        let sim = Sim::new(32);
        let broker = start(&sim).await;
        create(&broker, "kept").await;
        create(&broker, "other").await;
        write(&broker, &sim, "kept", b"durable").await.expect("taken");
        write(&broker, &sim, "other", b"durable").await.expect("taken");
        match fault {
            "write" => sim.disk.fail_write(1),
            _ => sim.disk.fail_sync(1),
        }
        match try_append(&broker, &sim, "kept", b"lost") {
            Ok(appended) => {
                let kept = partition(&broker, "kept");
                let failed = acknowledged(&kept, appended.acknowledged_at).await;
                assert!(failed.is_err(), "{fault}: acknowledged what was not synced");
            }
            Err(refusal) => assert!(!is_full(&refusal), "{fault}: {refusal}"),
        }
        // The whole folder is fenced, with the reason in every refusal.
        for topic in ["kept", "other"] {
            let refusal = try_append(&broker, &sim, topic, b"more").expect_err("fenced");
            let text = refusal.to_string();
            assert!(text.contains("fenced") && text.contains("simulated I/O error"), "{text}");
            assert_eq!(count(&broker, topic), 1, "{fault}: what is durable is read");
        }
        broker.stop().await;
        sim.disk.crash(CrashLoss::Everything);

        let broker = start(&sim).await;
        for topic in ["kept", "other"] {
            assert_eq!(count(&broker, topic), 1, "{fault}: {topic}");
            write(&broker, &sim, topic, b"again").await.expect("a restart ends it");
        }
        broker.stop().await;
    }
}

/// Nobody asks for it: without it, damage to what was written last would look like a loss of power.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_last_is_proven_when_nothing_more_comes() {
    let sim = Sim::new(34);
    let broker = start(&sim).await;
    create(&broker, "kept").await;
    write(&broker, &sim, "kept", b"one").await.expect("there is room");
    // The write is one entry, at the begin of a page.
    let entries = || {
        let path = Path::new("/data/journal/0000.journal");
        let bytes = sim.env().disk.read(path, 1 << 30).expect("the journal");
        bytes.chunks(4096).filter(|page| page.starts_with(b"WJ\0\x01")).count()
    };
    for _ in 0..60_000 {
        if entries() == 2 {
            assert!(!broker.log_dir().is_proof_missing());
            broker.stop().await;
            return;
        }
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    panic!("{} entries, none proves the write", entries());
}

/// Else its tasks and its thread would go on for a while, over files that may be another's by then.
#[tokio::test]
async fn a_node_that_cannot_register_leaves_no_quorum_behind() {
    // Nobody else has had a turn on this one thread since the start failed.
    let metrics = tokio::runtime::Handle::current().metrics();
    let mut failed = 0;
    for nth in 1..200 {
        let sim = Sim::new(1);
        sim.disk.fail_sync(nth);
        match try_start(&sim).await {
            Ok(broker) => {
                broker.stop().await;
                assert!(failed > 0, "no start failed");
                return;
            }
            Err(error) => {
                failed += usize::from(sim.env().disk.exists(Path::new("/data/journal")));
                assert_eq!(metrics.num_alive_tasks(), 0, "at sync {nth}: {error}");
            }
        }
    }
    panic!("no start came to its end");
}
