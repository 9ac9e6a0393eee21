//! What can go wrong between us and a cluster.
//!
//! Every variant carries who was asked and for what, so that its text can say what was wrong, where,
//! and what to do. Errors can be cloned: one failed batch is the error of each of its records.

use std::io;
use std::time::Duration;

use thiserror::Error;
use wire::{DecodeError, EncodeError, ErrorCode};

/// Why a request, or what was built of several, failed.
#[derive(Clone, Debug, Error)]
pub enum ClientError {
    /// An address that is not `host:port`, or whose host is unknown.
    #[error("cannot find '{address}': {reason}; give host:port of a running broker")]
    Resolve {
        /// As it was given.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// Nothing accepts connections there.
    #[error("cannot connect to {address}: {reason}; is a broker running there?")]
    Connect {
        /// Where to.
        address: String,
        /// What kind of failure.
        kind: io::ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// The connection broke while answers were outstanding.
    #[error("the connection to {address} broke: {reason}")]
    ConnectionLost {
        /// Where to.
        address: String,
        /// Why.
        reason: String,
    },
    /// No answer came in time.
    #[error("{address} did not answer {api} within {} ms", after.as_millis())]
    Timeout {
        /// Who was asked.
        address: String,
        /// For what.
        api: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The broker does not serve the request in a version that we speak.
    #[error("{address} does not serve {api} in a version known here ({}); \
             use a newer broker or client", range_text(*theirs))]
    UnsupportedApi {
        /// Who was asked.
        address: String,
        /// For what.
        api: &'static str,
        /// What the broker serves, if anything.
        theirs: Option<(i16, i16)>,
    },
    /// The answer is not Kafka's protocol.
    #[error("{address} does not speak Kafka's protocol ({reason}); is it another service, or TLS?")]
    NotKafka {
        /// Who was asked.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The answer cannot be decoded.
    #[error("the answer of {address} to {api} is malformed: {error}")]
    Decode {
        /// Who was asked.
        address: String,
        /// For what.
        api: &'static str,
        /// Where and why.
        error: DecodeError,
    },
    /// The request cannot be expressed in the version the broker serves.
    #[error("{api} cannot be sent to {address}: {error}")]
    Encode {
        /// Who was to be asked.
        address: String,
        /// For what.
        api: &'static str,
        /// Which field and why.
        error: EncodeError,
    },
    /// The broker refused.
    #[error("{}", broker_text(.api, .subject, *.code, .message.as_deref()))]
    Broker {
        /// What it was asked for.
        api: &'static str,
        /// About what: a topic, a group, a partition.
        subject: String,
        /// Its code.
        code: ErrorCode,
        /// Its own words, if it has any.
        message: Option<String>,
    },
    /// A topic that does not exist.
    #[error(
        "there is no topic '{topic}'; create it, or see which there are with `walser topic list`"
    )]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// A partition that does not exist.
    #[error("topic '{topic}' has {count} partitions, there is no partition {partition}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How many there are.
        count: usize,
    },
    /// Nobody leads a partition.
    #[error("partition {partition} of '{topic}' has no leader at the moment; try again later")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A node that the metadata names no address for.
    #[error("the cluster names node {node} but no address of it")]
    UnknownNode {
        /// Its id.
        node: i32,
    },
    /// An answer that leaves out what was asked about.
    #[error("the answer to {api} says nothing of {subject}")]
    Missing {
        /// What was asked for.
        api: &'static str,
        /// About what.
        subject: String,
    },
    /// A record that the producer's memory or the format cannot take.
    #[error("a record of {bytes} bytes is more than the {limit} bytes allowed")]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Records that cannot be encoded.
    #[error("the records for partition {partition} of '{topic}' cannot be encoded: {reason}")]
    BadBatch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Why.
        reason: String,
    },
    /// Records that cannot be decoded.
    #[error(
        "the records at offset {offset} of partition {partition} of '{topic}' are damaged: {reason}"
    )]
    DamagedRecords {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where the reading stopped.
        offset: i64,
        /// Why.
        reason: String,
    },
    /// The producer or consumer was closed meanwhile.
    #[error("closed")]
    Closed,
}

impl ClientError {
    /// A refusal by a broker.
    pub(crate) fn broker(
        api: &'static str,
        subject: impl Into<String>,
        code: ErrorCode,
        message: Option<&str>,
    ) -> Self {
        let message = message.filter(|text| !text.is_empty()).map(str::to_owned);
        ClientError::Broker { api, subject: subject.into(), code, message }
    }

    /// Whether the same may succeed later, perhaps elsewhere.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            ClientError::Connect { .. }
            | ClientError::ConnectionLost { .. }
            | ClientError::Timeout { .. }
            | ClientError::NoLeader { .. }
            | ClientError::UnknownNode { .. } => true,
            ClientError::Broker { code, .. } => code.is_retriable(),
            ClientError::Resolve { .. }
            | ClientError::UnsupportedApi { .. }
            | ClientError::NotKafka { .. }
            | ClientError::Decode { .. }
            | ClientError::Encode { .. }
            | ClientError::UnknownTopic { .. }
            | ClientError::UnknownPartition { .. }
            | ClientError::Missing { .. }
            | ClientError::RecordTooLarge { .. }
            | ClientError::BadBatch { .. }
            | ClientError::DamagedRecords { .. }
            | ClientError::Closed => false,
        }
    }

    /// The broker's code, if a broker refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Broker { code, .. } => Some(*code),
            ClientError::UnknownTopic { .. } | ClientError::UnknownPartition { .. } => {
                Some(ErrorCode::UnknownTopicOrPartition)
            }
            _ => None,
        }
    }
}

fn range_text(theirs: Option<(i16, i16)>) -> String {
    match theirs {
        Some((min, max)) => format!("it serves {min} to {max}"),
        None => "it serves none".to_owned(),
    }
}

fn broker_text(api: &str, subject: &str, code: ErrorCode, message: Option<&str>) -> String {
    let said = message.unwrap_or(code.message());
    format!("{api} of {subject} was refused: {said} ({})", code.name())
}
