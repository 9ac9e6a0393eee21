//! `cargo xtask reliability`: runs every way of `cargo xtask crash` and writes `docs/reliability.md` out of the
//! figures they leave.
//!
//! The page holds nothing that a run did not write: `docs/reliability.json` has the figures as they came,
//! and a figure that is missing is an error.

mod page;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::{crash, tidy};

const HELP: &str = "cargo xtask reliability [--check | --collect | --render]

Runs the crash tests in their full size and writes docs/reliability.md and docs/reliability.json.
  --check   runs less of what takes long, but all trials, and leaves docs as they are (CI)
  --collect runs nothing: writes both out of what the last run of each way left
  --render  runs nothing: writes the page again out of docs/reliability.json
";

/// What is run, as a person would: the ways of `cargo xtask crash` with their arguments.
const RUNS: [&[&str]; 12] = [
    &["trials", "--trials", "200000"],
    &["kills", "--cycles", "300"],
    &["kills", "--cycles", "5", "--plant"],
    &["damage"],
    &["damage", "--plant"],
    &["power", "--cycles", "100"],
    // The last ones: they build the broker once more, and otherwise it would be built back.
    &["power", "--cycles", "30", "--plant", "no-syncs"],
    &["power", "--cycles", "30", "--plant", "no-journal-syncs"],
    &["calls"],
    &["calls", "--plant"],
    &["folders"],
    &["folders", "--plant"],
];

/// What CI runs in the place of some of them.
const SHORTER: [(&[&str], &[&str]); 2] =
    [(&["calls"], &["calls", "--step", "3"]), (&["folders"], &["folders", "--step", "3"])];

/// Reports that the runs leave.
const REPORTS: [&str; 12] = [
    "trials",
    "kills",
    "kills-plant",
    "calls",
    "calls-plant",
    "folders",
    "folders-plant",
    "damage",
    "damage-plant",
    "power",
    "power-no-syncs",
    "power-no-journal-syncs",
];

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let root = tidy::root()?;
    let page = root.join("docs/reliability.md");
    let kept = root.join("docs/reliability.json");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let figures = measure(&[])?;
            write(&kept, &format!("{}\n", serde_json::to_string_pretty(&figures)?))?;
            write(&page, &page::render(&figures)?)?;
        }
        ["--collect"] => {
            let figures = collect("runs of each part by itself, which may be of earlier commits")?;
            write(&kept, &format!("{}\n", serde_json::to_string_pretty(&figures)?))?;
            write(&page, &page::render(&figures)?)?;
        }
        ["--check"] => {
            let figures = measure(&SHORTER)?;
            let there = crash::reports()?.join("reliability.md");
            write(&there, &page::render(&figures)?)?;
            println!("the page this run would write is target/reliability/reliability.md");
        }
        ["--render"] => write(&page, &page::render(&serde_json::from_str(&read(&kept)?)?)?)?,
        ["--help" | "-h"] => print!("{HELP}"),
        _ => bail!("{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs everything, some of it `otherwise`.
fn measure(otherwise: &[(&[&str], &[&str])]) -> Result<Value> {
    let folder = crash::reports()?;
    for name in REPORTS {
        // What an earlier run left must not be taken for this one's.
        remove(&folder.join(format!("{name}.json")))?;
    }
    for arguments in RUNS {
        let other = otherwise.iter().find(|(full, _)| *full == arguments);
        let arguments = other.map_or(arguments, |(_, shorter)| *shorter);
        println!("-- cargo xtask crash {}", arguments.join(" "));
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        if crash::run(&arguments)? != ExitCode::SUCCESS {
            bail!("cargo xtask crash {} failed", arguments.join(" "));
        }
    }
    collect("one run of `cargo xtask reliability`")
}

/// What the runs left.
fn collect(how: &str) -> Result<Value> {
    let folder = crash::reports()?;
    let mut figures = Map::new();
    figures.insert("how".to_owned(), json!(how));
    figures.insert("date".to_owned(), json!(said(&["date", "-u", "+%Y-%m-%d"])?));
    figures.insert("commit".to_owned(), json!(said(&["git", "rev-parse", "--short", "HEAD"])?));
    figures.insert("machine".to_owned(), json!(machine()?));
    for name in REPORTS {
        let text = read(&folder.join(format!("{name}.json")))?;
        figures.insert(name.to_owned(), serde_json::from_str(&text)?);
    }
    Ok(Value::Object(figures))
}

fn machine() -> Result<String> {
    let processor = read(Path::new("/proc/cpuinfo"))?;
    let model = processor.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{cores} cores of {model}, Linux {}", said(&["uname", "-r"])?))
}

/// What a program prints.
fn said(command: &[&str]) -> Result<String> {
    let (program, arguments) = command.split_first().context("no program")?;
    let output = Command::new(program).args(arguments).current_dir(tidy::root()?).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
