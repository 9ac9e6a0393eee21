//! `cargo xtask compat`: builds the release binary and runs the real clients against it (`compat/run.py`).

use std::process::ExitCode;

use crate::python;

/// Runs the verb; the arguments are `compat/run.py`'s own (`--help` lists them).
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    python::build_and_run("compat/run.py", arguments, &["--kafka", "--bootstrap", "--install-only"])
}
