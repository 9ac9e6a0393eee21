//! `cargo xtask crash`: builds the release binary and kills it under load (`compat/crash/run.py`).

use std::process::ExitCode;

use crate::python;

/// Runs the verb; the arguments are `compat/crash/run.py`'s own (`--help` lists them).
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    python::build_and_run("compat/crash/run.py", arguments, &["--kafka", "--self-test"])
}
