//! Administrative requests as functions: topics, settings, groups, offsets, log directories.
//!
//! Each is one request, sent to the node that answers it and repeated where the answer says that it
//! may succeed later. Sentinels of the wire are options here; errors carry the broker's own words.

mod configs;
pub(crate) mod group_offsets;
mod groups;
mod log_dirs;
mod topics;

pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigResourceKind};
pub use group_offsets::CommittedOffset;
pub use groups::{GroupDescription, GroupListing, GroupMember};
pub use log_dirs::{LogDir, LogDirReplica};
pub use topics::{CreatedTopic, NewTopic};

use std::sync::Arc;

use wire::{ErrorCode, Request};

use crate::metadata::{ClusterInfo, Topic, TopicPartition};
use crate::offsets::{self, Isolation, ListedOffset, OffsetSpec};
use crate::{ClientError, Cluster, Connection};

/// Administers a cluster; cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

/// Who answers a request.
#[derive(Clone, Copy, Debug)]
enum Answerer<'a> {
    Controller,
    Any,
    Node(i32),
    GroupCoordinator(&'a str),
}

impl Admin {
    /// Administers this cluster.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        Admin { cluster: cluster.clone() }
    }

    /// All topics with their partitions, by name.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>, ClientError> {
        self.cluster.topics().await
    }

    /// A topic with its partitions, as of now.
    pub async fn describe_topic(&self, name: &str) -> Result<Arc<Topic>, ClientError> {
        self.cluster.forget_topic(name);
        self.cluster.topic(name).await
    }

    /// The cluster's id, controller and brokers, as of now.
    pub async fn describe_cluster(&self) -> Result<ClusterInfo, ClientError> {
        self.cluster.refresh().await?;
        Ok(self.cluster.info())
    }

    /// Finds offsets; the answers are in the order of the questions.
    pub async fn list_offsets(
        &self,
        isolation: Isolation,
        wanted: &[(TopicPartition, OffsetSpec)],
    ) -> Result<Vec<ListedOffset>, ClientError> {
        offsets::list_offsets(&self.cluster, isolation, wanted).await
    }

    /// The same without waiting for a leader or a disk: what gives no offset now has its error.
    pub async fn list_offsets_now(
        &self,
        isolation: Isolation,
        wanted: &[(TopicPartition, OffsetSpec)],
    ) -> Vec<Result<ListedOffset, ClientError>> {
        offsets::list_offsets_now(&self.cluster, isolation, wanted).await
    }

    async fn connection(&self, to: Answerer<'_>) -> Result<Connection, ClientError> {
        match to {
            Answerer::Controller => self.cluster.controller().await,
            Answerer::Any => self.cluster.any().await,
            Answerer::Node(id) => self.cluster.node(id).await,
            Answerer::GroupCoordinator(group) => {
                let kind = crate::CoordinatorKind::Group;
                self.cluster.coordinator(kind, group).await
            }
        }
    }

    /// Sends a request until `read` makes something of its answer, or says that it failed for good.
    ///
    /// `make` gets the version that will be used, for requests whose fields depend on it.
    async fn ask<R: Request, T>(
        &self,
        to: Answerer<'_>,
        make: impl Fn(i16) -> R + Send,
        read: impl Fn(R::Response) -> Result<T, ClientError> + Send,
    ) -> Result<T, ClientError> {
        let mut backoff = self.cluster.backoff();
        loop {
            let error = match self.ask_once(to, &make, &read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.is_retriable() {
                return Err(error);
            }
            match to {
                Answerer::GroupCoordinator(group) => {
                    self.cluster.forget_coordinator(crate::CoordinatorKind::Group, group);
                }
                // Another controller may have taken over.
                Answerer::Controller => drop(self.cluster.refresh().await),
                Answerer::Any | Answerer::Node(_) => {}
            }
            if !backoff.wait().await {
                return Err(error);
            }
        }
    }

    async fn ask_once<R: Request, T>(
        &self,
        to: Answerer<'_>,
        make: &(impl Fn(i16) -> R + Send),
        read: &(impl Fn(R::Response) -> Result<T, ClientError> + Send),
    ) -> Result<T, ClientError> {
        let connection = self.connection(to).await?;
        let request = make(connection.version::<R>()?);
        read(connection.send(&request).await?)
    }
}

/// `Ok`, or the broker's refusal of `R`.
fn check<R: Request>(
    code: i16,
    message: Option<&str>,
    subject: impl Fn() -> String,
) -> Result<(), ClientError> {
    ErrorCode::from_wire(code)
        .ok()
        .map_err(|code| ClientError::broker(R::KEY.name(), subject(), code, message))
}

/// The answer left out what `R` asked about.
fn missing<R: Request>(subject: impl Into<String>) -> ClientError {
    ClientError::Missing { api: R::KEY.name(), subject: subject.into() }
}
