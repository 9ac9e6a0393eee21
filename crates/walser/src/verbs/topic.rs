//! `walser topic create|list|describe|alter|delete`; producing and consuming have files of their own.
//!
//! Wherever a topic is shown, so is its durability: what an acknowledgement means depends on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::config::acknowledgement;
use client::{
    Admin, Cluster, ConfigChange, ConfigResource, Isolation, NewTopic, OffsetSpec, Topic,
    TopicPartition,
};
use serde_json::{Value, json};
use wire::ErrorCode;

use super::{config, connect, consume, produce};
use crate::cli::{
    AlterTopicArgs, CreateTopicArgs, DeleteTopicsArgs, DescribeTopicsArgs, ListTopicsArgs,
    OutputFormat, TopicVerb,
};
use crate::failure::Failure;
use crate::output::{self, Rows};

pub(crate) async fn run(verb: TopicVerb) -> Result<(), Failure> {
    match verb {
        TopicVerb::Create(args) => create(&args).await,
        TopicVerb::List(args) => list(&args).await,
        TopicVerb::Describe(args) => describe(&args).await,
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

async fn describe(args: &DescribeTopicsArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let mut failures = Vec::new();
    let mut documents = Vec::new();
    for name in &args.names {
        match describe_one(&cluster, name).await {
            Ok(description) => match args.remote.output {
                OutputFormat::Json => documents.push(description.json()),
                OutputFormat::Table => output::print(&description.text())?,
            },
            Err(failure) => failures.push(failure),
        }
    }
    if args.remote.output == OutputFormat::Json {
        output::print_json(&Value::Array(documents))?;
    }
    Failure::all(failures)
}

struct Description {
    topic: Arc<Topic>,
    durability: Option<String>,
    /// What follows from it and its bounds.
    acknowledged: Option<String>,
    /// What is set on the topic itself.
    settings: BTreeMap<String, String>,
    partitions: Rows,
}

async fn describe_one(cluster: &Cluster, name: &str) -> Result<Description, Failure> {
    let admin = Admin::new(cluster);
    let topic = admin.describe_topic(name).await?;
    let entries = admin.describe_configs(&ConfigResource::topic(name), None, false).await?;
    let value = |key: &str| entries.iter().find(|e| e.name == key).and_then(|e| e.value.clone());
    let durability = value("durability");
    let bound = |key: &str| value(key).unwrap_or_default();
    let acknowledged = durability
        .as_deref()
        .and_then(|how| acknowledgement(how, &bound("flush.messages"), &bound("flush.ms")));
    let places: Vec<TopicPartition> =
        topic.partitions.iter().map(|p| TopicPartition::new(name, p.id)).collect();
    let starts = offsets(&admin, &places, OffsetSpec::Earliest).await?;
    let ends = offsets(&admin, &places, OffsetSpec::Latest).await?;
    let columns = &["partition", "leader", "replicas", "in sync", "start", "end", "records"];
    let mut partitions = Rows::new(columns);
    for ((partition, start), end) in topic.partitions.iter().zip(starts).zip(ends) {
        partitions.push([
            json!(partition.id),
            json!(partition.leader),
            json!(partition.replicas),
            json!(partition.isr),
            json!(start),
            json!(end),
            json!(start.zip(end).map(|(start, end)| end - start)),
        ]);
    }
    // Source 1 is the topic itself.
    let own = entries.iter().filter(|entry| entry.source == 1);
    let settings = own.map(|e| (e.name.clone(), e.value.clone().unwrap_or_default())).collect();
    Ok(Description { topic, durability, acknowledged, settings, partitions })
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

impl Description {
    fn json(&self) -> Value {
        json!({
            "name": *self.topic.name,
            "id": self.topic.id.map(log::names::id_text),
            "internal": self.topic.is_internal,
            "durability": self.durability,
            "acknowledged": self.acknowledged,
            "settings": self.settings,
            "partitions": self.partitions.json(),
        })
    }

    fn text(&self) -> String {
        let mut text = format!("topic       {}\n", self.topic.name);
        if let Some(id) = self.topic.id {
            text.push_str(&format!("id          {}\n", log::names::id_text(id)));
        }
        if let Some(durability) = &self.durability {
            text.push_str(&format!("durability  {durability}\n"));
        }
        if let Some(acknowledged) = &self.acknowledged {
            text.push_str(&format!("acks        {acknowledged}\n"));
        }
        let settings: Vec<String> = self.settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let settings = if settings.is_empty() { "all default".into() } else { settings.join(" ") };
        text.push_str(&format!("settings    {settings}\n"));
        text.push_str(&format!("\n{}\n", self.partitions.table()));
        text
    }
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
