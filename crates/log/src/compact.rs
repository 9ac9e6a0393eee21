//! Compaction: of the records with one key only the last is kept.
//!
//! A run reads the dirty part of the log, from where the last run ended up to what may be compacted,
//! and notes the last offset of each key in a map of bounded size. Then it goes over the segments from
//! the first on, writes those records anew that are still wanted, several small segments into one,
//! and puts the result in the place of the old segments ([`swap`]).
//!
//! What always holds:
//! - Offsets do not change. A batch that stays keeps its first and its last offset, and a segment keeps the
//!   header of its last batch, so that it ends where it did.
//! - Only sealed segments are touched that are wholly below the limit (high watermark), the durable
//!   end and the first open transaction; one whose marker is not below them counts as open. What was
//!   compacted lies below the recovery point on disk.
//! - A record goes only if a later one with its key is there, or it is a tombstone or marker past its
//!   time, or its transaction was aborted. Segments are replaced in order, so at each moment the log
//!   is a history that a consumer may have seen.
//!
//! Bytes that are not what was written end the run; nothing was replaced by what was made of them.
//!
//! Locks: `running` for the whole run, and `syncing` only for each swap. Appends and readers are never
//! waited for.

mod filter;
mod hash;
mod key_map;
mod plan;
mod rewrite;
mod swap;
mod transactions;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use records::{BatchHeader, Offset, Timestamp};
use thiserror::Error;

use self::filter::{Filter, Kept};
use self::hash::Secret;
use self::key_map::{KeyMap, LOOKED_UP_TOGETHER, MapSize};
pub use self::plan::Cleanable;
pub(crate) use self::swap::SwapFile;
use self::transactions::{Aborted, Scanned, Transactions};
use crate::error::{LogError, codec_text};
use crate::log::Log;
use crate::read::Wait;
use crate::section::Section;
use crate::segment::{Segment, Warm};

/// Bytes after which the pace is asked whether to go on.
const STEP_BYTES: u64 = 256 << 10;

/// Bytes after which others have the core, if one waits for it: the kernel would else let it wait until a time
/// slice is over, however low the priority of this thread.
const GIVE_WAY_BYTES: u64 = 64 << 10;

/// What a log remembers of its compaction. Not on disk: [`crate::Cleaner`] keeps the end in a file.
#[derive(Debug)]
pub(crate) struct State {
    /// Everything before this was compacted; -1 where nobody has said yet.
    cleaned_end: AtomicI64,
    /// There is no batch of a transaction before this.
    free_of_transactions: AtomicI64,
    /// Makes the names of replaced files unique.
    replaced: AtomicU64,
    running: Mutex<()>,
}

impl Default for State {
    fn default() -> State {
        State {
            cleaned_end: AtomicI64::new(-1),
            free_of_transactions: AtomicI64::new(0),
            replaced: AtomicU64::new(0),
            running: Mutex::new(()),
        }
    }
}

impl State {
    /// The log is cut to `end`.
    pub fn cut(&self, end: Offset) {
        self.cleaned_end.fetch_min(end.0, Ordering::AcqRel);
        self.free_of_transactions.fetch_min(end.0, Ordering::AcqRel);
    }

    /// Whether the log is being compacted.
    pub fn is_running(&self) -> bool {
        self.running.is_locked()
    }

    fn next_replaced(&self) -> u64 {
        self.replaced.fetch_add(1, Ordering::Relaxed)
    }
}

/// Who says how fast a run may be.
pub trait Pace: Send + Sync {
    /// So many bytes were read or written. Waits as long as it likes; false ends the run.
    fn spent(&self, bytes: u64) -> bool;
}

/// As fast as it goes.
#[derive(Clone, Copy, Debug)]
pub struct FullSpeed;

impl Pace for FullSpeed {
    fn spent(&self, _bytes: u64) -> bool {
        true
    }
}

/// How large the map of keys may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompactionConfig {
    /// Bytes of the map; a key takes 16.
    pub map_bytes_max: usize,
    /// How full it may become.
    pub load_factor: f64,
}

impl Default for CompactionConfig {
    fn default() -> CompactionConfig {
        CompactionConfig { map_bytes_max: 128 << 20, load_factor: 0.9 }
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Where the dirty part began.
    pub from: Offset,
    /// Everything before this is compacted now.
    pub end: Offset,
    /// Keys in the dirty part.
    pub keys: usize,
    /// Bytes that were read, those of the map's pass and of the other.
    pub bytes_read: u64,
    /// Bytes of the segments that were replaced, and of those in their place.
    pub bytes_before: u64,
    /// The same afterwards.
    pub bytes_after: u64,
    /// Segments that were replaced, and those in their place.
    pub segments_before: usize,
    /// The same afterwards.
    pub segments_after: usize,
}

/// Why a run did not come to its end. What it has replaced by then stays so.
#[derive(Clone, Debug, Error)]
pub enum CompactionError {
    /// The pace said so.
    #[error("compaction was stopped")]
    Stopped,
    /// Segments were deleted or cut meanwhile.
    #[error("segments were deleted or cut while they were compacted")]
    Changed,
    /// The log cannot be read or written.
    #[error(transparent)]
    Storage(#[from] LogError),
}

/// The checksum does not cover the base offset of a batch, so it is compared with its neighbours': `seen`
/// is where the batch before it ended.
fn check_place(
    segment: &Segment,
    header: &BatchHeader,
    position: u32,
    seen: Offset,
) -> Result<(), LogError> {
    let end = segment.extent().next;
    if header.base_offset >= seen && header.next_offset() <= end {
        return Ok(());
    }
    Err(LogError::Damaged {
        path: segment.path(),
        position: u64::from(position),
        offset: seen,
        what: format!(
            "a batch from {} to {}, between {seen} and {end}",
            header.base_offset,
            header.last_offset()
        ),
    })
}

/// Counts bytes for the pace.
pub(crate) struct Meter<'a> {
    pace: &'a dyn Pace,
    waiting: u64,
    since_given_way: u64,
    read: u64,
}

impl Meter<'_> {
    fn read(&mut self, bytes: usize) -> Result<(), CompactionError> {
        self.read += bytes as u64;
        self.spent(bytes)
    }

    fn spent(&mut self, bytes: usize) -> Result<(), CompactionError> {
        self.waiting += bytes as u64;
        self.since_given_way += bytes as u64;
        if self.since_given_way >= GIVE_WAY_BYTES {
            self.since_given_way = 0;
            env::thread::give_way();
        }
        if self.waiting < STEP_BYTES {
            return Ok(());
        }
        if self.pace.spent(std::mem::take(&mut self.waiting)) {
            Ok(())
        } else {
            Err(CompactionError::Stopped)
        }
    }
}

impl Log {
    /// Up to where the log was compacted; nothing where nobody has said.
    #[must_use]
    pub fn cleaned_end(&self) -> Option<Offset> {
        let end = self.compaction.cleaned_end.load(Ordering::Acquire);
        (end >= 0).then_some(Offset(end))
    }

    /// Says up to where the log was compacted, as a checkpoint knows it.
    pub fn set_cleaned_end(&self, end: Offset) {
        self.compaction.cleaned_end.store(end.0, Ordering::Release);
    }

    /// Compacts what lies below `limit`, as far as the map holds. Nothing where nothing is to do.
    pub fn compact(
        &self,
        limit: Offset,
        config: &CompactionConfig,
        pace: &dyn Pace,
    ) -> Result<Option<Compacted>, CompactionError> {
        let _one_at_a_time = self.compaction.running.lock();
        self.check_open()?;
        let compacted = self.compact_alone(limit, config, pace);
        // Here nothing holds the segments that were replaced any more.
        self.fencing(self.remove_due())?;
        compacted
    }

    fn compact_alone(
        &self,
        limit: Offset,
        config: &CompactionConfig,
        pace: &dyn Pace,
    ) -> Result<Option<Compacted>, CompactionError> {
        let limit = limit.min(self.durable_end());
        let mut plan = self.cleanable(limit)?;
        if plan.first_uncleanable <= plan.first_dirty {
            return Ok(None);
        }
        let all = self.segments.load_full();
        let log_start = self.log_start();
        // What ends before the log start is retention's.
        let begin = all.partition_point(|segment| segment.extent().next <= log_start);
        let end = all.partition_point(|segment| segment.extent().next <= plan.first_uncleanable);
        let (Some(segments), Some(rest)) = (all.get(begin..end), all.get(end..)) else {
            return Ok(None);
        };
        let scanned = self.aborted(segments, rest, limit).map_err(CompactionError::from);
        let Scanned { aborted, settled } =
            scanned.map_err(|error| self.unless_changed(&all, error))?;
        let end = segments.partition_point(|segment| segment.extent().next <= settled);
        let segments = segments.get(..end).unwrap_or_default();
        let Some(last) = segments.last() else { return Ok(None) };
        plan.first_uncleanable = plan.first_uncleanable.min(last.extent().next);
        if plan.first_uncleanable <= plan.first_dirty {
            return Ok(None);
        }
        if self.quarantine.load().is_some() && !self.is_free_of_transactions(segments) {
            // The marker of one that was aborted may be damaged.
            return Ok(None);
        }
        let mut meter = Meter { pace, waiting: 0, since_given_way: 0, read: 0 };
        let map = self
            .fill_map(segments, &plan, config, &aborted, &mut meter)
            .map_err(|error| self.unless_changed(segments, error))?;
        if map.end() <= plan.first_dirty {
            return Ok(None);
        }

        let settings = self.config();
        let now = Timestamp(self.env.clock.wall_ms());
        let retention = i64::try_from(settings.delete_retention_ms).unwrap_or(i64::MAX);
        let mut filter = Filter {
            map: &map,
            transactions: Transactions::from(&aborted, Offset::ZERO),
            last_of: self.writer.lock().producers.last_of_each(),
            now,
            horizon: now.plus_ms(retention),
            compression: settings.compression,
            decompressed_bytes_max: settings.decompressed_bytes_max,
            kept: Kept::default(),
            together: Vec::with_capacity(LOOKED_UP_TOGETHER),
        };
        let mut done =
            Compacted { from: plan.first_dirty, keys: map.len(), ..Compacted::default() };
        for group in plan::groups(segments, map.end(), &settings) {
            if group.iter().any(|segment| segment.has_holes()) {
                // Left as it is, for whoever wants to save something of it.
                continue;
            }
            let cleaned = self
                .rewrite(group, &mut filter, &settings, &mut meter)
                .map_err(|error| self.unless_changed(group, error))?;
            done.bytes_before += group.iter().map(|old| u64::from(old.extent().size)).sum::<u64>();
            done.bytes_after += u64::from(cleaned.extent.size);
            done.segments_before += group.len();
            done.segments_after += 1;
            self.replace(group, &cleaned, &settings)?;
        }
        done.end = map.end();
        done.bytes_read = meter.read;
        self.set_cleaned_end(done.end);
        Ok(Some(done))
    }

    /// A segment that cannot be read as it was deleted meanwhile is no fault of the log.
    fn unless_changed(&self, read: &[Arc<Segment>], error: CompactionError) -> CompactionError {
        let now = self.segments.load();
        let is_there = |segment: &Arc<Segment>| now.iter().any(|known| Arc::ptr_eq(known, segment));
        match error {
            CompactionError::Storage(_) if !read.iter().all(is_there) => CompactionError::Changed,
            error => error,
        }
    }

    fn is_free_of_transactions(&self, segments: &[Arc<Segment>]) -> bool {
        let free = Offset(self.compaction.free_of_transactions.load(Ordering::Acquire));
        segments.last().is_none_or(|last| free >= last.extent().next)
    }

    fn aborted(
        &self,
        segments: &[Arc<Segment>],
        rest: &[Arc<Segment>],
        limit: Offset,
    ) -> Result<Scanned, LogError> {
        let free = &self.compaction.free_of_transactions;
        let mut free_below = Offset(free.load(Ordering::Acquire)).max(self.log_start());
        let scanned = Aborted::scan(self, segments, rest, limit, &mut free_below)?;
        free.store(free_below.0, Ordering::Release);
        Ok(scanned)
    }

    /// Enters the keys of the dirty part, batch by batch, until the map is full.
    fn fill_map(
        &self,
        segments: &[Arc<Segment>],
        plan: &Cleanable,
        config: &CompactionConfig,
        aborted: &[Aborted],
        meter: &mut Meter<'_>,
    ) -> Result<KeyMap, CompactionError> {
        let disk = &*self.env.disk;
        let warm = Mutex::new(Warm::default());
        let secret = Secret::of(self.env.random.id());
        let size = MapSize { bytes_max: config.map_bytes_max, load_factor: config.load_factor };
        let from = plan.first_dirty;
        let mut map = KeyMap::new(size, secret, from, plan.first_uncleanable);
        let mut transactions = Transactions::from(aborted, from);
        let mut looked_up = Vec::with_capacity(LOOKED_UP_TOGETHER);
        let cap = self.config.load().decompressed_bytes_max;
        for segment in segments.iter().filter(|segment| segment.extent().next > from) {
            let (path, extent) = (segment.path(), segment.extent());
            let file = segment.file(disk, &warm)?;
            let start = match segment.base < from {
                true => self
                    .find(segment, &*file, extent, from, Wait::ForDisk)?
                    .map(|(position, _)| position),
                false => Some(0),
            };
            let Some(start) = start else { continue };
            let mut seen = segment.base;
            let mut walk = segment.batches(&*file, start, extent.size);
            while let Some((position, batch)) =
                walk.next().map_err(|error| error.in_file(&path, map.end()))?
            {
                let header = batch.header;
                meter.read(header.size_in_bytes())?;
                check_place(segment, &header, position, seen)?;
                seen = header.next_offset();
                let without_keys = match header.attributes.is_control() {
                    true => {
                        transactions.control(&batch);
                        true
                    }
                    false => transactions.data(&header),
                };
                let count = usize::try_from(header.record_count).unwrap_or(0);
                if without_keys || count == 0 {
                    map.entered(header.next_offset());
                    continue;
                }
                if !map.make_room(count, header.last_offset()) {
                    return Ok(map);
                }
                let damaged = |what: String| LogError::Damaged {
                    path: path.clone(),
                    position: u64::from(position),
                    offset: header.base_offset,
                    what,
                };
                let section =
                    Section::of(&batch, cap).map_err(|error| damaged(codec_text(&error)))?;
                let mut records = batch.records(&section).peekable();
                while records.peek().is_some() {
                    looked_up.clear();
                    for record in records.by_ref().take(LOOKED_UP_TOGETHER) {
                        let record = record.map_err(|error| damaged(error.to_string()))?;
                        let offset = header.base_offset.plus(i64::from(record.offset_delta));
                        let key = record.key.filter(|_| offset >= from);
                        looked_up.extend(key.map(|key| (map.hashed(key), offset)));
                    }
                    map.fetch(looked_up.iter().map(|(key, _)| *key));
                    looked_up.iter().for_each(|(key, offset)| map.put(*key, *offset));
                }
                map.entered(header.next_offset());
            }
            map.entered(extent.next);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests;
