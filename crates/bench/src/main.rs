//! `walser-bench`: the replay generator and the floor server, from the command line.
//!
//! Exit code 0 means that a result was printed and may be used. Anything else says why on standard
//! error, a refused run with what it counted.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use walser_bench::floor::{Floor, FloorOptions};
use walser_bench::topics::Control;
use walser_bench::{Arrivals, BatchShape, BenchError, Mode, Workload};

/// Replays load against a Kafka broker from static frames, and serves as the floor to compare with.
#[derive(Parser)]
#[command(name = "walser-bench")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a workload and print what came back.
    Replay(Box<Replay>),
    /// Create a topic.
    CreateTopic {
        #[command(flatten)]
        place: Place,
        /// How many partitions.
        #[arg(long, default_value_t = 16)]
        partitions: u32,
        /// A setting of the topic, NAME=VALUE; may be given again.
        #[arg(long = "config", value_parser = setting)]
        configs: Vec<(String, String)>,
    },
    /// Delete a topic.
    DeleteTopic {
        #[command(flatten)]
        place: Place,
    },
    /// Serve as the floor: receive, check, write, answer; the lower bound, not a product.
    Floor {
        /// Port on 127.0.0.1; 0 takes one that is free. The address is printed.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Folder of the files.
        #[arg(long)]
        dir: PathBuf,
        /// MiB after which a partition's file is written from its start again.
        #[arg(long, default_value_t = 64)]
        file_mib: u64,
    },
}

#[derive(Args)]
struct Place {
    /// host:port of the broker.
    #[arg(long)]
    address: String,
    /// The topic.
    #[arg(long, default_value = "bench")]
    topic: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    Produce,
    EndToEnd,
    Fetch,
    Idle,
    Groups,
    Churn,
}

#[derive(Args)]
struct Replay {
    /// host:port of the broker.
    #[arg(long)]
    address: String,
    /// A workload as JSON in this file; the other flags are not looked at.
    #[arg(long)]
    workload: Option<PathBuf>,
    /// What is done.
    #[arg(long, value_enum, default_value_t = ModeName::Produce)]
    mode: ModeName,
    /// The topic; it must be there.
    #[arg(long, default_value = "bench")]
    topic: String,
    /// Partitions of the topic that take part.
    #[arg(long, default_value_t = 16)]
    partitions: u32,
    /// Partitions in a produce request.
    #[arg(long, default_value_t = 1)]
    per_request: u32,
    /// Connections.
    #[arg(long, default_value_t = 4)]
    connections: u32,
    /// Requests in flight on each connection, unless there is a rate.
    #[arg(long, default_value_t = 5)]
    window: u32,
    /// Requests per second, whatever the answers do.
    #[arg(long)]
    rate: Option<f64>,
    /// At random times rather than evenly spread.
    #[arg(long, requires = "rate")]
    poisson: bool,
    /// Records in a batch.
    #[arg(long, default_value_t = 1)]
    records: u32,
    /// Bytes of a record's value.
    #[arg(long, default_value_t = 1000)]
    value_bytes: u32,
    /// 1 or -1.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    acks: i16,
    /// Connections that follow the tail (end to end).
    #[arg(long, default_value_t = 1)]
    consumers: u32,
    /// Upper limit of a fetch response.
    #[arg(long, default_value_t = 1 << 20)]
    response_bytes: u32,
    /// Groups.
    #[arg(long, default_value_t = 1000)]
    groups: u32,
    /// Members of a group.
    #[arg(long, default_value_t = 10)]
    members: u32,
    /// Milliseconds between two commits of a member.
    #[arg(long, default_value_t = 1000)]
    interval_ms: u32,
    /// Seconds before counting starts.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds that are counted.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Do not look at high watermarks and read nothing back.
    #[arg(long)]
    no_verify: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

impl Replay {
    #[expect(clippy::disallowed_methods, reason = "a tool, not the broker")]
    fn workload(&self) -> Result<Workload> {
        if let Some(path) = &self.workload {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            return serde_json::from_slice(&bytes).with_context(|| path.display().to_string());
        }
        let arrivals = match self.rate {
            None => Arrivals::Closed { window: self.window },
            Some(rate) if self.poisson => Arrivals::Poisson { rate },
            Some(rate) => Arrivals::Constant { rate },
        };
        let mode = match self.mode {
            ModeName::Produce => {
                Mode::Produce { arrivals, partitions_per_request: self.per_request }
            }
            ModeName::EndToEnd => Mode::EndToEnd { arrivals, consumers: self.consumers },
            ModeName::Fetch => {
                Mode::Fetch { window: self.window, response_bytes: self.response_bytes }
            }
            ModeName::Idle => Mode::Idle,
            ModeName::Groups => Mode::Groups {
                groups: self.groups,
                members: self.members,
                interval_ms: self.interval_ms,
            },
            ModeName::Churn => Mode::Churn,
        };
        Ok(Workload {
            mode,
            topic: self.topic.clone(),
            partitions: self.partitions,
            connections: self.connections,
            batch: BatchShape { records: self.records, value_bytes: self.value_bytes },
            acks: self.acks,
            warm_up_seconds: self.warm_up,
            seconds: self.seconds,
            verify: !self.no_verify,
            ..Workload::default()
        })
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("walser-bench: {error:#}");
            if let Some(BenchError::Refused { outcome, .. }) = error.downcast_ref() {
                eprint!("{outcome}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Replay(replay) => {
            let outcome = walser_bench::run(&replay.workload()?, resolve(&replay.address)?)?;
            if replay.json {
                println!("{}", serde_json::to_string(&outcome)?);
            } else {
                print!("{outcome}");
            }
        }
        Verb::CreateTopic { place, partitions, configs } => {
            let mut control = Control::connect(resolve(&place.address)?)?;
            control.create_topic(&place.topic, partitions, &configs)?;
        }
        Verb::DeleteTopic { place } => {
            Control::connect(resolve(&place.address)?)?.delete_topic(&place.topic)?;
        }
        Verb::Floor { port, dir, file_mib } => {
            let floor = Floor::bind(&FloorOptions {
                address: SocketAddr::from(([127, 0, 0, 1], port)),
                dir,
                file_bytes_max: file_mib << 20,
            })?;
            println!("listening on {}", floor.address()?);
            floor.run()?;
        }
    }
    Ok(())
}

fn resolve(address: &str) -> Result<SocketAddr> {
    address
        .to_socket_addrs()
        .with_context(|| address.to_owned())?
        .next()
        .with_context(|| format!("{address} is no address"))
}

fn setting(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be NAME=VALUE".to_owned())
}
