//! Topic settings in the types the broker works with: the broker's defaults under what is set on
//! the topic.

use std::collections::BTreeMap;

use log::{Cleanup, Compression, Durability, LogConfig};
use records::{Codec, TimestampType};

use super::TOPIC_KEYS;
use super::broker::{BrokerConfig, Reader, has_item, topic_default};
use super::error::{At, ConfigError};
use super::key::{self, Scope};
use super::settings::Settings;
use super::source::Source;
use super::value;

/// What an acknowledgement says about a record of a topic with these settings, as `DescribeConfigs`
/// shows them, after "acknowledged". `None` for a durability that is not ours.
#[must_use]
pub fn acknowledgement(durability: &str, flush_messages: &str, flush_ms: &str) -> Option<String> {
    let bounded = |text: &str| text.parse::<i64>().ok().filter(|bound| *bound < i64::MAX);
    let (messages, ms) = (bounded(flush_messages), bounded(flush_ms));
    match durability {
        "fsync" => Some("once on stable storage".to_owned()),
        "relaxed" if messages == Some(1) || ms == Some(0) => {
            Some("once on stable storage, as flush.messages or flush.ms ask".to_owned())
        }
        "relaxed" => {
            let mut text = "once in the page cache; a loss of power may take ".to_owned();
            let records = messages.map(|bound| format!("the last {} of a partition", bound - 1));
            let time = ms.map(|bound| format!("what came in the last {bound} ms"));
            match (records, time) {
                (None, None) => text.push_str("what came last"),
                (Some(one), None) | (None, Some(one)) => text.push_str(&one),
                (Some(one), Some(other)) => {
                    text.push_str(&format!("{one}, and of them only {other}"));
                }
            }
            Some(text)
        }
        _ => None,
    }
}

/// What a topic runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// What its logs need to know.
    pub log: LogConfig,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
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
        let built = TopicConfig::build(broker.settings(), &checked);
        let (min, max) = (built.log.min_compaction_lag_ms, built.log.max_compaction_lag_ms);
        if min > max {
            return Err(ConfigError::Conflict {
                problem: format!(
                    "min.compaction.lag.ms={min} is above max.compaction.lag.ms={max}"
                ),
                fix: "lower the first or raise the second".to_owned(),
                at,
            });
        }
        Ok(built)
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
        let bytes = |name: &str| u32::try_from(long(name)).unwrap_or_default();
        let limit = |name: &str| u64::try_from(long(name)).ok();
        let ms = |name: &str| limit(name).unwrap_or_default();
        let double = |name: &str| match text(name).parse::<f64>() {
            Ok(number) => number,
            Err(_) => unreachable!("{name} was checked to be a number"),
        };
        let compact = has_item(text("cleanup.policy"), "compact");
        let max_compaction_lag_ms = ms("max.compaction.lag.ms");
        let compression = match text("compression.type") {
            "uncompressed" => Compression::Codec(Codec::None, None),
            "gzip" => {
                let level = int("compression.gzip.level");
                Compression::Codec(Codec::Gzip, (level != -1).then_some(level))
            }
            "snappy" => Compression::Codec(Codec::Snappy, None),
            "lz4" => Compression::Codec(Codec::Lz4, None),
            "zstd" => Compression::Codec(Codec::Zstd, Some(int("compression.zstd.level"))),
            _ => Compression::Producer,
        };
        TopicConfig {
            log: LogConfig {
                segment_bytes: bytes("segment.bytes"),
                // A record can be compacted only when its segment has ended.
                segment_ms: match compact {
                    true => ms("segment.ms").min(max_compaction_lag_ms),
                    false => ms("segment.ms"),
                },
                segment_index_bytes: bytes("segment.index.bytes"),
                index_interval_bytes: bytes("index.interval.bytes"),
                retention_ms: limit("retention.ms"),
                retention_bytes: limit("retention.bytes"),
                cleanup: Cleanup { delete: has_item(text("cleanup.policy"), "delete"), compact },
                min_compaction_lag_ms: ms("min.compaction.lag.ms"),
                max_compaction_lag_ms,
                min_cleanable_dirty_ratio: double("min.cleanable.dirty.ratio"),
                delete_retention_ms: ms("delete.retention.ms"),
                timestamp_type: match text("message.timestamp.type") {
                    "LogAppendTime" => TimestampType::LogAppendTime,
                    _ => TimestampType::CreateTime,
                },
                timestamp_before_max_ms: ms("message.timestamp.before.max.ms"),
                timestamp_after_max_ms: ms("message.timestamp.after.max.ms"),
                max_message_bytes: bytes("max.message.bytes"),
                compression,
                file_delete_delay_ms: ms("file.delete.delay.ms"),
                durability: match text("durability") {
                    "relaxed" => Durability::Relaxed,
                    _ => Durability::Fsync,
                },
                flush_messages: limit("flush.messages").unwrap_or(u64::MAX),
                flush_ms: limit("flush.ms").filter(|ms| *ms < i64::MAX.unsigned_abs()),
                producer_id_expiration_ms: Reader { settings }.ms("producer.id.expiration.ms"),
                ..LogConfig::default()
            },
            min_insync_replicas: int("min.insync.replicas"),
            unclean_leader_election_enable: text("unclean.leader.election.enable") == "true",
        }
    }
}
