//! `cargo xtask tidy`: what the compiler does not hold.
//!
//! - the layer table: who may use whom, against `cargo metadata`;
//! - every source file opens by saying what it owns;
//! - README's two commands are the ones CI runs;
//! - the files and types that ARCHITECTURE.md names exist;
//! - nothing is ignored, and nothing is left to be written;
//! - nothing committed names the machine it was made on.
//!
//! Each check is a function from what it read to a list of complaints, so that its test can hand it
//! a planted fault.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

#[cfg(test)]
mod tests;

/// Which crates of ours each crate may use. Development dependencies are free.
const LAYERS: &[(&str, &[&str])] = &[
    ("env", &[]),
    ("records", &[]),
    ("wire-derive", &[]),
    ("wire", &["wire-derive", "records"]),
    ("log", &["env", "records"]),
    ("client", &["env", "records", "wire"]),
    ("metadata", &["env", "records", "log", "client"]),
    ("replication", &["env", "records", "log", "client", "metadata"]),
    ("coordinators", &["records", "metadata"]),
    ("broker", &["env", "records", "log", "metadata", "replication", "coordinators"]),
    ("kafka", &["env", "broker", "wire", "records"]),
    (
        "walser",
        &[
            "env",
            "records",
            "wire",
            "log",
            "client",
            "metadata",
            "replication",
            "coordinators",
            "broker",
            "kafka",
        ],
    ),
    ("bench", &["records", "wire"]),
    ("xtask", &[]),
];

/// The commands README's first screen has to show, and CI runs.
const README_COMMANDS: [&str; 2] = ["cargo run --release -- quickstart", "cargo test --workspace"];

/// The verb.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    if !arguments.is_empty() {
        bail!("cargo xtask tidy takes no arguments");
    }
    check(&root()?)?;
    Ok(ExitCode::SUCCESS)
}

/// The folder of the repository.
pub fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the repository")?.to_owned())
}

/// Runs every check over the repository at `root`.
pub fn check(root: &Path) -> Result<()> {
    let files = tracked(root)?;
    let mut complaints = layers(&dependencies(root)?);
    for file in &files {
        let path = root.join(file);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if file.ends_with(".rs") {
            complaints.extend(header(file, &text));
            complaints.extend(left_behind(file, &text));
        }
        complaints.extend(machine_names(file, &text));
    }
    let read = |name: &str| {
        std::fs::read_to_string(root.join(name)).with_context(|| format!("{name} is missing"))
    };
    complaints.extend(readme(&read("README.md")?, &read(".ci/run")?));
    let sources: Vec<(String, String)> = files
        .iter()
        .filter(|file| file.ends_with(".rs"))
        .filter_map(|file| {
            std::fs::read_to_string(root.join(file)).ok().map(|text| (file.clone(), text))
        })
        .collect();
    complaints.extend(architecture(&read("ARCHITECTURE.md")?, &files, &sources));
    if complaints.is_empty() {
        println!("tidy: {} files, nothing to complain of", files.len());
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("tidy: {complaint}");
    }
    bail!("tidy: {} complaints", complaints.len());
}

/// Files git knows of, relative to the root.
fn tracked(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root).output()?;
    if !listed.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr));
    }
    let listed = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
    Ok(listed.lines().map(str::to_owned).filter(|file| root.join(file).exists()).collect())
}

/// The crates of ours that each crate of ours uses, by short name.
fn dependencies(root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let short = |name: &str| name.strip_prefix("walser-").unwrap_or(name).to_owned();
    let ours: BTreeSet<&str> =
        packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut found = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        let uses = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| ours.contains(dependency))
            .map(short)
            .collect();
        found.insert(short(name), uses);
    }
    Ok(found)
}

fn layers(uses: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut complaints = Vec::new();
    for (name, uses) in uses {
        let Some(allowed) = table.get(name.as_str()) else {
            complaints
                .push(format!("crate {name} has no row in the layer table of xtask/src/tidy.rs"));
            continue;
        };
        for used in uses.iter().filter(|used| !allowed.contains(&used.as_str())) {
            complaints.push(format!("crate {name} uses {used}, which lies above or beside it"));
        }
    }
    complaints
}

fn header(file: &str, text: &str) -> Option<String> {
    let says = text.lines().next().is_some_and(|first| first.starts_with("//!"));
    (!says).then(|| format!("{file} does not open with //! and what it owns"))
}

fn left_behind(file: &str, text: &str) -> Vec<String> {
    // Put together here, so that this file does not complain of itself.
    let words =
        ["#[ig".to_owned() + "nore", "to".to_owned() + "do!(", "unimple".to_owned() + "mented!("];
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for word in words.iter().filter(|word| line.contains(word.as_str())) {
            complaints.push(format!("{file}:{number} has {word}"));
        }
    }
    complaints
}

fn machine_names(file: &str, text: &str) -> Vec<String> {
    let words = ["/wo".to_owned() + "rk/", "/ro".to_owned() + "ot/"];
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if words.iter().any(|word| line.contains(word.as_str())) {
            complaints.push(format!("{file}:{number} names a folder of one machine"));
        }
    }
    complaints
}

fn readme(readme: &str, ci: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let screen: Vec<&str> = readme.lines().take(40).collect();
    for command in README_COMMANDS {
        if !screen.contains(&command) {
            complaints.push(format!("README's first screen does not show `{command}`"));
        }
        if !ci.contains(command) {
            complaints.push(format!(".ci/run does not run README's `{command}`"));
        }
    }
    complaints
}

/// Names in backticks: a path must exist, a type must be defined somewhere.
fn architecture(text: &str, files: &[String], sources: &[(String, String)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in text.split('`').skip(1).step_by(2) {
        let exists = if name.contains('/') {
            let below = format!("{}/", name.trim_end_matches('/'));
            files.iter().any(|file| file == name || file.starts_with(&below))
        } else if name.ends_with(".rs") {
            files.iter().any(|file| file.rsplit('/').next() == Some(name))
        } else if is_type(name) {
            let type_name = name.split("::").next().unwrap_or(name);
            let defined = |keyword: &str| format!("{keyword} {type_name}");
            let definitions = [defined("struct"), defined("enum"), defined("trait")];
            sources.iter().any(|(_, source)| {
                definitions.iter().any(|definition| source.contains(definition.as_str()))
            })
        } else {
            true
        };
        if !exists {
            complaints.push(format!("ARCHITECTURE.md names {name}, which does not exist"));
        }
    }
    complaints
}

fn is_type(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_'))
}
