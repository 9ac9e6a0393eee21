//! The small files of a log as they would be written again, for fuzz targets and tests of other
//! crates: each function reads a file and gives what it would write for what it read, `None` where it
//! does not believe it. Their types stay private.

use uuid::Uuid;

use crate::checkpoint;
use crate::index::Index;
use crate::recovery::{metadata_text, parse_metadata};

/// Both index files of a segment of `size` bytes.
#[must_use]
pub fn index(offsets: &[u8], times: &[u8], size: u32) -> Option<(Vec<u8>, Vec<u8>)> {
    Some(Index::decode(offsets, times, size)?.encode())
}

/// An entry of a journal with a body of anyone's choice.
#[must_use]
pub fn journal_entry(directory: Uuid, sequence: u64, body: &[u8]) -> Vec<u8> {
    crate::journal::entry_of(directory, sequence, body)
}

/// A checkpoint of all partitions.
#[must_use]
pub fn checkpoint(bytes: &[u8]) -> Option<String> {
    let entries = checkpoint::decode(bytes).ok()?;
    Some(checkpoint::encode(entries.iter().map(|(key, offset)| (key, *offset))))
}

/// A `partition.metadata` file.
#[must_use]
pub fn partition_metadata(bytes: &[u8]) -> Option<String> {
    parse_metadata(bytes).map(metadata_text)
}
