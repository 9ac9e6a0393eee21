//! Watching how full the disks are.
//!
//! [`LogDir`](log::LogDir) refuses producers by itself when only the reserve is left; here it is measured
//! every second, which is also how the refusal ends when there is room again. While it lasts, upkeep runs
//! more often, so that what retention and deletes have given up leaves the disk soon.

use std::sync::Weak;
use std::time::Duration;

use crate::broker::Broker;

const MEASURED_EVERY: Duration = Duration::from_secs(1);

/// On a full disk upkeep runs once in this many measurements.
const UPKEEP_EVERY: u32 = 10;

/// Runs until the broker is gone.
pub(crate) async fn watch(broker: Weak<Broker>) {
    let mut full_for: u32 = 0;
    loop {
        env::clock::sleep(MEASURED_EVERY).await;
        let Some(broker) = broker.upgrade() else { return };
        let online = broker.folders.online();
        for storage in online {
            // One system call that reads no disk, so it is made right here.
            storage.dir.measure_space();
            if !storage.dir.is_full() {
                storage.syncer.retry_starved();
            }
        }
        if online.iter().any(|storage| storage.dir.is_full()) {
            if full_for.is_multiple_of(UPKEEP_EVERY) {
                broker.upkeep_due.notify_one();
            }
            full_for = full_for.wrapping_add(1);
        } else {
            full_for = 0;
        }
    }
}
