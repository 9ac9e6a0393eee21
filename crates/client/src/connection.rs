//! A connection to one node: negotiated versions, pipelined requests, deadlines.
//!
//! Two tasks own the socket. The writer takes whole frames from a queue, as many as are there, and
//! sends them with one vectored write; the reader takes answers and hands each to whoever waits for
//! it. A broker answers in the order of the requests, so what is outstanding is a queue, and an
//! answer with another correlation id than the oldest request's ends the connection.
//!
//! Invariants: a request is in the queue of the outstanding before its first byte is written; after
//! a failure every outstanding and every later request fails with its reason; dropping the last
//! handle ends both tasks. A request whose deadline passes ends the connection: answers come in
//! order, so that nothing behind it would be answered either. A request whose future is dropped does
//! not: its answer, when it comes, is dropped.
//!
//! Deliberately not here: retries, and choosing the node. See [`crate::Cluster`].

mod io;
mod versions;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use wire::{Encoded, Request, frame};

use crate::{ClientError, ClientOptions};

pub use versions::Versions;

/// Requests that wait for the writer before their senders do.
const QUEUE_LEN: usize = 64;
/// Requests that are outstanding before the writer stops sending.
const IN_FLIGHT_MAX: usize = 256;

/// A connection to a node; a clone shares it.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Link,
    versions: Versions,
}

/// The socket's two tasks, before and after negotiation.
#[derive(Debug)]
pub(crate) struct Link {
    address: Arc<str>,
    client_id: String,
    request_timeout: Duration,
    queue: mpsc::Sender<Outgoing>,
    correlation_id: AtomicI32,
    lost: Arc<OnceLock<String>>,
    tasks: [AbortHandle; 2],
}

/// A frame on its way out.
#[derive(Debug)]
struct Outgoing {
    frame: Encoded,
    /// Who waits for the answer; none when there will be none.
    waiter: Option<Waiter>,
}

/// Who waits for which answer.
#[derive(Debug)]
struct Waiter {
    correlation_id: i32,
    answer: oneshot::Sender<Bytes>,
}

impl Connection {
    /// Connects to `address` (`host:port`) and learns which versions the node speaks.
    pub async fn connect(
        env: &Env,
        address: &str,
        options: &ClientOptions,
    ) -> Result<Self, ClientError> {
        let within = options.connect_timeout;
        let attempt = async {
            let link = Link::open(env, address, options).await?;
            let versions = versions::negotiate(&link, within).await?;
            Ok(Connection(Arc::new(Inner { link, versions })))
        };
        env::clock::timeout(within, attempt).await.unwrap_or_else(|| {
            Err(ClientError::Connect {
                address: address.to_owned(),
                kind: std::io::ErrorKind::TimedOut,
                reason: format!("no answer within {} ms", within.as_millis()),
            })
        })
    }

    /// Where it leads, as it was given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0.link.address
    }

    /// What the node said of itself when the connection was made.
    #[must_use]
    pub fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// Whether the connection broke; every request on it fails then.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.link.lost.get().is_some() || self.0.link.queue.is_closed()
    }

    /// The highest version of a request that both sides speak.
    pub fn version<R: Request>(&self) -> Result<i16, ClientError> {
        self.0.versions.common(R::KEY, &R::VERSIONS).map_err(|theirs| ClientError::UnsupportedApi {
            address: self.address().to_owned(),
            api: R::KEY.name(),
            theirs,
        })
    }

    /// Sends a request in the highest version that both sides speak and waits for its answer.
    pub async fn send<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.send_within(request, self.0.link.request_timeout).await
    }

    /// [`Connection::send`] with another deadline, for what the server may make wait.
    pub async fn send_within<R: Request>(
        &self,
        request: &R,
        within: Duration,
    ) -> Result<R::Response, ClientError> {
        self.send_version(request, self.version::<R>()?, within).await
    }

    /// Sends a request in this version, which the caller knows the node to speak.
    pub async fn send_version<R: Request>(
        &self,
        request: &R,
        version: i16,
        within: Duration,
    ) -> Result<R::Response, ClientError> {
        let frame = self.0.link.exchange(request, version, within).await?;
        self.0.link.decode::<R>(frame, version)
    }

    /// Sends a request that is never answered: Produce with no acknowledgement.
    pub async fn send_unanswered<R: Request>(&self, request: &R) -> Result<(), ClientError> {
        let version = self.version::<R>()?;
        let (_, frame) = self.0.link.encode(request, version)?;
        self.0.link.enqueue(Outgoing { frame, waiter: None }).await
    }
}

impl Link {
    async fn open(env: &Env, address: &str, options: &ClientOptions) -> Result<Self, ClientError> {
        let stream = io::connect(&env.net, address).await?;
        let (read_half, write_half) = tokio::io::split(stream);
        let (queue, outgoing) = mpsc::channel(QUEUE_LEN);
        let (expect, expected) = mpsc::channel(IN_FLIGHT_MAX);
        let lost = Arc::new(OnceLock::new());
        let writer = tokio::spawn(io::write(write_half, outgoing, expect, lost.clone()));
        let reader =
            tokio::spawn(io::read(read_half, expected, options.frame_len_max, lost.clone()));
        Ok(Link {
            address: address.into(),
            client_id: options.client_id.clone(),
            request_timeout: options.request_timeout,
            queue,
            correlation_id: AtomicI32::new(0),
            lost,
            tasks: [writer.abort_handle(), reader.abort_handle()],
        })
    }

    fn encode<R: Request>(&self, request: &R, version: i16) -> Result<(i32, Encoded), ClientError> {
        let correlation_id = self.correlation_id.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        frame::encode_request(version, correlation_id, Some(&self.client_id), request)
            .map(|frame| (correlation_id, frame))
            .map_err(|error| ClientError::Encode {
                address: self.address.to_string(),
                api: R::KEY.name(),
                error,
            })
    }

    /// Sends a request and returns the frame of its answer, without its length.
    async fn exchange<R: Request>(
        &self,
        request: &R,
        version: i16,
        within: Duration,
    ) -> Result<Bytes, ClientError> {
        let (correlation_id, frame) = self.encode(request, version)?;
        let (answer, arrives) = oneshot::channel();
        let waiter = Some(Waiter { correlation_id, answer });
        let exchange = async {
            self.enqueue(Outgoing { frame, waiter }).await?;
            arrives.await.map_err(|_| self.lost())
        };
        if let Some(result) = env::clock::timeout(within, exchange).await {
            return result;
        }
        let api = R::KEY.name();
        let _ = self.lost.set(format!("{api} was not answered within {} ms", within.as_millis()));
        self.end();
        Err(ClientError::Timeout { address: self.address.to_string(), api, after: within })
    }

    fn decode<R: Request>(&self, frame: Bytes, version: i16) -> Result<R::Response, ClientError> {
        match frame::decode_response::<R::Response>(frame, version) {
            Ok((_, response)) => Ok(response),
            Err(error) => Err(ClientError::Decode {
                address: self.address.to_string(),
                api: R::KEY.name(),
                error,
            }),
        }
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<(), ClientError> {
        self.queue.send(outgoing).await.map_err(|_| self.lost())
    }

    fn lost(&self) -> ClientError {
        let reason = self.lost.get().cloned().unwrap_or_else(|| "it was closed".to_owned());
        ClientError::ConnectionLost { address: self.address.to_string(), reason }
    }
}

impl Link {
    /// Ends both tasks, and with them the socket and what is outstanding.
    fn end(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
