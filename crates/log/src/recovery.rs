//! Opening a log: finding its segments, and after a crash finding out what is really there.
//!
//! The recovery point is the durable mark: everything before it was synced. Segments before it are
//! trusted as they are. From it on, every batch is checked; the first that is not whole ends the log,
//! and what lies behind it is cut, because it was never acknowledged. Damage *before* the mark is
//! never cut: it is quarantined ([`damage`]), and the log goes on behind it.
//!
//! Cuts are synced before anything is appended: bytes that were cut must not come back behind newer
//! ones after the next crash.

mod damage;
pub(crate) mod state;
mod swaps;

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use env::disk::{DirEntry, OpenMode};
use env::{Disk, Env, File};
use parking_lot::{Mutex, RwLock};
use records::{Offset, Timestamp};
use uuid::Uuid;

use crate::catalogue::{Marks, Rest};
use crate::compact;
use crate::config::{Durability, LogConfig};
use crate::error::LogError;
use crate::files;
use crate::handles::{Handles, Unsynced};
use crate::index::{self, Index};
use crate::journal::Joined;
use crate::log::{Log, Pending, Suspects, Writer, indexed_of};
use crate::names;
use crate::producers::Producers;
use crate::quarantine::{Damage, Quarantine};
use crate::room::Room;
use crate::segment::{Extent, Segment, Warm, Written, read_index_files};
use crate::truncate::resume;
use crate::walk::{WalkError, to_usize};

/// What is known of a log from outside its folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenState {
    /// The log was closed in order; its files are what they should be, unless the next says
    /// otherwise.
    pub clean: bool,
    /// What it was then: a log whose last segment is another was used since.
    pub rest: Option<Rest>,
    /// Where it begins and how far it is durable.
    pub marks: Marks,
    /// The checksum of the index files that were durable then.
    pub index: Option<u32>,
    /// What makes small appends durable.
    pub journal: Option<Joined>,
    /// Set at the first failure of any log of the folder.
    pub fence: Arc<OnceLock<LogError>>,
    /// Of the disk.
    pub room: Option<Arc<Room>>,
    /// Where reads that find damage say so.
    pub suspects: Option<Arc<Suspects>>,
    /// Of the folder; this opening is counted already.
    pub handles: Arc<Handles>,
}

/// Bytes of a tail that are written again in one go.
const REWRITTEN_AT_ONCE: u32 = 1 << 20;

/// Small files are read whole up to this size.
const SMALL_FILE_MAX: u64 = 64 << 20;

/// The segments, and the file of the last.
type Loaded = (Vec<Arc<Segment>>, Arc<dyn File>);

/// A `.log` file that was found.
struct Found {
    base: Offset,
    path: PathBuf,
    size: u32,
}

impl Log {
    /// Opens or creates a log and recovers it when it was not closed in order. `recovery_point` is
    /// what the checkpoint says is durable.
    pub fn open(
        env: &Env,
        dir: &Path,
        topic_id: Uuid,
        config: LogConfig,
        clean: bool,
        recovery_point: Offset,
    ) -> Result<Log, LogError> {
        let marks = Marks { recovery_point, ..Marks::default() };
        let state = OpenState { clean, marks, ..OpenState::default() };
        Log::open_with(env, dir, topic_id, Arc::new(config), state)
    }

    /// [`Log::open`] with all that the folder of all partitions knows.
    pub(crate) fn open_with(
        env: &Env,
        dir: &Path,
        topic_id: Uuid,
        config: Arc<LogConfig>,
        state: OpenState,
    ) -> Result<Log, LogError> {
        let disk = &*env.disk;
        let Marks { log_start, recovery_point, durable_end } = state.marks;
        let durable = recovery_point.max(durable_end);
        let mut opening = Opening {
            env,
            dir,
            interval: config.index_interval_bytes,
            expiration_ms: config.producer_id_expiration_ms,
            clean: state.clean,
            index: state.index,
            indexed: None,
            recovery_point,
            durable,
            durability: config.durability,
            journal: state.journal.as_ref(),
            pending: Vec::new(),
            synced: Vec::new(),
            small: Vec::new(),
            names_changed: false,
            cut: false,
            quarantine: Quarantine::default(),
            found: Vec::new(),
            is_remade: false,
        };
        let created = !disk.exists(dir);
        if created {
            disk.create_dir_all(dir).map_err(|error| LogError::of_write(dir, "create", error))?;
        }
        opening.finish_swaps()?;
        let names = opening.names()?;
        opening.load_quarantine(&names)?;
        let mut found = opening.segments(&names)?;
        opening.clean = state.clean && state.rest.is_none_or(|rest| is_as_left(&found, rest));
        let unsynced_metadata = opening.check_metadata(topic_id)?;
        opening.remove_leftovers(&names)?;
        opening.drop_deleted(&mut found, log_start)?;
        let (segments, writer_file) = opening.load_segments(found, log_start)?;
        let (Some(first), Some(active)) = (segments.first(), segments.last()) else {
            return Err(LogError::Closed);
        };
        let log_end = active.extent().next;
        opening.check_end(log_end)?;
        let log_start = match opening.quarantine.of(log_start) {
            // Segments in front are missing.
            Some(_) => log_start,
            None => first.base.max(log_start).min(log_end),
        };
        opening.settle_quarantine(&segments, log_start, log_end)?;
        let (epochs, epochs_changed) = opening.load_epochs(&segments, log_start, log_end)?;
        let producers = opening.load_producers(&segments, log_end)?;
        let clean = opening.clean;
        // Nothing before the log start is left that could be lost.
        let mark = |unclean: Offset| if clean { log_end } else { unclean }.max(log_start);
        let (synced_end, durable_end) = (mark(recovery_point), mark(durable));

        let first_timestamp = first_timestamp(&*writer_file, active)?;
        let writer = Writer {
            active: active.clone(),
            file: writer_file.clone(),
            producers,
            dirty: false,
            unjournaled_end: Offset::ZERO,
            unmarked_bytes: 0,
            unsynced: opening.synced.drain(..).map(Unsynced::from).collect(),
            unsynced_unheld: false,
            unsynced_small: std::mem::take(&mut opening.small),
            unsynced_metadata,
            pending: std::mem::take(&mut opening.pending),
            // A process that was killed may have left names and small files that were not synced.
            names_dirty: created || opening.names_changed || !clean,
            folder_dirty: created || !clean,
            epochs_dirty: epochs_changed || !clean,
            indexed: if clean { active.extent().size } else { 0 },
            settled: clean.then_some(log_end),
            extra_snapshot: None,
            reserved: 0,
            first_timestamp,
            opened_ms: env.clock.wall_ms(),
        };
        // What came out of the journal was synced there; the rest of that waits for a checkpoint.
        let recovered = opening.cut || (!clean && log_end > durable_end);
        let (quarantine, is_remade) = (opening.published(), opening.is_remade);
        let log = Log {
            env: env.clone(),
            dir: dir.to_owned(),
            topic_id,
            config: ArcSwap::new(config),
            segments: ArcSwap::from_pointee(segments.clone()),
            log_start: AtomicI64::new(log_start.0),
            log_end: AtomicI64::new(log_end.0),
            indexed: AtomicU64::new(indexed_of(opening.indexed)),
            durable_end: AtomicI64::new(durable_end.min(log_end).0),
            synced_end: AtomicI64::new(synced_end.min(log_end).0),
            epochs: RwLock::new(epochs),
            writer: Mutex::new(writer),
            syncing: Mutex::new(()),
            warm: Mutex::new(Warm::default()),
            doomed: Mutex::new(Vec::new()),
            fence: state.fence,
            journal: state.journal,
            room: state.room,
            closed: AtomicBool::new(false),
            deleted: AtomicBool::new(false),
            used: AtomicU64::new(state.handles.now()),
            handles: state.handles,
            listener: Mutex::new(None),
            queued: AtomicBool::new(false),
            compaction: compact::State::default(),
            quarantine: ArcSwapOption::new(quarantine),
            suspects: state.suspects,
        };
        if recovered {
            tracing::info!(log = %dir.display(), %log_end, %recovery_point, "log recovered");
            let _one_at_a_time = log.syncing.lock();
            log.sync_locked()?;
        }
        if is_remade {
            log.remake_quarantine()?;
        }
        Ok(log)
    }
}

/// The state of an opening.
struct Opening<'a> {
    env: &'a Env,
    dir: &'a Path,
    interval: u32,
    expiration_ms: u64,
    clean: bool,
    index: Option<u32>,
    /// The same, once files with it were found, which stay.
    indexed: Option<u32>,
    recovery_point: Offset,
    /// From here on what is not whole was never acknowledged, and is cut.
    durable: Offset,
    /// What lies behind it is to be durable, too.
    durability: Durability,
    /// Keeps the marks as well.
    journal: Option<&'a Joined>,
    /// Indexes of sealed segments that were not durable.
    pending: Vec<Pending>,
    /// Files whose content may not be durable.
    synced: Vec<Arc<dyn File>>,
    /// Files to sync before anything that is appended counts as durable.
    small: Vec<Arc<dyn File>>,
    names_changed: bool,
    cut: bool,
    /// What is damaged, and what of it was not known before.
    quarantine: Quarantine,
    found: Vec<Damage>,
    /// The list of what is damaged was damaged itself.
    is_remade: bool,
}

impl Opening<'_> {
    fn disk(&self) -> &dyn Disk {
        &*self.env.disk
    }

    fn remove(&mut self, path: &Path) -> Result<(), LogError> {
        self.names_changed = true;
        files::remove(self.disk(), path)
    }

    /// Compares the folder's topic id, or writes it down. True when the file may not be durable.
    fn check_metadata(&mut self, topic_id: Uuid) -> Result<bool, LogError> {
        let path = self.dir.join(names::PARTITION_METADATA);
        if self.disk().exists(&path) {
            let bytes = self
                .disk()
                .read(&path, SMALL_FILE_MAX)
                .map_err(|error| LogError::io(&path, "read", error))?;
            match parse_metadata(&bytes) {
                Some(found) if found == topic_id => return Ok(!self.clean),
                Some(found) => {
                    return Err(LogError::TopicIdMismatch {
                        path: self.dir.to_owned(),
                        found,
                        expected: topic_id,
                    });
                }
                // Torn by a crash before the first sync: nothing in this folder was durable.
                None if !self.clean && self.recovery_point == Offset::ZERO => {}
                None => {
                    return Err(LogError::Damaged {
                        path,
                        position: 0,
                        offset: Offset::ZERO,
                        what: "no topic id in it".to_owned(),
                    });
                }
            }
        }
        let text = metadata_text(topic_id);
        files::write(self.disk(), &path, text.as_bytes()).map(|_| true)
    }

    /// What is in the folder.
    fn names(&self) -> Result<Vec<DirEntry>, LogError> {
        let names = self.disk().read_dir(self.dir);
        names.map_err(|error| LogError::io(self.dir, "list", error))
    }

    /// What is left of deletions, and of small files that were being replaced.
    fn remove_leftovers(&mut self, names: &[DirEntry]) -> Result<(), LogError> {
        let left = |name: &str| name.ends_with(names::DELETED) || name.ends_with(".tmp");
        for entry in names.iter().filter(|entry| left(&entry.name)) {
            self.remove(&self.dir.join(&entry.name))?;
        }
        Ok(())
    }

    /// The `.log` files in order.
    fn segments(&self, names: &[DirEntry]) -> Result<Vec<Found>, LogError> {
        let mut found = Vec::new();
        for entry in names {
            let Some((base, names::LOG)) = names::parse_segment_file(&entry.name) else { continue };
            let path = self.dir.join(&entry.name);
            let failed = |error| LogError::io(&path, "open", error);
            let len =
                self.disk().open(&path, OpenMode::Read).map_err(failed)?.len().map_err(failed)?;
            let size = u32::try_from(len).ok().filter(|size| *size <= i32::MAX.unsigned_abs());
            let size = size.ok_or_else(|| LogError::Damaged {
                path: path.clone(),
                position: len,
                offset: base,
                what: "a segment holds at most 2 GiB".to_owned(),
            })?;
            found.push(Found { base, path, size });
        }
        Ok(found)
    }

    /// Drops what lies before the log start.
    fn drop_deleted(&mut self, found: &mut Vec<Found>, log_start: Offset) -> Result<(), LogError> {
        // What lies before the log start was deleted; the crash brought the names back.
        // Unless they were not deleted yet, and hold what no snapshot says of their producers: then
        // retention deletes them in its own time.
        let mut keep = found.partition_point(|segment| segment.base <= log_start).saturating_sub(1);
        if let Some(first) = found.get(keep)
            && !(self.trusts(first.base) && self.snapshot(first.base).is_some())
        {
            keep = 0;
        }
        if keep > 0
            && let (Some(joined), Some(first)) = (self.journal, found.get(keep))
        {
            joined.forget(first.base)?;
        }
        for gone in found.drain(..keep) {
            self.remove_segment(gone.base)?;
        }
        self.check_front(found, log_start)
    }

    /// Whether what small files say of records before `offset` is said of the records in the log.
    /// Beyond the recovery point it may be of records that are lost, and others in their place.
    fn trusts(&self, offset: Offset) -> bool {
        self.clean || offset <= self.recovery_point
    }

    fn snapshot(&self, offset: Offset) -> Option<Producers> {
        let path = self.dir.join(names::segment_file(offset, names::SNAPSHOT));
        let bytes = self.disk().read(&path, SMALL_FILE_MAX).ok()?;
        Producers::decode(&bytes, self.env.clock.wall_ms()).ok()
    }

    fn remove_indexes(&mut self, base: Offset) -> Result<(), LogError> {
        for kind in [names::INDEX, names::TIME_INDEX] {
            let stale = self.dir.join(names::segment_file(base, kind));
            if self.disk().exists(&stale) {
                self.remove(&stale)?;
            }
        }
        Ok(())
    }

    fn remove_segment(&mut self, base: Offset) -> Result<(), LogError> {
        for kind in [names::LOG, names::INDEX, names::TIME_INDEX, names::SNAPSHOT] {
            let path = self.dir.join(names::segment_file(base, kind));
            self.remove(&path)?;
        }
        Ok(())
    }

    /// Trusts, checks or cuts each segment. The last one is ready to be appended to.
    fn load_segments(&mut self, found: Vec<Found>, log_start: Offset) -> Result<Loaded, LogError> {
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(found.len().max(1));
        let mut open: Option<Arc<dyn File>> = None;
        let bases: Vec<Offset> = found.iter().map(|segment| segment.base).collect();
        for (at, segment) in found.into_iter().enumerate() {
            if self.cut {
                self.remove_segment(segment.base)?;
                continue;
            }
            let next_base = bases.get(at + 1).copied();
            if let Some(next) = next_base
                && (self.clean || next < self.recovery_point)
            {
                // A sync went past its end, so its indexes were written and synced as well.
                let extent = Extent { size: segment.size, next };
                let sealed = Segment::sealed(segment.path, segment.base, extent);
                sealed.set_holes(self.quarantine.holes(sealed.base));
                segments.push(Arc::new(sealed));
                open = None;
                continue;
            }
            let expected = segments.last().map(|before| before.extent().next);
            if let Some(expected) = expected
                && expected != segment.base
            {
                self.gap(&segment, expected)?;
                self.cut = true;
                self.remove_segment(segment.base)?;
                continue;
            }
            if open.is_some() {
                self.seal_last(&segments);
            }
            let (checked, file) = self.check_segment(&segment, next_base)?;
            segments.push(checked);
            open = Some(file);
        }
        if segments.last().is_some_and(|last| last.ends_in_hole()) && open.take().is_some() {
            // Its bytes stay as they are.
            self.seal_last(&segments);
        }
        match open {
            Some(file) => Ok((segments, file)),
            None => self.first_segment(segments, log_start),
        }
    }

    fn seal_last(&mut self, segments: &[Arc<Segment>]) {
        if let Some(last) = segments.last() {
            let index = last.seal();
            self.pending.push(Pending::Indexes(last.clone(), index));
        }
    }

    fn first_segment(
        &mut self,
        mut segments: Vec<Arc<Segment>>,
        log_start: Offset,
    ) -> Result<Loaded, LogError> {
        let base = segments.last().map_or(log_start, |last| last.extent().next);
        // Before anything is made that the next start would take for what is left of the log.
        self.check_end(base)?;
        self.remove_indexes(base)?;
        let path = self.dir.join(names::segment_file(base, names::LOG));
        let file = self
            .disk()
            .open(&path, OpenMode::Create)
            .map_err(|error| LogError::of_write(&path, "create", error))?;
        self.names_changed = true;
        segments.push(Arc::new(Segment::active(path, base, file.clone())));
        Ok((segments, file))
    }

    /// Refuses a log of which nothing says where the rest of what was durable is.
    fn check_end(&self, end: Offset) -> Result<(), LogError> {
        if end >= self.durable {
            return Ok(());
        }
        let path = self.dir.to_owned();
        Err(LogError::TailMissing { path, end, recovery_point: self.durable })
    }

    /// Reads a segment as far as it must be: headers of what is durable and not indexed, whole
    /// batches of what is not durable.
    fn read_segment(
        &mut self,
        found: &Found,
        next_base: Option<Offset>,
        is_examined: bool,
    ) -> Result<(Arc<Segment>, Arc<dyn File>), LogError> {
        let path = &found.path;
        let file = self
            .disk()
            .open(path, OpenMode::Write)
            .map_err(|error| LogError::io(path, "open", error))?;
        let segment = Segment::active(path.clone(), found.base, file.clone());
        segment.set_holes(self.quarantine.holes(found.base));
        let interval = self.interval;
        let trusted = self.trusted();
        self.resume(&segment, &*file, found, trusted);
        if !self.clean {
            // Beyond the recovery point they may be of records that are lost; they are written anew
            // when the segment is sealed.
            self.remove_indexes(found.base)?;
        }

        let mut walk = segment.headers(&*file, segment.extent().size, found.size);
        loop {
            segment.pass_hole();
            if segment.extent().next >= trusted {
                break;
            }
            // A base offset that is wrong must not pass for the end of what is durable.
            let end = next_base.unwrap_or(Offset::MAX).min(self.known_end());
            let step = walk.next().and_then(|step| match step {
                Some((position, header))
                    if header.base_offset < segment.extent().next || header.next_offset() > end =>
                {
                    let what = format!("offset {} in its place", header.base_offset);
                    Err(WalkError::Damaged { position, what })
                }
                step => Ok(step),
            });
            match step.map_err(|error| error.in_file(path, segment.extent().next))? {
                Some((_, header)) => segment.publish(&[Written::of(&header)], interval),
                None => break,
            }
        }

        segment.pass_hole();
        let mut walk = segment.batches(&*file, segment.extent().size, found.size);
        let mut durable_size = segment.extent().size;
        loop {
            segment.pass_hole();
            let extent = segment.extent();
            if extent.next <= self.durable {
                durable_size = extent.size;
            }
            let mut is_durable = extent.next < self.durable;
            let step = walk.next().and_then(|step| match step {
                Some((position, batch)) if batch.header.base_offset != extent.next => {
                    // One of those that are durable would say that an offset before it is wrong; else it
                    // is torn.
                    is_durable |= !is_examined && batch.header.base_offset < self.durable;
                    let what = format!("offset {} instead", batch.header.base_offset);
                    Err(WalkError::Damaged { position, what })
                }
                step => Ok(step),
            });
            match step {
                Ok(Some((_, batch))) => {
                    segment.publish(&[Written::of(&batch.header)], interval);
                }
                Ok(None) => break,
                Err(error @ WalkError::Io(_)) => return Err(error.in_file(path, extent.next)),
                Err(error) if is_durable => {
                    return Err(error.in_file(path, extent.next));
                }
                Err(WalkError::Damaged { position, what }) => {
                    tracing::info!(
                        segment = %path.display(), position, offset = %extent.next, what,
                        bytes = found.size - extent.size, "tail beyond the durable mark cut"
                    );
                    file.set_len(u64::from(extent.size))
                        .map_err(|error| LogError::io(path, "cut", error))?;
                    self.cut = true;
                    break;
                }
            }
        }
        if !self.clean && self.durability == Durability::Fsync {
            rewrite(&*file, durable_size, segment.extent().size)
                .map_err(|error| LogError::io(path, "write", error))?;
        }
        if !self.clean && (self.cut || segment.extent().next > self.recovery_point) {
            self.synced.push(file.clone());
        } else if !self.clean {
            // Its length may not be what the disk knows: a truncation may have been interrupted.
            self.small.push(file.clone());
        }
        Ok((Arc::new(segment), file))
    }

    /// Takes what the index files say about the part that is trusted. They were written over while the
    /// segment grew, and a crash may have torn that: then they are not those that were durable.
    fn resume(&mut self, segment: &Segment, file: &dyn File, found: &Found, trusted: Offset) {
        let Some((offsets, times)) = read_index_files(self.disk(), &found.path, found.base) else {
            return;
        };
        let checksum = index::checksum(found.base, &offsets, &times);
        let is_known = self.index == Some(checksum);
        // One from before there were checksums is believed of a log that was closed in order.
        if !is_known && (self.index.is_some() || !self.clean) {
            return;
        }
        self.indexed = self.index.filter(|_| self.clean);
        if let Some(index) = Index::decode(&offsets, &times, found.size) {
            resume(segment, file, index, trusted, found.size);
        }
    }
}

/// Writes a part of a file again. A sync that failed before a restart may have left it in the page cache
/// as if it were on the disk, where the next sync would pass it over.
fn rewrite(file: &dyn File, mut from: u32, to: u32) -> std::io::Result<()> {
    let mut bytes = vec![0; to_usize((to - from).min(REWRITTEN_AT_ONCE))];
    while from < to {
        let len = (to - from).min(REWRITTEN_AT_ONCE);
        let part = bytes.get_mut(..to_usize(len)).unwrap_or_default();
        file.read_exact_at(part, u64::from(from))?;
        file.write_all_at(&[IoSlice::new(part)], u64::from(from))?;
        from += len;
    }
    Ok(())
}

/// Whether the last segment is what it was when the log was closed.
fn is_as_left(found: &[Found], rest: Rest) -> bool {
    found.last().is_some_and(|last| last.base == rest.last_base && last.size == rest.last_size)
}

/// Timestamp of the first batch of a segment, where it has one.
pub(crate) fn first_timestamp(
    file: &dyn File,
    active: &Segment,
) -> Result<Option<Timestamp>, LogError> {
    let mut walk = active.headers(file, 0, active.extent().size);
    let first = walk.next().map_err(|error| error.in_file(&active.path(), active.base))?;
    Ok(first.map(|(_, header)| header.max_timestamp).filter(|time| time.is_some()))
}

pub(crate) fn metadata_text(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {}", names::id_text(topic_id))
}

/// The topic id out of a `partition.metadata` file.
pub(crate) fn parse_metadata(bytes: &[u8]) -> Option<Uuid> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    if lines.next()?.strip_prefix("version:")?.trim() != "0" {
        return None;
    }
    names::parse_id(lines.next()?.strip_prefix("topic_id:")?.trim())
}
