//! Classic consumer groups and committed offsets, as a machine without any input or output.
//!
//! One [`GroupShard`] owns all groups that hash to one partition of `__consumer_offsets`
//! ([`partition_for`]). A driver feeds it requests and the passing of time; it answers with
//! [`Effects`]: records to append to that partition, and replies to release once those records are
//! durable. What must wait (a join until the others came, a sync until the leader brought the
//! assignment) is parked here under the [`Token`] that the driver named it by.
//!
//! Invariants:
//! - every token handed to [`GroupShard::handle`] is answered exactly once, unless the shard is
//!   dropped without [`GroupShard::close`];
//! - a generation never goes back, and each generation has one assignment;
//! - replaying the records in the order they were emitted rebuilds every offset, and every group as
//!   of its last completed rebalance;
//! - nothing kept in the state borrows from a request's receive buffer.
//!
//! Deliberately absent: clocks (time is an argument), randomness (the driver supplies it with the
//! join), wire structs, tasks, logging, transactions, the KIP-848 and share group protocols.

mod config;
mod effects;
mod error;
mod group;
mod hash;
pub mod limits;
mod offsets;
mod reply;
mod request;
pub mod schema;
mod shard;
mod timers;

pub use config::GroupConfig;
pub use effects::{CoordinatorRecord, Effects, Token};
pub use error::GroupError;
pub use group::GroupState;
pub use hash::partition_for;
pub use reply::{
    CommittedOffset, DescribedMember, FetchedPartition, FetchedTopic, GroupDescription, GroupReply,
    JoinRefused, Joined, JoinedMember, LeftMember, ListedGroup, PartitionResult, Synced,
    TopicResult,
};
pub use request::{
    Assignment, CommitOffsets, CommitPartition, CommitTopic, DeleteOffsets, FetchOffsets,
    GroupRequest, HeartbeatRequest, JoinRequest, LeaveRequest, LeavingMember, ListFilter, Protocol,
    SyncRequest, TopicPartitions,
};
pub use shard::{GroupShard, Replayed};
