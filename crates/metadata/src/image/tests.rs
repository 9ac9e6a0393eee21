//! Replay over random histories: the same on every path, sound at every step, and no silent repair.

use env::Random;
use env::sim::SimRandom;

use super::*;
use crate::{
    ConfigAlteration, ConfigChange, ConfigEdit, Delta, FolderLoads, IsrChange, NewPartitions,
    NewTopic, Operation, Placement, decide,
};

/// A plausible life of a small cluster, as the entries of its log.
fn history(seed: u64, steps: u64) -> Vec<Vec<MetadataRecord>> {
    let seeded = SimRandom::new(seed);
    let random: &dyn Random = &seeded;
    let mut image = Image::default();
    let mut entries = Vec::new();
    for step in 0..steps {
        let operation = any_operation(&image, random, step);
        let (records, _) = decide(&image, &operation, random);
        if !records.is_empty() {
            image = image.apply(&records).0;
            entries.push(records);
        }
    }
    entries
}

fn any_operation(image: &Image, random: &dyn Random, step: u64) -> Operation {
    let below = |bound: u64| random.next_u64() % bound;
    let node = NodeId(i32::try_from(below(4)).unwrap());
    let name = format!("t{}", below(8));
    let id = image.topic(&name).map_or_else(TopicId::default, |topic| topic.id);
    let epoch = image.broker(node).map_or(0, |broker| broker.epoch);
    match below(13) {
        0 => Operation::Bootstrap {
            cluster_id: "c".to_owned(),
            features: BTreeMap::from([("f".to_owned(), 1)]),
        },
        1 | 2 => Operation::RegisterBroker {
            node,
            incarnation: Uuid::from_u128(u128::from(step)),
            endpoints: vec![],
            rack: None,
            fenced: below(2) == 0,
        },
        3 => Operation::FenceBroker { node, epoch },
        4 => Operation::UnfenceBroker { node, epoch },
        5 => Operation::DeleteTopics { ids: vec![id] },
        6 => Operation::CreatePartitions {
            topics: vec![NewPartitions {
                name,
                total: i32::try_from(below(9)).unwrap(),
                assignments: None,
            }],
            folders: folders(image, node),
            validate_only: false,
        },
        7 => Operation::AlterConfigs {
            alterations: vec![ConfigAlteration {
                resource: match below(3) {
                    0 => ConfigResource::Topic(name),
                    1 => ConfigResource::Broker(node),
                    _ => ConfigResource::Group(name),
                },
                change: ConfigChange::Incremental(vec![(
                    format!("k{}", below(3)),
                    match below(3) {
                        0 => ConfigEdit::Delete,
                        value => ConfigEdit::Set(value.to_string()),
                    },
                )]),
            }],
            validate_only: false,
        },
        10 => Operation::SetDirectories {
            node,
            directories: (0..=below(3))
                .map(|id| Directory { id: Uuid::from_u128(id.into()), path: format!("/{id}") })
                .collect(),
        },
        8 => Operation::AllocateProducerIds { node, count: 100 },
        9 => {
            let partition = image.topic(&name).and_then(|topic| topic.partition(0));
            let mut isr = partition.map(|now| now.isr.to_vec()).unwrap_or_default();
            isr.retain(|member| Some(*member) == partition.and_then(|now| now.leader));
            Operation::AlterPartitions {
                node: isr.first().copied().unwrap_or_default(),
                broker_epoch: isr.first().map_or(0, |leader| image.broker(*leader).unwrap().epoch),
                changes: vec![IsrChange {
                    topic: id,
                    partition: 0,
                    leader_epoch: partition.map_or(0, |now| now.leader_epoch.0),
                    partition_epoch: partition.map_or(0, |now| now.partition_epoch),
                    isr,
                }],
            }
        }
        _ => Operation::CreateTopics {
            topics: vec![NewTopic {
                name,
                placement: Placement::Spread {
                    partitions: 1 + i32::try_from(below(4)).unwrap(),
                    replication_factor: 1 + i16::try_from(below(3)).unwrap(),
                },
                configs: BTreeMap::from([("k0".to_owned(), "0".to_owned())]),
                internal: below(2) == 0,
            }],
            folders: folders(image, node),
            validate_only: false,
        },
    }
}

/// All directories of a node, the last of them with the fewest partitions.
fn folders(image: &Image, node: NodeId) -> Option<FolderLoads> {
    let loads = image.directories(node).iter().rev().map(|directory| (directory.id, 0));
    Some(FolderLoads { node, loads: loads.collect() })
}

/// The invariants of the file's head.
fn check(image: &Image) {
    assert_eq!(image.topics.len(), image.names.len());
    for (name, id) in image.names.iter() {
        assert_eq!(image.topics.get(id).map(|topic| &topic.name), Some(name));
    }
    for topic in image.topics() {
        assert!(!topic.partitions.is_empty(), "{topic:?}");
        for partition in &topic.partitions {
            assert!(!partition.replicas.is_empty(), "{topic:?}");
            assert!(!partition.isr.is_empty(), "{topic:?}");
            assert!(
                partition.isr.iter().all(|node| partition.replicas.contains(node)),
                "{topic:?}"
            );
            if let Some(leader) = partition.leader {
                assert!(partition.isr.contains(&leader), "{topic:?}");
                assert!(image.is_alive(leader), "{leader} leads and is not alive: {topic:?}");
            }
        }
    }
    for (resource, overrides) in image.configs() {
        assert!(!overrides.is_empty(), "{resource:?}");
        if let ConfigResource::Topic(name) = resource {
            assert!(image.topic(name).is_some(), "configuration of no topic {name}");
        }
    }
}

#[test]
fn every_path_through_a_history_gives_the_same_image() {
    for seed in 0..40 {
        let entries = history(seed, 150);
        assert!(entries.len() > 40, "history {seed} is too dull: {} entries", entries.len());
        let mut images = vec![Image::default()];
        for entry in &entries {
            let before = images.last().unwrap();
            let (after, delta) = before.apply(entry);
            check(&after);
            assert_eq!(after.version(), before.version() + 1);
            assert_eq!(delta, Delta::between(before, &after), "seed {seed}");
            images.push(after);
        }
        let last = images.last().unwrap();
        assert!(Delta::between(last, last).is_empty());
        for (place, image) in images.iter().enumerate() {
            // A snapshot taken here, and the log behind it.
            let (restored, _) = Image::default().apply(&image.to_records());
            let restored = restored.at(image.version(), image.controller());
            assert_eq!(restored, *image, "seed {seed}, snapshot at {place}");
            let end = entries[place..].iter().fold(restored, |image, entry| image.apply(entry).0);
            assert_eq!(end, *last, "seed {seed}, tail from {place}");
        }
    }
}

#[test]
fn older_images_do_not_change() {
    let entries = history(3, 100);
    let mut image = Image::default();
    let mut kept = Vec::new();
    for entry in &entries {
        image = image.apply(entry).0;
        kept.push((image.clone(), format!("{image:?}")));
    }
    for (image, then) in kept {
        assert_eq!(format!("{image:?}"), then);
    }
}

#[test]
fn what_is_not_touched_is_shared() {
    let topics: Vec<MetadataRecord> = (0..1_000_u128)
        .map(|number| MetadataRecord::Topic {
            id: TopicId(Uuid::from_u128(number)),
            name: format!("t{number}"),
            internal: false,
        })
        .collect();
    let before = Image::default().apply(&topics).0;
    let after = before
        .apply(&[MetadataRecord::Partition {
            topic: TopicId(Uuid::from_u128(7)),
            partition: 0,
            leader: None,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            replicas: [NodeId(1)].into(),
            isr: [NodeId(1)].into(),
        }])
        .0;
    let fresh = before.topics().zip(after.topics()).filter(|(old, new)| !Arc::ptr_eq(old, new));
    assert!(fresh.map(|(old, _)| &*old.name).eq(["t7"]));
}

#[test]
fn topics_are_sorted_by_name() {
    let names = |image: &Image| -> Vec<String> {
        image.topics().map(|topic| topic.name.to_string()).collect()
    };
    for entry_count in [20, 60] {
        let image = history(11, entry_count)
            .iter()
            .fold(Image::default(), |image, entry| image.apply(entry).0);
        let mut sorted = names(&image);
        sorted.sort();
        assert_eq!(names(&image), sorted);
    }
}

#[test]
fn records_that_do_not_fit_are_refused() {
    let id = TopicId(Uuid::from_u128(5));
    let topic = MetadataRecord::Topic { id, name: "t".to_owned(), internal: false };
    let partition = |number| {
        let image = PartitionImage {
            leader: None,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            replicas: NodeList::default(),
            isr: NodeList::default(),
        };
        MetadataRecord::partition(id, number, &image)
    };
    let image = Image::default()
        .apply(&[
            topic.clone(),
            MetadataRecord::ProducerIds { next: 5 },
            MetadataRecord::ClusterId { id: "c".to_owned() },
        ])
        .0;
    let other = TopicId(Uuid::from_u128(6));
    let misfits = [
        topic,
        MetadataRecord::Topic { id, name: "u".to_owned(), internal: false },
        MetadataRecord::Topic { id: other, name: "t".to_owned(), internal: false },
        partition(1),
        partition(-1),
        MetadataRecord::RemoveTopic { id: other },
        MetadataRecord::FenceBroker { node: NodeId(1) },
        MetadataRecord::UnregisterBroker { node: NodeId(1) },
        MetadataRecord::ProducerIds { next: 4 },
        MetadataRecord::ClusterId { id: "d".to_owned() },
    ];
    for misfit in misfits {
        let result = image.try_apply(std::slice::from_ref(&misfit));
        let error = result.expect_err(&format!("{misfit:?} was taken")).to_string();
        assert!(error.contains("at version 1"), "{error}");
    }
}
