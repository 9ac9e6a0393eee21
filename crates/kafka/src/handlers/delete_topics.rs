//! DeleteTopics (20), versions 1 to 6.
//!
//! From version 6 topics are named by name or by id (KIP-516), by one of them only. What is named
//! twice is refused once and not deleted; a topic that is named by both ways is deleted once.
//!
//! Gaps: no quota (KIP-599); the timeout is not looked at, a deletion takes as long as one write of
//! the metadata.

use std::collections::HashSet;
use std::sync::Arc;

use broker::{Image, TopicId};
use uuid::Uuid;
use wire::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use wire::{ErrorCode, Str};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Fault;
use crate::listener::Shared;

/// First version that names topics in a struct, by name or id.
const STATES_SINCE: i16 = 6;

/// First version that knows that deletion may be off.
const DISABLED_SINCE: i16 = 3;

/// How a request names a topic.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Named {
    Name(Str),
    Id(Uuid),
}

/// A topic that is to go, and the name the client used.
struct Doomed {
    named: Named,
    id: TopicId,
}

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: DeleteTopicsRequest) -> Reply {
    let mut results = Vec::new();
    let named = named(call.version, request, &mut results);
    if !shared.broker.config().delete_topic_enable {
        let fault = deletion_disabled(call.version);
        results.extend(named.into_iter().map(|named| refused(named, fault.clone())));
        let responses = results;
        let response = DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() };
        return Reply::Now(call.answer(&response));
    }
    let doomed = look_up(&shared.broker.image(), named, &mut results);
    let broker = shared.broker.clone();
    Reply::later(async move {
        let ids = doomed.iter().map(|doomed| doomed.id).collect();
        let outcomes = broker.delete_topics(ids).await;
        for (doomed, outcome) in doomed.into_iter().zip(outcomes) {
            results.push(match outcome {
                Ok(name) => DeletableTopicResult {
                    name: Some(Str::from(name)),
                    topic_id: doomed.id.0,
                    ..DeletableTopicResult::default()
                },
                Err(refusal) => {
                    let fault = match Fault::of(&refusal) {
                        // Somebody else deleted it meanwhile.
                        Fault { code: ErrorCode::UnknownTopicId, .. } => unknown(&doomed.named),
                        fault => fault,
                    };
                    refused(doomed.named, fault)
                }
            });
        }
        let responses = results;
        call.answer(&DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() })
    })
}

/// What the request names once; what it says wrongly is refused.
fn named(
    version: i16,
    request: DeleteTopicsRequest,
    results: &mut Vec<DeletableTopicResult>,
) -> Vec<Named> {
    let mut all = Vec::new();
    if version < STATES_SINCE {
        all.extend(request.topic_names.iter().map(|name| Named::Name(name.detach())));
    }
    for topic in request.topics {
        match topic.name {
            None if topic.topic_id.is_nil() => {
                let fault = Fault::invalid_request("Neither topic name nor id were specified.");
                results.push(refused(Named::Id(Uuid::nil()), fault));
            }
            None => all.push(Named::Id(topic.topic_id)),
            Some(name) if topic.topic_id.is_nil() => all.push(Named::Name(name.detach())),
            Some(name) => {
                let message = "You may not specify both topic name and topic id.";
                let mut both = refused(Named::Name(name.detach()), Fault::invalid_request(message));
                both.topic_id = topic.topic_id;
                results.push(both);
            }
        }
    }
    let mut seen = HashSet::new();
    let doubled: HashSet<Named> =
        all.iter().filter(|named| !seen.insert(*named)).cloned().collect();
    all.retain(|named| !doubled.contains(named));
    for named in doubled {
        let message = match named {
            Named::Name(_) => "Duplicate topic name.",
            Named::Id(_) => "Duplicate topic id.",
        };
        results.push(refused(named, Fault::invalid_request(message)));
    }
    all
}

fn look_up(
    image: &Image,
    named: Vec<Named>,
    results: &mut Vec<DeletableTopicResult>,
) -> Vec<Doomed> {
    let mut doomed: Vec<Doomed> = Vec::with_capacity(named.len());
    let mut ids = HashSet::new();
    for named in named {
        let topic = match &named {
            Named::Name(name) => image.topic(name),
            Named::Id(id) => image.topic_by_id(TopicId(*id)),
        };
        match topic.map(|topic| topic.id) {
            None => {
                let fault = unknown(&named);
                results.push(refused(named, fault));
            }
            Some(id) if ids.insert(id) => doomed.push(Doomed { named, id }),
            Some(_) => {
                let message = "The provided topic name maps to an ID that was already supplied.";
                results.push(refused(named, Fault::invalid_request(message)));
            }
        }
    }
    doomed
}

fn unknown(named: &Named) -> Fault {
    match named {
        Named::Name(_) => Fault::new(
            ErrorCode::UnknownTopicOrPartition,
            "This server does not host this topic-partition.",
        ),
        Named::Id(_) => {
            Fault::new(ErrorCode::UnknownTopicId, "This server does not host this topic ID.")
        }
    }
}

fn deletion_disabled(version: i16) -> Fault {
    if version < DISABLED_SINCE {
        let message = "This version does not support topic deletion being disabled.";
        return Fault::invalid_request(message);
    }
    Fault::new(ErrorCode::TopicDeletionDisabled, "Topic deletion is disabled.")
}

fn refused(named: Named, fault: Fault) -> DeletableTopicResult {
    let (error_code, error_message) = Fault::fields(Err(fault));
    let (name, topic_id) = match named {
        Named::Name(name) => (Some(name), Uuid::nil()),
        Named::Id(id) => (None, id),
    };
    DeletableTopicResult { name, topic_id, error_code, error_message }
}
