//! A node with a damaged partition: it is found, nobody is served what is damaged, and the rest goes on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker::append::{Acks, acknowledged, append};
use broker::config::{BrokerConfig, Settings, Source};
use broker::error::ReadRefusal;
use broker::{Broker, CreateTopic, Partition, TopicRef};
use env::sim::Sim;
use records::{BatchBuilder, Codec, Offset, Timestamp};
use walser_broker as broker;

const SEGMENT: &str = "/data/t-0/00000000000000000000.log";
const INTERVAL: Duration = Duration::from_secs(3600);

async fn start(sim: &Sim) -> Arc<Broker> {
    let mut settings = Settings::new();
    settings.set("log.dirs", "/data", Source::Default).expect("a folder");
    let interval = INTERVAL.as_millis().to_string();
    settings.set("log.scrub.interval.ms", &interval, Source::Default).expect("an interval");
    let config = BrokerConfig::from_settings(settings).expect("settings that go together");
    Broker::start(sim.env(), config, Vec::new()).await.expect("the node starts")
}

/// A node with a topic of four records, one a batch, and where the third begins in its file.
async fn filled(sim: &Sim) -> (Arc<Broker>, Arc<Partition>, u64) {
    let broker = start(sim).await;
    let topic = CreateTopic { name: "t".to_owned(), partitions: Some(1), ..CreateTopic::default() };
    let answers = broker.create_topics(vec![topic], false).await;
    assert!(matches!(answers.as_slice(), [Ok(_)]), "{answers:?}");
    let partition = partition(&broker);
    for _ in 0..4 {
        write(&broker, sim, &partition).await;
    }
    // Into the file, which is what gets damaged.
    partition.log().expect("it opens").sync().expect("the disk is sound");
    let slice = broker::read::read(&partition, Offset(2), 1, true, broker::Wait::ForDisk)
        .expect("readable")
        .slice;
    let third = slice.regions.first().expect("a batch").position;
    (broker, partition, third)
}

fn partition(broker: &Broker) -> Arc<Partition> {
    let topic = broker.topic(TopicRef::Name("t")).expect("the topic is there");
    topic.partition(0).expect("the partition is there")
}

async fn write(broker: &Broker, sim: &Sim, partition: &Arc<Partition>) {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(Timestamp(sim.env().clock.wall_ms()), None, Some(b"value"), &[]);
    let batch = batch.build().expect("a batch").to_vec();
    let topic = broker.topic(TopicRef::Name("t")).expect("the topic is there");
    let appended = append(&topic, partition, &batch, Acks::All).expect("taken");
    acknowledged(partition, appended.acknowledged_at).await.expect("taken, so acknowledged");
}

/// Waits until the damage is known, and looks at what can be read then.
async fn found(broker: &Broker, sim: &Sim, partition: &Arc<Partition>) {
    let known = || partition.log().expect("it opens").damages();
    for _ in 0..3000 {
        if !known().is_empty() {
            break;
        }
        env::clock::sleep(Duration::from_millis(10)).await;
    }
    let ranges: Vec<_> = known().iter().map(|range| (range.first.0, range.end.0)).collect();
    assert_eq!(ranges, [(2, 3)]);
    let read =
        |from| broker::read::read(partition, Offset(from), 1 << 20, true, broker::Wait::ForDisk);
    assert_eq!(read(0).expect("readable").slice.next, Offset(2));
    assert!(matches!(read(2), Err(ReadRefusal::Damaged(_))));
    assert_eq!(read(3).expect("readable").slice.next, Offset(4));
    write(broker, sim, partition).await;
    assert_eq!(read(3).expect("readable").slice.next, Offset(5));
}

#[tokio::test]
async fn a_pass_finds_what_nobody_reads_also_in_a_partition_at_rest() {
    let sim = Sim::new(1);
    let (broker, _, third) = filled(&sim).await;
    broker.stop().await;
    assert!(sim.disk.flip_bit(Path::new(SEGMENT), third + 66, 1));
    let broker = start(&sim).await;
    let partition = partition(&broker);
    assert!(partition.open_log().is_none(), "nobody needed it yet");
    sim.clock.advance(INTERVAL);
    for _ in 0..3000 {
        if sim.env().disk.exists(Path::new("/data/t-0/quarantine")) {
            break;
        }
        env::clock::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..3000 {
        if partition.open_log().is_none() {
            break;
        }
        env::clock::sleep(Duration::from_millis(10)).await;
    }
    assert!(partition.open_log().is_none(), "it rests again");
    found(&broker, &sim, &partition).await;
    broker.stop().await;
}

#[tokio::test]
async fn what_a_reader_meets_is_refused_and_then_known() {
    let sim = Sim::new(1);
    let (broker, partition, third) = filled(&sim).await;
    assert!(sim.disk.flip_bit(Path::new(SEGMENT), third + 16, 1));
    // Where a read meets it before anybody else.
    let refused = broker::read::read(&partition, Offset(2), 1 << 20, true, broker::Wait::ForDisk);
    assert!(matches!(refused, Err(ReadRefusal::Damaged(_))), "{refused:?}");
    found(&broker, &sim, &partition).await;
    broker.stop().await;
}
