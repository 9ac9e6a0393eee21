//! CreatePartitions (37), versions 0 to 3: raises the number of a topic's partitions.
//!
//! A topic that is named twice is refused once and not changed.
//!
//! Gaps: no quota (KIP-599); the timeout is not looked at, as in [`super::create_topics`].

use std::collections::HashSet;
use std::sync::Arc;

use broker::GrowTopic;
use wire::Str;
use wire::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Fault;
use crate::listener::Shared;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: CreatePartitionsRequest) -> Reply {
    let mut seen = HashSet::new();
    let names = request.topics.iter().map(|topic| &topic.name);
    let doubled: HashSet<&Str> = names.filter(|name| !seen.insert(*name)).collect();
    let wanted: Vec<GrowTopic> =
        request.topics.iter().filter(|topic| !doubled.contains(&topic.name)).map(wish).collect();
    let mut results: Vec<_> = doubled
        .iter()
        .map(|name| {
            let fault = Fault::invalid_request("Duplicate topic name.");
            result(name.detach(), Err(fault))
        })
        .collect();
    let (broker, validate_only) = (shared.broker.clone(), request.validate_only);
    Reply::later(async move {
        let names: Vec<Str> = wanted.iter().map(|topic| Str::from(&topic.name)).collect();
        let outcomes = broker.grow_topics(wanted, validate_only).await;
        for (name, outcome) in names.into_iter().zip(outcomes) {
            results.push(result(name, outcome.map_err(|refusal| Fault::of(&refusal))));
        }
        call.answer(&CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() })
    })
}

fn wish(topic: &CreatePartitionsTopic) -> GrowTopic {
    let assignments = topic.assignments.as_ref().map(|assignments| {
        assignments.iter().map(|assignment| assignment.broker_ids.clone()).collect()
    });
    GrowTopic { name: topic.name.to_string(), total: topic.count, assignments }
}

fn result(name: Str, outcome: Result<(), Fault>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = Fault::fields(outcome);
    CreatePartitionsTopicResult { name, error_code, error_message }
}
