//! Log lines on standard error: coloured on a terminal, plain elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::failure::Failure;
use crate::output;

/// Starts logging with a filter, or with the level that suits the command.
pub(crate) fn start(filter: Option<&str>, default_level: &str) -> Result<(), Failure> {
    let filter = match filter {
        Some(text) => EnvFilter::try_new(text).map_err(|error| {
            Failure::usage(format!(
                "--log-level (or WALSER_LOG) '{text}' is not a filter: {error}; \
                 give error, warn, info, debug, trace or TARGET=LEVEL with commas between"
            ))
        })?,
        None => EnvFilter::new(default_level),
    };
    fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::has_colour(std::io::stderr().is_terminal()))
        .init();
    Ok(())
}
