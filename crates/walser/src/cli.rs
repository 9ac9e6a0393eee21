//! The command line, once: parsing, `--help`, completions, man pages and the reference page in
//! `docs/guide/cli.md` all come from these definitions.

mod config;
mod group;
mod topic;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use config::{ConfigVerb, ExplainArgs, ListKeysArgs, ResourceArgs};
pub(crate) use group::{DeleteGroupsArgs, DescribeGroupsArgs, GroupVerb, ListGroupsArgs, SeekArgs};
pub(crate) use topic::{
    AcksArg, AlterTopicArgs, ConsumeArgs, CreateTopicArgs, DeleteTopicsArgs, DescribeTopicsArgs,
    ListTopicsArgs, ProduceArgs, TopicVerb,
};
pub(crate) use values::{Assignment, GroupTarget, OutputFormat, Position};

use crate::failure::ExitMeaning;

/// A distributed messaging system: streams of records in replicated logs, for Kafka's clients.
#[derive(Debug, Parser)]
#[command(name = "walser", version, after_help = ExitMeaning::help(), arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to log to standard error: error, warn, info, debug, trace, or a filter such as
    /// "info,log=debug".
    #[arg(long, global = true, env = "WALSER_LOG", value_name = "FILTER", hide_env_values = true)]
    pub(crate) log_level: Option<String>,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start a broker, show it at work, and keep serving.
    ///
    /// Starts a broker on 127.0.0.1 with its data in one folder, creates a topic, sends records
    /// through it, reads them back through a consumer group, and prints what it did and how fast.
    Quickstart(QuickstartArgs),
    /// Run a broker.
    ///
    /// Settings come from their defaults, the configuration file, WALSER_... environment variables
    /// (WALSER_LOG_RETENTION_MS is log.retention.ms) and --set, each winning over those before it.
    /// SIGTERM and SIGINT stop the broker cleanly.
    Start(StartArgs),
    /// Create, see, change, fill and read topics.
    #[command(subcommand)]
    Topic(TopicVerb),
    /// See consumer groups, move their offsets, delete them.
    #[command(subcommand)]
    Group(GroupVerb),
    /// See which settings there are, what they do and what they are.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Take over the data of a stopped Kafka broker.
    ///
    /// Makes a new data folder with copies of the topics of a Kafka 4 broker in KRaft mode: records
    /// with their offsets, topic ids and settings, and the offsets of consumer groups. Every batch is
    /// checked. The folders it reads are left as they are. What is not taken over is listed; see it
    /// beforehand with --dry-run.
    Import(ImportArgs),
    /// Print what is in a file of a data folder, without a broker.
    ///
    /// Takes segments (.log), offset indexes (.index), time indexes (.timeindex), producer snapshots
    /// (.snapshot), journal files, the catalogue and the list of damaged records (quarantine). Damage
    /// is reported with its position, and exits with 1.
    Dump(DumpArgs),
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Print the man page, or write one for every command into a folder.
    Man(ManArgs),
    /// Write the generated pages of the user guide.
    #[command(hide = true)]
    Docs(DocsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct QuickstartArgs {
    /// The folder for the data; made when missing.
    #[arg(long, value_name = "DIR", default_value = "./walser-data")]
    pub(crate) data_dir: PathBuf,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 9092)]
    pub(crate) port: u16,
    /// How many records to send.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: u64,
    /// Stop after the demonstration.
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StartArgs {
    /// A configuration file: Kafka's server.properties, or TOML when it ends in .toml.
    #[arg(long, value_name = "FILE", env = "WALSER_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// The folder for the data, made when missing; the same as --set log.dirs=DIR. Several, one for
    /// each disk, are separated by commas.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A setting that wins over file and environment; may be given many times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Serve anyone who reaches a listener that is not on loopback, without encryption or login;
    /// the same as --set allow.insecure.listeners=true.
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// A folder of the Kafka broker's log.dirs; once for each.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) from: Vec<PathBuf>,
    /// The Kafka broker's metadata.log.dir, where that is none of them.
    #[arg(long, value_name = "DIR")]
    pub(crate) metadata: Option<PathBuf>,
    /// The data folder to make.
    #[arg(long, value_name = "DIR", default_value = "./walser-data")]
    pub(crate) data_dir: PathBuf,
    /// The node.id that this broker will have.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) node_id: i32,
    /// Check everything and say what would be taken over, without making anything.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}

#[derive(Args, Debug)]
pub(crate) struct DumpArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Also print the records of each batch.
    #[arg(long)]
    pub(crate) records: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Where to write the pages; without it, the main page goes to standard output.
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct DocsArgs {
    /// The folder of the guide.
    #[arg(long, value_name = "DIR")]
    pub(crate) write: PathBuf,
}

/// What every command that talks to a broker takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// A broker to connect to.
    #[arg(
        short,
        long,
        value_name = "HOST:PORT",
        env = "WALSER_BOOTSTRAP_SERVER",
        hide_env_values = true,
        default_value = "127.0.0.1:9092"
    )]
    pub(crate) bootstrap_server: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
}
