//! IncrementalAlterConfigs (44), versions 0 and 1: changes single settings of a resource (KIP-339).
//!
//! Each resource is changed as a whole or not at all, and is answered by itself. A broker takes
//! changes for itself, and under the empty name for all brokers.
//!
//! Gaps: loggers, client metrics (KIP-714) and groups (KIP-848) have no settings here and are refused.

use std::sync::Arc;

use broker::{AlterRequest, Broker, RequestedChange, RequestedEdit};
use wire::Str;
use wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::resources::{Altered, check_keys, doubled, doubled_fault, to_alter};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Fault;
use crate::listener::Shared;

/// What is done with a key.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(crate) fn handle(
    shared: &Arc<Shared>,
    call: Call,
    request: IncrementalAlterConfigsRequest,
) -> Reply {
    let named = request.resources.iter().map(|r| (r.resource_type, &r.resource_name));
    let doubled = doubled(named);
    let mut altered = Altered::default();
    for resource in &request.resources {
        let key = (resource.resource_type, &resource.resource_name);
        let wish = if doubled.contains(&key) {
            Err(doubled_fault())
        } else {
            wish(&shared.broker, resource)
        };
        altered.take_up(resource.resource_type, &resource.resource_name, wish);
    }
    let (broker, validate_only) = (shared.broker.clone(), request.validate_only);
    Reply::later(async move {
        let outcomes = altered.carry_out(&broker, validate_only).await;
        let responses = outcomes.into_iter().map(|(resource_type, resource_name, outcome)| {
            let (error_code, error_message) = Fault::fields(outcome);
            AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
        });
        call.answer(&IncrementalAlterConfigsResponse {
            responses: responses.collect(),
            ..IncrementalAlterConfigsResponse::default()
        })
    })
}

fn wish(broker: &Broker, resource: &AlterConfigsResource) -> Result<AlterRequest, Fault> {
    let has_value =
        |config: &AlterableConfig| config.config_operation == DELETE || config.value.is_some();
    check_keys(resource.configs.iter().map(|config| (&config.name, has_value(config))))?;
    let target = to_alter(broker, resource.resource_type, &resource.resource_name)?;
    let mut edits = Vec::with_capacity(resource.configs.len());
    for config in &resource.configs {
        let value = config.value.as_ref().map(Str::to_string).unwrap_or_default();
        let edit = match config.config_operation {
            SET => RequestedEdit::Set(value),
            DELETE => RequestedEdit::Delete,
            APPEND => RequestedEdit::Append(value),
            SUBTRACT => RequestedEdit::Subtract(value),
            other => return Err(Fault::invalid_request(format!("Unknown operation {other}"))),
        };
        edits.push((config.name.to_string(), edit));
    }
    Ok(AlterRequest { resource: target, change: RequestedChange::Incremental(edits) })
}
