//! One partition, led by this broker.
//!
//! Owns the leader epoch, the in-sync set and the waiting list, and the way to the log, which is opened
//! when somebody first needs it and closed when nobody has for a while: a partition at rest is this
//! struct and a line in the catalogue. What always holds: `log_start <= high_watermark <= log_end`, where
//! the watermark is exclusive and never goes back; a record at or above it is shown to no consumer.
//! Appends are ordered by the log's own lock; the in-sync lock is held for comparisons only and never
//! across I/O. `opening` is held while the log is opened, by one for all who wait for it.
//!
//! Until the log was open once, the watermark is what the catalogue says, which may lie behind the truth
//! after a crash: what is shown to clients comes from [`Partition::log`] or [`Partition::at_rest`]. After
//! a crash the watermark starts at what the log recovered, all of which is on this disk.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::{ArcSwap, ArcSwapOption};
use log::{
    AppendError, AppendInfo, DurableListener, Log, LogConfig, LogDir, LogError, Origin, Syncer,
};
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

/// One of the places where a node has logs, and who makes them durable there.
#[derive(Debug)]
pub struct Storage {
    /// This node.
    pub node: NodeId,
    /// The folder of these logs.
    pub dir: Arc<LogDir>,
    /// Group commit.
    pub syncer: Arc<Syncer>,
    /// How many partitions are there.
    pub partitions: AtomicUsize,
}

/// A partition that this broker leads.
#[derive(Debug)]
pub struct Partition {
    id: PartitionId,
    storage: Arc<Storage>,
    config: ArcSwap<LogConfig>,
    log: ArcSwapOption<Log>,
    opening: Mutex<Door>,
    leader_epoch: AtomicI32,
    /// The log was open in this process, so that watermark and log start are true.
    known: AtomicBool,
    /// The partition is deleted, as [`Door::Closed`] says too, which may have to be waited for.
    retired: AtomicBool,
    /// While the log is not open.
    log_start: AtomicI64,
    high_watermark: AtomicI64,
    in_sync: Mutex<InSync>,
    waiters: Waiters,
}

/// Whether the log can be opened.
#[derive(Debug, Default)]
enum Door {
    #[default]
    Open,
    /// It could not be the last time, which was said; the next may go better.
    Stuck,
    /// It was tried, and will not go better before the next start.
    Failed(Box<LogError>),
    /// The partition is deleted.
    Closed,
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
    /// Takes up the leadership of `image`; the log is opened when it is needed.
    #[must_use]
    pub fn lead(
        id: PartitionId,
        storage: Arc<Storage>,
        config: Arc<LogConfig>,
        image: &PartitionImage,
    ) -> Arc<Partition> {
        let resting = storage.dir.resting(id.topic_id.0, id.index);
        let (start, end) =
            resting.map_or((Offset::ZERO, Offset::ZERO), |log| (log.log_start, log.log_end));
        let partition = Partition {
            id,
            storage,
            config: ArcSwap::new(config),
            log: ArcSwapOption::empty(),
            opening: Mutex::default(),
            leader_epoch: AtomicI32::new(image.leader_epoch.0),
            known: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            log_start: AtomicI64::new(start.0),
            high_watermark: AtomicI64::new(end.0),
            in_sync: Mutex::new(InSync::new(&image.isr, end)),
            waiters: Waiters::default(),
        };
        partition.waiters.reached(end);
        partition.storage.partitions.fetch_add(1, Ordering::Relaxed);
        Arc::new(partition)
    }

    /// Takes over what the metadata says anew: epoch and in-sync set.
    pub fn update(&self, image: &PartitionImage) -> Result<(), LogError> {
        let _nobody_opens = self.opening.lock();
        if image.leader_epoch.0 > self.leader_epoch.load(Ordering::Acquire) {
            self.leader_epoch.store(image.leader_epoch.0, Ordering::Release);
            match self.open_log().map_or(Ok(()), |log| log.begin_epoch(image.leader_epoch)) {
                // It begins the epoch when it is opened again.
                Ok(()) | Err(LogError::Closed) => {}
                Err(error) => return Err(error),
            }
        }
        let moved = self.in_sync.lock().set_replicas(&image.isr);
        self.moved(moved);
        Ok(())
    }

    /// Appends batches as the leader. They are acknowledged when the high watermark reaches
    /// [`Appended::acknowledged_at`].
    pub fn append(
        self: &Arc<Partition>,
        batches: &[u8],
        origin: Origin,
        replicas_min: usize,
    ) -> Result<Appended, AppendRefusal> {
        let in_sync = self.in_sync.lock().len();
        if in_sync < replicas_min {
            return Err(AppendRefusal::NotEnoughReplicas { in_sync, needed: replicas_min });
        }
        let append = |log: &Arc<Log>| {
            log.touch();
            log.append_as_leader(batches, self.leader_epoch(), origin)
        };
        // No reference of its own to a log that is open: every produced partition comes by here.
        if let Some(log) = &*self.log.load() {
            match append(log) {
                // It rests.
                Err(AppendError::Storage(LogError::Closed)) => {}
                appended => return Ok(self.appended(log, appended?)),
            }
        }
        // What is opened for this may come to rest before it gets here, where many logs share few files.
        loop {
            let log = self.log().map_err(AppendError::Storage)?;
            match append(&log) {
                Err(AppendError::Storage(LogError::Closed)) => {}
                appended => return Ok(self.appended(&log, appended?)),
            }
        }
    }

    /// Has what was appended acknowledged when it is durable, or at once where that is enough.
    fn appended(&self, log: &Arc<Log>, info: AppendInfo) -> Appended {
        if log.durable_end() > info.last {
            // A sync that somebody else asked for, such as a checkpoint, may have taken it along;
            // that one tells nobody.
            self.reached(log.durable_end());
        } else if log.acknowledges_synced() {
            self.storage.syncer.appended(log, info.bytes);
        } else {
            self.reached(info.last.next());
        }
        Appended { acknowledged_at: info.last.next(), info }
    }

    /// Has everything synced that is not, without waiting for it.
    pub fn flush(&self) {
        if let Some(log) = self.open_log()
            && log.log_end() > log.durable_end()
        {
            self.storage.syncer.request(&log);
        }
    }

    /// The log beneath, opened where it is not. A log that was damaged stays closed.
    pub fn log(self: &Arc<Partition>) -> Result<Arc<Log>, LogError> {
        if let Some(log) = self.log_at_hand() {
            return Ok(log);
        }
        let mut door = self.opening.lock();
        match &*door {
            Door::Open | Door::Stuck => {}
            Door::Failed(error) => return Err((**error).clone()),
            Door::Closed => return Err(LogError::Closed),
        }
        if let Some(log) = self.open_log() {
            return Ok(log);
        }
        let opened = self.open();
        if let Err(LogError::Closed) = opened {
            // The broker stops.
            return opened;
        }
        let was_stuck = matches!(&*door, Door::Stuck);
        let (topic, partition) = (&self.id.topic, self.id.index);
        *door = match &opened {
            Ok(_) => {
                if was_stuck {
                    tracing::info!(%topic, partition, "the partition's log could be opened again");
                }
                Door::Open
            }
            Err(error) => {
                // Clients ask again and again; once is enough to be told.
                if !was_stuck {
                    tracing::error!(
                        %topic, partition, %error,
                        "the partition is offline: its log cannot be opened"
                    );
                }
                match error {
                    LogError::Io { .. } | LogError::Full { .. } => Door::Stuck,
                    lasting => Door::Failed(Box::new(lasting.clone())),
                }
            }
        };
        opened
    }

    /// The log beneath, if nothing has to be waited for.
    #[must_use]
    pub fn log_at_hand(&self) -> Option<Arc<Log>> {
        let log = self.open_log()?;
        log.touch();
        Some(log)
    }

    fn open(self: &Arc<Partition>) -> Result<Arc<Log>, LogError> {
        let PartitionId { topic_id, topic, index } = &self.id;
        let (log, end) = loop {
            let config = self.config.load_full();
            let log = self.storage.dir.open_log(topic, *index, topic_id.0, config)?;
            match self.take_over(&log) {
                Ok(end) => break (log, end),
                // The folder has failed and takes no records; what is durable in it is read.
                Err(LogError::Fenced { .. }) => {
                    let end = log.durable_end();
                    break (log, end);
                }
                // Others were opened, and it had to make room for them already.
                Err(LogError::Closed) => {}
                Err(error) => return Err(error),
            }
        };
        let listener: Weak<dyn DurableListener> = Arc::downgrade(self) as Weak<_>;
        log.set_listener(listener);
        // Before anybody finds the log: with one goes what of it is acknowledged.
        self.reached(end);
        self.log.store(Some(log.clone()));
        // Settings may have changed since they were read above.
        log.set_config(self.config.load_full());
        self.known.store(true, Ordering::Release);
        Ok(log)
    }

    /// Begins the epoch of this leader in a log that was just opened, and makes durable what recovery left
    /// in it; says up to where it is.
    fn take_over(&self, log: &Log) -> Result<Offset, LogError> {
        log.begin_epoch(self.leader_epoch())?;
        if log.durable_end() < log.log_end() { log.sync() } else { Ok(log.durable_end()) }
    }

    /// The log, if it is open; this does not keep it from coming to rest.
    #[must_use]
    pub fn open_log(&self) -> Option<Arc<Log>> {
        self.log.load_full().filter(|log| !log.is_closed())
    }

    /// Where the log begins and where its acknowledged records end, if that is known while it is not
    /// open.
    #[must_use]
    pub fn at_rest(&self) -> Option<(Offset, Offset)> {
        if self.log.load().is_some() {
            return None;
        }
        if !self.known.load(Ordering::Acquire) {
            let PartitionId { topic_id, topic, index } = &self.id;
            if !self.storage.dir.is_unused(topic, topic_id.0, *index) {
                return None;
            }
            self.known.store(true, Ordering::Release);
        }
        Some((self.log_start(), self.high_watermark()))
    }

    /// Bytes of all its segments.
    pub fn size_bytes(self: &Arc<Partition>) -> Result<u64, LogError> {
        let (topic_id, index) = (self.id.topic_id.0, self.id.index);
        if let Some(log) = self.open_log() {
            Ok(log.size_bytes())
        } else if let Some(resting) = self.storage.dir.resting(topic_id, index) {
            Ok(resting.bytes)
        } else if self.storage.dir.is_unrecovered(topic_id, index) {
            Ok(self.log()?.size_bytes())
        } else {
            Ok(0)
        }
    }

    /// Changes the settings of the log.
    pub fn set_config(&self, config: Arc<LogConfig>) {
        self.config.store(config.clone());
        if let Some(log) = self.open_log() {
            log.set_config(config);
        }
    }

    /// The settings of the log.
    #[must_use]
    pub fn config(&self) -> Arc<LogConfig> {
        self.config.load_full()
    }

    /// The partition is deleted: its log is not opened any more, and nobody waits for it.
    pub fn retire(&self) {
        let before = std::mem::replace(&mut *self.opening.lock(), Door::Closed);
        if !matches!(before, Door::Closed) {
            self.storage.partitions.fetch_sub(1, Ordering::Relaxed);
        }
        // Before those in line are told: who comes later finds it.
        self.retired.store(true, Ordering::Release);
        self.waiters.give_up();
    }

    /// Whether it is deleted: what was not acknowledged by now never is.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// The failure since which nothing is written, if there was one.
    #[must_use]
    pub fn fenced(&self) -> Option<&LogError> {
        self.storage.dir.fenced()
    }

    /// Where its log is.
    #[must_use]
    pub fn storage(&self) -> &Arc<Storage> {
        &self.storage
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

    /// The first offset there is.
    #[must_use]
    pub fn log_start(&self) -> Offset {
        match &*self.log.load() {
            Some(log) => log.log_start(),
            None => Offset(self.log_start.load(Ordering::Acquire)),
        }
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
        let moved = self.in_sync.lock().reached(self.storage.node, end);
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

    fn rested(&self, log: &Log) {
        self.reached(log.durable_end());
        self.log_start.store(log.log_start().0, Ordering::Release);
        let current = self.log.load();
        if current.as_deref().is_some_and(|current| std::ptr::eq(current, log)) {
            self.log.compare_and_swap(&*current, None);
        }
    }
}
