//! `walser topic describe`: what a topic is, and how each of its partitions is.
//!
//! It waits for no partition: one that cannot be asked is shown as offline, with what the cluster says
//! about why. Metadata tells that there is no leader or that a copy is offline, ListOffsets that a log cannot be
//! read, DescribeLogDirs which directory it is. Damaged ranges are in no answer of the protocol, so they
//! are not here; `walser dump` shows them on the broker's machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::config::acknowledgement;
use client::{
    Admin, ClientError, Cluster, ConfigResource, Isolation, LogDir, OffsetSpec, Partition, Topic,
    TopicPartition,
};
use serde_json::{Value, json};

use super::connect;
use crate::cli::{DescribeTopicsArgs, OutputFormat};
use crate::failure::Failure;
use crate::output::{self, Rows};

pub(super) async fn run(args: &DescribeTopicsArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let mut failures = Vec::new();
    let mut documents = Vec::new();
    for name in &args.names {
        match describe(&cluster, name).await {
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
    /// Why partitions are not online, by their number.
    reasons: Vec<(i32, String)>,
}

/// How it stands with a partition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Online,
    /// It is read, but takes no records.
    ReadOnly,
    Offline,
}

impl State {
    const fn text(self) -> &'static str {
        match self {
            State::Online => "online",
            State::ReadOnly => "read only",
            State::Offline => "offline",
        }
    }
}

async fn describe(cluster: &Cluster, name: &str) -> Result<Description, Failure> {
    let admin = Admin::new(cluster);
    let topic = admin.describe_topic(name).await?;
    let entries = admin.describe_configs(&ConfigResource::topic(name), None, false).await?;
    let value = |key: &str| entries.iter().find(|e| e.name == key).and_then(|e| e.value.clone());
    let durability = value("durability");
    let bound = |key: &str| value(key).unwrap_or_default();
    let acknowledged = durability
        .as_deref()
        .and_then(|how| acknowledgement(how, &bound("flush.messages"), &bound("flush.ms")));
    let starts = offsets(&admin, &topic, OffsetSpec::Earliest).await;
    let ends = offsets(&admin, &topic, OffsetSpec::Latest).await;
    let columns =
        &["partition", "state", "leader", "replicas", "in sync", "start", "end", "records"];
    let mut partitions = Rows::new(columns);
    let mut unwell = Vec::new();
    for ((partition, start), end) in topic.partitions.iter().zip(starts).zip(ends) {
        let (state, refusal) = match (start.as_ref().err(), partition.leader) {
            (Some(error), _) => (State::Offline, Some(error.clone())),
            (None, Some(leader)) if partition.offline.contains(&leader) => (State::ReadOnly, None),
            (None, _) => (State::Online, None),
        };
        if state != State::Online {
            unwell.push((partition, state, refusal));
        }
        let (start, end) = (start.ok().flatten(), end.ok().flatten());
        partitions.push([
            json!(partition.id),
            json!(state.text()),
            json!(partition.leader),
            json!(partition.replicas),
            json!(partition.isr),
            json!(start),
            json!(end),
            json!(start.zip(end).map(|(start, end)| end - start)),
        ]);
    }
    // A broker that cannot be asked is a reason less, and no reason to say nothing.
    let dirs = match unwell.is_empty() {
        true => Vec::new(),
        false => admin.log_dirs().await.unwrap_or_default(),
    };
    let reason = |(partition, state, refusal): (&Partition, State, Option<ClientError>)| {
        (partition.id, reason(&topic, partition, state, refusal.as_ref(), &dirs))
    };
    let reasons = unwell.into_iter().map(reason).collect();
    // Source 1 is the topic itself.
    let own = entries.iter().filter(|entry| entry.source == 1);
    let settings = own.map(|e| (e.name.clone(), e.value.clone().unwrap_or_default())).collect();
    Ok(Description { topic, durability, acknowledged, settings, partitions, reasons })
}

/// An offset of each partition, or why it cannot be had.
async fn offsets(
    admin: &Admin,
    topic: &Topic,
    spec: OffsetSpec,
) -> Vec<Result<Option<i64>, ClientError>> {
    let place = |partition: &Partition| TopicPartition::new(topic.name.clone(), partition.id);
    let wanted: Vec<_> = topic.partitions.iter().map(|p| (place(p), spec)).collect();
    let found = admin.list_offsets_now(Isolation::ReadUncommitted, &wanted).await;
    found.into_iter().map(|listed| Ok(listed?.offset.map(|offset| offset.0))).collect()
}

/// What is known of why a partition is not online.
fn reason(
    topic: &Topic,
    partition: &Partition,
    state: State,
    refusal: Option<&ClientError>,
    dirs: &[LogDir],
) -> String {
    let ours = |dir: &&LogDir| dir.error.is_some() && partition.replicas.contains(&dir.broker);
    let holds = |dir: &LogDir| {
        let is_it =
            |place: &TopicPartition| place.topic == topic.name && place.partition == partition.id;
        dir.replicas.iter().any(|replica| is_it(&replica.place))
    };
    // A directory that failed while running still tells what is in it, a missing one does not.
    let failed: Vec<&LogDir> = dirs.iter().filter(ours).collect();
    let known = failed.iter().filter(|dir| holds(dir)).copied().collect::<Vec<_>>();
    let missing = failed.iter().filter(|dir| dir.replicas.is_empty()).copied().collect::<Vec<_>>();
    let named = if known.is_empty() { missing } else { known };
    let paths: Vec<String> =
        named.iter().map(|dir| format!("{} of broker {}", dir.path, dir.broker)).collect();
    let what = match state {
        State::ReadOnly => "it takes no records until the broker is restarted",
        State::Offline | State::Online => "it can be neither read nor written",
    };
    if paths.is_empty() {
        let said = refusal.map(|error| format!(": {error}")).unwrap_or_default();
        return format!("{what}{said}");
    }
    let verb = if let [_] = paths.as_slice() { "failed" } else { "failed, one of which has it" };
    format!(
        "{what}: log directory {} {verb}; the broker's log says why, and how to come back",
        paths.join(", ")
    )
}

impl Description {
    fn json(&self) -> Value {
        let reason = |(partition, reason): &(i32, String)| json!({ "partition": partition, "reason": reason });
        json!({
            "name": *self.topic.name,
            "id": self.topic.id.map(log::names::id_text),
            "internal": self.topic.is_internal,
            "durability": self.durability,
            "acknowledged": self.acknowledged,
            "settings": self.settings,
            "partitions": self.partitions.json(),
            "problems": self.reasons.iter().map(reason).collect::<Vec<_>>(),
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
        for (partition, reason) in &self.reasons {
            text.push_str(&format!("partition {partition}: {reason}\n"));
        }
        text
    }
}
