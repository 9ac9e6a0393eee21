//! Spread: even, without doubles, over racks, only on the living.

use std::collections::BTreeMap;

use env::sim::SimRandom;
use uuid::Uuid;

use super::*;
use crate::MetadataRecord;

fn cluster(brokers: &[(i32, &str, bool)]) -> Image {
    let records: Vec<_> = brokers
        .iter()
        .map(|(node, rack, fenced)| MetadataRecord::RegisterBroker {
            node: NodeId(*node),
            epoch: 1,
            incarnation: Uuid::nil(),
            endpoints: vec![],
            rack: (!rack.is_empty()).then(|| (*rack).to_owned()),
            fenced: *fenced,
        })
        .collect();
    Image::default().apply(&records).0
}

fn check_error(image: &Image, factor: i16, expected: &str) {
    let error = spread(image, 1, factor, &SimRandom::new(1)).unwrap_err();
    assert!(matches!(error, Refusal::InvalidReplicationFactor { .. }), "{error:?}");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn too_many_replicas_are_refused() {
    let one = cluster(&[(1, "", false)]);
    check_error(
        &one,
        3,
        "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot \
         be reached because only 1 broker(s) are registered.",
    );
    check_error(
        &Image::default(),
        1,
        "Unable to replicate the partition 1 time(s): The target replication factor of 1 cannot \
         be reached because only 0 broker(s) are registered.",
    );
    check_error(
        &cluster(&[(1, "", true)]),
        1,
        "Unable to replicate the partition 1 time(s): All brokers are currently fenced.",
    );
    for factor in [0, -2] {
        check_error(
            &one,
            factor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        );
    }
}

#[test]
fn replicas_are_spread_evenly_without_doubles() {
    for brokers in 1..=7_i32 {
        let seats: Vec<_> = (1..=brokers).map(|node| (node, "", false)).collect();
        let image = cluster(&seats);
        for factor in 1..=i16::try_from(brokers).unwrap() {
            let count = 6 * usize::try_from(brokers).unwrap();
            for seed in 0..5 {
                let lists = spread(&image, count, factor, &SimRandom::new(seed)).unwrap();
                assert_eq!(lists.len(), count);
                let mut leaders = BTreeMap::new();
                for list in &lists {
                    let distinct: BTreeSet<_> = list.iter().collect();
                    assert_eq!(distinct.len(), usize::try_from(factor).unwrap(), "{list:?}");
                    *leaders.entry(list[0]).or_insert(0) += 1;
                }
                assert!(leaders.values().all(|led| *led == 6), "{brokers} brokers: {leaders:?}");
            }
        }
    }
}

#[test]
fn followers_of_one_leader_differ() {
    let image = cluster(&[(1, "", false), (2, "", false), (3, "", false), (4, "", false)]);
    let lists = spread(&image, 12, 2, &SimRandom::new(3)).unwrap();
    let pairs: BTreeSet<_> = lists.iter().map(|list| list.to_vec()).collect();
    assert_eq!(pairs.len(), 12, "every pair of leader and follower comes once");
}

#[test]
fn racks_take_turns() {
    let image = cluster(&[
        (1, "a", false),
        (2, "a", false),
        (3, "b", false),
        (4, "b", false),
        (5, "c", false),
        (6, "c", true),
    ]);
    let rack = |node: &NodeId| image.broker(*node).unwrap().rack.clone().unwrap();
    for seed in 0..20 {
        for list in spread(&image, 10, 3, &SimRandom::new(seed)).unwrap() {
            let racks: BTreeSet<_> = list.iter().map(rack).collect();
            assert_eq!(racks.len(), 3, "{list:?} shares a rack");
            assert!(!list.contains(&NodeId(6)), "{list:?} has a fenced broker");
        }
        for list in spread(&image, 10, 5, &SimRandom::new(seed)).unwrap() {
            let first: BTreeSet<_> = list.iter().take(3).map(rack).collect();
            assert_eq!(first.len(), 3, "{list:?} doubles a rack too early");
        }
    }
}
