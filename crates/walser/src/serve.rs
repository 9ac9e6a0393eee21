//! Wiring of a running broker: what is started, in which order, and stopped in reverse.
//!
//! The address is taken first and the data folder second, so that a start which cannot succeed
//! changes nothing. Requests are accepted only when everything beneath is ready.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use broker::Broker;
use broker::config::{BrokerConfig, Listener};
use env::Env;
use env::net::Listener as Socket;
use log::LogDirError;
use metadata::{Endpoint, Security};

use crate::{descriptors, huge_pages};

/// A broker that serves.
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) addresses: Vec<SocketAddr>,
    broker: Arc<Broker>,
    front: kafka::Server,
}

/// Why a broker did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// Another process listens there.
    AddressTaken {
        /// Where.
        address: String,
    },
    /// The data folder cannot be used.
    DataFolder {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Settings do not go with what is in the data folder.
    Settings(String),
    /// The system does not give what a broker needs.
    System(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::AddressTaken { address } => {
                write!(f, "another process listens on {address}")
            }
            StartError::DataFolder { path, reason } => write!(f, "{}: {reason}", path.display()),
            StartError::Settings(text) | StartError::System(text) => f.write_str(text),
        }
    }
}

/// Starts a broker and returns when it takes requests.
pub(crate) async fn serve(config: BrokerConfig) -> Result<Running, StartError> {
    huge_pages::refuse();
    descriptors::raise(config.max_connections);
    let env = Env::system();
    let mut sockets = Vec::new();
    let mut addresses = Vec::new();
    for listener in &config.listeners {
        let socket = listen(&env, listener).await?;
        addresses.push(socket.local_address().map_err(|error| cannot_listen(listener, &error))?);
        sockets.push(socket);
    }
    let endpoints = endpoints(&config, &addresses);
    let folder = config.metadata_log_dir.clone();
    let broker =
        Broker::start(env, config, endpoints).await.map_err(|error| translate(folder, error))?;
    let front = kafka::Server::new(broker.clone());
    for socket in sockets {
        front.listen(socket);
    }
    Ok(Running { addresses, broker, front })
}

impl Running {
    /// Stops cleanly: takes no more requests, syncs and closes every log.
    pub(crate) async fn stop(self) -> Result<(), StartError> {
        self.front.stop().await;
        self.broker.stop().await;
        Ok(())
    }
}

async fn listen(env: &Env, listener: &Listener) -> Result<Socket, StartError> {
    let resolved = env
        .net
        .resolve(&listener.host_and_port())
        .await
        .map_err(|error| cannot_listen(listener, &error))?;
    let Some(address) = resolved.first() else {
        return Err(StartError::Settings(format!("{listener} names no address")));
    };
    env.net.listen(*address).await.map_err(|error| cannot_listen(listener, &error))
}

fn cannot_listen(listener: &Listener, error: &io::Error) -> StartError {
    match error.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressTaken { address: listener.host_and_port() },
        _ => StartError::Settings(format!("cannot listen on {listener}: {error}")),
    }
}

/// Where clients are sent: what is advertised, with the port the system chose in place of 0.
fn endpoints(config: &BrokerConfig, addresses: &[SocketAddr]) -> Vec<Endpoint> {
    let chosen = addresses.first().map_or(0, SocketAddr::port);
    let advertised = config.advertised_listeners.iter();
    advertised
        .map(|listener| Endpoint {
            name: listener.name.clone(),
            host: listener.host.clone(),
            port: if listener.port == 0 { chosen } else { listener.port },
            security: Security::Plaintext,
        })
        .collect()
}

fn translate(path: PathBuf, error: broker::StartError) -> StartError {
    match error {
        broker::StartError::LogDir(error) => of_folder(path, error),
        broker::StartError::Quorum(error) => StartError::DataFolder {
            path,
            reason: format!("its cluster metadata cannot be opened: {error}"),
        },
        broker::StartError::SameFolder { first, second } => StartError::DataFolder {
            path: second,
            reason: format!(
                "is the same log directory as {}, or a copy of it; name each once in log.dirs, and \
                 no copies",
                first.display()
            ),
        },
        broker::StartError::MetadataMissing { metadata, other } => StartError::DataFolder {
            path: metadata,
            reason: format!(
                "the cluster metadata should be in here and is not, and {} belongs to a cluster; \
                 nothing was changed. Mount its disk, or name the folder that has \
                 __cluster_metadata first in log.dirs, or with metadata.log.dir",
                other.display()
            ),
        },
        error @ broker::StartError::NoFolder { .. } => {
            StartError::DataFolder { path, reason: error.to_string() }
        }
        broker::StartError::Thread(error) => StartError::System(error.to_string()),
        broker::StartError::Registration(reason) => StartError::Settings(reason),
    }
}

/// What is wrong with the folder, and what to do.
fn of_folder(folder: PathBuf, error: LogDirError) -> StartError {
    let (path, reason) = match error {
        LogDirError::Locked { path } => {
            let reason = "another process uses this data folder; stop it, or name another folder \
                          with --data-dir";
            (path, reason.to_owned())
        }
        LogDirError::Foreign { path, found } => (
            path,
            format!(
                "this folder holds something else ({}); nothing was touched, name an empty or new \
                 folder with --data-dir",
                found.join(", ")
            ),
        ),
        LogDirError::ForeignKafka { path } => {
            let reason = "this is the data folder of an Apache Kafka broker, as its meta.properties \
                          has no line walser.version=1 (put it back if that file is damaged); \
                          nothing was touched, name an empty or new folder with --data-dir";
            (path, reason.to_owned())
        }
        LogDirError::Unwritable { path, source } => (
            path,
            format!(
                "cannot be written ({source}); give this user the right, or name another folder"
            ),
        ),
        LogDirError::WrongCluster { path, found, expected } => {
            (path, format!("belongs to cluster {found}, not to {expected}"))
        }
        LogDirError::WrongNode { path, found, expected } => (
            path,
            format!(
                "belongs to node {found}, this is node {expected}; set node.id={found}, or name \
                 another folder with --data-dir"
            ),
        ),
        LogDirError::Damaged { path, what } => {
            (path, format!("is damaged: {what}; nothing was changed, restore it from a copy"))
        }
        LogDirError::Log(error) => (folder, error.to_string()),
    };
    StartError::DataFolder { path, reason }
}
