//! The `walser` binary: configuration, wiring, start and stop order, and the command line.
//!
//! Standard output carries data, standard error carries talk; colour and progress bars appear only
//! on a terminal. What goes wrong is said in one place ([`failure`]) with an exit code of its own.

mod cli;
mod descriptors;
mod failure;
mod huge_pages;
mod logging;
mod output;
mod serve;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Verb};
use crate::failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let default_level = match &cli.verb {
        Verb::Start(_) => "info",
        _ => "warn",
    };
    logging::start(cli.log_level.as_deref(), default_level)?;
    match cli.verb {
        Verb::Quickstart(args) => verbs::quickstart::run(&args),
        Verb::Start(args) => verbs::start::run(&args),
        Verb::Topic(verb) => verbs::on_client_runtime(verbs::topic::run(verb)),
        Verb::Group(verb) => verbs::on_client_runtime(verbs::group::run(verb)),
        Verb::Config(verb) => verbs::on_client_runtime(verbs::config::run(verb)),
        Verb::Import(args) => verbs::import::run(&args),
        Verb::Dump(args) => verbs::dump::run(&args),
        Verb::Completions(args) => verbs::reference::completions(&args),
        Verb::Man(args) => verbs::reference::man(&args),
        Verb::Docs(args) => verbs::reference::docs(&args),
    }
}
