//! Snapshots: an image as records, with its place in the log, in one checksummed file.
//!
//! The newest two are kept, and the log from the older one on (see [`super::writer`]), so that a
//! damaged snapshot costs a longer replay and nothing else.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::Disk;
use records::crc::crc32c;

use super::FileError;
use super::bytes::Cursor;
use super::entry::{
    put_log_id, put_membership, put_records, take_log_id, take_membership, take_records,
};
use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::quorum::types::{LogId, SnapshotMeta, StoredMembership};
use crate::{Image, NodeId};

const MAGIC: [u8; 8] = *b"WALSSNAP";
const VERSION: u16 = 1;
const KEPT: usize = 2;

/// An image with its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) last: Option<LogId>,
    pub(crate) voters: StoredMembership,
    pub(crate) image: Arc<Image>,
}

impl Snapshot {
    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.last,
            last_membership: self.voters.clone(),
            snapshot_id: self.last.map_or_else(|| "0".to_owned(), |last| last.to_string()),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        put_log_id(self.last.as_ref(), &mut bytes);
        put_membership(&self.voters, &mut bytes);
        bytes.push(u8::from(self.image.controller().is_some()));
        bytes.extend(self.image.controller().unwrap_or_default().0.to_be_bytes());
        bytes.extend(self.image.version().to_be_bytes());
        put_records(&self.image.to_records(), &mut bytes);
        let crc = crc32c(&bytes);
        bytes.extend(crc.to_be_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Snapshot, String> {
        let (covered, crc) = bytes
            .len()
            .checked_sub(4)
            .and_then(|cut| bytes.split_at_checked(cut))
            .ok_or("snapshot is cut short")?;
        if crc32c(covered).to_be_bytes() != crc {
            return Err("the snapshot's checksum does not match".to_owned());
        }
        let mut cursor = Cursor(covered);
        if cursor.take(MAGIC.len()) != Some(&MAGIC) {
            return Err("not a snapshot of a metadata log".to_owned());
        }
        let version = cursor.u16();
        if version != Some(VERSION) {
            return Err(format!("format version {version:?}, this broker reads {VERSION}"));
        }
        let short = || "snapshot is cut short".to_owned();
        let last = take_log_id(&mut cursor).ok_or_else(short)?;
        let voters = take_membership(&mut cursor)?;
        let has_controller = cursor.u8().ok_or_else(short)? == 1;
        let controller = NodeId(cursor.i32().ok_or_else(short)?);
        let at = cursor.u64().ok_or_else(short)?;
        let records = take_records(&mut cursor)?;
        let (image, _) = Image::default().try_apply(&records).map_err(|error| error.to_string())?;
        let image = Arc::new(image.at(at, has_controller.then_some(controller)));
        Ok(Snapshot { last, voters, image })
    }
}

pub(crate) fn path(dir: &Path, last: Option<LogId>) -> PathBuf {
    let (index, term) = last.map_or((0, 0), |last| (last.index, last.leader_id.term));
    dir.join(format!("{index:020}-{term:020}.snapshot"))
}

/// Index and path of every snapshot, newest first.
fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<(u64, PathBuf)>, FileError> {
    let names = disk.read_dir(dir).map_err(FileError::io(dir))?;
    let mut found: Vec<(u64, PathBuf)> = names
        .iter()
        .filter_map(|entry| {
            let (index, _) = entry.name.strip_suffix(".snapshot")?.split_once('-')?;
            Some((index.parse().ok()?, dir.join(&entry.name)))
        })
        .collect();
    found.sort();
    found.reverse();
    Ok(found)
}

/// Makes a snapshot durable and removes those nobody needs. Gives the index from which on the log
/// must be kept: that of the oldest snapshot kept.
pub(crate) fn write(
    disk: &dyn Disk,
    dir: &Path,
    last: Option<LogId>,
    content: &[u8],
) -> Result<Option<u64>, FileError> {
    let path = path(dir, last);
    disk.replace(&path, content).map_err(FileError::io(&path))?;
    for (_, old) in list(disk, dir)?.iter().skip(KEPT) {
        match disk.remove_file(old) {
            // It is gone, which is what was wanted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(FileError::io(old))?,
        }
    }
    kept_from(disk, dir)
}

/// See [`write()`]. `None` while there are fewer snapshots than are kept: then all of the log is.
pub(crate) fn kept_from(disk: &dyn Disk, dir: &Path) -> Result<Option<u64>, FileError> {
    Ok(list(disk, dir)?.get(KEPT - 1).map(|(index, _)| *index))
}

/// The newest snapshot that checks.
pub(crate) fn read_newest(disk: &dyn Disk, dir: &Path) -> Result<Option<Snapshot>, FileError> {
    let mut damage = None;
    for (_, path) in list(disk, dir)? {
        let bytes = disk.read(&path, SNAPSHOT_BYTES_MAX).map_err(FileError::io(&path))?;
        match Snapshot::decode(&bytes) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            Err(reason) => {
                tracing::warn!(
                    file = %path.display(),
                    reason,
                    "metadata snapshot is damaged; the one before is used"
                );
                damage.get_or_insert_with(|| FileError::damaged(&path, 0, reason));
            }
        }
    }
    damage.map_or(Ok(None), Err)
}
