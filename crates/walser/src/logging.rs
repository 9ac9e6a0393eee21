//! Log lines on standard error: coloured on a terminal, plain elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::failure::Failure;
use crate::output;

/// Starts logging with a filter, or with the level that suits the command.
pub(crate) fn start(filter: Option<&str>, default_level: &str) -> Result<(), Failure> {
    let filter = match filter {
        Some(text) => EnvFilter::try_new(with_quiet(text)).map_err(|error| {
            Failure::usage(format!(
                "--log-level (or WALSER_LOG) '{text}' is not a filter: {error}; \
                 give error, warn, info, debug, trace or TARGET=LEVEL with commas between"
            ))
        })?,
        None => EnvFilter::new(with_quiet(default_level)),
    };
    fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::has_colour(std::io::stderr().is_terminal()))
        .init();
    Ok(())
}

/// A library that tells of every message it handles speaks up only when it is asked to.
fn with_quiet(filter: &str) -> String {
    const CHATTY: &str = "openraft";
    if filter.contains(CHATTY) { filter.to_owned() } else { format!("{CHATTY}=warn,{filter}") }
}
