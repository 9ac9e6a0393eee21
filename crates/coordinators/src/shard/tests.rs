//! Tests of whole shards: recorded scenarios, random sequences, and the limits.

mod cost;
mod limits;
mod properties;
mod scenario;
mod script;
mod show;

use super::GroupShard;
use crate::{CoordinatorRecord, GroupConfig};
use std::time::Duration;

impl GroupShard {
    /// The invariants of all groups, and of what the shard counts over them.
    pub(super) fn check(&self) {
        for group in self.groups.values() {
            group.check();
        }
        let offsets: usize = self.groups.values().map(|g| g.offsets.len()).sum();
        assert_eq!(self.offsets, offsets, "count of offsets");
    }
}

/// A shard loaded from `log`.
fn load(config: &GroupConfig, log: &[CoordinatorRecord], now: Duration) -> GroupShard {
    let mut shard = GroupShard::new(config.clone());
    for record in log {
        shard.replay(&record.key, record.value.as_deref());
    }
    assert_eq!(shard.replayed().malformed, 0, "a record of ours cannot be read");
    shard.loaded(now);
    shard
}

/// What a `consumer` member tells its leader: version 3 with these topics and nothing else.
fn subscription(topics: &[&str]) -> Vec<u8> {
    let mut out = vec![0, 3];
    out.extend_from_slice(&i32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        out.extend_from_slice(&i16::try_from(topic.len()).unwrap().to_be_bytes());
        out.extend_from_slice(topic.as_bytes());
    }
    out.extend_from_slice(&[0xff; 4]);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&[0xff; 6]);
    out
}
