//! DescribeConfigs (32), versions 1 to 4: settings of topics and brokers, all of them out of the
//! broker's registry.
//!
//! Null or no keys mean all keys. A broker answers for itself, and under the empty name for what was
//! set at run time for all brokers.
//!
//! Gaps: loggers, client metrics (KIP-714) and groups (KIP-848) have no settings here; asked for
//! properly they are shown without any.

use std::sync::Arc;

use broker::config::DescribedConfig;
use broker::{Broker, check_topic_name};
use wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use wire::{ErrorCode, Str};

use super::resources::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Fault;
use crate::listener::Shared;

/// What to show of each setting.
#[derive(Clone, Copy)]
struct Terms {
    synonyms: bool,
    documentation: bool,
}

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: DescribeConfigsRequest) -> Reply {
    let terms =
        Terms { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let results = request.resources.into_iter().map(|resource| {
        let described = describe(&shared.broker, resource.resource_type, &resource.resource_name);
        answer(resource, described, terms)
    });
    let results = results.collect();
    Reply::Now(call.answer(&DescribeConfigsResponse { results, ..Default::default() }))
}

fn describe(broker: &Broker, resource_type: i8, name: &str) -> Result<Vec<DescribedConfig>, Fault> {
    match resource_type {
        TOPIC => {
            check_topic_name(name).map_err(|refusal| Fault::of(&refusal))?;
            if broker.image().topic(name).is_none() {
                return Err(Fault::new(ErrorCode::UnknownTopicOrPartition, String::new()));
            }
            Ok(broker.describe_topic_config(name))
        }
        BROKER if name.is_empty() => Ok(broker.describe_every_broker_config()),
        BROKER => match name.parse::<i32>() {
            Ok(id) if id == broker.node().0 => Ok(broker.describe_broker_config()),
            Ok(id) => Err(Fault::invalid_request(format!(
                "Unexpected broker id, expected {} or empty string, but received {id}",
                broker.node()
            ))),
            Err(_) => Err(not_a_broker(name)),
        },
        BROKER_LOGGER if name.is_empty() => {
            Err(Fault::invalid_request("Broker id must not be empty"))
        }
        BROKER_LOGGER => match name.parse::<i32>() {
            Ok(id) if id == broker.node().0 => Ok(Vec::new()),
            Ok(id) => Err(Fault::invalid_request(format!(
                "Unexpected broker id, expected {} but received {id}",
                broker.node()
            ))),
            Err(_) => Err(not_a_broker(name)),
        },
        CLIENT_METRICS if name.is_empty() => {
            Err(Fault::invalid_request("Client metrics subscription name must not be empty"))
        }
        GROUP if name.is_empty() => Err(Fault::invalid_request("Group name must not be empty")),
        CLIENT_METRICS | GROUP => Ok(Vec::new()),
        other => Err(Fault::invalid_request(format!("Unknown resource type {other}"))),
    }
}

fn not_a_broker(name: &str) -> Fault {
    Fault::invalid_request(format!("Broker id must be an integer, but it is: {name}"))
}

fn answer(
    asked: DescribeConfigsResource,
    described: Result<Vec<DescribedConfig>, Fault>,
    terms: Terms,
) -> DescribeConfigsResult {
    let (described, outcome) = match described {
        Ok(described) => (described, Ok(())),
        Err(fault) => (Vec::new(), Err(fault)),
    };
    let (error_code, error_message) = Fault::fields(outcome);
    let keys = asked.configuration_keys.unwrap_or_default();
    let is_asked =
        |config: &DescribedConfig| keys.is_empty() || keys.iter().any(|key| *key == config.name);
    let configs = described.into_iter().filter(is_asked).map(|config| show(config, terms));
    DescribeConfigsResult {
        error_code,
        error_message: error_message.filter(|message| !message.is_empty()),
        resource_type: asked.resource_type,
        resource_name: asked.resource_name,
        configs: configs.collect(),
    }
}

fn show(config: DescribedConfig, terms: Terms) -> DescribeConfigsResourceResult {
    let synonyms = config.synonyms.into_iter().filter(|_| terms.synonyms);
    DescribeConfigsResourceResult {
        name: Str::from_static(config.name),
        value: config.value.filter(|_| !config.sensitive).map(Str::from),
        read_only: config.read_only,
        config_source: config.source.kafka_number(),
        is_sensitive: config.sensitive,
        synonyms: synonyms
            .map(|synonym| DescribeConfigsSynonym {
                name: Str::from_static(synonym.name),
                value: synonym.value.filter(|_| !config.sensitive).map(Str::from),
                source: synonym.source.kafka_number(),
            })
            .collect(),
        config_type: config.value_type.kafka_number(),
        documentation: terms.documentation.then(|| Str::from_static(config.documentation)),
    }
}
