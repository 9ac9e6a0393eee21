//! The facts of the metadata log and their bytes.
//!
//! A record states the new value and not the difference ("the ISR is 1, 2"), so that replay needs no
//! arithmetic. Its bytes are a format version and the postcard encoding of [`MetadataRecord`] as that
//! version knew it. Within version 1 variants may be added at the end of the enum (an older broker
//! then refuses the record); changing the fields of a variant makes version 2, which must go on
//! reading version 1. `docs/format/metadata.md` has the table.

use records::LeaderEpoch;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ConfigResource, Directory, Endpoint, NodeId, NodeList, PartitionImage, TopicId};

/// The version that is written.
const FORMAT_VERSION: u8 = 1;

/// One fact. The order of the variants is part of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetadataRecord {
    /// The cluster's id, once.
    ClusterId {
        /// The id.
        id: String,
    },
    /// A topic exists. Its partitions follow.
    Topic {
        /// Its id, never used before.
        id: TopicId,
        /// Its name, free at this moment.
        name: String,
        /// Whether the broker keeps its own state in it.
        internal: bool,
    },
    /// A topic has one more partition.
    Partition {
        /// The topic.
        topic: TopicId,
        /// Its number: the count of those before it.
        partition: i32,
        /// Who leads.
        leader: Option<NodeId>,
        /// How often leadership has changed.
        #[serde(with = "epoch_number")]
        leader_epoch: LeaderEpoch,
        /// How often the partition has changed.
        partition_epoch: i32,
        /// Who keeps a copy.
        replicas: NodeList,
        /// Whose copy is complete.
        isr: NodeList,
    },
    /// A partition is now as stated.
    PartitionChange {
        /// The topic.
        topic: TopicId,
        /// The partition.
        partition: i32,
        /// Who leads.
        leader: Option<NodeId>,
        /// How often leadership has changed.
        #[serde(with = "epoch_number")]
        leader_epoch: LeaderEpoch,
        /// How often the partition has changed.
        partition_epoch: i32,
        /// Who keeps a copy.
        replicas: NodeList,
        /// Whose copy is complete.
        isr: NodeList,
    },
    /// A topic is gone, with its partitions and its configuration.
    RemoveTopic {
        /// The topic.
        id: TopicId,
    },
    /// A configuration is overridden.
    SetConfig {
        /// Whose.
        resource: ConfigResource,
        /// Which.
        key: String,
        /// With what.
        value: String,
    },
    /// A configuration is no longer overridden.
    RemoveConfig {
        /// Whose.
        resource: ConfigResource,
        /// Which.
        key: String,
    },
    /// A broker's process announced itself.
    RegisterBroker {
        /// The broker.
        node: NodeId,
        /// Which registration this is.
        epoch: i64,
        /// Which process this is.
        incarnation: Uuid,
        /// Where it is reached.
        endpoints: Vec<Endpoint>,
        /// Where it stands.
        rack: Option<String>,
        /// Whether it is fenced from the start.
        fenced: bool,
    },
    /// A broker is no longer part of the cluster.
    UnregisterBroker {
        /// The broker.
        node: NodeId,
    },
    /// A broker may not lead.
    FenceBroker {
        /// The broker.
        node: NodeId,
    },
    /// A broker may lead.
    UnfenceBroker {
        /// The broker.
        node: NodeId,
    },
    /// All producer ids below were handed out.
    ProducerIds {
        /// The first that was not.
        next: i64,
    },
    /// A feature is finalized at a level; 0 removes it.
    Feature {
        /// The feature.
        name: String,
        /// Its level.
        level: i16,
    },
    /// A node has these log directories, the first of which is its home.
    Directories {
        /// The node.
        node: NodeId,
        /// All that it has or had and that may hold partitions.
        directories: Vec<Directory>,
    },
    /// A node keeps its copy of a partition in another of its directories than its home.
    PartitionDirectory {
        /// The topic.
        topic: TopicId,
        /// The partition.
        partition: i32,
        /// Who keeps the copy.
        node: NodeId,
        /// Where.
        directory: Uuid,
    },
}

/// Bytes that are no record this broker can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The record was written by a newer broker.
    #[error(
        "metadata record of format version {found}; this broker reads up to {FORMAT_VERSION}: \
         start the version that wrote it"
    )]
    NewerVersion {
        /// The version found.
        found: u8,
    },
    /// The bytes do not decode.
    #[error("malformed metadata record: {reason}")]
    Malformed {
        /// What the decoder says.
        reason: String,
    },
}

impl MetadataRecord {
    /// Appends the record's bytes.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(FORMAT_VERSION);
        let before = std::mem::take(bytes);
        // Writing to memory fails for no type in this enum: lengths are known and maps are sorted.
        *bytes = postcard::to_extend(self, before).unwrap_or_else(|error| {
            unreachable!("a metadata record cannot be encoded: {error}");
        });
    }

    /// Reads a record that fills `bytes` exactly.
    pub fn decode(bytes: &[u8]) -> Result<MetadataRecord, RecordError> {
        let malformed = |reason: String| RecordError::Malformed { reason };
        match bytes.split_first() {
            None => Err(malformed("no bytes".to_owned())),
            Some((&FORMAT_VERSION, body)) => {
                let (record, rest) = postcard::take_from_bytes(body)
                    .map_err(|error| malformed(error.to_string()))?;
                if rest.is_empty() {
                    Ok(record)
                } else {
                    Err(malformed(format!("{} bytes too many", rest.len())))
                }
            }
            Some((0, _)) => Err(malformed("format version 0".to_owned())),
            Some((&found, _)) => Err(RecordError::NewerVersion { found }),
        }
    }

    pub(crate) fn partition(topic: TopicId, number: i32, image: &PartitionImage) -> MetadataRecord {
        MetadataRecord::Partition {
            topic,
            partition: number,
            leader: image.leader,
            leader_epoch: image.leader_epoch,
            partition_epoch: image.partition_epoch,
            replicas: image.replicas.clone(),
            isr: image.isr.clone(),
        }
    }

    pub(crate) fn partition_change(
        topic: TopicId,
        number: i32,
        image: PartitionImage,
    ) -> MetadataRecord {
        MetadataRecord::PartitionChange {
            topic,
            partition: number,
            leader: image.leader,
            leader_epoch: image.leader_epoch,
            partition_epoch: image.partition_epoch,
            replicas: image.replicas,
            isr: image.isr,
        }
    }
}

/// The number types of `records` know no serde.
mod epoch_number {
    use records::LeaderEpoch;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        epoch: &LeaderEpoch,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        epoch.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<LeaderEpoch, D::Error> {
        i32::deserialize(deserializer).map(LeaderEpoch)
    }
}

#[cfg(test)]
mod tests;
