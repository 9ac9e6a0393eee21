//! What happens by the clock and not on request: retention, checkpoints, forgetting old producers.
//!
//! Runs off the workers, one round at a time; a round that finds nothing to do costs a comparison a
//! partition.

use std::sync::{Arc, Weak};
use std::time::Duration;

use replication::Partition;

use crate::broker::Broker;

/// Runs the rounds until the broker is gone.
pub(crate) async fn run(broker: Weak<Broker>) {
    let mut since_retention = Duration::ZERO;
    loop {
        let Some((checkpoint, retention)) = broker.upgrade().map(|broker| broker.periods()) else {
            return;
        };
        let wait = checkpoint.min(retention);
        let Some(due) = broker.upgrade().map(|broker| broker.upkeep_due.clone()) else { return };
        let asked_for = env::clock::timeout(wait, due.notified()).await.is_some();
        since_retention += wait;
        let retention_is_due = asked_for || since_retention >= retention;
        if retention_is_due {
            since_retention = Duration::ZERO;
        }
        let Some(broker) = broker.upgrade() else { return };
        let round = tokio::task::spawn_blocking(move || broker.round(retention_is_due));
        if let Err(error) = round.await {
            tracing::error!(%error, "a round of upkeep ended early");
        }
    }
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

    fn round(&self, retention_is_due: bool) {
        if retention_is_due {
            let now = self.env.clock.wall_ms();
            for topic in self.topics.topics() {
                for partition in topic.partitions() {
                    match self.retain(&partition, now) {
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
        }
        self.log_dir().rest_unused();
        if let Err(error) = self.log_dir().checkpoint() {
            tracing::error!(%error, "no checkpoint: the next start has more to check");
        }
    }

    /// Retention of one partition; one that rests is opened only when something of it is old.
    fn retain(&self, partition: &Arc<Partition>, now: i64) -> Result<(), log::LogError> {
        let log = match partition.open_log() {
            Some(log) => log,
            None => {
                let id = partition.id();
                let resting = self.log_dir().resting(id.topic_id.0, id.index);
                let config = partition.config();
                // What compaction may do with a log that rests depends on time too: it is shown all.
                let due = |log: log::Resting| {
                    log.may_be_deleted(&config, now) || (config.cleanup.compact && log.bytes > 0)
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
}
