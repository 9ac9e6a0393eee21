//! `walser config list|explain`: the registry of settings, and what a broker says they are.

use std::collections::BTreeMap;

use broker::config::{self, ConfigKey, Scope, Update};
use client::{ClientError, Cluster};
use serde_json::{Value, json};
use wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use wire::{ErrorCode, Str};

use super::connect;
use crate::cli::{ConfigVerb, ExplainArgs, ListKeysArgs, OutputFormat, ResourceArgs};
use crate::failure::Failure;
use crate::output::{self, Rows};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// The topic settings that say together what an acknowledgement means.
const ACKNOWLEDGING: [&str; 3] = ["durability", "flush.messages", "flush.ms"];

pub(crate) async fn run(verb: ConfigVerb) -> Result<(), Failure> {
    match verb {
        ConfigVerb::List(args) => list(&args).await,
        ConfigVerb::Explain(args) => explain(&args).await,
    }
}

async fn list(args: &ListKeysArgs) -> Result<(), Failure> {
    let Some((kind, name)) = resource(&args.resource) else {
        let mut rows = Rows::new(&["setting", "scope", "type", "default", "change"]);
        for key in [Scope::Broker, Scope::Topic].into_iter().flat_map(Scope::keys) {
            rows.push([
                json!(key.name),
                json!(key.scope.name()),
                json!(key.value_type.name()),
                json!(default_text(key)),
                json!(update_text(key)),
            ]);
        }
        return Ok(rows.print(args.remote.output)?);
    };
    let cluster = connect(&args.remote).await?;
    let found = ask(&cluster, kind, &[&name], None).await?;
    let mut rows = Rows::new(&["setting", "value", "from"]);
    for entry in found.into_iter().flat_map(|(_, entries)| entries) {
        rows.push([
            json!(*entry.name),
            json!(entry.value.as_deref()),
            json!(source_text(entry.config_source)),
        ]);
    }
    Ok(rows.print(args.remote.output)?)
}

async fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let rows = config::rows(&args.key).map_err(|error| Failure::not_found(error.to_string()))?;
    let mut acknowledged = None;
    let live = match resource(&args.resource) {
        None => None,
        Some((kind, name)) => {
            let cluster = connect(&args.remote).await?;
            if kind == TOPIC && ACKNOWLEDGING.contains(&args.key.as_str()) {
                acknowledged = acknowledged_text(&cluster, &name).await?;
            }
            let found = ask(&cluster, kind, &[&name], Some(&args.key)).await?;
            let entry = found.into_iter().flat_map(|(_, entries)| entries).next();
            let entry = entry.ok_or_else(|| {
                Failure::not_found(format!("the broker has no setting '{}' there", args.key))
            })?;
            Some(entry)
        }
    };
    match args.remote.output {
        OutputFormat::Json => {
            let mut documents: Vec<Value> = rows.iter().map(|key| key_json(key)).collect();
            if let (Some(entry), [document]) = (&live, documents.as_mut_slice()) {
                document["value"] = json!(entry.value.as_deref());
                document["from"] = json!(source_text(entry.config_source));
                if let Some(acknowledged) = &acknowledged {
                    document["acknowledged"] = json!(acknowledged);
                }
            }
            Ok(output::print_json(&Value::Array(documents))?)
        }
        OutputFormat::Table => {
            let mut text: Vec<String> = rows.iter().map(|key| key_text(key)).collect();
            text.extend(live.as_ref().map(live_text));
            text.extend(acknowledged.map(|how| format!("records are acknowledged {how}\n")));
            Ok(output::print(&text.join("\n"))?)
        }
    }
}

/// What an acknowledgement says about a record of this topic.
async fn acknowledged_text(cluster: &Cluster, topic: &str) -> Result<Option<String>, Failure> {
    let mut values = Vec::new();
    for key in ACKNOWLEDGING {
        let found = topic_values(cluster, &[topic], key).await?;
        values.push(found.into_values().next().unwrap_or_default());
    }
    Ok(match values.as_slice() {
        [durability, messages, ms] => config::acknowledgement(durability, messages, ms),
        _ => None,
    })
}

fn resource(args: &ResourceArgs) -> Option<(i8, String)> {
    match (&args.topic, args.broker) {
        (Some(topic), _) => Some((TOPIC, topic.clone())),
        (None, Some(id)) => Some((BROKER, id.to_string())),
        (None, None) => None,
    }
}

/// The value of one setting of many topics in one request; topics that have none are left out.
pub(super) async fn topic_values(
    cluster: &Cluster,
    topics: &[&str],
    key: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let found = ask(cluster, TOPIC, topics, Some(key)).await?;
    let value = |entries: Vec<DescribeConfigsResourceResult>| {
        entries.into_iter().next().and_then(|entry| entry.value).map(String::from)
    };
    Ok(found.into_iter().filter_map(|(name, entries)| Some((name, value(entries)?))).collect())
}

/// Settings of resources with their synonyms; with one resource a refusal is an error.
async fn ask(
    cluster: &Cluster,
    kind: i8,
    names: &[&str],
    key: Option<&str>,
) -> Result<Vec<(String, Vec<DescribeConfigsResourceResult>)>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let resource = |name: &&str| DescribeConfigsResource {
        resource_type: kind,
        resource_name: Str::from(*name),
        configuration_keys: key.map(|key| vec![Str::from(key)]),
    };
    let request = DescribeConfigsRequest {
        resources: names.iter().map(resource).collect(),
        include_synonyms: true,
        include_documentation: false,
    };
    // A broker answers for itself; an unknown number is refused by whoever is asked.
    let connection = match names.first().filter(|_| kind == BROKER).and_then(|id| id.parse().ok()) {
        Some(id) => cluster.node(id).await.map_err(|error| match error {
            ClientError::UnknownNode { .. } => Failure::not_found(format!(
                "there is no broker with the number {id}; leave out --broker for all settings"
            )),
            other => other.into(),
        })?,
        None => cluster.any().await?,
    };
    let response = connection.send(&request).await?;
    let mut found = Vec::new();
    for result in response.results {
        match ErrorCode::from_wire(result.error_code) {
            ErrorCode::None => found.push((result.resource_name.to_string(), result.configs)),
            // Of many, one may have been deleted in between.
            _ if names.len() > 1 => {}
            ErrorCode::UnknownTopicOrPartition => {
                let topic = result.resource_name.to_string();
                return Err(ClientError::UnknownTopic { topic }.into());
            }
            code => {
                return Err(ClientError::Broker {
                    api: "DescribeConfigs",
                    subject: result.resource_name.to_string(),
                    code,
                    message: result.error_message.map(String::from),
                }
                .into());
            }
        }
    }
    Ok(found)
}

/// Where a value comes from, by the protocol's numbers.
fn source_text(source: i8) -> &'static str {
    match source {
        1 => "topic",
        2 => "this broker, at run time",
        3 => "all brokers, at run time",
        4 => "file, environment or flag",
        5 => "default",
        _ => "unknown",
    }
}

fn default_text(key: &ConfigKey) -> Option<String> {
    match key.scope {
        Scope::Broker => key.default.map(str::to_owned),
        Scope::Topic => {
            let names: Vec<&str> = key.synonyms.iter().map(|synonym| synonym.name).collect();
            Some(format!("broker's {}", names.join(" or ")))
        }
    }
}

fn update_text(key: &ConfigKey) -> &'static str {
    match key.update {
        Update::Live => "live",
        Update::Restart => "at start",
    }
}

fn key_json(key: &ConfigKey) -> Value {
    json!({
        "setting": key.name,
        "scope": key.scope.name(),
        "type": key.value_type.name(),
        "default": key.default,
        "default_from": key.synonyms.iter().map(|synonym| synonym.name).collect::<Vec<_>>(),
        "values": key.valid_words(),
        "change": update_text(key),
        "importance": key.importance.name(),
        "environment": key.variable(),
        "differs_from_kafka": key.differs,
        "documentation": key.doc,
    })
}

fn key_text(key: &ConfigKey) -> String {
    let mut lines = vec![
        format!("{} ({} setting)", key.name, key.scope.name()),
        format!("  {}", key.doc),
        format!("  type         {}: {}", key.value_type.name(), key.valid_words()),
        format!("  default      {}", default_text(key).as_deref().unwrap_or("none")),
        format!("  change       {}", update_text(key)),
        format!("  importance   {}", key.importance.name()),
    ];
    lines.extend(key.variable().map(|variable| format!("  environment  {variable}")));
    lines.extend(key.differs.map(|how| format!("  differs      {how}")));
    lines.push(String::new());
    lines.join("\n")
}

fn live_text(entry: &DescribeConfigsResourceResult) -> String {
    let mut text = format!(
        "is {} ({})\n",
        entry.value.as_deref().unwrap_or("not shown"),
        source_text(entry.config_source)
    );
    for synonym in &entry.synonyms {
        text.push_str(&format!(
            "  {}={} ({})\n",
            synonym.name,
            synonym.value.as_deref().unwrap_or("not shown"),
            source_text(synonym.source)
        ));
    }
    text
}
