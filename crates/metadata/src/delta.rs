//! What differs between two images.
//!
//! A broker reacts to deltas: it opens and removes logs, becomes leader or follower, takes up new
//! settings. A delta states the outcome and not the way: what was created and removed again between
//! the two images is not in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{ConfigResource, Image, NodeId, PartitionImage, TopicId, TopicImage};

/// One partition of the newer image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRef {
    /// Its topic.
    pub topic: Arc<TopicImage>,
    /// Its number.
    pub partition: i32,
}

impl PartitionRef {
    /// The partition itself.
    #[must_use]
    pub fn image(&self) -> Option<&PartitionImage> {
        self.topic.partition(self.partition)
    }
}

/// See the file's head. A topic removed and created again under its name is in both lists, with
/// different ids: handle the removal first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// New topics as they are now, all partitions included.
    pub topics_created: Vec<Arc<TopicImage>>,
    /// Topics that are gone, as they were.
    pub topics_removed: Vec<Arc<TopicImage>>,
    /// New partitions of topics that were there before.
    pub partitions_added: Vec<PartitionRef>,
    /// Partitions that were there before and are not the same (leader, epochs, replicas, ISR).
    pub partitions_changed: Vec<PartitionRef>,
    /// Resources whose overrides differ; topics only if they were there before and still are.
    pub configs_changed: Vec<ConfigResource>,
    /// Brokers that were registered, unregistered, fenced, unfenced or moved.
    pub brokers_changed: Vec<NodeId>,
    /// Whether a feature level differs.
    pub features_changed: bool,
    /// Whether the quorum has another leader.
    pub controller_changed: bool,
}

/// What replay has touched; a comparison looks at nothing else.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) topics: BTreeSet<TopicId>,
    pub(crate) configs: BTreeSet<ConfigResource>,
    pub(crate) brokers: BTreeSet<NodeId>,
}

impl Delta {
    /// Whether nothing differs that a broker reacts to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Delta::default()
    }

    /// Everything that differs, found by comparing whole images: after a snapshot from another node.
    #[must_use]
    pub fn between(before: &Image, after: &Image) -> Delta {
        let mut touched = Touched::default();
        for image in [before, after] {
            touched.topics.extend(image.topics.iter().map(|(id, _)| *id));
            touched.configs.extend(image.configs.iter().map(|(resource, _)| resource.clone()));
            touched.brokers.extend(image.brokers.keys());
        }
        Delta::of(before, after, &touched)
    }

    pub(crate) fn of(before: &Image, after: &Image, touched: &Touched) -> Delta {
        let mut delta = Delta {
            features_changed: before.features != after.features,
            controller_changed: before.controller != after.controller,
            ..Delta::default()
        };
        for id in &touched.topics {
            match (before.topics.get(id), after.topics.get(id)) {
                (Some(old), Some(new)) => delta.compare(old, new),
                (Some(old), None) => delta.topics_removed.push(old.clone()),
                (None, Some(new)) => delta.topics_created.push(new.clone()),
                (None, None) => {}
            }
        }
        for resource in &touched.configs {
            let stays = match resource {
                ConfigResource::Topic(name) => {
                    let id = after.names.get(name.as_str());
                    id.is_some() && id == before.names.get(name.as_str())
                }
                _ => true,
            };
            if stays && before.config(resource) != after.config(resource) {
                delta.configs_changed.push(resource.clone());
            }
        }
        for node in &touched.brokers {
            if before.broker(*node) != after.broker(*node) {
                delta.brokers_changed.push(*node);
            }
        }
        delta
    }

    fn compare(&mut self, old: &Arc<TopicImage>, new: &Arc<TopicImage>) {
        if Arc::ptr_eq(old, new) {
            return;
        }
        for (number, partition) in (0..).zip(&new.partitions) {
            let list = match old.partition(number) {
                None => &mut self.partitions_added,
                Some(before) if before != partition => &mut self.partitions_changed,
                Some(_) => continue,
            };
            list.push(PartitionRef { topic: new.clone(), partition: number });
        }
    }
}
