//! `flush.ms` of relaxed topics: what was appended is synced that much later at most.
//!
//! One task. Each topic that has the setting is looked at once in its own interval, and whatever is not
//! on stable storage then goes to the [`log::Syncer`]; without such a topic the task sleeps until a
//! setting changes. All other topics are looked at only then: there may be very many. Nothing here waits
//! for a disk, and what a crash leaves is the syncer's business.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use log::Durability;
use metadata::TopicId;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::config::TopicConfig;
use crate::topic_table::Topic;

/// Topics are looked at no more often than this.
const FLUSH_MS_MIN: u64 = 10;

/// How often what is appended to the topic has to be synced, if there is such a bound. With 0 nothing is
/// acknowledged without a sync, so there is nothing left to do by the clock.
pub(crate) fn interval(config: &TopicConfig) -> Option<Duration> {
    let ms = config.log.flush_ms.filter(|ms| *ms > 0)?;
    let relaxed = config.log.durability == Durability::Relaxed;
    relaxed.then(|| Duration::from_millis(ms.max(FLUSH_MS_MIN)))
}

/// A topic that is looked at, and when it last was.
struct Flushed {
    topic: Weak<Topic>,
    last: Duration,
}

/// Runs until the broker is gone. `changed` says that a topic may have another interval.
pub(crate) async fn run(broker: Weak<Broker>, changed: Arc<Notify>) {
    let mut flushed = BTreeMap::new();
    let mut has_changed = true;
    loop {
        let Some(broker) = broker.upgrade() else { return };
        let now = broker.env.clock.monotonic();
        if has_changed {
            find(&broker.topics.topics(), &mut flushed, now);
        }
        let wait = flush(&mut flushed, now);
        drop(broker);
        has_changed = match wait {
            Some(wait) => env::clock::timeout(wait, changed.notified()).await.is_some(),
            None => {
                changed.notified().await;
                true
            }
        };
    }
}

/// Finds the topics that have the setting; those that had it before keep their time.
fn find(topics: &[Arc<Topic>], flushed: &mut BTreeMap<TopicId, Flushed>, now: Duration) {
    let before = std::mem::take(flushed);
    for topic in topics.iter().filter(|topic| interval(&topic.config()).is_some()) {
        let last = before.get(&topic.id).map_or(now, |known| known.last);
        flushed.insert(topic.id, Flushed { topic: Arc::downgrade(topic), last });
    }
}

/// Asks for the syncs that are due, and says how long until the next are.
fn flush(flushed: &mut BTreeMap<TopicId, Flushed>, now: Duration) -> Option<Duration> {
    let mut next: Option<Duration> = None;
    for Flushed { topic, last } in flushed.values_mut() {
        // It may be deleted.
        let Some(topic) = topic.upgrade() else { continue };
        let Some(interval) = interval(&topic.config()) else { continue };
        if now.saturating_sub(*last) >= interval {
            *last = now;
            for partition in topic.partitions() {
                partition.flush();
            }
        }
        let left = (*last + interval).saturating_sub(now);
        next = Some(next.map_or(left, |next| next.min(left)));
    }
    next
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::config::BrokerConfig;

    fn topic(id: u128, flush_ms: Option<u64>) -> Arc<Topic> {
        let topic = Topic::new(
            TopicId(Uuid::from_u128(id)),
            "t".into(),
            false,
            config(flush_ms),
            Vec::new(),
        );
        Arc::new(topic)
    }

    fn config(flush_ms: Option<u64>) -> TopicConfig {
        let mut config = BrokerConfig::default().topic_defaults;
        config.log.durability = Durability::Relaxed;
        config.log.flush_ms = flush_ms;
        config
    }

    #[test]
    fn only_topics_with_the_setting_are_looked_at_each_in_its_interval() {
        let ms = Duration::from_millis;
        let topics =
            vec![topic(1, None), topic(2, Some(100)), topic(3, Some(250)), topic(4, Some(0))];
        let mut flushed = BTreeMap::new();
        find(&topics, &mut flushed, ms(1000));
        assert_eq!(flushed.len(), 2);
        assert_eq!(flush(&mut flushed, ms(1000)), Some(ms(100)));
        assert_eq!(flush(&mut flushed, ms(1100)), Some(ms(100)));
        assert_eq!(flush(&mut flushed, ms(1200)), Some(ms(50)));
        // A change of another topic starts nobody's time anew.
        topics[0].set_config(config(Some(5000)));
        find(&topics, &mut flushed, ms(1200));
        assert_eq!(flushed.len(), 3);
        assert_eq!(flush(&mut flushed, ms(1200)), Some(ms(50)));
        topics[2].set_config(config(None));
        assert_eq!(flush(&mut flushed, ms(1250)), Some(ms(50)), "of the one that has 100");
        drop(topics);
        assert_eq!(flush(&mut flushed, ms(1300)), None, "they are deleted");
    }
}
