//! `walser topic ...`

use clap::{Args, Subcommand, ValueEnum};

use super::{Assignment, Position, Remote};

#[derive(Debug, Subcommand)]
pub(crate) enum TopicVerb {
    /// Create a topic.
    Create(CreateTopicArgs),
    /// List topics.
    #[command(visible_alias = "ls")]
    List(ListTopicsArgs),
    /// Show a topic: its settings, its partitions and where they end.
    Describe(DescribeTopicsArgs),
    /// Change a topic's settings or add partitions.
    Alter(AlterTopicArgs),
    /// Delete topics with everything in them.
    #[command(visible_alias = "rm")]
    Delete(DeleteTopicsArgs),
    /// Send records read from standard input, one a line.
    ///
    /// A line is a record's value, or key and value with --key-separator, or an object with --json:
    /// {"key": "k", "value": "v", "headers": {"h": "x"}, "partition": 0, "timestamp": 1700000000000}.
    /// Everything but the value may be left out. Bytes that are not UTF-8 are given in hexadecimal
    /// as key_hex and value_hex, which is also how 'topic consume -o json' prints them.
    Produce(ProduceArgs),
    /// Print records.
    ///
    /// Reads what is there and stops; with --follow, or from the end, it goes on until interrupted.
    /// With --group, the partitions are shared among everyone who reads in that group, reading goes
    /// on after what the group has read before, and what was printed is committed.
    Consume(ConsumeArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CreateTopicArgs {
    /// Its name.
    pub(crate) name: String,
    /// How many partitions; the broker's num.partitions when not given.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) partitions: Option<i32>,
    /// How many copies of each partition; the broker's default.replication.factor when not given.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    pub(crate) replication_factor: Option<i16>,
    /// A setting of the topic; may be given many times.
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) config: Vec<Assignment>,
    /// Succeed when there is such a topic already.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct ListTopicsArgs {
    /// Also list the topics the cluster keeps its own state in.
    #[arg(long)]
    pub(crate) internal: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct DescribeTopicsArgs {
    /// Their names.
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args(["partitions", "config", "unset"]))]
pub(crate) struct AlterTopicArgs {
    /// Its name.
    pub(crate) name: String,
    /// How many partitions it shall have; never fewer than it has.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) partitions: Option<i32>,
    /// A setting of the topic; may be given many times.
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) config: Vec<Assignment>,
    /// A setting to go back to its default; may be given many times.
    #[arg(long, value_name = "KEY")]
    pub(crate) unset: Vec<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct DeleteTopicsArgs {
    /// Their names.
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// What to wait for before a record counts as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AcksArg {
    /// Every copy that is in sync.
    All,
    /// The leader.
    #[value(name = "1")]
    Leader,
    /// Nothing.
    #[value(name = "0")]
    None,
}

#[derive(Args, Debug)]
pub(crate) struct ProduceArgs {
    /// The topic; made by the broker when missing, if it is set to.
    pub(crate) topic: String,
    /// Read an object from each line.
    #[arg(long, conflicts_with = "key_separator")]
    pub(crate) json: bool,
    /// What stands between key and value; a line without it is a value without a key.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) key_separator: Option<String>,
    /// The partition for all records; by key, or in turn, when not given.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,
    /// What to wait for before a record counts as sent.
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) acks: AcksArg,
    /// How to compress: none, gzip, snappy, lz4 or zstd.
    #[arg(long, value_name = "CODEC", default_value = "none")]
    pub(crate) compression: records::Codec,
    /// Never show progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Args, Debug)]
pub(crate) struct ConsumeArgs {
    /// The topic.
    pub(crate) topic: String,
    /// Where to begin: start, end, an offset, a time (2026-01-31T12:00:00Z, or local without zone)
    /// or how long ago (15m); start when not given. With --group: start or end, and only where the
    /// group has read nothing yet.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<Position>,
    /// Read one partition only.
    #[arg(short, long, value_name = "N", conflicts_with = "group", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,
    /// Read as a member of this group.
    #[arg(short, long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// Stop after this many records.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,
    /// Wait for more records when all are read.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Print the key and this text before each value.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) key_separator: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}
