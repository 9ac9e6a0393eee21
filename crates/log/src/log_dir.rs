//! The folder that holds all partitions of a node.
//!
//! Owns what concerns all logs at once: the lock against a second process, the identity of the folder,
//! the journal, and the catalogue of all partitions. A folder that is not ours is refused before
//! anything in it is touched.
//!
//! A partition has an open [`Log`] while it is used. One that was not for a while is closed and *rests*:
//! then it is a few bytes in the catalogue, and it is opened again when somebody asks for it. A partition
//! that was never written to has no folder.
//!
//! The catalogue is written by checkpoints, from what the logs say at that moment. A recovery point in
//! the file never exceeds what was synced: it is read from a log after its sync, and a log that is cut
//! says so in the journal before.
//!
//! Lock order: `written` (one writer of the catalogue), then `logs`. Nothing here calls a log's blocking
//! methods under `logs`. A key in `busy` belongs to whoever put it there, and others wait for it.

mod close;
mod delete;
mod identity;
mod resting;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use env::disk::Lock;
use env::{Clock, Disk, Env};
use parking_lot::{Condvar, Mutex};
use records::Offset;
use uuid::Uuid;

use self::delete::Deleted;
pub use self::identity::{Claim, Identity, LogDirError};
pub use self::resting::Resting;
use crate::catalogue::{Catalogue, Key, Listed, Rest};
use crate::config::LogConfig;
use crate::error::{self, LogError};
use crate::files;
use crate::handles::Handles;
use crate::journal::{Joined, Journal, JournalConfig};
use crate::log::{Log, Suspects};
use crate::names;
use crate::recovery::OpenState;
use crate::room::Room;

/// Locked while a process uses the folder.
const LOCK: &str = ".lock";
/// Whose folder it is.
const META: &str = "meta.properties";
/// Made by an operator in an empty folder that takes the place of one that is lost.
pub const REPLACES_LOST: &str = ".replaces-lost";
/// What is known of every partition.
pub(crate) const CATALOGUE: &str = "catalogue";
/// The catalogue is read up to this size: a few million partitions with long names.
const CATALOGUE_MAX: u64 = 512 << 20;
/// How many logs are closed at once when more are open than there may be: this part of those, and at
/// least so many, as one sync is made for all of them.
const CROWD_PART: usize = 16;
const CROWD_MIN: usize = 64;

#[derive(Debug, Default)]
struct Logs {
    open: BTreeMap<Key, (String, Arc<Log>)>,
    /// Being opened or closed.
    busy: BTreeSet<Key>,
    /// Of logs that are not open.
    catalogue: Catalogue,
    /// The folder is closed, or about to be: no log is opened any more.
    closed: bool,
}

/// The folder of all partitions.
pub struct LogDir {
    env: Env,
    path: PathBuf,
    identity: Identity,
    clean: bool,
    journal: Arc<Journal>,
    fence: Arc<OnceLock<LogError>>,
    /// What the journal had was written into segments and is not synced there.
    unsynced: AtomicBool,
    /// The checksum of the catalogue as it was last written.
    written: Mutex<Option<Vec<u8>>>,
    room: Arc<Room>,
    /// Segments to be examined.
    suspects: Arc<Suspects>,
    logs: Mutex<Logs>,
    settled: Condvar,
    deleted: Deleted,
    handles: Arc<Handles>,
    /// Given back when the folder is closed.
    lock: Mutex<Option<Lock>>,
}

impl std::fmt::Debug for LogDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogDir")
            .field("path", &self.path)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl LogDir {
    /// Opens a data folder or makes an empty or missing one ours; a new folder gets a random cluster
    /// id.
    pub fn open(env: &Env, path: &Path, node_id: i32) -> Result<LogDir, LogDirError> {
        LogDir::open_in_cluster(env, path, node_id, None)
    }

    /// Opens the data folder of a node of a cluster that is known already.
    pub fn open_in_cluster(
        env: &Env,
        path: &Path,
        node_id: i32,
        cluster_id: Option<&str>,
    ) -> Result<LogDir, LogDirError> {
        LogDir::open_with(env, path, node_id, cluster_id, JournalConfig::default())
    }

    /// [`LogDir::open_in_cluster`] with a journal of these sizes.
    pub fn open_with(
        env: &Env,
        path: &Path,
        node_id: i32,
        cluster_id: Option<&str>,
        journal: JournalConfig,
    ) -> Result<LogDir, LogDirError> {
        let claim = Claim::take(env, path, node_id, cluster_id, None)?;
        LogDir::open_claimed(env, path, claim, journal)
    }

    /// Opens a data folder that this process has claimed.
    pub fn open_claimed(
        env: &Env,
        path: &Path,
        claim: Claim,
        journal: JournalConfig,
    ) -> Result<LogDir, LogDirError> {
        let disk = &*env.disk;
        disk.watch(path).map_err(|error| LogError::io(path, "open", error))?;
        let Claim { identity, is_new, lock } = claim;
        let (mut catalogue, written) = read_catalogue(disk, path)?;
        // What was just read must not be taken back by the next crash.
        files::sync_dir(disk, path)?;
        let deleted = Deleted::left_in(disk, path)?;
        let fence = Arc::new(OnceLock::new());
        let room = Arc::new(Room::new(env, path.to_owned()));
        let (journal, replayed) = Journal::open(
            env,
            path,
            identity.directory_id,
            journal,
            fence.clone(),
            room.clone(),
            &mut catalogue,
        )?;
        replayed.report(path);
        let clean = !is_new
            && replayed.entries == 0
            && catalogue.iter().all(|(_, _, listed)| listed.rest.is_some());
        let start = catalogue.journal_start;
        let is_done = replayed.entries > 0 && !replayed.unsynced;
        // Entries that were lost get their numbers once more, and their marks are to count.
        let is_ahead = catalogue.marks_from > journal.next_entry();
        catalogue.marks_from = start;
        let dir = LogDir {
            env: env.clone(),
            path: path.to_owned(),
            identity,
            clean,
            journal: Arc::new(journal),
            fence,
            room,
            suspects: Arc::default(),
            unsynced: AtomicBool::new(replayed.unsynced),
            written: Mutex::new(written),
            logs: Mutex::new(Logs { catalogue, ..Logs::default() }),
            settled: Condvar::new(),
            deleted,
            handles: Arc::default(),
            lock: Mutex::new(Some(lock)),
        };
        if is_done || is_ahead {
            // What the journal says is in the segments now and in the catalogue, and it begins anew.
            dir.write_catalogue(start, is_done)?;
        }
        Ok(dir)
    }

    /// Whose folder it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The cluster it belongs to.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.identity.cluster_id
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the last use ended in order.
    #[must_use]
    pub fn was_clean(&self) -> bool {
        self.clean
    }

    /// The failure since which nothing is written, if there was one.
    #[must_use]
    pub fn fenced(&self) -> Option<&LogError> {
        self.fence.get()
    }

    /// Opens the log of a partition, or creates it. One that is open already is returned as it is. A
    /// folder of that name that belongs to another topic is moved out of the way.
    pub fn open_log(
        &self,
        topic: &str,
        partition: i32,
        topic_id: Uuid,
        config: impl Into<Arc<LogConfig>>,
    ) -> Result<Arc<Log>, LogError> {
        let key: Key = (topic_id, partition);
        {
            let mut logs = self.logs.lock();
            while logs.busy.contains(&key) {
                self.settled.wait(&mut logs);
            }
            if logs.closed {
                return Err(LogError::Closed);
            }
            if let Some((_, log)) = logs.open.get(&key) {
                if !log.is_closed() {
                    log.touch();
                    return Ok(log.clone());
                }
                let log = log.clone();
                logs.busy.insert(key);
                drop(logs);
                self.retire(&[(key, log)]);
            } else {
                logs.busy.insert(key);
            }
        }
        let listed = self.logs.lock().catalogue.get(key).cloned();
        let opened = self.open_new(topic, key, config.into(), listed);
        let crowded = {
            let mut logs = self.logs.lock();
            logs.busy.remove(&key);
            if let Ok(log) = &opened {
                logs.catalogue.remove(key);
                logs.open.insert(key, (topic.to_owned(), log.clone()));
            }
            logs.open.len() > self.handles.most(&*self.env.disk)
        };
        self.settled.notify_all();
        if crowded {
            self.rest_longest_unused(key);
        }
        opened
    }

    fn open_new(
        &self,
        topic: &str,
        key: Key,
        config: Arc<LogConfig>,
        listed: Option<Listed>,
    ) -> Result<Arc<Log>, LogError> {
        let dir = self.path.join(names::partition_folder(topic, key.1));
        let listed = listed.unwrap_or_default();
        self.handles.count_opening();
        let state = || OpenState {
            clean: listed.rest.is_some(),
            rest: listed.rest,
            marks: listed.marks,
            index: listed.index,
            epochs: listed.epochs.clone(),
            epochs_to: listed.epochs_to,
            journal: Some(Joined {
                journal: self.journal.clone(),
                member: self.journal.member(topic, key.1, key.0),
            }),
            fence: self.fence.clone(),
            room: Some(self.room.clone()),
            suspects: Some(self.suspects.clone()),
            handles: self.handles.clone(),
        };
        let opened = Log::open_with(&self.env, &dir, key.0, config.clone(), state());
        let opened = match opened {
            // Left over from a topic whose deletion a crash interrupted, or the metadata is wrong.
            Err(LogError::TopicIdMismatch { found, .. }) if !self.is_open((found, key.1)) => {
                let aside = self.set_aside(&dir, (found, key.1))?;
                tracing::error!(
                    topic, partition = key.1, of = names::id_text(found),
                    folder = %aside.display(),
                    "a folder of another topic of this name was moved aside, and the partition is \
                     empty; if no such topic was deleted, its partition.metadata is damaged and the \
                     records are in there; delete it when it is not needed"
                );
                Log::open_with(&self.env, &dir, key.0, config, state())
            }
            opened => opened,
        };
        opened.map(Arc::new)
    }

    fn is_open(&self, key: Key) -> bool {
        let logs = self.logs.lock();
        logs.busy.contains(&key) || logs.open.get(&key).is_some_and(|(_, log)| !log.is_closed())
    }

    /// The log of a partition, if it is open.
    #[must_use]
    pub fn log(&self, topic_id: Uuid, partition: i32) -> Option<Arc<Log>> {
        let logs = self.logs.lock();
        let (_, log) = logs.open.get(&(topic_id, partition))?;
        (!log.is_closed()).then(|| log.clone())
    }

    /// Every log that is open.
    #[must_use]
    pub fn open_logs(&self) -> Vec<Arc<Log>> {
        self.logs.lock().open.values().map(|(_, log)| log.clone()).collect()
    }

    fn open_by_key(&self) -> Vec<(Key, Arc<Log>)> {
        self.logs.lock().open.iter().map(|(key, (_, log))| (*key, log.clone())).collect()
    }

    /// Moves the folder of a partition out of the way, so that another topic of its name can have
    /// one. Nothing of it is deleted, and it is not looked at again.
    fn set_aside(&self, dir: &Path, of: Key) -> Result<PathBuf, LogError> {
        let disk = &*self.env.disk;
        let name = dir.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let unique = names::id_text(Uuid::from_bytes(self.env.random.id()));
        let aside = self.path.join(names::moved_folder(&name, &unique, names::STRAY_FOLDER));
        self.journal.forget(&[of], Offset::MAX)?;
        disk.rename(dir, &aside).map_err(|error| LogError::io(dir, "rename", error))?;
        files::sync_dir(disk, &self.path)?;
        self.logs.lock().catalogue.remove(of);
        Ok(aside)
    }

    /// Makes everything durable that the journal was given by now.
    pub(crate) fn commit(&self) -> Result<(), LogError> {
        self.journal.commit()
    }

    /// [`LogDir::commit`] in two steps, of which others may be under way at the same time: `None` when there
    /// is no room for another, or nothing to be written. Every one is to be ended, in the order in which
    /// they began.
    #[cfg(feature = "test-support")]
    pub fn begin_commit(&self) -> Result<Option<crate::Commit>, LogError> {
        self.journal.begin_another()
    }

    /// The second step, once it is written.
    #[cfg(feature = "test-support")]
    pub fn end_commit(&self, written: crate::Written) -> Result<(), LogError> {
        self.journal.end_commit(written)
    }

    /// [`LogDir::fill_journal_ahead`] in two steps, with commits in between: `None` when there is nothing to
    /// be filled, or not now.
    #[cfg(feature = "test-support")]
    pub fn begin_filling(&self) -> Result<Option<crate::Gap>, LogError> {
        self.journal.begin_filling()
    }

    /// The second step, once the disk is done with it. Whether it is filled.
    #[cfg(feature = "test-support")]
    pub fn end_filling(&self, filled: crate::Filled) -> Result<bool, LogError> {
        self.journal.end_filling(filled)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.env.clock
    }

    /// How many logs are open.
    pub(crate) fn open_count(&self) -> usize {
        self.logs.lock().open.len()
    }

    /// Moves logs that were closed from the open ones to the catalogue.
    fn retire(&self, closed: &[(Key, Arc<Log>)]) {
        let rests: Vec<Option<Rest>> = closed.iter().map(|(_, log)| log.rest()).collect();
        let mut logs = self.logs.lock();
        for ((key, log), rest) in closed.iter().zip(rests) {
            let Some((topic, _)) = logs.open.remove(key) else { continue };
            if !log.is_deleted() {
                *logs.catalogue.entry(*key, &topic) = log.listed(rest);
            }
        }
    }

    /// Refuses what would be written to a folder of which nobody knows what is on its disk.
    fn check_fence(&self) -> Result<(), LogError> {
        error::check_fence(&self.fence)
    }

    /// Writes down what is known of all partitions, unless that is there already. What entries of the
    /// journal before `next` say of marks is known; if it `is_done`, they are not needed for anything else.
    fn write_catalogue(&self, next: u64, is_done: bool) -> Result<(), LogError> {
        self.check_fence()?;
        let mut written = self.written.lock();
        let mut catalogue = {
            let logs = self.logs.lock();
            let mut catalogue = logs.catalogue.clone();
            for (key, (topic, log)) in &logs.open {
                if !log.is_deleted() {
                    *catalogue.entry(*key, topic) = log.listed(None);
                }
            }
            catalogue
        };
        catalogue.marks_from = catalogue.marks_from.max(next);
        if is_done {
            catalogue.journal_start = catalogue.journal_start.max(next);
        }
        let bytes = catalogue.encode();
        let checksum = checksum(&bytes);
        if *written != checksum {
            *written = None;
            files::replace(&*self.env.disk, &self.path.join(CATALOGUE), &bytes)?;
            *written = checksum;
        }
        self.logs.lock().catalogue.journal_start = catalogue.journal_start;
        self.journal.release(catalogue.journal_start);
        Ok(())
    }
}

/// What is known of every partition, and the checksum of the file that says so.
fn read_catalogue(
    disk: &dyn Disk,
    path: &Path,
) -> Result<(Catalogue, Option<Vec<u8>>), LogDirError> {
    let path = path.join(CATALOGUE);
    let bytes = match disk.read(&path, CATALOGUE_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((Catalogue::default(), None));
        }
        Err(error) => return Err(LogError::io(&path, "read", error).into()),
    };
    Catalogue::decode(&bytes)
        .map(|catalogue| (catalogue, checksum(&bytes)))
        .map_err(|what| LogDirError::Damaged { path, what: what.to_owned() })
}

/// By which one catalogue is told from another.
fn checksum(file: &[u8]) -> Option<Vec<u8>> {
    file.get(..8).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests;
