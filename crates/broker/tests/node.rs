//! A whole node over a simulated machine: topics, appends, groups, restarts and crashes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::append::{Acks, Unacknowledged, acknowledged, append};
use broker::config::{BrokerConfig, Settings, Source};
use broker::groups::{
    CommitOffsets, CommitPartition, CommitTopic, FetchOffsets, GroupReply, GroupRequest,
    OFFSETS_TOPIC,
};
use broker::{
    AlterRequest, Broker, ConfigResource, CreateTopic, RequestedChange, RequestedEdit, TopicRef,
};
use env::Disk as _;
use env::sim::{CrashLoss, Sim};
use records::{BatchBuilder, Codec, LeaderEpoch, Offset, Timestamp};
use walser_broker as broker;

async fn start(sim: &Sim) -> Arc<Broker> {
    let mut settings = Settings::new();
    settings.set("log.dirs", "/data", Source::Default).expect("a folder");
    let config = BrokerConfig::from_settings(settings).expect("settings that go together");
    Broker::start(sim.env(), config, Vec::new()).await.expect("the node starts")
}

fn batch(sim: &Sim, values: &[&str]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Codec::None);
    let now = Timestamp(sim.env().clock.wall_ms());
    for value in values {
        batch.push(now, None, Some(value.as_bytes()), &[]);
    }
    batch.build().expect("a batch").to_vec()
}

async fn create(broker: &Broker, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let configs: BTreeMap<String, String> =
        configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let topic = CreateTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        configs,
        ..CreateTopic::default()
    };
    let answers = broker.create_topics(vec![topic], false).await;
    assert!(matches!(answers.as_slice(), [Ok(_)]), "{answers:?}");
}

async fn write(broker: &Broker, sim: &Sim, topic: &str, index: i32, values: &[&str]) -> Offset {
    let topic = broker.topic(TopicRef::Name(topic)).expect("the topic is there");
    let partition = topic.partition(index).expect("the partition is there");
    let appended =
        append(&topic, &partition, &batch(sim, values), Acks::All).expect("the append is taken");
    acknowledged(&partition, appended.acknowledged_at).await.expect("the append is acknowledged");
    appended.info.first
}

fn read(broker: &Broker, topic: &str, index: i32) -> Vec<String> {
    let topic = broker.topic(TopicRef::Name(topic)).expect("the topic is there");
    let partition = topic.partition(index).expect("the partition is there");
    let mut values = Vec::new();
    let mut at = partition.log().expect("it opens").log_start();
    loop {
        let fetched = broker::read::read(&partition, at, 1 << 20, true, broker::Wait::ForDisk)
            .expect("readable");
        if fetched.slice.is_empty() {
            return values;
        }
        let bytes = fetched.slice.load().expect("loadable");
        for batch in records::batches(&bytes) {
            let batch = batch.expect("a whole batch");
            at = batch.header.next_offset();
            let unpacked = batch.uncompressed_records(1 << 20).expect("unpacks");
            for record in batch.records(&unpacked) {
                let value = record.expect("a record").value.expect("a value");
                values.push(String::from_utf8_lossy(value).into_owned());
            }
        }
    }
}

fn commit(offset: i64) -> GroupRequest {
    GroupRequest::CommitOffsets(CommitOffsets {
        group_id: "readers".into(),
        member_id: String::new(),
        instance_id: None,
        generation: -1,
        retention_ms: None,
        knows_group_id_not_found: true,
        topics: vec![CommitTopic {
            topic: "orders".into(),
            topic_id: None,
            partitions: vec![CommitPartition {
                partition: 0,
                offset: Offset(offset),
                leader_epoch: LeaderEpoch(0),
                metadata: String::new(),
            }],
        }],
    })
}

async fn ask(broker: &Broker, request: GroupRequest) -> GroupReply {
    for _ in 0..10_000 {
        let reply = broker.groups().request(request.clone()).await;
        if !format!("{reply:?}").contains("CoordinatorLoadInProgress") {
            return reply;
        }
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    panic!("the groups are never loaded");
}

async fn committed(broker: &Broker) -> Option<i64> {
    let fetch = FetchOffsets { group_id: "readers".into(), topics: None };
    match ask(broker, GroupRequest::FetchOffsets(fetch)).await {
        GroupReply::FetchOffsets(Ok(topics)) => {
            topics.first()?.partitions.first()?.offset.as_ref().map(|found| found.offset.0)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_and_topics_survive_a_clean_restart() {
    let sim = Sim::new(1);
    let broker = start(&sim).await;
    create(&broker, "orders", 2, &[]).await;
    assert_eq!(write(&broker, &sim, "orders", 0, &["a", "b"]).await, Offset(0));
    assert_eq!(write(&broker, &sim, "orders", 0, &["c"]).await, Offset(2));
    let id = broker.topic(TopicRef::Name("orders")).expect("there").id;
    broker.stop().await;

    let broker = start(&sim).await;
    assert_eq!(broker.topic(TopicRef::Id(id)).expect("the same id").partition_count(), 2);
    assert_eq!(read(&broker, "orders", 0), ["a", "b", "c"]);
    assert_eq!(write(&broker, &sim, "orders", 0, &["d"]).await, Offset(3));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_pulled_plug() {
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let broker = start(&sim).await;
        create(&broker, "orders", 1, &[]).await;
        create(&broker, OFFSETS_TOPIC, 1, &[("cleanup.policy", "compact")]).await;
        write(&broker, &sim, "orders", 0, &["a", "b"]).await;
        ask(&broker, commit(2)).await;
        let loss = if seed == 0 { CrashLoss::Everything } else { CrashLoss::Random(seed) };
        sim.disk.crash(loss);
        drop(broker);

        let broker = start(&sim).await;
        assert_eq!(read(&broker, "orders", 0), ["a", "b"], "seed {seed}");
        assert_eq!(committed(&broker).await, Some(2), "seed {seed}");
        broker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_meets_a_partition_while_it_is_opened_sees_all_that_was_acknowledged() {
    let sim = Sim::new(12);
    let mut broker = start(&sim).await;
    create(&broker, "orders", 200, &[]).await;
    for index in 0..200 {
        write(&broker, &sim, "orders", index, &["a"]).await;
    }
    for _ in 0..10 {
        sim.disk.crash(CrashLoss::Nothing);
        drop(broker);
        broker = start(&sim).await;
        let topic = broker.topic(TopicRef::Name("orders")).expect("the topic is there");
        let ask = || {
            for index in 0..200 {
                let partition = topic.partition(index).expect("the partition is there");
                partition.log().expect("it opens");
                assert_eq!(partition.high_watermark(), Offset(1), "partition {index}");
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(ask);
            }
        });
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_read_from_a_compacted_log() {
    let sim = Sim::new(8);
    let broker = start(&sim).await;
    let settings = [("cleanup.policy", "compact"), ("segment.ms", "1")];
    create(&broker, OFFSETS_TOPIC, 1, &settings).await;
    for offset in 1..=20 {
        ask(&broker, commit(offset)).await;
        sim.clock.advance(Duration::from_secs(1));
    }
    let topic = broker.topic(TopicRef::Name(OFFSETS_TOPIC)).expect("there");
    let partition = topic.partition(0).expect("there");
    let log = partition.log().expect("it opens");
    // A cleaner of the broker may have been faster.
    let config = log::CompactionConfig::default();
    let done = log.compact(partition.high_watermark(), &config, &log::FullSpeed);
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(log.log_end(), Offset(20));
    assert!(log.size_bytes() < 700, "{} bytes are left of 20 commits", log.size_bytes());
    sim.disk.crash(CrashLoss::Everything);
    drop((topic, partition, broker));

    let broker = start(&sim).await;
    assert_eq!(committed(&broker).await, Some(20));
    ask(&broker, commit(21)).await;
    assert_eq!(committed(&broker).await, Some(21));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_topic_is_gone_and_its_name_is_free() {
    let sim = Sim::new(3);
    let broker = start(&sim).await;
    create(&broker, "orders", 1, &[]).await;
    write(&broker, &sim, "orders", 0, &["old"]).await;
    let id = broker.topic(TopicRef::Name("orders")).expect("there").id;
    let answers = broker.delete_topics(vec![id]).await;
    assert!(matches!(answers.as_slice(), [Ok(_)]), "{answers:?}");
    assert!(broker.topic(TopicRef::Name("orders")).is_err());

    create(&broker, "orders", 1, &[]).await;
    assert!(read(&broker, "orders", 0).is_empty(), "the new topic begins empty");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_left_over_from_a_deleted_topic_is_moved_aside() {
    let sim = Sim::new(6);
    let broker = start(&sim).await;
    create(&broker, "orders", 1, &[]).await;
    write(&broker, &sim, "orders", 0, &["old"]).await;
    let folder = std::path::Path::new("/data/orders-0");
    let kept = std::path::Path::new("/kept");
    sim.disk.rename(folder, kept).expect("the folder is taken away");
    let id = broker.topic(TopicRef::Name("orders")).expect("there").id;
    let _ = broker.delete_topics(vec![id]).await;
    broker.stop().await;
    // As a crash between the deletion in the metadata and that of the folder leaves it.
    sim.disk.rename(kept, folder).expect("and comes back");

    let broker = start(&sim).await;
    create(&broker, "orders", 1, &[]).await;
    assert!(read(&broker, "orders", 0).is_empty(), "the new topic begins empty");
    assert_eq!(write(&broker, &sim, "orders", 0, &["new"]).await, Offset(0));
    let names = sim.disk.read_dir(std::path::Path::new("/data")).expect("listed");
    assert!(names.iter().any(|entry| entry.name.ends_with("-stray")), "nothing was deleted");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relaxed_topic_is_acknowledged_at_once() {
    let sim = Sim::new(4);
    let broker = start(&sim).await;
    create(&broker, "clicks", 1, &[("durability", "relaxed")]).await;
    let topic = broker.topic(TopicRef::Name("clicks")).expect("there");
    let partition = topic.partition(0).expect("there");
    let appended =
        append(&topic, &partition, &batch(&sim, &["a"]), Acks::All).expect("the append is taken");
    assert_eq!(partition.high_watermark(), appended.acknowledged_at, "no wait for a sync");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producer_ids_are_never_given_out_twice() {
    let sim = Sim::new(5);
    let broker = start(&sim).await;
    let first = broker.next_producer_id().await.expect("an id");
    let second = broker.next_producer_id().await.expect("an id");
    assert_ne!(first, second);
    sim.disk.crash(CrashLoss::Everything);
    drop(broker);
    let broker = start(&sim).await;
    let third = broker.next_producer_id().await.expect("an id");
    assert!(third > second, "{third} was below {second}: a crash gave an id out again");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_come_back_after_their_log_refused_a_record() {
    let sim = Sim::new(7);
    let broker = start(&sim).await;
    create(&broker, OFFSETS_TOPIC, 1, &[("max.message.bytes", "100")]).await;
    let refused = ask(&broker, commit(1)).await;
    assert!(format!("{refused:?}").contains("CoordinatorNotAvailable"), "{refused:?}");

    let larger = AlterRequest {
        resource: ConfigResource::Topic(OFFSETS_TOPIC.to_owned()),
        change: RequestedChange::Incremental(vec![(
            "max.message.bytes".to_owned(),
            RequestedEdit::Set("1000000".to_owned()),
        )]),
    };
    let answers = broker.alter_configs(vec![larger], false).await;
    assert!(matches!(answers.as_slice(), [Ok(())]), "{answers:?}");
    ask(&broker, commit(2)).await;
    assert_eq!(committed(&broker).await, Some(2), "the shard was replayed and goes on");
    broker.stop().await;
}

/// A partition that nobody uses is closed: whoever waits at its end does not wake it, who writes does,
/// and then who waited is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_at_rest_wakes_when_it_is_written_to() {
    let sim = Sim::new(8);
    let broker = start(&sim).await;
    create(&broker, "orders", 3, &[]).await;
    let opened = || broker.log_dir().open_logs().len();
    assert_eq!(opened(), 0, "a partition that was never used is open");
    write(&broker, &sim, "orders", 1, &["a", "b"]).await;
    assert_eq!(opened(), 1);
    broker.log_dir().rest_unused();
    broker.log_dir().rest_unused();
    assert_eq!(opened(), 0);

    let topic = broker.topic(TopicRef::Name("orders")).expect("the topic is there");
    let partition = topic.partition(1).expect("the partition is there");
    let end = partition.high_watermark();
    assert_eq!((end, partition.size_bytes().expect("known") > 0), (Offset(2), true));
    let nothing = broker::read::read(&partition, end, 1 << 20, true, broker::Wait::ForDisk)
        .expect("the end is known");
    assert!(nothing.slice.is_empty());
    assert_eq!(opened(), 0, "looking at the end woke it");

    let waiting = [(partition.clone(), end)];
    let news = broker::read::news(&waiting);
    let (_, ()) = tokio::join!(write(&broker, &sim, "orders", 1, &["c"]), news);
    assert_eq!(read(&broker, "orders", 1), ["a", "b", "c"]);
    broker.stop().await;

    let broker = start(&sim).await;
    assert_eq!(broker.log_dir().open_logs().len(), 0, "a start opened what rests");
    assert_eq!(read(&broker, "orders", 1), ["a", "b", "c"]);
    assert_eq!(read(&broker, "orders", 0), Vec::<String>::new());
    broker.stop().await;
}

/// The cleaner looks only at what is open, and at what rests it looked before: not under other settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_at_rest_is_shown_to_the_cleaner_when_its_topic_becomes_compacted() {
    let sim = Sim::new(8);
    let broker = start(&sim).await;
    create(&broker, "orders", 2, &[]).await;
    write(&broker, &sim, "orders", 1, &["a", "b"]).await;
    broker.log_dir().rest_unused();
    broker.log_dir().rest_unused();
    assert_eq!(broker.log_dir().open_logs().len(), 0);

    let edit = RequestedEdit::Set("compact".to_owned());
    let compacted = AlterRequest {
        resource: ConfigResource::Topic("orders".to_owned()),
        change: RequestedChange::Incremental(vec![("cleanup.policy".to_owned(), edit)]),
    };
    let answers = broker.alter_configs(vec![compacted], false).await;
    assert!(matches!(answers.as_slice(), [Ok(())]), "{answers:?}");
    while broker.log_dir().open_logs().is_empty() {
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        broker.log_dir().open_logs().len(),
        1,
        "one that was never used has nothing to show"
    );
    broker.stop().await;
}

async fn set(broker: &Broker, topic: &str, key: &str, value: &str) {
    let edit = RequestedEdit::Set(value.to_owned());
    let request = AlterRequest {
        resource: ConfigResource::Topic(topic.to_owned()),
        change: RequestedChange::Incremental(vec![(key.to_owned(), edit)]),
    };
    let answers = broker.alter_configs(vec![request], false).await;
    assert!(matches!(answers.as_slice(), [Ok(())]), "{answers:?}");
}

/// What is in the page cache alone is not compacted, so a change of settings has it synced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relaxed_topic_that_becomes_compacted_need_not_wait_for_a_checkpoint() {
    let sim = Sim::new(8);
    let broker = start(&sim).await;
    create(&broker, "orders", 1, &[("durability", "relaxed")]).await;
    write(&broker, &sim, "orders", 0, &["a", "b"]).await;
    let topic = broker.topic(TopicRef::Name("orders")).expect("the topic is there");
    let log = topic.partition(0).expect("the partition is there").log().expect("it opens");
    assert_eq!(log.durable_end(), Offset(0));
    set(&broker, "orders", "cleanup.policy", "compact").await;
    while log.durable_end() < Offset(2) {
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    broker.stop().await;
}

/// Where there are thousands of topics, one that changes does not have all of them looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_settings_has_the_topic_retained_and_no_other() {
    let sim = Sim::new(8);
    let broker = start(&sim).await;
    let topics = ["first", "second", "third", "untouched"];
    for name in topics {
        create(&broker, name, 1, &[("retention.ms", "60000")]).await;
        write(&broker, &sim, name, 0, &["old"]).await;
    }
    sim.clock.advance(Duration::from_secs(3600));
    let log_start = |name| {
        let topic = broker.topic(TopicRef::Name(name)).expect("the topic is there");
        topic.partition(0).expect("the partition is there").log_start()
    };
    // A round ends before the next begins, so what comes first is over when the last is seen.
    for name in ["first", "second", "third"] {
        set(&broker, name, "retention.ms", "50000").await;
        while log_start(name) == Offset(0) {
            env::clock::sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(log_start("untouched"), Offset(0));
    broker.stop().await;
}

#[tokio::test]
async fn a_relaxed_topic_acknowledges_no_more_unsynced_records_than_flush_messages_allows() {
    let sim = Sim::new(21);
    let broker = start(&sim).await;
    create(&broker, "t", 1, &[("durability", "relaxed"), ("flush.messages", "3")]).await;
    write(&broker, &sim, "t", 0, &["on disk"]).await;
    let topic = broker.topic(TopicRef::Name("t")).expect("the topic is there");
    let partition = topic.partition(0).expect("the partition is there");
    partition.log().expect("it opens").sync().expect("synced");

    sim.disk.stall_syncs(true);
    let take =
        |value| append(&topic, &partition, &batch(&sim, &[value]), Acks::All).expect("taken");
    for value in ["one", "two"] {
        let appended = take(value);
        assert!(partition.high_watermark() >= appended.acknowledged_at, "{value} waits for a sync");
    }
    let third = take("three");
    let fourth = take("four");
    assert!(partition.high_watermark() < third.acknowledged_at, "three unsynced, acknowledged");
    sim.disk.stall_syncs(false);
    acknowledged(&partition, fourth.acknowledged_at).await.expect("acknowledged after the sync");
    assert!(partition.log().expect("it opens").durable_end() >= third.acknowledged_at);
    broker.stop().await;
}

#[tokio::test]
async fn a_relaxed_topic_is_synced_when_flush_ms_has_passed() {
    let sim = Sim::new(22);
    let broker = start(&sim).await;
    create(&broker, "t", 1, &[("durability", "relaxed")]).await;
    write(&broker, &sim, "t", 0, &["early"]).await;
    let topic = broker.topic(TopicRef::Name("t")).expect("the topic is there");
    let partition = topic.partition(0).expect("the partition is there");
    assert!(
        partition.log().expect("it opens").durable_end()
            < partition.log().expect("it opens").log_end(),
        "nobody asked for a sync"
    );

    let edit = RequestedEdit::Set("1000".to_owned());
    let request = AlterRequest {
        resource: ConfigResource::Topic("t".to_owned()),
        change: RequestedChange::Incremental(vec![("flush.ms".to_owned(), edit)]),
    };
    let answers = broker.alter_configs(vec![request], false).await;
    assert!(matches!(answers.as_slice(), [Ok(())]), "{answers:?}");
    for _ in 0..100_000 {
        if partition.log().expect("it opens").durable_end()
            == partition.log().expect("it opens").log_end()
        {
            broker.stop().await;
            return;
        }
        sim.clock.advance(Duration::from_millis(100));
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    panic!("never synced");
}

#[tokio::test]
async fn who_waits_for_a_partition_that_is_deleted_is_told_at_once() {
    let sim = Sim::new(23);
    let broker = start(&sim).await;
    create(&broker, "t", 1, &[]).await;
    let topic = broker.topic(TopicRef::Name("t")).expect("the topic is there");
    let partition = topic.partition(0).expect("the partition is there");
    sim.disk.stall_syncs(true);
    let appended = append(&topic, &partition, &batch(&sim, &["x"]), Acks::All).expect("taken");
    let waiting = tokio::spawn({
        let partition = partition.clone();
        async move { acknowledged(&partition, appended.acknowledged_at).await }
    });
    while partition.waiters().is_empty() {
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    partition.retire();
    // Longer than it takes; only who is not told waits for it.
    let told = env::clock::timeout(Duration::from_secs(20), waiting).await;
    let later = acknowledged(&partition, appended.acknowledged_at);
    let later = env::clock::timeout(Duration::from_secs(20), later).await;
    sim.disk.stall_syncs(false);
    let told = told.expect("told").expect("no panic");
    assert_eq!(told, Err(Unacknowledged::Deleted));
    assert_eq!(later, Some(Err(Unacknowledged::Deleted)));
    broker.stop().await;
}
