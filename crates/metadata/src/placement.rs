//! Where the replicas of new partitions go.
//!
//! Leaders go round the brokers that are alive, starting anywhere; followers go on from the leader,
//! with a distance that grows every full round so that the same brokers do not always share. Racks
//! take turns: a rack gets a second replica of a partition only when every rack has one. On its node a
//! replica goes into the log directory that has the fewest.

use std::collections::{BTreeMap, BTreeSet};

use env::Random;

use uuid::Uuid;

use crate::{FolderLoads, Image, NodeId, NodeList, Refusal};

/// Replica lists for `count` partitions, the leader first.
pub(crate) fn spread(
    image: &Image,
    count: usize,
    replication_factor: i16,
    random: &dyn Random,
) -> Result<Vec<NodeList>, Refusal> {
    let ring = ring(image);
    let wanted = usize::try_from(replication_factor).unwrap_or(0);
    if wanted == 0 {
        return Err(Refusal::InvalidReplicationFactor {
            reason: "Replication factor must be larger than 0, or -1 to use the default value."
                .to_owned(),
        });
    }
    if ring.is_empty() && image.brokers().next().is_some() {
        return Err(Refusal::InvalidReplicationFactor {
            reason: format!(
                "Unable to replicate the partition {wanted} time(s): All brokers are currently \
                 fenced."
            ),
        });
    }
    if wanted > ring.len() {
        return Err(Refusal::InvalidReplicationFactor {
            reason: format!(
                "Unable to replicate the partition {wanted} time(s): The target replication \
                 factor of {wanted} cannot be reached because only {} broker(s) are registered.",
                ring.len()
            ),
        });
    }
    let racks: BTreeSet<&str> = ring.iter().map(|seat| seat.rack).collect();
    let start = below(random, ring.len());
    let first_shift = below(random, ring.len());
    let seat = |place: usize| ring.get(place % ring.len());
    let lists = (0..count).map(|partition| {
        let leader = start + partition;
        let shift = first_shift + partition / ring.len();
        let followers = ring.len() - 1;
        // The leader, then everyone else once, from a distance on.
        let order = std::iter::once(leader)
            .chain((0..followers).map(|step| leader + 1 + (shift + step) % followers.max(1)));
        choose(order.filter_map(seat), wanted, racks.len())
    });
    Ok(lists.collect())
}

/// The first `wanted` of an order, but no rack again while another has none.
fn choose<'a>(order: impl Iterator<Item = &'a Seat<'a>>, wanted: usize, racks: usize) -> NodeList {
    let mut left: Vec<&Seat<'_>> = order.collect();
    let mut chosen = Vec::with_capacity(wanted);
    let mut used = BTreeSet::new();
    while chosen.len() < wanted && !left.is_empty() {
        if used.len() == racks {
            used.clear();
        }
        let next = left.iter().position(|seat| !used.contains(seat.rack)).unwrap_or(0);
        let seat = left.remove(next);
        used.insert(seat.rack);
        chosen.push(seat.node);
    }
    chosen.into_iter().collect()
}

struct Seat<'a> {
    node: NodeId,
    rack: &'a str,
}

/// The brokers that are alive, racks taking turns.
fn ring(image: &Image) -> Vec<Seat<'_>> {
    let mut racks: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
    for broker in image.brokers().filter(|broker| !broker.fenced) {
        racks.entry(broker.rack.as_deref().unwrap_or_default()).or_default().push(broker.id);
    }
    let longest = racks.values().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|place| {
            racks.iter().filter_map(move |(rack, nodes)| {
                nodes.get(place).map(|node| Seat { node: *node, rack })
            })
        })
        .collect()
}

/// The log directories of the node that asks, as the partitions placed so far fill them.
pub(crate) struct Folders {
    node: NodeId,
    home: Option<Uuid>,
    loads: Vec<(Uuid, u64)>,
}

impl Folders {
    pub(crate) fn new(image: &Image, asked: Option<&FolderLoads>) -> Folders {
        let node = asked.map(|asked| asked.node).unwrap_or_default();
        let home = image.directories(node).first().map(|home| home.id);
        Folders { node, home, loads: asked.map(|asked| asked.loads.clone()).unwrap_or_default() }
    }

    /// Where a new partition with these replicas goes, if not into the home of the node.
    pub(crate) fn place(&mut self, replicas: &[NodeId]) -> Option<(NodeId, Uuid)> {
        if !replicas.contains(&self.node) {
            return None;
        }
        let (id, load) = self.loads.iter_mut().min_by_key(|(_, load)| *load)?;
        *load += 1;
        (Some(*id) != self.home).then_some((self.node, *id))
    }
}

fn below(random: &dyn Random, bound: usize) -> usize {
    let bound = u64::try_from(bound.max(1)).unwrap_or(1);
    usize::try_from(random.next_u64() % bound).unwrap_or(0)
}

#[cfg(test)]
mod tests;
