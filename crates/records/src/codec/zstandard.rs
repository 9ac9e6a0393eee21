//! Zstandard. Levels -131072 to 22; the default is the library's 3. The window of what is read may
//! be 8 MiB at most, which is what every level below 20 stays under; a decoder would otherwise
//! allocate what a frame declares.

use super::{Codec, CodecError, failed, read_capped};
use zstd::stream::read::Decoder;
use zstd::zstd_safe::CParameter;

/// Base-2 logarithm of the largest window that is read or written.
const WINDOW_LOG_MAX: u32 = 23;

pub(super) fn compress(bytes: &[u8], level: Option<i32>) -> Result<Vec<u8>, CodecError> {
    let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
    let attempt = || {
        let mut compressor = zstd::bulk::Compressor::new(level)?;
        // The highest levels would choose a window that we, and small clients, refuse to read.
        if level >= 20 {
            compressor.set_parameter(CParameter::WindowLog(WINDOW_LOG_MAX))?;
        }
        compressor.compress(bytes)
    };
    attempt().map_err(|error: std::io::Error| failed(Codec::Zstd, error))
}

pub(super) fn decompress(bytes: &[u8], cap: usize) -> Result<Vec<u8>, CodecError> {
    let malformed = |error| super::malformed(Codec::Zstd, error);
    let mut decoder = Decoder::with_buffer(bytes).map_err(malformed)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(malformed)?;
    read_capped(Codec::Zstd, decoder, bytes.len(), cap)
}
