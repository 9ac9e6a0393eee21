//! Gzip: deflate in one or more members. Levels 1 to 9; the default is the library's 6.

use super::{Codec, CodecError, failed, read_capped};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::Write;

pub(super) fn compress(bytes: &[u8], level: Option<i32>) -> Result<Vec<u8>, CodecError> {
    let level = level
        .and_then(|level| u32::try_from(level).ok())
        .map_or_else(Compression::default, Compression::new);
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), level);
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map_err(|error| failed(Codec::Gzip, error))
}

pub(super) fn decompress(bytes: &[u8], cap: usize) -> Result<Vec<u8>, CodecError> {
    read_capped(Codec::Gzip, MultiGzDecoder::new(bytes), bytes.len(), cap)
}
