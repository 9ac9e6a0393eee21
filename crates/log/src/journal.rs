//! One journal for all partitions of a folder: what is acknowledged is in it, or synced in its
//! segment.
//!
//! An append puts its batches at the end of the segment, in memory or through the page cache, and adds them
//! to what the journal will write next. [`Journal::commit`] writes all that has come together, whatever
//! partition it is of, as one entry at the end of the journal, and syncs that one file: a sync carries
//! every partition. The segments are synced by checkpoints, in their own time; then the files of
//! the journal are used again. After a crash what the segments may have lost is written again.
//!
//! What always holds: a batch is in the journal only if everything before it in its partition is in
//! the journal too, or synced. Large batches are not worth writing twice: they, and all that follows
//! them until they are synced, go without (see `Log::write`).
//!
//! While the disk has one commit, the next may be given to it ([`commit`], [`under_way`]), and a file be filled
//! ahead of both ([`filling`]).
//!
//! Locks: `writer` (who begins or ends a commit; held across I/O only by who makes a file, or writes again what
//! had no room), then `pending` (held for a copy into memory, never for I/O).
//!
//! What a crash leaves: the files of the ring, of which the last two entries may be torn. The number of the
//! first entry that is needed is in the catalogue ([`crate::catalogue`]).

mod buffer;
mod chain;
mod commit;
mod entry;
mod filling;
mod member;
mod proof;
mod replay;
mod rewrite;
mod ring;
mod under_way;

use std::collections::{BTreeSet, VecDeque};
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use env::Env;
use parking_lot::{Condvar, Mutex};
use records::Offset;
use uuid::Uuid;

use self::buffer::Buffer;
use self::chain::Chain;
use self::chain::JournalDamage;
pub(crate) use self::chain::{Described, describe};
#[cfg(any(test, feature = "test-support"))]
pub use self::commit::{Commit, Written};
use self::entry::{ENTRY_MAX, HEADER_LEN, Record};
pub(crate) use self::member::{Joined, Member};
use self::proof::Proof;
pub(crate) use self::replay::Replayed;
use self::ring::Ring;
#[cfg(any(test, feature = "test-support"))]
pub use self::ring::{Filled, Gap};
pub(crate) use self::under_way::COMMITS_AT_ONCE;
use self::under_way::UnderWay;
use crate::active_file::{HoldBudget, HoldConfig};
use crate::catalogue::{Catalogue, Key, Marks};
use crate::error::LogError;
use crate::files;
use crate::room::Room;

/// The folder of the journal within the data folder.
pub(crate) const FOLDER: &str = "journal";

/// What a definition takes beside the topic's name.
const DEFINITION_LEN: usize = 1 + 4 + 16 + 4 + 2;

/// Room in an entry for what is added without asking whether there is any: marks and forgetting, a few
/// bytes of each partition at a time.
const UNCOUNTED_MAX: usize = 1 << 20;

/// At most so many partitions are forgotten in one entry.
const FORGOTTEN_AT_ONCE: usize = 4096;

/// At most so many partitions are marked in one entry by a proof: what they take is not counted.
const PROVEN_AT_ONCE: usize = 1024;

/// Larger appends are synced in their segment, unless something else is configured.
pub(crate) const APPEND_BYTES_MAX: usize = 256 << 10;

/// How large things may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// Size of a file.
    pub file_bytes: u64,
    /// Appends larger than this are synced in their segment instead.
    pub append_bytes_max: usize,
    /// When a partition has so many bytes more that were synced without the journal, it is told how far
    /// that one is.
    pub unmarked_bytes_max: u64,
    /// What appends that are in the journal leave in memory.
    pub hold: HoldConfig,
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        JournalConfig {
            file_bytes: 64 << 20,
            append_bytes_max: APPEND_BYTES_MAX,
            unmarked_bytes_max: 16 << 20,
            hold: HoldConfig::default(),
        }
    }
}

/// What the next commit writes.
#[derive(Debug)]
struct Pending {
    /// Groups are numbered from 1.
    number: u64,
    body: Buffer,
    /// Whose batches are in it, each once.
    members: Vec<Arc<Member>>,
    /// What the definitions of all of them would take.
    definitions: usize,
    /// It has something that is to be proven.
    is_news: bool,
    /// It is to prove what comes before it.
    is_proof: bool,
}

/// Why a partition is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// It is to be known from here on.
    Asked,
    /// What was said of it before does not hold.
    Cut,
    /// What was said of it before may be lost.
    Proof,
}

#[derive(Debug)]
struct Writer {
    ring: Ring,
    /// The number of the next entry.
    next: u64,
    /// Partitions defined in the file that is written to: the turn of the ring, and their numbers.
    defined: (u64, BTreeSet<u32>),
    under_way: UnderWay,
    /// A file is being filled ahead.
    is_filling: bool,
    /// Empty buffers for those to come.
    spare: Vec<Buffer>,
    /// What a full disk kept from being written, or that there was no descriptor for another file: it
    /// goes before all that came later.
    stuck: VecDeque<Group>,
}

/// How much there is of a journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalLevel {
    /// Bytes that a restart would have to read.
    pub held: u64,
    /// Bytes of all entries written since the start.
    pub given: u64,
    /// Entries will soon come to where no file holds anything.
    pub is_short: bool,
}

/// What is written as one entry, and where its members end by it.
#[derive(Debug)]
struct Group {
    pending: Pending,
    ends: Vec<i64>,
}

/// The journal of a folder.
#[derive(Debug)]
pub(crate) struct Journal {
    env: Env,
    folder: PathBuf,
    directory: Uuid,
    life: u64,
    config: JournalConfig,
    writer: Mutex<Writer>,
    /// A commit has ended.
    ended: Condvar,
    pending: Mutex<Pending>,
    proof: Proof,
    /// Shared by the active files of the folder.
    hold_budget: Arc<HoldBudget>,
    members: AtomicU32,
    fence: Arc<OnceLock<LogError>>,
    room: Arc<Room>,
}

impl Journal {
    /// Writes into the segments what only the journal has, and enters it into the catalogue. It stays in
    /// the journal, too, until the next checkpoint has synced it where it belongs.
    pub(crate) fn open(
        env: &Env,
        dir: &Path,
        directory: Uuid,
        config: JournalConfig,
        fence: Arc<OnceLock<LogError>>,
        room: Arc<Room>,
        catalogue: &mut Catalogue,
    ) -> Result<(Journal, Replayed), LogError> {
        let disk = &*env.disk;
        let folder = dir.join(FOLDER);
        if !disk.exists(&folder) {
            disk.create_dir_all(&folder).map_err(|error| LogError::io(&folder, "create", error))?;
            files::sync_dir(disk, dir)?;
        }
        // A process that was killed may have made a file and not come to this.
        files::sync_dir(disk, &folder)?;
        let chain = Chain::read(disk, &folder, directory, catalogue.journal_start)?;
        chain.sync(disk)?;
        let replayed = replay::replay(disk, dir, &chain, catalogue)?;
        if !replayed.unsynced {
            catalogue.journal_start = chain.next;
        }
        let start = catalogue.journal_start;
        let writer = Writer {
            ring: Ring::open(disk, &folder, config.file_bytes, start, &chain.lasts())?,
            next: chain.next,
            defined: (0, BTreeSet::new()),
            under_way: UnderWay::default(),
            is_filling: false,
            spare: Vec::new(),
            stuck: VecDeque::new(),
        };
        let journal = Journal {
            env: env.clone(),
            folder,
            directory,
            life: env.random.next_u64(),
            config,
            writer: Mutex::new(writer),
            ended: Condvar::new(),
            pending: Mutex::new(Pending::empty(1, Buffer::default())),
            proof: Proof::default(),
            hold_budget: Arc::new(HoldBudget::new(config.hold)),
            members: AtomicU32::new(0),
            fence,
            room,
        };
        Ok((journal, replayed))
    }

    /// Makes a partition known.
    pub(crate) fn member(&self, topic: &str, partition: i32, topic_id: Uuid) -> Arc<Member> {
        let number = self.members.fetch_add(1, Ordering::Relaxed);
        Arc::new(Member::new(number, topic, partition, topic_id))
    }

    /// Adds batches that lie at a position of a segment, and end at `end`, to what the next commit
    /// writes. False when they are too large, or too much waits already.
    pub(crate) fn write(
        &self,
        member: &Arc<Member>,
        base: Offset,
        position: u32,
        parts: &[IoSlice<'_>],
        end: Offset,
    ) -> bool {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if len > self.config.append_bytes_max {
            return false;
        }
        let mut pending = self.pending.lock();
        if !pending.has_room(self.entry_bytes_max(), entry::WRITE_LEN + len, member) {
            return false;
        }
        pending.touch(member);
        pending.is_news = true;
        let body = pending.body.records();
        entry::put_write(body, member.number, base, position, len);
        for part in parts {
            body.extend_from_slice(part);
        }
        member.written.store(end.0, Ordering::Release);
        true
    }

    /// Says for good that what the journal has of these partitions' segments with base offsets below
    /// this is not to be written again.
    pub(crate) fn forget(&self, partitions: &[Key], below: Offset) -> Result<(), LogError> {
        for some in partitions.chunks(FORGOTTEN_AT_ONCE) {
            self.commit_stuck()?;
            let mut pending = self.pending.lock();
            for &(topic_id, partition) in some {
                Record::Forget { topic_id, partition, below }.put(pending.body.records());
            }
            pending.is_news = true;
            drop(pending);
            self.commit()?;
        }
        Ok(())
    }

    fn put_marks(&self, member: &Arc<Member>, marks: Marks, reason: Reason) {
        let mut pending = self.pending.lock();
        pending.touch(member);
        pending.is_proof |= reason == Reason::Proof;
        pending.is_news |= reason != Reason::Proof;
        if reason == Reason::Cut {
            let (topic_id, partition) = (member.topic_id, member.partition);
            let below = Offset::MAX;
            Record::Forget { topic_id, partition, below }.put(pending.body.records());
            // The one must not be read without the other, whatever became of earlier entries.
            member.definition().put(pending.body.records());
        }
        Record::Marks { log: member.number, marks }.put(pending.body.records());
    }

    fn entry_bytes_max(&self) -> usize {
        let batches = ENTRY_MAX - UNCOUNTED_MAX;
        batches.min(usize::try_from(self.config.file_bytes).unwrap_or(batches)) - HEADER_LEN
    }

    /// Whether something was committed that no later entry proves.
    pub(crate) fn is_proof_missing(&self) -> bool {
        self.proof.is_missing()
    }

    /// A round of [`proof`]: writes an entry when one is missing and nothing was committed since the last
    /// round, or the last is long ago. `mark` has each of the partitions marked that it is given.
    pub(crate) fn prove(&self, mark: impl Fn(&[Key])) -> Result<(), LogError> {
        // Who finds another one at it has nothing to add.
        let Some(mut state) = self.proof.state.try_lock() else { return Ok(()) };
        if state.ended || self.fence.get().is_some() {
            return Ok(());
        }
        let Some(proven) = self.proof.due(&mut state) else { return Ok(()) };
        let members = self.proof.take_unmarked();
        if let Err(error) = self.write_proofs(&members, mark) {
            members.iter().for_each(|member| self.proof.add_member(member));
            return Err(error);
        }
        self.proof.is_done(&mut state, proven);
        drop(state);
        self.give_back_buffers();
        Ok(())
    }

    /// Nothing was committed for a while: what was kept for the next commit is given back.
    fn give_back_buffers(&self) {
        self.writer.lock().spare = Vec::new();
        let mut pending = self.pending.lock();
        if pending.body.is_empty() {
            pending.body = Buffer::default();
        }
    }

    fn write_proofs(&self, members: &[Arc<Member>], mark: impl Fn(&[Key])) -> Result<(), LogError> {
        let key = |member: &Arc<Member>| (member.topic_id, member.partition);
        let (first, others) = members.split_at(members.len().min(PROVEN_AT_ONCE));
        for some in std::iter::once(first).chain(others.chunks(PROVEN_AT_ONCE)) {
            mark(&some.iter().map(key).collect::<Vec<_>>());
            self.pending.lock().is_proof = true;
            self.commit()?;
        }
        Ok(())
    }

    /// From here on nothing is proven any more: what is there is synced and closed.
    pub(crate) fn end_proofs(&self) {
        self.proof.state.lock().ended = true;
    }

    /// Fences the folder when `result` is a failure.
    pub(crate) fn fencing<T>(&self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &result {
            self.fence(error);
        }
        result
    }

    fn fence(&self, error: &LogError) {
        if self.fence.set(error.clone()).is_ok() {
            tracing::error!(
                journal = %self.folder.display(), %error,
                "the data folder is fenced, nothing more is written to it; look at the disk and restart"
            );
        }
    }

    /// The number of the next entry: what was committed has a smaller one. It and those behind it can
    /// be read without those before it.
    pub(crate) fn next_entry(&self) -> u64 {
        let mut writer = self.writer.lock();
        writer.defined.1.clear();
        let next = writer.next;
        self.wait_for(&mut writer, next);
        // What lacked room is among those to come.
        next.min(writer.next)
    }

    /// The catalogue says that no entry before this one is needed: their files are used again.
    pub(crate) fn release(&self, start: u64) {
        self.writer.lock().ring.release(start);
    }

    /// What is asked after each commit.
    pub(crate) fn level(&self) -> JournalLevel {
        let writer = self.writer.lock();
        JournalLevel {
            held: writer.ring.held_bytes(),
            given: writer.ring.given_bytes(),
            is_short: !writer.is_filling && writer.ring.is_short() && !self.room.is_full(),
        }
    }
}

impl Pending {
    fn empty(number: u64, body: Buffer) -> Pending {
        let members = Vec::new();
        Pending { number, body, members, definitions: 0, is_news: false, is_proof: false }
    }

    fn touch(&mut self, member: &Arc<Member>) {
        if member.group.swap(self.number, Ordering::Relaxed) != self.number {
            self.members.push(member.clone());
            self.definitions += DEFINITION_LEN + member.topic.len();
        }
    }

    /// The most that it can take as an entry.
    fn len_max(&self) -> u64 {
        u64::try_from(HEADER_LEN + self.definitions + self.body.len()).unwrap_or(u64::MAX)
    }

    fn has_room(&self, most: usize, len: usize, member: &Member) -> bool {
        let definitions = self.definitions + DEFINITION_LEN + member.topic.len();
        self.body.len() + len + definitions <= most
    }
}

/// An entry with this body, filled up to the page.
#[cfg(feature = "test-support")]
pub(crate) fn entry_of(directory: Uuid, sequence: u64, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(HEADER_LEN + body.len()).unwrap_or(u32::MAX);
    let header = entry::Header { sequence, life: 1, len, behind: 0, directory };
    let mut entry = header.encode(&[body]).to_vec();
    entry.extend(body);
    entry.resize(usize::try_from(header.footprint()).unwrap_or(0), 0);
    entry
}

#[cfg(test)]
mod tests;
