//! The topics this broker serves, ready for the hot path: name or id to partition in one look-up.
//!
//! A view of the metadata image joined with the opened logs. Changed only by [`crate::apply`], in
//! the order of the metadata; read by every request. The lock is held for a map look-up and never
//! across I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use metadata::TopicId;
use parking_lot::RwLock;
use replication::Partition;

use crate::config::TopicConfig;
use crate::error::PartitionError;

/// How a request names a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRef<'a> {
    /// By its name.
    Name(&'a str),
    /// By its id.
    Id(TopicId),
}

/// All topics with a partition on this broker.
#[derive(Debug, Default)]
pub struct TopicTable(RwLock<Maps>);

#[derive(Debug, Default)]
struct Maps {
    by_name: HashMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<TopicId, Arc<Topic>>,
}

/// One topic.
#[derive(Debug)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Whether it belongs to the broker and not to a user.
    pub internal: bool,
    config: ArcSwap<TopicConfig>,
    /// What its logs at rest are kept by has changed since upkeep last looked at them.
    due: AtomicBool,
    partitions: ArcSwap<Vec<Option<Arc<Partition>>>>,
}

impl TopicTable {
    /// The topic, if there is one.
    #[must_use]
    pub fn topic(&self, topic: TopicRef<'_>) -> Option<Arc<Topic>> {
        let maps = self.0.read();
        match topic {
            TopicRef::Name(name) => maps.by_name.get(name).cloned(),
            TopicRef::Id(id) => maps.by_id.get(&id).cloned(),
        }
    }

    /// Every topic, in no order.
    #[must_use]
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.0.read().by_id.values().cloned().collect()
    }

    pub(crate) fn insert(&self, topic: Arc<Topic>) {
        let mut maps = self.0.write();
        maps.by_id.insert(topic.id, topic.clone());
        maps.by_name.insert(topic.name.clone(), topic);
    }

    pub(crate) fn remove(&self, id: TopicId) -> Option<Arc<Topic>> {
        let mut maps = self.0.write();
        let topic = maps.by_id.remove(&id)?;
        // A topic of the same name may have come since.
        if maps.by_name.get(&topic.name).is_some_and(|named| named.id == id) {
            maps.by_name.remove(&topic.name);
        }
        Some(topic)
    }
}

impl Topic {
    pub(crate) fn new(
        id: TopicId,
        name: Arc<str>,
        internal: bool,
        config: TopicConfig,
        partitions: Vec<Option<Arc<Partition>>>,
    ) -> Topic {
        let config = ArcSwap::from_pointee(config);
        let partitions = ArcSwap::from_pointee(partitions);
        Topic { id, name, internal, config, due: AtomicBool::new(false), partitions }
    }

    /// A partition that this broker leads.
    pub fn partition(&self, index: i32) -> Result<Arc<Partition>, PartitionError> {
        let partitions = self.partitions.load();
        match usize::try_from(index).ok().and_then(|index| partitions.get(index)) {
            Some(Some(partition)) => Ok(partition.clone()),
            Some(None) => Err(PartitionError::Offline),
            None => Err(PartitionError::UnknownPartition),
        }
    }

    /// Every partition that this broker leads, by number.
    #[must_use]
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.load().iter().flatten().cloned().collect()
    }

    /// How many partitions the topic has.
    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.partitions.load().len()
    }

    /// The topic's settings as they are now.
    #[must_use]
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.load_full()
    }

    pub(crate) fn set_config(&self, config: TopicConfig) {
        let has_changed = self.config().log != config.log;
        let log = Arc::new(config.log.clone());
        for partition in self.partitions() {
            partition.set_config(log.clone());
        }
        self.config.store(Arc::new(config));
        if has_changed {
            // Whoever takes this finds the new settings.
            self.due.store(true, Ordering::Release);
        }
    }

    /// Whether upkeep has to look at its logs for what has changed.
    pub(crate) fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    /// Upkeep looks at its logs now.
    pub(crate) fn take_due(&self) -> bool {
        self.due.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn set_partitions(&self, partitions: Vec<Option<Arc<Partition>>>) {
        self.partitions.store(Arc::new(partitions));
    }
}
