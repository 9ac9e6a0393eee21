//! The floor server: what a broker cannot leave out, and nothing else.
//!
//! It receives, checks the CRC-32C of each batch, writes the base offset into it, writes it to the
//! partition's file, and answers; it serves fetches from the same files. It is the practical lower
//! bound that brokers are measured against, not a product: it syncs nothing, forgets everything when
//! it ends, overwrites its files from their start once they are full, trusts its clients with its
//! memory, and knows of the other requests only what the generator and the runner ask.
//!
//! One thread, one epoll. A fetch that finds nothing is parked until something is appended or its
//! time is up.

mod output;
mod partition;
mod serve;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock;
use crate::input::{Filled, Input};
use crate::poller::{Poller, Ready};

use output::Output;
use serve::{Answer, Store};

/// The token of the listener; connections have lower ones.
const LISTENER: usize = usize::MAX >> 1;
const INPUT_BYTES: usize = 256 << 10;
/// How often it looks whether it shall end.
const LOOK_EVERY: u64 = 50_000_000;

/// Where the floor server listens and writes.
#[derive(Clone, Debug)]
pub struct FloorOptions {
    /// Port 0 takes any that is free.
    pub address: SocketAddr,
    /// The folder of the partitions' files; it is created.
    pub dir: PathBuf,
    /// Bytes after which a partition's file is written from its start again.
    pub file_bytes_max: u64,
}

/// A floor server that listens and has yet to be run.
pub struct Floor {
    listener: TcpListener,
    poller: Poller,
    store: Store,
    connections: HashMap<usize, Connection>,
    next_token: usize,
    /// Connections whose fetch waits for an append.
    parked: Vec<usize>,
    stop: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    input: Input,
    /// Answers that are not written.
    output: Output,
    waits_for_room: bool,
    parked: Option<serve::Parked>,
}

impl Floor {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken or the folder cannot be made.
    pub fn bind(options: &FloorOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.address)?;
        listener.set_nonblocking(true)?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        let store = Store::new(options, listener.local_addr()?)?;
        Ok(Floor {
            listener,
            poller,
            store,
            connections: HashMap::new(),
            next_token: 0,
            parked: Vec::new(),
            stop: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Set to true, it makes [`Floor::run`] return.
    #[must_use]
    pub fn stop(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Answers every request for a while with this error code: for tests of who must notice.
    #[must_use]
    pub fn failing_with(mut self, code: i16, after: u64) -> Self {
        self.store.fail_with(code, after);
        self
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// The epoll or the listener fails; what a client does wrong only ends its connection.
    pub fn run(mut self) -> io::Result<()> {
        let mut ready: Vec<Ready> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let now = clock::now();
            let until = self.parked_until().unwrap_or(u64::MAX).min(now + LOOK_EVERY);
            // The timer is set anew only every so often, not at every wake-up.
            let until = until.next_multiple_of(1_000_000);
            self.poller.wait(Some(until), now, &mut ready)?;
            for event in &ready {
                if event.token == LISTENER {
                    self.accept()?;
                    continue;
                }
                if !self.serve(event.token, event.readable) {
                    self.close(event.token);
                }
            }
            self.wake()?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let token = self.next_token;
            self.next_token += 1;
            self.poller.add(&stream, token)?;
            let connection = Connection {
                stream,
                input: Input::new(4 << 10),
                output: Output::default(),
                waits_for_room: false,
                parked: None,
            };
            self.connections.insert(token, connection);
        }
    }

    fn close(&mut self, token: usize) {
        self.connections.remove(&token);
        self.parked.retain(|parked| *parked != token);
    }

    /// Reads, answers and writes; false if the connection is to be closed.
    fn serve(&mut self, token: usize, readable: bool) -> bool {
        let Some(connection) = self.connections.get_mut(&token) else { return true };
        // Until what it asked for has left, or a parked fetch is answered, nothing more is read.
        if readable && connection.parked.is_none() && !connection.waits_for_room {
            match connection.input.fill(&connection.stream) {
                Ok(Filled::Some) => connection.input.grow(INPUT_BYTES),
                Ok(Filled::Nothing) => {}
                Ok(Filled::Closed) | Err(_) => return false,
            }
        }
        Self::answer(token, connection, &mut self.store, &mut self.parked)
            && connection.flush(token, &self.poller).is_ok()
    }

    /// Answers the whole frames that were read, up to one that must wait.
    fn answer(
        token: usize,
        connection: &mut Connection,
        store: &mut Store,
        parked: &mut Vec<usize>,
    ) -> bool {
        while connection.parked.is_none() {
            let frame = match connection.input.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => return false,
            };
            let request = connection.input.bytes_mut(frame);
            match store.answer(request, &mut connection.output) {
                Some(Answer::Done) => {}
                Some(Answer::Park(fetch)) => {
                    connection.parked = Some(fetch);
                    parked.push(token);
                }
                None => return false,
            }
        }
        true
    }

    fn parked_until(&self) -> Option<u64> {
        self.parked
            .iter()
            .filter_map(|token| self.connections.get(token)?.parked.as_ref())
            .map(|fetch| fetch.until)
            .min()
    }

    /// Answers parked fetches for which there is something now, or whose time is up.
    fn wake(&mut self) -> io::Result<()> {
        if self.parked.is_empty() {
            return Ok(());
        }
        let now = clock::now();
        let mut lost = Vec::new();
        for token in std::mem::take(&mut self.parked) {
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            let Some(fetch) = connection.parked.take() else { continue };
            if !self.store.is_due(&fetch, now) {
                connection.parked = Some(fetch);
                self.parked.push(token);
                continue;
            }
            self.store.finish(&fetch, &mut connection.output);
            if !Self::answer(token, connection, &mut self.store, &mut self.parked)
                || connection.flush(token, &self.poller).is_err()
            {
                lost.push(token);
            }
        }
        for token in lost {
            self.close(token);
        }
        Ok(())
    }
}

impl Connection {
    fn flush(&mut self, token: usize, poller: &Poller) -> io::Result<()> {
        let full = self.output.flush(&self.stream)?;
        if full != self.waits_for_room {
            self.waits_for_room = full;
            poller.want_write(&self.stream, token, full)?;
        }
        Ok(())
    }
}
