//! InitProducerId (22), versions 0 to 5: gives a producer its id and epoch.
//!
//! An idempotent producer gets an id nobody had before, with epoch 0, also when it names the one it
//! has (KIP-360: raising the epoch is for transactions).
//!
//! Gap: transactions (KIP-98, KIP-890) are refused with UnsupportedVersion, which every client takes
//! for final.

use std::sync::Arc;

use wire::ErrorCode;
use wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::listener::Shared;

/// No id, no epoch.
const NONE: i16 = -1;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: InitProducerIdRequest) -> Reply {
    if let Err(error) = check(&request) {
        return Reply::Now(call.answer(&refused(error)));
    }
    let broker = shared.broker.clone();
    Reply::later(async move {
        let response = match broker.next_producer_id().await {
            Ok(id) => InitProducerIdResponse {
                producer_id: id.0,
                producer_epoch: 0,
                ..InitProducerIdResponse::default()
            },
            Err(error) => {
                tracing::warn!(%error, "no producer id can be given out");
                // What Kafka says while it waits for its next block: the producer asks again.
                refused(ErrorCode::CoordinatorLoadInProgress)
            }
        };
        call.answer(&response)
    })
}

fn check(request: &InitProducerIdRequest) -> Result<(), ErrorCode> {
    match request.transactional_id.as_deref() {
        None => {}
        Some("") => return Err(ErrorCode::InvalidRequest),
        Some(_) => return Err(ErrorCode::UnsupportedVersion),
    }
    let has_id = request.producer_id != i64::from(NONE);
    let has_epoch = request.producer_epoch != NONE;
    if has_id == has_epoch { Ok(()) } else { Err(ErrorCode::InvalidRequest) }
}

fn refused(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: error.number(),
        producer_id: i64::from(NONE),
        producer_epoch: NONE,
        ..InitProducerIdResponse::default()
    }
}
