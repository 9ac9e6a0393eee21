//! Decisions: what is refused and why, what is written, what is the outcome.

use env::sim::SimRandom;
use records::LeaderEpoch;
use uuid::Uuid;

use super::*;
use crate::{
    ConfigAlteration, ConfigChange, ConfigEdit, ConfigResource, CreatedTopic, Directory,
    FolderLoads, IsrChange, NewPartitions, NewTopic, PartitionImage, Placement, TopicId,
    TopicImage, check_topic_name,
};

/// A cluster that lives by deciding and replaying.
struct Cluster {
    image: Image,
    random: SimRandom,
}

impl Cluster {
    fn new(brokers: i32) -> Cluster {
        let mut cluster = Cluster { image: Image::default(), random: SimRandom::new(5) };
        for node in 1..=brokers {
            cluster.register(node, u128::try_from(node).unwrap(), false).unwrap();
        }
        cluster
    }

    fn run(&mut self, operation: &Operation) -> Outcome {
        let (records, outcome) = decide(&self.image, operation, &self.random);
        self.image = self.image.apply(&records).0;
        outcome
    }

    fn register(&mut self, node: i32, incarnation: u128, fenced: bool) -> Result<i64, Refusal> {
        match self.run(&Operation::RegisterBroker {
            node: NodeId(node),
            incarnation: Uuid::from_u128(incarnation),
            endpoints: vec![],
            rack: None,
            fenced,
        }) {
            Outcome::BrokerRegistered(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, topic: NewTopic) -> Result<CreatedTopic, Refusal> {
        let operation =
            Operation::CreateTopics { topics: vec![topic], folders: None, validate_only: false };
        match self.run(&operation) {
            Outcome::TopicsCreated(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn grow(&mut self, topic: NewPartitions) -> Result<(), Refusal> {
        let operation = Operation::CreatePartitions {
            topics: vec![topic],
            folders: None,
            validate_only: false,
        };
        match self.run(&operation) {
            Outcome::PartitionsCreated(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn alter(
        &mut self,
        resource: ConfigResource,
        change: ConfigChange,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        match self.run(&Operation::AlterConfigs {
            alterations: vec![ConfigAlteration { resource, change }],
            validate_only: false,
        }) {
            Outcome::ConfigsAltered(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn topic(&self, name: &str) -> &TopicImage {
        self.image.topic(name).unwrap()
    }
}

fn spread(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        placement: Placement::Spread { partitions, replication_factor },
        configs: BTreeMap::new(),
        internal: false,
    }
}

fn manual(name: &str, lists: &[(i32, &[i32])]) -> NewTopic {
    let nodes = |list: &[i32]| list.iter().map(|node| NodeId(*node)).collect();
    let lists = lists.iter().map(|(number, list)| (*number, nodes(list))).collect();
    NewTopic { placement: Placement::Manual(lists), ..spread(name, 0, 0) }
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_topic_is_created_with_all_it_has() {
    let mut cluster = Cluster::new(3);
    let topic = NewTopic { configs: strings(&[("a", "1")]), ..spread("t", 5, 2) };
    let created = cluster.create(topic).unwrap();
    assert_eq!((created.partitions, created.replication_factor), (5, 2));
    let topic = cluster.topic("t");
    assert_eq!(topic.id, created.id);
    for partition in &topic.partitions {
        assert_eq!(partition.leader, partition.replicas.first().copied());
        assert_eq!(partition.isr, partition.replicas);
        assert_eq!((partition.leader_epoch, partition.partition_epoch), (LeaderEpoch(0), 0));
    }
    let resource = ConfigResource::Topic("t".to_owned());
    assert_eq!(**cluster.image.config(&resource).unwrap(), strings(&[("a", "1")]));
}

#[test]
fn names_are_checked() {
    for good in ["a", "A-z_0.9", "...", "-", &"x".repeat(249)] {
        assert_eq!(check_topic_name(good), Ok(()), "{good:?}");
    }
    for bad in ["", ".", "..", "a b", "ä", "a/b", "a:b", "a\0", &"x".repeat(250)] {
        let refused = Cluster::new(1).create(spread(bad, 1, 1));
        assert!(matches!(refused, Err(Refusal::InvalidTopicName { .. })), "{bad:?}: {refused:?}");
    }
}

#[test]
fn names_that_differ_in_dots_collide() {
    let mut cluster = Cluster::new(1);
    cluster.create(spread("a.b_c", 1, 1)).unwrap();
    for name in ["a_b.c", "a.b.c", "a_b_c"] {
        let refused = cluster.create(spread(name, 1, 1)).unwrap_err();
        assert!(matches!(refused, Refusal::InvalidTopicName { .. }), "{refused:?}");
        assert!(refused.to_string().contains("collides with existing topic: a.b_c"), "{refused}");
    }
    cluster.create(spread("a.b_cd", 1, 1)).unwrap();
    cluster.create(spread("a-b-c", 1, 1)).unwrap();
    assert_eq!(
        cluster.create(spread("a.b_c", 1, 1)),
        Err(Refusal::TopicExists { name: "a.b_c".to_owned() })
    );
}

#[test]
fn counts_are_checked() {
    let mut cluster = Cluster::new(2);
    for partitions in [0, -1, -7] {
        let refused = cluster.create(spread("t", partitions, 1));
        assert!(matches!(refused, Err(Refusal::InvalidPartitions { .. })), "{refused:?}");
    }
    for factor in [0, -1, 3, i16::MAX] {
        let refused = cluster.create(spread("t", 1, factor));
        assert!(matches!(refused, Err(Refusal::InvalidReplicationFactor { .. })), "{refused:?}");
    }
    for partitions in [10_001, i32::MAX] {
        let refused = cluster.create(spread("t", partitions, 1));
        assert!(matches!(refused, Err(Refusal::PolicyViolation { .. })), "{refused:?}");
    }
    assert_eq!(cluster.image.topic_count(), 0);
    cluster.create(spread("t", 10_000, 1)).unwrap();
}

#[test]
fn one_operation_has_one_budget_of_partitions() {
    let topics = vec![spread("a", 9_999, 1), spread("b", 2, 1), spread("c", 1, 1)];
    let outcome = Cluster::new(1).run(&Operation::CreateTopics {
        topics,
        folders: None,
        validate_only: false,
    });
    let Outcome::TopicsCreated(results) = outcome else { panic!("{outcome:?}") };
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(matches!(results[1], Err(Refusal::PolicyViolation { .. })));
}

#[test]
fn assignments_are_checked() {
    let mut cluster = Cluster::new(3);
    cluster.register(4, 4, true).unwrap();
    type Lists<'a> = &'a [(i32, &'a [i32])];
    let cases: [(Lists<'_>, &str); 9] = [
        (&[], "no partitions"),
        (&[(1, &[1])], "consecutive"),
        (&[(0, &[1]), (2, &[1])], "consecutive"),
        (&[(-1, &[1]), (0, &[1])], "consecutive"),
        (&[(0, &[])], "empty replica list"),
        (&[(0, &[9])], "includes broker 9, but no such broker"),
        (&[(0, &[1, 2, 1])], "broker 1 more than once"),
        (&[(0, &[1, 2]), (1, &[1])], "not consistent"),
        (&[(0, &[4])], "fenced"),
    ];
    for (lists, part) in cases {
        let refused = cluster.create(manual("t", lists)).unwrap_err();
        assert!(matches!(refused, Refusal::InvalidReplicaAssignment { .. }), "{refused:?}");
        assert!(refused.to_string().contains(part), "{lists:?} gave {refused}");
    }
    cluster.create(manual("t", &[(0, &[3, 1]), (1, &[4, 2])])).unwrap();
    let topic = cluster.topic("t");
    let [first, second] = [0, 1].map(|number| topic.partition(number).unwrap());
    assert_eq!(first.leader, Some(NodeId(3)));
    assert_eq!((second.leader, &*second.isr), (Some(NodeId(2)), &[NodeId(2)][..]));
}

#[test]
fn items_are_decided_one_by_one() {
    let mut cluster = Cluster::new(1);
    let topics = ["a", "d", "b.c", "d", "b_c", "e"].map(|name| spread(name, 1, 1)).to_vec();
    let outcome =
        cluster.run(&Operation::CreateTopics { topics, folders: None, validate_only: false });
    let Outcome::TopicsCreated(results) = outcome else { panic!("{outcome:?}") };
    let good: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true, false, false, true]);
    assert!(matches!(results[1], Err(Refusal::InvalidRequest { .. })));
    assert!(matches!(results[3], Err(Refusal::InvalidRequest { .. })));
    assert!(matches!(results[4], Err(Refusal::InvalidTopicName { .. })));
    assert!(cluster.image.topic_names().eq(["a", "b.c", "e"]));
}

#[test]
fn a_validation_answers_and_writes_nothing() {
    let cluster = Cluster::new(1);
    let operation = Operation::CreateTopics {
        topics: vec![spread("t", 2, 1)],
        folders: None,
        validate_only: true,
    };
    let (records, outcome) = decide(&cluster.image, &operation, &cluster.random);
    assert_eq!(records, []);
    assert!(matches!(&outcome, Outcome::TopicsCreated(results) if results[0].is_ok()));
    assert!(operation.is_validation());
}

#[test]
fn a_deleted_topic_takes_its_configuration_along() {
    let mut cluster = Cluster::new(1);
    let topic = NewTopic { configs: strings(&[("a", "1")]), ..spread("t", 1, 1) };
    let id = cluster.create(topic.clone()).unwrap().id;
    let unknown = TopicId(Uuid::from_u128(9));
    let outcome = cluster.run(&Operation::DeleteTopics { ids: vec![id, unknown, id] });
    assert_eq!(
        outcome,
        Outcome::TopicsDeleted(vec![
            Ok("t".to_owned()),
            Err(Refusal::UnknownTopicId { id: unknown }),
            Err(Refusal::UnknownTopicId { id }),
        ])
    );
    assert_eq!(cluster.image.config(&ConfigResource::Topic("t".to_owned())), None);
    let again = cluster.create(NewTopic { configs: BTreeMap::new(), ..topic }).unwrap().id;
    assert_ne!(again, id);
    assert_eq!(cluster.image.config(&ConfigResource::Topic("t".to_owned())), None);
}

#[test]
fn partitions_are_added() {
    let mut cluster = Cluster::new(3);
    cluster.create(spread("t", 2, 2)).unwrap();
    let to = |total: i32, lists: Option<&[&[i32]]>| NewPartitions {
        name: "t".to_owned(),
        total,
        assignments: lists.map(|lists| {
            lists.iter().map(|list| list.iter().map(|node| NodeId(*node)).collect()).collect()
        }),
    };
    for total in [2, 1, 0, -1] {
        let refused = cluster.grow(to(total, None));
        assert!(matches!(refused, Err(Refusal::InvalidPartitions { .. })), "{refused:?}");
    }
    let refused = cluster.grow(to(4, Some(&[&[1, 2]]))).unwrap_err().to_string();
    assert!(refused.contains("add 2 additional partition(s), but only 1"), "{refused}");
    let refused = cluster.grow(to(3, Some(&[&[1]]))).unwrap_err().to_string();
    assert!(refused.contains("not consistent"), "{refused}");
    cluster.grow(to(4, Some(&[&[3, 1], &[2, 3]]))).unwrap();
    cluster.grow(to(7, None)).unwrap();
    let topic = cluster.topic("t");
    assert_eq!(topic.partitions.len(), 7);
    assert_eq!(*topic.partition(2).unwrap().replicas, [NodeId(3), NodeId(1)]);
    assert!(topic.partitions.iter().all(|partition| partition.replicas.len() == 2));
    let unknown = NewPartitions { name: "u".to_owned(), ..to(3, None) };
    assert_eq!(cluster.grow(unknown), Err(Refusal::UnknownTopic { name: "u".to_owned() }));
}

#[test]
fn configurations_are_edited() {
    let mut cluster = Cluster::new(1);
    let resource = ConfigResource::ClusterDefault;
    let edit = |key: &str, edit: ConfigEdit| (key.to_owned(), edit);
    let append = |items: &str| ConfigEdit::Append { items: items.into(), default: "d".into() };
    let subtract =
        |items: &str| ConfigEdit::Subtract { items: items.into(), default: "d,e".into() };
    let mut check = |edits: Vec<(String, ConfigEdit)>, expected: &[(&str, &str)]| {
        let result = cluster.alter(resource.clone(), ConfigChange::Incremental(edits));
        assert_eq!(result, Ok(strings(expected)));
        let stored = cluster.image.config(&resource).map(|all| (**all).clone());
        assert_eq!(stored.unwrap_or_default(), strings(expected));
    };
    check(vec![edit("a", ConfigEdit::Set("1".into()))], &[("a", "1")]);
    check(vec![edit("l", append("x, y"))], &[("a", "1"), ("l", "d,x,y")]);
    check(vec![edit("l", append("y,z"))], &[("a", "1"), ("l", "d,x,y,z")]);
    check(vec![edit("l", subtract("x,d"))], &[("a", "1"), ("l", "y,z")]);
    check(vec![edit("m", subtract("d"))], &[("a", "1"), ("l", "y,z"), ("m", "e")]);
    check(vec![edit("l", ConfigEdit::Delete), edit("m", ConfigEdit::Delete)], &[("a", "1")]);
    check(vec![edit("a", ConfigEdit::Delete)], &[]);

    let replace = |pairs| ConfigChange::Replace(strings(pairs));
    cluster.alter(resource.clone(), replace(&[("a", "1"), ("b", "2")])).unwrap();
    cluster.alter(resource.clone(), replace(&[("b", "2"), ("c", "3")])).unwrap();
    let stored = (**cluster.image.config(&resource).unwrap()).clone();
    assert_eq!(stored, strings(&[("b", "2"), ("c", "3")]));
    let same = Operation::AlterConfigs {
        alterations: vec![ConfigAlteration {
            resource: resource.clone(),
            change: replace(&[("b", "2"), ("c", "3")]),
        }],
        validate_only: false,
    };
    assert_eq!(decide(&cluster.image, &same, &cluster.random).0, [], "nothing changed");
}

#[test]
fn configurations_are_refused() {
    let mut cluster = Cluster::new(1);
    let set = |value: &str| vec![("a".to_owned(), ConfigEdit::Set(value.to_owned()))];
    let unknown =
        cluster.alter(ConfigResource::Topic("u".to_owned()), ConfigChange::Incremental(set("1")));
    assert_eq!(unknown, Err(Refusal::UnknownTopic { name: "u".to_owned() }));
    let twice = [set("1"), set("2")].concat();
    let twice = cluster.alter(ConfigResource::ClusterDefault, ConfigChange::Incremental(twice));
    assert!(matches!(twice, Err(Refusal::InvalidRequest { .. })), "{twice:?}");
    let long = set(&"x".repeat(40_000));
    let long = cluster.alter(ConfigResource::ClusterDefault, ConfigChange::Incremental(long));
    assert!(matches!(long, Err(Refusal::InvalidConfig { .. })), "{long:?}");
}

#[test]
fn producer_ids_are_handed_out_once() {
    let mut cluster = Cluster::new(1);
    let mut ask = |node: i32, count: i32| match cluster
        .run(&Operation::AllocateProducerIds { node: NodeId(node), count })
    {
        Outcome::ProducerIds(result) => result.map(|block| (block.first, block.count)),
        other => panic!("{other:?}"),
    };
    assert_eq!(ask(1, 1_000), Ok((0, 1_000)));
    assert_eq!(ask(1, 5), Ok((1_000, 5)));
    assert_eq!(ask(1, 1), Ok((1_005, 1)));
    assert_eq!(ask(2, 1), Err(Refusal::UnknownBroker { node: NodeId(2) }));
    for count in [0, -1, 10_001] {
        assert!(matches!(ask(1, count), Err(Refusal::InvalidRequest { .. })));
    }
    cluster.image.next_producer_id = i64::MAX;
    let last = Operation::AllocateProducerIds { node: NodeId(1), count: 1 };
    assert_eq!(cluster.run(&last), Outcome::ProducerIds(Err(Refusal::ProducerIdsExhausted)));
}

#[test]
fn a_broker_registers_again() {
    let mut cluster = Cluster::new(1);
    let first = cluster.image.broker(NodeId(1)).unwrap().epoch;
    assert_eq!(cluster.register(1, 1, false), Ok(first), "the same process");
    cluster.create(spread("t", 1, 1)).unwrap();
    let before = cluster.topic("t").clone();
    let second = cluster.register(1, 2, false).unwrap();
    assert!(second > first);
    assert_eq!(*cluster.topic("t"), before, "a cluster of one keeps its leaderships");
    assert_eq!(
        cluster.register(1, 3, true),
        Err(Refusal::DuplicateBroker { node: NodeId(1) }),
        "two processes under one id"
    );
    let stale = Operation::FenceBroker { node: NodeId(1), epoch: first };
    assert_eq!(
        cluster.run(&stale),
        Outcome::BrokerFenced(Err(Refusal::StaleBrokerEpoch {
            node: NodeId(1),
            given: first,
            current: second
        }))
    );
}

/// Leader, leader epoch, partition epoch and ISR.
fn state(partition: &PartitionImage) -> (i32, i32, i32, Vec<i32>) {
    (
        partition.leader.map_or(-1, |leader| leader.0),
        partition.leader_epoch.0,
        partition.partition_epoch,
        partition.isr.iter().map(|node| node.0).collect(),
    )
}

#[test]
fn leadership_follows_the_living() {
    let mut cluster = Cluster::new(3);
    cluster.create(manual("t", &[(0, &[1, 2, 3]), (1, &[1, 2, 3])])).unwrap();
    let epoch = |cluster: &Cluster, node| cluster.image.broker(NodeId(node)).unwrap().epoch;
    let fence = |cluster: &mut Cluster, node| {
        let epoch = epoch(cluster, node);
        let done = cluster.run(&Operation::FenceBroker { node: NodeId(node), epoch });
        assert_eq!(done, Outcome::BrokerFenced(Ok(())));
    };
    let unfence = |cluster: &mut Cluster, node| {
        let epoch = epoch(cluster, node);
        let done = cluster.run(&Operation::UnfenceBroker { node: NodeId(node), epoch });
        assert_eq!(done, Outcome::BrokerFenced(Ok(())));
    };
    let check = |cluster: &Cluster, expected: (i32, i32, i32, &[i32])| {
        let (leader, leader_epoch, partition_epoch, isr) = expected;
        let expected = (leader, leader_epoch, partition_epoch, isr.to_vec());
        assert_eq!(state(cluster.topic("t").partition(0).unwrap()), expected);
        assert_eq!(state(cluster.topic("t").partition(1).unwrap()), expected);
    };
    check(&cluster, (1, 0, 0, &[1, 2, 3]));
    fence(&mut cluster, 3);
    check(&cluster, (1, 0, 1, &[1, 2]));
    fence(&mut cluster, 1);
    check(&cluster, (2, 1, 2, &[2]));
    fence(&mut cluster, 2);
    check(&cluster, (-1, 2, 3, &[2]));
    unfence(&mut cluster, 1);
    check(&cluster, (-1, 2, 3, &[2]));
    unfence(&mut cluster, 2);
    check(&cluster, (2, 3, 4, &[2]));
    // Node 2 dies and comes back as another process before anyone has noticed: no chance.
    let duplicate = cluster.register(2, 99, true);
    assert_eq!(duplicate, Err(Refusal::DuplicateBroker { node: NodeId(2) }));
    fence(&mut cluster, 2);
    cluster.register(2, 99, true).unwrap();
    check(&cluster, (-1, 4, 5, &[2]));
    unfence(&mut cluster, 2);
    check(&cluster, (2, 5, 6, &[2]));
    assert_eq!(
        cluster.run(&Operation::UnregisterBroker { node: NodeId(2) }),
        Outcome::BrokerUnregistered(Ok(()))
    );
    check(&cluster, (-1, 6, 7, &[2]));
}

#[test]
fn a_leader_reports_who_is_in_sync() {
    let mut cluster = Cluster::new(3);
    cluster.register(4, 4, true).unwrap();
    let id = cluster.create(manual("t", &[(0, &[1, 2, 3, 4])])).unwrap().id;
    let broker_epoch = cluster.image.broker(NodeId(1)).unwrap().epoch;
    let report = |isr: &[i32]| IsrChange {
        topic: id,
        partition: 0,
        leader_epoch: 0,
        partition_epoch: 0,
        isr: isr.iter().map(|node| NodeId(*node)).collect(),
    };
    let mut ask = |node: i32, broker_epoch: i64, change: IsrChange| {
        let changes = vec![change];
        let node = NodeId(node);
        match cluster.run(&Operation::AlterPartitions { node, broker_epoch, changes }) {
            Outcome::PartitionsAltered(mut results) => results.remove(0).map(|now| state(&now)),
            other => panic!("{other:?}"),
        }
    };
    let ok = broker_epoch;
    assert!(matches!(ask(1, ok + 7, report(&[1])), Err(Refusal::StaleBrokerEpoch { .. })));
    assert!(matches!(ask(2, ok + 1, report(&[2])), Err(Refusal::FencedLeaderEpoch { .. })));
    let change = IsrChange { leader_epoch: 1, ..report(&[1]) };
    assert!(matches!(ask(1, ok, change), Err(Refusal::UnknownLeaderEpoch { .. })));
    let change = IsrChange { leader_epoch: -1, ..report(&[1]) };
    assert!(matches!(ask(1, ok, change), Err(Refusal::FencedLeaderEpoch { .. })));
    let change = IsrChange { partition_epoch: 1, ..report(&[1]) };
    assert!(matches!(ask(1, ok, change), Err(Refusal::InvalidUpdateVersion { .. })));
    let change = IsrChange { partition: 1, ..report(&[1]) };
    assert!(matches!(ask(1, ok, change), Err(Refusal::UnknownPartition { .. })));
    for isr in [&[2, 3][..], &[], &[1, 2, 2], &[1, 9]] {
        let refused = ask(1, ok, report(isr));
        assert!(matches!(refused, Err(Refusal::InvalidRequest { .. })), "{isr:?}: {refused:?}");
    }
    assert_eq!(ask(1, ok, report(&[1, 4])), Err(Refusal::IneligibleReplica { node: NodeId(4) }));
    assert_eq!(ask(1, ok, report(&[1, 2, 3])), Ok((1, 0, 0, vec![1, 2, 3])));
    assert_eq!(ask(1, ok, report(&[1, 3])), Ok((1, 0, 1, vec![1, 3])));
}

#[test]
fn features_have_levels() {
    let mut cluster = Cluster::new(1);
    let levels = |pairs: &[(&str, i16)]| -> BTreeMap<String, i16> {
        pairs.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect()
    };
    cluster.run(&Operation::Bootstrap {
        cluster_id: "c".to_owned(),
        features: levels(&[("a", 1), ("b", 2)]),
    });
    cluster.run(&Operation::Bootstrap { cluster_id: "d".to_owned(), features: levels(&[]) });
    assert_eq!(cluster.image.cluster_id(), "c", "a cluster keeps its id");
    let outcome = cluster.run(&Operation::UpdateFeatures {
        levels: levels(&[("a", 3), ("b", 0), ("c", -1)]),
        validate_only: false,
    });
    let Outcome::FeaturesUpdated(results) = outcome else { panic!("{outcome:?}") };
    assert!(results["a"].is_ok() && results["b"].is_ok() && results["c"].is_err());
    assert_eq!(*cluster.image.features(), levels(&[("a", 3)]));
}

/// New partitions go where there are fewest; only what is not in the home directory is written down.
#[test]
fn new_partitions_are_spread_over_directories() {
    let mut cluster = Cluster::new(2);
    let node = NodeId(1);
    let ids: Vec<Uuid> = (10..13).map(Uuid::from_u128).collect();
    let directories: Vec<Directory> =
        ids.iter().map(|id| Directory { id: *id, path: format!("/{id}") }).collect();
    cluster.run(&Operation::SetDirectories { node, directories: directories.clone() });
    assert_eq!(cluster.image.directories(node), directories);
    let folders = |loads: &[u64]| {
        let loads = ids.iter().copied().zip(loads.iter().copied()).collect();
        Some(FolderLoads { node, loads })
    };
    let places = |cluster: &Cluster| -> Vec<Option<Uuid>> {
        let topic = cluster.topic("t");
        (0..).zip(&topic.partitions).map(|(n, _)| topic.directory(n, node)).collect()
    };
    let lists: Vec<(i32, &[i32])> = (0..4).map(|number| (number, &[1][..])).collect();
    let topics = vec![manual("t", &lists)];
    cluster.run(&Operation::CreateTopics {
        topics,
        folders: folders(&[1, 0, 2]),
        validate_only: false,
    });
    assert_eq!(places(&cluster), [Some(ids[1]), None, Some(ids[1]), None]);
    // A partition that only the other node has is none of this one's business.
    let topics = vec![NewPartitions {
        name: "t".to_owned(),
        total: 6,
        assignments: Some(vec![vec![NodeId(2)], vec![node]]),
    }];
    cluster.run(&Operation::CreatePartitions {
        topics,
        folders: folders(&[9, 9, 1]),
        validate_only: false,
    });
    assert_eq!(places(&cluster)[4..], [None, Some(ids[2])]);
    // A change of leadership leaves a copy where it is, a topic takes its places along.
    cluster.register(1, 77, false).unwrap();
    assert_eq!(places(&cluster)[5], Some(ids[2]));
    let id = cluster.topic("t").id;
    cluster.run(&Operation::DeleteTopics { ids: vec![id] });
    cluster.create(spread("t", 1, 1)).unwrap();
    assert_eq!(places(&cluster), [None]);
}
