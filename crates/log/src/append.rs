//! Appending: checks first and outside the lock, then offsets, the bytes, and publication, all under the
//! append lock. Small appends that the journal makes durable are held in memory
//! ([`crate::active_file`]); others are one gathering write into the page cache.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use env::File as _;
use env::disk::OpenMode;
use records::{Batch, LeaderEpoch, Offset, Record, Timestamp, TimestampType, control};
use smallvec::SmallVec;

use crate::config::{Durability, LogConfig};
use crate::error::{AppendError, LogError};
use crate::files;
use crate::journal::Joined;
use crate::log::{Log, Pending, Writer};
use crate::names;
use crate::producers::Admission;
use crate::segment::{Segment, Written};
use crate::validate::{self, Origin, PreparedBatches};

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// Offset of the first record.
    pub first: Offset,
    /// Offset of the last record.
    pub last: Offset,
    /// The broker's stamp, where the topic has such.
    pub append_time: Option<Timestamp>,
    /// The log start at that moment.
    pub log_start: Offset,
    /// Nothing was written: these records were appended before, at the offsets given.
    pub duplicate: bool,
    /// The log end after the append. What is appended is durable once `durable_end` is above `last`.
    pub log_end: Offset,
    /// Records written.
    pub records: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// The kernel takes at most this many parts in one write.
const PARTS_MAX: usize = 1024;

/// The bytes of placed batches, and where they come to lie in the active segment.
struct Placed<'a> {
    position: u32,
    size: u32,
    parts: SmallVec<[IoSlice<'a>; 8]>,
    /// The offset behind the last of them.
    end: Offset,
}

impl Log {
    /// Appends what the leader of the partition was given. The batches get their offsets and the
    /// leader's epoch; the records stay as they are unless the settings ask otherwise.
    ///
    /// Readers find the records when this returns. They are durable after a [`Log::commit`] or a
    /// [`Log::sync`].
    pub fn append_as_leader(
        &self,
        batches: &[u8],
        epoch: LeaderEpoch,
        origin: Origin,
    ) -> Result<AppendInfo, AppendError> {
        let offered = u64::try_from(batches.len()).unwrap_or(u64::MAX);
        match (&self.room, origin) {
            (Some(room), Origin::Client) => room.admit(offered)?,
            (Some(room), _) => room.take(offered),
            (None, _) => {}
        }
        let config = self.config.load();
        let now = Timestamp(self.env.clock.wall_ms());
        let mut prepared = validate::prepare(batches, origin, &config, now)?;
        let marker = coordinator_epoch(batches, &prepared);
        let size: usize = prepared.iter().map(validate::Prepared::len).sum();
        let size = match u32::try_from(size) {
            Ok(size) if size <= segment_bytes_max(&config) => size,
            Ok(_) | Err(_) => {
                let max = segment_bytes_max(&config);
                return Err(AppendError::LargerThanSegment { size, max });
            }
        };

        let mut writer = self.writer.lock();
        self.check_open()?;
        for batch in &prepared {
            if let Admission::Duplicate(known) = writer.producers.admit(&batch.header, origin)? {
                return Ok(AppendInfo {
                    first: known.first_offset(),
                    last: known.last_offset,
                    append_time: stamp(&config, known.timestamp),
                    log_start: self.log_start(),
                    duplicate: true,
                    log_end: self.log_end(),
                    records: 0,
                    bytes: 0,
                });
            }
        }
        if let Some(latest) = self.latest_epoch()
            && epoch < latest
        {
            return Err(AppendError::StaleLeaderEpoch { epoch, latest });
        }

        let first = self.log_end();
        let mut next = first;
        for batch in &mut prepared {
            batch.place(next, epoch);
            next = batch.header.next_offset();
        }
        self.write(&mut writer, &config, &prepared, size)?;
        if self.epochs.assign(epoch, first) {
            writer.epochs_changed(first);
        }
        for batch in &prepared {
            writer.producers.enter(&batch.header, marker, now.0);
        }
        self.log_end.store(next.0, Ordering::Release);
        Ok(AppendInfo {
            first,
            last: next - 1,
            append_time: stamp(&config, now),
            log_start: self.log_start(),
            duplicate: false,
            log_end: next,
            records: u64::try_from(next - first).unwrap_or(0),
            bytes: u64::from(size),
        })
    }

    /// Puts placed batches at the end of the active segment, after a roll where one is due, and
    /// makes them visible.
    fn write(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        batches: &PreparedBatches<'_>,
        size: u32,
    ) -> Result<(), LogError> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(()) };
        let latest = batches.iter().map(|batch| batch.header.max_timestamp).max();
        let latest = latest.unwrap_or(Timestamp::NONE);
        if self.roll_is_due(writer, config, size, last.header.last_offset(), latest) {
            self.roll(writer, first.header.base_offset)?;
        }
        let position = writer.active.extent().size;
        self.reserve(writer, config, position, size)?;

        let bytes = Placed {
            position,
            size,
            parts: batches.iter().flat_map(validate::Prepared::parts).collect(),
            end: last.header.next_offset(),
        };
        let journal = self.journal_for(writer, config);
        let is_held = match journal {
            Some(journal) => self.hold(writer, journal, &bytes)?,
            None => false,
        };
        if !is_held {
            self.write_through(writer, &bytes)?;
        }
        writer.dirty = true;
        if position == 0 {
            writer.first_timestamp = Some(first.header.max_timestamp).filter(|time| time.is_some());
            writer.opened_ms = self.env.clock.wall_ms();
        }
        let written: SmallVec<[Written; 4]> =
            batches.iter().map(|batch| Written::of(&batch.header)).collect();
        writer.active.publish(&written, config.index_interval_bytes);
        if is_held || journal.is_some_and(|journal| add_to_journal(writer, journal, &bytes)) {
            self.behind.fetch_add(u64::from(size), Ordering::Relaxed);
        } else {
            writer.unjournaled_end = bytes.end;
            writer.unmarked_bytes += u64::from(size);
        }
        Ok(())
    }

    /// Has the journal take batches that are small, and holds them in memory until the segment needs them.
    /// False where they are to be written.
    fn hold(
        &self,
        writer: &Writer,
        journal: &Joined,
        bytes: &Placed<'_>,
    ) -> Result<bool, LogError> {
        // Who is refused for want of room is to be told at once.
        let is_full = self.room.as_ref().is_some_and(|room| room.is_full());
        if is_full || !writer.file.holds(bytes.size) {
            return Ok(false);
        }
        let at = u64::from(bytes.position);
        if !writer.file.hold(&bytes.parts, at) {
            self.write_held(writer)?;
            if !writer.file.hold(&bytes.parts, at) {
                return Ok(false);
            }
        }
        let is_journaled = add_to_journal(writer, journal, bytes);
        if !is_journaled {
            writer.file.forget_from(at);
        }
        Ok(is_journaled)
    }

    /// Writes batches behind all that is held.
    fn write_through(&self, writer: &mut Writer, bytes: &Placed<'_>) -> Result<(), LogError> {
        self.write_held(writer)?;
        let position = u64::from(bytes.position);
        let mut at = position;
        for parts in bytes.parts.chunks(PARTS_MAX) {
            let len: usize = parts.iter().map(|part| part.len()).sum();
            if let Err(error) = writer.file.write_all_at(parts, at) {
                return Err(self.take_back(writer, bytes.position, error));
            }
            at += u64::try_from(len).unwrap_or(0);
        }
        assert!(at == position + u64::from(bytes.size), "a write of another size than planned");
        Ok(())
    }

    /// After a write behind `position` that failed. On a full disk what is there of it is cut off again
    /// and the log is as it was; anything else fences it.
    fn take_back(&self, writer: &mut Writer, position: u32, error: std::io::Error) -> LogError {
        let path = writer.active.path();
        let mut error = LogError::of_write(&path, "write", error);
        if error.is_full() {
            // Synced, as the journal may make later records durable before the segment is: what was
            // cut must not be found between them.
            writer.reserved = 0;
            let cut = writer.file.set_len(u64::from(position));
            match cut.and_then(|()| writer.file.sync_data()) {
                Ok(()) => self.tell_exhausted(&error),
                Err(cut) => error = LogError::io(&path, "truncate", cut),
            }
        }
        self.fenced_unless_passing::<()>(Err(error.clone())).err().unwrap_or(error)
    }

    /// The journal, if what is appended now may go into it. What is of a relaxed topic is not waited for, and
    /// what follows upon something that is not in the journal is synced with it.
    fn journal_for(&self, writer: &Writer, config: &LogConfig) -> Option<&Joined> {
        let may =
            config.durability == Durability::Fsync && writer.unjournaled_end <= self.durable_end();
        self.journal.as_ref().filter(|_| may)
    }

    fn roll_is_due(
        &self,
        writer: &Writer,
        config: &LogConfig,
        size: u32,
        last: Offset,
        latest: Timestamp,
    ) -> bool {
        let extent = writer.active.extent();
        if extent.size == 0 {
            return false;
        }
        let full = extent.size.saturating_add(size) > segment_bytes_max(config);
        let far = last - writer.active.base > i64::from(i32::MAX);
        full || far
            || writer.active.index_is_full(config.segment_index_bytes)
            || self.is_old(writer, config, Some(latest))
    }

    /// Whether the active segment is older than `segment_ms`: by the timestamps of the records where
    /// there are any, else by the clock.
    pub(crate) fn is_old(
        &self,
        writer: &Writer,
        config: &LogConfig,
        latest: Option<Timestamp>,
    ) -> bool {
        let by_records = writer.first_timestamp.zip(latest).filter(|(_, latest)| latest.is_some());
        let age = match by_records {
            Some((first, latest)) => latest.ms_since(first),
            None => self.env.clock.wall_ms().saturating_sub(writer.opened_ms),
        };
        u64::try_from(age).is_ok_and(|age| age > config.segment_ms)
    }

    /// Seals the active segment and begins a new one at `base`. What belongs to the sealed one is
    /// written by the next sync.
    pub(crate) fn roll(&self, writer: &mut Writer, base: Offset) -> Result<(), LogError> {
        self.write_held(writer)?;
        let path = self.dir.join(names::segment_file(base, names::LOG));
        // Nothing has changed yet.
        let created = self.env.disk.open(&path, OpenMode::CreateNew);
        let created = created.map_err(|error| LogError::of_write(&path, "create", error));
        let file = self.fenced_unless_passing(created)?;
        // Indexes of an earlier segment that began here and was cut must not describe this one.
        for kind in [names::INDEX, names::TIME_INDEX] {
            let stale = self.dir.join(names::segment_file(base, kind));
            if self.env.disk.exists(&stale) {
                self.fencing(files::remove(&*self.env.disk, &stale))?;
            }
        }
        if writer.reserved > 0 {
            // Gives the blocks back that were reserved and not used.
            let size = u64::from(writer.active.extent().size);
            self.fencing(
                writer
                    .file
                    .set_len(size)
                    .map_err(|error| LogError::io(&writer.active.path(), "trim", error)),
            )?;
        }
        let active = Arc::new(Segment::active(path, base, file.clone()));
        let file = active.append_through(file, self.hold_budget());
        let sealed = std::mem::replace(&mut writer.active, active);
        let sealed_file = std::mem::replace(&mut writer.file, file);
        if std::mem::take(&mut writer.dirty) {
            match self.handles.hold(sealed_file.written().clone(), &*self.env.disk) {
                Some(held) => writer.unsynced.push(held),
                None => writer.unsynced_unheld = true,
            }
        }
        self.set_indexed(None);
        let index = sealed.seal();
        writer.pending.push(Pending::Indexes(sealed, index));
        writer.pending.push(Pending::Snapshot(base, writer.producers.encode()));
        writer.names_dirty = true;
        writer.reserved = 0;
        writer.indexed = 0;
        writer.settled = None;
        writer.first_timestamp = None;
        writer.opened_ms = self.env.clock.wall_ms();
        let mut segments = self.segments.load().as_ref().clone();
        segments.push(writer.active.clone());
        self.segments.store(Arc::new(segments));
        Ok(())
    }

    /// Reserves blocks ahead of a segment that has shown that it grows.
    fn reserve(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        position: u32,
        size: u32,
    ) -> Result<(), LogError> {
        let step = u64::from(config.preallocate_bytes);
        let end = u64::from(position) + u64::from(size);
        if step == 0 || end < step || end <= writer.reserved {
            return Ok(());
        }
        let ahead = step.min(u64::from(segment_bytes_max(config)).saturating_sub(end));
        let allocated = writer
            .file
            .allocate(u64::from(position), u64::from(size) + ahead)
            .map_err(|error| LogError::of_write(&writer.active.path(), "allocate", error));
        if allocated.as_ref().is_err_and(LogError::is_full) {
            // Only what is written is needed, and there may be room for that.
            return Ok(());
        }
        self.fencing(allocated)?;
        if let Some(room) = &self.room {
            room.take(ahead);
        }
        writer.reserved = end + ahead;
        Ok(())
    }
}

/// Whether the batches will be durable with the next commit of the journal; large ones are synced in their
/// segment.
fn add_to_journal(writer: &Writer, journal: &Joined, bytes: &Placed<'_>) -> bool {
    let Joined { journal, member } = journal;
    journal.write(member, writer.active.base, bytes.position, &bytes.parts, bytes.end)
}

/// Positions in an index are signed 32-bit numbers.
fn segment_bytes_max(config: &LogConfig) -> u32 {
    config.segment_bytes.min(i32::MAX.unsigned_abs())
}

fn stamp(config: &LogConfig, now: Timestamp) -> Option<Timestamp> {
    (config.timestamp_type == TimestampType::LogAppendTime).then_some(now)
}

/// The coordinator's epoch out of a marker that ends a transaction.
fn coordinator_epoch(bytes: &[u8], prepared: &PreparedBatches<'_>) -> Option<i32> {
    prepared.first().filter(|batch| batch.header.attributes.is_control())?;
    let batch = Batch::parse(bytes).ok()?;
    marker_epoch(&batch)
}

/// The coordinator's epoch out of a control batch.
pub(crate) fn marker_epoch(batch: &Batch<'_>) -> Option<i32> {
    let section = batch.record_section();
    let record: Record<'_> = batch.records(section).next()?.ok()?;
    control::EndTxnMarker::parse(&record).ok().map(|marker| marker.coordinator_epoch)
}
