//! Metadata records, the cluster image, controller decisions, and the quorum that runs them.
//!
//! The model has four parts and one direction. A [`MetadataRecord`] is a fact in a log. An [`Image`]
//! is what a run of records adds up to: immutable, shared, replaced by a newer one. A decision
//! ([`decide()`]) looks at an image and turns an [`Operation`] into records and an [`Outcome`]; it is a
//! pure function and changes nothing. The [`Quorum`] puts records into the replicated log and replays
//! what is committed; replay ([`Image::apply`]) is the only mutation there is.
//!
//! Invariants:
//! - The same records in the same order give the same image on every node.
//! - Records are replayed only on the image they were decided against (see [`quorum`]).
//! - An outcome is handed out only when its records are committed, which on one voter means synced,
//!   and replayed.
//!
//! Deliberately absent: the values of configurations (who may set what is checked above), groups and
//! offsets (they live in internal topics), and anything that knows a client protocol.

pub mod decide;
mod delta;
mod files;
mod ids;
mod image;
pub mod limits;
mod node_list;
mod operation;
mod placement;
pub mod quorum;
mod record;
mod refusal;
mod replay;
#[cfg(feature = "test-support")]
pub mod reread;
mod shared_list;
mod shared_map;
mod topic_name;

pub use decide::decide;
pub use delta::{Delta, PartitionRef};
pub use ids::{IdError, NodeId, TopicId};
pub use image::{
    BrokerImage, ConfigResource, Directory, Endpoint, Image, PartitionImage, Security, TopicImage,
};
pub use node_list::NodeList;
pub use operation::{
    AdoptedTopic, ConfigAlteration, ConfigChange, ConfigEdit, CreatedTopic, FolderLoads, IsrChange,
    NewPartitions, NewTopic, Operation, Outcome, Placement, ProducerIdBlock,
};
pub use quorum::{Change, Observer, Quorum, QuorumConfig, QuorumError, Watch};
pub use record::{MetadataRecord, RecordError};
pub use refusal::Refusal;
pub use replay::ReplayError;
pub use shared_list::SharedList;
pub use topic_name::check_topic_name;
