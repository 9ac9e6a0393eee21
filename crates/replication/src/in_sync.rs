//! The high watermark as a pure machine: replica ends in, watermark out.
//!
//! Invariants: the watermark never goes back, and never passes the end of a replica in the set.
//! An *end* is exclusive: the offset of the next record the replica will hold. The leader's own end
//! is its durable end, or its log end where the topic is relaxed.

use metadata::NodeId;
use records::Offset;
use smallvec::SmallVec;

/// The in-sync replicas of one partition, the leader among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSync {
    /// In place where there is one, as in a cluster of one.
    ends: SmallVec<[(NodeId, Offset); 1]>,
    high_watermark: Offset,
}

impl InSync {
    /// A set in which every replica is known to hold everything below `high_watermark`.
    #[must_use]
    pub fn new(replicas: &[NodeId], high_watermark: Offset) -> InSync {
        InSync {
            ends: replicas.iter().map(|node| (*node, high_watermark)).collect(),
            high_watermark,
        }
    }

    /// A replica holds everything below `end`; says the new watermark when that moved it.
    /// A replica outside the set, or an end that goes back, moves nothing.
    pub fn reached(&mut self, node: NodeId, end: Offset) -> Option<Offset> {
        let replica = self.ends.iter_mut().find(|(member, _)| *member == node)?;
        replica.1 = replica.1.max(end);
        self.advance()
    }

    /// The set becomes `replicas`; those that stay keep their ends, those that join are known to
    /// hold everything below the watermark. Shrinking may move the watermark.
    pub fn set_replicas(&mut self, replicas: &[NodeId]) -> Option<Offset> {
        let watermark = self.high_watermark;
        let end_of = |node: &NodeId| {
            self.ends.iter().find(|(member, _)| member == node).map_or(watermark, |(_, end)| *end)
        };
        self.ends = replicas.iter().map(|node| (*node, end_of(node))).collect();
        self.advance()
    }

    /// Everything below is on every replica of the set.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// How many replicas are in sync.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nobody is in sync.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn advance(&mut self) -> Option<Offset> {
        let lowest = self.ends.iter().map(|(_, end)| *end).min()?;
        (lowest > self.high_watermark).then(|| {
            self.high_watermark = lowest;
            lowest
        })
    }
}

#[cfg(test)]
mod tests;
