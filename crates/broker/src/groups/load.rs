//! Replays a partition of the offsets topic into a machine.

use std::sync::Arc;

use coordinators::{GroupConfig, GroupShard};
use log::ReadError;
use records::{Offset, batches};
use replication::Partition;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Group records are small; a batch that unpacks to more than this is damaged.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The machine that the log's records make, and the end of the log.
pub(super) fn replay(
    partition: &Arc<Partition>,
    config: GroupConfig,
) -> Result<(GroupShard, Offset), String> {
    let log = partition.log().map_err(|error| error.to_string())?;
    let mut machine = GroupShard::new(config);
    let mut at = log.log_start();
    let end = log.log_end();
    while at < end {
        let slice = match log.read(at, end, CHUNK_BYTES, true) {
            Ok(slice) => slice,
            Err(ReadError::Quarantined { damage, .. }) => {
                // Offsets that were committed there are as they were before, which the guide says.
                tracing::error!(
                    partition = partition.id().index, first = %damage.first, end = %damage.end,
                    "committed offsets are damaged: some groups begin further back"
                );
                at = damage.end;
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let bytes = slice.load().map_err(|error| error.to_string())?;
        if bytes.is_empty() {
            return Err(format!("nothing can be read at offset {at}, below the log end {end}"));
        }
        for batch in batches(&bytes) {
            let batch = batch.map_err(|error| error.to_string())?;
            at = batch.header.next_offset();
            if batch.header.attributes.is_control() {
                continue;
            }
            let unpacked = batch
                .uncompressed_records(BATCH_BYTES_MAX)
                .map_err(|error| format!("batch at {}: {error}", batch.header.base_offset))?;
            for record in batch.records(&unpacked) {
                let record = record
                    .map_err(|error| format!("batch at {}: {error}", batch.header.base_offset))?;
                if let Some(key) = record.key {
                    machine.replay(key, record.value);
                }
            }
        }
    }
    Ok((machine, end))
}
