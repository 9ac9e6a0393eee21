//! The vote: which leader this node has promised itself to. One small file, always replaced whole.

use std::path::{Path, PathBuf};

use env::Disk;
use records::crc::crc32c;

use super::FileError;
use super::bytes::Cursor;
use crate::NodeId;
use crate::quorum::types::Vote;

const MAGIC: [u8; 8] = *b"WALSVOTE";
const VERSION: u16 = 1;
const LEN: usize = 8 + 2 + 8 + 4 + 1 + 4;

fn path(dir: &Path) -> PathBuf {
    dir.join("vote")
}

pub(crate) fn write(disk: &dyn Disk, dir: &Path, vote: &Vote) -> Result<(), FileError> {
    let mut bytes = Vec::with_capacity(LEN);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend(vote.leader_id.term.to_be_bytes());
    bytes.extend(vote.leader_id.node_id.0.to_be_bytes());
    bytes.push(u8::from(vote.committed));
    let crc = crc32c(&bytes);
    bytes.extend(crc.to_be_bytes());
    let path = path(dir);
    disk.replace(&path, &bytes).map_err(FileError::io(&path))
}

/// `None` when nothing was ever promised.
pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Vote>, FileError> {
    let path = path(dir);
    if !disk.exists(&path) {
        return Ok(None);
    }
    let bytes = disk.read(&path, 4_096).map_err(FileError::io(&path))?;
    let (covered, crc) = match bytes.split_at_checked(LEN - 4) {
        Some((covered, crc)) if crc32c(covered).to_be_bytes() == crc => (covered, crc),
        _ => return Err(FileError::damaged(&path, 0, "the vote's checksum does not match")),
    };
    debug_assert_eq!(crc.len(), 4);
    let mut cursor = Cursor(covered);
    let vote = (|| {
        let magic = cursor.take(MAGIC.len())?;
        if magic != MAGIC || cursor.u16()? != VERSION {
            return None;
        }
        let mut vote = Vote::new(cursor.u64()?, NodeId(cursor.i32()?));
        vote.committed = cursor.u8()? == 1;
        Some(vote)
    })();
    match vote {
        Some(vote) => Ok(Some(vote)),
        None => Err(FileError::damaged(&path, 0, "not a vote of a format this broker reads")),
    }
}
