//! `cargo xtask bench`: Walser beside Apache Kafka and beside the floor, and two guards of CI.
//!
//! In the order of the way: `scenarios` says what is measured, `peers` starts the programs, `measure`
//! puts load on them with the generator of `walser_bench` and reads what they used (`usage`),
//! `results` keeps every repeat, `page` and `plot` show them. `quick` and `counts` are the guards.

mod ballast;
mod counts;
mod device;
mod goals;
mod machine;
mod measure;
mod page;
mod peers;
mod plot;
mod quick;
mod results;
mod scenarios;
mod storage;
mod talk;
mod usage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::measure::{Options, Session};
use crate::peers::{Kafka, Kind, Programs};
use crate::results::Results;
use crate::scenarios::Scenario;

/// Descriptors for 10,000 connections and all logs, on both sides.
const OPEN_FILES: u64 = 65_536;

/// Measures Walser beside Apache Kafka and beside the floor.
///
/// Without an option: everything, into docs/benchmarks. Takes about an hour on two cores that have
/// nothing else to do; docs/benchmarks/README.md says what each part costs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", version)]
struct Cli {
    /// Walser and the floor only, short, against the limits kept in the repository
    #[arg(long, conflicts_with_all = ["counts", "render"])]
    quick: bool,
    /// Instructions per request under callgrind, against the counts kept in the repository
    #[arg(long, conflicts_with = "render")]
    counts: bool,
    /// What the disk can do for durability, without any broker
    #[arg(long, conflicts_with_all = ["quick", "counts", "render"])]
    device: bool,
    /// With --quick or --counts: keep what is measured now as what is compared with
    #[arg(long)]
    write: bool,
    /// Storage scenarios at a part of their size (by default a hundredth), all short and once, into the
    /// scratch folder: whether they run at all
    #[arg(
        long,
        value_name = "PART",
        num_args = 0..=1,
        default_missing_value = "100",
        value_parser = clap::value_parser!(u32).range(1..=1000),
        conflicts_with_all = ["quick", "counts", "device", "render", "missing"]
    )]
    smoke: Option<u32>,
    /// Write the report and its plots again from the numbers there are
    #[arg(long)]
    render: bool,
    /// List the scenarios
    #[arg(long)]
    list: bool,
    /// Only these scenarios, by name or by the beginning of their names; `storage` is all of the storage
    /// engine's
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    only: Vec<String>,
    /// Only what has no complete result yet: goes on with a run that was cut short
    #[arg(long)]
    missing: bool,
    /// Turns of every program
    #[arg(long, value_name = "N")]
    repeats: Option<u32>,
    /// Counted seconds of a repeat
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Seconds for which Kafka's JVM is warmed in each turn
    #[arg(long, default_value_t = 90.0, value_name = "SECONDS")]
    warm_up: f64,
    /// Leave out Apache Kafka
    #[arg(long)]
    without_kafka: bool,
    /// The binary to measure; by default the one that was built
    #[arg(long, value_name = "FILE")]
    walser: Option<PathBuf>,
    /// A statically linked binary whose size is told in the report
    #[arg(long, value_name = "FILE")]
    static_binary: Option<PathBuf>,
    /// Where results and report go; by default docs/benchmarks
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Where logs lie meanwhile; by default target/bench
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Size of the tmpfs for the logs
    #[arg(long, default_value_t = 12, value_name = "GIB")]
    memory: u64,
    /// How long to wait for an idle machine before each turn
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo xtask bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    let root = root()?;
    let mut scenarios = chosen(cli, scenarios::all())?;
    if let Some(part) = cli.smoke {
        scenarios =
            scenarios.into_iter().map(|scenario| scenarios::smoke(scenario, part)).collect();
    }
    if cli.list {
        for scenario in &scenarios {
            let quick = if scenario.quick { "quick" } else { "" };
            println!(
                "{:<13} {quick:<6} {}: {}",
                scenario.name,
                scenario.section.title(),
                scenario.title
            );
        }
        return Ok(ExitCode::SUCCESS);
    }
    let ours = root.join("crates/bench");
    let scratch = cli.scratch.clone().unwrap_or_else(|| root.join("target/bench"));
    let beside = std::env::current_exe()?;
    let beside = beside.parent().context("this program lies in a folder")?;
    let walser = cli.walser.clone().unwrap_or_else(|| beside.join("walser"));
    if cli.counts {
        return counts::run(&walser, &ours.join("instructions.json"), &scratch, cli.write);
    }
    let usual =
        if cli.smoke.is_some() { scratch.join("smoke") } else { root.join("docs/benchmarks") };
    let output = cli.output.clone().unwrap_or(usual);
    if cli.render {
        let raw = raw_file(&output, None)?;
        page::write(&Results::load(&raw)?, &scenarios::all(), &raw)?;
        println!("{}", output.display());
        return Ok(ExitCode::SUCCESS);
    }
    let open_files = machine::raise_open_files(OPEN_FILES)?;
    if cli.device {
        device::run(&scratch)?;
        return Ok(ExitCode::SUCCESS);
    }
    if open_files < 12_000 {
        eprintln!("only {open_files} open files are allowed: 10,000 connections will not fit");
    }
    let mut programs =
        Programs { walser: walser.clone(), floor: beside.join("walser-bench"), kafka: None };
    let options = |seconds: f64, repeats: u32, kinds: Vec<Kind>, output: PathBuf| Options {
        repeats: cli.repeats.unwrap_or(repeats).max(1),
        seconds: cli.seconds.unwrap_or(seconds),
        warm_up_seconds: cli.warm_up,
        idle_share: 0.85,
        idle_wait: Duration::from_secs(cli.patience),
        memory_gib: cli.memory,
        scratch: scratch.clone(),
        output,
        kinds,
    };
    if cli.quick {
        let short: Vec<Scenario> =
            scenarios.into_iter().filter(|scenario| scenario.quick).collect();
        let begin = || {
            let kinds = vec![Kind::Walser, Kind::Floor];
            let mut options = options(0.8, 3, kinds, scratch.join("quick.json"));
            // Ten seconds of patience: in CI nothing else runs, and a ratio survives a little noise.
            options.idle_wait = Duration::from_secs(cli.patience.min(10));
            Session::new(programs.clone(), options, Results::default())
        };
        return quick::run(&begin, &short, &ours.join("limits.json"), cli.write);
    }
    if !cli.without_kafka {
        programs.kafka = Some(Kafka::install(&root)?);
    }
    let kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| *kind != Kind::Kafka || !cli.without_kafka).collect();
    let raw = raw_file(&output, programs.kafka.as_ref())?;
    let mut results = Results::load(&raw)?;
    describe(&mut results, &programs, &walser, cli.static_binary.as_deref())?;
    let mut options = if cli.smoke.is_some() {
        options(0.5, 1, kinds, raw.clone())
    } else {
        options(4.0, 3, kinds, raw.clone())
    };
    if cli.smoke.is_some() {
        options.warm_up_seconds = options.warm_up_seconds.min(1.0);
        options.idle_wait = Duration::ZERO;
    }
    let scenarios = if cli.missing { missing(&scenarios, &results, &options) } else { scenarios };
    let began = machine::now();
    let mut session = Session::new(programs, options, results)?;
    session.run(&scenarios)?;
    let failures = session.failures.clone();
    let results = session.into_results();
    results.save(&raw)?;
    page::write(&results, &scenarios::all(), &raw)?;
    println!("{} after {:.0} s", output.display(), began.elapsed().as_secs_f64());
    if cli.smoke.is_some() {
        println!("a smoke run: sizes are not those that the page names, and no figure counts");
    }
    for failure in &failures {
        eprintln!("FAILED {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The scenarios that were asked for; a name that fits none is an error.
fn chosen(cli: &Cli, all: Vec<Scenario>) -> Result<Vec<Scenario>> {
    for name in &cli.only {
        if !all.iter().any(|scenario| scenario.is_called(name)) {
            bail!("no scenario begins with {name}; --list shows all");
        }
    }
    let wanted = |scenario: &Scenario| {
        cli.only.is_empty() || cli.only.iter().any(|name| scenario.is_called(name))
    };
    Ok(all.into_iter().filter(wanted).collect())
}

/// Those of which some program has fewer repeats than asked for.
fn missing(scenarios: &[Scenario], results: &Results, options: &Options) -> Vec<Scenario> {
    let whole = |scenario: &Scenario| {
        let Some(measured) = results.scenarios.get(scenario.name) else { return false };
        options.kinds.iter().all(|kind| {
            let runs = measured.runs.iter().filter(|run| run.program == *kind).count();
            u32::try_from(runs).is_ok_and(|runs| runs >= scenario.repeats(*kind, options.repeats))
        })
    };
    scenarios.iter().filter(|scenario| !whole(scenario)).cloned().collect()
}

/// The file of raw results: named after Kafka's version, or the one that is there.
fn raw_file(folder: &Path, kafka: Option<&Kafka>) -> Result<PathBuf> {
    if let Some(kafka) = kafka {
        return Ok(folder.join(format!("kafka-{}.json", kafka.version)));
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("kafka-") && name.ends_with(".json")
    });
    // The names of versions sort well enough for the few that there will be.
    Ok(found.max().unwrap_or_else(|| folder.join("kafka-none.json")))
}

/// What each program is, into the results.
fn describe(
    results: &mut Results,
    programs: &Programs,
    walser: &Path,
    static_binary: Option<&Path>,
) -> Result<()> {
    let size = |path: &Path| -> Result<String> {
        let bytes = std::fs::metadata(path)
            .with_context(|| format!("there is no {}", path.display()))?
            .len();
        Ok(format!("{:.1} MB", f64::from(u32::try_from(bytes / 1000)?) / 1000.0))
    };
    let mut about = BTreeMap::new();
    let version = std::process::Command::new(walser)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot start {}", walser.display()))?;
    about.insert("version".to_owned(), String::from_utf8_lossy(&version.stdout).trim().to_owned());
    about.insert("binary".to_owned(), size(walser)?);
    if let Some(path) = static_binary {
        about.insert("static binary".to_owned(), size(path)?);
    } else if let Some(before) =
        results.programs.get(&Kind::Walser).and_then(|about| about.get("static binary"))
    {
        about.insert("static binary".to_owned(), before.clone());
    }
    let commit =
        std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    if let Ok(commit) = commit {
        about
            .insert("commit".to_owned(), String::from_utf8_lossy(&commit.stdout).trim().to_owned());
    }
    results.programs.insert(Kind::Walser, about);
    if let Some(kafka) = &programs.kafka {
        let about = BTreeMap::from([
            ("version".to_owned(), format!("Apache Kafka {}", kafka.version)),
            ("java".to_owned(), kafka.java.clone()),
            (
                "flags".to_owned(),
                "-Xmx1G -Xms1G and the others of kafka-server-start.sh".to_owned(),
            ),
        ]);
        results.programs.insert(Kind::Kafka, about);
    }
    let floor = "one thread, one epoll: receives, checks CRC-32C, sets the offset, writes, answers; no features".to_owned();
    results.programs.insert(Kind::Floor, BTreeMap::from([("what".to_owned(), floor)]));
    Ok(())
}

/// The folder of the repository.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.ancestors().nth(2).context("the crate lies in the repository")?.to_owned())
}
