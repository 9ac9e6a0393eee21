//! `cargo xtask crash trials`: seeds for the crash tests of `crates/log`, of its partitions and of
//! compaction, built for speed, and those of `crates/metadata`.
//!
//! Does not know what a trial is: it passes the seeds on, shows what the tests print, and keeps their
//! figures.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::reports;
use crate::tidy;

const HELP: &str = "cargo xtask crash trials [--trials N] [--from SEED] [--seed SEED] [--only KIND]

  --trials N   how many of the log (default 200000); each has a seed of its own, the first is --from's.
               One of compaction comes with each twenty of them
  --from SEED  where to begin (default 0): a long search goes on where the last one ended
  --seed SEED  replays one trial and tells each step: of the log, or of what --only says
  --only KIND  `log` or `compaction`: no others, --trials of them, and no figures are kept
";

/// Trials of the log unless told otherwise, as CI runs them.
const TRIALS: u64 = 200_000;
/// Trials of the log for each one of compaction.
const FOR_EACH_OF_COMPACTION: u64 = 20;

/// Trials that are tests of `crates/log`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// Of the test, and of the figures.
    name: &'static str,
    figures: &'static str,
    /// How the name of the test itself begins.
    trials: &'static str,
    /// What the variables begin with that it takes its seeds from.
    variables: &'static str,
}

const LOG: Kind = Kind {
    name: "crash",
    figures: "log",
    trials: "nothing_acknowledged",
    variables: "WALSER_CRASH",
};

const COMPACTION: Kind = Kind {
    name: "compaction",
    figures: "compaction",
    trials: "the_last_value",
    variables: "WALSER_COMPACTION",
};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut trials, mut from, mut seed, mut only) = (TRIALS, 0, None, None);
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{name} needs a value"));
        let mut number = || -> Result<u64> {
            let value = value()?;
            value.parse().with_context(|| format!("{name} needs a number, not {value}"))
        };
        match name.as_str() {
            "--trials" => trials = number()?,
            "--from" => from = number()?,
            "--seed" => seed = Some(number()?),
            "--only" => {
                let kind = value()?;
                let known = [LOG, COMPACTION].into_iter().find(|known| known.figures == kind);
                only = Some(known.with_context(|| format!("no trials of {kind}\n\n{HELP}"))?);
            }
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("unknown argument {other}\n\n{HELP}"),
        }
    }
    if let Some(seed) = seed {
        let passed = only.unwrap_or(LOG).replay(seed)?;
        return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if let Some(kind) = only {
        let report = kind.search(trials, from)?;
        return Ok(if report.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }

    let mut figures = Map::new();
    let mut planted = Vec::new();
    for kind in [LOG, COMPACTION] {
        let (passed, lines) = test(&kind.command(), "planted_bugs", &[])?;
        let noticed: Vec<Value> = lines.iter().filter_map(|line| planted_bug(line)).collect();
        if !passed || noticed.is_empty() {
            bail!("a planted bug was not noticed: the trials would prove nothing");
        }
        planted.extend(noticed);
    }
    figures.insert("planted".to_owned(), Value::Array(planted));

    for (kind, share) in [(LOG, 1), (COMPACTION, FOR_EACH_OF_COMPACTION)] {
        let Some(report) = kind.search(trials.div_ceil(share), from / share)? else {
            return Ok(ExitCode::FAILURE);
        };
        figures.insert(kind.figures.to_owned(), report);
    }

    let metadata = ["test", "--quiet", "--package", "walser-metadata", "--lib"];
    let (passed, lines) = test(&metadata, "quorum::tests::crash", &[])?;
    let crashes = lines.iter().filter_map(|line| line.split_once(" crashes over "));
    // Dots of the test runner may stand before the number.
    let counts = crashes.map(|(count, _)| count.trim_start_matches('.').trim().parse::<u64>());
    let crashes: u64 = counts.filter_map(std::result::Result::ok).sum();
    if !passed || crashes == 0 {
        bail!("the crashes of the metadata log failed, or there were none");
    }
    figures.insert("metadata".to_owned(), json!({ "crashes": crashes }));
    keep(&Value::Object(figures))?;
    Ok(ExitCode::SUCCESS)
}

impl Kind {
    fn command(self) -> [&'static str; 7] {
        ["test", "--release", "--quiet", "--package", "walser-log", "--test", self.name]
    }

    fn replay(self, seed: u64) -> Result<bool> {
        let variable = format!("{}_SEED", self.variables);
        let seed = seed.to_string();
        Ok(test(&self.command(), self.trials, &[(&variable, &seed)])?.0)
    }

    /// Runs trials and returns their figures; nothing where one failed.
    fn search(self, trials: u64, from: u64) -> Result<Option<Value>> {
        println!("-- {trials} trials of {}, from seed {from} on", self.figures);
        let names = (format!("{}_TRIALS", self.variables), format!("{}_FROM", self.variables));
        let counts = (trials.to_string(), from.to_string());
        let seeds = [(&*names.0, &*counts.0), (&*names.1, &*counts.1)];
        let (passed, lines) = test(&self.command(), self.trials, &seeds)?;
        if !passed {
            println!(
                "a trial failed; `cargo xtask crash trials --only {} --seed SEED` replays it",
                self.figures
            );
            return Ok(None);
        }
        let report = lines.iter().find_map(|line| line.strip_prefix("REPORT "));
        Ok(Some(serde_json::from_str(report.context("the trials left no report")?)?))
    }
}

/// `planted: NAME; noticed by trial N: WHY`.
fn planted_bug(line: &str) -> Option<Value> {
    let (name, rest) = line.strip_prefix("planted: ")?.split_once("; noticed by trial ")?;
    let (trial, _) = rest.split_once(": ")?;
    Some(json!({ "bug": name, "noticed by trial": trial.parse::<u64>().ok()? }))
}

/// Runs the tests of that name, shows what they print and returns it.
fn test(command: &[&str], name: &str, seeds: &[(&str, &str)]) -> Result<(bool, Vec<String>)> {
    let mut child = Command::new("cargo")
        .args(command)
        .args([name, "--", "--nocapture"])
        .envs(seeds.iter().copied())
        .current_dir(tidy::root()?)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().context("the tests have no output")?).lines() {
        let line = line?;
        if !line.trim().is_empty() && !line.starts_with("REPORT ") {
            println!("{line}");
        }
        lines.push(line);
    }
    Ok((child.wait()?.success(), lines))
}

#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
fn keep(figures: &Value) -> Result<()> {
    let folder = reports()?;
    std::fs::create_dir_all(&folder)?;
    let text = format!("{}\n", serde_json::to_string_pretty(figures)?);
    std::fs::write(folder.join("trials.json"), text).context("cannot write trials.json")
}
