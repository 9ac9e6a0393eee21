//! Positions, resets and long polls against a scripted node.

use records::{BatchBuilder, Codec, EndTxnMarker, ProducerEpoch, ProducerId};
use wire::ApiKey;
use wire::messages::fetch::AbortedTransaction;

use super::*;
use crate::ClientOptions;
use crate::testing::{FakeBroker, Fault};

const SOON: Duration = Duration::from_millis(20);

async fn cluster(broker: &FakeBroker) -> Cluster {
    let options = ClientOptions {
        request_timeout: Duration::from_millis(300),
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(10),
        ..ClientOptions::default()
    };
    Cluster::connect(&broker.env, &broker.address, options).await.unwrap()
}

/// `count` records `v<n>` at time `n`, five a batch, compressed with `codec`.
fn fill(broker: &FakeBroker, partition: usize, count: i64, codec: Codec) {
    for first in (0..count).step_by(5) {
        let mut batch = BatchBuilder::new(codec);
        for i in first..(first + 5).min(count) {
            let value = format!("v{i}");
            batch.push(Timestamp(i), Some(b"k"), Some(value.as_bytes()), &[("h", Some(b"1"))]);
        }
        broker.append("t", partition, &batch.build().unwrap());
    }
}

fn texts(records: &[ConsumedRecord]) -> Vec<String> {
    let text = |record: &ConsumedRecord| {
        let value = String::from_utf8_lossy(record.value.as_ref().unwrap()).into_owned();
        format!("{}:{}={value}", record.partition, record.offset)
    };
    records.iter().map(text).collect()
}

async fn read_all(consumer: &mut Consumer, count: usize) -> Vec<ConsumedRecord> {
    let mut all = Vec::new();
    for _ in 0..100 {
        all.extend(consumer.poll(SOON).await.unwrap());
        if all.len() >= count {
            return all;
        }
    }
    panic!("only {} of {count} records came", all.len());
}

#[tokio::test]
async fn every_codec_is_read_from_the_start() {
    for (cap, codec) in [i16::MAX, 12, 9].iter().flat_map(|cap| Codec::ALL.map(|c| (*cap, c))) {
        let broker = FakeBroker::start_with_versions_to(cap).await;
        broker.create_topic("t", 1);
        fill(&broker, 0, 12, codec);
        let mut consumer = Consumer::new(&cluster(&broker).await, ConsumerOptions::default());
        consumer.assign_topic("t", OffsetSpec::Earliest).await.unwrap();
        let records = read_all(&mut consumer, 12).await;
        let expected: Vec<_> = (0..12).map(|i| format!("0:{i}=v{i}")).collect();
        assert_eq!(texts(&records), expected, "{codec}, versions to {cap}");
        assert_eq!(records[7].key.as_deref(), Some(&b"k"[..]));
        assert_eq!(records[7].timestamp, Timestamp(7));
        assert_eq!(records[7].headers[0].name, "h");
        assert!(consumer.is_at_end());
    }
}

#[tokio::test]
async fn reading_begins_where_it_is_told() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    fill(&broker, 0, 20, Codec::Lz4);
    let cluster = cluster(&broker).await;
    for (from, first, count) in [
        (OffsetSpec::Exact(Offset(13)), "0:13=v13", 7),
        (OffsetSpec::At(Timestamp(6)), "0:5=v5", 15),
        (OffsetSpec::Earliest, "0:0=v0", 20),
    ] {
        let mut consumer = Consumer::new(&cluster, ConsumerOptions::default());
        consumer.assign([(TopicPartition::new("t", 0), from)]).await.unwrap();
        let records = read_all(&mut consumer, count).await;
        assert_eq!((texts(&records)[0].as_str(), records.len()), (first, count), "{from:?}");
    }
    for from in [OffsetSpec::Latest, OffsetSpec::At(Timestamp(99))] {
        let mut consumer = Consumer::new(&cluster, ConsumerOptions::default());
        consumer.assign_topic("t", from).await.unwrap();
        assert_eq!(consumer.poll(SOON).await.unwrap(), [], "{from:?}");
        assert!(consumer.is_at_end());
    }
}

#[tokio::test]
async fn a_partition_may_be_asked_about_twice() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 2);
    fill(&broker, 1, 20, Codec::None);
    let ask = |partition, spec| (TopicPartition::new("t", partition), spec);
    let wanted = [
        ask(1, OffsetSpec::Latest),
        ask(0, OffsetSpec::Latest),
        ask(1, OffsetSpec::Earliest),
        ask(1, OffsetSpec::At(Timestamp(99))),
        ask(1, OffsetSpec::Exact(Offset(4))),
    ];
    let cluster = cluster(&broker).await;
    let found = offsets::list_offsets(&cluster, Isolation::default(), &wanted).await.unwrap();
    let found: Vec<_> = found.iter().map(|listed| listed.offset.map(|offset| offset.0)).collect();
    assert_eq!(found, [Some(20), Some(0), Some(0), None, Some(4)]);
}

#[tokio::test]
async fn what_cannot_be_asked_now_has_its_error_and_is_not_asked_again() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 2);
    let cluster = cluster(&broker).await;
    let wanted = [0, 1].map(|id| (TopicPartition::new("t", id), OffsetSpec::Latest));
    let ask = || offsets::list_offsets_now(&cluster, Isolation::default(), &wanted);
    broker.fail_next(ApiKey::ListOffsets, Fault::Refuse(ErrorCode::KafkaStorageError));
    for answer in ask().await {
        assert_eq!(answer.unwrap_err().code(), Some(ErrorCode::KafkaStorageError));
    }
    assert_eq!(broker.count(ApiKey::ListOffsets), 1);
    assert!(ask().await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn batches_cut_off_by_a_limit_come_whole_later() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 2);
    fill(&broker, 0, 40, Codec::None);
    fill(&broker, 1, 40, Codec::None);
    let options = ConsumerOptions { partition_max_bytes: 350, ..Default::default() };
    let mut consumer = Consumer::new(&cluster(&broker).await, options);
    consumer.assign_topic("t", OffsetSpec::Earliest).await.unwrap();
    let mut records = texts(&read_all(&mut consumer, 80).await);
    records.sort_by_key(|text| (text.as_bytes()[0], text.len()));
    let expected = (0..2).flat_map(|p| (0..40).map(move |i| format!("{p}:{i}=v{i}")));
    assert_eq!(records, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn faults_that_pass_lose_and_repeat_nothing() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    fill(&broker, 0, 10, Codec::None);
    for code in [ErrorCode::NotLeaderOrFollower, ErrorCode::FencedLeaderEpoch] {
        broker.fail_next(ApiKey::Fetch, Fault::Refuse(code));
    }
    broker.fail_next(ApiKey::Fetch, Fault::LoseAnswer);
    let options = ConsumerOptions { partition_max_bytes: 200, ..Default::default() };
    let mut consumer = Consumer::new(&cluster(&broker).await, options);
    consumer.assign_topic("t", OffsetSpec::Earliest).await.unwrap();
    let records = read_all(&mut consumer, 10).await;
    assert_eq!(records.len(), 10);
    assert!(broker.count(ApiKey::Fetch) >= 4);
}

#[tokio::test]
async fn a_refusal_for_good_is_returned() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    let mut consumer = Consumer::new(&cluster(&broker).await, ConsumerOptions::default());
    consumer.assign_topic("t", OffsetSpec::Earliest).await.unwrap();
    broker.fail_next(ApiKey::Fetch, Fault::Refuse(ErrorCode::TopicAuthorizationFailed));
    let error = consumer.poll(SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TopicAuthorizationFailed));
    assert!(error.to_string().contains("t-0"), "{error}");
}

#[tokio::test]
async fn a_position_that_is_gone_follows_the_setting() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    fill(&broker, 0, 10, Codec::None);
    broker.state.lock().topics.get_mut("t").unwrap().partitions[0].start = Offset(5);
    let cluster = cluster(&broker).await;
    for (reset, count) in [(OffsetReset::Earliest, 5), (OffsetReset::Latest, 0)] {
        let mut consumer = Consumer::new(&cluster, ConsumerOptions { reset, ..Default::default() });
        consumer
            .assign([(TopicPartition::new("t", 0), OffsetSpec::Exact(Offset(2)))])
            .await
            .unwrap();
        let mut records = consumer.poll(SOON).await.unwrap();
        records.extend(consumer.poll(SOON).await.unwrap());
        assert_eq!(records.len(), count, "{reset:?}");
    }
    let options = ConsumerOptions { reset: OffsetReset::Fail, ..Default::default() };
    let mut consumer = Consumer::new(&cluster, options);
    consumer.assign([(TopicPartition::new("t", 0), OffsetSpec::Exact(Offset(99)))]).await.unwrap();
    let error = consumer.poll(SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
}

#[tokio::test]
async fn damage_is_reported_after_what_is_sound() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    fill(&broker, 0, 10, Codec::None);
    let len = {
        let mut state = broker.state.lock();
        let log = &mut state.topics.get_mut("t").unwrap().partitions[0].log;
        *log.last_mut().unwrap() ^= 1;
        log.len()
    };
    assert!(len > 0);
    let mut consumer = Consumer::new(&cluster(&broker).await, ConsumerOptions::default());
    consumer.assign_topic("t", OffsetSpec::Earliest).await.unwrap();
    assert_eq!(consumer.poll(SOON).await.unwrap().len(), 5, "the first batch is sound");
    let error = consumer.poll(SOON).await.unwrap_err();
    assert!(matches!(error, ClientError::DamagedRecords { offset: 5, .. }), "{error}");
}

#[tokio::test]
async fn aborted_transactions_are_left_out_if_asked() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    let batch = |id: i64, value: &str| {
        let mut batch =
            BatchBuilder::new(Codec::None).producer(ProducerId(id), ProducerEpoch(0), 0);
        batch = batch.transactional();
        batch.push(Timestamp(0), None, Some(value.as_bytes()), &[]);
        batch.build().unwrap()
    };
    let end = |id: i64, committed: bool| {
        let marker = EndTxnMarker { committed, coordinator_epoch: 0 };
        BatchBuilder::end_txn(marker, ProducerId(id), ProducerEpoch(0), Timestamp(0)).unwrap()
    };
    for bytes in [
        batch(1, "aborted"),
        batch(2, "committed"),
        end(1, false),
        batch(1, "later committed"),
        end(2, true),
        end(1, true),
    ] {
        broker.append("t", 0, &bytes);
    }
    broker.state.lock().topics.get_mut("t").unwrap().partitions[0].aborted =
        vec![AbortedTransaction { producer_id: 1, first_offset: 0 }];
    let cluster = cluster(&broker).await;
    for (isolation, expected) in [
        (Isolation::ReadUncommitted, vec!["0:0=aborted", "0:1=committed", "0:3=later committed"]),
        (Isolation::ReadCommitted, vec!["0:1=committed", "0:3=later committed"]),
    ] {
        let options = ConsumerOptions { isolation, ..Default::default() };
        let mut consumer = Consumer::new(&cluster, options);
        consumer.assign_topic("t", OffsetSpec::Earliest).await.unwrap();
        let records = read_all(&mut consumer, expected.len()).await;
        assert_eq!(texts(&records), expected, "{isolation:?}");
        assert!(consumer.is_at_end(), "markers at the end are passed over");
    }
}

#[tokio::test]
async fn a_paused_partition_is_left_out() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 2);
    fill(&broker, 0, 5, Codec::None);
    fill(&broker, 1, 5, Codec::None);
    let mut consumer = Consumer::new(&cluster(&broker).await, ConsumerOptions::default());
    consumer.assign_topic("t", OffsetSpec::Earliest).await.unwrap();
    let place = TopicPartition::new("t", 0);
    assert!(consumer.pause(&place, true));
    let records = read_all(&mut consumer, 5).await;
    assert!(records.iter().all(|record| record.partition == 1));
    consumer.pause(&place, false);
    assert_eq!(read_all(&mut consumer, 5).await[0].partition, 0);
}
