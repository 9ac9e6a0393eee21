//! One read of a log, as both kinds of trial make it: what comes back are whole batches whose checksums
//! hold.

use log::Log;
use records::{Batch, Offset, batches};

/// Reads once from `at`, and has `each` look at every batch and its records, which are not compressed any
/// more. Returns where the slice says that reading goes on.
pub fn read(
    log: &Log,
    at: Offset,
    end: Offset,
    bytes_max: usize,
    mut each: impl FnMut(&Batch<'_>, &[u8]) -> Result<(), String>,
) -> Result<Offset, String> {
    let slice =
        log.read(at, end, bytes_max, true).map_err(|error| format!("read {at}: {error}"))?;
    let bytes = slice.load().map_err(|error| format!("load {at}: {error}"))?;
    if bytes.is_empty() {
        return Err(format!("nothing to read at {at} before the end {end}"));
    }
    for batch in batches(&bytes) {
        let batch = batch.map_err(|error| format!("a batch after {at}: {error}"))?;
        batch.check_crc().map_err(|error| format!("a batch after {at}: {error}"))?;
        let section = batch.uncompressed_records(1 << 20).map_err(|error| error.to_string())?;
        each(&batch, &section)?;
    }
    Ok(slice.next)
}
