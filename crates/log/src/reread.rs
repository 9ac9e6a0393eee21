//! The small files of a log as they would be written again, for fuzz targets and tests of other
//! crates: each function reads a file and gives what it would write for what it read, `None` where it
//! does not believe it. Their types stay private.

use records::Offset;
use uuid::Uuid;

use crate::catalogue::{Catalogue, Rest};
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

/// A catalogue.
#[must_use]
pub fn catalogue(bytes: &[u8]) -> Option<Vec<u8>> {
    Catalogue::decode(bytes).ok().map(|known| known.encode())
}

/// A catalogue that needs nothing of the journal and says of every partition that it rests, up to
/// `end`, with this last segment.
#[must_use]
pub fn catalogue_at_rest(
    bytes: &[u8],
    end: Offset,
    last_base: Offset,
    last_size: u32,
) -> Option<Vec<u8>> {
    let mut known = Catalogue::decode(bytes).ok()?;
    known.journal_start = u64::MAX / 2;
    for listed in known.topics.values_mut().flat_map(|topic| topic.partitions.values_mut()) {
        listed.marks.recovery_point = end;
        listed.marks.durable_end = end;
        listed.rest =
            Some(Rest { last_base, last_size, bytes: u64::from(last_size), oldest: None });
    }
    Some(known.encode())
}

/// A `partition.metadata` file.
#[must_use]
pub fn partition_metadata(bytes: &[u8]) -> Option<String> {
    parse_metadata(bytes).map(metadata_text)
}
