//! Making a log durable: syncs, checkpoints, and the close that lets it rest.
//!
//! A sync has two halves, so that many logs can share one sync of the file system: [`Log::write_out`]
//! writes the small files that are due and says what is not durable, [`Log::synced`] takes over that it
//! is. Between them the caller holds `syncing`; appends go on.
//!
//! What a crash leaves between the halves: any part of what was written out. `synced_end` moves only in
//! the second, so nothing believes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use env::File;
use env::disk::OpenMode;
use records::Offset;

use super::{Log, Pending, Writer};
use crate::catalogue::Rest;
use crate::epochs::LISTED_EPOCHS_MAX;
use crate::error::LogError;
use crate::files;
use crate::handles::Unsynced;
use crate::index;
use crate::names;

/// What a sync is about to make durable.
#[derive(Debug)]
pub(crate) struct WrittenOut {
    files: Vec<Arc<dyn File>>,
    /// There were files, whether they are still held or not.
    data: bool,
    /// There are files that nobody holds: only a sync of the whole file system will do.
    whole: bool,
    /// The checksum of the active segment's index files, where they were written.
    index: Option<u32>,
    /// The epoch file was written.
    epochs: bool,
    /// Names in the folder, and the folder's own name.
    names: bool,
    folder: bool,
    /// Everything before this is durable then.
    target: Offset,
}

impl WrittenOut {
    /// Whether there is nothing to sync.
    pub fn is_empty(&self) -> bool {
        !self.data && !self.names && !self.folder
    }

    /// Lets go of the files: a sync of the whole file system needs none of them, and those of many logs
    /// are more than a process may hold open.
    pub fn let_go_of_files(&mut self) {
        self.files = Vec::new();
        self.whole = self.data;
    }
}

impl Log {
    /// Makes everything that is appended by now durable and says up to where that is. Appends go on
    /// meanwhile; of several callers one works and the others find its work done.
    pub fn sync(&self) -> Result<Offset, LogError> {
        let _one_at_a_time = self.syncing.lock();
        self.check_open()?;
        // An empty log costs no sync: its names follow with its first record.
        if self.is_unsynced() { self.sync_locked() } else { Ok(self.durable_end()) }
    }

    /// [`Log::sync`] for appends that are not in the journal, which is told now and then how far they
    /// have come: recovery takes what lies behind for what may be torn.
    pub(crate) fn sync_unjournaled(&self) -> Result<Offset, LogError> {
        if let Some(joined) = &self.journal {
            let mut writer = self.writer.lock();
            // What the journal is told is durable must not be walked for its epochs.
            writer.epoch_file_due |= joined.is_mark_due(writer.unmarked_bytes);
        }
        let end = self.sync()?;
        if let Some(joined) = &self.journal {
            let mut writer = self.writer.lock();
            if joined.is_mark_due(writer.unmarked_bytes) {
                writer.unmarked_bytes = 0;
                joined.mark_later(self.marks());
            }
            joined.note_synced();
        }
        Ok(end)
    }

    /// Has the next entry of the journal say how far the log is durable, unless it was closed: then it
    /// is synced, or gone.
    pub(crate) fn mark_to_prove(&self) {
        let Some(joined) = &self.journal else { return };
        // A truncation lowers the ends under this lock, and says so to the journal.
        let writer = self.writer.lock();
        if !self.is_closed() {
            // Nothing more has come for a while: whoever looks at the files is to find all of it. What
            // cannot be written now is when it has to be.
            let _ = self.write_held(&writer);
            let committed = joined.member.committed();
            let before = self.durable_end.fetch_max(committed.0, Ordering::AcqRel);
            joined.mark_to_prove(committed.max(Offset(before)));
        }
    }

    /// Makes everything that is appended by now durable, in the journal where that is enough, and says
    /// up to where that is.
    pub fn commit(&self) -> Result<Offset, LogError> {
        self.check_open()?;
        if let Some(joined) = &self.journal {
            match joined.journal.commit() {
                // The segments need no more room to be synced.
                Err(error) if error.is_passing() => return self.sync(),
                committed => committed?,
            }
        }
        if self.take_committed() { self.sync_unjournaled() } else { Ok(self.durable_end()) }
    }

    /// Takes over what the journal has made durable, and says whether something waits for a sync that
    /// is not in the journal.
    pub(crate) fn take_committed(&self) -> bool {
        // A truncation holds this lock while it lowers both.
        let writer = self.writer.lock();
        let Some(joined) = &self.journal else { return self.log_end() > self.durable_end() };
        self.durable_end.fetch_max(joined.member.committed().0, Ordering::AcqRel);
        writer.unjournaled_end > self.durable_end()
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

    pub(crate) fn remove_snapshot(&self, replaced: Option<Offset>) -> Result<(), LogError> {
        let in_use = |offset| self.segments.load().iter().any(|segment| segment.base == offset);
        if let Some(offset) = replaced.filter(|offset| !in_use(*offset)) {
            let path = self.dir.join(names::segment_file(offset, names::SNAPSHOT));
            files::remove(&*self.env.disk, &path)?;
        }
        Ok(())
    }

    /// [`Log::sync`] for a caller that holds `syncing`.
    pub(crate) fn sync_locked(&self) -> Result<Offset, LogError> {
        let written = self.write_out(false)?;
        let synced = self.sync_written(&written);
        if synced.as_ref().is_err_and(LogError::is_too_many_open) {
            self.leave_unsynced(&written);
        }
        self.fenced_unless_passing(synced)?;
        Ok(self.synced(&written))
    }

    fn sync_written(&self, written: &WrittenOut) -> Result<(), LogError> {
        let disk = &*self.env.disk;
        let failed = |error| LogError::io(&self.dir, "sync", error);
        if written.whole {
            // The folder of all, which is watched.
            return disk.sync_all(self.dir.parent().unwrap_or(&self.dir)).map_err(failed);
        }
        for file in &written.files {
            file.sync_data().map_err(failed)?;
        }
        if written.names {
            files::sync_dir(disk, &self.dir)?;
        }
        match self.dir.parent() {
            Some(parent) if written.folder => files::sync_dir(disk, parent),
            _ => Ok(()),
        }
    }

    /// A sync could not be begun, as a folder has to be opened for it: it is left to the next. Files
    /// that are held are synced by now. The caller holds `syncing`.
    pub(crate) fn leave_unsynced(&self, written: &WrittenOut) {
        let mut writer = self.writer.lock();
        writer.unsynced_unheld |= written.whole;
        writer.names_dirty |= written.names;
        writer.folder_dirty |= written.folder;
    }

    /// The first half of a sync: writes the small files that are due and says what is to be made
    /// durable: of many logs `together`, whose files are not opened for that. The caller holds `syncing`
    /// until [`Log::synced`].
    pub(crate) fn write_out(&self, together: bool) -> Result<WrittenOut, LogError> {
        let mut epochs = false;
        let (mut files, whole, pending, active, target, names, folder) = {
            let mut writer = self.writer.lock();
            self.check_fence()?;
            self.write_held(&writer)?;
            let target = self.log_end();
            if together {
                writer.unsynced_unheld |= std::mem::take(&mut writer.unsynced_metadata);
            } else if writer.unsynced_metadata {
                let path = self.dir.join(names::PARTITION_METADATA);
                let file = self.env.disk.open(&path, OpenMode::Write);
                let file = file.map_err(|error| LogError::io(&path, "open", error));
                writer.unsynced_small.push(self.fenced_unless_passing(file)?);
                writer.unsynced_metadata = false;
            }
            // Not for an epoch without a record.
            let is_stale = writer.epochs_stale.is_some_and(|from| from < target);
            if is_stale && !self.has_epochs_filed(&writer) {
                // Before `synced_end` passes what the file does not have.
                self.epochs_filed.store(false, Ordering::Release);
            } else if is_stale {
                let text = self.epochs.read().encode();
                let file = self.fenced_unless_passing(files::replace_unsynced(
                    &*self.env.disk,
                    &self.dir.join(names::EPOCHS),
                    text.as_bytes(),
                ))?;
                writer.unsynced_small.push(file);
                writer.epochs_stale = None;
                epochs = true;
                writer.names_dirty = true;
            }
            let sealed = std::mem::take(&mut writer.unsynced);
            let whole = std::mem::take(&mut writer.unsynced_unheld);
            let mut files: Vec<_> = sealed.into_iter().map(|unsynced| unsynced.file).collect();
            files.append(&mut writer.unsynced_small);
            self.behind.store(0, Ordering::Relaxed);
            if std::mem::take(&mut writer.dirty) {
                files.push(writer.file.written().clone());
            }
            let pending = std::mem::take(&mut writer.pending);
            let names = std::mem::take(&mut writer.names_dirty);
            let folder = std::mem::take(&mut writer.folder_dirty);
            (files, whole, pending, writer.active.base, target, names, folder)
        };
        let names = names || !pending.is_empty();
        let mut index = None;
        for (n, file) in pending.iter().enumerate() {
            let written = self.fenced_unless_passing(self.write_pending(file, &mut files));
            if let Ok(Some((base, checksum))) = written {
                index = (base == active).then_some(checksum).or(index);
            } else if let Err(error) = written {
                // With a full disk nothing is lost by now, and all of it is left to the next sync.
                let mut writer = self.writer.lock();
                writer.pending.splice(..0, pending.into_iter().skip(n));
                writer.unsynced.extend(files.into_iter().map(Unsynced::from));
                writer.unsynced_unheld |= whole;
                writer.names_dirty |= names;
                writer.folder_dirty |= folder;
                return Err(error);
            }
        }
        let data = whole || !files.is_empty();
        Ok(WrittenOut { files, data, whole, index, epochs, names, folder, target })
    }

    /// The second half: what was written out is durable now.
    pub(crate) fn synced(&self, written: &WrittenOut) -> Offset {
        let target = written.target;
        assert!(target <= self.log_end(), "the log end went back during a sync");
        if written.index.is_some() {
            self.set_indexed(written.index);
        }
        self.synced_end.fetch_max(target.0, Ordering::AcqRel);
        self.durable_end.fetch_max(target.0, Ordering::AcqRel);
        if written.epochs {
            self.epochs_filed.store(true, Ordering::Release);
        }
        self.durable_end()
    }

    /// Whether a file is to have what is known of epochs, and not the catalogue.
    fn has_epochs_filed(&self, writer: &Writer) -> bool {
        self.journal.is_none()
            || writer.epoch_file_due
            || self.epochs.read().entries().len() > LISTED_EPOCHS_MAX
    }

    /// Whether a sync would have anything to do.
    pub(crate) fn is_unsynced(&self) -> bool {
        let writer = self.writer.lock();
        writer.dirty
            || !writer.unsynced.is_empty()
            || writer.unsynced_unheld
            || !writer.pending.is_empty()
            || self.log_end() > self.synced_end()
    }

    /// Of index files it gives the segment and their checksum.
    fn write_pending(
        &self,
        file: &Pending,
        written: &mut Vec<Arc<dyn File>>,
    ) -> Result<Option<(Offset, u32)>, LogError> {
        let disk = &*self.env.disk;
        match file {
            Pending::Indexes(segment, index) => {
                let (offsets, times) = index.encode();
                written.push(files::write(disk, &segment.sibling(names::INDEX), &offsets)?);
                written.push(files::write(disk, &segment.sibling(names::TIME_INDEX), &times)?);
                return Ok(Some((segment.base, index::checksum(segment.base, &offsets, &times))));
            }
            Pending::Snapshot(offset, bytes) => {
                let path = self.dir.join(names::segment_file(*offset, names::SNAPSHOT));
                written.push(files::write_once(disk, &path, bytes)?);
            }
        }
        Ok(None)
    }

    /// Syncs everything, writes indexes and the producer snapshot, and ends all use of the log. A log
    /// that never held a record has neither.
    pub fn close(&self) -> Result<(), LogError> {
        let _one_at_a_time = self.syncing.lock();
        if !self.begin_close()? {
            return Ok(());
        }
        let synced = self.sync_locked().map(|_| ());
        if synced.is_err() {
            self.take_back_close();
        }
        synced
    }

    /// The sync that has to follow [`Log::begin_close`] failed: the log is as open as it was. Were it
    /// closed, nobody would remember that it has something that is not synced. The caller holds
    /// `syncing` since.
    pub(crate) fn take_back_close(&self) {
        self.closed.store(false, Ordering::Release);
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
        if self.log_end() > Offset::ZERO
            && writer.settled != Some(self.log_end())
            && !self.is_soon_walked(&writer)
        {
            let index = Arc::new(writer.active.finished_index());
            let active = writer.active.clone();
            writer.pending.push(Pending::Indexes(active, index));
            let snapshot = Pending::Snapshot(self.log_end(), writer.producers.encode());
            writer.pending.push(snapshot);
            writer.settled = Some(self.log_end());
        }
        if std::mem::take(&mut writer.reserved) > 0 {
            // Blocks that were reserved and not used.
            let size = u64::from(writer.active.extent().size);
            let trimmed = writer.file.set_len(size);
            self.fencing(
                trimmed.map_err(|error| LogError::io(&writer.active.path(), "trim", error)),
            )?;
        }
        self.closed.store(true, Ordering::Release);
        Ok(true)
    }

    /// Whether the next opening soon reads off the active segment what has no files: then it costs more to
    /// make those, and to read them.
    fn is_soon_walked(&self, writer: &Writer) -> bool {
        let unindexed = writer.active.extent().size.saturating_sub(writer.indexed);
        // What is damaged does not tell all.
        unindexed < self.config.load().close_index_bytes && self.quarantine.load().is_none()
    }

    /// What the log was when it was closed; `None` when it was not closed in order.
    pub(crate) fn rest(&self) -> Option<Rest> {
        // Of one that was closed before the folder failed that is as true as it was; what came after is
        // refused, or taken back.
        let in_order =
            self.is_closed() && !self.is_deleted() && self.synced_end() == self.log_end();
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
}
