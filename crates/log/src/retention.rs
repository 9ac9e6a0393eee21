//! The front of the log: retention by time, size and log start, and the deletion of records.
//!
//! The log start only ever rises, also over a crash: it is written down before a file is touched, and
//! recovery removes what a crash brings back before it. Files go in two steps: under another name at
//! once, from the disk after a delay, so that a reader that has just found them can finish.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use records::Offset;

use crate::config::{Durability, LogConfig};
use crate::error::LogError;
use crate::files;
use crate::log::{Doomed, Log};
use crate::segment::Segment;

/// What a round of retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// The active segment was closed because of its age.
    pub rolled: bool,
    /// Segments that are no longer part of the log.
    pub segments_deleted: usize,
    /// Their bytes.
    pub bytes_deleted: u64,
    /// Files of earlier rounds that have left the disk now.
    pub files_removed: usize,
    /// The log start afterwards.
    pub log_start: Offset,
}

impl Log {
    /// Applies retention to everything that cannot be lost any more. A replicated partition gives its
    /// high watermark to [`Log::apply_retention_up_to`] instead.
    pub fn apply_retention(&self) -> Result<RetentionReport, LogError> {
        let limit = match self.config.load().durability {
            Durability::Fsync => self.durable_end(),
            Durability::Relaxed => self.log_end(),
        };
        self.apply_retention_up_to(limit)
    }

    /// Rolls an old active segment, deletes whole segments that end at or before `limit` and are too
    /// old, too much, or before the log start, and removes what earlier rounds deleted.
    pub fn apply_retention_up_to(&self, limit: Offset) -> Result<RetentionReport, LogError> {
        let _one_at_a_time = self.syncing.lock();
        self.check_open()?;
        let config = self.config.load();
        let mut report =
            RetentionReport { files_removed: self.remove_due()?, ..RetentionReport::default() };
        {
            let mut writer = self.writer.lock();
            if writer.active.extent().size > 0 && self.is_old(&writer, &config, None) {
                self.roll(&mut writer, self.log_end())?;
                report.rolled = true;
            }
        }
        let segments = self.segments.load_full();
        let doomed = self.deletable(&segments, &config, limit)?;
        if doomed > 0 {
            self.delete_first(&segments, doomed, &config, &mut report)?;
        }
        report.log_start = self.log_start();
        Ok(report)
    }

    /// Whether a round of retention would delete anything; not to be known counts as well.
    pub(crate) fn has_deletable(&self) -> bool {
        let deletable =
            self.deletable(&self.segments.load(), &self.config.load(), self.durable_end());
        !matches!(deletable, Ok(0))
    }

    /// How many segments at the front may go.
    fn deletable(
        &self,
        segments: &[Arc<Segment>],
        config: &LogConfig,
        limit: Offset,
    ) -> Result<usize, LogError> {
        let now = self.env.clock.wall_ms();
        let log_start = self.log_start();
        let mut left: u64 = segments.iter().map(|segment| u64::from(segment.extent().size)).sum();
        let mut count = 0;
        // Segments without a time, as compaction may leave them, go with the next that has one.
        let mut undated = 0;
        // Not `self.warm`: the log would hold a file and indexes from then on that nobody reads.
        let passing = Mutex::default();
        for segment in segments {
            let extent = segment.extent();
            if extent.next > limit || extent.size == 0 {
                break;
            }
            let size = u64::from(extent.size);
            let before_start = extent.next <= log_start;
            let too_much = config.cleanup.delete
                && config.retention_bytes.is_some_and(|bytes| left.saturating_sub(size) >= bytes);
            let too_old = match config.retention_ms.filter(|_| config.cleanup.delete) {
                Some(retention) if !before_start && !too_much => {
                    match segment.max_timestamp(&*self.env.disk, &passing)? {
                        Some(max) => u64::try_from(now.saturating_sub(max.timestamp.0))
                            .is_ok_and(|age| age > retention),
                        None => {
                            undated += 1;
                            left -= size;
                            continue;
                        }
                    }
                }
                _ => false,
            };
            if !(before_start || too_much || too_old) {
                break;
            }
            left -= size;
            count += 1 + std::mem::take(&mut undated);
        }
        Ok(count)
    }

    fn delete_first(
        &self,
        segments: &[Arc<Segment>],
        count: usize,
        config: &LogConfig,
        report: &mut RetentionReport,
    ) -> Result<(), LogError> {
        if count == segments.len() {
            let mut writer = self.writer.lock();
            let end = self.log_end();
            // Something may have been appended since the segments were looked at.
            if segments.last().is_none_or(|last| last.extent().next == writer.active.base) {
                // It was rolled meanwhile; the new segment stays.
            } else if segments.last().is_some_and(|last| last.extent().next == end) {
                self.roll(&mut writer, end)?;
                report.rolled = true;
            }
        }
        // Indexes and snapshots of segments that go are not left to be written, and the segment that
        // stays is known to the disk before those before it are gone.
        self.sync_locked()?;
        let current = self.segments.load_full();
        let count = count.min(current.len().saturating_sub(1));
        let Some((gone, stay)) = current.split_at_checked(count) else { return Ok(()) };
        let Some(start) = stay.first().map(|segment| segment.base) else { return Ok(()) };
        if !self.raise_log_start(start)? {
            // What was synced above is known only now, and recovery must believe its snapshots.
            self.persist_marks()?;
        }
        if let Some(joined) = &self.journal {
            self.fenced_unless_passing(joined.forget(start))?;
        }
        {
            let writer = self.writer.lock();
            let stay = self.segments.load().iter().skip(count).cloned().collect();
            self.segments.store(Arc::new(stay));
            drop(writer);
        }
        let mut segments = Vec::new();
        for segment in gone {
            report.segments_deleted += 1;
            report.bytes_deleted += u64::from(segment.extent().size);
            let paths = self.fencing(segment.rename_deleted(&*self.env.disk))?;
            segments.push((segment.clone(), paths));
        }
        self.retain_damage(|damage| damage.end > start)?;
        let due = self.env.clock.monotonic() + Duration::from_millis(config.file_delete_delay_ms);
        self.doomed.lock().push(Doomed { due, segments });
        report.files_removed += self.remove_due()?;
        Ok(())
    }

    /// Removes the files whose delay is over.
    pub(crate) fn remove_due(&self) -> Result<usize, LogError> {
        self.remove_due_at(self.env.clock.monotonic())
    }

    /// Removes all files that wait for it: the log is closed, and nobody would come back for them.
    pub(crate) fn remove_doomed(&self) -> Result<(), LogError> {
        self.remove_due_at(Duration::MAX).map(|_| ())
    }

    fn remove_due_at(&self, now: Duration) -> Result<usize, LogError> {
        let mut doomed = self.doomed.lock();
        let mut removed = 0;
        for gone in doomed.extract_if(.., |doomed| doomed.due <= now) {
            for (segment, paths) in gone.segments {
                // A reader that found it before it was taken out goes on reading it.
                let unread = Arc::strong_count(&segment) == 1 && segment.open_file().is_none();
                for path in paths {
                    if unread {
                        files::shrink(&*self.env.disk, &path);
                    }
                    files::remove(&*self.env.disk, &path)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// Deletes the records before `to`. They are gone for readers at once and for good when this
    /// returns; the room comes back with the next round of retention.
    pub fn advance_log_start(&self, to: Offset) -> Result<(), LogError> {
        let _one_at_a_time = self.syncing.lock();
        self.check_open()?;
        let (log_start, log_end) = (self.log_start(), self.log_end());
        if to > log_end || to < Offset::ZERO {
            return Err(LogError::OutOfRange { offset: to, log_start, log_end });
        }
        if to <= log_start {
            return Ok(());
        }
        if to > self.durable_end() {
            // Otherwise a crash could leave a log that ends before it begins.
            self.sync_locked()?;
        }
        self.raise_log_start(to).map(|_| ())
    }

    /// Whether it was lower; then the marks are written down.
    fn raise_log_start(&self, to: Offset) -> Result<bool, LogError> {
        let before = self.log_start.fetch_max(to.0, Ordering::AcqRel);
        if before >= to.0 {
            return Ok(false);
        }
        assert!(self.log_start() <= self.log_end(), "the log start passed the log end");
        if let Err(error) = self.persist_marks() {
            if error.is_full() {
                // It was not written down, so who asks again must not be told that it is done.
                self.log_start.store(before, Ordering::Release);
            }
            return Err(error);
        }
        if self.epochs.change(|epochs| epochs.truncate_from_start(to)) {
            self.writer.lock().epochs_changed(Offset::ZERO);
        }
        Ok(true)
    }
}
