//! Replies and records in one line each, for the scenarios.

use super::subscription;
use crate::reply::{FetchedTopic, Joined, TopicResult};
use crate::schema::{self, GroupMetadata, Key};
use crate::{CommittedOffset, CoordinatorRecord, GroupError, GroupReply};
use records::{LeaderEpoch, Timestamp};
use std::fmt::Display;

/// Shortens generated member ids: `c-00000000-0000-4000-8000-000000000007` becomes `c#7`.
pub(super) fn short(text: &str) -> String {
    const UUID: &str = "-00000000-0000-4000-8000-";
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(UUID) {
        let (number, left) = after.split_at(12);
        out.push_str(before);
        out.push('#');
        out.push_str(number.trim_start_matches('0'));
        rest = left;
    }
    out + rest
}

/// The reverse of [`short`], for one id.
pub(super) fn long(id: &str) -> String {
    match id.split_once('#') {
        Some((prefix, number)) => format!("{prefix}-00000000-0000-4000-8000-{number:0>12}"),
        None => id.to_owned(),
    }
}

fn list<T>(items: impl IntoIterator<Item = T>, show: impl Fn(T) -> String) -> String {
    format!("[{}]", items.into_iter().map(show).collect::<Vec<_>>().join(" "))
}

fn option(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn outcome(error: Option<GroupError>) -> String {
    error.map_or_else(|| "ok".to_owned(), |error| format!("{error:?}"))
}

/// Metadata as topics if it is a subscription, else as text.
fn metadata(bytes: &[u8]) -> String {
    match schema::subscribed_topics(bytes) {
        Ok(topics) if bytes == subscription(&topics) => topics.join(","),
        _ => format!("{:?}", String::from_utf8_lossy(bytes)),
    }
}

fn joined(joined: &Joined) -> String {
    let mut line = format!(
        "generation={} type={} protocol={} leader={} member={}",
        joined.generation,
        option(joined.protocol_type.as_deref()),
        option(joined.protocol_name.as_deref()),
        joined.leader,
        joined.member_id,
    );
    if !joined.members.is_empty() {
        line += " members=";
        line += &list(&joined.members, |m| {
            let instance = m.instance_id.as_ref().map_or_else(String::new, |id| format!("/{id}"));
            format!("{}{instance}:{}", m.member_id, metadata(&m.metadata))
        });
    }
    if joined.skip_assignment {
        line += " skip-assignment";
    }
    line
}

fn topics(topics: &[TopicResult]) -> String {
    list(topics.iter().flat_map(|t| t.partitions.iter().map(move |p| (t, p))), |(t, p)| {
        format!("{}:{} {}", t.topic, p.partition, outcome(p.error))
    })
}

fn offset(offset: &CommittedOffset) -> String {
    let mut line = offset.offset.to_string();
    if offset.leader_epoch != LeaderEpoch::NONE {
        line += &format!(" epoch={}", offset.leader_epoch);
    }
    if !offset.metadata.is_empty() {
        line += &format!(" note={}", offset.metadata);
    }
    line
}

fn fetched(topics: &[FetchedTopic]) -> String {
    list(topics.iter().flat_map(|t| t.partitions.iter().map(move |p| (t, p))), |(t, p)| {
        let stored = p.offset.as_ref().map_or_else(|| "none".to_owned(), offset);
        format!("{}:{}={stored}", t.topic, p.partition)
    })
}

/// A reply in one line.
pub(super) fn reply(reply: &GroupReply) -> String {
    let line = match reply {
        GroupReply::Join(Ok(reply)) => format!("joined {}", joined(reply)),
        GroupReply::Join(Err(refused)) => {
            format!("join {:?} member={:?}", refused.error, &*refused.member_id)
        }
        GroupReply::Sync(Ok(synced)) => format!(
            "synced type={} protocol={} assignment={:?}",
            option(synced.protocol_type.as_deref()),
            option(synced.protocol_name.as_deref()),
            String::from_utf8_lossy(&synced.assignment),
        ),
        GroupReply::Sync(Err(error)) => format!("sync {error:?}"),
        GroupReply::Heartbeat(result) => format!("heartbeat {}", outcome(result.err())),
        GroupReply::Leave(Ok(members)) => {
            let members = list(members, |m| {
                let instance =
                    m.instance_id.as_ref().map_or_else(String::new, |id| format!("/{id}"));
                format!("{}{instance} {}", m.member_id, outcome(m.error))
            });
            format!("left {members}")
        }
        GroupReply::Leave(Err(error)) => format!("leave {error:?}"),
        GroupReply::Describe(group) => {
            let members = list(&group.members, |m| {
                let instance =
                    m.instance_id.as_ref().map_or_else(String::new, |id| format!("/{id}"));
                format!(
                    "{}{instance} client={} host={} metadata={} assignment={:?}",
                    m.member_id,
                    m.client_id,
                    m.client_host,
                    metadata(&m.metadata),
                    String::from_utf8_lossy(&m.assignment),
                )
            });
            format!(
                "described {} state={} type={} protocol={} members={members}",
                outcome(group.error),
                group.state,
                option(group.protocol_type.as_deref()),
                option(group.protocol_name.as_deref()),
            )
        }
        GroupReply::List(Ok(groups)) => {
            let groups = list(groups, |g| {
                let kind = option(g.protocol_type.as_deref());
                format!("{} {} type={kind} {}", g.group_id, g.state, g.group_type)
            });
            format!("listed {groups}")
        }
        GroupReply::List(Err(error)) => format!("list {error:?}"),
        GroupReply::Delete(result) => format!("delete {}", outcome(result.err())),
        GroupReply::CommitOffsets(results) => format!("committed {}", topics(results)),
        GroupReply::FetchOffsets(Ok(results)) => format!("fetched {}", fetched(results)),
        GroupReply::FetchOffsets(Err(error)) => format!("fetch {error:?}"),
        GroupReply::DeleteOffsets(Ok(results)) => format!("deleted {}", topics(results)),
        GroupReply::DeleteOffsets(Err(error)) => format!("delete-offsets {error:?}"),
    };
    short(&line)
}

/// A record in one line.
pub(super) fn record(record: &CoordinatorRecord) -> String {
    let value = record.value.as_deref();
    let line = match schema::decode_key(&record.key).unwrap() {
        Key::Offset(key) => {
            let name = format!("offset {} {}:{}", key.group, key.topic, key.partition);
            match value.map(|value| schema::decode_offset(value).unwrap()) {
                Some(value) => {
                    let expires = value
                        .expire_timestamp
                        .map_or_else(String::new, |at| format!(" expires={}", seconds(at)));
                    let at = seconds(value.commit_timestamp);
                    format!("{name} = {} at={at}{expires}", offset(&value))
                }
                None => format!("{name} tombstone"),
            }
        }
        Key::Group(group) => match value.map(|value| GroupMetadata::decode(value).unwrap()) {
            Some(value) => format!(
                "group {group} generation={} type={:?} protocol={} leader={} since={} members={}",
                value.generation,
                value.protocol_type,
                option(value.protocol),
                option(value.leader),
                seconds(value.state_since),
                list(&value.members, |m| {
                    let instance =
                        m.instance_id.as_ref().map_or_else(String::new, |id| format!("/{id}"));
                    let assignment = String::from_utf8_lossy(&m.assignment);
                    format!(
                        "{}{instance} {} -> {assignment:?}",
                        m.member_id,
                        metadata(&m.subscription)
                    )
                }),
            ),
            None => format!("group {group} tombstone"),
        },
        Key::Unknown(version) => panic!("key version {version}"),
    };
    short(&line)
}

/// A time of day as the seconds since the scenario began.
pub(super) fn seconds(at: Timestamp) -> String {
    format!("{}s", at.ms_since(super::script::START) / 1_000)
}
