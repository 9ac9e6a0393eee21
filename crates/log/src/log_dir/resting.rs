//! What is known of partitions whose logs are not open: it is in the catalogue, and none is opened to
//! answer.

use records::{Offset, Timestamp};
use uuid::Uuid;

use super::LogDir;
use crate::config::LogConfig;
use crate::names;

/// A partition that rests, as it was when its log was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// The first offset there is.
    pub log_start: Offset,
    /// The offset after the last record.
    pub log_end: Offset,
    /// Bytes of all segments.
    pub bytes: u64,
    /// The greatest timestamp of the first segment, by which that one grows old.
    pub oldest: Option<Timestamp>,
}

impl Resting {
    /// Whether retention might delete something of it at the wall time `now_ms`.
    #[must_use]
    pub fn may_be_deleted(&self, config: &LogConfig, now_ms: i64) -> bool {
        let age = |oldest: Timestamp| u64::try_from(now_ms.saturating_sub(oldest.0)).unwrap_or(0);
        let old = config
            .retention_ms
            .is_some_and(|most| self.oldest.is_none_or(|oldest| age(oldest) > most));
        let large = config.retention_bytes.is_some_and(|most| self.bytes > most);
        config.cleanup.delete && self.bytes > 0 && (old || large)
    }
}

impl LogDir {
    /// What is known of a partition that rests.
    #[must_use]
    pub fn resting(&self, topic_id: Uuid, partition: i32) -> Option<Resting> {
        let logs = self.logs.lock();
        let listed = logs.catalogue.get((topic_id, partition))?;
        let rest = listed.rest?;
        Some(Resting {
            log_start: listed.marks.log_start,
            log_end: listed.marks.recovery_point,
            bytes: rest.bytes,
            oldest: rest.oldest,
        })
    }

    /// Whether the partition was in use when a process ended out of order and was not opened since.
    #[must_use]
    pub fn is_unrecovered(&self, topic_id: Uuid, partition: i32) -> bool {
        let logs = self.logs.lock();
        logs.catalogue.get((topic_id, partition)).is_some_and(|listed| listed.rest.is_none())
    }

    /// Whether the partition was never written to: it has no folder.
    #[must_use]
    pub fn is_unused(&self, topic: &str, topic_id: Uuid, partition: i32) -> bool {
        let key = (topic_id, partition);
        let is_known = {
            let logs = self.logs.lock();
            logs.busy.contains(&key)
                || logs.open.contains_key(&key)
                || logs.catalogue.get(key).is_some()
        };
        // A process that was killed may have made it and not come to list it.
        !is_known
            && !self.env.disk.exists(&self.path.join(names::partition_folder(topic, partition)))
    }
}
