//! The tables hold together, every source is read, and every refusal says what to do.

use std::collections::BTreeMap;

use log::{Cleanup, Compression, Durability};
use records::Codec;

use super::error::At;
use super::*;

fn set(assignments: &[&str]) -> Result<BrokerConfig, Vec<ConfigError>> {
    let mut settings = Settings::new();
    let errors: Vec<_> =
        assignments.iter().filter_map(|text| settings.set_flag(text).err()).collect();
    if errors.is_empty() { BrokerConfig::from_settings(settings) } else { Err(errors) }
}

fn broker(assignments: &[&str]) -> BrokerConfig {
    set(assignments).unwrap()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The errors of a properties file called `server.properties`, one line each.
fn complaints(file: &str) -> String {
    let mut settings = Settings::new();
    let mut errors = settings.add_file("server.properties", Format::Properties, file);
    if errors.is_empty() {
        errors = BrokerConfig::from_settings(settings).err().unwrap_or_default();
    }
    errors.iter().map(|error| format!("{error}\n")).collect()
}

fn topic_described(
    config: &BrokerConfig,
    overrides: &[(&str, &str)],
    name: &str,
) -> DescribedConfig {
    let all = config.describe_topic(&map(overrides));
    all.into_iter().find(|described| described.name == name).unwrap()
}

#[test]
fn tables_are_sorted_and_without_duplicates() {
    for scope in [Scope::Broker, Scope::Topic] {
        for pair in scope.keys().windows(2) {
            assert!(pair[0].name < pair[1].name, "{} stands before {}", pair[0].name, pair[1].name);
        }
    }
    for names in [kafka_names::BROKER_NAMES, kafka_names::TOPIC_NAMES] {
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "Kafka's names are not sorted");
    }
}

#[test]
fn every_row_is_complete() {
    for key in BROKER_KEYS.iter().chain(TOPIC_KEYS) {
        assert!(
            !key.name.contains('_'),
            "{} cannot be told from an environment variable",
            key.name
        );
        assert!(key.doc.ends_with('.'), "{} is not documented in a sentence", key.name);
        assert_eq!(lookup(key.scope, key.name), Some(key));
        assert!(!kafka_names::is_known(key.scope, key.name), "{} is served", key.name);
        if let Some(default) = key.default {
            let at = At::source(Source::Default);
            assert_eq!(value::check(key, default, &at).as_deref(), Ok(default), "{}", key.name);
        }
    }
}

#[test]
fn every_topic_key_gets_a_default_from_broker_keys() {
    for key in TOPIC_KEYS {
        let mut has_default = false;
        for synonym in key.synonyms {
            let broker_key = lookup(Scope::Broker, synonym.name)
                .unwrap_or_else(|| panic!("{} names {}", key.name, synonym.name));
            has_default |= broker_key.default.is_some();
        }
        assert!(has_default, "{} has no default", key.name);
    }
}

#[test]
fn defaults_are_the_promised_ones() {
    let config = BrokerConfig::default();
    assert_eq!(config.listeners[0].to_string(), "PLAINTEXT://127.0.0.1:9092");
    assert_eq!(config.advertised_listeners, config.listeners);
    assert_eq!(config.topic_defaults.log.durability, Durability::Fsync);
    assert_eq!(config.topic_defaults.log.retention_ms, Some(7 * 24 * 3_600_000));
    assert_eq!(config.topic_defaults.log.retention_bytes, None);
    assert_eq!(config.topic_defaults.log.timestamp_before_max_ms, u64::MAX >> 1);
    assert_eq!(config.topic_defaults.log.timestamp_after_max_ms, 3_600_000);
    assert_eq!(config.topic_defaults.log, log::LogConfig::default());
    assert_eq!(config.offsets_retention_ms, 7 * 24 * 3_600_000);
    assert!(!config.topic_defaults.unclean_leader_election_enable);
}

#[test]
fn stronger_sources_win_and_the_weaker_are_remembered() {
    let mut settings = Settings::new();
    let file = "num.partitions=2\nlog.retention.hours=1\n";
    assert_eq!(settings.add_file("a.properties", Format::Properties, file), []);
    let check = |settings: &Settings, partitions: i32, sources: &[&str]| {
        let config = BrokerConfig::from_settings(settings.clone()).unwrap();
        assert_eq!(config.num_partitions, partitions);
        let found: Vec<String> = settings
            .explicit("num.partitions")
            .iter()
            .map(|setting| setting.source.to_string())
            .collect();
        assert_eq!(found, sources);
    };
    check(&settings, 2, &["a.properties:1"]);
    settings.set_flag("num.partitions=4").unwrap();
    check(&settings, 4, &["--set num.partitions=4", "a.properties:1"]);
    let environment = [("WALSER_NUM_PARTITIONS".to_owned(), "3".to_owned())];
    assert_eq!(settings.add_environment(environment), []);
    check(&settings, 4, &["--set num.partitions=4", "WALSER_NUM_PARTITIONS", "a.properties:1"]);
    settings.set_flag("num.partitions=5").unwrap();
    let config = BrokerConfig::from_settings(settings).unwrap();
    assert_eq!(config.num_partitions, 5, "the last flag counts");
    let changed = config
        .with_dynamic(&map(&[("num.partitions", "6")]), &map(&[("num.partitions", "7")]))
        .unwrap();
    assert_eq!(changed.num_partitions, 7);
    let changed = changed.with_dynamic(&map(&[("num.partitions", "6")]), &map(&[])).unwrap();
    assert_eq!(changed.num_partitions, 6);
    assert_eq!(changed.with_dynamic(&map(&[]), &map(&[])).unwrap(), config);
}

#[test]
fn other_environment_variables_are_left_alone() {
    let mut settings = Settings::new();
    let variables = [("PATH", "/bin"), ("WALSER_LOG", "debug"), ("WALSER_NODE_ID", "4")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(settings.add_environment(variables), []);
    assert_eq!(BrokerConfig::from_settings(settings).unwrap().node_id, 4);
}

#[test]
fn retention_units_win_in_kafkas_order() {
    let retention = |assignments: &[&str]| broker(assignments).topic_defaults.log.retention_ms;
    assert_eq!(retention(&["log.retention.hours=2"]), Some(7_200_000));
    assert_eq!(retention(&["log.retention.hours=2", "log.retention.minutes=1"]), Some(60_000));
    assert_eq!(retention(&["log.retention.minutes=1", "log.retention.ms=5"]), Some(5));
    assert_eq!(retention(&["log.retention.hours=-1"]), None);
    assert_eq!(broker(&["log.roll.hours=1"]).topic_defaults.log.segment_ms, 3_600_000);
}

#[test]
fn topic_overrides_win_over_the_broker() {
    let config = broker(&["log.retention.hours=1", "compression.type=zstd"]);
    let topic = TopicConfig::resolve(
        &config,
        &map(&[
            ("retention.ms", "-1"),
            ("cleanup.policy", "compact, delete"),
            ("durability", "relaxed"),
        ]),
    )
    .unwrap();
    assert_eq!(topic.log.retention_ms, None);
    assert_eq!(topic.log.cleanup, Cleanup { delete: true, compact: true });
    assert_eq!(topic.log.durability, Durability::Relaxed);
    assert_eq!(topic.log.compression, Compression::Codec(Codec::Zstd, Some(3)));
    assert_eq!(TopicConfig::resolve(&config, &map(&[])).unwrap(), config.topic_defaults);
    let gzip = map(&[("compression.type", "gzip")]);
    assert_eq!(
        TopicConfig::resolve(&config, &gzip).unwrap().log.compression,
        Compression::Codec(Codec::Gzip, None)
    );
    let error = TopicConfig::resolve(&config, &map(&[("retention.ms", "-2")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "retention.ms cannot be '-2': it takes a whole number, -1 or more"
    );
}

#[test]
fn wrong_settings_are_named_with_the_way_out() {
    for (file, complaint) in [
        (
            "\n# a comment\nlog.retention.mss=5\n",
            "server.properties:3: there is no broker setting 'log.retention.mss'; did you mean 'log.retention.ms'?\n",
        ),
        (
            "LOG_SEGMENT_BYTE=5\n",
            "server.properties:1: there is no broker setting 'LOG_SEGMENT_BYTE'; did you mean 'log.segment.bytes'?\n",
        ),
        (
            "colour=blue\n",
            "server.properties:1: there is no broker setting 'colour'; 'walser config list' names all there are\n",
        ),
        (
            "num.io.threads=8\n",
            "server.properties:1: 'num.io.threads' is a broker setting of Kafka that Walser does not serve yet; leave it out\n",
        ),
        (
            "retention.ms=8\n",
            "server.properties:1: there is no broker setting 'retention.ms'; it is a topic setting: give it with 'walser topic create --config' or 'walser topic alter'\n",
        ),
        (
            "num.partitions=none\nnode.id=-1\n",
            "server.properties:1: num.partitions cannot be 'none': it takes a whole number, 1 or more\n\
             server.properties:2: node.id cannot be '-1': it takes a whole number, 0 or more\n",
        ),
        (
            "compression.type=GZIP\n",
            "server.properties:1: compression.type cannot be 'GZIP': it takes one of uncompressed, zstd, lz4, snappy, gzip, producer\n",
        ),
        (
            "log.dirs=,\n",
            "server.properties:1: log.dirs cannot be ',': it takes the paths of one or more folders\n",
        ),
        (
            "log.dirs=/a,/b,/a/\n",
            "server.properties:1: log.dirs names /a twice; give each disk one folder of its own\n",
        ),
        (
            "log.dirs=/b,/a/b/c,/a\n",
            "server.properties:1: /a/b/c of log.dirs lies in /a; give each disk one folder of its own\n",
        ),
        (
            "log.dir=/a,/b\n",
            "server.properties:1: log.dir cannot be '/a,/b': it takes the path of one folder\n",
        ),
        (
            "listeners=SSL://:9093\n",
            "server.properties:1: listeners cannot be 'SSL://:9093': it takes PLAINTEXT://HOST:PORT\n",
        ),
        (
            "listeners=PLAINTEXT://192.0.2.1:9092\n",
            "server.properties:1: PLAINTEXT://192.0.2.1:9092 is reachable from other machines and has neither encryption nor login; \
             keep to 127.0.0.1, or start with --insecure to serve anyone who reaches it\n",
        ),
        (
            "allow.insecure.listeners=true\nlisteners=PLAINTEXT://:9092\n",
            "server.properties:2: clients cannot be told to connect to PLAINTEXT://:9092; \
             set advertised.listeners=PLAINTEXT://HOST:9092 with the host they reach this machine by\n",
        ),
        (
            "queued.max.request.bytes=1048576\n",
            "server.properties:1: queued.max.request.bytes=1048576 has no room for one request of \
             socket.request.max.bytes=104857600; raise the first or lower the second\n",
        ),
        (
            "group.min.session.timeout.ms=10\ngroup.max.session.timeout.ms=9\n",
            "server.properties:1: group.min.session.timeout.ms=10 is above group.max.session.timeout.ms=9; \
             lower the first or raise the second\n",
        ),
        ("=5\n", "server.properties:1: there is a value without a key\n"),
        (
            "\nnode.id=\\u00zz\n",
            "server.properties:2: \\u must be followed by four hexadecimal digits\n",
        ),
    ] {
        assert_eq!(complaints(file), complaint, "for {file}");
    }
}

#[test]
fn errors_name_flag_and_variable() {
    let errors = set(&["num.partitions=0"]).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "--set num.partitions=0: num.partitions cannot be '0': it takes a whole number, 1 or more"
    );
    let errors = set(&["num.partitions"]).unwrap_err();
    assert_eq!(errors[0].to_string(), "--set num.partitions: a setting is given as KEY=VALUE");
    let variable = [("WALSER_NUM_PARTITION".to_owned(), "1".to_owned())];
    assert_eq!(
        Settings::new().add_environment(variable)[0].to_string(),
        "WALSER_NUM_PARTITION: there is no broker setting 'num.partition'; did you mean 'num.partitions'?"
    );
}

#[test]
fn changes_at_run_time_are_checked() {
    assert_eq!(validate_broker_override("num.partitions", " 07 ").unwrap(), "7");
    assert_eq!(
        validate_broker_override("node.id", "7").unwrap_err().to_string(),
        "node.id takes effect only when the broker starts: set it in the configuration file and restart"
    );
    assert_eq!(
        validate_topic_override("cleanup.policy", "compact , delete").unwrap(),
        "compact,delete"
    );
    assert_eq!(
        validate_topic_override("cleanup.policy", "none").unwrap_err().to_string(),
        "cleanup.policy cannot be 'none': it takes any of compact, delete, with commas between them"
    );
    assert_eq!(
        validate_topic_override("segment.jitter.ms", "1").unwrap_err().to_string(),
        "'segment.jitter.ms' is a topic setting of Kafka that Walser does not serve yet; leave it out"
    );
    assert!(validate_topic_override("retension.ms", "1").unwrap_err().is_unknown_name());
}

#[test]
fn properties_are_read_as_java_reads_them() {
    let mut settings = Settings::new();
    let file = "! a comment\nnode.id : 3\nbroker.rack=\\u00e4\\tb\\\\\n  num.partitions   6  \nlog.dirs=\\\n    /data/\\\n    one\nnode.id=4";
    assert_eq!(settings.add_file("f", Format::Properties, file), []);
    assert_eq!(settings.explicit("log.dirs")[0].source.to_string(), "f:5");
    let config = BrokerConfig::from_settings(settings).unwrap();
    assert_eq!(config.node_id, 4, "the last of two lines counts");
    assert_eq!(config.broker_rack.as_deref(), Some("ä\tb\\"));
    assert_eq!(config.num_partitions, 6);
    assert_eq!(config.log_dirs, [std::path::Path::new("/data/one")]);
    assert_eq!(config.metadata_log_dir, std::path::Path::new("/data/one"));
}

#[test]
fn toml_tables_join_with_dots() {
    let mut settings = Settings::new();
    let file = "node.id = 3\n\"max.connections.per.ip\" = 9\n\n[log]\ndurability = 'relaxed'\ncleanup.policy = ['compact', 'delete']\n[log.retention]\nms = -1\n";
    assert_eq!(settings.add_file("w.toml", Format::Toml, file), []);
    assert_eq!(settings.explicit("log.retention.ms")[0].source.to_string(), "w.toml:8");
    let config = BrokerConfig::from_settings(settings).unwrap();
    assert_eq!((config.node_id, config.max_connections_per_ip), (3, 9));
    assert_eq!(config.topic_defaults.log.durability, Durability::Relaxed);
    assert_eq!(config.topic_defaults.log.retention_ms, None);
    assert!(config.topic_defaults.log.cleanup.compact);
    let complaints =
        |file: &str| Settings::new().add_file("w.toml", Format::Toml, file)[0].to_string();
    assert_eq!(
        complaints("[log]\nretenton.ms = 5"),
        "w.toml:2: there is no broker setting 'log.retenton.ms'; did you mean 'log.retention.ms'?"
    );
    assert_eq!(
        complaints("node.id = 1979-05-27"),
        "w.toml:1: node.id must be text, a number, true, false or a list of these"
    );
    assert!(complaints("\nnode.id = ").starts_with("w.toml:2: not TOML: "));
}

#[test]
fn listeners_are_understood() {
    let parse = |text: &str| Listener::parse(text).map(|l| (l.host_and_port(), l.is_loopback()));
    assert_eq!(parse("PLAINTEXT://localhost:1"), Some(("localhost:1".to_owned(), true)));
    assert_eq!(parse("PLAINTEXT://[::1]:0"), Some(("[::1]:0".to_owned(), true)));
    assert_eq!(parse("PLAINTEXT://:9092"), Some(("[::]:9092".to_owned(), false)));
    assert_eq!(parse("PLAINTEXT://10.0.0.1:9092"), Some(("10.0.0.1:9092".to_owned(), false)));
    for wrong in [
        "",
        "127.0.0.1:1",
        "PLAINTEXT://a",
        "PLAINTEXT://a:b",
        "PLAINTEXT://a:70000",
        "PLAINTEXT://::1:5",
        "PLAINTEXT://[a]:5",
        "X://a:1",
    ] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
    let text = "PLAINTEXT://[::1]:5";
    assert_eq!(Listener::parse(text).unwrap().to_string(), text);
}

#[test]
fn topics_are_described_with_their_sources() {
    let config = broker(&["log.retention.hours=1"]);
    let found = topic_described(&config, &[("retention.ms", "5")], "retention.ms");
    assert_eq!(found.value.as_deref(), Some("5"));
    assert_eq!((found.source.kafka_number(), found.is_default, found.read_only), (1, false, false));
    let synonyms: Vec<(&str, Option<&str>, i8)> = found
        .synonyms
        .iter()
        .map(|s| (s.name, s.value.as_deref(), s.source.kafka_number()))
        .collect();
    assert_eq!(
        synonyms,
        [
            ("retention.ms", Some("5"), 1),
            ("log.retention.hours", Some("1"), 4),
            ("log.retention.hours", Some("168"), 5),
        ]
    );
    let found = topic_described(&config, &[], "retention.ms");
    assert_eq!((found.value.as_deref(), found.source.kafka_number()), (Some("3600000"), 4));
    let found = topic_described(&config, &[], "segment.bytes");
    assert_eq!((found.source.kafka_number(), found.is_default), (5, true));
    let changed =
        config.with_dynamic(&map(&[("log.segment.bytes", "1048576")]), &map(&[])).unwrap();
    let found = topic_described(&changed, &[], "segment.bytes");
    assert_eq!((found.value.as_deref(), found.source.kafka_number()), (Some("1048576"), 3));
    assert_eq!(changed.topic_defaults.log.segment_bytes, 1_048_576);
}

#[test]
fn brokers_are_described() {
    let config = broker(&["node.id=5"]);
    let all = config.describe_broker();
    assert_eq!(all.len(), BROKER_KEYS.len());
    let find = |name: &str| all.iter().find(|found| found.name == name).unwrap();
    assert_eq!(find("node.id").value.as_deref(), Some("5"));
    assert_eq!((find("node.id").source.kafka_number(), find("node.id").read_only), (4, true));
    assert_eq!(
        (find("log.retention.ms").value.as_deref(), find("log.retention.ms").is_default),
        (None, true)
    );
    assert!(!find("num.partitions").read_only);
    let every = BrokerConfig::describe_every_broker(&map(&[("num.partitions", "2")]));
    assert_eq!(every.len(), 1);
    assert_eq!(every[0].source.kafka_number(), 3);
}

#[test]
fn lists_grow_and_shrink() {
    assert_eq!(list_append("delete", "compact, delete"), "delete,compact");
    assert_eq!(list_append("", "compact"), "compact");
    assert_eq!(list_subtract("delete,compact", "delete"), "compact");
    assert_eq!(list_subtract("delete", "compact"), "delete");
}

#[test]
fn near_names_are_found_and_far_ones_are_not() {
    let near = |name: &str| nearest(Scope::Broker, name).map(|key| key.name);
    assert_eq!(near("num.partitoins"), Some("num.partitions"));
    assert_eq!(near("listener"), Some("listeners"));
    assert_eq!(near("advertised-listeners"), Some("advertised.listeners"));
    assert_eq!(near("xyz"), None);
}
