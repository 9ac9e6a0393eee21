//! `cargo xtask bench`: builds the broker and the benchmark, and runs the latter (`crates/bench/src/report`).
//!
//! The report measures what is shipped (`--profile dist`); the two guards of CI measure the release
//! build, which CI has anyway.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::tidy;

/// Runs the verb; the arguments are those of the program (`--help` lists them).
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let root = tidy::root()?;
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // Neither a guard nor a smoke run gives a figure for the report.
    let guard = has("--quick") || has("--counts") || has("--smoke");
    // What measures no broker needs none, and is not worth the longer build.
    let talks = ["--help", "-h", "--list", "--render", "--device"].iter().any(|name| has(name));
    let given = arguments.iter().any(|argument| argument.split('=').next() == Some("--walser"));
    let profile = if guard || talks { "release" } else { "dist" };
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--profile", profile, "--package", "walser-bench"]);
    if !talks && !given {
        build.args(["--package", "walser"]);
    }
    let built = build.current_dir(&root).status().context("cargo cannot be started")?;
    if !built.success() {
        bail!("the benchmark does not build");
    }
    let ended = Command::new(root.join("target").join(profile).join("walser-bench-report"))
        .args(arguments)
        .current_dir(&root)
        .status()
        .context("cannot start the benchmark that was just built")?;
    Ok(match ended.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}
