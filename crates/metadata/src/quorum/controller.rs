//! Operations in, one at a time or many together; records through the log; outcomes out.
//!
//! One task decides for the whole cluster, on the node that leads the quorum. Whatever waits is
//! decided together and committed as one entry, so that one sync carries many operations. Decisions
//! are made against the newest replayed image, and nothing new is decided while an entry is under way:
//! an image never has a future that a decision has not seen. Should the leader change in between, the
//! entry is found outdated by every node and is decided again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::Random;
use openraft::error::{ClientWriteError, RaftError};
use tokio::sync::{mpsc, oneshot};

use super::QuorumError;
use super::published::Published;
use super::types::{Applied, Batch, Raft};
use crate::files::entry;
use crate::limits::{ENTRY_BYTES_MAX, OPERATIONS_PER_ENTRY_MAX, RECORDS_PER_ENTRY_SOFT_MAX};
use crate::{Operation, Outcome, decide};

/// An operation and who waits for its outcome.
pub(crate) struct Submission {
    pub(crate) operation: Operation,
    pub(crate) reply: oneshot::Sender<Result<Outcome, QuorumError>>,
}

pub(crate) struct Controller {
    pub(crate) raft: Raft,
    pub(crate) published: Arc<Published>,
    pub(crate) random: Arc<dyn Random>,
    /// Bytes appended to the log since the last snapshot, and how many make the next.
    pub(crate) grown: Arc<AtomicU64>,
    pub(crate) snapshot_bytes: u64,
}

impl Controller {
    /// Works until nobody can submit any more.
    pub(crate) async fn run(self, mut queue: mpsc::Receiver<Submission>) {
        while let Some(first) = queue.recv().await {
            let mut waiting = vec![first];
            while waiting.len() < OPERATIONS_PER_ENTRY_MAX {
                match queue.try_recv() {
                    Ok(next) => waiting.push(next),
                    Err(_) => break,
                }
            }
            self.work_off(waiting).await;
            if self.grown.load(Ordering::Relaxed) > self.snapshot_bytes {
                // One request is enough: the count starts again when the snapshot is written.
                self.grown.store(0, Ordering::Relaxed);
                if let Err(error) = self.raft.trigger().snapshot().await {
                    tracing::warn!(%error, "metadata snapshot could not be asked for");
                }
            }
        }
    }

    async fn work_off(&self, mut waiting: Vec<Submission>) {
        while !waiting.is_empty() {
            let (batch, outcomes) = self.decide(&waiting);
            let committed = if batch.records.is_empty() {
                Ok(Applied::Replayed)
            } else {
                self.commit(batch).await
            };
            match committed {
                // Decided against what is no longer the newest image: all of it again.
                Ok(Applied::Outdated) => {}
                Ok(Applied::Replayed | Applied::Nothing) => {
                    let done = waiting.drain(..outcomes.len());
                    for (submission, outcome) in done.zip(outcomes) {
                        // Whoever does not wait any more does not want to know.
                        let _ = submission.reply.send(outcome);
                    }
                }
                Err(error) => {
                    for submission in waiting.drain(..) {
                        let _ = submission.reply.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// Records and outcomes of the first operations, at least one.
    fn decide(&self, waiting: &[Submission]) -> (Batch, Vec<Result<Outcome, QuorumError>>) {
        let newest = self.published.image();
        let mut image = (*newest).clone();
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut outcomes = Vec::with_capacity(waiting.len());
        for submission in waiting {
            let (more, outcome) = decide(&image, &submission.operation, &*self.random);
            let added = entry::records_len(&more);
            if added > ENTRY_BYTES_MAX {
                let error = QuorumError::TooLarge { bytes: added, bytes_max: ENTRY_BYTES_MAX };
                outcomes.push(Err(error));
                continue;
            }
            bytes += added;
            if bytes > ENTRY_BYTES_MAX || records.len() > RECORDS_PER_ENTRY_SOFT_MAX {
                // It is decided anew for the next entry. The first is never turned away here.
                break;
            }
            outcomes.push(Ok(outcome));
            if !more.is_empty() {
                // As in the entry to come: one version for all.
                image = image.apply(&more).0.at(newest.version(), newest.controller());
                records.extend(more);
            }
        }
        (Batch { base: newest.version(), records: Arc::new(records) }, outcomes)
    }

    async fn commit(&self, batch: Batch) -> Result<Applied, QuorumError> {
        match self.raft.client_write(batch).await {
            Ok(response) => Ok(response.data),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                Err(QuorumError::NotLeader { leader: to.leader_id })
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error))) => {
                Err(QuorumError::Storage { reason: error.to_string() })
            }
            Err(RaftError::Fatal(fatal)) => Err(fatal.into()),
        }
    }
}
