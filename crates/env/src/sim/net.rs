//! A network inside the process: an address leads to a listener, a connection is a pipe.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use parking_lot::Mutex;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

/// Bytes a pipe holds before the writer waits.
const PIPE_BYTES: usize = 64 * 1024;

/// All listeners of one simulation.
#[derive(Debug, Default)]
pub struct SimNet {
    listeners: Mutex<BTreeMap<SocketAddr, mpsc::UnboundedSender<(DuplexStream, SocketAddr)>>>,
}

/// The receiving end of an address.
#[derive(Debug)]
pub struct SimListener {
    address: SocketAddr,
    arrivals: mpsc::UnboundedReceiver<(DuplexStream, SocketAddr)>,
}

impl SimNet {
    /// Listens; port 0 takes the first free one from 10000.
    pub fn listen(&self, mut address: SocketAddr) -> io::Result<SimListener> {
        let mut listeners = self.listeners.lock();
        if address.port() == 0 {
            address.set_port(10_000);
            while listeners.contains_key(&address) {
                address.set_port(address.port() + 1);
            }
        }
        if listeners.get(&address).is_some_and(|listener| !listener.is_closed()) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, arrivals) = mpsc::unbounded_channel();
        listeners.insert(address, sender);
        Ok(SimListener { address, arrivals })
    }

    /// Connects to a listener.
    pub fn connect(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        let listeners = self.listeners.lock();
        let Some(listener) = listeners.get(&address) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let (ours, theirs) = duplex(PIPE_BYTES);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        listener.send((theirs, peer)).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ours)
    }
}

impl SimListener {
    pub(crate) async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        self.arrivals.recv().await.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
