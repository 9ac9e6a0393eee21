//! A commit from its beginning to its end: what was handed in gets its place, is written there and synced, and
//! counts once all before it do.
//!
//! What a full disk kept from being written is kept in its order, with what was under way behind it, and
//! written again before anything else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::buffer::Buffer;
use super::entry::{HEADER_LEN, Header};
use super::ring::Place;
use super::under_way::COMMITS_AT_ONCE;
use super::{Group, Journal, Member, Pending, Writer};
use crate::error::{self, LogError};

/// A buffer that grew beyond this is given back after a commit that needed only a small part of it: what
/// is used again and again must not be taken from the system again and again.
const SPARE_BYTES_MAX: usize = 1 << 20;
const SPARE_PART: usize = 4;

/// What will be an entry, with its place, to be written by whoever began it.
#[derive(Debug)]
pub struct Commit {
    pub(super) header: Header,
    pub(super) definitions: Vec<u8>,
    pub(super) group: Group,
    pub(super) place: Place,
}

/// A commit that the disk is done with: by how much the file grew, or why it is not there.
#[derive(Debug)]
pub struct Written {
    pub(super) commit: Commit,
    pub(super) result: Result<u64, LogError>,
}

impl Commit {
    /// Writes the entry and makes it durable. It does not count yet.
    pub fn write(mut self) -> Written {
        let body = &mut self.group.pending.body;
        let header = self.header.encode(&[&self.definitions, body.bytes()]);
        let entry = body.pages(&[&header, &self.definitions]);
        let result = self.place.write(entry);
        Written { commit: self, result }
    }
}

/// What came of the wish to begin a commit.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is taken apart at once"
)]
enum Begun {
    Commit(Commit),
    /// Nothing is to be written.
    Nothing,
    /// Too many are under way, or what is being filled is in its way.
    NoRoom,
}

impl Journal {
    /// Makes everything durable that was handed in by now. On a full disk nothing is lost: it is kept
    /// to be written by a later commit, and whoever needs it durable now syncs the segments.
    pub(crate) fn commit(&self) -> Result<(), LogError> {
        match self.begin_commit()? {
            Some(commit) => self.end_commit(commit.write()),
            // What was handed in may be under way.
            None => self.commit_stuck(),
        }
    }

    /// Takes all that was handed in by now, with a place for it, to be written and ended by the caller.
    /// `None` when there is nothing. Waits while too many are under way.
    fn begin_commit(&self) -> Result<Option<Commit>, LogError> {
        let mut writer = self.writer.lock();
        loop {
            match self.try_begin(&mut writer)? {
                Begun::Commit(commit) => return Ok(Some(commit)),
                Begun::Nothing => return Ok(None),
                Begun::NoRoom => self.ended.wait(&mut writer),
            }
        }
    }

    fn try_begin(&self, writer: &mut MutexGuard<'_, Writer>) -> Result<Begun, LogError> {
        if !writer.stuck.is_empty() {
            self.commit_stuck_by(writer)?;
        }
        error::check_fence(&self.fence)?;
        let mut pending = self.pending.lock();
        if pending.body.is_empty() && !pending.is_proof {
            return Ok(Begun::Nothing);
        }
        let is_change = writer.ring.is_change(pending.len_max());
        if !writer.under_way.has_room(is_change) || (is_change && writer.is_filling) {
            return Ok(Begun::NoRoom);
        }
        let spare = writer.spare.pop().unwrap_or_default();
        let fresh = Pending::empty(pending.number + 1, spare);
        let taken = std::mem::replace(&mut *pending, fresh);
        let end = |member: &Arc<Member>| member.written.load(Ordering::Acquire);
        let ends = taken.members.iter().map(end).collect();
        drop(pending);
        self.place(writer, Group { pending: taken, ends }).map(Begun::Commit)
    }

    /// A commit beside those under way, if there is room for it and something to be written.
    #[cfg(any(test, feature = "test-support"))]
    pub(crate) fn begin_another(&self) -> Result<Option<Commit>, LogError> {
        match self.try_begin(&mut self.writer.lock())? {
            Begun::Commit(commit) => Ok(Some(commit)),
            Begun::Nothing | Begun::NoRoom => Ok(None),
        }
    }

    /// Waits for those that were begun before, and has it count when all of them do.
    pub(crate) fn end_commit(&self, written: Written) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        let sequence = written.commit.header.sequence;
        self.finish(&mut writer, written);
        loop {
            if let Some(result) = writer.under_way.take_end(sequence) {
                return result;
            }
            self.ended.wait(&mut writer);
        }
    }

    /// Waits for all that is under way, and writes what a full disk kept from being written, if there is
    /// such. Comes before whatever is asked for again after a failure: else the next entry would grow with
    /// each time.
    pub(crate) fn commit_stuck(&self) -> Result<(), LogError> {
        self.commit_stuck_by(&mut self.writer.lock())
    }

    fn commit_stuck_by(&self, writer: &mut MutexGuard<'_, Writer>) -> Result<(), LogError> {
        self.wait_for(writer, writer.next);
        error::check_fence(&self.fence)?;
        while !writer.stuck.is_empty() {
            self.wait_for(writer, u64::MAX);
            while writer.is_filling {
                self.ended.wait(writer);
            }
            error::check_fence(&self.fence)?;
            let Some(group) = writer.stuck.pop_front() else { break };
            let written = self.place(writer, group)?.write();
            let sequence = written.commit.header.sequence;
            self.finish(writer, written);
            writer.under_way.take_end(sequence).unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    /// Waits until what is under way has ended, as far as it has lower numbers than this.
    pub(super) fn wait_for(&self, writer: &mut MutexGuard<'_, Writer>, before: u64) {
        while !writer.under_way.is_through(before) {
            self.ended.wait(writer);
        }
    }

    /// The place for a group, which from here on is under way.
    fn place(&self, writer: &mut Writer, group: Group) -> Result<Commit, LogError> {
        // The most it may take, as the definitions depend on the place.
        let most = group.pending.len_max();
        let is_change = writer.ring.is_change(most);
        let place = match writer.ring.place(&*self.env.disk, most) {
            Ok(place) => place,
            Err(error) => {
                if error.is_passing() {
                    self.note_full(&error);
                    writer.stuck.push_front(group);
                } else {
                    self.fence(&error);
                }
                return Err(error);
            }
        };
        if writer.defined.0 != place.turn {
            writer.defined = (place.turn, BTreeSet::new());
        }
        let mut definitions = Vec::new();
        for member in &group.pending.members {
            // What is defined by an entry that proves is defined for that one alone.
            if group.pending.is_proof || writer.defined.1.insert(member.number) {
                member.definition().put(&mut definitions);
            }
        }
        let len = HEADER_LEN + definitions.len() + group.pending.body.len();
        let header = Header {
            sequence: writer.next,
            life: self.life,
            len: u32::try_from(len).unwrap_or(u32::MAX),
            behind: u32::try_from(writer.under_way.len()).unwrap_or(u32::MAX),
            directory: self.directory,
        };
        writer.ring.take(&place, header);
        writer.under_way.begin(header.sequence, is_change);
        writer.next += 1;
        Ok(Commit { header, definitions, group, place })
    }

    /// The disk is done with a commit: it ends, and those behind it that waited for that.
    pub(super) fn finish(&self, writer: &mut Writer, written: Written) {
        if let Err(error) = &written.result
            && !error.is_passing()
        {
            self.fence(error);
        }
        writer.under_way.set_written(written);
        while let Some(Written { commit, result }) = writer.under_way.next_written() {
            let sequence = commit.header.sequence;
            let ended = self.end(writer, commit, result);
            writer.under_way.end(sequence, ended);
        }
        self.ended.notify_all();
    }

    fn end(
        &self,
        writer: &mut Writer,
        commit: Commit,
        result: Result<u64, LogError>,
    ) -> Result<(), LogError> {
        let Commit { header, group, place, .. } = commit;
        error::check_fence(&self.fence)?;
        let before = writer.under_way.lacking().cloned();
        let lacking = before.clone().map_or(result, Err);
        let grown = match lacking {
            Ok(grown) => grown,
            Err(error) => {
                if before.is_none() {
                    // What lies torn at its place, or whole behind that, is written over by the next try. The
                    // definitions in it are not there; defining a partition twice does no harm.
                    self.note_full(&error);
                    writer.ring.give_back(&place);
                    writer.next = header.sequence;
                    writer.defined = (0, BTreeSet::new());
                    writer.under_way.set_lacking(error.clone());
                }
                writer.stuck.push_back(group);
                return Err(error);
            }
        };
        writer.ring.note_written(&place, header, grown);
        self.room.take(grown);
        for (member, end) in group.pending.members.iter().zip(group.ends) {
            if member.committed.swap(end, Ordering::AcqRel) < end {
                self.proof.add_member(member);
            }
        }
        if group.pending.is_news {
            self.proof.add();
        }
        writer.keep(group.pending.body);
        Ok(())
    }

    fn note_full(&self, error: &LogError) {
        if error.is_full() {
            self.room.is_exhausted(error);
        }
    }
}

impl Writer {
    /// Keeps the memory of a body for one to come.
    fn keep(&mut self, mut body: Buffer) {
        let is_fit = body.capacity() <= SPARE_BYTES_MAX.max(body.len().saturating_mul(SPARE_PART));
        if is_fit && self.spare.len() < COMMITS_AT_ONCE {
            body.clear();
            self.spare.push(body);
        }
    }
}
