//! Deleting partitions: for good in the journal, then under another name, then their files.
//!
//! A deletion that a crash interrupts is finished by the next start, from the name alone
//! ([`remove_doomed`]). A folder of a topic that nobody knows is reported and left as it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use env::Disk;
use records::Offset;
use uuid::Uuid;

use super::{LogDir, LogDirError};
use crate::catalogue::Key;
use crate::error::LogError;
use crate::files;
use crate::log::Log;
use crate::names;
use crate::recovery::parse_metadata;

impl LogDir {
    /// Deletes the log of a partition with its folder.
    pub fn delete_log(&self, log: &Log) -> Result<(), LogError> {
        let known = self.logs.lock().open.iter().find_map(|(key, (topic, open))| {
            std::ptr::eq(&**open, log).then(|| (topic.clone(), *key))
        });
        match known {
            Some((topic, key)) => self.delete_all(&topic, key.0, &[key.1]),
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
        self.delete_all(topic, Uuid::nil(), &[partition])
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

    /// Deletes partitions of a topic: first for good under another name, then their files.
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
        for number in partitions {
            let dir = self.path.join(names::partition_folder(topic, *number));
            if self.env.disk.exists(&dir) {
                doomed.push(crate::log::rename_doomed(&self.env, &dir)?);
            }
        }
        if !doomed.is_empty() {
            files::sync_dir(&*self.env.disk, &self.path)?;
        }
        {
            let mut logs = self.logs.lock();
            for key in &keys {
                logs.open.remove(key);
                logs.catalogue.remove(*key);
            }
        }
        for dir in doomed {
            let removed = self.env.disk.remove_dir_all(&dir);
            removed.map_err(|error| LogError::io(&dir, "remove", error))?;
        }
        Ok(())
    }
}

/// Finishes deletions of whole partitions that were interrupted.
pub(super) fn remove_doomed(disk: &dyn Disk, path: &Path) -> Result<(), LogDirError> {
    let entries = disk.read_dir(path).map_err(|error| LogError::io(path, "list", error))?;
    for entry in entries {
        if entry.is_dir && entry.name.ends_with(names::DELETED_FOLDER) {
            let doomed = path.join(&entry.name);
            disk.remove_dir_all(&doomed).map_err(|error| LogError::io(&doomed, "remove", error))?;
        }
    }
    Ok(())
}
