//! `walser topic create|list|alter|delete`; describing, producing and consuming have files of their own.
//!
//! Wherever a topic is shown, so is its durability: what an acknowledgement means depends on it.

mod describe;

use std::collections::BTreeMap;
use std::sync::Arc;

use client::{
    Admin, Cluster, ConfigChange, ConfigResource, Isolation, NewTopic, OffsetSpec, Topic,
    TopicPartition,
};
use serde_json::json;
use wire::ErrorCode;

use super::{config, connect, consume, produce};
use crate::cli::{
    AlterTopicArgs, CreateTopicArgs, DeleteTopicsArgs, ListTopicsArgs, OutputFormat, TopicVerb,
};
use crate::failure::Failure;
use crate::output::{self, Rows};

pub(crate) async fn run(verb: TopicVerb) -> Result<(), Failure> {
    match verb {
        TopicVerb::Create(args) => create(&args).await,
        TopicVerb::List(args) => list(&args).await,
        TopicVerb::Describe(args) => describe::run(&args).await,
        TopicVerb::Alter(args) => alter(&args).await,
        TopicVerb::Delete(args) => delete(&args).await,
        TopicVerb::Produce(args) => produce::run(&args).await,
        TopicVerb::Consume(args) => consume::run(&args).await,
    }
}

async fn create(args: &CreateTopicArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let admin = Admin::new(&cluster);
    let topic = NewTopic {
        name: args.name.clone(),
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        configs: args.config.iter().map(|c| (c.key.clone(), c.value.clone())).collect(),
    };
    let was_new = match admin.create_topic(&topic, false).await {
        Ok(_) => true,
        Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {
            if !args.if_not_exists {
                return Err(Failure::failed(format!(
                    "there is a topic '{}' already; see it with 'walser topic describe {0}', or \
                     give --if-not-exists",
                    args.name
                )));
            }
            false
        }
        Err(error) => return Err(error.into()),
    };
    let found = admin.describe_topic(&args.name).await?;
    let durability = durabilities(&cluster, std::slice::from_ref(&found)).await?;
    let durability = durability.get(&args.name);
    match args.remote.output {
        OutputFormat::Json => output::print_json(&json!({
            "name": args.name,
            "id": found.id.map(log::names::id_text),
            "created": was_new,
            "partitions": found.partitions.len(),
            "replication_factor": replication_factor(&found),
            "durability": durability,
        }))?,
        OutputFormat::Table => {
            let count = found.partitions.len();
            let partitions = if count == 1 { "partition" } else { "partitions" };
            let durability = durability.map(|d| format!(", durability {d}")).unwrap_or_default();
            let verb = if was_new { "created" } else { "found" };
            let name = &args.name;
            output::print(&format!("{verb} topic {name} with {count} {partitions}{durability}\n"))?;
        }
    }
    Ok(())
}

async fn list(args: &ListTopicsArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let mut topics = Admin::new(&cluster).list_topics().await?;
    topics.retain(|topic| args.internal || !topic.is_internal);
    let durability = durabilities(&cluster, &topics).await?;
    let mut rows =
        Rows::new(&["name", "partitions", "replication factor", "durability", "internal"]);
    for topic in &topics {
        rows.push([
            json!(*topic.name),
            json!(topic.partitions.len()),
            json!(replication_factor(topic)),
            json!(durability.get(&*topic.name)),
            json!(topic.is_internal),
        ]);
    }
    if rows.is_empty() && args.remote.output == OutputFormat::Table {
        eprintln!("there are no topics; create one with 'walser topic create NAME'");
        return Ok(());
    }
    Ok(rows.print(args.remote.output)?)
}

/// One offset for each place, none where there is no such record.
pub(super) async fn offsets(
    admin: &Admin,
    places: &[TopicPartition],
    spec: OffsetSpec,
) -> Result<Vec<Option<i64>>, Failure> {
    let wanted: Vec<_> = places.iter().map(|place| (place.clone(), spec)).collect();
    let found = admin.list_offsets(Isolation::ReadUncommitted, &wanted).await?;
    Ok(found.into_iter().map(|listed| listed.offset.map(|offset| offset.0)).collect())
}

async fn alter(args: &AlterTopicArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let admin = Admin::new(&cluster);
    let name = &args.name;
    let topic = admin.describe_topic(name).await?;
    let mut done = Vec::new();
    let mut changes: Vec<(&str, ConfigChange)> = Vec::new();
    for assignment in &args.config {
        changes.push((&assignment.key, ConfigChange::Set(assignment.value.clone())));
        done.push(format!("{}={}", assignment.key, assignment.value));
    }
    for key in &args.unset {
        changes.push((key, ConfigChange::Delete));
        done.push(format!("{key} back to its default"));
    }
    // Settings first: they are checked whole, and a wrong one leaves everything as it was.
    if !changes.is_empty() {
        admin.alter_configs(&ConfigResource::topic(name.as_str()), &changes, false).await?;
    }
    if let Some(total) = args.partitions {
        let has = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        if total != has {
            admin.create_partitions(name, total).await?;
        }
        done.push(format!("{total} partitions"));
    }
    match args.remote.output {
        OutputFormat::Json => output::print_json(&json!({ "name": name, "changed": done }))?,
        OutputFormat::Table => {
            output::print(&format!("changed topic {name}: {}\n", done.join(", ")))?;
        }
    }
    Ok(())
}

async fn delete(args: &DeleteTopicsArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let admin = Admin::new(&cluster);
    let mut deleted = Vec::new();
    let mut failures = Vec::new();
    for name in &args.names {
        match admin.delete_topic(name).await {
            Ok(()) => deleted.push(name.as_str()),
            Err(error) => failures.push(error.into()),
        }
    }
    print_deleted("topic", &deleted, args.remote.output)?;
    Failure::all(failures)
}

/// Says what was deleted.
pub(super) fn print_deleted(
    kind: &str,
    names: &[&str],
    format: OutputFormat,
) -> std::io::Result<()> {
    match format {
        OutputFormat::Json => output::print_json(&json!({ "deleted": names })),
        OutputFormat::Table => {
            let lines: Vec<String> =
                names.iter().map(|name| format!("deleted {kind} {name}\n")).collect();
            output::print(&lines.concat())
        }
    }
}

fn replication_factor(topic: &Topic) -> usize {
    topic.partitions.first().map_or(0, |partition| partition.replicas.len())
}

/// The durability of each topic; brokers that do not know the setting say nothing.
async fn durabilities(
    cluster: &Cluster,
    topics: &[Arc<Topic>],
) -> Result<BTreeMap<String, String>, Failure> {
    let names: Vec<&str> = topics.iter().map(|topic| &*topic.name).collect();
    config::topic_values(cluster, &names, "durability").await
}
