//! Reacting to the metadata: open what this node leads, close what is gone, take up settings.
//!
//! One task, in the order of the metadata, so that nothing here races with itself. File work runs
//! off the workers. Logs are not opened here but when they are needed.

use std::sync::Arc;

use log::LogConfig;
use metadata::{Change, ConfigResource, Delta, Image, PartitionImage, TopicId, TopicImage, Watch};
use replication::{Partition, PartitionId};

use crate::broker::Broker;
use crate::config::TopicConfig;
use crate::groups::OFFSETS_TOPIC;
use crate::topic_table::{Topic, TopicRef};

impl Broker {
    /// Opens every partition that the image gives to this node.
    pub(crate) fn open_all(&self, image: &Image) {
        for topic in image.topics() {
            self.open_topic(image, topic);
        }
        for dir in self.folders.dirs() {
            let is_known = |id| self.topics.topic(TopicRef::Id(TopicId(id))).is_some();
            let left = dir.forget_missing(is_known);
            if let Some(first) = left.first() {
                tracing::warn!(
                    folders = left.len(), such_as = %first.display(),
                    "these folders of partitions belong to no topic; look into them, and delete them"
                );
            }
        }
        // A process that was killed may have left some.
        self.remove_deleted();
        self.applied.send_replace(image.version());
    }

    /// Carries out the changes of the metadata until the quorum ends.
    pub(crate) async fn follow_metadata(self: Arc<Broker>, mut changes: Watch) {
        while let Some(Change { image, delta, .. }) = changes.next().await {
            if image.version() <= *self.applied.borrow() {
                continue;
            }
            if delta.is_empty() {
                self.applied.send_replace(image.version());
                continue;
            }
            let broker = self.clone();
            let done = tokio::task::spawn_blocking(move || {
                broker.apply(&image, &delta);
                broker.applied.send_replace(image.version());
            });
            if let Err(error) = done.await {
                tracing::error!(%error, "a change of the metadata was not carried out");
            }
        }
    }

    fn apply(&self, image: &Image, delta: &Delta) {
        for topic in &delta.topics_removed {
            self.remove_topic(topic);
        }
        for topic in &delta.topics_created {
            self.open_topic(image, topic);
        }
        let mut grown: Vec<&Arc<TopicImage>> =
            delta.partitions_added.iter().map(|added| &added.topic).collect();
        grown.dedup_by_key(|topic| topic.id);
        for topic in grown {
            self.grow_topic(topic);
        }
        for changed in &delta.partitions_changed {
            let topic = self.topics.topic(TopicRef::Id(changed.topic.id));
            let partition = topic.and_then(|topic| topic.partition(changed.partition).ok());
            if let (Some(partition), Some(image)) = (partition, changed.image())
                && let Err(error) = partition.update(image)
            {
                tracing::error!(topic = %changed.topic.name, %error, "cannot lead on");
            }
        }
        if delta.configs_changed.iter().any(is_for_brokers) {
            self.take_over_configuration(image);
            for topic in self.topics.topics() {
                self.configure(image, &topic);
            }
        } else {
            for changed in &delta.configs_changed {
                if let ConfigResource::Topic(name) = changed
                    && let Some(topic) = self.topics.topic(TopicRef::Name(name))
                {
                    self.configure(image, &topic);
                }
            }
        }
    }

    /// What operators changed at run time becomes part of the settings in force.
    pub(crate) fn take_over_configuration(&self, image: &Image) {
        let of = |resource| image.config(&resource).map(|all| (**all).clone()).unwrap_or_default();
        let every_broker = of(ConfigResource::ClusterDefault);
        let this_broker = of(ConfigResource::Broker(self.node));
        match self.config_at_start.with_dynamic(&every_broker, &this_broker) {
            Ok(config) => {
                for dir in self.folders.dirs() {
                    dir.set_reserve(config.log_dir_reserve_bytes);
                }
                self.config.store(Arc::new(config));
            }
            Err(errors) => {
                for error in errors {
                    tracing::error!(%error, "a setting changed at run time is not in force");
                }
            }
        }
    }

    fn open_topic(&self, image: &Image, topic: &TopicImage) {
        let config = self.topic_config(image, &topic.name);
        let partitions = self.lead_partitions(topic, &config, 0);
        let opened =
            Arc::new(Topic::new(topic.id, topic.name.clone(), topic.internal, config, partitions));
        self.topics.insert(opened.clone());
        if crate::flush::interval(&opened.config()).is_some() {
            self.flush_changed.notify_one();
        }
        self.lead_groups(&opened);
    }

    fn grow_topic(&self, image: &TopicImage) {
        let Some(topic) = self.topics.topic(TopicRef::Id(image.id)) else { return };
        let mut partitions: Vec<_> = (0..topic.partition_count())
            .map(|index| i32::try_from(index).ok().and_then(|index| topic.partition(index).ok()))
            .collect();
        let added = self.lead_partitions(image, &topic.config(), partitions.len());
        partitions.extend(added);
        topic.set_partitions(partitions);
        self.lead_groups(&topic);
    }

    fn remove_topic(&self, image: &TopicImage) {
        let Some(topic) = self.topics.remove(image.id) else { return };
        if &*topic.name == OFFSETS_TOPIC {
            self.groups.resign();
        } else {
            self.groups.forget_topic(&topic.name, topic.id.0.into_bytes());
        }
        let partitions = topic.partitions();
        partitions.iter().for_each(|partition| partition.retire());
        for storage in self.folders.online() {
            let there = partitions.iter().filter(|it| Arc::ptr_eq(it.storage(), storage));
            let numbers: Vec<i32> = there.map(|partition| partition.id().index).collect();
            if numbers.is_empty() {
                continue;
            }
            if let Err(error) = storage.dir.delete_all(&topic.name, topic.id.0, &numbers) {
                tracing::error!(
                    topic = %topic.name, %error, "the files of a deleted topic are still there"
                );
            }
        }
        self.cleaners.forget(&topic.name);
        // The last reference but for those of readers, whose files are left whole.
        drop((partitions, topic));
        self.remove_deleted();
    }

    /// Has the files of what was deleted removed: nobody waits for large ones, neither the next change of the
    /// metadata nor a start.
    fn remove_deleted(&self) {
        for dir in self.folders.dirs() {
            let dir = dir.clone();
            tokio::task::spawn_blocking(move || {
                if let Err(error) = dir.remove_deleted() {
                    tracing::warn!(%error, "files of a deleted topic stay until the next start");
                }
            });
        }
    }

    fn configure(&self, image: &Image, topic: &Topic) {
        topic.set_config(self.topic_config(image, &topic.name));
        self.flush_changed.notify_one();
        if topic.is_due() {
            self.upkeep.ask_for_topics();
        }
    }

    fn topic_config(&self, image: &Image, name: &str) -> TopicConfig {
        let config = self.config.load();
        let overrides = image.config(&ConfigResource::Topic(name.to_owned()));
        let Some(overrides) = overrides else { return config.topic_defaults.clone() };
        TopicConfig::resolve(&config, overrides).unwrap_or_else(|error| {
            tracing::error!(topic = name, %error, "the topic runs with the defaults");
            config.topic_defaults.clone()
        })
    }

    fn lead_partitions(
        &self,
        topic: &TopicImage,
        config: &TopicConfig,
        from: usize,
    ) -> Vec<Option<Arc<Partition>>> {
        let log = Arc::new(config.log.clone());
        let numbered = (0..).zip(&topic.partitions).skip(from);
        numbered.map(|(index, image)| self.lead_partition(topic, &log, index, image)).collect()
    }

    fn lead_partition(
        &self,
        topic: &TopicImage,
        config: &Arc<LogConfig>,
        index: i32,
        image: &PartitionImage,
    ) -> Option<Arc<Partition>> {
        if image.leader != Some(self.node) {
            return None;
        }
        let id = PartitionId { topic_id: topic.id, topic: topic.name.clone(), index };
        let storage = self.folders.of(topic, index)?.clone();
        Some(Partition::lead(id, storage, config.clone(), image))
    }

    /// Opens what was in use when a process ended out of order: nobody has to wait for its recovery
    /// later, and what is damaged is said now.
    pub(crate) fn recover(&self) {
        for topic in self.topics.topics() {
            for partition in topic.partitions() {
                if partition.storage().dir.is_unrecovered(topic.id.0, partition.id().index) {
                    // A failure was said where it happened.
                    let _ = partition.log();
                }
            }
        }
    }

    fn lead_groups(&self, topic: &Topic) {
        if &*topic.name != OFFSETS_TOPIC {
            return;
        }
        let count = u32::try_from(topic.partition_count()).unwrap_or(u32::MAX);
        for partition in topic.partitions() {
            self.groups.lead(partition, count);
        }
    }
}

fn is_for_brokers(resource: &ConfigResource) -> bool {
    match resource {
        ConfigResource::Broker(_) | ConfigResource::ClusterDefault => true,
        ConfigResource::Topic(_) | ConfigResource::Group(_) | ConfigResource::ClientMetrics(_) => {
            false
        }
    }
}
