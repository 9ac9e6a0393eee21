//! A node with several log directories: where partitions go, and what one that fails, is missing or is
//! put in the wrong place takes with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use broker::append::{Acks, acknowledged, append};
use broker::config::{BrokerConfig, Settings, Source};
use broker::error::PartitionError;
use broker::{
    AppendRefusal, Broker, CreateTopic, LogDir, Partition, ReplicaHealth, StartError, TopicRef,
};
use env::sim::{CrashLoss, Sim};
use log::{LogDirError, REPLACES_LOST};
use records::{BatchBuilder, Codec, Offset, Timestamp};
use walser_broker as broker;

const A: &str = "/disks/a";
const B: &str = "/disks/b";
const C: &str = "/disks/c";

fn config(settings: &[(&str, &str)]) -> BrokerConfig {
    let mut all = Settings::new();
    for (key, value) in settings {
        all.set(key, value, Source::Default).expect("a setting");
    }
    BrokerConfig::from_settings(all).expect("settings that go together")
}

async fn try_start(sim: &Sim, dirs: &[&str]) -> Result<Arc<Broker>, StartError> {
    let config = config(&[("log.dirs", &dirs.join(","))]);
    Broker::start(sim.env(), config, Vec::new()).await
}

async fn start(sim: &Sim, dirs: &[&str]) -> Arc<Broker> {
    try_start(sim, dirs).await.expect("the node starts")
}

async fn create(broker: &Broker, name: &str, partitions: i32) {
    let topic = CreateTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        configs: BTreeMap::new(),
        ..CreateTopic::default()
    };
    let answers = broker.create_topics(vec![topic], false).await;
    assert!(matches!(answers.as_slice(), [Ok(_)]), "{answers:?}");
}

fn partition(broker: &Broker, topic: &str, index: i32) -> Result<Arc<Partition>, PartitionError> {
    broker.topic(TopicRef::Name(topic))?.partition(index)
}

fn folder(broker: &Broker, topic: &str, index: i32) -> Option<String> {
    let partition = partition(broker, topic, index).ok()?;
    Some(partition.storage().dir.path().display().to_string())
}

async fn write(
    broker: &Broker,
    topic: &str,
    index: i32,
    value: &str,
) -> Result<Offset, Option<AppendRefusal>> {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(Timestamp(broker.env().clock.wall_ms()), None, Some(value.as_bytes()), &[]);
    let batch = batch.build().expect("a batch").to_vec();
    let found = broker.topic(TopicRef::Name(topic)).expect("the topic is there");
    let partition = found.partition(index).map_err(|_| None)?;
    let appended = append(&found, &partition, &batch, Acks::All).map_err(Some)?;
    acknowledged(&partition, appended.acknowledged_at).await.map_err(|_| None)?;
    Ok(appended.info.first)
}

fn count(broker: &Broker, topic: &str, index: i32) -> i64 {
    let partition = partition(broker, topic, index).expect("the partition is served");
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
            at = batch.header.next_offset();
            records += i64::from(batch.header.record_count);
        }
    }
}

fn health(broker: &Broker, topic: &str, index: i32) -> ReplicaHealth {
    let image = broker.image();
    broker.folders().health(image.topic(topic).expect("there"), index)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_partitions_go_where_there_are_fewest_and_stay_there() {
    let sim = Sim::new(51);
    let broker = start(&sim, &[A]).await;
    create(&broker, "old", 3).await;
    write(&broker, "old", 0, "one").await.expect("taken");
    broker.stop().await;

    // A folder that is added later takes what is new, until it has as many.
    let broker = start(&sim, &[A, B]).await;
    assert_eq!(folder(&broker, "old", 0).as_deref(), Some(A));
    create(&broker, "new", 5).await;
    let places = |broker: &Broker| -> Vec<Option<String>> {
        (0..5).map(|index| folder(broker, "new", index)).collect()
    };
    let placed = places(&broker);
    let in_b = placed.iter().filter(|folder| folder.as_deref() == Some(B)).count();
    assert_eq!(in_b, 4, "{placed:?}");
    for index in 0..5 {
        write(&broker, "new", index, "one").await.expect("taken");
    }
    // They are there after a stop and after a crash, and in whichever order the folders are named.
    broker.stop().await;
    let broker = start(&sim, &[A, B]).await;
    assert_eq!(places(&broker), placed);
    for index in 0..5 {
        write(&broker, "new", index, "two").await.expect("taken");
    }
    drop(broker);
    sim.disk.crash(CrashLoss::Everything);
    let config = config(&[("log.dirs", &[B, A].join(",")), ("metadata.log.dir", A)]);
    let broker = Broker::start(sim.env(), config, Vec::new()).await.expect("the node starts");
    assert_eq!(places(&broker), placed);
    for index in 0..5 {
        assert_eq!(count(&broker, "new", index), 2);
    }
    // A topic that is deleted leaves nothing in any of them.
    let id = broker.topic(TopicRef::Name("new")).expect("there").id;
    let answers = broker.delete_topics(vec![id]).await;
    assert!(matches!(answers.as_slice(), [Ok(_)]), "{answers:?}");
    for folder in [A, B] {
        for index in 0..5 {
            assert!(!sim.disk_has(&format!("{folder}/new-{index}")), "{folder} {index}");
        }
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_fails_does_not_take_the_others() {
    let sim = Sim::new(52);
    let broker = start(&sim, &[A, B]).await;
    create(&broker, "t", 2).await;
    let in_a = (0..2).find(|at| folder(&broker, "t", *at).as_deref() == Some(A)).expect("one");
    let in_b = 1 - in_a;
    for index in [in_a, in_b] {
        write(&broker, "t", index, "durable").await.expect("taken");
    }
    sim.disk.break_under(Path::new(B));
    assert!(write(&broker, "t", in_b, "lost").await.is_err(), "acknowledged on a broken disk");
    let again = write(&broker, "t", in_b, "lost").await.expect_err("fenced");
    assert!(again.expect("refused").to_string().contains("fenced"));
    assert_eq!(count(&broker, "t", in_b), 1, "what is durable is read");
    assert_eq!(health(&broker, "t", in_b), ReplicaHealth::Fenced);
    // The other one does not notice, checkpoints and new topics included.
    assert_eq!(health(&broker, "t", in_a), ReplicaHealth::Works);
    write(&broker, "t", in_a, "more").await.expect("taken");
    create(&broker, "later", 3).await;
    for index in 0..3 {
        assert_eq!(folder(&broker, "later", index).as_deref(), Some(A));
        write(&broker, "later", index, "one").await.expect("taken");
    }
    broker.stop().await;
    sim.disk.crash(CrashLoss::Everything);

    let broker = start(&sim, &[A, B]).await;
    assert_eq!((count(&broker, "t", in_a), count(&broker, "t", in_b)), (2, 1));
    write(&broker, "t", in_b, "again").await.expect("a restart ends it");
    broker.stop().await;
}

/// Nobody asked for it before its directory failed, so its log was at rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_rested_is_read_after_its_folder_failed() {
    let sim = Sim::new(57);
    let broker = start(&sim, &[A, B]).await;
    create(&broker, "t", 4).await;
    for index in 0..4 {
        write(&broker, "t", index, "durable").await.expect("taken");
    }
    broker.stop().await;
    let broker = start(&sim, &[A, B]).await;
    let in_b = (0..4).filter(|at| folder(&broker, "t", *at).as_deref() == Some(B));
    let [used, rested] = in_b.collect::<Vec<_>>()[..] else { panic!("not two in B") };
    sim.disk.break_under(Path::new(B));
    assert!(write(&broker, "t", used, "lost").await.is_err(), "acknowledged on a broken disk");
    assert_eq!(health(&broker, "t", rested), ReplicaHealth::Fenced);
    assert_eq!(count(&broker, "t", rested), 1, "what is durable is read");
    let refused = write(&broker, "t", rested, "lost").await.expect_err("fenced");
    assert!(refused.expect("refused").to_string().contains("fenced"));
    broker.stop().await;
}

/// What a partition had is never replaced by an empty one, whether it was written to or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_folder_is_offline_until_it_is_back() {
    let sim = Sim::new(53);
    let broker = start(&sim, &[A, B]).await;
    create(&broker, "t", 4).await;
    let of = |broker: &Broker, dir: &str| -> Vec<i32> {
        (0..4).filter(|index| folder(broker, "t", *index).as_deref() == Some(dir)).collect()
    };
    let (in_a, in_b) = (of(&broker, A), of(&broker, B));
    assert_eq!((in_a.len(), in_b.len()), (2, 2));
    write(&broker, "t", in_b[0], "kept").await.expect("taken");
    broker.stop().await;

    // The disk is not mounted: its place is empty, or not there at all, or not named any more.
    let away = Path::new("/away");
    sim.env().disk.rename(Path::new(B), away).expect("moved");
    for (case, dirs) in [("gone", &[A, B][..]), ("empty", &[A, B, C]), ("not named", &[A])] {
        if case == "empty" {
            sim.env().disk.create_dir_all(Path::new(B)).expect("made");
        }
        let broker = start(&sim, dirs).await;
        for index in &in_b {
            let refused = partition(&broker, "t", *index).expect_err("it is not there");
            assert_eq!(refused, PartitionError::Offline, "{case}");
            assert_eq!(health(&broker, "t", *index), ReplicaHealth::Offline, "{case}");
        }
        for index in &in_a {
            write(&broker, "t", *index, case).await.expect("taken");
        }
        let missing: Vec<_> = broker.folders().offline().iter().map(|it| it.path.clone()).collect();
        let expected = if case == "not named" { &[B, C][..] } else { &[B] };
        assert_eq!(missing, expected.iter().map(Path::new).collect::<Vec<_>>(), "{case}");
        let name = case.replace(' ', "-");
        create(&broker, &name, 2).await;
        for index in 0..2 {
            write(&broker, &name, index, case).await.expect("taken");
        }
        broker.stop().await;
        assert!(!sim.disk_has(&format!("{B}/meta.properties")), "{case}: made anew");
    }

    // Mounted elsewhere it is found by its id; a folder that came meanwhile is still there.
    sim.env().disk.rename(away, Path::new("/elsewhere")).expect("moved");
    let broker = start(&sim, &[A, "/elsewhere", C]).await;
    assert_eq!(broker.folders().offline(), []);
    assert_eq!(count(&broker, "t", in_b[0]), 1);
    for index in &in_a {
        assert_eq!(count(&broker, "t", *index), 3);
    }
    for name in ["gone", "empty", "not-named"] {
        assert_eq!((count(&broker, name, 0), count(&broker, name, 1)), (1, 1), "{name}");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_folder_is_replaced_when_somebody_says_so() {
    let sim = Sim::new(54);
    let broker = start(&sim, &[A, B]).await;
    create(&broker, "t", 2).await;
    let in_b = (0..2).find(|at| folder(&broker, "t", *at).as_deref() == Some(B)).expect("one");
    write(&broker, "t", in_b, "lost").await.expect("taken");
    broker.stop().await;
    let disk = sim.env().disk;
    disk.remove_dir_all(Path::new(B)).expect("removed");
    disk.create_dir_all(Path::new(B)).expect("made");
    let word = Path::new(B).join(REPLACES_LOST);
    disk.replace(&word, b"").expect("written");
    let broker = start(&sim, &[A, B]).await;
    assert_eq!(count(&broker, "t", in_b), 0);
    write(&broker, "t", in_b, "new").await.expect("taken");
    assert!(!disk.exists(&word), "it is said once");
    broker.stop().await;
    let broker = start(&sim, &[A, B]).await;
    assert_eq!(count(&broker, "t", in_b), 1);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_read_is_offline_and_a_wrong_one_is_refused() {
    let sim = Sim::new(55);
    let broker = start(&sim, &[A, B]).await;
    create(&broker, "t", 2).await;
    for index in 0..2 {
        write(&broker, "t", index, "one").await.expect("taken");
    }
    broker.stop().await;
    let other = LogDir::open(&sim.env(), Path::new("/other"), 1).expect("a folder");
    other.close().expect("closed");
    drop(other);

    // Another cluster's, the wrong order, a copy: nothing is changed.
    let before = sim.disk.changes();
    let wrong = try_start(&sim, &[A, B, "/other"]).await.expect_err("another cluster's");
    assert!(matches!(wrong, StartError::LogDir(LogDirError::WrongCluster { .. })), "{wrong}");
    let wrong = try_start(&sim, &[B, A]).await.expect_err("no metadata there");
    assert!(matches!(wrong, StartError::MetadataMissing { .. }), "{wrong}");
    let wrong = try_start(&sim, &[C, A]).await.expect_err("no metadata there");
    assert!(matches!(wrong, StartError::MetadataMissing { .. }), "{wrong}");
    assert_eq!(sim.disk.changes(), before);
    let disk = sim.env().disk;
    disk.create_dir_all(Path::new(C)).expect("made");
    let meta = Path::new("meta.properties");
    disk.copy(&Path::new(B).join(meta), &Path::new(C).join(meta)).expect("copied");
    let wrong = try_start(&sim, &[A, B, C]).await.expect_err("a copy");
    assert!(matches!(wrong, StartError::SameFolder { .. }), "{wrong}");

    // Damaged, but the others are not.
    assert!(sim.disk.flip_bit(&Path::new(B).join("catalogue"), 30, 3));
    let broker = start(&sim, &[A, B]).await;
    let [offline] = broker.folders().offline() else { panic!("one is damaged") };
    assert!(offline.reason.contains("damaged"), "{}", offline.reason);
    let offline = (0..2).filter(|index| partition(&broker, "t", *index).is_err()).count();
    assert_eq!(offline, 1);
    broker.stop().await;
}

trait Has {
    fn disk_has(&self, path: &str) -> bool;
}

impl Has for Sim {
    fn disk_has(&self, path: &str) -> bool {
        self.env().disk.exists(Path::new(path))
    }
}
