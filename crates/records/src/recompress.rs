//! The same batch under another codec, for topics whose setting asks for one.
//!
//! Records are not decoded: the uncompressed section stays as it is, only its compressed form, the
//! codec bits, the length and the checksum change.

use crate::builder::{self, BuildError};
use crate::{Batch, Codec, CodecError};
use thiserror::Error;

/// Why a batch cannot be compressed anew.
#[derive(Debug, Error)]
pub enum RecompressError {
    /// The records could not be decompressed.
    #[error(transparent)]
    Decompress(CodecError),
    /// The records could not be compressed.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// `batch` compressed with `codec`; decompressing it may take `cap` bytes at most.
pub fn recompress(
    batch: &Batch<'_>,
    codec: Codec,
    level: Option<i32>,
    cap: usize,
) -> Result<Vec<u8>, RecompressError> {
    let records = batch.uncompressed_records(cap).map_err(RecompressError::Decompress)?;
    Ok(recompress_section(batch, codec, level, &records)?)
}

/// The same, where the records have been decompressed already.
pub fn recompress_section(
    batch: &Batch<'_>,
    codec: Codec,
    level: Option<i32>,
    records: &[u8],
) -> Result<Vec<u8>, BuildError> {
    let mut header = batch.header;
    header.attributes = header.attributes.with_codec(codec);
    builder::assemble(header, level, records)
}
