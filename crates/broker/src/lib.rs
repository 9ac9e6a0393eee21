//! Protocol-neutral operations: append, read, topics, groups, configuration, delayed operations.
//!
//! [`Broker`] ties one node together: the metadata quorum, the log folder, the partitions this node
//! leads, its groups. Front ends call it; it knows none of them. State machines live in the layers
//! below; what is here wires them and reacts to the metadata.

pub mod append;
mod apply;
mod broker;
pub mod budget;
mod cleaner;
mod cold_reads;
pub mod config;
mod configs;
mod courier;
pub mod error;
mod flush;
mod folders;
mod full_disk;
pub mod groups;
pub mod limits;
pub mod offsets;
mod pace;
mod producer_ids;
pub mod read;
mod scrub;
mod topic_table;
mod topics;
mod upkeep;

pub use broker::{Broker, METADATA_FOLDER, StartError};
pub use cold_reads::ColdReads;
pub use configs::{AlterRefusal, AlterRequest, RequestedChange, RequestedEdit};
pub use folders::{Folders, OfflineFolder, ReplicaHealth};
pub use offsets::OffsetRefusal;
pub use topic_table::{Topic, TopicRef, TopicTable};
pub use topics::{CreateTopic, GrowTopic, TopicRefusal};

// What front ends see of the layers below, which they do not use themselves.
pub use log::{AppendError, LogDir, LogError, ProducerEntry, RecordFault, Region, Slice, Wait};
pub use metadata::{
    BrokerImage, ConfigResource, CreatedTopic, Endpoint, Image, NodeId, PartitionImage, Refusal,
    Security, TopicId, TopicImage, check_topic_name,
};
pub use replication::{AppendRefusal, Appended, Partition, Storage};
