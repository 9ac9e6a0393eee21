//! A cluster as a client sees it: connections to its nodes, and what is known of its topics.
//!
//! Owns one connection a node, made when first needed and made anew when it broke, and a cache of
//! topics and coordinators, which handles with connections of their own
//! ([`Cluster::with_own_connections`]) share. What turns out to be stale is forgotten by whoever notices
//! ([`Cluster::forget_topic`], [`Cluster::forget_coordinator`]) and asked for again on next use.
//!
//! Locks: `known` and `slots` are held for map operations only, never over a wait; a slot's own lock
//! is held while its connection is made, so that many callers make one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use parking_lot::Mutex;
use wire::messages::find_coordinator::FindCoordinatorRequest;
use wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use wire::{ErrorCode, Request, Str};

use crate::backoff::Backoff;
use crate::metadata::{ClusterInfo, Partition, Topic};
use crate::{ClientError, ClientOptions, Connection};

/// The port that is meant when none is given.
const PORT: u16 = 9092;
/// The first version of FindCoordinator that takes several keys, and that only.
const FIND_COORDINATOR_BATCHED: i16 = 4;

/// A cluster; a clone shares connections and what is known.
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
    slots: Arc<Mutex<HashMap<String, Slot>>>,
}

#[derive(Debug)]
struct Inner {
    env: Env,
    options: ClientOptions,
    bootstrap: Vec<String>,
    known: Mutex<Known>,
}

/// The connection to one address, if there is one.
type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

#[derive(Debug, Default)]
struct Known {
    info: ClusterInfo,
    topics: HashMap<Arc<str>, CachedTopic>,
    coordinators: HashMap<(CoordinatorKind, String), i32>,
}

#[derive(Debug)]
struct CachedTopic {
    topic: Arc<Topic>,
    /// On the monotonic clock.
    learned: Duration,
}

/// What a coordinator coordinates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CoordinatorKind {
    /// A consumer group.
    Group,
    /// A transactional id.
    Transaction,
}

/// A partition's leader, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    pub(crate) node: i32,
    pub(crate) topic: Arc<Topic>,
    pub(crate) partition: Partition,
}

impl Cluster {
    /// Connects to the first of the `bootstrap` servers (`host:port`, separated by commas) that
    /// answers, and learns the cluster's brokers from it.
    pub async fn connect(
        env: &Env,
        bootstrap: &str,
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        let bootstrap = bootstrap
            .split(',')
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(with_port)
            .collect();
        let known = Mutex::default();
        let inner = Arc::new(Inner { env: env.clone(), options, bootstrap, known });
        let cluster = Cluster { inner, slots: Arc::default() };
        cluster.refresh().await?;
        Ok(cluster)
    }

    /// The same cluster over connections of its own.
    ///
    /// A node answers the requests of a connection one after the other, so what may wait there by
    /// design (a fetch for records, a join for the other members) makes everything behind it wait.
    /// Producers and consumers each have their own connections for that reason.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        Cluster { inner: self.inner.clone(), slots: Arc::default() }
    }

    /// Time, network and randomness of this client.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.inner.env
    }

    /// The choices this client was made with.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.inner.options
    }

    /// The cluster's brokers, as last heard.
    #[must_use]
    pub fn info(&self) -> ClusterInfo {
        self.inner.known.lock().info.clone()
    }

    /// Learns the cluster's brokers anew.
    pub async fn refresh(&self) -> Result<(), ClientError> {
        self.ask_metadata(Some(&[]), false).await.map(drop)
    }

    /// A connection to any node.
    pub async fn any(&self) -> Result<Connection, ClientError> {
        let known: Vec<_> = {
            let known = self.inner.known.lock();
            known.info.brokers.iter().map(crate::Broker::address).collect()
        };
        let mut failure = ClientError::Resolve {
            address: self.inner.bootstrap.join(","),
            reason: "no address is given".to_owned(),
        };
        for address in known.iter().chain(&self.inner.bootstrap) {
            match self.at(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// A connection to the node with this id.
    pub async fn node(&self, id: i32) -> Result<Connection, ClientError> {
        let address = {
            let known = self.inner.known.lock();
            known.info.brokers.iter().find(|broker| broker.id == id).map(crate::Broker::address)
        };
        match address {
            Some(address) => self.at(&address).await,
            None => Err(ClientError::UnknownNode { node: id }),
        }
    }

    /// A connection to the node that takes administrative requests.
    pub async fn controller(&self) -> Result<Connection, ClientError> {
        let controller = self.inner.known.lock().info.controller;
        match controller {
            Some(id) => match self.node(id).await {
                Err(error) if error.is_retriable() => self.any().await,
                found => found,
            },
            None => self.any().await,
        }
    }

    /// Connections to all nodes.
    pub(crate) async fn all(&self) -> Result<Vec<(i32, Connection)>, ClientError> {
        let ids: Vec<_> = self.info().brokers.iter().map(|broker| broker.id).collect();
        let mut connections = Vec::with_capacity(ids.len());
        for id in ids {
            connections.push((id, self.node(id).await?));
        }
        Ok(connections)
    }

    async fn at(&self, address: &str) -> Result<Connection, ClientError> {
        let slot = self.slots.lock().entry(address.to_owned()).or_default().clone();
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.is_lost()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let connection = Connection::connect(&self.inner.env, address, &self.inner.options).await?;
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// A topic, as last heard if that is not too long ago. It must exist.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>, ClientError> {
        self.lookup(name, false).await
    }

    /// A topic, which is created if it does not exist and the cluster allows that.
    pub async fn topic_or_create(&self, name: &str) -> Result<Arc<Topic>, ClientError> {
        self.lookup(name, true).await
    }

    /// All topics, as of now.
    pub async fn topics(&self) -> Result<Vec<Arc<Topic>>, ClientError> {
        let mut backoff = self.backoff();
        loop {
            match self.ask_metadata(None, false).await {
                Err(error) if error.is_retriable() && backoff.wait().await => {}
                Err(error) => return Err(error),
                Ok(response) => {
                    let mut topics = Vec::with_capacity(response.topics.len());
                    for wire in &response.topics {
                        // A topic that is being deleted may be listed with an error.
                        if let Ok(topic) = Topic::from_wire(wire) {
                            topics.push(self.remember(topic));
                        }
                    }
                    topics.sort_by(|a, b| a.name.cmp(&b.name));
                    return Ok(topics);
                }
            }
        }
    }

    /// What was known of a topic turned out to be wrong.
    pub fn forget_topic(&self, name: &str) {
        self.inner.known.lock().topics.remove(name);
    }

    /// What was known of a coordinator turned out to be wrong.
    pub fn forget_coordinator(&self, kind: CoordinatorKind, key: &str) {
        self.inner.known.lock().coordinators.remove(&(kind, key.to_owned()));
    }

    async fn lookup(&self, name: &str, create: bool) -> Result<Arc<Topic>, ClientError> {
        if let Some(topic) = self.cached(name) {
            return Ok(topic);
        }
        let mut backoff = self.backoff();
        loop {
            let error = match self.ask_topic(name, create).await {
                Ok(topic) => return Ok(topic),
                Err(error) => error,
            };
            // A topic that is being created is unknown until it is there.
            let pending = create && matches!(error, ClientError::UnknownTopic { .. });
            if !((pending || error.is_retriable()) && backoff.wait().await) {
                return Err(error);
            }
        }
    }

    fn cached(&self, name: &str) -> Option<Arc<Topic>> {
        let now = self.inner.env.clock.monotonic();
        let known = self.inner.known.lock();
        let cached = known.topics.get(name)?;
        let age = now.saturating_sub(cached.learned);
        (age <= self.inner.options.metadata_age_max).then(|| cached.topic.clone())
    }

    async fn ask_topic(&self, name: &str, create: bool) -> Result<Arc<Topic>, ClientError> {
        let response = self.ask_metadata(Some(&[name]), create).await?;
        let Some(wire) = response.topics.iter().find(|topic| topic.name.as_deref() == Some(name))
        else {
            return Err(ClientError::Missing { api: "Metadata", subject: name.to_owned() });
        };
        match Topic::from_wire(wire) {
            Ok(topic) if topic.partitions.is_empty() => {
                Err(ClientError::broker("Metadata", name, ErrorCode::LeaderNotAvailable, None))
            }
            Ok(topic) => Ok(self.remember(topic)),
            Err(ErrorCode::UnknownTopicOrPartition) => {
                Err(ClientError::UnknownTopic { topic: name.to_owned() })
            }
            Err(code) => Err(ClientError::broker("Metadata", name, code, None)),
        }
    }

    fn remember(&self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        let learned = self.inner.env.clock.monotonic();
        let cached = CachedTopic { topic: topic.clone(), learned };
        self.inner.known.lock().topics.insert(topic.name.clone(), cached);
        topic
    }

    /// Asks any node about these topics, or about all, and remembers the brokers it names.
    async fn ask_metadata(
        &self,
        names: Option<&[&str]>,
        create: bool,
    ) -> Result<MetadataResponse, ClientError> {
        let topic = |name: &&str| MetadataRequestTopic {
            name: Some(Str::from(*name)),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(topic).collect()),
            allow_auto_topic_creation: create,
            ..MetadataRequest::default()
        };
        let response = self.any().await?.send(&request).await?;
        let code = ErrorCode::from_wire(response.error_code);
        code.ok().map_err(|code| ClientError::broker("Metadata", "the cluster", code, None))?;
        let info = ClusterInfo::from_wire(&response);
        if !info.brokers.is_empty() {
            self.inner.known.lock().info = info;
        }
        Ok(response)
    }

    /// Who leads a partition, if anyone does.
    pub(crate) async fn leader(&self, topic: &str, id: i32) -> Result<Leader, ClientError> {
        let topic = self.topic(topic).await?;
        let Some(partition) = topic.partition(id).cloned() else {
            let count = topic.partitions.len();
            let topic = topic.name.to_string();
            return Err(ClientError::UnknownPartition { topic, partition: id, count });
        };
        match partition.leader {
            Some(node) => Ok(Leader { node, topic, partition }),
            None => {
                self.forget_topic(&topic.name);
                Err(ClientError::NoLeader { topic: topic.name.to_string(), partition: id })
            }
        }
    }

    /// The node that coordinates a group or transactional id.
    pub async fn coordinator(
        &self,
        kind: CoordinatorKind,
        key: &str,
    ) -> Result<Connection, ClientError> {
        let mut backoff = self.backoff();
        loop {
            let cached = self.inner.known.lock().coordinators.get(&(kind, key.to_owned())).copied();
            let found = match cached {
                Some(node) => self.node(node).await,
                None => self.find_coordinator(kind, key).await,
            };
            match found {
                Err(error) if error.is_retriable() => {
                    self.forget_coordinator(kind, key);
                    if !backoff.wait().await {
                        return Err(error);
                    }
                }
                found => return found,
            }
        }
    }

    async fn find_coordinator(
        &self,
        kind: CoordinatorKind,
        key: &str,
    ) -> Result<Connection, ClientError> {
        let connection = self.any().await?;
        let batched = connection.version::<FindCoordinatorRequest>()? >= FIND_COORDINATOR_BATCHED;
        let mut request =
            FindCoordinatorRequest { key_type: kind.number(), ..FindCoordinatorRequest::default() };
        if batched {
            request.coordinator_keys = vec![key.into()];
        } else {
            request.key = key.into();
        }
        let response = connection.send(&request).await?;
        let (code, message, node) = if batched {
            let Some(found) = response.coordinators.into_iter().next() else {
                return Err(ClientError::Missing {
                    api: FindCoordinatorRequest::KEY.name(),
                    subject: key.to_owned(),
                });
            };
            (found.error_code, found.error_message, found.node_id)
        } else {
            (response.error_code, response.error_message, response.node_id)
        };
        ErrorCode::from_wire(code).ok().map_err(|code| {
            let api = FindCoordinatorRequest::KEY.name();
            ClientError::broker(api, key, code, message.as_deref())
        })?;
        self.inner.known.lock().coordinators.insert((kind, key.to_owned()), node);
        match self.node(node).await {
            // A broker that joined since we last asked.
            Err(ClientError::UnknownNode { .. }) => {
                self.refresh().await?;
                self.node(node).await
            }
            found => found,
        }
    }

    /// Waits for one operation with the usual time to succeed in.
    pub(crate) fn backoff(&self) -> Backoff<'_> {
        self.backoff_within(self.inner.options.request_timeout)
    }

    /// Waits for one operation with this much time to succeed in.
    pub(crate) fn backoff_within(&self, within: Duration) -> Backoff<'_> {
        Backoff::new(&self.inner.env, &self.inner.options, within)
    }
}

impl CoordinatorKind {
    const fn number(self) -> i8 {
        match self {
            CoordinatorKind::Group => 0,
            CoordinatorKind::Transaction => 1,
        }
    }
}

/// An address with the usual port where none is given.
fn with_port(address: &str) -> String {
    let bare_v6 = address.matches(':').count() > 1 && !address.starts_with('[');
    if bare_v6 {
        return format!("[{address}]:{PORT}");
    }
    let host_end = address.rfind(']').unwrap_or(0);
    match address.get(host_end..).is_some_and(|rest| rest.contains(':')) {
        true => address.to_owned(),
        false => format!("{address}:{PORT}"),
    }
}

#[cfg(test)]
mod tests;
