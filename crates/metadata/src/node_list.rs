//! Some nodes in an order: the replicas of a partition, its in-sync replicas.
//!
//! There are two lists for each partition, in the image and in every record about it, and nearly all
//! have few members. Up to [`IN_PLACE`] of them are kept in the list itself, which costs no more than
//! a `Vec` and spares its block of memory. As bytes it is what a `Vec<NodeId>` is.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::NodeId;

/// As many as fit into the place that pointer and length of a list on the heap take.
const IN_PLACE: usize = 4;

/// See the file's head.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NodeList(SmallVec<[NodeId; IN_PLACE]>);

const _: () = assert!(size_of::<NodeList>() == size_of::<Vec<NodeId>>());

impl Deref for NodeList {
    type Target = [NodeId];

    fn deref(&self) -> &[NodeId] {
        &self.0
    }
}

impl fmt::Debug for NodeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromIterator<NodeId> for NodeList {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> NodeList {
        NodeList(nodes.into_iter().collect())
    }
}

impl From<&[NodeId]> for NodeList {
    fn from(nodes: &[NodeId]) -> NodeList {
        NodeList(SmallVec::from_slice(nodes))
    }
}

impl<const N: usize> From<[NodeId; N]> for NodeList {
    fn from(nodes: [NodeId; N]) -> NodeList {
        nodes.as_slice().into()
    }
}

impl Serialize for NodeList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NodeList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NodeList, D::Error> {
        // A `Vec` makes room for what is there; smallvec's own way believes the declared length.
        Vec::<NodeId>::deserialize(deserializer).map(|nodes| nodes.as_slice().into())
    }
}

#[cfg(test)]
mod tests;
