//! Broker settings in the types the broker works with.
//!
//! Built from [`Settings`]; the checks that need more than one value are made here. Kafka's -1 for
//! "no limit" becomes `None` and goes no further.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{At, ConfigError};
use super::key::{self, Scope, Update};
use super::listener::{self, Listener};
use super::settings::Settings;
use super::source::Source;
use super::topic::TopicConfig;
use super::value;

/// What a broker runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerConfig {
    /// `node.id`.
    pub node_id: i32,
    /// `broker.rack`.
    pub broker_rack: Option<String>,
    /// `listeners`; never empty. Port 0 is a free port.
    pub listeners: Vec<Listener>,
    /// `advertised.listeners`, or [`listeners`](Self::listeners); never empty. Port 0 stands for the
    /// port the listener got.
    pub advertised_listeners: Vec<Listener>,
    /// `log.dirs` or `log.dir`: the folders with the data, at least one.
    pub log_dirs: Vec<PathBuf>,
    /// `metadata.log.dir`, or the first of the folders with the data.
    pub metadata_log_dir: PathBuf,
    /// `log.dir.reserve.bytes`; `None` follows from the size of the disk.
    pub log_dir_reserve_bytes: Option<u64>,
    /// `num.network.threads`; `None` is one for each processor.
    pub num_network_threads: Option<usize>,
    /// `auto.create.topics.enable`.
    pub auto_create_topics_enable: bool,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `socket.request.max.bytes`.
    pub socket_request_max_bytes: usize,
    /// `queued.max.request.bytes`: all requests and replies in flight together.
    pub queued_max_request_bytes: usize,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: usize,
    /// `max.incremental.fetch.session.cache.slots`.
    pub max_incremental_fetch_session_cache_slots: usize,
    /// `connections.max.idle.ms`; `None` keeps idle connections.
    pub connections_max_idle_ms: Option<u64>,
    /// `max.connections`.
    pub max_connections: usize,
    /// `max.connections.per.ip`.
    pub max_connections_per_ip: usize,
    /// `log.cleaner.enable`.
    pub log_cleaner_enable: bool,
    /// `log.cleaner.threads`.
    pub log_cleaner_threads: usize,
    /// `log.cleaner.backoff.ms`.
    pub log_cleaner_backoff_ms: u64,
    /// `log.cleaner.dedupe.buffer.size`, of all threads.
    pub log_cleaner_dedupe_buffer_size: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub log_cleaner_io_buffer_load_factor: f64,
    /// `log.cleaner.io.max.bytes.per.second`, of all threads.
    pub log_cleaner_io_max_bytes_per_second: f64,
    /// `log.scrub.bytes.per.second`.
    pub log_scrub_bytes_per_second: f64,
    /// `log.scrub.interval.ms`; `None` for no passes.
    pub log_scrub_interval_ms: Option<u64>,
    /// `log.retention.check.interval.ms`.
    pub log_retention_check_interval_ms: u64,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub log_flush_offset_checkpoint_interval_ms: u64,
    /// `offsets.topic.num.partitions`.
    pub offsets_topic_num_partitions: i32,
    /// `offsets.topic.segment.bytes`.
    pub offsets_topic_segment_bytes: u64,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: u64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: u64,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: usize,
    /// `group.min.session.timeout.ms`.
    pub group_min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub group_max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay_ms: i32,
    /// `group.max.size`.
    pub group_max_size: usize,
    /// What a topic without settings of its own has.
    pub topic_defaults: TopicConfig,
    /// The values this was built from and where they came from.
    settings: Settings,
}

impl Default for BrokerConfig {
    /// All defaults.
    fn default() -> BrokerConfig {
        match BrokerConfig::from_settings(Settings::new()) {
            Ok(config) => config,
            Err(errors) => unreachable!("the defaults of the registry conflict: {errors:?}"),
        }
    }
}

impl BrokerConfig {
    /// The types of `settings`, or everything in them that does not go together.
    pub fn from_settings(settings: Settings) -> Result<BrokerConfig, Vec<ConfigError>> {
        let read = Reader { settings: &settings };
        let listeners = read.listeners("listeners").unwrap_or_default();
        let folders = read.text("log.dirs").or_else(|| read.text("log.dir")).unwrap_or_default();
        let log_dirs: Vec<PathBuf> = value::items(&folders).map(PathBuf::from).collect();
        let config = BrokerConfig {
            node_id: read.int("node.id"),
            broker_rack: read.text("broker.rack").filter(|rack| !rack.is_empty()),
            advertised_listeners: read
                .listeners("advertised.listeners")
                .unwrap_or_else(|| listeners.clone()),
            listeners,
            metadata_log_dir: read
                .text("metadata.log.dir")
                .map(PathBuf::from)
                .or_else(|| log_dirs.first().cloned())
                .unwrap_or_default(),
            log_dirs,
            log_dir_reserve_bytes: u64::try_from(read.long("log.dir.reserve.bytes")).ok(),
            num_network_threads: read.text("num.network.threads").and_then(|n| n.parse().ok()),
            auto_create_topics_enable: read.boolean("auto.create.topics.enable"),
            delete_topic_enable: read.boolean("delete.topic.enable"),
            num_partitions: read.int("num.partitions"),
            default_replication_factor: i16::try_from(read.int("default.replication.factor"))
                .unwrap_or(i16::MAX),
            socket_request_max_bytes: read.size("socket.request.max.bytes"),
            queued_max_request_bytes: read.size("queued.max.request.bytes"),
            fetch_max_bytes: read.size("fetch.max.bytes"),
            max_incremental_fetch_session_cache_slots: read
                .size("max.incremental.fetch.session.cache.slots"),
            connections_max_idle_ms: u64::try_from(read.long("connections.max.idle.ms")).ok(),
            max_connections: read.size("max.connections"),
            max_connections_per_ip: read.size("max.connections.per.ip"),
            log_cleaner_enable: read.boolean("log.cleaner.enable"),
            log_cleaner_threads: read.size("log.cleaner.threads"),
            log_cleaner_backoff_ms: read.ms("log.cleaner.backoff.ms"),
            log_cleaner_dedupe_buffer_size: read.size("log.cleaner.dedupe.buffer.size"),
            log_cleaner_io_buffer_load_factor: read.parsed("log.cleaner.io.buffer.load.factor"),
            log_cleaner_io_max_bytes_per_second: read.parsed("log.cleaner.io.max.bytes.per.second"),
            log_scrub_bytes_per_second: read.parsed("log.scrub.bytes.per.second"),
            log_scrub_interval_ms: u64::try_from(read.long("log.scrub.interval.ms")).ok(),
            log_retention_check_interval_ms: read.ms("log.retention.check.interval.ms"),
            log_flush_offset_checkpoint_interval_ms: read
                .ms("log.flush.offset.checkpoint.interval.ms"),
            offsets_topic_num_partitions: read.int("offsets.topic.num.partitions"),
            offsets_topic_segment_bytes: read.ms("offsets.topic.segment.bytes"),
            offsets_retention_ms: read.ms("offsets.retention.minutes").saturating_mul(60_000),
            offsets_retention_check_interval_ms: read.ms("offsets.retention.check.interval.ms"),
            offset_metadata_max_bytes: read.size("offset.metadata.max.bytes"),
            group_min_session_timeout_ms: read.int("group.min.session.timeout.ms"),
            group_max_session_timeout_ms: read.int("group.max.session.timeout.ms"),
            group_initial_rebalance_delay_ms: read.int("group.initial.rebalance.delay.ms"),
            group_max_size: read.size("group.max.size"),
            topic_defaults: TopicConfig::from_defaults(&settings),
            settings: Settings::new(),
        };
        let errors = config.conflicts(&settings);
        if errors.is_empty() { Ok(BrokerConfig { settings, ..config }) } else { Err(errors) }
    }

    /// The same broker after settings were changed at run time: for every broker, and for this one.
    /// Both maps hold everything that is in force, not only what is new; a key that needs a restart
    /// takes no part.
    pub fn with_dynamic(
        &self,
        every_broker: &BTreeMap<String, String>,
        this_broker: &BTreeMap<String, String>,
    ) -> Result<BrokerConfig, Vec<ConfigError>> {
        let mut settings = self.settings.clone();
        settings.clear_dynamic();
        let mut errors = Vec::new();
        for (overrides, source) in
            [(every_broker, Source::DynamicDefaultBroker), (this_broker, Source::DynamicBroker)]
        {
            for (name, value) in overrides {
                let is_live =
                    key::lookup(Scope::Broker, name).is_none_or(|key| key.update == Update::Live);
                if is_live {
                    errors.extend(settings.set(name, value, source.clone()).err());
                }
            }
        }
        if errors.is_empty() { BrokerConfig::from_settings(settings) } else { Err(errors) }
    }

    /// The values this was built from.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn conflicts(&self, settings: &Settings) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut conflict = |key: &str, problem: String, fix: String| {
            let source = settings.explicit(key).first().map(|setting| setting.source.clone());
            let at = At::source(source.unwrap_or(Source::Default));
            errors.push(ConfigError::Conflict { problem, fix, at });
        };
        if self.queued_max_request_bytes < self.socket_request_max_bytes {
            conflict(
                "queued.max.request.bytes",
                format!(
                    "queued.max.request.bytes={} has no room for one request of socket.request.max.bytes={}",
                    self.queued_max_request_bytes, self.socket_request_max_bytes
                ),
                "raise the first or lower the second".to_owned(),
            );
        }
        if self.group_min_session_timeout_ms > self.group_max_session_timeout_ms {
            conflict(
                "group.min.session.timeout.ms",
                format!(
                    "group.min.session.timeout.ms={} is above group.max.session.timeout.ms={}",
                    self.group_min_session_timeout_ms, self.group_max_session_timeout_ms
                ),
                "lower the first or raise the second".to_owned(),
            );
        }
        let mut folders: Vec<&PathBuf> = self.log_dirs.iter().collect();
        if !self.log_dirs.contains(&self.metadata_log_dir) {
            folders.push(&self.metadata_log_dir);
        }
        for (place, folder) in folders.iter().enumerate() {
            for other in folders.iter().skip(place + 1) {
                let (folder, other) = if other.starts_with(folder) {
                    (folder, other)
                } else if folder.starts_with(other) {
                    (other, folder)
                } else {
                    continue;
                };
                let problem = if folder == other {
                    format!("log.dirs names {} twice", folder.display())
                } else {
                    format!("{} of log.dirs lies in {}", other.display(), folder.display())
                };
                let fix = "give each disk one folder of its own".to_owned();
                conflict("log.dirs", problem, fix);
            }
        }
        let insecure = Reader { settings }.boolean("allow.insecure.listeners");
        for listener in self.listeners.iter().filter(|listener| !listener.is_loopback()) {
            if !insecure {
                conflict(
                    "listeners",
                    format!(
                        "{listener} is reachable from other machines and has neither encryption nor login"
                    ),
                    "keep to 127.0.0.1, or start with --insecure to serve anyone who reaches it"
                        .to_owned(),
                );
            }
        }
        for advertised in &self.advertised_listeners {
            if advertised.is_every_address() {
                conflict(
                    if settings.explicit("advertised.listeners").is_empty() {
                        "listeners"
                    } else {
                        "advertised.listeners"
                    },
                    format!("clients cannot be told to connect to {advertised}"),
                    format!(
                        "set advertised.listeners=PLAINTEXT://HOST:{} with the host they reach this machine by",
                        advertised.port
                    ),
                );
            }
        }
        errors
    }
}

/// Reads checked values; a missing row or a value of another type is a fault of this module, which
/// its tests find.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
}

impl Reader<'_> {
    fn text(self, name: &str) -> Option<String> {
        let Some(key) = key::lookup(Scope::Broker, name) else {
            unreachable!("{name} is read but not in the registry");
        };
        self.settings.effective(key).map(|setting| setting.value)
    }

    fn parsed<T: std::str::FromStr>(self, name: &str) -> T {
        match self.text(name).and_then(|text| text.parse().ok()) {
            Some(value) => value,
            None => unreachable!("{name} was checked and has a default"),
        }
    }

    fn int(self, name: &str) -> i32 {
        self.parsed(name)
    }

    fn long(self, name: &str) -> i64 {
        self.parsed(name)
    }

    fn boolean(self, name: &str) -> bool {
        self.parsed(name)
    }

    fn size(self, name: &str) -> usize {
        self.parsed(name)
    }

    pub(super) fn ms(self, name: &str) -> u64 {
        self.parsed(name)
    }

    fn listeners(self, name: &str) -> Option<Vec<Listener>> {
        self.text(name).and_then(|text| listener::parse_list(&text))
    }
}

/// The value a topic key has without a setting on the topic: in its normal form, with the broker
/// setting it comes from.
pub(super) fn topic_default(
    settings: &Settings,
    key: &key::ConfigKey,
) -> (String, &'static str, Source) {
    let candidates = || {
        key.synonyms.iter().filter_map(|synonym| {
            key::lookup(Scope::Broker, synonym.name).map(|broker_key| (synonym, broker_key))
        })
    };
    let explicit = candidates().find(|(_, key)| !settings.explicit(key.name).is_empty());
    let chosen = explicit.or_else(|| candidates().find(|(_, key)| key.default.is_some()));
    let Some((synonym, broker_key)) = chosen else {
        unreachable!("{} has no synonym with a default", key.name);
    };
    let Some(setting) = settings.effective(broker_key) else {
        unreachable!("{} was found to have a value", broker_key.name);
    };
    (scaled(&setting.value, synonym.factor), broker_key.name, setting.source)
}

/// A number in another unit; negative numbers stand for "no limit" and stay.
fn scaled(value: &str, factor: i64) -> String {
    match value.parse::<i64>() {
        Ok(number) if factor != 1 && number >= 0 => number.saturating_mul(factor).to_string(),
        _ => value.to_owned(),
    }
}

/// The items of a list value.
pub(super) fn has_item(list: &str, item: &str) -> bool {
    value::items(list).any(|found| found == item)
}
