//! Producer ids, taken from the metadata a block at a time.
//!
//! A block belongs to this broker alone once the metadata has committed it, so no id is ever given
//! out twice, also not after a crash: what is left of a block is then never used.

use std::ops::Range;

use metadata::{NodeId, Operation, Outcome, Quorum};
use records::ProducerId;
use tokio::sync::Mutex;

use crate::error::QuorumUnavailable;
use crate::limits::PRODUCER_ID_BLOCK;

/// What is left of the current block.
#[derive(Debug, Default)]
pub struct ProducerIds(Mutex<Range<i64>>);

impl ProducerIds {
    /// An id nobody had before.
    pub async fn next(
        &self,
        quorum: &Quorum,
        node: NodeId,
    ) -> Result<ProducerId, QuorumUnavailable> {
        let mut block = self.0.lock().await;
        if block.is_empty() {
            let operation = Operation::AllocateProducerIds { node, count: PRODUCER_ID_BLOCK };
            match quorum.submit(operation).await {
                Ok(Outcome::ProducerIds(Ok(ids))) => {
                    *block = ids.first..ids.first + i64::from(ids.count);
                }
                Ok(other) => return Err(QuorumUnavailable(format!("answered {other:?}"))),
                Err(error) => return Err(QuorumUnavailable(error.to_string())),
            }
        }
        block
            .next()
            .map(ProducerId)
            .ok_or_else(|| QuorumUnavailable("allocated no producer ids".into()))
    }
}
