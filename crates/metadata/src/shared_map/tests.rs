//! Against `BTreeMap`, with copies taken on the way that must not change.

use std::collections::BTreeMap;

use env::Random;
use env::sim::SimRandom;

use super::*;

fn check(map: &SharedMap<u64, u64>, model: &BTreeMap<u64, u64>) {
    assert_eq!(map.len(), model.len());
    assert!(map.iter().eq(model.iter()), "{map:?}\nis not\n{model:?}");
    assert!(map.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK_MAX));
}

#[test]
fn behaves_as_a_sorted_map() {
    for seed in 0..20 {
        let seeded = SimRandom::new(seed);
        let random: &dyn Random = &seeded;
        let mut map = SharedMap::default();
        let mut model = BTreeMap::new();
        let mut copies = Vec::new();
        for step in 0..4_000 {
            let key = random.next_u64() % 1_000;
            match random.next_u64() % 4 {
                0 => assert_eq!(map.remove(&key), model.remove(&key)),
                1 => {
                    let (mine, theirs) = (map.get_mut(&key), model.get_mut(&key));
                    assert_eq!(mine, theirs);
                    if let (Some(mine), Some(theirs)) = (mine, theirs) {
                        *mine += 1;
                        *theirs += 1;
                    }
                }
                _ => assert_eq!(map.insert(key, step), model.insert(key, step)),
            }
            assert_eq!(map.get(&key), model.get(&key));
            if step % 500 == 0 {
                copies.push((map.clone(), model.clone()));
            }
        }
        check(&map, &model);
        for (copy, model) in &copies {
            check(copy, model);
        }
    }
}

#[test]
fn equality_is_about_content_and_not_chunks() {
    let (mut up, mut down) = (SharedMap::default(), SharedMap::default());
    for key in 0..1_000_u64 {
        up.insert(key, key);
        down.insert(999 - key, 999 - key);
    }
    assert_ne!(up.chunks.len(), down.chunks.len(), "the orders were to cut differently");
    assert_eq!(up, down);
    down.insert(3, 4);
    assert_ne!(up, down);
}

#[test]
fn a_change_copies_one_chunk() {
    let mut map = SharedMap::default();
    for key in 0..10_000_u64 {
        map.insert(key, key);
    }
    let before = map.clone();
    map.insert(5_000, 0);
    let fresh = map
        .chunks
        .iter()
        .zip(before.chunks.iter())
        .filter(|(new, old)| !Arc::ptr_eq(new, old))
        .count();
    assert_eq!(fresh, 1);
}
