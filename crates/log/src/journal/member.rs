//! A partition of the journal: what the journal knows of it, and what its log asks of the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use records::Offset;
use uuid::Uuid;

use super::entry::Record;
use super::{Journal, Reason};
use crate::active_file::HoldBudget;
use crate::catalogue::Marks;
use crate::error::LogError;

/// A partition as the journal knows it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) number: u32,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) topic_id: Uuid,
    /// The last group that holds something of it.
    pub(super) group: AtomicU64,
    /// The end of what was handed to the journal, and of what it made durable.
    pub(super) written: AtomicI64,
    pub(super) committed: AtomicI64,
    /// It became durable further since the journal last marked it ([`super::proof`]).
    pub(super) unmarked: AtomicBool,
}

impl Member {
    /// A partition of which the journal has nothing yet.
    pub(super) fn new(number: u32, topic: &str, partition: i32, topic_id: Uuid) -> Member {
        Member {
            number,
            topic: topic.to_owned(),
            partition,
            topic_id,
            group: AtomicU64::new(0),
            written: AtomicI64::new(0),
            committed: AtomicI64::new(0),
            unmarked: AtomicBool::new(false),
        }
    }

    /// Everything before this that was handed to the journal is durable.
    pub fn committed(&self) -> Offset {
        Offset(self.committed.load(Ordering::Acquire))
    }

    pub(super) fn definition(&self) -> Record<'_> {
        let (log, topic_id, partition) = (self.number, self.topic_id, self.partition);
        Record::Define { log, topic_id, partition, topic: &self.topic }
    }
}

/// A partition and the journal that it writes to.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    pub journal: Arc<Journal>,
    pub member: Arc<Member>,
}

impl Joined {
    /// What the active files of the folder may hold in memory, as the journal makes it durable.
    pub fn hold_budget(&self) -> Arc<HoldBudget> {
        self.journal.hold_budget.clone()
    }

    /// Says for good that what the journal has of segments with base offsets below this is not to be
    /// written again.
    pub fn forget(&self, below: Offset) -> Result<(), LogError> {
        self.journal.forget(&[(self.member.topic_id, self.member.partition)], below)
    }

    /// Says for good where the log begins and how far it is durable.
    pub fn mark(&self, marks: Marks) -> Result<(), LogError> {
        self.journal.commit_stuck()?;
        self.mark_later(marks);
        self.journal.commit()
    }

    /// [`Joined::mark`] with the next commit, whenever that is.
    pub fn mark_later(&self, marks: Marks) {
        self.journal.put_marks(&self.member, marks, Reason::Asked);
    }

    /// [`Joined::mark_later`], with what proves the entries before it.
    pub fn mark_to_prove(&self, durable_end: Offset) {
        let marks = Marks { durable_end, ..Marks::default() };
        self.journal.put_marks(&self.member, marks, Reason::Proof);
    }

    /// Remembers that the partition is durable further than the journal has it.
    pub fn note_synced(&self) {
        self.journal.proof.add_member(&self.member);
        self.journal.proof.add();
    }

    /// Whether so much was synced without the journal that it should be told.
    pub fn is_mark_due(&self, unmarked_bytes: u64) -> bool {
        unmarked_bytes >= self.journal.config.unmarked_bytes_max
    }

    /// [`Joined::forget`] and [`Joined::mark`] in one for a partition that is synced and will be cut to
    /// these marks; nothing may be appended to it meanwhile.
    pub fn cut(&self, marks: Marks) -> Result<(), LogError> {
        let end = marks.durable_end.0;
        self.journal.commit_stuck()?;
        self.member.written.fetch_min(end, Ordering::AcqRel);
        self.journal.put_marks(&self.member, marks, Reason::Cut);
        self.journal.commit()?;
        // Whoever committed what lies behind has ended by now.
        self.member.committed.fetch_min(end, Ordering::AcqRel);
        Ok(())
    }
}
