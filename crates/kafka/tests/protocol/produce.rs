//! Produce: what is answered when not all partitions of a request are acknowledged in time.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use broker::TopicRef;
use env::sim::SimDisk;
use records::Offset;
use wire::ErrorCode;
use wire::messages::produce::{PartitionProduceData, ProduceRequest};

use crate::node::{Node, PRODUCE_BY_NAME, batch, produce_request};

/// The next sync beneath `folder` lasts until the other end of `held` is dropped.
fn hold_sync_under(disk: &Arc<SimDisk>, folder: &'static str, held: Receiver<()>) {
    let again = disk.clone();
    let meanwhile = move |path: &Path| {
        if path.starts_with(folder) {
            let _ = held.recv();
        } else {
            hold_sync_under(&again, folder, held);
        }
    };
    disk.stall_sync(1, Box::new(meanwhile));
}

/// Else a producer without a sequence sends again what is stored, and it is there twice.
#[tokio::test]
async fn a_partition_that_is_done_is_not_answered_as_late_because_another_one_is() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    let (release, held) = channel();
    hold_sync_under(&node.sim.disk, "/data/t-1", held);
    let mut request = produce_request("t", 0, batch(&["small, so the journal carries it"]));
    // Too large for the journal: this one needs a sync of its segment.
    let large = batch(&[&"large".repeat(100_000)]);
    let large = PartitionProduceData { index: 1, records: Some(large) };
    request.topic_data[0].partition_data.push(large);
    let sent = client.send(PRODUCE_BY_NAME, &request).await;
    let topic = node.broker.topic(TopicRef::Name("t")).expect("the topic is there");
    let partition = |index| topic.partition(index).expect("the partition is there");
    let mut waits = 0;
    while partition(0).high_watermark() < Offset(1) {
        waits += 1;
        assert!(waits < 20_000, "the small batch is never acknowledged");
        env::clock::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(partition(1).high_watermark(), Offset(0));

    // From here on time is what the request waits for.
    tokio::time::pause();
    let answer = client.receive::<ProduceRequest>(PRODUCE_BY_NAME, sent).await;
    tokio::time::resume();
    let [small, large] = answer.responses[0].partition_responses.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!((small.error_code, small.base_offset), (0, 0));
    assert_eq!(large.error_code, ErrorCode::RequestTimedOut.number());
    assert_eq!(large.base_offset, -1);
    drop(release);
}
