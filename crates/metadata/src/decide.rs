//! Controller decisions: an image and an operation in, records and an outcome out.
//!
//! Pure: the same image, operation and random bytes give the same answer, and nothing is written
//! here. Items of one operation see the effect of those before them, by replaying their records on a
//! working image. One file for each subject.

mod adopt;
mod brokers;
mod configs;
mod partitions;
mod topics;

use std::collections::BTreeMap;

use env::Random;

use crate::limits::PRODUCER_ID_BLOCK_MAX;
use crate::placement::Folders;
use crate::{Image, MetadataRecord, NodeId, Operation, Outcome, ProducerIdBlock, Refusal};

/// The image as the items so far have made it, and their records.
struct Draft {
    image: Image,
    records: Vec<MetadataRecord>,
}

impl Draft {
    fn write(&mut self, records: Vec<MetadataRecord>) {
        if !records.is_empty() {
            let version = self.image.version;
            // The draft stands for one entry to come, however many items it has.
            self.image = self.image.apply(&records).0.at(version, self.image.controller);
            self.records.extend(records);
        }
    }

    /// Decides items in order.
    fn each<T, D>(
        &mut self,
        items: &[T],
        mut decide: impl FnMut(&Image, &T) -> Result<(Vec<MetadataRecord>, D), Refusal>,
    ) -> Vec<Result<D, Refusal>> {
        let results = items.iter().map(|item| {
            let (records, done) = decide(&self.image, item)?;
            self.write(records);
            Ok(done)
        });
        results.collect()
    }

    fn one<D>(
        &mut self,
        decision: Result<(Vec<MetadataRecord>, D), Refusal>,
    ) -> Result<D, Refusal> {
        let (records, done) = decision?;
        self.write(records);
        Ok(done)
    }
}

/// What `operation` means for a cluster that is as `image` says. `random` is asked for topic ids and
/// for where a round of replicas starts. A validation gives its outcome and no records.
#[must_use]
pub fn decide(
    image: &Image,
    operation: &Operation,
    random: &dyn Random,
) -> (Vec<MetadataRecord>, Outcome) {
    let mut draft = Draft { image: image.clone(), records: Vec::new() };
    let outcome = match operation {
        Operation::Bootstrap { cluster_id, features } => {
            draft.write(bootstrap(image, cluster_id, features));
            Outcome::Bootstrapped
        }
        Operation::CreateTopics { topics, folders, .. } => {
            let mut folders = Folders::new(image, folders.as_ref());
            Outcome::TopicsCreated(topics::create(&mut draft, topics, &mut folders, random))
        }
        Operation::AdoptTopics { node, topics, next_producer_id } => {
            Outcome::TopicsAdopted(adopt::adopt(&mut draft, *node, topics, *next_producer_id))
        }
        Operation::DeleteTopics { ids } => {
            Outcome::TopicsDeleted(draft.each(ids, |image, id| topics::delete(image, *id)))
        }
        Operation::CreatePartitions { topics, folders, .. } => {
            let mut folders = Folders::new(image, folders.as_ref());
            Outcome::PartitionsCreated(topics::grow(&mut draft, topics, &mut folders, random))
        }
        Operation::AlterConfigs { alterations, .. } => {
            Outcome::ConfigsAltered(draft.each(alterations, configs::alter))
        }
        Operation::RegisterBroker { node, incarnation, endpoints, rack, fenced } => {
            let registration = brokers::Registration {
                node: *node,
                incarnation: *incarnation,
                endpoints,
                rack: rack.as_deref(),
                fenced: *fenced,
            };
            Outcome::BrokerRegistered(draft.one(brokers::register(image, &registration)))
        }
        Operation::SetDirectories { node, directories } => {
            if image.directories(*node) != directories {
                let directories = directories.clone();
                draft.write(vec![MetadataRecord::Directories { node: *node, directories }]);
            }
            Outcome::DirectoriesSet
        }
        Operation::FenceBroker { node, epoch } => {
            Outcome::BrokerFenced(draft.one(brokers::fence(image, *node, *epoch)))
        }
        Operation::UnfenceBroker { node, epoch } => {
            Outcome::BrokerFenced(draft.one(brokers::unfence(image, *node, *epoch)))
        }
        Operation::UnregisterBroker { node } => {
            Outcome::BrokerUnregistered(draft.one(brokers::unregister(image, *node)))
        }
        Operation::AllocateProducerIds { node, count } => {
            Outcome::ProducerIds(draft.one(producer_ids(image, *node, *count)))
        }
        Operation::UpdateFeatures { levels, .. } => {
            let mut results = BTreeMap::new();
            for (name, level) in levels {
                let result = draft.one(feature(&draft.image, name, *level));
                results.insert(name.clone(), result);
            }
            Outcome::FeaturesUpdated(results)
        }
        Operation::AlterPartitions { node, broker_epoch, changes } => {
            Outcome::PartitionsAltered(draft.each(changes, |image, change| {
                partitions::alter(image, *node, *broker_epoch, change)
            }))
        }
    };
    let records = if operation.is_validation() { Vec::new() } else { draft.records };
    (records, outcome)
}

fn bootstrap(
    image: &Image,
    cluster_id: &str,
    features: &BTreeMap<String, i16>,
) -> Vec<MetadataRecord> {
    if image.cluster_id.is_some() {
        return Vec::new();
    }
    let id = MetadataRecord::ClusterId { id: cluster_id.to_owned() };
    let levels = features.iter().map(|(name, level)| feature_record(name, *level));
    std::iter::once(id).chain(levels).collect()
}

fn producer_ids(
    image: &Image,
    node: NodeId,
    count: i32,
) -> Result<(Vec<MetadataRecord>, ProducerIdBlock), Refusal> {
    if image.broker(node).is_none() {
        return Err(Refusal::UnknownBroker { node });
    }
    if !(1..=PRODUCER_ID_BLOCK_MAX).contains(&count) {
        return Err(Refusal::InvalidRequest {
            reason: format!("A block has 1 to {PRODUCER_ID_BLOCK_MAX} producer ids, not {count}."),
        });
    }
    let first = image.next_producer_id;
    let next = first.checked_add(i64::from(count)).ok_or(Refusal::ProducerIdsExhausted)?;
    Ok((vec![MetadataRecord::ProducerIds { next }], ProducerIdBlock { first, count }))
}

fn feature(image: &Image, name: &str, level: i16) -> Result<(Vec<MetadataRecord>, ()), Refusal> {
    if level < 0 {
        return Err(Refusal::FeatureUpdateFailed {
            reason: format!("Feature {name} cannot have level {level}."),
        });
    }
    if image.features.get(name).copied().unwrap_or(0) == level {
        return Ok((Vec::new(), ()));
    }
    Ok((vec![feature_record(name, level)], ()))
}

fn feature_record(name: &str, level: i16) -> MetadataRecord {
    MetadataRecord::Feature { name: name.to_owned(), level }
}

#[cfg(test)]
mod tests;
