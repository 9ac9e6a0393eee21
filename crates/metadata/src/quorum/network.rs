//! How voters talk to each other: not at all yet.
//!
//! A cluster of one never asks for a connection. When there are more, this file sends openraft's
//! requests over `client`, and nothing else of the crate changes.

use openraft::error::{InstallSnapshotError, RPCError, RaftError, Unreachable};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};

use super::types::{Types, Voter};
use crate::NodeId;

/// Makes connections to other voters.
#[derive(Debug)]
pub(crate) struct Network;

/// A connection to one voter.
#[derive(Debug)]
pub(crate) struct Connection {
    target: NodeId,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: NodeId, _voter: &Voter) -> Connection {
        Connection { target }
    }
}

type Refused<E> = RPCError<NodeId, Voter, E>;

impl Connection {
    #[expect(clippy::result_large_err, reason = "the error is openraft's")]
    fn refuse<T, E: std::error::Error>(&self) -> Result<T, Refused<E>> {
        let reason = std::io::Error::new(
            std::io::ErrorKind::Unsupported,
            format!("voter {}: a quorum of more than one node is not wired yet", self.target),
        );
        Err(RPCError::Unreachable(Unreachable::new(&reason)))
    }
}

impl RaftNetwork<Types> for Connection {
    async fn append_entries(
        &mut self,
        _request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, Refused<RaftError<NodeId>>> {
        self.refuse()
    }

    async fn install_snapshot(
        &mut self,
        _request: InstallSnapshotRequest<Types>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, Refused<RaftError<NodeId, InstallSnapshotError>>>
    {
        self.refuse()
    }

    async fn vote(
        &mut self,
        _request: VoteRequest<NodeId>,
        _option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, Refused<RaftError<NodeId>>> {
        self.refuse()
    }
}
