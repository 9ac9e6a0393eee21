//! Accepts connections, counts them, and ends them when the broker stops.
//!
//! Over a limit a connection is accepted and closed at once: the client sees a reason to try another
//! broker instead of a wait. Running out of file descriptors stops accepting for a moment and is no
//! fault of the disk.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use env::net::{Listener, Stream};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connection::{Connection, Ended};
use crate::fetch_sessions::FetchSessions;

/// What all connections of a front end share.
pub(crate) struct Shared {
    pub(crate) broker: Arc<Broker>,
    pub(crate) fetch_sessions: FetchSessions,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
    refusals: Refusals,
}

/// Connections refused since that was last written to the log.
#[derive(Default)]
struct Refusals {
    count: u64,
    written_at: Option<Duration>,
}

/// The Kafka front end of a broker.
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

/// How long accepting rests when the process has no descriptors left.
const NO_DESCRIPTORS_PAUSE: Duration = Duration::from_millis(100);

/// Refusals are written to the log this often at most: who floods us with connections must not flood
/// the disk as well.
const REFUSALS_PERIOD: Duration = Duration::from_secs(10);

/// How long the broker waits for its connections to be gone when it stops. They end where they are.
const STOP_WAIT: Duration = Duration::from_secs(2);

impl Server {
    /// A front end over `broker`, listening nowhere yet.
    #[must_use]
    pub fn new(broker: Arc<Broker>) -> Server {
        let slots = broker.config().max_incremental_fetch_session_cache_slots;
        Server {
            shared: Arc::new(Shared {
                broker,
                fetch_sessions: FetchSessions::new(slots),
                counts: Mutex::default(),
            }),
            stop: watch::channel(false).0,
        }
    }

    /// Serves what `listener` accepts until the server stops.
    pub fn listen(&self, listener: Listener) {
        let shared = self.shared.clone();
        let stop = self.stop.subscribe();
        tokio::spawn(accept(shared, listener, stop));
    }

    /// Stops accepting and ends every connection; appends that were made stay made.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = env::clock::timeout(STOP_WAIT, self.stop.closed()).await;
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.counts.lock().total
    }
}

/// Accepts until it is to stop. The connections end with it: none of them has to look whether it is to
/// stop each time it is woken.
async fn accept(shared: Arc<Shared>, mut listener: Listener, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match Place::take(&shared, peer.ip()) {
                Ok(place) => {
                    connections.spawn(serve(stop.clone(), shared.clone(), stream, peer, place));
                }
                Err(limit) => refused(&shared, peer, limit),
            },
            Err(error) => {
                tracing::warn!(%error, "accepting rests for a moment");
                env::clock::sleep(NO_DESCRIPTORS_PAUSE).await;
            }
        }
    }
}

fn refused(shared: &Shared, peer: SocketAddr, limit: &'static str) {
    let now = shared.broker.env().clock.monotonic();
    let refusals = &mut shared.counts.lock().refusals;
    refusals.count += 1;
    if refusals.written_at.is_none_or(|at| now.saturating_sub(at) >= REFUSALS_PERIOD) {
        let Refusals { count, .. } = *refusals;
        tracing::warn!(%peer, limit, count, "connection refused: limit reached");
        *refusals = Refusals { count: 0, written_at: Some(now) };
    }
}

/// Serves a connection to its end. Who stops the server waits for `_alive` to be gone, which is dropped
/// last.
async fn serve(
    _alive: watch::Receiver<bool>,
    shared: Arc<Shared>,
    stream: Stream,
    peer: SocketAddr,
    _place: Place,
) {
    match Connection::new(shared, stream, peer).serve().await {
        Ended::ByPeer => {}
        Ended::Io(error) => tracing::debug!(%peer, %error, "connection lost"),
        Ended::BadLength(len) => {
            tracing::warn!(%peer, len, "connection closed: no frame has this length");
        }
        Ended::Malformed(what) => {
            tracing::warn!(%peer, what, "connection closed: request not understood");
        }
        Ended::Idle => tracing::debug!(%peer, "connection closed: idle"),
        Ended::Stalled => tracing::info!(%peer, "connection closed: half a request"),
        Ended::SlowReader => tracing::info!(%peer, "connection closed: takes no answers"),
    }
}

/// A counted place among the connections, given up by dropping it.
struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Place {
    fn take(shared: &Arc<Shared>, address: IpAddr) -> Result<Place, &'static str> {
        let config = shared.broker.config();
        let mut counts = shared.counts.lock();
        if counts.total >= config.max_connections {
            return Err("max.connections");
        }
        let here = counts.by_address.entry(address).or_default();
        if *here >= config.max_connections_per_ip {
            return Err("max.connections.per.ip");
        }
        *here += 1;
        counts.total += 1;
        Ok(Place { shared: shared.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.shared.counts.lock();
        counts.total -= 1;
        if let Some(here) = counts.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}
