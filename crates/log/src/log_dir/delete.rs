//! Deleting partitions: for good in the journal, then under another name, then their files.
//!
//! The last of these takes its time: a large file is made small step by step before it is removed, unless
//! somebody reads it ([`files::shrink_while`]). So that is left to whoever has time for it
//! ([`LogDir::remove_deleted`]), and it ends early when the folder is closed or fails.
//!
//! A deletion that a crash interrupts, or a stop, is finished after the next start, from the name alone
//! ([`Deleted::left_in`]). A folder of a topic that nobody knows is reported and left as it is.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::Disk;
use env::disk::DirEntry;
use parking_lot::Mutex;
use records::Offset;
use uuid::Uuid;

use super::{LogDir, LogDirError};
use crate::catalogue::Key;
use crate::error::LogError;
use crate::files;
use crate::log::Log;
use crate::names;
use crate::recovery::parse_metadata;
use crate::segment::Segment;

/// Partitions that are deleted and whose files are still there.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    /// Their folders, and their logs where those were open.
    waiting: Mutex<VecDeque<(PathBuf, Option<Arc<Log>>)>>,
    /// Held by whoever removes them, and by whoever has that come to an end.
    removing: Mutex<()>,
}

impl Deleted {
    /// With the deletions of whole partitions that were interrupted: nobody has anything of them.
    pub fn left_in(disk: &dyn Disk, path: &Path) -> Result<Deleted, LogDirError> {
        let entries = disk.read_dir(path).map_err(|error| LogError::io(path, "list", error))?;
        let doomed = |entry: &DirEntry| entry.is_dir && entry.name.ends_with(names::DELETED_FOLDER);
        let left = entries.into_iter().filter(doomed).map(|entry| (path.join(entry.name), None));
        Ok(Deleted { waiting: Mutex::new(left.collect()), removing: Mutex::default() })
    }
}

impl LogDir {
    /// Deletes the log of a partition with its folder.
    pub fn delete_log(&self, log: &Log) -> Result<(), LogError> {
        let known = self.logs.lock().open.iter().find_map(|(key, (topic, open))| {
            std::ptr::eq(&**open, log).then(|| (topic.clone(), *key))
        });
        match known {
            Some((topic, key)) => {
                self.delete_all(&topic, key.0, &[key.1])?;
                self.remove_deleted()
            }
            None => log.delete(),
        }
    }

    /// Deletes the folder of a partition, whether its log is open or not, and whatever topic it
    /// belongs to.
    pub fn delete_partition(&self, topic: &str, partition: i32) -> Result<(), LogError> {
        let dir = self.path.join(names::partition_folder(topic, partition));
        let metadata = self.env.disk.read(&dir.join(names::PARTITION_METADATA), 1024);
        let found = metadata.ok().and_then(|bytes| parse_metadata(&bytes));
        let listed: Vec<Uuid> = {
            let logs = self.logs.lock();
            let all = logs.catalogue.iter();
            let named = all.filter(|(key, name, _)| key.1 == partition && *name == topic);
            named.map(|(key, ..)| key.0).chain(found).collect()
        };
        // The folder goes with the first; the others were in its place before.
        for topic_id in listed {
            self.delete_all(topic, topic_id, &[partition])?;
        }
        self.delete_all(topic, Uuid::nil(), &[partition])?;
        self.remove_deleted()
    }

    /// Drops from the catalogue what has no folder and belongs to no topic that `is_known`: the deletion
    /// of its topic was interrupted. What has a folder and belongs to none is left as it is, and returned,
    /// also where the catalogue has it no more: a deletion is decided in the journal before a folder goes.
    pub fn forget_missing(&self, is_known: impl Fn(Uuid) -> bool) -> Vec<PathBuf> {
        let unknown: Vec<(Key, PathBuf)> = {
            let logs = self.logs.lock();
            let unknown = logs.catalogue.iter().filter(|(key, ..)| !is_known(key.0));
            let folder = |name, number| self.path.join(names::partition_folder(name, number));
            unknown.map(|(key, name, _)| (key, folder(name, key.1))).collect()
        };
        let mut left = Vec::new();
        for (key, folder) in unknown {
            if self.env.disk.exists(&folder) {
                left.push(folder);
            } else {
                self.logs.lock().catalogue.remove(key);
            }
        }
        left.extend(self.unlisted_folders().filter(|(id, _)| !is_known(*id)).map(|(_, path)| path));
        left
    }

    /// Folders of partitions that are not in the catalogue, and whose they are.
    fn unlisted_folders(&self) -> impl Iterator<Item = (Uuid, PathBuf)> {
        let entries = self.env.disk.read_dir(&self.path).unwrap_or_default();
        let listed: BTreeSet<String> = {
            let logs = self.logs.lock();
            let all = logs.catalogue.iter();
            all.map(|(key, topic, _)| names::partition_folder(topic, key.1)).collect()
        };
        entries.into_iter().filter_map(move |entry| {
            names::parse_partition_folder(&entry.name).filter(|_| !listed.contains(&entry.name))?;
            let path = self.path.join(&entry.name);
            let metadata = self.env.disk.read(&path.join(names::PARTITION_METADATA), 1024);
            Some((parse_metadata(&metadata.ok()?)?, path))
        })
    }

    /// Deletes partitions of a topic for good, under another name. Their files are left to
    /// [`LogDir::remove_deleted`].
    pub fn delete_all(
        &self,
        topic: &str,
        topic_id: Uuid,
        partitions: &[i32],
    ) -> Result<(), LogError> {
        let keys: Vec<Key> = partitions.iter().map(|number| (topic_id, *number)).collect();
        for key in &keys {
            let open = self.logs.lock().open.get(key).map(|(_, log)| log.clone());
            if let Some(log) = open {
                log.give_up();
            }
        }
        self.journal.forget(&keys, Offset::MAX)?;
        let mut doomed = Vec::new();
        for key in &keys {
            let dir = self.path.join(names::partition_folder(topic, key.1));
            if self.env.disk.exists(&dir) {
                let moved = crate::log::rename_doomed(&self.env, &dir)?;
                let open = self.logs.lock().open.get(key).map(|(_, log)| log.clone());
                if let Some(log) = open {
                    log.note_moved_to(&moved);
                }
                doomed.push((moved, *key));
            }
        }
        if !doomed.is_empty() {
            files::sync_dir(&*self.env.disk, &self.path)?;
        }
        let mut logs = self.logs.lock();
        let mut open = |key| logs.open.remove(&key).map(|(_, log)| log);
        let gone: Vec<_> = doomed.into_iter().map(|(dir, key)| (dir, open(key))).collect();
        for key in &keys {
            logs.open.remove(key);
            logs.catalogue.remove(*key);
        }
        drop(logs);
        self.deleted.waiting.lock().extend(gone);
        Ok(())
    }

    /// Removes the files of what was deleted, also before the folder was opened; what cannot be removed, or
    /// is left when the folder is closed, is after the next start. May take long, and nobody should wait for it.
    pub fn remove_deleted(&self) -> Result<(), LogError> {
        let next = || self.deleted.waiting.lock().pop_front();
        let is_done = || self.deleted.waiting.lock().is_empty() || !self.may_remove();
        let mut failed = None;
        // Who finds another one at it leaves the rest to that one, which looks once more in the end: a thread
        // for each of many topics would only wait.
        while !is_done()
            && let Some(_one_at_a_time) = self.deleted.removing.try_lock()
        {
            while self.may_remove()
                && let Some((dir, log)) = next()
            {
                if let Err(error) = self.remove_folder(&dir, log) {
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Waits until nobody removes anything; for whoever has closed the folder to that.
    pub(super) fn end_removing(&self) {
        drop(self.deleted.removing.lock());
    }

    fn may_remove(&self) -> bool {
        self.fence.get().is_none() && !self.logs.lock().closed
    }

    fn remove_folder(&self, dir: &Path, log: Option<Arc<Log>>) -> Result<(), LogError> {
        let disk = &*self.env.disk;
        let read = log.map(files_read).unwrap_or_default();
        let entries = disk.read_dir(dir).map_err(|error| LogError::io(dir, "list", error))?;
        for entry in entries {
            // All others are small. Whoever reads a log that rests has had long to do it, and finds the
            // end of the file before its time.
            let is_large = matches!(names::parse_segment_file(&entry.name), Some((_, kind))
                if kind.starts_with(names::LOG));
            if is_large && !read.contains(&OsString::from(&entry.name)) {
                let path = dir.join(&entry.name);
                files::shrink_while(disk, &path, || self.may_remove());
                if !self.may_remove() {
                    return Ok(());
                }
                files::remove(disk, &path)?;
            }
        }
        disk.remove_dir_all(dir).map_err(|error| LogError::io(dir, "remove", error))
    }
}

/// The names of a log's segment files that somebody reads, or may yet. The folder has another name by now,
/// so that nobody opens one any more; but the last of them is open as long as somebody has the log.
fn files_read(log: Arc<Log>) -> BTreeSet<OsString> {
    *log.warm.lock() = crate::segment::Warm::default();
    let doomed = std::mem::take(&mut *log.doomed.lock());
    let doomed = doomed.into_iter().flat_map(|doomed| doomed.segments).map(|(segment, _)| segment);
    let segments: Vec<Arc<Segment>> = log.segments.load().iter().cloned().chain(doomed).collect();
    drop(log);
    let is_read = |segment: Arc<Segment>| {
        let name = segment.path().file_name()?.to_owned();
        let file = segment.file_on_disk().map(|file| Arc::downgrade(&file))?;
        // With it goes what it holds open itself.
        drop(segment);
        (file.strong_count() > 0).then_some(name)
    };
    segments.into_iter().filter_map(is_read).collect()
}

#[cfg(test)]
mod tests;
