//! The types openraft is run with, ours where they reach a file.

use std::io::Cursor;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{MetadataRecord, NodeId};

openraft::declare_raft_types!(
    /// See the file's head.
    pub(crate) Types:
        D = Batch,
        R = Applied,
        NodeId = NodeId,
        Node = Voter,
        Entry = openraft::Entry<Types>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = openraft::TokioRuntime,
);

pub(crate) type Entry = openraft::Entry<Types>;
pub(crate) type LogId = openraft::LogId<NodeId>;
pub(crate) type Vote = openraft::Vote<NodeId>;
pub(crate) type Membership = openraft::Membership<NodeId, Voter>;
pub(crate) type StoredMembership = openraft::StoredMembership<NodeId, Voter>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<NodeId, Voter>;
pub(crate) type StorageError = openraft::StorageError<NodeId>;
pub(crate) type Raft = openraft::Raft<Types>;

/// The records of one entry, with the version of the image they were decided against. They are
/// replayed on that image or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub(crate) base: u64,
    pub(crate) records: Arc<Vec<MetadataRecord>>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Applied {
    /// Its records are in the image.
    Replayed,
    /// The image had moved on; its records count for nothing.
    Outdated,
    /// It had no records: a new leader's first entry, or a change of voters.
    Nothing,
}

/// Where a voter is reached by the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Voter {
    pub(crate) host: String,
    pub(crate) port: u16,
}

pub(crate) fn log_id(term: u64, node: NodeId, index: u64) -> LogId {
    LogId::new(openraft::CommittedLeaderId::new(term, node), index)
}
