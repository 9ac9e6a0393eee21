//! How far the log is known to be durable: one small file beside the segments, written in place.
//!
//! A frame is known to have been acknowledged by the frame behind it; the last of all has none. So this
//! says after each sync which byte of which segment is durable. It is not synced itself, so that nobody
//! waits for it: a process that is killed leaves the newest, a loss of power perhaps an older one, or
//! none that checks. Each was true when it was written and stays true, as no durable byte of the log is
//! written over and no number of a segment that had such a byte is used again: an old one claims less,
//! and one that does not check claims nothing.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};
use records::crc::crc32c;

use super::FileError;
use super::bytes::Cursor;

const MAGIC: [u8; 8] = *b"WALSDEND";
const VERSION: u16 = 1;
/// Magic, version, sequence, length, checksum.
const LEN: usize = 8 + 2 + 8 + 8 + 4;

/// Everything in segments before this one, and so many bytes of this one, is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DurableEnd {
    /// The segment's.
    pub(crate) sequence: u64,
    /// Bytes of it, its header counted in.
    pub(crate) len: u64,
}

pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("durable-end")
}

impl DurableEnd {
    fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.len.to_be_bytes());
        let crc = crc32c(&bytes);
        bytes.extend(crc.to_be_bytes());
        bytes
    }

    /// `None` when it is torn, damaged, or of a version that is not known.
    fn decode(bytes: &[u8]) -> Option<DurableEnd> {
        let (covered, crc) = bytes.split_at_checked(LEN - 4)?;
        if crc32c(covered).to_be_bytes() != crc {
            return None;
        }
        let mut cursor = Cursor(covered);
        if cursor.take(MAGIC.len())? != MAGIC || cursor.u16()? != VERSION {
            return None;
        }
        Some(DurableEnd { sequence: cursor.u64()?, len: cursor.u64()? })
    }
}

/// What was last claimed; `None` when nothing was, or it does not check.
pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<DurableEnd>, FileError> {
    let path = path(dir);
    if !disk.exists(&path) {
        return Ok(None);
    }
    let mut bytes = [0; LEN];
    let file = disk.open(&path, OpenMode::Read).map_err(FileError::io(&path))?;
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(FileError::io(&path)(error)),
    }
    Ok(DurableEnd::decode(&bytes))
}

/// Where it is claimed, held open.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    file: Option<Arc<dyn File>>,
    /// The last one could not be written, which was said.
    failed: bool,
}

impl Claims {
    /// Claims what was synced. What it is of is safe without it, so a failure is only said.
    pub(crate) fn put(&mut self, disk: &dyn Disk, dir: &Path, end: DurableEnd) {
        let put = self.try_put(disk, dir, end);
        if let Err(error) = &put
            && !self.failed
        {
            tracing::warn!(
                file = %path(dir).display(), %error,
                "damage to the last entry of the metadata log would look like a crash until this can \
                 be written again"
            );
        }
        self.failed = put.is_err();
    }

    fn try_put(&mut self, disk: &dyn Disk, dir: &Path, end: DurableEnd) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(disk.open(&path(dir), OpenMode::Create)?),
        };
        file.write_all_at(&[IoSlice::new(&end.encode())], 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_these_and_any_flipped_bit_is_seen() {
        let end = DurableEnd { sequence: 3, len: 0x0102 };
        let bytes = end.encode();
        let pinned = b"WALSDEND\x00\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\x01\x02";
        assert_eq!(bytes.split_at(LEN - 4).0, pinned);
        assert_eq!(bytes[LEN - 4..], crc32c(pinned).to_be_bytes());
        assert_eq!(DurableEnd::decode(&bytes), Some(end));
        for bit in 0..LEN * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(DurableEnd::decode(&flipped), None, "bit {bit}");
        }
        for len in 0..LEN {
            assert_eq!(DurableEnd::decode(&bytes[..len]), None, "{len} bytes");
        }
    }
}
