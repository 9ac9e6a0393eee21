//! Log directories: which replicas are in them, and how large they are.

use std::sync::Arc;

use wire::ErrorCode;
use wire::messages::describe_log_dirs::DescribeLogDirsRequest;

use super::{Admin, Answerer, check};
use crate::ClientError;
use crate::metadata::TopicPartition;

/// A log directory of a broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogDir {
    /// The broker.
    pub broker: i32,
    /// Where it is.
    pub path: String,
    /// Why it cannot be used, if so; others of the broker may be.
    pub error: Option<ErrorCode>,
    /// Size of the volume, if the broker says so.
    pub total_bytes: Option<i64>,
    /// What of it is free, if the broker says so.
    pub usable_bytes: Option<i64>,
    /// What is in it.
    pub replicas: Vec<LogDirReplica>,
}

/// A copy of a partition in a log directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogDirReplica {
    /// Of which partition.
    pub place: TopicPartition,
    /// Its size.
    pub bytes: i64,
    /// How many records it is behind.
    pub offset_lag: i64,
}

impl Admin {
    /// The log directories of all brokers.
    pub async fn log_dirs(&self) -> Result<Vec<LogDir>, ClientError> {
        let mut dirs = Vec::new();
        for (broker, _) in self.cluster.all().await? {
            let make = |_| DescribeLogDirsRequest { topics: None };
            let described = self.ask(Answerer::Node(broker), make, |response| {
                let subject = || format!("broker {broker}");
                check::<DescribeLogDirsRequest>(response.error_code, None, subject)?;
                let mut dirs = Vec::with_capacity(response.results.len());
                for dir in response.results {
                    let mut replicas = Vec::new();
                    for topic in &dir.topics {
                        let name: Arc<str> = Arc::from(&*topic.name);
                        replicas.extend(topic.partitions.iter().map(|replica| LogDirReplica {
                            place: TopicPartition::new(name.clone(), replica.partition_index),
                            bytes: replica.partition_size,
                            offset_lag: replica.offset_lag,
                        }));
                    }
                    dirs.push(LogDir {
                        broker,
                        path: dir.log_dir.to_string(),
                        error: ErrorCode::from_wire(dir.error_code).ok().err(),
                        total_bytes: Some(dir.total_bytes).filter(|bytes| *bytes >= 0),
                        usable_bytes: Some(dir.usable_bytes).filter(|bytes| *bytes >= 0),
                        replicas,
                    });
                }
                Ok(dirs)
            });
            dirs.extend(described.await?);
        }
        Ok(dirs)
    }
}
