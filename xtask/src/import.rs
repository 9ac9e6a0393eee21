//! `cargo xtask import`: builds the release binary and has it import what a real Kafka wrote
//! (`compat/importing/run.py`).

use std::process::ExitCode;

use crate::python;

/// Runs the verb; the arguments are `compat/importing/run.py`'s own (`--help` lists them).
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    python::build_and_run("compat/importing/run.py", arguments, &["--binary"])
}
