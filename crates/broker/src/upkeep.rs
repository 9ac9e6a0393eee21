//! What happens by the clock and not on request: retention, checkpoints, forgetting old producers.
//!
//! Runs off the workers, one round at a time; a round that finds nothing to do costs a comparison a
//! partition.

use std::sync::Weak;
use std::time::Duration;

use crate::broker::Broker;

/// Runs the rounds until the broker is gone.
pub(crate) async fn run(broker: Weak<Broker>) {
    let mut since_retention = Duration::ZERO;
    loop {
        let Some((checkpoint, retention)) = broker.upgrade().map(|broker| broker.periods()) else {
            return;
        };
        let wait = checkpoint.min(retention);
        env::clock::sleep(wait).await;
        since_retention += wait;
        let retention_is_due = since_retention >= retention;
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
            for topic in self.topics.topics() {
                for partition in topic.partitions() {
                    partition.log().expire_producers();
                    match partition.log().apply_retention() {
                        // Closed: its topic was deleted since the topics were listed.
                        Ok(_) | Err(log::LogError::Closed) => {}
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
        if let Err(error) = self.log_dir.checkpoint() {
            tracing::error!(%error, "no checkpoint: the next start has more to check");
        }
    }
}
