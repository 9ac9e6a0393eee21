//! What each command does, one file per family; [`crate::cli`] says what they take.

pub(crate) mod config;
pub(crate) mod consume;
pub(crate) mod dump;
pub(crate) mod group;
pub(crate) mod import;
pub(crate) mod produce;
pub(crate) mod quickstart;
pub(crate) mod record_json;
pub(crate) mod reference;
pub(crate) mod start;
pub(crate) mod topic;

use std::time::Duration;

use client::{ClientOptions, Cluster};
use env::Env;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Remote;
use crate::failure::Failure;

/// Runs a command that talks to a broker; one thread is plenty for it.
pub(crate) fn on_client_runtime(
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Connects to the broker that was named.
pub(crate) async fn connect(remote: &Remote) -> Result<Cluster, Failure> {
    let options = ClientOptions {
        connect_timeout: Duration::from_secs(5),
        ..ClientOptions::named("walser-cli")
    };
    Ok(Cluster::connect(&Env::system(), &remote.bootstrap_server, options).await?)
}

/// Asking the process to stop, with SIGTERM or SIGINT. From its making on, neither ends the process
/// by itself.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(crate) fn listen() -> std::io::Result<StopSignals> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves when the process is asked to stop.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
