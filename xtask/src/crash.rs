//! `cargo xtask crash`: what a broker may lose to crashes and faults of its disk, checked in six ways.
//!
//! Owns the list of ways and starts them; the simulated trials are tests of `crates/log` and
//! `crates/metadata`, the others programs under `compat/crash` that drive the release binary. Each leaves
//! its figures as JSON in `target/reliability`, out of which `cargo xtask reliability` makes its page.

mod trials;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{python, tidy};

const HELP: &str = "cargo xtask crash [WAY] [ARGUMENTS]; WAY --help tells more

  kills    kill -9 of the release binary under load (the default)
  trials   the log, compaction and the metadata log on a simulated disk, by seeds; planted bugs
  calls    EIO and ENOSPC at every call of the operating system in a short life
  folders  EIO at every call on one of two log directories: the other must not notice
  damage   truncation and flipped bits in every kind of file
  power    power cut: the disk under the data folder is cloned while the broker writes (root, Linux)
";

/// Where the ways leave their figures.
pub(crate) fn reports() -> Result<PathBuf> {
    Ok(tidy::root()?.join("target/reliability"))
}

/// Runs the verb.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (way, rest) = match arguments.split_first() {
        Some((way, rest)) if !way.starts_with('-') => (way.as_str(), rest),
        _ => ("kills", arguments),
    };
    match way {
        "kills" => python::build_and_run("compat/crash/run.py", rest, &["--kafka", "--self-test"]),
        "trials" => trials::run(rest),
        "calls" => {
            interposed()?;
            python::build_and_run("compat/crash/calls.py", rest, &[])
        }
        "folders" => {
            interposed()?;
            python::build_and_run("compat/crash/folders.py", rest, &[])
        }
        "damage" => python::build_and_run("compat/crash/damage.py", rest, &[]),
        "power" => {
            // Planted bugs are lies of the library that is loaded before.
            if rest.iter().any(|argument| argument.starts_with("--plant")) {
                interposed()?;
            }
            python::build_and_run("compat/crash/power.py", rest, &[])
        }
        "help" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("no way {other}\n\n{HELP}"),
    }
}

/// Builds the broker once more, with calls that a library loaded before can make fail.
fn interposed() -> Result<()> {
    let root = tidy::root()?;
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "walser", "--features", "interposed"])
        .current_dir(&root)
        .status()
        .context("cargo cannot be started")?;
    if !built.success() {
        bail!("the binary for faulty calls does not build");
    }
    let target = root.join("target");
    let folder = target.join("interposed");
    copy(&target.join("release/walser"), &folder)
}

#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
fn copy(binary: &std::path::Path, folder: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::copy(binary, folder.join("walser"))
        .with_context(|| format!("cannot copy {}", binary.display()))?;
    Ok(())
}
