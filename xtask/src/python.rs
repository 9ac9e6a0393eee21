//! Runs the Python programs under `compat/`, after building the binary they start.
//!
//! Does not install anything: the programs do that themselves, with nothing but Python's standard library.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

/// The root of the checkout.
fn root() -> anyhow::Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest.parent().context("xtask has no folder above it")?.to_path_buf())
}

/// Builds the release binary, unless an argument says that it is not needed, then runs `program`.
pub(crate) fn build_and_run(
    program: &str,
    arguments: &[String],
    without_binary: &[&str],
) -> anyhow::Result<ExitCode> {
    let root = root()?;
    let needless = |argument: &String| {
        let name = argument.split('=').next().unwrap_or_default();
        ["--help", "-h"].contains(&name) || without_binary.contains(&name)
    };
    if !arguments.iter().any(needless) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--package", "walser"])
            .current_dir(&root)
            .status()
            .context("cannot start cargo")?;
        if !built.success() {
            bail!("the release binary does not build");
        }
    }
    let ended = Command::new("python3")
        .arg(root.join(program))
        .args(arguments)
        .current_dir(&root)
        .status()
        .context("cannot start python3, which the clients' harness is written in; install Python 3.9 or newer")?;
    Ok(match ended.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}
