//! One partition on one disk: the state behind an `Arc<Log>`, syncing, closing and deleting.
//!
//! Offsets: `log_start` is inclusive, `log_end` and `durable_end` are exclusive;
//! `log_start <= log_end` and `synced_end <= durable_end <= log_end` always.
//!
//! Locks, in this order:
//! 1. `syncing`: held by whoever syncs or changes the set of files (retention, truncation, close).
//! 2. `writer`: the append lock, held for a write into the page cache, never for a sync.
//! 3. the locks inside a segment and of the epochs, held for a few instructions.
//!
//! Readers take none of the first two. They load the published list of segments, which is replaced as
//! a whole, and the extent of a segment, which moves after the bytes are in the file.
//!
//! After the first failed write or sync all logs of the folder are fenced: what is on disk is not known
//! any more, so nothing is written, nothing is retried, and only opening them again (recovery) helps.
//! Reads go on. A write that fails because the disk is full fences nothing where it can be undone
//! (an append) or made again as a whole (small files); a sync that fails always does.
//!
//! What a crash leaves: whatever was written since the last sync may be there, torn or gone; what was
//! committed is in the journal and is written again. Index files, producer snapshots and the epoch file
//! are written by the sync that moves `synced_end` past what they describe, so that everything below
//! that has them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use env::disk::OpenMode;
use env::{Env, File};
use parking_lot::{Mutex, RwLock};
use records::{LeaderEpoch, Offset};
use uuid::Uuid;

use crate::catalogue::{Marks, Rest};
use crate::compact;
use crate::config::{Durability, LogConfig};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::files;
use crate::index::Index;
use crate::journal::Joined;
use crate::names;
use crate::producers::{ProducerEntry, Producers};
use crate::room::Room;
use crate::segment::{Segment, Warm};
use crate::sync::DurableListener;

/// A file that the next sync writes.
#[derive(Debug)]
pub(crate) enum Pending {
    /// The indexes of a sealed segment.
    Indexes(Arc<Segment>, Arc<Index>),
    /// A producer snapshot.
    Snapshot(Offset, Vec<u8>),
}

/// What a sync is about to make durable.
#[derive(Debug)]
pub(crate) struct WrittenOut {
    files: Vec<Arc<dyn File>>,
    /// Names in the folder, and the folder's own name.
    names: bool,
    folder: bool,
    /// Everything before this is durable then.
    target: Offset,
}

/// What only the holder of the append lock touches.
#[derive(Debug)]
pub(crate) struct Writer {
    pub active: Arc<Segment>,
    pub file: Arc<dyn File>,
    pub producers: Producers,
    /// The active segment has bytes that were not synced.
    pub dirty: bool,
    /// What lies before this and is not durable yet is not in the journal: only a sync helps.
    pub unjournaled_end: Offset,
    /// Bytes since the journal last heard how far the log is synced, of those that are not in it.
    pub unmarked_bytes: u64,
    /// Sealed segments whose bytes were not synced.
    pub unsynced: Vec<Arc<dyn File>>,
    /// Small files that were written and not synced; they matter only once there are records.
    pub unsynced_small: Vec<Arc<dyn File>>,
    /// The same of `partition.metadata`, which nobody holds open until then.
    pub unsynced_metadata: bool,
    pub pending: Vec<Pending>,
    /// Names in the folder, or the folder's own name, are not durable yet.
    pub names_dirty: bool,
    pub folder_dirty: bool,
    pub epochs_dirty: bool,
    /// Up to here the active segment's index files were written.
    pub indexed: u32,
    /// The end of the log when indexes and a snapshot were last written for all of it.
    pub settled: Option<Offset>,
    /// Where a snapshot was written that belongs to no segment's base.
    pub extra_snapshot: Option<Offset>,
    /// Blocks of the active file are reserved up to here.
    pub reserved: u64,
    /// Timestamp of the first batch in the active segment, and the wall time it was opened.
    pub first_timestamp: Option<records::Timestamp>,
    pub opened_ms: i64,
}

/// Segments that wait for their deletion.
#[derive(Debug)]
pub(crate) struct Doomed {
    pub due: std::time::Duration,
    pub paths: Vec<PathBuf>,
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
    pub(crate) durable_end: AtomicI64,
    /// Everything before this is durable in its segment, and needs no journal.
    pub(crate) synced_end: AtomicI64,
    pub(crate) epochs: RwLock<Epochs>,
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
    /// Somebody asked for the log since this was last cleared.
    pub(crate) used: AtomicBool,
    pub(crate) listener: Mutex<Option<Weak<dyn DurableListener>>>,
    pub(crate) queued: AtomicBool,
    pub(crate) compaction: compact::State,
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
        self.epochs.read().latest()
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

    /// A leader begins: its epoch starts at the log end even if it never gets a record. A crash
    /// before the next sync may forget it, which is as if it had not led.
    pub fn begin_epoch(&self, epoch: LeaderEpoch) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        self.check_open()?;
        if self.epochs.write().assign(epoch, self.log_end()) {
            writer.epochs_dirty = true;
        }
        Ok(())
    }

    /// Makes everything that is appended by now durable and says up to where that is. Appends go on
    /// meanwhile; of several callers one works and the others find its work done.
    pub fn sync(&self) -> Result<Offset, LogError> {
        let _one_at_a_time = self.syncing.lock();
        {
            let writer = self.writer.lock();
            self.check_open()?;
            let records = writer.dirty || !writer.unsynced.is_empty() || !writer.pending.is_empty();
            if !records && self.log_end() <= self.synced_end() {
                // An empty log costs no sync: its names follow with its first record.
                return Ok(self.durable_end());
            }
        }
        self.sync_locked()
    }

    /// [`Log::sync`] for appends that are not in the journal, which is told now and then how far they
    /// have come: recovery takes what lies behind for what may be torn.
    pub(crate) fn sync_unjournaled(&self) -> Result<Offset, LogError> {
        let end = self.sync()?;
        if let Some(joined) = &self.journal {
            let mut writer = self.writer.lock();
            if joined.is_mark_due(writer.unmarked_bytes) {
                writer.unmarked_bytes = 0;
                joined.mark_later(self.marks());
            }
        }
        Ok(end)
    }

    /// Makes everything that is appended by now durable, in the journal where that is enough, and says
    /// up to where that is.
    pub fn commit(&self) -> Result<Offset, LogError> {
        self.check_open()?;
        if let Some(joined) = &self.journal {
            match joined.journal.commit() {
                // The segments need no more room to be synced.
                Err(error) if error.is_full() => return self.sync(),
                committed => committed?,
            }
            self.take_committed();
        }
        if self.needs_sync() { self.sync() } else { Ok(self.durable_end()) }
    }

    /// Takes over what the journal has made durable, and says up to where everything is.
    pub(crate) fn take_committed(&self) -> Offset {
        if let Some(joined) = &self.journal {
            // A truncation holds this lock while it lowers both.
            let _writer = self.writer.lock();
            self.durable_end.fetch_max(joined.member.committed().0, Ordering::AcqRel);
        }
        self.durable_end()
    }

    /// Whether something waits to be durable that is not in the journal.
    pub(crate) fn needs_sync(&self) -> bool {
        let writer = self.writer.lock();
        match &self.journal {
            Some(_) => writer.unjournaled_end > self.durable_end(),
            None => self.log_end() > self.durable_end(),
        }
    }

    /// [`Log::sync`], and index files and a producer snapshot for the active segment when it has grown
    /// much since the last, so that recovery need not walk what is durable.
    pub fn checkpoint(&self) -> Result<Offset, LogError> {
        let replaced = self.write_large_index()?;
        let durable = self.sync()?;
        self.remove_snapshot(replaced)?;
        Ok(durable)
    }

    /// Has the next sync write indexes and a snapshot of an active segment that has grown much since
    /// they were last written. Returns the snapshot that this one replaces.
    pub(crate) fn write_large_index(&self) -> Result<Option<Offset>, LogError> {
        let mut writer = self.writer.lock();
        self.check_open()?;
        let size = writer.active.extent().size;
        if size.saturating_sub(writer.indexed) < self.config.load().checkpoint_index_bytes {
            return Ok(None);
        }
        let index = Arc::new(writer.active.finished_index());
        let active = writer.active.clone();
        let end = self.log_end();
        let snapshot = Pending::Snapshot(end, writer.producers.encode());
        writer.pending.extend([Pending::Indexes(active, index), snapshot]);
        writer.indexed = size;
        writer.settled = Some(end);
        Ok(writer.extra_snapshot.replace(end))
    }

    fn remove_snapshot(&self, replaced: Option<Offset>) -> Result<(), LogError> {
        let in_use = |offset| self.segments.load().iter().any(|segment| segment.base == offset);
        if let Some(offset) = replaced.filter(|offset| !in_use(*offset)) {
            let path = self.dir.join(names::segment_file(offset, names::SNAPSHOT));
            files::remove(&*self.env.disk, &path)?;
        }
        Ok(())
    }

    /// [`Log::sync`] for a caller that holds `syncing`.
    pub(crate) fn sync_locked(&self) -> Result<Offset, LogError> {
        let written = self.write_out()?;
        for file in &written.files {
            self.fencing(file.sync_data().map_err(|error| LogError::io(&self.dir, "sync", error)))?;
        }
        if written.names {
            self.fencing(files::sync_dir(&*self.env.disk, &self.dir))?;
        }
        if written.folder
            && let Some(parent) = self.dir.parent()
        {
            self.fencing(files::sync_dir(&*self.env.disk, parent))?;
        }
        Ok(self.synced(&written))
    }

    /// The first half of a sync: writes the small files that are due and says what is to be made
    /// durable. The caller holds `syncing` until [`Log::synced`].
    pub(crate) fn write_out(&self) -> Result<WrittenOut, LogError> {
        let (mut files, pending, target, names, folder) = {
            let mut writer = self.writer.lock();
            self.check_fence()?;
            let target = self.log_end();
            if writer.unsynced_metadata {
                let path = self.dir.join(names::PARTITION_METADATA);
                let file = self.env.disk.open(&path, OpenMode::Write);
                let file = file.map_err(|error| LogError::io(&path, "open", error));
                writer.unsynced_small.push(self.fenced_unless_full(file)?);
                writer.unsynced_metadata = false;
            }
            if writer.epochs_dirty {
                let text = self.epochs.read().encode();
                let file = self.fenced_unless_full(files::replace_unsynced(
                    &*self.env.disk,
                    &self.dir.join(names::EPOCHS),
                    text.as_bytes(),
                ))?;
                writer.unsynced_small.push(file);
                writer.epochs_dirty = false;
                writer.names_dirty = true;
            }
            let mut files = std::mem::take(&mut writer.unsynced);
            files.append(&mut writer.unsynced_small);
            if std::mem::take(&mut writer.dirty) {
                files.push(writer.file.clone());
            }
            let pending = std::mem::take(&mut writer.pending);
            let names = std::mem::take(&mut writer.names_dirty);
            let folder = std::mem::take(&mut writer.folder_dirty);
            (files, pending, target, names, folder)
        };
        let names = names || !pending.is_empty();
        for (n, file) in pending.iter().enumerate() {
            let written = self.fenced_unless_full(self.write_pending(file, &mut files));
            if let Err(error) = written {
                // With a full disk nothing is lost by now, and all of it is left to the next sync.
                let mut writer = self.writer.lock();
                writer.pending.splice(..0, pending.into_iter().skip(n));
                writer.unsynced.append(&mut files);
                writer.names_dirty |= names;
                writer.folder_dirty |= folder;
                return Err(error);
            }
        }
        Ok(WrittenOut { files, names, folder, target })
    }

    /// The second half: what was written out is durable now.
    pub(crate) fn synced(&self, written: &WrittenOut) -> Offset {
        let target = written.target;
        assert!(target <= self.log_end(), "the log end went back during a sync");
        self.synced_end.fetch_max(target.0, Ordering::AcqRel);
        self.durable_end.fetch_max(target.0, Ordering::AcqRel);
        self.durable_end()
    }

    /// Whether a sync would have anything to do.
    pub(crate) fn is_unsynced(&self) -> bool {
        let writer = self.writer.lock();
        writer.dirty
            || !writer.unsynced.is_empty()
            || !writer.pending.is_empty()
            || self.log_end() > self.synced_end()
    }

    fn write_pending(
        &self,
        file: &Pending,
        written: &mut Vec<Arc<dyn File>>,
    ) -> Result<(), LogError> {
        let disk = &*self.env.disk;
        match file {
            Pending::Indexes(segment, index) => {
                let (offsets, times) = index.encode();
                written.push(files::write(disk, &segment.sibling(names::INDEX), &offsets)?);
                written.push(files::write(disk, &segment.sibling(names::TIME_INDEX), &times)?);
            }
            Pending::Snapshot(offset, bytes) => {
                let path = self.dir.join(names::segment_file(*offset, names::SNAPSHOT));
                written.push(files::write_once(disk, &path, bytes)?);
            }
        }
        Ok(())
    }

    /// Syncs everything, writes indexes and the producer snapshot, and ends all use of the log. A log
    /// that never held a record has neither.
    pub fn close(&self) -> Result<(), LogError> {
        let _one_at_a_time = self.syncing.lock();
        if !self.begin_close()? {
            return Ok(());
        }
        self.sync_locked().map(|_| ())
    }

    /// The first half of closing: from here on nothing is appended, and the sync that must follow
    /// writes what the next opening goes by. False when the log was closed before. The caller holds
    /// `syncing`.
    pub(crate) fn begin_close(&self) -> Result<bool, LogError> {
        let mut writer = self.writer.lock();
        if self.closed.load(Ordering::Acquire) {
            return Ok(false);
        }
        self.check_fence()?;
        self.closed.store(true, Ordering::Release);
        if self.log_end() > Offset::ZERO && writer.settled != Some(self.log_end()) {
            let index = Arc::new(writer.active.finished_index());
            let active = writer.active.clone();
            writer.pending.push(Pending::Indexes(active, index));
            let snapshot = Pending::Snapshot(self.log_end(), writer.producers.encode());
            writer.pending.push(snapshot);
        }
        if std::mem::take(&mut writer.reserved) > 0 {
            // Blocks that were reserved and not used.
            let size = u64::from(writer.active.extent().size);
            let trimmed = writer.file.set_len(size);
            self.fencing(
                trimmed.map_err(|error| LogError::io(&writer.active.path(), "trim", error)),
            )?;
        }
        Ok(true)
    }

    /// What the log was when it was closed; `None` when it was not closed in order.
    pub(crate) fn rest(&self) -> Option<Rest> {
        let in_order = self.closed.load(Ordering::Acquire)
            && self.fenced().is_none()
            && self.synced_end() == self.log_end();
        let segments = self.segments.load();
        let (first, last) = (segments.first()?, segments.last()?);
        let oldest = first.max_timestamp(&*self.env.disk, &self.warm).ok().flatten();
        in_order.then(|| Rest {
            last_base: last.base,
            last_size: last.extent().size,
            bytes: self.size_bytes(),
            oldest: oldest.map(|max| max.timestamp),
        })
    }

    /// What a restart must know of the log.
    pub(crate) fn marks(&self) -> Marks {
        // The durable end first: it never passes the log end, which a truncation may be lowering.
        let (recovery_point, durable_end) = (self.synced_end(), self.durable_end());
        Marks { log_start: self.log_start(), recovery_point, durable_end }
    }

    /// Whether anybody asked for the log since this was last asked, or retention has something to do.
    pub(crate) fn is_in_use(&self) -> bool {
        self.used.swap(false, Ordering::AcqRel)
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
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
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
        match self.fence.get() {
            Some(cause) => Err(LogError::Fenced { cause: Arc::new(cause.clone()) }),
            None => Ok(()),
        }
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
    pub(crate) fn fenced_unless_full<T>(&self, result: Result<T, LogError>) -> Result<T, LogError> {
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
            Some(joined) => self.fenced_unless_full(joined.mark(self.marks())),
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

impl WrittenOut {
    /// Whether there is nothing to sync.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.names && !self.folder
    }
}

#[cfg(test)]
mod tests;
