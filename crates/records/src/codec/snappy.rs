//! Snappy, in both forms that clients write: raw (librdkafka and others) and in the framing of the
//! Java library, which is a header and then blocks that are each preceded by their length.
//!
//! Written in the framing, with blocks of 32 KiB, as Kafka's broker does: the Java client and the
//! others all read that.

use super::{Codec, CodecError, failed, malformed};

/// What the framing begins with: a name, the version and the lowest version that can read it.
const FRAMING: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// The part of the framing that tells it from raw snappy.
const FRAMING_NAME_LEN: usize = 8;
/// Uncompressed bytes of a block.
const BLOCK_LEN: usize = 32 * 1024;
/// No input yields more than this many times its length: the densest element of the format makes
/// 64 bytes out of 3.
const EXPANSION_MAX: usize = 22;

pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut encoder = snap::raw::Encoder::new();
    let mut out = Vec::with_capacity(FRAMING.len() + bytes.len() / 2);
    out.extend_from_slice(&FRAMING);
    let mut block = vec![0; snap::raw::max_compress_len(bytes.len().min(BLOCK_LEN))];
    for chunk in bytes.chunks(BLOCK_LEN) {
        let len =
            encoder.compress(chunk, &mut block).map_err(|error| failed(Codec::Snappy, error))?;
        let len_field = u32::try_from(len).map_err(|error| failed(Codec::Snappy, error))?;
        out.extend_from_slice(&len_field.to_be_bytes());
        out.extend_from_slice(block.get(..len).unwrap_or_default());
    }
    Ok(out)
}

pub(super) fn decompress(bytes: &[u8], cap: usize) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    let Some(mut rest) = after_framing(bytes) else {
        decompress_block(bytes, &mut out, cap)?;
        return Ok(out);
    };
    while !rest.is_empty() {
        // The Java library writes the header again where streams were joined.
        if let Some(after) = after_framing(rest) {
            rest = after;
            continue;
        }
        let Some((len, after)) = rest.split_first_chunk::<4>() else {
            return Err(malformed(Codec::Snappy, "a block length is cut off"));
        };
        let len = u32::from_be_bytes(*len);
        let block = usize::try_from(len).ok().and_then(|len| after.split_at_checked(len));
        let Some((block, after)) = block else {
            return Err(malformed(
                Codec::Snappy,
                format_args!("a block of {len} bytes is cut off"),
            ));
        };
        decompress_block(block, &mut out, cap)?;
        rest = after;
    }
    Ok(out)
}

fn after_framing(bytes: &[u8]) -> Option<&[u8]> {
    let (header, rest) = bytes.split_first_chunk::<{ FRAMING.len() }>()?;
    header.starts_with(&FRAMING[..FRAMING_NAME_LEN]).then_some(rest)
}

/// Appends what one raw block makes.
fn decompress_block(block: &[u8], out: &mut Vec<u8>, cap: usize) -> Result<(), CodecError> {
    let len = snap::raw::decompress_len(block).map_err(|error| malformed(Codec::Snappy, error))?;
    let start = out.len();
    if len > cap.saturating_sub(start) {
        return Err(CodecError::TooLarge { cap });
    }
    if len > block.len().saturating_mul(EXPANSION_MAX) {
        return Err(malformed(
            Codec::Snappy,
            format_args!("{} bytes cannot make the declared {len}", block.len()),
        ));
    }
    out.resize(start + len, 0);
    snap::raw::Decoder::new()
        .decompress(block, out.get_mut(start..).unwrap_or_default())
        .map_err(|error| malformed(Codec::Snappy, error))?;
    Ok(())
}
