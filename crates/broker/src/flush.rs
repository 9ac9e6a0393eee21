//! `flush.ms` of relaxed topics: what was appended is synced that much later at most.
//!
//! One task. Each topic that has the setting is looked at once in its own interval, and whatever is not
//! on stable storage then goes to the [`log::Syncer`]; without such a topic the task sleeps until a
//! setting changes. Nothing here waits for a disk, and what a crash leaves is the syncer's business.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use log::Durability;
use metadata::TopicId;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::config::TopicConfig;

/// Topics are looked at no more often than this.
const FLUSH_MS_MIN: u64 = 10;

/// How often what is appended to the topic has to be synced, if there is such a bound. With 0 nothing is
/// acknowledged without a sync, so there is nothing left to do by the clock.
pub(crate) fn interval(config: &TopicConfig) -> Option<Duration> {
    let ms = config.log.flush_ms.filter(|ms| *ms > 0)?;
    let relaxed = config.log.durability == Durability::Relaxed;
    relaxed.then(|| Duration::from_millis(ms.max(FLUSH_MS_MIN)))
}

/// Runs until the broker is gone. `changed` says that a topic may have another interval.
pub(crate) async fn run(broker: Weak<Broker>, changed: Arc<Notify>) {
    let mut flushed = HashMap::new();
    loop {
        let Some(wait) = broker.upgrade().map(|broker| broker.flush(&mut flushed)) else { return };
        match wait {
            Some(wait) => {
                let _ = env::clock::timeout(wait, changed.notified()).await;
            }
            None => changed.notified().await,
        }
    }
}

impl Broker {
    /// Asks for the syncs that are due, and says how long until the next are. `flushed` remembers when
    /// each topic had its last.
    fn flush(&self, flushed: &mut HashMap<TopicId, Duration>) -> Option<Duration> {
        let now = self.env.clock.monotonic();
        let before = std::mem::take(flushed);
        let mut next: Option<Duration> = None;
        for topic in self.topics.topics() {
            let Some(interval) = interval(&topic.config()) else { continue };
            let mut last = before.get(&topic.id).copied().unwrap_or(now);
            if now.saturating_sub(last) >= interval {
                last = now;
                for partition in topic.partitions() {
                    partition.flush();
                }
            }
            flushed.insert(topic.id, last);
            let left = (last + interval).saturating_sub(now);
            next = Some(next.map_or(left, |next| next.min(left)));
        }
        next
    }
}
