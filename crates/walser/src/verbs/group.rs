//! `walser group list|describe|seek|delete`.

use std::collections::{BTreeMap, BTreeSet};

use client::{Admin, Cluster, GroupDescription, Isolation, OffsetSpec, TopicPartition};
use env::Env;
use records::{Offset, Timestamp};
use serde_json::{Value, json};
use wire::ErrorCode;

use super::connect;
use super::topic::{offsets, print_deleted};
use crate::cli::{
    DeleteGroupsArgs, DescribeGroupsArgs, GroupVerb, ListGroupsArgs, OutputFormat, Position,
    SeekArgs,
};
use crate::failure::Failure;
use crate::output::{self, Rows};

pub(crate) async fn run(verb: GroupVerb) -> Result<(), Failure> {
    match verb {
        GroupVerb::List(args) => list(&args).await,
        GroupVerb::Describe(args) => describe(&args).await,
        GroupVerb::Seek(args) => seek(&args).await,
        GroupVerb::Delete(args) => delete(&args).await,
    }
}

async fn list(args: &ListGroupsArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let mut rows = Rows::new(&["name", "state", "kind", "protocol type", "coordinator"]);
    for group in Admin::new(&cluster).list_groups().await? {
        rows.push([
            json!(group.id),
            json!(group.state),
            json!(group.kind),
            json!(group.protocol_type),
            json!(group.coordinator),
        ]);
    }
    if rows.is_empty() && args.remote.output == OutputFormat::Table {
        eprintln!("there are no groups; one begins with 'walser topic consume TOPIC --group NAME'");
        return Ok(());
    }
    Ok(rows.print(args.remote.output)?)
}

async fn describe(args: &DescribeGroupsArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let mut failures = Vec::new();
    let mut documents = Vec::new();
    for name in &args.names {
        match describe_one(&cluster, name).await {
            Ok((group, members, offsets)) => match args.remote.output {
                OutputFormat::Json => documents.push(json!({
                    "name": group.id,
                    "state": group.state,
                    "protocol_type": group.protocol_type,
                    "protocol": group.protocol,
                    "members": members.json(),
                    "offsets": offsets.json(),
                })),
                OutputFormat::Table => output::print(&group_text(&group, &members, &offsets))?,
            },
            Err(failure) => failures.push(failure),
        }
    }
    if args.remote.output == OutputFormat::Json {
        output::print_json(&Value::Array(documents))?;
    }
    Failure::all(failures)
}

fn group_text(group: &GroupDescription, members: &Rows, offsets: &Rows) -> String {
    let mut text = format!("group     {}\nstate     {}\n", group.id, group.state);
    if !group.protocol.is_empty() {
        text.push_str(&format!("protocol  {}\n", group.protocol));
    }
    if !members.is_empty() {
        text.push_str(&format!("\n{}", members.table()));
    }
    if !offsets.is_empty() {
        text.push_str(&format!("\n{}", offsets.table()));
    }
    text.push('\n');
    text
}

async fn describe_one(
    cluster: &Cluster,
    name: &str,
) -> Result<(GroupDescription, Rows, Rows), Failure> {
    let admin = Admin::new(cluster);
    let group = admin.describe_group(name).await.map_err(|error| unknown(name, error.into()))?;
    let mut members = Rows::new(&["member", "instance", "client", "host", "partitions"]);
    let mut owners: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    for member in &group.members {
        let partitions: Vec<String> = member.partitions.iter().map(ToString::to_string).collect();
        members.push([
            json!(member.id),
            json!(member.instance_id),
            json!(member.client_id),
            json!(member.host),
            json!(partitions),
        ]);
        owners.extend(member.partitions.iter().map(|place| (place, member.id.as_str())));
    }
    let committed: BTreeMap<TopicPartition, i64> = admin
        .group_offsets(name, None)
        .await?
        .into_iter()
        .map(|committed| (committed.place, committed.offset.0))
        .collect();
    let places: BTreeSet<&TopicPartition> =
        committed.keys().chain(owners.keys().copied()).collect();
    let mut rows = Rows::new(&["topic", "partition", "committed", "end", "lag", "member"]);
    for place in places {
        // A topic may be gone while its offsets are still there.
        let end = offsets(&admin, std::slice::from_ref(place), OffsetSpec::Latest).await;
        let end = end.ok().and_then(|ends| ends.first().copied().flatten());
        let at = committed.get(place).copied();
        rows.push([
            json!(*place.topic),
            json!(place.partition),
            json!(at),
            json!(end),
            json!(at.zip(end).map(|(at, end)| (end - at).max(0))),
            json!(owners.get(place)),
        ]);
    }
    drop(owners);
    Ok((group, members, rows))
}

fn unknown(name: &str, failure: Failure) -> Failure {
    match failure.meaning {
        crate::failure::ExitMeaning::NotFound => Failure::not_found(format!(
            "there is no group '{name}'; see which there are with 'walser group list'"
        )),
        _ => failure,
    }
}

async fn seek(args: &SeekArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let admin = Admin::new(&cluster);
    match admin.describe_group(&args.group).await {
        Ok(group) if !group.members.is_empty() => {
            return Err(Failure::failed(format!(
                "group '{}' has {} members that would go on from where they are; stop them first",
                args.group,
                group.members.len()
            )));
        }
        Ok(_) => {}
        // A group begins with its first offset.
        Err(error)
            if error.code() == Some(ErrorCode::GroupIdNotFound) && !args.targets.is_empty() => {}
        Err(error) => return Err(unknown(&args.group, error.into())),
    }
    let before: BTreeMap<TopicPartition, i64> = admin
        .group_offsets(&args.group, None)
        .await?
        .into_iter()
        .map(|committed| (committed.place, committed.offset.0))
        .collect();
    let places = targets(args, &cluster, &before).await?;
    let to = positions(args, &admin, &places).await?;
    let mut rows = Rows::new(&["topic", "partition", "from", "to"]);
    for (place, offset) in &to {
        let from = before.get(place);
        rows.push([json!(*place.topic), json!(place.partition), json!(from), json!(offset.0)]);
    }
    if !args.dry_run {
        admin.set_group_offsets(&args.group, &to).await?;
    }
    rows.print(args.remote.output)?;
    if args.dry_run {
        eprintln!("nothing was changed: --dry-run");
    }
    Ok(())
}

async fn targets(
    args: &SeekArgs,
    cluster: &Cluster,
    before: &BTreeMap<TopicPartition, i64>,
) -> Result<Vec<TopicPartition>, Failure> {
    if args.targets.is_empty() {
        if before.is_empty() {
            return Err(Failure::not_found(format!(
                "group '{}' has read nothing yet; name the topics to set it on",
                args.group
            )));
        }
        return Ok(before.keys().cloned().collect());
    }
    let mut places = BTreeSet::new();
    for target in &args.targets {
        let topic = cluster.topic(&target.topic).await?;
        match target.partition {
            None => places.extend(
                topic.partitions.iter().map(|p| TopicPartition::new(topic.name.clone(), p.id)),
            ),
            Some(partition) if topic.partition(partition).is_some() => {
                places.insert(TopicPartition::new(topic.name.clone(), partition));
            }
            Some(partition) => {
                let (topic, count) = (target.topic.clone(), topic.partitions.len());
                return Err(
                    client::ClientError::UnknownPartition { topic, partition, count }.into()
                );
            }
        }
    }
    Ok(places.into_iter().collect())
}

/// Where to, for each place, never outside of what the partition holds.
async fn positions(
    args: &SeekArgs,
    admin: &Admin,
    places: &[TopicPartition],
) -> Result<Vec<(TopicPartition, Offset)>, Failure> {
    let now = Env::system().clock.wall_ms();
    let starts = offsets(admin, places, OffsetSpec::Earliest).await?;
    let ends = offsets(admin, places, OffsetSpec::Latest).await?;
    let by_time = match args.to.timestamp_ms(now) {
        None => vec![None; places.len()],
        Some(ms) => {
            let spec = OffsetSpec::At(Timestamp(ms));
            let wanted: Vec<_> = places.iter().map(|place| (place.clone(), spec)).collect();
            let found = admin.list_offsets(Isolation::ReadUncommitted, &wanted).await?;
            found.into_iter().map(|listed| listed.offset.map(|offset| offset.0)).collect()
        }
    };
    let bounds = starts.into_iter().zip(ends).zip(by_time);
    let place_and_offset = |(place, ((start, end), at)): (&TopicPartition, _)| {
        let (start, end): (Option<i64>, Option<i64>) = (start, end);
        let (start, end, at): (i64, i64, Option<i64>) = (start.unwrap_or(0), end.unwrap_or(0), at);
        let wanted = match args.to {
            Position::Start => start,
            Position::End => end,
            Position::Offset(offset) => offset,
            // A time after the last record is the end.
            Position::Time(_) | Position::Ago(_) => at.unwrap_or(end),
        };
        let inside = wanted.min(end).max(start);
        if inside != wanted {
            eprintln!(
                "{place} holds offsets {start} to {end}: set to {inside} instead of {wanted}"
            );
        }
        (place.clone(), Offset(inside))
    };
    Ok(places.iter().zip(bounds).map(place_and_offset).collect())
}

async fn delete(args: &DeleteGroupsArgs) -> Result<(), Failure> {
    let cluster = connect(&args.remote).await?;
    let admin = Admin::new(&cluster);
    let mut deleted = Vec::new();
    let mut failures = Vec::new();
    for name in &args.names {
        match admin.delete_group(name).await {
            Ok(()) => deleted.push(name.as_str()),
            Err(error) if error.code() == Some(ErrorCode::NonEmptyGroup) => {
                failures.push(Failure::failed(format!(
                    "group '{name}' has members: stop them first; 'walser group describe {name}' \
                     names them"
                )));
            }
            Err(error) => failures.push(unknown(name, error.into())),
        }
    }
    print_deleted("group", &deleted, args.remote.output)?;
    Failure::all(failures)
}
