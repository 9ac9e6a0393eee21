//! FindCoordinator (10), versions 0 to 6: who coordinates a group.
//!
//! The offsets topic is created when it is first needed, and the answer waits for it; Kafka answers
//! CoordinatorNotAvailable until it is there. An empty group id is a group like any other.
//!
//! Gaps: transactions (KIP-98, key type 1) and share groups (KIP-932, key type 2) are refused with
//! UnsupportedVersion: the Java producer then fails in initTransactions with the message below,
//! where a retriable code would let it ask until it times out.

use std::sync::Arc;

use broker::Broker;
use broker::groups::OFFSETS_TOPIC;
use wire::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use wire::{ErrorCode, Str};

use super::brokers;
use super::leadership::Leadership;
use crate::answer::{Answer, Reply};
use crate::dispatch::Call;
use crate::errors::{Coded, Fault};
use crate::listener::Shared;

/// The first version that asks for several keys at once.
const BATCHED_SINCE: i16 = 4;

/// The first version that knows share groups.
const SHARE_GROUPS_SINCE: i16 = 6;

/// What keys may be.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: FindCoordinatorRequest) -> Reply {
    let keys =
        if call.version >= BATCHED_SINCE { request.coordinator_keys } else { vec![request.key] };
    if let Err(fault) = check_type(request.key_type, call.version) {
        let coordinators = keys.into_iter().map(|key| refused(key, fault.clone()));
        return Reply::Now(answer(&call, coordinators.collect()));
    }
    let broker = shared.broker.clone();
    if broker.image().topic(OFFSETS_TOPIC).is_some() {
        return Reply::Now(answer(&call, locate(&broker, keys)));
    }
    let keys: Vec<Str> = keys.iter().map(Str::detach).collect();
    Reply::later(async move {
        if let Err(refusal) = broker.auto_create(OFFSETS_TOPIC).await
            && refusal.code() != ErrorCode::TopicAlreadyExists
        {
            tracing::warn!(%refusal, "the offsets topic cannot be created: groups do not work");
        }
        answer(&call, locate(&broker, keys))
    })
}

fn check_type(key_type: i8, version: i16) -> Result<(), Fault> {
    let not_served = |message: &str| Err(Fault::new(ErrorCode::UnsupportedVersion, message));
    match key_type {
        GROUP => Ok(()),
        TRANSACTION => not_served("Transactions are not served by this broker yet."),
        SHARE if version >= SHARE_GROUPS_SINCE => {
            not_served("Share groups are not served by this broker yet.")
        }
        SHARE => Err(Fault::invalid_request("Share groups are known from version 6.")),
        other => Err(Fault::invalid_request(format!("Unknown coordinator type {other}."))),
    }
}

fn locate(broker: &Broker, keys: Vec<Str>) -> Vec<Coordinator> {
    let image = broker.image();
    let find = |key: Str| {
        let leader = broker.groups().partition_of(&key).and_then(|number| {
            let topic = image.topic(OFFSETS_TOPIC)?;
            let partition = topic.partition(number)?;
            Leadership::of(broker, &image, topic, (number, partition)).leader()
        });
        match leader.and_then(|leader| brokers::find(&image, leader)) {
            Some(node) => Coordinator {
                key,
                node_id: node.id,
                host: node.host,
                port: node.port,
                ..Coordinator::default()
            },
            None => {
                let message = "The coordinator is not available.";
                refused(key, Fault::new(ErrorCode::CoordinatorNotAvailable, message))
            }
        }
    };
    keys.into_iter().map(find).collect()
}

fn refused(key: Str, fault: Fault) -> Coordinator {
    let (error_code, error_message) = Fault::fields(Err(fault));
    Coordinator {
        key,
        node_id: brokers::NOBODY,
        port: -1,
        error_code,
        error_message,
        ..Coordinator::default()
    }
}

fn answer(call: &Call, coordinators: Vec<Coordinator>) -> Answer {
    if call.version >= BATCHED_SINCE {
        return call.answer(&FindCoordinatorResponse {
            coordinators,
            ..FindCoordinatorResponse::default()
        });
    }
    let only = coordinators.into_iter().next().unwrap_or_default();
    call.answer(&FindCoordinatorResponse {
        error_code: only.error_code,
        error_message: only.error_message,
        node_id: only.node_id,
        host: only.host,
        port: only.port,
        ..FindCoordinatorResponse::default()
    })
}
