//! The commands of a scenario. Each is one line of words: the command, the group, then `key=value` or
//! what the command lists. Times are like `5s`, `200ms`, `3h`; member ids like `c#1` (see `show`).

use super::show::{self, long, short};
use super::{load, subscription};
use crate::request::{
    Assignment, CommitOffsets, CommitPartition, CommitTopic, DeleteOffsets, FetchOffsets,
    GroupRequest, HeartbeatRequest, JoinRequest, LeaveRequest, LeavingMember, ListFilter, Protocol,
    SyncRequest, TopicPartitions,
};
use crate::{CoordinatorRecord, Effects, GroupConfig, GroupReply, GroupShard, Token};
use records::{LeaderEpoch, Offset, Timestamp};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// The time of day at which every scenario begins.
pub(super) const START: Timestamp = Timestamp(1_700_000_000_000);

pub(super) struct Script {
    config: GroupConfig,
    shard: GroupShard,
    log: Vec<CoordinatorRecord>,
    now: Duration,
    tokens: u64,
    random: u128,
}

impl Default for Script {
    fn default() -> Self {
        let config = GroupConfig { initial_rebalance_delay: Duration::ZERO, ..Default::default() };
        let shard = load(&config, &[], Duration::ZERO);
        Self { config, shard, log: Vec::new(), now: Duration::ZERO, tokens: 0, random: 0 }
    }
}

/// The words after the command and the group.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn text(&self, key: &str, otherwise: &str) -> String {
        self.get(key).unwrap_or(otherwise).to_owned()
    }

    fn id(&self) -> String {
        long(self.get("id").unwrap_or(""))
    }

    fn number(&self, key: &str, otherwise: i32) -> i32 {
        self.get(key).map_or(otherwise, |value| value.parse().unwrap())
    }

    fn ms(&self, key: &str, otherwise: &str) -> i32 {
        i32::try_from(time(self.get(key).unwrap_or(otherwise)).as_millis()).unwrap()
    }

    /// Words like `topic:partition` or `topic:partition=rest`, as their three parts.
    fn partitions(&self) -> impl Iterator<Item = (&'a str, i32, &'a str)> {
        self.0.iter().filter_map(|word| {
            let (topic, rest) = word.split_once(':')?;
            let (partition, rest) = rest.split_once('=').unwrap_or((rest, ""));
            Some((topic, partition.parse().ok()?, rest))
        })
    }
}

fn time(text: &str) -> Duration {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap();
    let (number, unit) = text.split_at(digits);
    let ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => panic!("{text} is no time"),
    };
    Duration::from_millis(number.parse::<u64>().unwrap() * ms)
}

impl Script {
    /// Runs one command and says what came of it.
    pub(super) fn run(&mut self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let command = words.next().unwrap();
        let mut out = String::new();
        match command {
            "config" => self.configure(&Words(words.collect())),
            "wait" => {
                let until = self.now + time(words.next().unwrap());
                self.wait(until, &mut out);
            }
            "restart" => {
                for (token, reply) in self.shard.close(crate::GroupError::NotCoordinator) {
                    self.show_reply(&mut out, token, &reply);
                }
                self.shard = load(&self.config, &self.log, self.now);
            }
            "compact" => self.compact(),
            "fail" => {
                for (token, reply) in self.shard.failed() {
                    self.show_reply(&mut out, token, &reply);
                }
            }
            "topic-deleted" => {
                let effects = self.shard.topics_deleted(&[(words.next().unwrap(), None)]);
                self.show(&mut out, effects);
            }
            _ => {
                let group = words.next().unwrap_or("").to_owned();
                let request = self.request(command, &group, &Words(words.collect()));
                self.tokens += 1;
                let token = Token(self.tokens);
                let effects = self.shard.handle(self.now, self.wall(), token, request);
                let answered = effects.replies.iter().any(|(t, _)| *t == token);
                self.show(&mut out, effects);
                if !answered {
                    writeln!(out, "parked [{}]", token.0).unwrap();
                }
            }
        }
        self.shard.check();
        if out.is_empty() {
            out.push_str("ok\n");
        }
        for group in self.shard.groups.values() {
            writeln!(out, "{}", short(&summary(group))).unwrap();
        }
        out
    }

    fn wall(&self) -> Timestamp {
        START.plus_ms(i64::try_from(self.now.as_millis()).unwrap())
    }

    fn configure(&mut self, words: &Words<'_>) {
        let config = &mut self.config;
        if let Some(delay) = words.get("initial-delay") {
            config.initial_rebalance_delay = time(delay);
        }
        if let Some(size) = words.get("group-size") {
            config.group_size_max = size.parse().unwrap();
        }
        if let Some(retention) = words.get("retention") {
            config.offsets_retention = time(retention);
        }
        if let Some(interval) = words.get("check-interval") {
            config.offsets_check_interval = time(interval);
        }
        if let Some(max) = words.get("metadata-max") {
            config.metadata_bytes_max = max.parse().unwrap();
        }
        if let Some(max) = words.get("records-max") {
            config.records_bytes_max = max.parse().unwrap();
        }
        self.shard = load(&self.config, &self.log, self.now);
    }

    /// Keeps the last record of each key, as the cleaner does, and drops tombstones.
    fn compact(&mut self) {
        let log = std::mem::take(&mut self.log);
        for (place, record) in log.iter().enumerate() {
            let superseded = log[place + 1..].iter().any(|later| later.key == record.key);
            if !superseded && record.value.is_some() {
                self.log.push(record.clone());
            }
        }
    }

    fn wait(&mut self, until: Duration, out: &mut String) {
        while let Some(deadline) = self.shard.next_deadline().filter(|d| *d <= until) {
            self.now = self.now.max(deadline);
            let effects = self.shard.tick(self.now, self.wall());
            if !effects.is_empty() {
                writeln!(out, "at {:?}:", self.now).unwrap();
                self.show(out, effects);
            }
        }
        self.now = until;
    }

    fn show_reply(&self, out: &mut String, token: Token, reply: &GroupReply) {
        let label = if token.0 == self.tokens { String::new() } else { format!("[{}] ", token.0) };
        writeln!(out, "{label}{}", show::reply(reply)).unwrap();
    }

    fn show(&mut self, out: &mut String, effects: Effects) {
        for record in &effects.records {
            writeln!(out, "record {}", show::record(record)).unwrap();
        }
        for (token, reply) in &effects.replies {
            self.show_reply(out, *token, reply);
        }
        self.log.extend(effects.records);
    }

    fn request(&mut self, command: &str, group: &str, words: &Words<'_>) -> GroupRequest {
        let group_id = group.to_owned();
        let instance_id = words.get("instance").map(ToOwned::to_owned);
        match command {
            "join" => {
                let version = words.number("v", 9);
                let protocols = words.get("protocols").unwrap_or("range(t)");
                if words.get("id").is_none() {
                    self.random += 1;
                }
                GroupRequest::Join(JoinRequest {
                    group_id,
                    member_id: words.id(),
                    instance_id,
                    client_id: words.text("client", "c"),
                    client_host: words.text("host", "/127.0.0.1"),
                    session_timeout_ms: words.ms("session", "10s"),
                    rebalance_timeout_ms: words.ms("rebalance", "60s"),
                    protocol_type: words.text("type", "consumer"),
                    protocols: parse_protocols(protocols),
                    requires_known_member_id: version >= 4,
                    supports_skip_assignment: version >= 9,
                    // As if the decimal digits were those of the id.
                    random: u128::from_str_radix(&self.random.to_string(), 16).unwrap(),
                })
            }
            "sync" => GroupRequest::Sync(SyncRequest {
                group_id,
                member_id: words.id(),
                instance_id,
                generation: words.number("generation", 1),
                protocol_type: words.get("type").map(ToOwned::to_owned),
                protocol_name: words.get("protocol").map(ToOwned::to_owned),
                assignments: words.get("assign").map_or_else(Vec::new, |shares| {
                    let share = |share: &str| {
                        let (member, assignment) = share.split_once('>').unwrap();
                        let assignment = Arc::from(assignment.as_bytes());
                        Assignment { member_id: long(member), assignment }
                    };
                    shares.split(',').map(share).collect()
                }),
            }),
            "heartbeat" => GroupRequest::Heartbeat(HeartbeatRequest {
                group_id,
                member_id: words.id(),
                instance_id,
                generation: words.number("generation", 1),
            }),
            "leave" => GroupRequest::Leave(LeaveRequest {
                group_id,
                members: words.0.iter().map(|member| parse_leaving(member)).collect(),
            }),
            "describe" => GroupRequest::Describe { group_id },
            "delete" => GroupRequest::Delete { group_id },
            "list" => {
                let split = |key| {
                    let words: Option<&str> = words.get(key);
                    words.map_or_else(Vec::new, |w| w.split(',').map(ToOwned::to_owned).collect())
                };
                GroupRequest::List(ListFilter { states: split("states"), types: split("types") })
            }
            "commit" => GroupRequest::CommitOffsets(CommitOffsets {
                group_id,
                member_id: words.id(),
                instance_id,
                generation: words.number("generation", -1),
                retention_ms: words.get("retention").map(|_| words.ms("retention", "0s").into()),
                knows_group_id_not_found: words.number("v", 9) >= 9,
                topics: words.partitions().map(parse_commit).collect(),
            }),
            "fetch" => {
                let topics: Vec<_> = words.partitions().map(one_partition).collect();
                let topics = Some(topics).filter(|topics| !topics.is_empty());
                GroupRequest::FetchOffsets(FetchOffsets { group_id, topics })
            }
            "delete-offsets" => GroupRequest::DeleteOffsets(DeleteOffsets {
                group_id,
                topics: words.partitions().map(one_partition).collect(),
            }),
            _ => panic!("no such command: {command}"),
        }
    }
}

/// `range(t1,t2)+rr(t1)`, or `name` alone for metadata that is no subscription.
fn parse_protocols(text: &str) -> Vec<Protocol> {
    text.split('+')
        .filter(|text| !text.is_empty())
        .map(|text| match text.split_once('(') {
            Some((name, topics)) => {
                let topics: Vec<&str> = topics.trim_end_matches(')').split(',').collect();
                Protocol { name: name.into(), metadata: subscription(&topics).into() }
            }
            None => Protocol { name: text.into(), metadata: Arc::from(text.as_bytes()) },
        })
        .collect()
}

/// `member`, `member/instance` or `/instance`.
fn parse_leaving(text: &str) -> LeavingMember {
    match text.split_once('/') {
        Some((member, instance)) => {
            LeavingMember { member_id: long(member), instance_id: Some(instance.to_owned()) }
        }
        None => LeavingMember { member_id: long(text), instance_id: None },
    }
}

/// `offset`, then perhaps `@epoch` and `!note`.
fn parse_commit((topic, partition, text): (&str, i32, &str)) -> CommitTopic {
    let (text, note) = text.split_once('!').unwrap_or((text, ""));
    let (offset, epoch) = text.split_once('@').unwrap_or((text, "-1"));
    CommitTopic {
        topic: topic.to_owned(),
        topic_id: None,
        partitions: vec![CommitPartition {
            partition,
            offset: Offset(offset.parse().unwrap()),
            leader_epoch: LeaderEpoch(epoch.parse().unwrap()),
            metadata: note.to_owned(),
        }],
    }
}

fn one_partition((topic, partition, _): (&str, i32, &str)) -> TopicPartitions {
    TopicPartitions { topic: topic.to_owned(), topic_id: None, partitions: vec![partition] }
}

/// A group in one line.
fn summary(group: &crate::group::Group) -> String {
    let metadata = group.metadata();
    let mut line = format!("= {} {} generation={}", group.id, group.state, group.generation);
    if let Some(leader) = metadata.leader {
        let ids: Vec<&str> = metadata.members.iter().map(|m| &*m.member_id).collect();
        write!(line, " leader={leader} members=[{}]", ids.join(" ")).unwrap();
    }
    if !group.pending.is_empty() {
        write!(line, " pending={}", group.pending.len()).unwrap();
    }
    if !group.offsets.is_empty() {
        write!(line, " offsets={}", group.offsets.len()).unwrap();
    }
    line
}
