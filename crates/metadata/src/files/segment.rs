//! A log segment's bytes: a header, then frames.
//!
//! A frame is what one append wrote and one sync made durable: it is there whole or it was never
//! acknowledged. A segment says with `previous` where the log stood when it was begun; whatever older
//! segments hold beyond that place is void. So a conflict with a new leader is resolved by beginning a
//! segment, and no byte that was ever durable is written over.

use std::path::{Path, PathBuf};

use records::crc::{crc32c, crc32c_parts};

use super::FileError;
use super::bytes::{Cursor, put_sized};
use super::entry::{self, put_log_id, take_log_id};
use crate::limits::FRAME_BYTES_MAX;
use crate::quorum::types::{Entry, LogId};

const MAGIC: [u8; 8] = *b"WALSMETA";
const VERSION: u16 = 1;
const FRAME_MAGIC: [u8; 4] = *b"WMFR";

/// Magic, version, origin, sequence, previous, checksum.
pub(crate) const HEADER_LEN: usize = 8 + 2 + 1 + 8 + 21 + 4;
/// Magic, length, checksum.
const FRAME_HEADER_LEN: usize = 4 + 4 + 4;

/// Why a segment was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The one before was full, or there was none.
    Full,
    /// Entries beyond `previous` were taken back.
    TakenBack,
    /// A snapshot beyond the end of the log was installed; the log goes on behind it.
    Snapshot,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) sequence: u64,
    pub(crate) origin: Origin,
    /// The entry before this segment's first.
    pub(crate) previous: Option<LogId>,
}

pub(crate) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:020}.log"))
}

/// The sequence in a segment's name.
pub(crate) fn sequence(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.push(match self.origin {
            Origin::Full => 0,
            Origin::TakenBack => 1,
            Origin::Snapshot => 2,
        });
        bytes.extend(self.sequence.to_be_bytes());
        put_log_id(self.previous.as_ref(), &mut bytes);
        let crc = crc32c(&bytes);
        bytes.extend(crc.to_be_bytes());
        bytes
    }

    /// `None` when the header does not check; an error when it does and is not for us.
    pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<Option<Header>, FileError> {
        let Some((covered, crc)) =
            bytes.get(..HEADER_LEN).and_then(|header| header.split_at_checked(HEADER_LEN - 4))
        else {
            return Ok(None);
        };
        if crc32c(covered).to_be_bytes() != crc {
            return Ok(None);
        }
        let mut cursor = Cursor(covered);
        if cursor.take(MAGIC.len()) != Some(&MAGIC) {
            return Err(FileError::damaged(path, 0, "not a segment of a metadata log"));
        }
        let version = cursor.u16();
        if version != Some(VERSION) {
            let reason = format!("format version {version:?}, this broker reads {VERSION}");
            return Err(FileError::damaged(path, MAGIC.len(), reason));
        }
        let fields = (|| {
            let origin = match cursor.u8()? {
                0 => Origin::Full,
                1 => Origin::TakenBack,
                2 => Origin::Snapshot,
                _ => return None,
            };
            let sequence = cursor.u64()?;
            Some(Header { sequence, origin, previous: take_log_id(&mut cursor)? })
        })();
        match fields {
            Some(header) => Ok(Some(header)),
            None => Err(FileError::damaged(path, 0, "header with impossible fields")),
        }
    }
}

/// The bytes of one append. Entries are consecutive.
pub(crate) fn encode_frame(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = vec![0; FRAME_HEADER_LEN];
    let first = entries.first().map_or(0, |entry| entry.log_id.index);
    bytes.extend(first.to_be_bytes());
    bytes.extend(u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
    for entry in entries {
        put_sized(&mut bytes, |bytes| entry::encode(entry, bytes));
    }
    if let Some((header, body)) = bytes.split_at_mut_checked(FRAME_HEADER_LEN) {
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        let crc = crc32c_parts(&[&len, body]).to_be_bytes();
        header.copy_from_slice(&[FRAME_MAGIC, len, crc].concat());
    }
    bytes
}

/// The frame at the start of `bytes`: its body and its whole length, if it checks.
pub(crate) fn frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut cursor = Cursor(bytes);
    if cursor.take(4)? != FRAME_MAGIC {
        return None;
    }
    let len = cursor.take(4)?;
    let crc = cursor.u32()?;
    let count = usize::try_from(Cursor(len).u32()?).ok()?;
    if count > FRAME_BYTES_MAX {
        return None;
    }
    let body = cursor.take(count)?;
    (crc32c_parts(&[len, body]) == crc).then_some((body, FRAME_HEADER_LEN + count))
}

/// Whether any place in `bytes` begins a frame that checks.
pub(crate) fn any_frame(bytes: &[u8]) -> bool {
    let magic_at =
        |place: &usize| bytes.get(*place..).is_some_and(|rest| rest.starts_with(&FRAME_MAGIC));
    (0..bytes.len())
        .filter(magic_at)
        .any(|place| bytes.get(place..).is_some_and(|rest| frame(rest).is_some()))
}

/// The entries of a frame's body.
pub(crate) fn entries(body: &[u8]) -> Result<Vec<Entry>, String> {
    let mut cursor = Cursor(body);
    let short = || "frame is cut short".to_owned();
    let first = cursor.u64().ok_or_else(short)?;
    let count = cursor.u32().ok_or_else(short)?;
    let mut entries = Vec::new();
    for place in 0..u64::from(count) {
        let bytes = cursor.sized().ok_or_else(short)?;
        let index = first.checked_add(place).ok_or("entry index beyond all numbers")?;
        entries.push(entry::decode(bytes, index)?);
    }
    if cursor.0.is_empty() { Ok(entries) } else { Err("frame has bytes too many".to_owned()) }
}
