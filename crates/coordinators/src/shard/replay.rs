//! Loading a shard from its partition.

use super::{GroupShard, Phase};
use crate::effects::Effects;
use crate::group::{Group, Turn};
use crate::hash;
use crate::schema::{self, GroupMetadata, Key, Malformed};
use crate::timers::TimerKey;
use records::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What a replay came across.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that were applied.
    pub applied: u64,
    /// Records of key versions that belong to other kinds of groups.
    pub skipped: u64,
    /// Records that could not be read, and were left out.
    pub malformed: u64,
}

impl GroupShard {
    /// Applies one record of the partition, in the order of the log. What cannot be read is left out
    /// and counted: one bad record must not take all groups of the partition away.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) {
        match self.apply(key, value) {
            Ok(true) => self.replayed.applied += 1,
            Ok(false) => self.replayed.skipped += 1,
            Err(_) => self.replayed.malformed += 1,
        }
    }

    /// What the replay came across so far.
    #[must_use]
    pub fn replayed(&self) -> Replayed {
        self.replayed
    }

    fn apply(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<bool, Malformed> {
        match schema::decode_key(key)? {
            Key::Offset(key) => {
                let group = self.groups.get_mut(key.group.as_str());
                match (value, group) {
                    (Some(value), Some(group)) => {
                        let offset = schema::decode_offset(value)?;
                        let new = group.offsets.set(&key.topic, key.partition, offset);
                        self.offsets += usize::from(new);
                    }
                    (Some(value), None) => {
                        let offset = schema::decode_offset(value)?;
                        let mut group = Group::new(key.group.into(), Timestamp::NONE);
                        group.offsets.set(&key.topic, key.partition, offset);
                        self.offsets += 1;
                        self.groups.insert(Arc::clone(&group.id), group);
                    }
                    (None, Some(group)) => {
                        let removed = group.offsets.remove(&key.topic, key.partition);
                        self.offsets -= usize::from(removed);
                    }
                    (None, None) => {}
                }
                Ok(true)
            }
            Key::Group(id) => {
                match value {
                    Some(value) => {
                        let metadata = GroupMetadata::decode(value)?;
                        let timers = &mut self.timers;
                        let group = self
                            .groups
                            .entry(id.as_str().into())
                            .or_insert_with(|| Group::new(id.into(), Timestamp::NONE));
                        group.restore(timers, metadata);
                    }
                    None => self.apply_group_tombstone(&id),
                }
                Ok(true)
            }
            Key::Unknown(_) => Ok(false),
        }
    }

    fn apply_group_tombstone(&mut self, id: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        group.reset(&mut self.timers, Timestamp::NONE);
        if group.offsets.is_empty() {
            self.groups.remove(id);
        }
    }

    /// Ends the replay: members get a fresh session, as nobody could hear their heartbeats, and
    /// requests are taken from here on.
    pub fn loaded(&mut self, now: Duration) {
        let interval = self.config.offsets_check_interval;
        let spread_ms = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        // Nothing is parked in a shard that was not open, so nothing is answered; and a rebalance of
        // a group with members writes nothing before they join or their sessions end.
        let mut effects = Effects::default();
        let wall = Timestamp::NONE; // Only says since when a group is empty, which none becomes here.
        for (id, group) in &mut self.groups {
            let (config, timers) = (&self.config, &mut self.timers);
            let turn = &mut Turn { config, timers, now, wall, effects: &mut effects };
            group.begin_sessions(turn);
            // Spread over the interval, or all groups would be looked at in one tick.
            let after = Duration::from_millis(hash::partition_for(id, spread_ms).into());
            self.timers.arm(&mut group.offsets_timer, now.saturating_add(after), || {
                TimerKey::Offsets { group: Arc::clone(id) }
            });
        }
        debug_assert!(effects.is_empty());
        self.phase = Phase::Loaded;
    }
}
