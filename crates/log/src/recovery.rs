//! Opening a log: finding its segments, and after a crash finding out what is really there.
//!
//! The recovery point is the durable mark: everything before it was synced. Segments before it are
//! trusted as they are. From it on, every batch is checked; the first that is not whole ends the log,
//! and what lies behind it is cut, because it was never acknowledged. Damage *before* the mark is
//! never cut: it is quarantined ([`damage`]), and the log goes on behind it.
//!
//! Cuts are synced before anything is appended: bytes that were cut must not come back behind newer
//! ones after the next crash.
//!
//! In a folder that is fenced nothing is written. A log that was closed in order is opened there to be read,
//! and what is left over stays; any other would have to be recovered, and is refused.

mod damage;
mod epochs;
mod segments;
pub(crate) mod state;
mod swaps;
mod tail;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use env::disk::DirEntry;
use env::{Disk, Env, File};
use parking_lot::Mutex;
use records::{Offset, Timestamp};
use uuid::Uuid;

use self::segments::is_as_left;
use crate::catalogue::{Marks, Rest};
use crate::compact;
use crate::config::{Durability, LogConfig};
use crate::epochs::{ListedEpochs, OpenEpochs};
use crate::error::{self, LogError};
use crate::files;
use crate::handles::{Handles, Unsynced};
use crate::journal::Joined;
use crate::log::{Log, Pending, Suspects, Writer, indexed_of};
use crate::names;
use crate::producers::Producers;
use crate::quarantine::{Damage, Quarantine};
use crate::room::Room;
use crate::segment::{Segment, Warm};

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
    /// What the catalogue says of leader epochs, and before which offset that, or the file, is true.
    pub epochs: Option<ListedEpochs>,
    pub epochs_to: Offset,
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

/// Small files are read whole up to this size.
const SMALL_FILE_MAX: u64 = 64 << 20;

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
        let state = OpenState { clean, marks, epochs_to: recovery_point, ..OpenState::default() };
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
            epochs: state.epochs,
            epochs_to: state.epochs_to,
            indexed: None,
            covered: 0,
            snapshot_at: None,
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
            fence: &state.fence,
        };
        let created = !disk.exists(dir);
        if created {
            opening.check_fence()?;
            disk.create_dir_all(dir).map_err(|error| LogError::of_write(dir, "create", error))?;
        }
        opening.finish_swaps()?;
        let names = opening.names()?;
        opening.load_quarantine(&names)?;
        let mut found = opening.segments(&names)?;
        opening.clean = state.clean && state.rest.is_none_or(|rest| is_as_left(&found, rest));
        if !opening.clean || found.is_empty() {
            opening.check_fence()?;
        }
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
        let (epochs, epochs_filed) = opening.load_epochs(&names, &segments, log_start, log_end)?;
        let producers = opening.load_producers(&segments, log_end)?;
        let clean = opening.clean;
        // Nothing before the log start is left that could be lost.
        let mark = |unclean: Offset| if clean { log_end } else { unclean }.max(log_start);
        let (synced_end, durable_end) = (mark(recovery_point), mark(durable));

        let first_timestamp = first_timestamp(&*writer_file, active)?;
        let writer = Writer {
            active: active.clone(),
            file: active
                .append_through(writer_file, state.journal.as_ref().map(Joined::hold_budget)),
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
            epochs_stale: (!epochs_filed).then_some(Offset::ZERO),
            epoch_file_due: false,
            indexed: if clean { opening.covered(active.base) } else { 0 },
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
            epochs: OpenEpochs::new(epochs),
            epochs_filed: AtomicBool::new(epochs_filed),
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
            behind: AtomicU64::new(0),
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
    epochs: Option<ListedEpochs>,
    epochs_to: Offset,
    /// The same, once files with it were found, which stay.
    indexed: Option<u32>,
    /// How far the index files of the segment that was read last go.
    covered: u32,
    /// The producer snapshot that was believed.
    snapshot_at: Option<Offset>,
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
    fence: &'a OnceLock<LogError>,
}

impl Opening<'_> {
    fn disk(&self) -> &dyn Disk {
        &*self.env.disk
    }

    /// Refuses what would have to be written.
    fn check_fence(&self) -> Result<(), LogError> {
        error::check_fence(self.fence)
    }

    fn is_fenced(&self) -> bool {
        self.fence.get().is_some()
    }

    /// Removes what the log does not go by, unless nothing may be changed.
    fn remove(&mut self, path: &Path) -> Result<(), LogError> {
        if self.is_fenced() {
            return Ok(());
        }
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
        self.check_fence()?;
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

    /// Whether what small files say of records before `offset` is said of the records in the log.
    /// Beyond the recovery point it may be of records that are lost, and others in their place.
    fn trusts(&self, offset: Offset) -> bool {
        self.clean || offset <= self.recovery_point
    }

    /// How far the active segment has both index files and a snapshot.
    fn covered(&self, active: Offset) -> u32 {
        if self.snapshot_at.is_some_and(|at| at > active) { self.covered } else { 0 }
    }

    fn snapshot(&self, offset: Offset) -> Option<Producers> {
        let path = self.dir.join(names::segment_file(offset, names::SNAPSHOT));
        let bytes = self.disk().read(&path, SMALL_FILE_MAX).ok()?;
        Producers::decode(&bytes, self.env.clock.wall_ms()).ok()
    }
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
