//! `cargo xtask ci`: everything a change must pass, in the order in which it fails soonest.
//!
//! A person runs exactly what CI runs. `--after-tests` leaves out the workspace's tests, for
//! `.ci/run`, which has run README's test command already.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{bench, compat, dist, fuzz, guide, import, reliability, tidy};

const HELP: &str = "cargo xtask ci [--after-tests]

fmt, tidy, clippy, tests, differential tests, a short fuzzing, real clients, the guide's commands, speed
beside the floor and instructions, the static binary with image and unit, a Kafka folder imported, crashes
and faults of the disk.
  --after-tests  the workspace's tests were run already
";

#[expect(clippy::disallowed_methods, reason = "automation, not the broker")]
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut after_tests = false;
    for argument in arguments {
        match argument.as_str() {
            "--after-tests" => after_tests = true,
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("unknown argument {other}\n\n{HELP}"),
        }
    }
    let start = Instant::now();
    let step = |name: &str| println!("== {name} (after {} s)", start.elapsed().as_secs());

    step("fmt");
    cargo(&["fmt", "--all", "--check"])?;
    step("tidy");
    tidy::check(&tidy::root()?)?;
    step("clippy");
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    if !after_tests {
        step("tests");
        cargo(&["test", "--workspace"])?;
    }
    step("differential tests");
    cargo(&["test", "--manifest-path", "compat/differential/Cargo.toml"])?;
    step("fuzz");
    succeeded("fuzz", fuzz::run(&["--seconds".to_owned(), "5".to_owned()])?)?;
    step("real clients");
    succeeded("compat", compat::run(&["--check".to_owned()])?)?;
    step("guide");
    succeeded("guide", guide::run(&[])?)?;
    step("speed beside the floor, instructions");
    succeeded("bench", bench::run(&["--quick".to_owned()])?)?;
    succeeded("bench", bench::run(&["--counts".to_owned()])?)?;
    step("static binary, image, unit");
    let quick = ["--check", "--profile", "release"].map(str::to_owned);
    succeeded("dist", dist::run(&quick)?)?;
    step("a Kafka broker's folder imported");
    succeeded("import", import::run(&[])?)?;
    step("crashes, faults, damage");
    succeeded("reliability", reliability::run(&["--check".to_owned()])?)?;
    println!("== all passed after {} s", start.elapsed().as_secs());
    Ok(ExitCode::SUCCESS)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let status = Command::new("cargo")
        .args(arguments)
        .current_dir(tidy::root()?)
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}

fn succeeded(name: &str, code: ExitCode) -> Result<()> {
    if code != ExitCode::SUCCESS {
        bail!("{name} failed");
    }
    Ok(())
}
