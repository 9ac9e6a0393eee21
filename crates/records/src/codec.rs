//! The compression codecs of record batches, each in its own file, behind two functions.
//!
//! Decompression has a cap on its output and never allocates more than that plus one block of the
//! codec: what a peer sends decides neither. The caps on windows and blocks: zstd 8 MiB of window,
//! lz4 4 MiB of block, snappy by the declared length only where the input could produce it.

mod gzip;
mod lz4;
mod snappy;
mod zstandard;

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;
use thiserror::Error;

/// How the record section of a batch is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// Deflate in gzip members.
    Gzip,
    /// Snappy, raw or in the framing of the Java library.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Why bytes could not be compressed or decompressed.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The output would be larger than the caller allows.
    #[error("decompressed records take more than {cap} bytes")]
    TooLarge {
        /// What the caller allows.
        cap: usize,
    },
    /// The bytes are not what the codec writes, or are damaged.
    #[error("malformed {codec} data: {reason}")]
    Malformed {
        /// The codec.
        codec: Codec,
        /// What its library says.
        reason: String,
    },
    /// Compression failed, which only a lack of memory explains.
    #[error("{codec} compression failed: {reason}")]
    Compress {
        /// The codec.
        codec: Codec,
        /// What its library says.
        reason: String,
    },
    /// The compression level is not one of the codec's.
    #[error("{codec} has no compression level {level}, it has {min} to {max}")]
    BadLevel {
        /// The codec.
        codec: Codec,
        /// The level that was asked for.
        level: i32,
        /// The lowest level.
        min: i32,
        /// The highest level.
        max: i32,
    },
    /// No codec has this name.
    #[error("there is no compression codec '{name}', there are none, gzip, snappy, lz4 and zstd")]
    UnknownName {
        /// The name.
        name: String,
    },
}

impl Codec {
    /// All codecs, by number.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this number in the attributes of a batch.
    #[must_use]
    pub const fn from_id(id: i16) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its number in the attributes of a batch.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Its name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The lowest and highest compression level that Kafka's settings know, where there are levels.
    /// For gzip, -1 stands for the library's default.
    #[must_use]
    pub const fn levels(self) -> Option<(i32, i32)> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some((1, 9)),
            Self::Lz4 => Some((1, 17)),
            Self::Zstd => Some((-131_072, 22)),
        }
    }

    fn check_level(self, level: Option<i32>) -> Result<(), CodecError> {
        let (Some(level), Some((min, max))) = (level, self.levels()) else {
            return Ok(());
        };
        let default = self == Self::Gzip && level == -1;
        if default || (min..=max).contains(&level) {
            return Ok(());
        }
        Err(CodecError::BadLevel { codec: self, level, min, max })
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Codec {
    type Err = CodecError;

    fn from_str(name: &str) -> Result<Self, CodecError> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name() == name)
            .ok_or_else(|| CodecError::UnknownName { name: name.to_owned() })
    }
}

/// Compresses `bytes`, at the codec's default level where none is given.
///
/// The levels of lz4 are accepted and make no difference: the library has one.
pub fn compress(codec: Codec, level: Option<i32>, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    codec.check_level(level)?;
    match codec {
        Codec::None => Ok(bytes.to_vec()),
        Codec::Gzip => gzip::compress(bytes, level),
        Codec::Snappy => snappy::compress(bytes),
        Codec::Lz4 => lz4::compress(bytes),
        Codec::Zstd => zstandard::compress(bytes, level),
    }
}

/// Decompresses `bytes`, as long as that makes no more than `cap` bytes.
pub fn decompress(codec: Codec, bytes: &[u8], cap: usize) -> Result<Vec<u8>, CodecError> {
    match codec {
        Codec::None if bytes.len() > cap => Err(CodecError::TooLarge { cap }),
        Codec::None => Ok(bytes.to_vec()),
        Codec::Gzip => gzip::decompress(bytes, cap),
        Codec::Snappy => snappy::decompress(bytes, cap),
        Codec::Lz4 => lz4::decompress(bytes, cap),
        Codec::Zstd => zstandard::decompress(bytes, cap),
    }
}

/// The error for damaged input of `codec`.
fn malformed(codec: Codec, reason: impl fmt::Display) -> CodecError {
    CodecError::Malformed { codec, reason: reason.to_string() }
}

/// The error for a failure of the codec's library to compress.
fn failed(codec: Codec, reason: impl fmt::Display) -> CodecError {
    CodecError::Compress { codec, reason: reason.to_string() }
}

/// Reads all of `from`, whose input was `input_len` bytes, growing the output in few large steps, as each
/// needs the old and the new one at once, but never beyond `cap`.
fn read_capped(
    codec: Codec,
    mut from: impl Read,
    input_len: usize,
    cap: usize,
) -> Result<Vec<u8>, CodecError> {
    /// What the output begins with at least; most batches fit.
    const FIRST: usize = 4096;
    let mut out = vec![0; input_len.saturating_mul(4).max(FIRST).min(cap)];
    let mut len = 0;
    loop {
        if len == out.len() {
            if len >= cap {
                // Full. Fine when this is also the end.
                return match read_some(codec, &mut from, &mut [0])? {
                    0 => Ok(out),
                    _ => Err(CodecError::TooLarge { cap }),
                };
            }
            let grown = len.saturating_mul(4).min(cap);
            out.reserve_exact(grown - len);
            out.resize(grown, 0);
        }
        match read_some(codec, &mut from, out.get_mut(len..).unwrap_or_default())? {
            0 => {
                out.truncate(len);
                return Ok(out);
            }
            read => len += read,
        }
    }
}

fn read_some(codec: Codec, from: &mut impl Read, into: &mut [u8]) -> Result<usize, CodecError> {
    loop {
        match from.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(malformed(codec, error)),
            Ok(read) => return Ok(read),
        }
    }
}

#[cfg(test)]
mod tests;
