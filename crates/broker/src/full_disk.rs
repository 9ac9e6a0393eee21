//! Watching how full the disks are.
//!
//! [`LogDir`] refuses producers by itself when only the reserve is left; here it is measured
//! every second, which is also how the refusal ends when there is room again. While it lasts, upkeep runs
//! more often, so that what retention and deletes have given up leaves the disk soon.
//!
//! The same rounds have logs synced that lacked room, or a descriptor, for it, as soon as they may get it
//! ([`log::Syncer::retry_starved`]), and see to it that the last entry of a journal is proven once nothing
//! more comes ([`LogDir::prove`]).

use std::sync::{Arc, Weak};
use std::time::Duration;

use log::LogDir;

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
            storage.syncer.retry_starved();
            if !storage.dir.is_full() {
                prove(&storage.dir);
            }
        }
        if online.iter().any(|storage| storage.dir.is_full()) {
            if full_for.is_multiple_of(UPKEEP_EVERY) {
                broker.upkeep.ask_for_all();
            }
            full_for = full_for.wrapping_add(1);
        } else {
            full_for = 0;
        }
    }
}

/// Proves the last entry of the journal, if that is due. Nobody waits for it.
fn prove(dir: &Arc<LogDir>) {
    if !dir.is_proof_missing() {
        return;
    }
    let dir = dir.clone();
    tokio::task::spawn_blocking(move || match dir.prove() {
        // Without room the next round tries again; a folder that is fenced has said so.
        Err(error) if !error.is_full() && dir.fenced().is_none() => {
            tracing::warn!(folder = %dir.path().display(), %error, "the journal is not proven");
        }
        _ => {}
    });
}
