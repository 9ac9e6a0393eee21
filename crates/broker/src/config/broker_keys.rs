//! The table of broker settings, sorted by name.
//!
//! Defaults are Kafka 4.3's unless the row says how it differs. The keys that give topics their
//! defaults are here as well; what they mean is said in [`super::TOPIC_KEYS`].

use super::key::ConfigKey;
use super::key::Valid::{
    Any, EachOf, Folder, Folders, Listeners, OneOf, Positive, Range, RangeOrDefault, Share,
};
use super::key::ValueType::{Boolean, Double, Int, List, Long, String as Text};

const INT_MAX: i64 = i32::MAX as i64;
const LONG_MAX: i64 = i64::MAX;

/// Every broker setting, sorted by name.
pub static BROKER_KEYS: &[ConfigKey] = &[
    ConfigKey::broker(
        "advertised.listeners",
        List,
        None,
        Listeners,
        "Where clients are told to connect; the same as listeners when not set, and needed when the broker listens on every address of the machine.",
    )
    .high(),
    ConfigKey::broker(
        "allow.insecure.listeners",
        Boolean,
        Some("false"),
        Any,
        "Whether to serve anyone who can reach a listener that is not on loopback, without encryption or login; 'walser start --insecure' sets it.",
    )
    .high()
    .differs("Kafka has no such key and always does"),
    ConfigKey::broker(
        "auto.create.topics.enable",
        Boolean,
        Some("true"),
        Any,
        "Whether a topic that a client names in a metadata request is created when it does not exist.",
    )
    .live()
    .high()
    .differs("Kafka reads it only at start"),
    ConfigKey::broker(
        "broker.rack",
        Text,
        None,
        Any,
        "The rack or zone this broker is in, told to clients in metadata.",
    ),
    ConfigKey::broker(
        "compression.gzip.level",
        Int,
        Some("-1"),
        RangeOrDefault(1, 9),
        "Default of the topic setting compression.gzip.level.",
    )
    .live(),
    ConfigKey::broker(
        "compression.type",
        Text,
        Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "Default of the topic setting compression.type.",
    )
    .live()
    .high(),
    ConfigKey::broker(
        "compression.zstd.level",
        Int,
        Some("3"),
        Range(-131_072, 22),
        "Default of the topic setting compression.zstd.level.",
    )
    .live(),
    ConfigKey::broker(
        "connections.max.idle.ms",
        Long,
        Some("600000"),
        Range(-1, LONG_MAX),
        "A connection without a request for this many milliseconds is closed; -1 keeps it for ever.",
    ),
    ConfigKey::broker(
        "default.replication.factor",
        Int,
        Some("1"),
        Range(1, 32_767),
        "How many copies the partitions of a topic have when its creator does not say.",
    ),
    ConfigKey::broker(
        "delete.topic.enable",
        Boolean,
        Some("true"),
        Any,
        "Whether topics can be deleted.",
    )
    .high(),
    ConfigKey::broker(
        "fetch.max.bytes",
        Int,
        Some("57671680"),
        Range(1024, INT_MAX),
        "The most bytes of records one fetch reply carries, whatever the client asks for; a first batch that is larger is sent all the same.",
    ),
    ConfigKey::broker(
        "group.initial.rebalance.delay.ms",
        Int,
        Some("3000"),
        Range(0, INT_MAX),
        "How long the first members of an empty group wait for others, so that a starting application rebalances once.",
    ),
    ConfigKey::broker(
        "group.max.session.timeout.ms",
        Int,
        Some("1800000"),
        Range(1, INT_MAX),
        "The longest session timeout a member may ask for.",
    ),
    ConfigKey::broker(
        "group.max.size",
        Int,
        Some("1000"),
        Range(1, INT_MAX),
        "The most members one group takes; the next is refused with GROUP_MAX_SIZE_REACHED.",
    )
    .differs("Kafka sets no limit; here what peers send never decides how much memory is used"),
    ConfigKey::broker(
        "group.min.session.timeout.ms",
        Int,
        Some("6000"),
        Range(1, INT_MAX),
        "The shortest session timeout a member may ask for.",
    ),
    ConfigKey::broker(
        "listeners",
        List,
        Some("PLAINTEXT://127.0.0.1:9092"),
        Listeners,
        "Where the broker listens; an address other than loopback also needs allow.insecure.listeners, and port 0 takes a free one.",
    )
    .high()
    .differs("Kafka listens on every address unless told otherwise"),
    ConfigKey::broker(
        "log.cleaner.backoff.ms",
        Long,
        Some("15000"),
        Range(0, LONG_MAX),
        "How long the cleaner waits before it looks again, when no log needs compaction.",
    )
    .live(),
    ConfigKey::broker(
        "log.cleaner.dedupe.buffer.size",
        Long,
        Some("134217728"),
        Range(1_048_576, LONG_MAX),
        "The most memory all cleaner threads use for keys while they compact, 16 bytes a key; a log with more keys is compacted in several runs.",
    )
    .live()
    .differs("a key takes 16 bytes, in Kafka 24"),
    ConfigKey::broker(
        "log.cleaner.delete.retention.ms",
        Long,
        Some("86400000"),
        Range(0, LONG_MAX),
        "Default of the topic setting delete.retention.ms.",
    )
    .live(),
    ConfigKey::broker(
        "log.cleaner.enable",
        Boolean,
        Some("true"),
        Any,
        "Whether topics whose cleanup.policy says so are compacted.",
    ),
    ConfigKey::broker(
        "log.cleaner.io.buffer.load.factor",
        Double,
        Some("0.9"),
        Share,
        "How full the cleaner's memory for keys may become; fuller is slower.",
    )
    .live(),
    ConfigKey::broker(
        "log.cleaner.io.max.bytes.per.second",
        Double,
        Some("1.7976931348623157E308"),
        Positive,
        "The most bytes a second that all cleaner threads together read and write.",
    )
    .live(),
    ConfigKey::broker(
        "log.cleaner.max.compaction.lag.ms",
        Long,
        Some("9223372036854775807"),
        Range(1, LONG_MAX),
        "Default of the topic setting max.compaction.lag.ms.",
    )
    .live(),
    ConfigKey::broker(
        "log.cleaner.min.cleanable.ratio",
        Double,
        Some("0.5"),
        Share,
        "Default of the topic setting min.cleanable.dirty.ratio.",
    )
    .live(),
    ConfigKey::broker(
        "log.cleaner.min.compaction.lag.ms",
        Long,
        Some("0"),
        Range(0, LONG_MAX),
        "Default of the topic setting min.compaction.lag.ms.",
    )
    .live(),
    ConfigKey::broker(
        "log.cleaner.threads",
        Int,
        Some("1"),
        Range(0, INT_MAX),
        "How many logs are compacted at the same time; 0 compacts none.",
    )
    .differs("Kafka changes it at run time"),
    ConfigKey::broker(
        "log.cleanup.policy",
        List,
        Some("delete"),
        EachOf(&["compact", "delete"]),
        "Default of the topic setting cleanup.policy.",
    )
    .live(),
    ConfigKey::broker(
        "log.dir",
        Text,
        Some("walser-data"),
        Folder,
        "The folder that holds all data, when log.dirs is not set; 'walser start --data-dir' sets log.dirs.",
    )
    .high()
    .differs("Kafka's is /tmp/kafka-logs"),
    ConfigKey::broker(
        "log.dir.reserve.bytes",
        Long,
        Some("-1"),
        Range(-1, LONG_MAX),
        "How much of the disk producers do not get: below it their records are refused with KAFKA_STORAGE_ERROR until there is room again, while reads, deletes, retention, commits of groups and metadata go on; -1 is 5 % of the disk, at least 1 GiB and at most 5 GiB but never more than a tenth; 0 lets producers fill the disk.",
    )
    .live()
    .differs("Kafka has no such key, fills the disk and then takes the folder offline"),
    ConfigKey::broker(
        "log.dirs",
        List,
        None,
        Folders,
        "The folders that hold the data, one for each disk, separated by commas; wins over log.dir. A new partition goes into the one that has the fewest; when one fails, the partitions of the others go on.",
    )
    .high()
    .differs("Kafka reads nothing from a folder that failed; here what is durable is still read"),
    ConfigKey::broker(
        "log.durability",
        Text,
        Some("fsync"),
        OneOf(&["fsync", "relaxed"]),
        "Default of the topic setting durability.",
    )
    .live()
    .high()
    .differs("Kafka has no such key; its behaviour is relaxed"),
    ConfigKey::broker(
        "log.flush.interval.messages",
        Long,
        Some("9223372036854775807"),
        Range(1, LONG_MAX),
        "Default of the topic setting flush.messages.",
    )
    .live(),
    ConfigKey::broker(
        "log.flush.interval.ms",
        Long,
        None,
        Range(0, LONG_MAX),
        "Default of the topic setting flush.ms; log.flush.scheduler.interval.ms when not set.",
    )
    .live(),
    ConfigKey::broker(
        "log.flush.offset.checkpoint.interval.ms",
        Int,
        Some("60000"),
        Range(1, INT_MAX),
        "How often it is written down up to where the logs are on stable storage, which bounds what a start after a crash must read.",
    )
    .low(),
    ConfigKey::broker(
        "log.flush.scheduler.interval.ms",
        Long,
        Some("9223372036854775807"),
        Range(1, LONG_MAX),
        "Default of the topic setting flush.ms where log.flush.interval.ms is not set either.",
    )
    .low()
    .differs("Kafka looks only this often whether a flush.ms has passed, so that flush.ms alone does nothing there"),
    ConfigKey::broker(
        "log.index.interval.bytes",
        Int,
        Some("4096"),
        Range(0, INT_MAX),
        "Default of the topic setting index.interval.bytes.",
    )
    .live(),
    ConfigKey::broker(
        "log.index.size.max.bytes",
        Int,
        Some("10485760"),
        Range(4, INT_MAX),
        "Default of the topic setting segment.index.bytes.",
    )
    .live(),
    ConfigKey::broker(
        "log.message.timestamp.after.max.ms",
        Long,
        Some("3600000"),
        Range(0, LONG_MAX),
        "Default of the topic setting message.timestamp.after.max.ms.",
    )
    .live(),
    ConfigKey::broker(
        "log.message.timestamp.before.max.ms",
        Long,
        Some("9223372036854775807"),
        Range(0, LONG_MAX),
        "Default of the topic setting message.timestamp.before.max.ms.",
    )
    .live(),
    ConfigKey::broker(
        "log.message.timestamp.type",
        Text,
        Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]),
        "Default of the topic setting message.timestamp.type.",
    )
    .live(),
    ConfigKey::broker(
        "log.retention.bytes",
        Long,
        Some("-1"),
        Range(-1, LONG_MAX),
        "Default of the topic setting retention.bytes.",
    )
    .live()
    .high(),
    ConfigKey::broker(
        "log.retention.check.interval.ms",
        Long,
        Some("300000"),
        Range(1, LONG_MAX),
        "How often segments are looked over for those whose retention has passed.",
    ),
    ConfigKey::broker(
        "log.retention.hours",
        Int,
        Some("168"),
        Range(-1, INT_MAX),
        "Default of the topic setting retention.ms, in hours; log.retention.minutes and log.retention.ms win over it.",
    )
    .high(),
    ConfigKey::broker(
        "log.retention.minutes",
        Int,
        None,
        Range(-1, INT_MAX),
        "Default of the topic setting retention.ms, in minutes; log.retention.ms wins over it.",
    )
    .high(),
    ConfigKey::broker(
        "log.retention.ms",
        Long,
        None,
        Range(-1, LONG_MAX),
        "Default of the topic setting retention.ms; -1 keeps records for ever.",
    )
    .live()
    .high(),
    ConfigKey::broker(
        "log.roll.hours",
        Int,
        Some("168"),
        Range(1, INT_MAX),
        "Default of the topic setting segment.ms, in hours; log.roll.ms wins over it.",
    )
    .high(),
    ConfigKey::broker(
        "log.roll.ms",
        Long,
        None,
        Range(1, LONG_MAX),
        "Default of the topic setting segment.ms.",
    )
    .live()
    .high(),
    ConfigKey::broker(
        "log.scrub.bytes.per.second",
        Long,
        Some("16777216"),
        Range(1, LONG_MAX),
        "The most bytes a second that are read to check all records for damage; 16 MiB are a small part of what any disk reads, and a TiB in 18 hours.",
    )
    .live()
    .differs("Kafka has no such key, and finds damage when a record is read"),
    ConfigKey::broker(
        "log.scrub.interval.ms",
        Long,
        Some("604800000"),
        Range(-1, LONG_MAX),
        "How often all records are checked for damage, from one begin to the next: a week, as what goes bad by itself does so over months; -1 for never.",
    )
    .live()
    .differs("Kafka has no such key, and finds damage when a record is read"),
    ConfigKey::broker(
        "log.segment.bytes",
        Int,
        Some("1073741824"),
        Range(1_048_576, INT_MAX),
        "Default of the topic setting segment.bytes.",
    )
    .live()
    .high(),
    ConfigKey::broker(
        "log.segment.delete.delay.ms",
        Long,
        Some("60000"),
        Range(0, LONG_MAX),
        "Default of the topic setting file.delete.delay.ms.",
    )
    .live(),
    ConfigKey::broker(
        "max.connections",
        Int,
        Some("16384"),
        Range(1, INT_MAX),
        "The most connections at one time; one more is closed as soon as it is accepted.",
    )
    .live()
    .differs("Kafka sets no limit; here what peers do never decides how much memory is used"),
    ConfigKey::broker(
        "max.connections.per.ip",
        Int,
        Some("2147483647"),
        Range(0, INT_MAX),
        "The most connections from one address at one time.",
    )
    .live(),
    ConfigKey::broker(
        "max.incremental.fetch.session.cache.slots",
        Int,
        Some("1000"),
        Range(0, INT_MAX),
        "How many incremental fetch sessions are remembered; a client without one sends its whole list of partitions each time.",
    ),
    ConfigKey::broker(
        "message.max.bytes",
        Int,
        Some("1048588"),
        Range(0, INT_MAX),
        "Default of the topic setting max.message.bytes.",
    )
    .live()
    .high(),
    ConfigKey::broker(
        "metadata.log.dir",
        Text,
        None,
        Folder,
        "The folder with the metadata of the cluster, without which a node does not start; the first of log.dirs when not set. It may be one of those or another.",
    )
    .high(),
    ConfigKey::broker(
        "min.insync.replicas",
        Int,
        Some("1"),
        Range(1, INT_MAX),
        "Default of the topic setting min.insync.replicas.",
    )
    .live()
    .high(),
    ConfigKey::broker(
        "node.id",
        Int,
        Some("1"),
        Range(0, INT_MAX),
        "The number of this broker in its cluster; a data folder belongs to the number that first used it.",
    )
    .high()
    .differs("Kafka has no default"),
    ConfigKey::broker(
        "num.network.threads",
        Int,
        None,
        Range(1, 1024),
        "How many threads serve connections, appends and reads; one for each processor when not set.",
    )
    .differs("Kafka's default is 3, with 8 more in num.io.threads; here one thread carries a request from socket to log"),
    ConfigKey::broker(
        "num.partitions",
        Int,
        Some("1"),
        Range(1, INT_MAX),
        "How many partitions a topic has when its creator does not say.",
    )
    .live()
    .differs("Kafka reads it only at start"),
    ConfigKey::broker(
        "offset.metadata.max.bytes",
        Int,
        Some("4096"),
        Range(0, INT_MAX),
        "The longest text a client may store with a committed offset.",
    ),
    ConfigKey::broker(
        "offsets.retention.check.interval.ms",
        Long,
        Some("600000"),
        Range(1, LONG_MAX),
        "How often committed offsets are looked over for those whose retention has passed.",
    ),
    ConfigKey::broker(
        "offsets.retention.minutes",
        Int,
        Some("10080"),
        Range(1, INT_MAX),
        "How many minutes committed offsets outlive the last member of their group.",
    )
    .high(),
    ConfigKey::broker(
        "offsets.topic.num.partitions",
        Int,
        Some("50"),
        Range(1, INT_MAX),
        "How many partitions __consumer_offsets is created with; not to be changed once it exists.",
    ),
    ConfigKey::broker(
        "offsets.topic.segment.bytes",
        Int,
        Some("104857600"),
        Range(1_048_576, INT_MAX),
        "The segment size of __consumer_offsets.",
    ),
    ConfigKey::broker(
        "producer.id.expiration.ms",
        Int,
        Some("86400000"),
        Range(1, INT_MAX),
        "How many milliseconds a partition remembers an idempotent producer after its last record.",
    )
    .low(),
    ConfigKey::broker(
        "queued.max.request.bytes",
        Long,
        Some("268435456"),
        Range(1_048_576, LONG_MAX),
        "The most bytes that all requests and replies in flight hold together; connections beyond it wait to be read.",
    )
    .high()
    .differs("Kafka sets no limit and counts requests only"),
    ConfigKey::broker(
        "socket.request.max.bytes",
        Int,
        Some("104857600"),
        Range(1024, INT_MAX),
        "The largest request; a connection that announces a larger one is closed.",
    )
    .high(),
    ConfigKey::broker(
        "unclean.leader.election.enable",
        Boolean,
        Some("false"),
        Any,
        "Default of the topic setting unclean.leader.election.enable.",
    )
    .live()
    .high(),
];
