//! One partition on one disk: the state behind an `Arc<Log>`, and its fence. [`durability`] syncs and closes, [`damage`]
//! looks for damage.
//!
//! Offsets: `log_start` is inclusive, `log_end` and `durable_end` are exclusive;
//! `log_start <= log_end` and `synced_end <= durable_end <= log_end` always.
//!
//! Locks, in this order:
//! 1. `syncing`: held by whoever syncs or changes the set of files (retention, truncation, close).
//!    Who takes that of several logs does so in the order of their keys.
//! 2. `writer`: the append lock, held for a write into the page cache, never for a sync.
//! 3. the locks inside a segment and of the epochs, held for a few instructions.
//!
//! Readers take none of the first two. They load the published list of segments, which is replaced as
//! a whole, and the extent of a segment, which moves after the bytes are in the file, or held for it
//! ([`crate::active_file`]).
//!
//! After the first failed write or sync all logs of the folder are fenced: what is on disk is not known
//! any more, so nothing is written, nothing is retried, and only opening them again (recovery) helps.
//! Reads go on. A write that fails because the disk is full fences nothing where it can be undone
//! (an append) or made again as a whole (small files); a sync that fails always does.
//!
//! What a crash leaves: whatever was written since the last sync may be there, torn or gone; what was
//! committed is in the journal and is written again. Index files, producer snapshots and the epoch file
//! are written by the sync that moves `synced_end` past what they describe, so that everything below
//! that has them. Of epochs that have no file the catalogue is told with `synced_end`.

mod damage;
mod durability;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::{ArcSwap, ArcSwapOption};
use env::{Env, File};
use parking_lot::Mutex;
use records::{LeaderEpoch, Offset};
use uuid::Uuid;

use crate::active_file::{ActiveFile, HoldBudget};
use crate::catalogue::{Listed, Marks, Rest};
use crate::compact;
use crate::config::{Durability, LogConfig};
use crate::epochs::OpenEpochs;
use crate::error::{self, LogError};
use crate::files;
use crate::handles::{Handles, Unsynced};
use crate::index::Index;
use crate::journal::Joined;
use crate::names;
use crate::producers::{ProducerEntry, Producers};
use crate::quarantine::Quarantine;
use crate::room::Room;
use crate::segment::{Segment, Warm};
use crate::sync::DurableListener;

pub(crate) use self::damage::Suspects;
pub use self::damage::{ScrubError, Scrubbed};
pub(crate) use self::durability::WrittenOut;

/// A file that the next sync writes.
#[derive(Debug)]
pub(crate) enum Pending {
    /// The indexes of a sealed segment.
    Indexes(Arc<Segment>, Arc<Index>),
    /// A producer snapshot.
    Snapshot(Offset, Vec<u8>),
}

/// What only the holder of the append lock touches.
#[derive(Debug)]
pub(crate) struct Writer {
    pub active: Arc<Segment>,
    pub file: Arc<ActiveFile>,
    pub producers: Producers,
    /// The active segment has bytes that were not synced.
    pub dirty: bool,
    /// What lies before this and is not durable yet is not in the journal: only a sync helps.
    pub unjournaled_end: Offset,
    /// Bytes since the journal last heard how far the log is synced, of those that are not in it.
    pub unmarked_bytes: u64,
    /// Sealed segments whose bytes were not synced.
    pub unsynced: Vec<Unsynced>,
    /// There are more of them, which were let go of.
    pub unsynced_unheld: bool,
    /// Small files that were written and not synced; they matter only once there are records.
    pub unsynced_small: Vec<Arc<dyn File>>,
    /// The same of `partition.metadata`, which nobody holds open until then.
    pub unsynced_metadata: bool,
    pub pending: Vec<Pending>,
    /// Names in the folder, or the folder's own name, are not durable yet.
    pub names_dirty: bool,
    pub folder_dirty: bool,
    /// The epoch file does not say what is known of offsets from here on.
    pub epochs_stale: Option<Offset>,
    /// The catalogue would say too late what is known of epochs.
    pub epoch_file_due: bool,
    /// Up to here the active segment has index files, and a snapshot.
    pub indexed: u32,
    /// The end of the log when indexes and a snapshot were last written for all of it, or found not to be
    /// worth that.
    pub settled: Option<Offset>,
    /// Where a snapshot was written that belongs to no segment's base.
    pub extra_snapshot: Option<Offset>,
    /// Blocks of the active file are reserved up to here.
    pub reserved: u64,
    /// Timestamp of the first batch in the active segment, and the wall time it was opened.
    pub first_timestamp: Option<records::Timestamp>,
    pub opened_ms: i64,
}

impl Writer {
    /// What is known of epochs from an offset on is not what the file says.
    pub fn epochs_changed(&mut self, from: Offset) {
        self.epochs_stale = Some(self.epochs_stale.map_or(from, |stale| stale.min(from)));
    }
}

/// Segments that wait for their deletion.
#[derive(Debug)]
pub(crate) struct Doomed {
    pub due: std::time::Duration,
    pub segments: Vec<(Arc<Segment>, Vec<PathBuf>)>,
}

/// Set beside a checksum of index files.
const INDEXED: u64 = 1 << 32;

/// A checksum of index files that are durable, or 0.
pub(crate) fn indexed_of(checksum: Option<u32>) -> u64 {
    checksum.map_or(0, |checksum| INDEXED | u64::from(checksum))
}

/// One partition on one disk.
#[derive(Debug)]
pub struct Log {
    pub(crate) env: Env,
    pub(crate) dir: PathBuf,
    pub(crate) topic_id: Uuid,
    pub(crate) config: ArcSwap<LogConfig>,
    pub(crate) segments: ArcSwap<Vec<Arc<Segment>>>,
    pub(crate) log_start: AtomicI64,
    pub(crate) log_end: AtomicI64,
    /// The checksum of the active segment's index files, when they are durable, with [`INDEXED`].
    pub(crate) indexed: AtomicU64,
    pub(crate) durable_end: AtomicI64,
    /// Everything before this is durable in its segment, and needs no journal.
    pub(crate) synced_end: AtomicI64,
    pub(crate) epochs: OpenEpochs,
    /// The epoch file is durable and right about everything before `synced_end`; otherwise the catalogue has
    /// to say it.
    pub(crate) epochs_filed: AtomicBool,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) syncing: Mutex<()>,
    pub(crate) warm: Mutex<Warm>,
    pub(crate) doomed: Mutex<Vec<Doomed>>,
    /// Shared by all logs of a folder.
    pub(crate) fence: Arc<OnceLock<LogError>>,
    pub(crate) journal: Option<Joined>,
    /// Of the disk; shared as well.
    pub(crate) room: Option<Arc<Room>>,
    pub(crate) closed: AtomicBool,
    pub(crate) deleted: AtomicBool,
    /// The folder's time at which somebody last asked for the log; 0 is nobody since this was last cleared.
    pub(crate) used: AtomicU64,
    pub(crate) handles: Arc<Handles>,
    pub(crate) listener: Mutex<Option<Weak<dyn DurableListener>>>,
    pub(crate) queued: AtomicBool,
    /// Bytes that the journal was given since the last sync of the segment began: a hint.
    pub(crate) behind: AtomicU64,
    pub(crate) compaction: compact::State,
    /// Where it is damaged; nothing for nearly all logs. Changed under `syncing`.
    pub(crate) quarantine: ArcSwapOption<Quarantine>,
    /// Where a read that finds damage says so.
    pub(crate) suspects: Option<Arc<Suspects>>,
}

impl Log {
    /// The first offset there is.
    #[must_use]
    pub fn log_start(&self) -> Offset {
        Offset(self.log_start.load(Ordering::Acquire))
    }

    /// The offset after the last record.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        Offset(self.log_end.load(Ordering::Acquire))
    }

    /// Everything before this offset survives a loss of power.
    #[must_use]
    pub fn durable_end(&self) -> Offset {
        Offset(self.durable_end.load(Ordering::Acquire))
    }

    pub(crate) fn synced_end(&self) -> Offset {
        Offset(self.synced_end.load(Ordering::Acquire))
    }

    /// The topic this log belongs to.
    #[must_use]
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Arc<LogConfig> {
        self.config.load_full()
    }

    /// Changes the settings; appends that began earlier still see the old ones.
    pub fn set_config(&self, config: impl Into<Arc<LogConfig>>) {
        self.config.store(config.into());
    }

    /// Whether what was appended last waits for a sync before it is acknowledged: always, unless the
    /// log is relaxed and neither of its bounds on what is not synced is reached. So a relaxed log
    /// never has `flush_messages` acknowledged records that a loss of power takes.
    #[must_use]
    pub fn acknowledges_synced(&self) -> bool {
        let config = self.config.load();
        let unsynced = || u64::try_from(self.log_end() - self.durable_end()).unwrap_or(0);
        match config.durability {
            Durability::Fsync => true,
            Durability::Relaxed => {
                config.flush_ms == Some(0) || unsynced() >= config.flush_messages
            }
        }
    }

    /// Bytes of all segments, without those that wait for deletion.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments.load().iter().map(|segment| u64::from(segment.extent().size)).sum()
    }

    /// How many segments there are.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.load().len()
    }

    /// Whom the [`crate::Syncer`] tells about a new durable end.
    pub fn set_listener(&self, listener: Weak<dyn DurableListener>) {
        *self.listener.lock() = Some(listener);
    }

    /// About how many bytes are in the journal that the segment has only in memory.
    pub(crate) fn behind(&self) -> u64 {
        self.behind.load(Ordering::Relaxed)
    }

    /// The failure since which nothing is written, if there was one.
    #[must_use]
    pub fn fenced(&self) -> Option<&LogError> {
        self.fence.get()
    }

    /// All producers the log knows.
    #[must_use]
    pub fn active_producers(&self) -> Vec<ProducerEntry> {
        self.writer.lock().producers.entries()
    }

    /// Forgets producers that were silent for too long.
    pub fn expire_producers(&self) {
        let after = self.config.load().producer_id_expiration_ms;
        let now = self.env.clock.wall_ms();
        self.writer.lock().producers.expire(now, after);
    }

    /// Where the earliest open transaction began.
    #[must_use]
    pub fn first_open_transaction(&self) -> Option<Offset> {
        self.writer.lock().producers.first_open_transaction()
    }

    /// The newest leader epoch.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.newest()
    }

    /// The leader epoch of the record at an offset.
    #[must_use]
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.read().of(offset)
    }

    /// The greatest epoch up to `epoch` and where it ended. `None` when `epoch` is newer than
    /// everything here, or there is no epoch at all.
    #[must_use]
    pub fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.read().end_of(epoch, self.log_end())
    }

    /// A leader begins: its epoch starts at the log end even if it never gets a record. Without one it is
    /// not written down, and forgotten when the log is closed: whoever opens it again begins an epoch there
    /// in any case, and with each start a file would be written for each log.
    pub fn begin_epoch(&self, epoch: LeaderEpoch) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        self.check_open()?;
        let begins = self.log_end();
        if self.epochs.assign(epoch, begins) {
            writer.epochs_changed(begins);
        }
        Ok(())
    }

    /// What a restart must know of the log.
    pub(crate) fn marks(&self) -> Marks {
        // The durable end first: it never passes the log end, which a truncation may be lowering.
        let (recovery_point, durable_end) = (self.synced_end(), self.durable_end());
        Marks { log_start: self.log_start(), recovery_point, durable_end }
    }

    /// What the catalogue is to say.
    pub(crate) fn listed(&self, rest: Option<Rest>) -> Listed {
        let index = self.indexed.load(Ordering::Acquire);
        let index = (index & INDEXED != 0).then(|| u32::try_from(index & !INDEXED).unwrap_or(0));
        // In this order: what is filed is at least as much as is synced by then.
        let marks = self.marks();
        let is_filed = self.epochs_filed.load(Ordering::Acquire);
        let epochs_to = marks.recovery_point;
        let epochs = (!is_filed).then(|| self.epochs.read().listed(epochs_to));
        Listed { marks, rest, index, epochs, epochs_to }
    }

    /// Index files of the active segment are durable, or there are none any more.
    pub(crate) fn set_indexed(&self, checksum: Option<u32>) {
        self.indexed.store(indexed_of(checksum), Ordering::Release);
    }

    /// Whether anybody asked for the log since this was last asked, or retention has something to do.
    pub(crate) fn is_in_use(&self) -> bool {
        self.used.swap(0, Ordering::AcqRel) > 0
            || !self.doomed.lock().is_empty()
            || self.compaction.is_running()
            || self.has_deletable()
    }

    /// Whether it was closed or deleted: whoever wants to use it opens it again.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Says that somebody wants to use it.
    pub fn touch(&self) {
        let now = self.handles.now();
        if self.used.load(Ordering::Relaxed) != now {
            self.used.store(now, Ordering::Relaxed);
        }
    }

    /// Ends all use of the log and removes its folder: first under another name, so that it is gone
    /// at once for whoever opens it again.
    pub fn delete(&self) -> Result<(), LogError> {
        self.give_up();
        if let Some(joined) = &self.journal {
            joined.forget(Offset::MAX)?;
        }
        let doomed = rename_doomed(&self.env, &self.dir)?;
        self.note_moved_to(&doomed);
        if let Some(parent) = self.dir.parent() {
            files::sync_dir(&*self.env.disk, parent)?;
        }
        let removed = self.env.disk.remove_dir_all(&doomed);
        removed.map_err(|error| LogError::io(&doomed, "remove", error))
    }

    /// Ends all use of a log that is about to be deleted.
    pub(crate) fn give_up(&self) {
        let _one_at_a_time = self.syncing.lock();
        let _writer = self.writer.lock();
        self.closed.store(true, Ordering::Release);
        self.deleted.store(true, Ordering::Release);
    }

    /// The folder of a log that is deleted has another name. Who goes on reading must not find there what
    /// another topic has under the old one.
    pub(crate) fn note_moved_to(&self, folder: &Path) {
        self.segments.load().iter().for_each(|segment| segment.note_moved_to(folder));
        let doomed = self.doomed.lock();
        doomed
            .iter()
            .flat_map(|doomed| &doomed.segments)
            .for_each(|(it, _)| it.note_moved_to(folder));
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Tells the listener that the log was closed because nobody used it.
    pub(crate) fn tell_rested(&self) {
        let listener = self.listener.lock().as_ref().and_then(Weak::upgrade);
        if let Some(listener) = listener {
            listener.rested(self);
        }
    }

    fn check_fence(&self) -> Result<(), LogError> {
        error::check_fence(&self.fence)
    }

    /// Writes what the active segment's file holds in memory.
    pub(crate) fn write_held(&self, writer: &Writer) -> Result<(), LogError> {
        if !writer.file.is_holding() {
            return Ok(());
        }
        self.check_fence()?;
        let written = writer.file.write_held();
        self.fenced_unless_passing(
            written.map_err(|error| LogError::of_write(&writer.active.path(), "write", error)),
        )
    }

    /// What the files of the folder may hold in memory, where a journal makes that durable.
    pub(crate) fn hold_budget(&self) -> Option<Arc<HoldBudget>> {
        self.journal.as_ref().map(Joined::hold_budget)
    }

    pub(crate) fn check_open(&self) -> Result<(), LogError> {
        self.check_fence()?;
        if self.closed.load(Ordering::Acquire) {
            return Err(LogError::Closed);
        }
        Ok(())
    }

    /// Fences the log when `result` is a failure.
    pub(crate) fn fencing<T>(&self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &result
            && self.fence.set(error.clone()).is_ok()
        {
            tracing::error!(
                log = %self.dir.display(), %error,
                "the data folder is fenced, nothing more is written to it; look at the disk and restart"
            );
        }
        result
    }

    /// [`Log::fencing`] for what can be made again as a whole when there is room on the disk, or for
    /// another open file.
    pub(crate) fn fenced_unless_passing<T>(
        &self,
        result: Result<T, LogError>,
    ) -> Result<T, LogError> {
        match result {
            Err(error) if error.is_full() => {
                self.tell_exhausted(&error);
                Err(error)
            }
            Err(error) if error.is_too_many_open() => Err(error),
            other => self.fencing(other),
        }
    }

    /// The disk had no room for a write.
    pub(crate) fn tell_exhausted(&self, error: &LogError) {
        if let Some(room) = &self.room {
            room.is_exhausted(error);
        }
    }

    /// Makes sure that a crash forgets neither the log start nor how far the log is synced.
    pub(crate) fn persist_marks(&self) -> Result<(), LogError> {
        match &self.journal {
            Some(joined) => self.fenced_unless_passing(joined.mark(self.marks())),
            None => Ok(()),
        }
    }
}

/// Gives the folder of a partition the name of one that is to be removed.
pub(crate) fn rename_doomed(env: &Env, dir: &Path) -> Result<PathBuf, LogError> {
    let name = dir.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let unique = Uuid::from_bytes(env.random.id()).simple();
    let unique = unique.to_string();
    let doomed = dir.with_file_name(names::moved_folder(&name, &unique, names::DELETED_FOLDER));
    env.disk.rename(dir, &doomed).map_err(|error| LogError::io(dir, "rename", error))?;
    Ok(doomed)
}

#[cfg(test)]
mod tests;
