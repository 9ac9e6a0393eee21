//! Batching, retries and idempotence against a scripted leader.

use std::collections::BTreeSet;

use records::{Batch, Timestamp};
use wire::{ApiKey, ErrorCode};

use super::*;
use crate::ClientOptions;
use crate::testing::{FakeBroker, Fault};

async fn producer(broker: &FakeBroker, options: ProducerOptions) -> Producer {
    let client = ClientOptions {
        request_timeout: Duration::from_millis(300),
        backoff_min: Duration::from_millis(1),
        ..ClientOptions::default()
    };
    let cluster = Cluster::connect(&broker.env, &broker.address, client).await.unwrap();
    Producer::new(&cluster, options)
}

async fn started() -> (FakeBroker, Producer) {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    let producer = producer(&broker, ProducerOptions::default()).await;
    (broker, producer)
}

/// The values in partition `partition` of `t`, in order.
fn values(broker: &FakeBroker, partition: usize) -> Vec<String> {
    let state = broker.state.lock();
    let mut values = Vec::new();
    for batch in records::batches(&state.topics["t"].partitions[partition].log) {
        let batch = batch.unwrap();
        let records = batch.uncompressed_records(1 << 20).unwrap();
        for record in batch.records(&records) {
            let value = record.unwrap().value.unwrap().to_vec();
            values.push(String::from_utf8(value).unwrap());
        }
    }
    values
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("value-{i}")).collect()
}

#[tokio::test]
async fn offsets_run_and_order_is_kept() {
    for cap in [i16::MAX, 9] {
        let broker = FakeBroker::start_with_versions_to(cap).await;
        broker.create_topic("t", 1);
        let options =
            ProducerOptions { batch_bytes: 500, codec: Codec::Zstd, ..Default::default() };
        let producer = producer(&broker, options).await;
        let mut deliveries = Vec::new();
        for value in numbered(300) {
            deliveries.push(producer.send(NewRecord::new("t", value)).await.unwrap());
        }
        producer.flush().await.unwrap();
        for (offset, delivery) in (0..).zip(deliveries) {
            let delivered = delivery.wait().await.unwrap();
            assert_eq!(delivered.offset, Some(Offset(offset)));
        }
        assert_eq!(values(&broker, 0), numbered(300));
        assert!(broker.count(ApiKey::Produce) > 1, "more than one batch");
        assert_eq!(broker.count(ApiKey::InitProducerId), 1);
    }
}

/// One record is sent while Produce meets `faults`; it must be there `times`, and the delivery
/// succeed if `ok`.
async fn check_fault(faults: &[Fault], times: usize, ok: bool) {
    let (broker, producer) = started().await;
    producer.send(NewRecord::new("t", "before")).await.unwrap().wait().await.unwrap();
    for fault in faults {
        broker.fail_next(ApiKey::Produce, *fault);
    }
    let result = producer.send(NewRecord::new("t", "x")).await.unwrap().wait().await;
    assert_eq!(result.is_ok(), ok, "{faults:?}: {result:?}");
    let found = values(&broker, 0).iter().filter(|value| *value == "x").count();
    assert_eq!(found, times, "{faults:?}");
    // Whatever happened, the next record goes through.
    producer.send(NewRecord::new("t", "after")).await.unwrap().wait().await.unwrap();
    assert_eq!(values(&broker, 0).last().unwrap(), "after", "{faults:?}");
}

#[tokio::test]
async fn retries_deliver_once() {
    check_fault(&[Fault::Refuse(ErrorCode::NotLeaderOrFollower)], 1, true).await;
    check_fault(&[Fault::LoseAnswer], 1, true).await;
    check_fault(&[Fault::LoseAnswer, Fault::Refuse(ErrorCode::NotEnoughReplicas)], 1, true).await;
    check_fault(&[Fault::Pretend(ErrorCode::NotEnoughReplicasAfterAppend)], 1, true).await;
    check_fault(&[Fault::Pretend(ErrorCode::RequestTimedOut)], 1, true).await;
    check_fault(&[Fault::Ignore], 1, true).await;
}

#[tokio::test]
async fn a_refusal_for_good_fails_and_the_lane_goes_on() {
    check_fault(&[Fault::Refuse(ErrorCode::MessageTooLarge)], 0, false).await;
    check_fault(&[Fault::Refuse(ErrorCode::TopicAuthorizationFailed)], 0, false).await;
    check_fault(&[Fault::Pretend(ErrorCode::UnknownServerError)], 1, false).await;
}

#[tokio::test]
async fn a_forgotten_producer_takes_a_new_id() {
    check_fault(&[Fault::Refuse(ErrorCode::UnknownProducerId)], 1, true).await;
    check_fault(&[Fault::Refuse(ErrorCode::OutOfOrderSequenceNumber)], 1, true).await;
    check_fault(&[Fault::Refuse(ErrorCode::InvalidProducerEpoch); 2], 0, false).await;
}

#[tokio::test]
async fn keys_choose_the_partition_and_records_without_spread() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 4);
    let options = ProducerOptions { batch_bytes: 300, ..Default::default() };
    let producer = producer(&broker, options).await;
    for key in ["a", "b", "21", "foobar"] {
        let record = NewRecord::new("t", key).with_key(key);
        let delivery = producer.send(record).await.unwrap();
        assert_eq!(delivery.partition(), crate::partition_for_key(key.as_bytes(), 4), "{key}");
    }
    let mut used = BTreeSet::new();
    for value in numbered(400) {
        used.insert(producer.send(NewRecord::new("t", value)).await.unwrap().partition());
    }
    assert_eq!(used.len(), 4, "records without a key reach all partitions");
    let record = NewRecord::new("t", "x").to_partition(9);
    let error = producer.send(record).await.unwrap_err();
    assert!(matches!(error, ClientError::UnknownPartition { partition: 9, count: 4, .. }));
    producer.close().await.unwrap();
}

#[tokio::test]
async fn everything_of_a_record_arrives() {
    let (broker, producer) = started().await;
    let headers = vec![RecordHeader { name: "h".into(), value: None }];
    let record = NewRecord {
        key: Some(Bytes::from_static(b"k")),
        value: None,
        timestamp: Some(Timestamp(123_456)),
        headers,
        ..NewRecord::new("t", "")
    };
    producer.send(record).await.unwrap().wait().await.unwrap();
    let log = broker.state.lock().topics["t"].partitions[0].log.clone();
    let batch = Batch::parse(&log).unwrap();
    let record = batch.records(batch.record_section()).next().unwrap().unwrap();
    assert_eq!((record.key, record.value), (Some(&b"k"[..]), None));
    assert_eq!(record.headers.collect::<Vec<_>>(), [(&b"h"[..], None)]);
    assert_eq!(record.timestamp(&batch.header), Timestamp(123_456));
}

#[tokio::test]
async fn memory_is_bounded_and_large_records_refused() {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 1);
    let options = ProducerOptions {
        buffer_bytes: 4000,
        record_bytes_max: 3000,
        linger: Duration::from_secs(3600),
        ..Default::default()
    };
    let producer = producer(&broker, options).await;
    let error = producer.send(NewRecord::new("t", vec![0; 3000])).await.unwrap_err();
    assert!(matches!(error, ClientError::RecordTooLarge { limit: 3000, .. }), "{error}");
    let _first = producer.send(NewRecord::new("t", vec![b'a'; 2500])).await.unwrap();
    let waiting = producer.send(NewRecord::new("t", vec![b'b'; 2500]));
    tokio::pin!(waiting);
    let soon = Duration::from_millis(30);
    assert!(env::clock::timeout(soon, &mut waiting).await.is_none(), "no room, must wait");
    producer.flush().await.unwrap();
    waiting.await.unwrap();
}

#[tokio::test]
async fn weaker_acknowledgements_need_no_producer_id() {
    for (acks, offset) in [(Acks::Leader, Some(Offset(0))), (Acks::None, None)] {
        let broker = FakeBroker::start().await;
        broker.create_topic("t", 1);
        let producer = producer(&broker, ProducerOptions { acks, ..Default::default() }).await;
        for expected in [offset, offset.map(Offset::next)] {
            let delivery = producer.send(NewRecord::new("t", "v")).await.unwrap();
            assert_eq!(delivery.wait().await.unwrap().offset, expected, "{acks:?}");
        }
        assert_eq!(broker.count(ApiKey::InitProducerId), 0, "{acks:?}");
        // The next answer on the connection is not taken for one to the records.
        producer.sender.cluster().topics().await.unwrap();
        assert_eq!(values(&broker, 0), ["v", "v"], "{acks:?}");
    }
}

#[tokio::test]
async fn dropping_a_producer_ends_what_is_under_way() {
    let (broker, producer) = started().await;
    broker.fail_next(ApiKey::Produce, Fault::Ignore);
    let delivery = producer.send(NewRecord::new("t", "v")).await.unwrap();
    drop(producer);
    assert!(matches!(delivery.wait().await, Err(ClientError::Closed)));
}
