//! `cargo xtask guide`: builds the release binary and runs the commands of docs/guide (`compat/guide/run.py`).

use std::process::ExitCode;

use crate::python;

/// Runs the verb; the arguments are `compat/guide/run.py`'s own (`--help` lists them).
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    python::build_and_run("compat/guide/run.py", arguments, &["--list"])
}
