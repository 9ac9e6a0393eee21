//! `cargo xtask crash trials`: seeds for the crash tests of `crates/log`, built for speed, and those of
//! `crates/metadata`.
//!
//! Does not know what a trial is: it passes the seeds on, shows what the tests print, and keeps their
//! figures.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::reports;
use crate::tidy;

const HELP: &str = "cargo xtask crash trials [--trials N] [--from SEED] [--seed SEED]

  --trials N   how many (default 200000); each has a seed of its own, the first is --from's
  --from SEED  where to begin (default 0): a long search goes on where the last one ended
  --seed SEED  replays one trial and tells each step
";

/// Trials unless told otherwise, as CI runs them.
const TRIALS: u64 = 200_000;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut trials, mut from, mut seed) = (TRIALS, 0, None);
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut number = || -> Result<u64> {
            let value = rest.next().with_context(|| format!("{name} needs a number"))?;
            value.parse().with_context(|| format!("{name} needs a number, not {value}"))
        };
        match name.as_str() {
            "--trials" => trials = number()?,
            "--from" => from = number()?,
            "--seed" => seed = Some(number()?),
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("unknown argument {other}\n\n{HELP}"),
        }
    }
    if let Some(seed) = seed {
        let seed = seed.to_string();
        let log = ["test", "--release", "--quiet", "--package", "walser-log", "--test", "crash"];
        let (passed, _) = test(&log, "nothing_acknowledged", &[("WALSER_CRASH_SEED", &seed)])?;
        return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }

    let mut figures = Map::new();
    let log = ["test", "--release", "--quiet", "--package", "walser-log", "--test", "crash"];
    let (passed, lines) = test(&log, "planted_bugs", &[])?;
    let planted: Vec<Value> = lines.iter().filter_map(|line| planted(line)).collect();
    if !passed || planted.is_empty() {
        bail!("a planted bug was not noticed: the trials would prove nothing");
    }
    figures.insert("planted".to_owned(), Value::Array(planted));

    let counts = (trials.to_string(), from.to_string());
    let seeds = [("WALSER_CRASH_TRIALS", &*counts.0), ("WALSER_CRASH_FROM", &*counts.1)];
    let (passed, lines) = test(&log, "nothing_acknowledged", &seeds)?;
    if !passed {
        println!("a trial failed; `cargo xtask crash trials --seed SEED` replays it");
        return Ok(ExitCode::FAILURE);
    }
    let report = lines.iter().find_map(|line| line.strip_prefix("REPORT "));
    let report: Value = serde_json::from_str(report.context("the trials left no report")?)?;
    figures.insert("log".to_owned(), report);

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

/// `planted: NAME; noticed by trial N: WHY`.
fn planted(line: &str) -> Option<Value> {
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
