//! The table of topic settings, sorted by name.
//!
//! A topic key has no default of its own: it takes the value of its strongest broker synonym that is
//! set, or of the first that has a default.

use super::key::Valid::{Any, EachOf, OneOf, Range, RangeOrDefault, Share};
use super::key::ValueType::{Boolean, Double, Int, List, Long, String as Text};
use super::key::{ConfigKey, Synonym};

const INT_MAX: i64 = i32::MAX as i64;
const LONG_MAX: i64 = i64::MAX;

const fn same(name: &'static str) -> Synonym {
    Synonym { name, factor: 1 }
}

const fn times(name: &'static str, factor: i64) -> Synonym {
    Synonym { name, factor }
}

/// Every topic setting, sorted by name.
pub static TOPIC_KEYS: &[ConfigKey] = &[
    ConfigKey::topic(
        "cleanup.policy",
        List,
        EachOf(&["compact", "delete"]),
        &[same("log.cleanup.policy")],
        "What happens to old records: delete drops segments whose retention has passed; compact keeps of the records with one key only the last, and then refuses records without one.",
    ),
    ConfigKey::topic(
        "compression.gzip.level",
        Int,
        RangeOrDefault(1, 9),
        &[same("compression.gzip.level")],
        "The level when compression.type is gzip.",
    ),
    ConfigKey::topic(
        "compression.type",
        Text,
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        &[same("compression.type")],
        "How batches are kept: producer leaves them as they came, anything else compresses a batch anew that came otherwise.",
    ),
    ConfigKey::topic(
        "compression.zstd.level",
        Int,
        Range(-131_072, 22),
        &[same("compression.zstd.level")],
        "The level when compression.type is zstd.",
    ),
    ConfigKey::topic(
        "delete.retention.ms",
        Long,
        Range(0, LONG_MAX),
        &[same("log.cleaner.delete.retention.ms")],
        "How long compaction keeps a record without a value, and the end of a transaction, after it first met it: a consumer that is no further behind than that sees every deletion.",
    ),
    ConfigKey::topic(
        "durability",
        Text,
        OneOf(&["fsync", "relaxed"]),
        &[same("log.durability")],
        "What an acknowledgement with acks=all means: fsync, that the record is on stable storage; relaxed, that it is in the page cache and may be lost when the machine loses power, within what flush.messages and flush.ms allow.",
    )
    .high()
    .differs("Kafka has no such key; its behaviour is relaxed"),
    ConfigKey::topic(
        "file.delete.delay.ms",
        Long,
        Range(0, LONG_MAX),
        &[same("log.segment.delete.delay.ms")],
        "How long the files of a dropped segment stay on disk for those who still read them.",
    )
    .low(),
    ConfigKey::topic(
        "flush.messages",
        Long,
        Range(1, LONG_MAX),
        &[same("log.flush.interval.messages")],
        "With durability=relaxed, how many acknowledged records of a partition may not be on stable storage: with this many it is synced before more are acknowledged, and with 1 every record is. With durability=fsync that is so anyway, and this has no effect.",
    ),
    ConfigKey::topic(
        "flush.ms",
        Long,
        Range(0, LONG_MAX),
        &[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")],
        "With durability=relaxed, after how many milliseconds at most what was appended is synced; with 0, before it is acknowledged. With durability=fsync that is so anyway, and this has no effect.",
    )
    .differs("Kafka heeds it only as often as log.flush.scheduler.interval.ms says, which is never by default; less than 10 ms counts as 10"),
    ConfigKey::topic(
        "index.interval.bytes",
        Int,
        Range(0, INT_MAX),
        &[same("log.index.interval.bytes")],
        "How many bytes of records lie between two entries of an offset index.",
    )
    .low(),
    ConfigKey::topic(
        "max.compaction.lag.ms",
        Long,
        Range(1, LONG_MAX),
        &[same("log.cleaner.max.compaction.lag.ms")],
        "How long a record may stay uncompacted, whatever min.cleanable.dirty.ratio says; segments end by then.",
    ),
    ConfigKey::topic(
        "max.message.bytes",
        Int,
        Range(0, INT_MAX),
        &[same("message.max.bytes")],
        "The largest batch, as it is stored.",
    )
    .high(),
    ConfigKey::topic(
        "message.timestamp.after.max.ms",
        Long,
        Range(0, LONG_MAX),
        &[same("log.message.timestamp.after.max.ms")],
        "How far ahead of the broker's clock a record's own time may be; one further ahead is refused with INVALID_TIMESTAMP.",
    ),
    ConfigKey::topic(
        "message.timestamp.before.max.ms",
        Long,
        Range(0, LONG_MAX),
        &[same("log.message.timestamp.before.max.ms")],
        "How far behind the broker's clock a record's own time may be; one further behind is refused with INVALID_TIMESTAMP.",
    ),
    ConfigKey::topic(
        "message.timestamp.type",
        Text,
        OneOf(&["CreateTime", "LogAppendTime"]),
        &[same("log.message.timestamp.type")],
        "Whose clock stamps records: CreateTime, the producer's; LogAppendTime, the broker's.",
    ),
    ConfigKey::topic(
        "min.cleanable.dirty.ratio",
        Double,
        Share,
        &[same("log.cleaner.min.cleanable.ratio")],
        "The share of a partition's bytes that must be uncompacted before it is compacted: smaller means more often, and less room taken by records that were replaced.",
    ),
    ConfigKey::topic(
        "min.compaction.lag.ms",
        Long,
        Range(0, LONG_MAX),
        &[same("log.cleaner.min.compaction.lag.ms")],
        "How old a record must be before it may be compacted.",
    ),
    ConfigKey::topic(
        "min.insync.replicas",
        Int,
        Range(1, INT_MAX),
        &[same("min.insync.replicas")],
        "How many copies must be in sync for a write with acks=all; with fewer it is refused with NOT_ENOUGH_REPLICAS.",
    )
    .high(),
    ConfigKey::topic(
        "retention.bytes",
        Long,
        Range(-1, LONG_MAX),
        &[same("log.retention.bytes")],
        "How large a partition grows before its oldest segments are dropped; -1 sets no limit.",
    )
    .high(),
    ConfigKey::topic(
        "retention.ms",
        Long,
        Range(-1, LONG_MAX),
        &[
            same("log.retention.ms"),
            times("log.retention.minutes", 60_000),
            times("log.retention.hours", 3_600_000),
        ],
        "How many milliseconds after its newest record a segment is dropped; -1 keeps it for ever.",
    )
    .high(),
    ConfigKey::topic(
        "segment.bytes",
        Int,
        Range(1_048_576, INT_MAX),
        &[same("log.segment.bytes")],
        "How large a segment file grows before the next is begun; retention drops whole segments.",
    ),
    ConfigKey::topic(
        "segment.index.bytes",
        Int,
        Range(4, INT_MAX),
        &[same("log.index.size.max.bytes")],
        "How large an offset index grows before its segment is ended.",
    )
    .low(),
    ConfigKey::topic(
        "segment.ms",
        Long,
        Range(1, LONG_MAX),
        &[same("log.roll.ms"), times("log.roll.hours", 3_600_000)],
        "How many milliseconds after its first record a segment is ended though it is not full, so that retention can drop it.",
    ),
    ConfigKey::topic(
        "unclean.leader.election.enable",
        Boolean,
        Any,
        &[same("unclean.leader.election.enable")],
        "Whether a copy that is not in sync may lead when no other is left, at the price of lost records; in a cluster of one there is nothing to choose from.",
    )
    .high(),
];
