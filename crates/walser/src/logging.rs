//! Log lines on standard error: coloured on a terminal, plain elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;
use crate::output;

/// Starts logging with a filter, or with the level that suits the command.
pub(crate) fn start(filter: Option<&str>, default_level: &str) -> Result<(), Failure> {
    let text = filter.unwrap_or(default_level);
    let filter: Targets = with_quiet(text).parse().map_err(|error| {
        Failure::usage(format!(
            "--log-level (or WALSER_LOG) '{text}' is not a filter: {error}; \
             give error, warn, info, debug, trace or TARGET=LEVEL with commas between"
        ))
    })?;
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(output::has_colour(std::io::stderr().is_terminal()));
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(())
}

/// A library that tells of every message it handles speaks up only when it is asked to.
fn with_quiet(filter: &str) -> String {
    const CHATTY: &str = "openraft";
    if filter.contains(CHATTY) { filter.to_owned() } else { format!("{CHATTY}=warn,{filter}") }
}
