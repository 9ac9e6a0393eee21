//! One partition, led by this broker.
//!
//! Owns the log, the leader epoch, the in-sync set and the waiting list. What always holds:
//! `log_start <= high_watermark <= log_end`, where the watermark is exclusive and never goes back;
//! a record at or above it is shown to no consumer. Appends are ordered by the log's own lock; the
//! in-sync lock is held for comparisons only and never across I/O.
//!
//! After a crash the watermark starts at what the log recovered, all of which is on this disk.

use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use log::{AppendError, AppendInfo, Durability, DurableListener, Log, LogError, Origin, Syncer};
use metadata::{NodeId, PartitionImage, TopicId};
use parking_lot::Mutex;
use records::{LeaderEpoch, Offset};

use crate::in_sync::InSync;
use crate::waiters::Waiters;

/// Which partition: its topic and its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic's id, which a topic of the same name created later does not share.
    pub topic_id: TopicId,
    /// The topic's name.
    pub topic: Arc<str>,
    /// The number within the topic, from 0.
    pub index: i32,
}

/// A partition that this broker leads.
#[derive(Debug)]
pub struct Partition {
    id: PartitionId,
    node: NodeId,
    log: Arc<Log>,
    syncer: Arc<Syncer>,
    leader_epoch: AtomicI32,
    high_watermark: AtomicI64,
    in_sync: Mutex<InSync>,
    waiters: Waiters,
}

/// What an append did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where the batches went.
    pub info: AppendInfo,
    /// The watermark at which they are acknowledged: exclusive end of the batches.
    pub acknowledged_at: Offset,
}

/// Why an append was not made.
#[derive(Debug, thiserror::Error)]
pub enum AppendRefusal {
    /// The log would not have it.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// Fewer replicas are in sync than the topic demands.
    #[error("{in_sync} replicas are in sync, {needed} are demanded")]
    NotEnoughReplicas {
        /// How many are.
        in_sync: usize,
        /// How many `min.insync.replicas` asks for.
        needed: usize,
    },
}

impl Partition {
    /// Takes up the leadership of `image` over an opened log.
    pub fn lead(
        id: PartitionId,
        node: NodeId,
        log: Arc<Log>,
        syncer: Arc<Syncer>,
        image: &PartitionImage,
    ) -> Result<Arc<Partition>, LogError> {
        log.begin_epoch(image.leader_epoch)?;
        let recovered = log.sync()?;
        let partition = Arc::new(Partition {
            id,
            node,
            log,
            syncer,
            leader_epoch: AtomicI32::new(image.leader_epoch.0),
            high_watermark: AtomicI64::new(recovered.0),
            in_sync: Mutex::new(InSync::new(&image.isr, recovered)),
            waiters: Waiters::default(),
        });
        partition.waiters.reached(recovered);
        let listener: Weak<dyn DurableListener> = Arc::downgrade(&partition) as Weak<_>;
        partition.log.set_listener(listener);
        Ok(partition)
    }

    /// Takes over what the metadata says anew: epoch and in-sync set.
    pub fn update(&self, image: &PartitionImage) -> Result<(), LogError> {
        if image.leader_epoch.0 > self.leader_epoch.load(Ordering::Acquire) {
            self.log.begin_epoch(image.leader_epoch)?;
            self.leader_epoch.store(image.leader_epoch.0, Ordering::Release);
        }
        let moved = self.in_sync.lock().set_replicas(&image.isr);
        self.moved(moved);
        Ok(())
    }

    /// Appends batches as the leader. They are acknowledged when the high watermark reaches
    /// [`Appended::acknowledged_at`].
    pub fn append(
        &self,
        batches: &[u8],
        origin: Origin,
        replicas_min: usize,
    ) -> Result<Appended, AppendRefusal> {
        let in_sync = self.in_sync.lock().len();
        if in_sync < replicas_min {
            return Err(AppendRefusal::NotEnoughReplicas { in_sync, needed: replicas_min });
        }
        let info = self.log.append_as_leader(batches, self.leader_epoch(), origin)?;
        match self.log.config().durability {
            Durability::Relaxed => self.reached(info.last.next()),
            // A sync that somebody else asked for, such as a checkpoint, may have taken it along;
            // that one tells nobody.
            Durability::Fsync if self.log.durable_end() > info.last => {
                self.reached(self.log.durable_end());
            }
            Durability::Fsync => self.syncer.request(&self.log),
        }
        Ok(Appended { acknowledged_at: info.last.next(), info })
    }

    /// The log beneath.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Which partition this is.
    #[must_use]
    pub fn id(&self) -> &PartitionId {
        &self.id
    }

    /// The epoch this broker leads in.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.load(Ordering::Acquire))
    }

    /// Everything below is acknowledged and may be read.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        Offset(self.high_watermark.load(Ordering::Acquire))
    }

    /// Everything below belongs to no open transaction.
    #[must_use]
    pub fn last_stable(&self) -> Offset {
        self.high_watermark()
    }

    /// Who waits for the watermark.
    #[must_use]
    pub fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    fn reached(&self, end: Offset) {
        let moved = self.in_sync.lock().reached(self.node, end);
        self.moved(moved);
    }

    fn moved(&self, watermark: Option<Offset>) {
        if let Some(watermark) = watermark {
            self.high_watermark.fetch_max(watermark.0, Ordering::AcqRel);
            self.waiters.reached(watermark);
        }
    }
}

impl DurableListener for Partition {
    fn durable(&self, end: Offset) {
        self.reached(end);
    }

    fn failed(&self, error: &LogError) {
        tracing::error!(
            topic = %self.id.topic,
            partition = self.id.index,
            %error,
            "the log is fenced: a write or sync failed"
        );
        self.waiters.give_up();
    }
}
