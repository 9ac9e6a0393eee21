//! LZ4 in its frame format, one frame a batch as Kafka's clients write it: independent blocks of
//! 64 KiB. The library has one compression level. Frames that other clients write with linked or
//! larger blocks (4 MiB at most) are read as well; bytes after the frame are not, nor is the format
//! from before frames, which has blocks of 8 MiB and which no client writes.

use super::{Codec, CodecError, failed, read_capped};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::io::Write;

/// What a frame begins with.
const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();

pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(bytes.len() / 2));
    encoder.write_all(bytes).map_err(|error| failed(Codec::Lz4, error))?;
    encoder.finish().map_err(|error| failed(Codec::Lz4, error))
}

pub(super) fn decompress(bytes: &[u8], cap: usize) -> Result<Vec<u8>, CodecError> {
    if !bytes.starts_with(&MAGIC) {
        let reason = "it does not begin as an LZ4 frame does".to_owned();
        return Err(CodecError::Malformed { codec: Codec::Lz4, reason });
    }
    read_capped(Codec::Lz4, FrameDecoder::new(bytes), bytes.len(), cap)
}
