//! Topic settings in the types the broker works with: the broker's defaults under what is set on
//! the topic.

use std::collections::BTreeMap;

use super::TOPIC_KEYS;
use super::broker::{BrokerConfig, has_item, topic_default};
use super::error::{At, ConfigError};
use super::key::{self, Scope};
use super::settings::Settings;
use super::source::Source;
use super::value;

/// Said wherever a compacted topic is shown, until compaction is built.
pub const UNCOMPACTED_NOTE: &str = "compaction is not built yet: every record is kept";

/// What happens to old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Segments are dropped when their retention has passed.
    pub delete: bool,
    /// Older records of a key give way to newer ones.
    pub compact: bool,
}

/// Whose clock stamps records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's.
    LogAppendTime,
}

/// How batches are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicCompression {
    /// As they came.
    Producer,
    /// Not compressed.
    Uncompressed,
    /// With gzip; `None` is its own default level.
    Gzip(Option<i32>),
    /// With snappy.
    Snappy,
    /// With lz4 at a level.
    Lz4(i32),
    /// With zstd at a level.
    Zstd(i32),
}

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On stable storage.
    Fsync,
    /// In the page cache.
    Relaxed,
}

/// What a topic runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup: CleanupPolicy,
    /// `compression.type` with its level.
    pub compression: TopicCompression,
    /// `durability`.
    pub durability: Durability,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: u64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u64,
    /// `max.message.bytes`.
    pub max_message_bytes: u64,
    /// `message.timestamp.after.max.ms`; `None` sets no bound.
    pub message_timestamp_after_max_ms: Option<u64>,
    /// `message.timestamp.before.max.ms`; `None` sets no bound.
    pub message_timestamp_before_max_ms: Option<u64>,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `retention.bytes`; `None` sets no limit.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`; `None` keeps records for ever.
    pub retention_ms: Option<u64>,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.index.bytes`.
    pub segment_index_bytes: u64,
    /// `segment.ms`.
    pub segment_ms: u64,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
}

impl TopicConfig {
    /// The broker's defaults under `overrides`, the settings of one topic.
    pub fn resolve(
        broker: &BrokerConfig,
        overrides: &BTreeMap<String, String>,
    ) -> Result<TopicConfig, ConfigError> {
        if overrides.is_empty() {
            return Ok(broker.topic_defaults.clone());
        }
        let at = At::source(Source::DynamicTopic);
        let mut checked = BTreeMap::new();
        for (name, value) in overrides {
            let key = key::find(Scope::Topic, name, &at)?;
            checked.insert(key.name, value::check(key, value, &at)?);
        }
        Ok(TopicConfig::build(broker.settings(), &checked))
    }

    pub(super) fn from_defaults(settings: &Settings) -> TopicConfig {
        TopicConfig::build(settings, &BTreeMap::new())
    }

    fn build(settings: &Settings, overrides: &BTreeMap<&'static str, String>) -> TopicConfig {
        let values: BTreeMap<&'static str, String> = TOPIC_KEYS
            .iter()
            .map(|key| match overrides.get(key.name) {
                Some(value) => (key.name, value.clone()),
                None => (key.name, topic_default(settings, key).0),
            })
            .collect();
        let text = |name: &str| match values.get(name) {
            Some(value) => value.as_str(),
            None => unreachable!("{name} is read but not in the registry"),
        };
        let long = |name: &str| match text(name).parse::<i64>() {
            Ok(number) => number,
            Err(_) => unreachable!("{name} was checked to be a number"),
        };
        let int = |name: &str| i32::try_from(long(name)).unwrap_or(i32::MAX);
        let limit = |name: &str| u64::try_from(long(name)).ok();
        let bound = |name: &str| limit(name).filter(|ms| *ms != i64::MAX.unsigned_abs());
        let count = |name: &str| limit(name).unwrap_or_default();
        TopicConfig {
            cleanup: CleanupPolicy {
                delete: has_item(text("cleanup.policy"), "delete"),
                compact: has_item(text("cleanup.policy"), "compact"),
            },
            compression: match text("compression.type") {
                "uncompressed" => TopicCompression::Uncompressed,
                "gzip" => {
                    let level = int("compression.gzip.level");
                    TopicCompression::Gzip((level != -1).then_some(level))
                }
                "snappy" => TopicCompression::Snappy,
                "lz4" => TopicCompression::Lz4(int("compression.lz4.level")),
                "zstd" => TopicCompression::Zstd(int("compression.zstd.level")),
                _ => TopicCompression::Producer,
            },
            durability: match text("durability") {
                "relaxed" => Durability::Relaxed,
                _ => Durability::Fsync,
            },
            file_delete_delay_ms: count("file.delete.delay.ms"),
            index_interval_bytes: count("index.interval.bytes"),
            max_message_bytes: count("max.message.bytes"),
            message_timestamp_after_max_ms: bound("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: bound("message.timestamp.before.max.ms"),
            message_timestamp_type: match text("message.timestamp.type") {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_insync_replicas: int("min.insync.replicas"),
            retention_bytes: limit("retention.bytes"),
            retention_ms: limit("retention.ms"),
            segment_bytes: count("segment.bytes"),
            segment_index_bytes: count("segment.index.bytes"),
            segment_ms: count("segment.ms"),
            unclean_leader_election_enable: text("unclean.leader.election.enable") == "true",
        }
    }
}
