//! From files to a log: what is whole is read, a tail that was never acknowledged is cut, anything
//! else that does not check is refused.
//!
//! How the two are told apart: one append is one frame and one sync, and the next is begun after the
//! sync. So a frame that does not check is unacknowledged only if nothing that checks follows it, in
//! this segment or a later one, and it lies beyond what is known to be durable ([`durable_end`]).

use std::collections::VecDeque;
use std::path::Path;

use env::Disk;
use env::disk::OpenMode;

use super::FileError;
use super::durable_end::{self, Claims, DurableEnd};
use super::segment::{self, HEADER_LEN, Header, Origin};
use crate::limits::{FRAME_BYTES_MAX, SEGMENT_BYTES_MAX};
use crate::quorum::types::{Entry, LogId};

/// A segment that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) sequence: u64,
    /// The highest index that was ever in it.
    pub(crate) last_index: Option<u64>,
    pub(crate) len: u64,
}

/// The log as found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) segments: VecDeque<Segment>,
    /// The entry before the first that is there.
    pub(crate) purged: Option<LogId>,
    /// Consecutive.
    pub(crate) entries: VecDeque<Entry>,
}

/// Reads all segments and cuts an unacknowledged tail.
pub(crate) fn recover(disk: &dyn Disk, dir: &Path) -> Result<Recovered, FileError> {
    let mut sequences: Vec<u64> = disk
        .read_dir(dir)
        .map_err(FileError::io(dir))?
        .iter()
        .filter_map(|entry| segment::sequence(&entry.name))
        .collect();
    sequences.sort_unstable();
    let durable = durable_end::read(disk, dir)?;
    if let Some(end) = durable.filter(|end| sequences.last() < Some(&end.sequence)) {
        let path = segment::path(dir, end.sequence);
        return Err(FileError::damaged(&path, 0, "the segment is missing"));
    }
    let mut log = Recovered::default();
    for (place, sequence) in sequences.iter().enumerate() {
        let path = segment::path(dir, *sequence);
        if place > 0 && sequences.get(place - 1) != sequence.checked_sub(1).as_ref() {
            return Err(FileError::damaged(&path, 0, "the segment before it is missing"));
        }
        let durable = durable.filter(|end| end.sequence == *sequence);
        log.read(disk, dir, *sequence, place + 1 == sequences.len(), durable)?;
    }
    Ok(log)
}

/// Makes durable what was read. A process that was killed may have left bytes and names that the
/// kernel knows and the disk does not; what is built on them must not outlive them.
pub(crate) fn settle(disk: &dyn Disk, dir: &Path, log: &Recovered) -> Result<(), FileError> {
    // A segment is begun after everything in those before it was synced.
    if let Some(newest) = log.segments.back() {
        let path = segment::path(dir, newest.sequence);
        let file = disk.open(&path, OpenMode::Write).map_err(FileError::io(&path))?;
        file.sync_data().map_err(FileError::io(&path))?;
    }
    disk.sync_dir(dir).map_err(FileError::io(dir))?;
    // The folder's own name, until something in it was acknowledged.
    if log.last().is_none()
        && let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty())
    {
        disk.sync_dir(parent).map_err(FileError::io(parent))?;
    }
    // Only now, as what it says must hold for the names, too.
    if let Some(Segment { sequence, len, .. }) = log.segments.back() {
        let end = DurableEnd { sequence: *sequence, len: *len };
        Claims::default().put(disk, dir, end);
    }
    Ok(())
}

impl Recovered {
    pub(crate) fn last(&self) -> Option<LogId> {
        self.entries.back().map(|entry| entry.log_id).or(self.purged)
    }

    fn read(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        sequence: u64,
        newest: bool,
        durable: Option<DurableEnd>,
    ) -> Result<(), FileError> {
        let path = segment::path(dir, sequence);
        let bytes_max = SEGMENT_BYTES_MAX + u64::try_from(FRAME_BYTES_MAX).unwrap_or(u64::MAX);
        let bytes = disk.read(&path, bytes_max).map_err(FileError::io(&path))?;
        let Some(header) = Header::decode(&path, &bytes)? else {
            if newest && durable.is_none() && !segment::any_frame(&bytes) {
                // It was being begun. Removing it lets its number be used again.
                tracing::info!(file = %path.display(), "unfinished segment removed");
                disk.remove_file(&path).map_err(FileError::io(&path))?;
                return disk.sync_dir(dir).map_err(FileError::io(dir));
            }
            return Err(FileError::damaged(&path, 0, "the header's checksum does not match"));
        };
        if header.sequence != sequence {
            let reason = format!("the header says segment {}", header.sequence);
            return Err(FileError::damaged(&path, 0, reason));
        }
        self.go_on_from(&header, &path)?;
        let mut position = HEADER_LEN;
        let mut last_index = None;
        while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
            let Some((body, len)) = segment::frame(rest) else {
                check_reaches(durable, &path, position)?;
                let behind = rest.get(1..).unwrap_or_default();
                if !newest || segment::any_frame(behind) {
                    let reason = "a frame's checksum does not match and acknowledged ones follow";
                    return Err(FileError::damaged(&path, position, reason));
                }
                tracing::info!(
                    file = %path.display(),
                    position,
                    bytes = rest.len(),
                    "unacknowledged end of the metadata log cut"
                );
                cut(disk, &path, position)?;
                break;
            };
            let entries = segment::entries(body)
                .map_err(|reason| FileError::damaged(&path, position, reason))?;
            for entry in entries {
                let index = entry.log_id.index;
                if self.last().is_some_and(|last| last.index.checked_add(1) != Some(index)) {
                    let reason = format!("entry {index} does not follow {:?}", self.last());
                    return Err(FileError::damaged(&path, position, reason));
                }
                last_index = Some(index);
                self.entries.push_back(entry);
            }
            position += len;
        }
        check_reaches(durable, &path, position)?;
        self.segments.push_back(Segment {
            sequence,
            last_index,
            len: u64::try_from(position).unwrap_or(u64::MAX),
        });
        Ok(())
    }

    /// Takes the log to where a segment was begun.
    fn go_on_from(&mut self, header: &Header, path: &Path) -> Result<(), FileError> {
        let (ours, theirs) = (self.last(), header.previous);
        if self.segments.is_empty() || header.origin == Origin::Snapshot {
            self.entries.clear();
            self.purged = theirs;
            return Ok(());
        }
        let fits = match header.origin {
            Origin::Full | Origin::Snapshot => ours == theirs,
            Origin::TakenBack => theirs.map(|id| id.index) < ours.map(|id| id.index),
        };
        if !fits {
            let reason = format!("the segment follows {theirs:?}, the log ends at {ours:?}");
            return Err(FileError::damaged(path, 0, reason));
        }
        let keep = theirs.map(|id| id.index);
        while self.entries.back().is_some_and(|entry| Some(entry.log_id.index) > keep) {
            self.entries.pop_back();
        }
        if self.last() != theirs {
            if self.entries.is_empty() {
                // Everything that is left of the older segments was taken back.
                self.purged = theirs;
            } else {
                let reason = format!("the segment follows {theirs:?}, which is not in the log");
                return Err(FileError::damaged(path, 0, reason));
            }
        }
        Ok(())
    }
}

/// Refuses a segment of which less is left than is known to be durable.
fn check_reaches(
    durable: Option<DurableEnd>,
    path: &Path,
    position: usize,
) -> Result<(), FileError> {
    match durable {
        Some(end) if u64::try_from(position).is_ok_and(|position| position < end.len) => {
            let reason = format!("bytes up to {} were durable, as durable-end says", end.len);
            Err(FileError::damaged(path, position, reason))
        }
        _ => Ok(()),
    }
}

fn cut(disk: &dyn Disk, path: &Path, position: usize) -> Result<(), FileError> {
    let file = disk.open(path, OpenMode::Write).map_err(FileError::io(path))?;
    let len = u64::try_from(position).unwrap_or(u64::MAX);
    file.set_len(len).and_then(|()| file.sync_data()).map_err(FileError::io(path))
}
