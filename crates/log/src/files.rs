//! Small whole files, with the failure saying which file it was.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};

use crate::error::LogError;

/// What a file that is to be removed loses in one step; little in tests, where files are small.
const SHRUNK_AT_ONCE: u64 = if cfg!(test) { 50 } else { 4 << 20 };

/// Writes a whole file in place; the caller syncs it.
pub(crate) fn write(
    disk: &dyn Disk,
    path: &Path,
    content: &[u8],
) -> Result<Arc<dyn File>, LogError> {
    let failed = |error| LogError::of_write(path, "write", error);
    let file = disk.open(path, OpenMode::Create).map_err(failed)?;
    if !file.is_empty().map_err(failed)? {
        file.set_len(0).map_err(failed)?;
    }
    file.write_all_at(&[IoSlice::new(content)], 0).map_err(failed)?;
    Ok(file)
}

/// Writes a whole file whose earlier content may be durable and needed: that is left as it is where it is
/// the same, and replaced as a whole where it is not. The caller syncs the file.
pub(crate) fn write_once(
    disk: &dyn Disk,
    path: &Path,
    content: &[u8],
) -> Result<Arc<dyn File>, LogError> {
    let most = u64::try_from(content.len()).unwrap_or(u64::MAX);
    match disk.read(path, most) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write(disk, path, content),
        Ok(found) if found == content => {
            disk.open(path, OpenMode::Write).map_err(|error| LogError::io(path, "open", error))
        }
        Ok(_) | Err(_) => {
            replace(disk, path, content)?;
            disk.open(path, OpenMode::Write).map_err(|error| LogError::io(path, "open", error))
        }
    }
}

/// Replaces a file by a rename, unless it has this content; the caller syncs file and folder. A crash before
/// that may leave the new name with the content torn, so only for files whose content shows that.
pub(crate) fn replace_unsynced(
    disk: &dyn Disk,
    path: &Path,
    content: &[u8],
) -> Result<Arc<dyn File>, LogError> {
    let most = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if disk.read(path, most).is_ok_and(|found| found == content) {
        return disk.open(path, OpenMode::Write).map_err(|error| LogError::io(path, "open", error));
    }
    let beside = PathBuf::from(format!("{}.tmp", path.display()));
    let file = write(disk, &beside, content)?;
    disk.rename(&beside, path).map_err(|error| LogError::of_write(path, "rename", error))?;
    Ok(file)
}

/// Replaces a file so that a crash leaves the old or the new.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, content: &[u8]) -> Result<(), LogError> {
    disk.replace(path, content).map_err(|error| LogError::of_write(path, "replace", error))
}

pub(crate) fn sync_dir(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    disk.sync_dir(path).map_err(|error| LogError::io(path, "sync folder", error))
}

/// Makes a file small step by step before it is removed; not for one that somebody reads. In one call the
/// file system gives back all its blocks, on a disk that is told of it (`discard`) as well, and commits
/// wait behind that: 16 ms for 100 MiB. A hint: what fails here, the removal does.
pub(crate) fn shrink(disk: &dyn Disk, path: &Path) {
    shrink_while(disk, path, || true);
}

/// [`shrink`], as long as it may go on: that is asked before each step.
pub(crate) fn shrink_while(disk: &dyn Disk, path: &Path, may_go_on: impl Fn() -> bool) {
    let Ok(file) = disk.open(path, OpenMode::Write) else { return };
    let mut len = file.len().unwrap_or(0);
    while len > SHRUNK_AT_ONCE && may_go_on() {
        len -= SHRUNK_AT_ONCE;
        if file.set_len(len).is_err() {
            return;
        }
    }
}

pub(crate) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    match disk.remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LogError::io(path, "remove", error)),
    }
}

#[cfg(test)]
mod tests {
    use env::sim::Sim;

    use super::*;

    #[test]
    fn a_file_shrinks_in_steps_and_what_cannot_is_left() {
        let sim = Sim::new(1);
        let (disk, path): (&dyn Disk, _) = (&*sim.disk, Path::new("/large"));
        write(disk, path, &[7; 120]).unwrap();
        let before = sim.disk.changes();
        shrink(disk, path);
        assert_eq!(disk.read(path, 1000).unwrap(), [7; 20]);
        assert_eq!(sim.disk.changes() - before, 2);
        shrink(disk, path);
        assert_eq!(sim.disk.changes() - before, 2, "it is small");
        shrink(disk, Path::new("/missing"));
    }
    #[test]
    fn a_file_is_replaced_only_by_another_content() {
        let sim = Sim::new(1);
        let (disk, path): (&dyn Disk, _) = (&*sim.disk, Path::new("/small"));
        replace_unsynced(disk, path, b"one").unwrap();
        let before = sim.disk.changes();
        replace_unsynced(disk, path, b"one").unwrap().sync_data().unwrap();
        assert_eq!(sim.disk.changes() - before, 1, "a sync and nothing else");
        for content in [&b"other"[..], b"o"] {
            replace_unsynced(disk, path, content).unwrap();
            assert_eq!(disk.read(path, 10).unwrap(), content);
        }
    }
}
