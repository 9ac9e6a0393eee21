//! AlterConfigs (33), versions 0 to 2: replaces all settings of a resource. Old clients only.
//!
//! What is not named goes back to its default. Otherwise as
//! [`super::incremental_alter_configs`].

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::{AlterRequest, Broker, RequestedChange};
use wire::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::resources::{Altered, check_keys, doubled, doubled_fault, to_alter};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Fault;
use crate::listener::Shared;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: AlterConfigsRequest) -> Reply {
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
        call.answer(&AlterConfigsResponse {
            responses: responses.collect(),
            ..AlterConfigsResponse::default()
        })
    })
}

fn wish(broker: &Broker, resource: &AlterConfigsResource) -> Result<AlterRequest, Fault> {
    check_keys(resource.configs.iter().map(|config| (&config.name, config.value.is_some())))?;
    let target = to_alter(broker, resource.resource_type, &resource.resource_name)?;
    let mut all = BTreeMap::new();
    for config in &resource.configs {
        let value = config.value.as_deref().unwrap_or_default();
        all.insert(config.name.to_string(), value.to_owned());
    }
    Ok(AlterRequest { resource: target, change: RequestedChange::Replace(all) })
}
