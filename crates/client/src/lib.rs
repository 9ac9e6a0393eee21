//! A client of Kafka's protocol: used between nodes, by the command line and by tests.
//!
//! From below: [`Connection`] (one node: negotiation, pipelining, deadlines), [`Cluster`] (many
//! nodes: metadata, leaders, coordinators, retries), and on it [`Producer`], [`Consumer`],
//! [`GroupConsumer`] and [`Admin`].
//!
//! Time, sockets and randomness come from `env`. Memory is bounded: the producer by a budget that
//! its callers wait for, the consumer by what it asks for, a connection by the frames in flight.
//!
//! Deliberately absent: transactions, login and TLS (they come with the issues that serve them),
//! and any state that outlives the process.

mod admin;
mod backoff;
mod cluster;
mod connection;
mod consumer;
mod error;
mod group;
mod metadata;
mod murmur2;
mod offsets;
mod options;
mod producer;
#[cfg(test)]
mod testing;

pub use admin::{
    Admin, CommittedOffset, ConfigChange, ConfigEntry, ConfigResource, ConfigResourceKind,
    CreatedTopic, GroupDescription, GroupListing, GroupMember, LogDir, LogDirReplica, NewTopic,
};
pub use cluster::{Cluster, CoordinatorKind};
pub use connection::{Connection, Versions};
pub use consumer::{ConsumedRecord, Consumer, ConsumerOptions, OffsetReset, PartitionState};
pub use error::ClientError;
pub use group::{GroupConsumer, GroupOptions, Subscriber, range_assignment};
pub use metadata::{Broker, ClusterInfo, Partition, Topic, TopicPartition};
pub use murmur2::{murmur2, partition_for_key};
pub use offsets::{Isolation, ListedOffset, OffsetSpec};
pub use options::ClientOptions;
pub use producer::{Acks, Delivered, Delivery, NewRecord, Producer, ProducerOptions, RecordHeader};
