//! What happens by the clock and not on request: retention, checkpoints, forgetting old producers.
//!
//! Runs off the workers, one round at a time; a round that finds nothing to do costs a comparison a
//! partition. A topic whose settings have changed is looked at at once, and only that one; a disk that is
//! full has all looked at.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use replication::Partition;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::topic_table::Topic;

/// A compacted log that rests is shown to the cleaner at least so often.
const SHOWN_EACH_MAX_MS: u64 = 6 * 3_600_000;

/// Takes the partitions of a topic apart: an odd number of no pattern.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Upkeep that is wanted before its time.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Of all topics, and not only of those that are due.
    all: AtomicBool,
    asked: Notify,
}

impl Wanted {
    /// Has the topics looked at that are due ([`Topic::is_due`]).
    pub fn ask_for_topics(&self) {
        self.asked.notify_one();
    }

    /// Has all topics looked at.
    pub fn ask_for_all(&self) {
        self.all.store(true, Ordering::Release);
        self.asked.notify_one();
    }
}

/// Runs the rounds until the broker is gone.
pub(crate) async fn run(broker: Weak<Broker>, wanted: Arc<Wanted>) {
    let mut since_retention = Duration::ZERO;
    loop {
        let Some((checkpoint, retention)) = broker.upgrade().map(|broker| broker.periods()) else {
            return;
        };
        let wait = checkpoint.min(retention);
        let mut time = pin!(env::clock::sleep(wait));
        loop {
            tokio::select! {
                () = &mut time => break,
                () = wanted.asked.notified() => {}
            }
            let is_for_all = wanted.all.swap(false, Ordering::AcqRel);
            let asked_for = move |broker: &Broker| match is_for_all {
                true => {
                    broker.retain_all();
                    broker.checkpoint_all(false);
                }
                false => broker.retain_due(),
            };
            if round(&broker, asked_for).await.is_none() {
                return;
            }
        }
        since_retention += wait;
        let retention_is_due = since_retention >= retention;
        if retention_is_due {
            since_retention = Duration::ZERO;
        }
        let by_the_clock = move |broker: &Broker| {
            if retention_is_due {
                broker.retain_all();
            }
            broker.checkpoint_all(true);
        };
        if round(&broker, by_the_clock).await.is_none() {
            return;
        }
    }
}

/// Does `work` off the workers; `None` when the broker is gone.
async fn round(broker: &Weak<Broker>, work: impl FnOnce(&Broker) + Send + 'static) -> Option<()> {
    let broker = broker.upgrade()?;
    if let Err(error) = tokio::task::spawn_blocking(move || work(&broker)).await {
        tracing::error!(%error, "a round of upkeep ended early");
    }
    Some(())
}

impl Broker {
    fn periods(&self) -> (Duration, Duration) {
        let config = self.config.load();
        let ms = |ms: u64| Duration::from_millis(ms.max(1));
        (
            ms(config.log_flush_offset_checkpoint_interval_ms),
            ms(config.log_retention_check_interval_ms),
        )
    }

    fn retain_all(&self) {
        for topic in self.topics.topics() {
            let has_changed = topic.take_due();
            self.retain_topic(&topic, has_changed);
        }
    }

    /// Retention of the topics whose settings have changed.
    fn retain_due(&self) {
        let mut has_retained = false;
        for topic in self.topics.topics() {
            if topic.take_due() {
                self.retain_topic(&topic, true);
                has_retained = true;
            }
        }
        if has_retained {
            // The cleaner takes only what is durable.
            self.checkpoint_all(false);
        }
    }

    fn retain_topic(&self, topic: &Topic, has_changed: bool) {
        let now = self.env.clock.wall_ms();
        for partition in topic.partitions() {
            match self.retain(&partition, now, has_changed) {
                // Closed: its topic was deleted since the topics were listed, or it rests.
                Ok(()) | Err(log::LogError::Closed) => {}
                Err(error) => tracing::error!(
                    topic = %topic.name,
                    partition = partition.id().index,
                    %error,
                    "old segments were not deleted"
                ),
            }
        }
    }

    /// A round that was asked for lets nothing rest: it may have opened what the cleaner is to look at.
    fn checkpoint_all(&self, may_rest: bool) {
        // One that failed has said so; nothing is written there any more.
        for dir in self.folders.dirs().filter(|dir| dir.fenced().is_none()) {
            if may_rest {
                dir.rest_unused();
            }
            if let Err(error) = dir.checkpoint() {
                tracing::error!(
                    folder = %dir.path().display(), %error,
                    "no checkpoint: the next start has more to check"
                );
            }
        }
    }

    /// Retention of one partition; one that rests is opened only when something of it is old.
    fn retain(
        &self,
        partition: &Arc<Partition>,
        now: i64,
        has_changed: bool,
    ) -> Result<(), log::LogError> {
        let log = match partition.open_log() {
            Some(log) => log,
            None => {
                let id = partition.id();
                let resting = partition.storage().dir.resting(id.topic_id.0, id.index);
                let config = partition.config();
                let due = |log: log::Resting| {
                    let shown = config.cleanup.compact
                        && (has_changed || self.is_shown_to_the_cleaner(partition, now));
                    log.may_be_deleted(&config, now) || (log.bytes > 0 && shown)
                };
                if !resting.is_some_and(due) {
                    return Ok(());
                }
                partition.log()?
            }
        };
        log.expire_producers();
        log.apply_retention().map(|_| ())
    }

    /// What compaction may do with a log that rests depends on time too. It was looked at before it came
    /// to rest, so while its settings stay it is opened for that now and then only, each partition at its
    /// own time.
    fn is_shown_to_the_cleaner(&self, partition: &Partition, now_ms: i64) -> bool {
        let config = partition.config();
        let interval = self.config.load().log_retention_check_interval_ms;
        let id = partition.id();
        let (_, spread) = id.topic_id.0.as_u64_pair();
        let spread = spread.wrapping_add(u64::from(id.index.unsigned_abs()).wrapping_mul(SPREAD));
        is_turn(now_ms, interval, shown_each(&config, interval), spread)
    }
}

/// How often a log that rests is shown to the cleaner, in milliseconds.
fn shown_each(config: &log::LogConfig, interval_ms: u64) -> u64 {
    let lag = Some(config.min_compaction_lag_ms).filter(|lag| *lag > 0);
    let soonest = config.segment_ms.min(config.max_compaction_lag_ms);
    soonest.min(lag.unwrap_or(u64::MAX)).min(SHOWN_EACH_MAX_MS).max(interval_ms.max(1))
}

/// Whether the turn of whoever has this `spread`, one each `period_ms`, came in the last interval.
fn is_turn(now_ms: i64, interval_ms: u64, period_ms: u64, spread: u64) -> bool {
    let now = u64::try_from(now_ms).unwrap_or(0) + spread % period_ms;
    now / period_ms != now.saturating_sub(interval_ms) / period_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn turns(period_ms: u64, spread: u64) -> usize {
        let rounds = (0..288).map(|round| 1_767_225_600_000 + round * 5 * 60_000);
        rounds.filter(|now| is_turn(*now, 5 * MINUTE, period_ms, spread)).count()
    }

    #[test]
    fn each_partition_has_its_turn_once_in_a_period() {
        for spread in [0, 1, 17 * MINUTE, u64::MAX] {
            assert_eq!(turns(SHOWN_EACH_MAX_MS, spread), 4, "a day, {spread}");
            assert_eq!(turns(5 * MINUTE, spread), 288, "each round, {spread}");
        }
        let at = |spread| {
            is_turn(1_767_225_600_000, 5 * MINUTE, SHOWN_EACH_MAX_MS, SPREAD.wrapping_mul(spread))
        };
        let together = (0..7200).filter(|spread| at(*spread)).count();
        assert!((50..150).contains(&together), "{together} of 7,200 in one round");
    }

    #[test]
    fn short_times_of_a_topic_are_kept() {
        let config = |segment_ms, min_compaction_lag_ms| log::LogConfig {
            segment_ms,
            min_compaction_lag_ms,
            ..log::LogConfig::default()
        };
        assert_eq!(shown_each(&log::LogConfig::default(), 5 * MINUTE), SHOWN_EACH_MAX_MS);
        assert_eq!(shown_each(&config(60 * MINUTE, 0), 5 * MINUTE), 60 * MINUTE);
        assert_eq!(shown_each(&config(60 * MINUTE, 10 * MINUTE), 5 * MINUTE), 10 * MINUTE);
        assert_eq!(shown_each(&config(1, 0), 5 * MINUTE), 5 * MINUTE);
    }
}
