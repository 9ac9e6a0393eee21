//! Sockets: TCP on a machine, pipes inside the process in a simulation.
//!
//! A [`Stream`] reads and writes like any tokio stream and can also send from a file. Nagle's
//! algorithm is off: a reply leaves when it is written.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::File;
use crate::sim::SimNet;

/// A network; cheap to clone.
#[derive(Clone, Debug)]
pub enum Net {
    /// The machine's TCP.
    System,
    /// Pipes inside this process.
    Simulated(Arc<SimNet>),
}

/// Accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// The receiving end inside this process.
    Simulated(crate::sim::SimListener),
}

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// A TCP socket.
    Tcp(TcpStream),
    /// A pipe inside this process.
    Simulated(DuplexStream),
}

/// Connections the kernel may hold for us before they are accepted. Kafka's 50 drops a burst of
/// reconnecting clients; a slot costs the kernel a few hundred bytes.
const ACCEPT_BACKLOG: u32 = 1024;

impl Net {
    /// The machine's TCP.
    #[must_use]
    pub fn system() -> Net {
        Net::System
    }

    /// Listens on an address; port 0 takes a free one.
    #[expect(clippy::unused_async, reason = "a bind may resolve or wait in other networks")]
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        match self {
            Net::System => {
                let socket = if address.is_ipv4() {
                    tokio::net::TcpSocket::new_v4()?
                } else {
                    tokio::net::TcpSocket::new_v6()?
                };
                socket.set_reuseaddr(true)?;
                socket.bind(address)?;
                Ok(Listener::Tcp(socket.listen(ACCEPT_BACKLOG)?))
            }
            Net::Simulated(net) => Ok(Listener::Simulated(net.listen(address)?)),
        }
    }

    /// Connects to an address.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        match self {
            Net::System => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Net::Simulated(net) => Ok(Stream::Simulated(net.connect(address)?)),
        }
    }

    /// The addresses behind `host:port`.
    pub async fn resolve(&self, host_and_port: &str) -> io::Result<Vec<SocketAddr>> {
        match self {
            Net::System => Ok(tokio::net::lookup_host(host_and_port).await?.collect()),
            Net::Simulated(_) => match host_and_port.replace("localhost", "127.0.0.1").parse() {
                Ok(address) => Ok(vec![address]),
                Err(_) => Err(io::ErrorKind::NotFound.into()),
            },
        }
    }
}

impl Listener {
    /// The next connection and the address it comes from.
    pub async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Stream::Tcp(stream), peer))
            }
            Listener::Simulated(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Simulated(stream), peer))
            }
        }
    }

    /// Where it listens.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr(),
            Listener::Simulated(listener) => Ok(listener.address()),
        }
    }
}

impl Stream {
    /// Whether a read may bring something. A reader asks before it makes room, so that a connection
    /// that says nothing holds no buffer.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => stream.poll_read_ready(context),
            Stream::Simulated(_) => Poll::Ready(Ok(())),
        }
    }

    /// Sends buffers that more follows at once, such as a region of a file: the kernel keeps a
    /// packet that is not full back for it, and the peer is not woken for the beginning alone.
    pub fn poll_write_more(
        &mut self,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Stream::Tcp(stream) = &*self else {
            return Pin::new(self).poll_write_vectored(context, parts);
        };
        loop {
            ready!(stream.poll_write_ready(context))?;
            let sent = stream.try_io(tokio::io::Interest::WRITABLE, || {
                let mut ancillary = SendAncillaryBuffer::default();
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                Ok(rustix::net::sendmsg(stream, parts, &mut ancillary, flags)?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Sends up to `len` bytes of a file from `position`, from the page cache where the kernel can,
    /// and says how many went.
    pub fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &dyn File,
        position: u64,
        len: usize,
    ) -> Poll<io::Result<usize>> {
        if let (Stream::Tcp(stream), Some(fd)) = (&*self, file.fd()) {
            loop {
                ready!(stream.poll_write_ready(context))?;
                let sent = stream.try_io(tokio::io::Interest::WRITABLE, || {
                    let mut at = position;
                    Ok(rustix::fs::sendfile(&*stream, fd, Some(&mut at), len)?)
                });
                match sent {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => return Poll::Ready(done),
                }
            }
        }
        let mut bytes = vec![0; len.min(COPY_BYTES)];
        let read = file.read_at(&mut bytes, position)?;
        Pin::new(self).poll_write(context, bytes.get(..read).unwrap_or_default())
    }
}

/// How much of a file is copied at a time where the kernel cannot send it.
const COPY_BYTES: usize = 64 * 1024;

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Simulated(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Simulated(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Stream::Simulated(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Stream::Simulated(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Simulated(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
