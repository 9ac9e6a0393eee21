//! The folder that holds all partitions of a node.
//!
//! Owns what concerns all logs at once: the lock against a second process, the identity of the folder,
//! the journal, the recovery points, durable ends and log starts, and the mark of an orderly end. A folder that is not ours is
//! refused before anything in it is touched.
//!
//! The checkpoint files are replaced as a whole and always written together, from what the logs say
//! at that moment. A recovery point in the file never exceeds what was synced: it is read from a log
//! after its sync, and lowered in the file before a log is truncated.
//!
//! Lock order: `files` (one writer of checkpoints), then `logs`. A log calls in here while it holds
//! its own locks, so nothing here calls a log's blocking methods under either.

mod identity;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use env::disk::{Lock, OpenMode, Space};
use env::{Disk, Env};
use parking_lot::{Condvar, Mutex};
use records::Offset;
use uuid::Uuid;

pub use self::identity::{Identity, LogDirError};
use self::identity::{check_ours, create_durably, identity_text, read_identity, unwritable};
use crate::checkpoint::{self, Key};
use crate::config::LogConfig;
use crate::error::LogError;
use crate::files;
use crate::journal::{Joined, Journal, JournalConfig};
use crate::log::{Log, Marks};
use crate::names;
use crate::recovery::{OpenState, parse_metadata};

/// A log takes about five syncs to close: with less than this many more threads gain nothing.
const LOGS_PER_CLOSER: usize = 32;
/// More syncs at once than this a disk does not put together.
const CLOSERS_MAX: usize = 32;
/// Locked while a process uses the folder.
const LOCK: &str = ".lock";
/// Whose folder it is.
const META: &str = "meta.properties";
/// There when all logs were closed in order; gone while the folder is in use. Kafka's name.
const CLEAN: &str = ".kafka_cleanshutdown";
const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// What came out of the journal and was not recovered since.
const DURABLE_ENDS: &str = "durable-end-offset-checkpoint";
/// Checkpoints are read up to this size: a million partitions with long names.
const CHECKPOINT_MAX: u64 = 256 << 20;

/// A partition that has a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFolder {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The topic's id, if the folder says so.
    pub topic_id: Option<Uuid>,
}

/// What a partition takes on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSize {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Bytes of its segments.
    pub bytes: u64,
    /// The offset after its last record, while the log is open.
    pub log_end: Option<Offset>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    recovery_point: Offset,
    /// Where it is above the recovery point.
    durable_end: Offset,
    log_start: Offset,
}

#[derive(Debug, Default)]
struct Logs {
    open: BTreeMap<Key, Arc<Log>>,
    /// Of logs that are not open: as the files say or as they were when they were closed.
    marks: BTreeMap<Key, Mark>,
    opening: BTreeSet<Key>,
    /// Partitions that the checkpoint files name, deleted ones too until they are written anew.
    written: BTreeSet<Key>,
    /// Logs that were closed in order since the folder was opened.
    closed: BTreeSet<Key>,
    /// Logs opened since, which the mark of an orderly end says nothing about any more.
    used: BTreeSet<Key>,
}

/// The folder of all partitions.
pub struct LogDir {
    identity: Identity,
    clean: bool,
    opened: Condvar,
    shared: Arc<Shared>,
    _lock: Lock,
}

/// What the logs call back into.
#[derive(Debug)]
struct Shared {
    env: Env,
    path: PathBuf,
    journal: Arc<Journal>,
    fence: Arc<OnceLock<LogError>>,
    files: Mutex<()>,
    logs: Mutex<Logs>,
}

impl std::fmt::Debug for LogDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogDir")
            .field("path", &self.shared.path)
            .field("identity", &self.identity)
            .finish()
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
        let disk = &*env.disk;
        let meta = path.join(META);
        let known = check_ours(disk, path)?;
        create_durably(disk, path).map_err(|source| unwritable(path, source))?;
        let lock = disk.lock(&path.join(LOCK)).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => LogDirError::Locked { path: path.to_owned() },
            _ => unwritable(path, source),
        })?;
        let identity = match known {
            Some(()) => read_identity(disk, path, node_id, cluster_id)?,
            None => {
                let random = || names::id_text(Uuid::from_bytes(env.random.id()));
                let identity = Identity {
                    cluster_id: cluster_id.map_or_else(random, str::to_owned),
                    node_id,
                    directory_id: Uuid::from_bytes(env.random.id()),
                };
                disk.replace(&meta, identity_text(&identity).as_bytes())
                    .map_err(|source| unwritable(path, source))?;
                identity
            }
        };
        let mut marks = read_marks(disk, path)?;
        let clean = disk.exists(&path.join(CLEAN));
        if clean {
            // From here on the logs may change.
            files::remove(disk, &path.join(CLEAN))?;
        }
        // What was just read must not be taken back by the next crash.
        files::sync_dir(disk, path)?;
        remove_doomed(disk, path)?;
        let fence = Arc::new(OnceLock::new());
        let (journal, replayed) =
            Journal::open(env, path, identity.directory_id, journal, fence.clone())?;
        replayed.report(path);
        for (key, durable) in &replayed.ends {
            let mark = marks.entry(key.clone()).or_default();
            mark.durable_end = mark.durable_end.max(durable.end);
        }
        let shared = Shared {
            env: env.clone(),
            path: path.to_owned(),
            journal: Arc::new(journal),
            fence,
            files: Mutex::new(()),
            logs: Mutex::new(Logs {
                written: marks.keys().cloned().collect(),
                marks,
                ..Logs::default()
            }),
        };
        if replayed.entries > 0 {
            // What it says is in the segments now and in the marks, and it begins anew.
            shared.persist()?;
        }
        shared.journal.release(shared.journal.mark())?;
        Ok(LogDir {
            identity,
            clean,
            opened: Condvar::new(),
            shared: Arc::new(shared),
            _lock: lock,
        })
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
        &self.shared.path
    }

    /// Whether the last use ended in order.
    #[must_use]
    pub fn was_clean(&self) -> bool {
        self.clean
    }

    /// Opens the log of a partition, or creates it. One that is open already is returned as it is.
    pub fn open_log(
        &self,
        topic: &str,
        partition: i32,
        topic_id: Uuid,
        config: LogConfig,
    ) -> Result<Arc<Log>, LogError> {
        let key: Key = (topic.to_owned(), partition);
        let dir = self.shared.path.join(names::partition_folder(topic, partition));
        let (mark, clean) = {
            let mut logs = self.shared.logs.lock();
            while logs.opening.contains(&key) {
                self.opened.wait(&mut logs);
            }
            if let Some(log) = logs.open.get(&key)
                && !log.closed.load(Ordering::Acquire)
            {
                if log.topic_id() != topic_id {
                    let (path, found) = (dir, log.topic_id());
                    return Err(LogError::TopicIdMismatch { path, found, expected: topic_id });
                }
                return Ok(log.clone());
            }
            logs.retire(&key);
            let clean = logs.closed.contains(&key) || (self.clean && !logs.used.contains(&key));
            logs.opening.insert(key.clone());
            (logs.marks.get(&key).copied(), clean)
        };
        let result = self.open_new(&key, &dir, topic_id, config, mark, clean);
        let mut logs = self.shared.logs.lock();
        logs.opening.remove(&key);
        if let Ok(log) = &result {
            logs.used.insert(key.clone());
            logs.closed.remove(&key);
            logs.marks.remove(&key);
            logs.open.insert(key, log.clone());
        }
        drop(logs);
        self.opened.notify_all();
        result
    }

    fn open_new(
        &self,
        key: &Key,
        dir: &Path,
        topic_id: Uuid,
        config: LogConfig,
        mark: Option<Mark>,
        clean: bool,
    ) -> Result<Arc<Log>, LogError> {
        let known = mark.is_some() || self.shared.logs.lock().written.contains(key);
        let mut mark = mark.unwrap_or_default();
        if known && !self.shared.env.disk.exists(dir) {
            // Marks of a deleted partition of the same name must not be held against the new one
            // after a crash.
            self.shared.logs.lock().marks.remove(key);
            self.shared.persist()?;
            mark = Mark::default();
        }
        let marks: Weak<dyn Marks> = Arc::downgrade(&self.shared) as Weak<_>;
        let journal = self.shared.journal.clone();
        let member = journal.member(&key.0, key.1, topic_id);
        let state = OpenState {
            clean,
            recovery_point: mark.recovery_point,
            durable_end: mark.durable_end,
            log_start: mark.log_start,
            marks: Some(marks),
            journal: Some(Joined { journal, member }),
            fence: self.shared.fence.clone(),
        };
        Log::open_with(&self.shared.env, dir, topic_id, config, state).map(Arc::new)
    }

    /// The log of a partition, if it is open.
    #[must_use]
    pub fn log(&self, topic: &str, partition: i32) -> Option<Arc<Log>> {
        let logs = self.shared.logs.lock();
        let log = logs.open.get(&(topic.to_owned(), partition))?;
        (!log.closed.load(Ordering::Acquire)).then(|| log.clone())
    }

    /// Deletes the log of a partition with its folder.
    pub fn delete_log(&self, log: &Log) -> Result<(), LogError> {
        log.delete()?;
        let mut logs = self.shared.logs.lock();
        let deleted = logs.open.extract_if(.., |_, open| std::ptr::eq(&**open, log));
        for (key, _) in deleted.collect::<Vec<_>>() {
            logs.marks.remove(&key);
        }
        Ok(())
    }

    /// Moves the folder of a partition out of the way, so that another topic of its name can have
    /// one. Nothing of it is deleted, and it is not looked at again.
    pub fn set_aside(&self, topic: &str, partition: i32) -> Result<PathBuf, LogError> {
        let disk = &*self.shared.env.disk;
        let folder = names::partition_folder(topic, partition);
        let unique = names::id_text(Uuid::from_bytes(self.shared.env.random.id()));
        let moved = names::moved_folder(&folder, &unique, names::STRAY_FOLDER);
        let aside = self.shared.path.join(moved);
        let dir = self.shared.path.join(folder);
        self.forget(&dir, partition)?;
        disk.rename(&dir, &aside).map_err(|error| LogError::io(&dir, "rename", error))?;
        files::sync_dir(disk, &self.shared.path)?;
        Ok(aside)
    }

    /// Deletes the folder of a partition, whether its log is open or not.
    pub fn delete_partition(&self, topic: &str, partition: i32) -> Result<(), LogError> {
        if let Some(log) = self.log(topic, partition) {
            return self.delete_log(&log);
        }
        let dir = self.shared.path.join(names::partition_folder(topic, partition));
        if self.shared.env.disk.exists(&dir) {
            self.forget(&dir, partition)?;
            crate::log::remove_folder(&self.shared.env, &dir)?;
        }
        let key: Key = (topic.to_owned(), partition);
        let mut logs = self.shared.logs.lock();
        logs.open.remove(&key);
        logs.marks.remove(&key);
        Ok(())
    }

    /// What the journal has of a partition is not written into its folder again.
    fn forget(&self, dir: &Path, partition: i32) -> Result<(), LogError> {
        let metadata = self.shared.env.disk.read(&dir.join(names::PARTITION_METADATA), 1024);
        match metadata.ok().and_then(|bytes| parse_metadata(&bytes)) {
            Some(topic_id) => self.shared.journal.forget(topic_id, partition, Offset::MAX),
            None => Ok(()),
        }
    }

    /// Every partition that has a folder, open or not.
    pub fn partitions(&self) -> Result<Vec<PartitionFolder>, LogError> {
        let disk = &*self.shared.env.disk;
        let entries = disk
            .read_dir(&self.shared.path)
            .map_err(|error| LogError::io(&self.shared.path, "list", error))?;
        let folders = entries.iter().filter(|entry| entry.is_dir).filter_map(|entry| {
            let (topic, partition) = names::parse_partition_folder(&entry.name)?;
            let metadata = self.shared.path.join(&entry.name).join(names::PARTITION_METADATA);
            let topic_id = disk.read(&metadata, 1024).ok().and_then(|bytes| parse_metadata(&bytes));
            Some(PartitionFolder { topic: topic.to_owned(), partition, topic_id })
        });
        Ok(folders.collect())
    }

    /// What every partition takes on disk.
    pub fn sizes(&self) -> Result<Vec<PartitionSize>, LogError> {
        let mut sizes = Vec::new();
        for PartitionFolder { topic, partition, .. } in self.partitions()? {
            let (bytes, log_end) = match self.log(&topic, partition) {
                Some(log) => (log.size_bytes(), Some(log.log_end())),
                None => (self.size_of_closed(&topic, partition), None),
            };
            sizes.push(PartitionSize { topic, partition, bytes, log_end });
        }
        Ok(sizes)
    }

    fn size_of_closed(&self, topic: &str, partition: i32) -> u64 {
        let dir = self.shared.path.join(names::partition_folder(topic, partition));
        let Ok(entries) = self.shared.env.disk.read_dir(&dir) else { return 0 };
        entries
            .iter()
            .filter(|entry| matches!(names::parse_segment_file(&entry.name), Some((_, names::LOG))))
            .filter_map(|entry| {
                let file =
                    self.shared.env.disk.open(&dir.join(&entry.name), OpenMode::Read).ok()?;
                file.len().ok()
            })
            .sum()
    }

    /// Room on the disk that holds the folder.
    pub fn space(&self) -> io::Result<Space> {
        self.shared.env.disk.space(&self.shared.path)
    }

    /// Syncs every log and writes down how far each is durable, so that recovery need not look at
    /// what lies before. A log that cannot be synced keeps its old mark; the first such failure is
    /// returned after all others were done.
    pub fn checkpoint(&self) -> Result<(), LogError> {
        let mark = self.shared.journal.mark();
        let open: Vec<Arc<Log>> = self.shared.logs.lock().open.values().cloned().collect();
        let mut failed = None;
        for log in open {
            if let Err(error) = log.checkpoint()
                && !matches!(error, LogError::Closed)
            {
                failed.get_or_insert(error);
            }
        }
        self.shared.persist()?;
        match failed {
            Some(error) => Err(error),
            None => Ok(self.shared.journal.release(mark)?),
        }
    }

    /// Makes everything durable that the journal was given by now.
    pub(crate) fn commit(&self) -> Result<(), LogError> {
        self.shared.journal.commit()
    }

    /// Bytes of the journal that a restart would read, or rather write again.
    #[must_use]
    pub fn journal_bytes(&self) -> u64 {
        self.shared.journal.held_bytes()
    }

    /// Closes every log and, if all went well, marks the folder so that the next start trusts it.
    pub fn close(&self) -> Result<(), LogError> {
        let open: Vec<Arc<Log>> = self.shared.logs.lock().open.values().cloned().collect();
        let failed = close_all(&open);
        self.shared.persist()?;
        if let Some(error) = failed {
            return Err(error);
        }
        self.shared.journal.release(self.shared.journal.mark())?;
        if !self.clean && !self.all_recovered() {
            // A partition that nobody opened since the crash was not recovered.
            return Ok(());
        }
        let content = b"{\"version\":0,\"brokerEpoch\":-1}";
        files::replace(&*self.shared.env.disk, &self.shared.path.join(CLEAN), content)
    }

    fn all_recovered(&self) -> bool {
        let Ok(folders) = self.partitions() else { return false };
        let logs = self.shared.logs.lock();
        folders.into_iter().all(|folder| logs.used.contains(&(folder.topic, folder.partition)))
    }
}

impl Logs {
    /// Moves a log that was closed out of the open ones and keeps its marks.
    fn retire(&mut self, key: &Key) {
        let Some(log) = self.open.remove(key) else { return };
        if log.deleted.load(Ordering::Acquire) {
            return;
        }
        self.marks.insert(key.clone(), mark_of(&log));
        if log.fenced().is_none() {
            self.closed.insert(key.clone());
        }
    }
}

/// Closes logs, several at once when they are many: each waits for its syncs, and the disk carries out
/// those of different logs together. Returns a failure, if there was one, after all others were done.
fn close_all(open: &[Arc<Log>]) -> Option<LogError> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let work = || {
        while let Some(log) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = log.close() {
                failed.lock().get_or_insert(error);
            }
        }
    };
    let more = (open.len() / LOGS_PER_CLOSER).min(CLOSERS_MAX);
    std::thread::scope(|scope| {
        for n in 0..more {
            // One that cannot be started is not missed: this thread closes what others do not.
            let _ =
                std::thread::Builder::new().name(format!("close-{n}")).spawn_scoped(scope, work);
        }
        work();
    });
    failed.into_inner()
}

fn mark_of(log: &Log) -> Mark {
    // The durable end first: it never passes the log end, which a truncation may be lowering.
    let (recovery_point, durable_end) = (log.synced_end(), log.durable_end());
    Mark { recovery_point, durable_end, log_start: log.log_start() }
}

impl Marks for Shared {
    fn persist(&self) -> Result<(), LogError> {
        let _one_writer = self.files.lock();
        let marks: BTreeMap<Key, Mark> = {
            let logs = self.logs.lock();
            let open = logs.open.iter().filter(|(_, log)| !log.deleted.load(Ordering::Acquire));
            let open = open.map(|(key, log)| (key.clone(), mark_of(log)));
            logs.marks.iter().map(|(key, mark)| (key.clone(), *mark)).chain(open).collect()
        };
        let disk = &*self.env.disk;
        // Recovery points first, so that a log start in the files is never above its recovery point.
        let points = checkpoint::encode(marks.iter().map(|(key, mark)| (key, mark.recovery_point)));
        files::replace(disk, &self.path.join(RECOVERY_POINTS), points.as_bytes())?;
        let starts = marks.iter().filter(|(_, mark)| mark.log_start > Offset::ZERO);
        let starts = checkpoint::encode(starts.map(|(key, mark)| (key, mark.log_start)));
        files::replace(disk, &self.path.join(LOG_STARTS), starts.as_bytes())?;
        let ends = marks.iter().filter(|(_, mark)| mark.durable_end > mark.recovery_point);
        let ends = checkpoint::encode(ends.map(|(key, mark)| (key, mark.durable_end)));
        files::replace(disk, &self.path.join(DURABLE_ENDS), ends.as_bytes())?;
        self.logs.lock().written = marks.into_keys().collect();
        Ok(())
    }
}

fn read_marks(disk: &dyn Disk, path: &Path) -> Result<BTreeMap<Key, Mark>, LogDirError> {
    let mut marks: BTreeMap<Key, Mark> = BTreeMap::new();
    for (key, offset) in read_checkpoint(disk, &path.join(RECOVERY_POINTS))? {
        marks.entry(key).or_default().recovery_point = offset;
    }
    for (key, offset) in read_checkpoint(disk, &path.join(LOG_STARTS))? {
        marks.entry(key).or_default().log_start = offset;
    }
    for (key, offset) in read_checkpoint(disk, &path.join(DURABLE_ENDS))? {
        marks.entry(key).or_default().durable_end = offset;
    }
    Ok(marks)
}

fn read_checkpoint(disk: &dyn Disk, path: &Path) -> Result<BTreeMap<Key, Offset>, LogDirError> {
    let bytes = match disk.read(path, CHECKPOINT_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(LogError::io(path, "read", error).into()),
    };
    checkpoint::decode(&bytes).map_err(|line| LogDirError::Damaged {
        path: path.to_owned(),
        what: format!("line {line} is not what was written"),
    })
}

/// Finishes deletions of whole partitions that were interrupted.
fn remove_doomed(disk: &dyn Disk, path: &Path) -> Result<(), LogDirError> {
    let entries = disk.read_dir(path).map_err(|error| LogError::io(path, "list", error))?;
    for entry in entries {
        if entry.is_dir && entry.name.ends_with(names::DELETED_FOLDER) {
            let doomed = path.join(&entry.name);
            disk.remove_dir_all(&doomed).map_err(|error| LogError::io(&doomed, "remove", error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
