//! What is taken over is there as it was; what cannot be is refused and changes nothing.

use std::collections::BTreeMap;

use env::sim::SimRandom;
use records::LeaderEpoch;
use uuid::Uuid;

use super::super::decide;
use crate::{AdoptedTopic, ConfigResource, Image, NodeId, Operation, Outcome, Refusal, TopicId};

const NODE: NodeId = NodeId(1);

fn run(image: &Image, operation: &Operation) -> (Image, Outcome) {
    let (records, outcome) = decide(image, operation, &SimRandom::new(1));
    (image.apply(&records).0, outcome)
}

fn cluster() -> Image {
    let register = Operation::RegisterBroker {
        node: NODE,
        incarnation: Uuid::from_u128(1),
        endpoints: Vec::new(),
        rack: None,
        fenced: false,
    };
    run(&Image::default(), &register).0
}

fn topic(name: &str, id: u128, epochs: &[i32]) -> AdoptedTopic {
    AdoptedTopic {
        id: TopicId(Uuid::from_u128(id)),
        name: name.to_owned(),
        leader_epochs: epochs.iter().copied().map(LeaderEpoch).collect(),
        configs: BTreeMap::from([("retention.ms".to_owned(), "5".to_owned())]),
        internal: false,
    }
}

fn adopt(image: &Image, topics: Vec<AdoptedTopic>) -> (Image, Vec<Result<(), Refusal>>) {
    let operation = Operation::AdoptTopics { node: NODE, topics, next_producer_id: 5000 };
    match run(image, &operation) {
        (image, Outcome::TopicsAdopted(answers)) => (image, answers),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_topic_keeps_its_id_its_epochs_and_its_settings() {
    let (image, answers) = adopt(&cluster(), vec![topic("orders", 7, &[4, 9])]);
    assert_eq!(answers, [Ok(())]);
    let orders = image.topic("orders").unwrap();
    assert_eq!(orders.id, TopicId(Uuid::from_u128(7)));
    let epochs: Vec<i32> = orders.partitions.iter().map(|found| found.leader_epoch.0).collect();
    assert_eq!(epochs, [4, 9]);
    assert!(orders.partitions.iter().all(|found| found.leader == Some(NODE)));
    let configs = image.config(&ConfigResource::Topic("orders".to_owned())).unwrap();
    assert_eq!(configs["retention.ms"], "5");

    let ids = Operation::AllocateProducerIds { node: NODE, count: 10 };
    match run(&image, &ids).1 {
        Outcome::ProducerIds(Ok(block)) => assert_eq!(block.first, 5000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_there_already_or_has_no_partitions_is_refused() {
    let (image, _) = adopt(&cluster(), vec![topic("orders", 7, &[0])]);
    let (after, answers) = adopt(
        &image,
        vec![
            topic("orders", 8, &[0]),
            topic("others", 7, &[0]),
            topic("none", 9, &[]),
            topic("bad/name", 10, &[0]),
            topic("fine", 11, &[0]),
        ],
    );
    assert!(matches!(
        answers.as_slice(),
        [
            Err(Refusal::TopicExists { .. }),
            Err(Refusal::TopicExists { .. }),
            Err(Refusal::InvalidPartitions { .. }),
            Err(Refusal::InvalidTopicName { .. }),
            Ok(()),
        ]
    ));
    assert_eq!(after.topics().count(), 2);
    let operation = Operation::AdoptTopics {
        node: NodeId(9),
        topics: vec![topic("elsewhere", 12, &[0])],
        next_producer_id: 0,
    };
    let (_, outcome) = run(&image, &operation);
    let unknown = Refusal::UnknownBroker { node: NodeId(9) };
    assert_eq!(outcome, Outcome::TopicsAdopted(vec![Err(unknown)]));
}
