//! The payloads consumers exchange through a classic group: opaque to the broker.
//!
//! They travel in JoinGroup and SyncGroup with their version before them, which
//! [`ConsumerProtocolSubscription::from_payload`] and its siblings take care of. Never flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | owned partitions (KIP-429) |
//! | 2 | generation (KIP-792) |
//! | 3 | rack (KIP-881) |

use bytes::{Buf, Bytes};

use crate::{DecodeError, EncodeError, Message, Reader, Sink, Str};

/// What a consumer tells its group's leader when it joins.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(versions = "0-3", flexible = "none")]
pub struct ConsumerProtocolSubscription {
    pub topics: Vec<Str>,
    pub user_data: Option<Bytes>,
    /// What it holds and would like to keep (cooperative rebalancing).
    #[field(versions = "1+", ignorable)]
    pub owned_partitions: Vec<TopicPartition>,
    #[field(versions = "2+", default = -1, ignorable)]
    pub generation_id: i32,
    #[field(versions = "3+", ignorable)]
    pub rack_id: Option<Str>,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

/// What the group's leader tells a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(versions = "0-3", flexible = "none")]
pub struct ConsumerProtocolAssignment {
    pub assigned_partitions: Vec<TopicPartition>,
    pub user_data: Option<Bytes>,
}

impl ConsumerProtocolSubscription {
    /// Decodes the payload of a JoinGroup: a version, and the message in it.
    ///
    /// # Errors
    /// The bytes are no such payload.
    pub fn from_payload(payload: Bytes) -> Result<Self, DecodeError> {
        from_payload(payload)
    }

    /// Encodes the payload of a JoinGroup.
    ///
    /// # Errors
    /// The version does not exist.
    pub fn to_payload(&self, version: i16) -> Result<Bytes, EncodeError> {
        to_payload(self, version)
    }
}

impl ConsumerProtocolAssignment {
    /// Decodes the payload of a SyncGroup: a version, and the message in it.
    ///
    /// # Errors
    /// The bytes are no such payload.
    pub fn from_payload(payload: Bytes) -> Result<Self, DecodeError> {
        from_payload(payload)
    }

    /// Encodes the payload of a SyncGroup.
    ///
    /// # Errors
    /// The version does not exist.
    pub fn to_payload(&self, version: i16) -> Result<Bytes, EncodeError> {
        to_payload(self, version)
    }
}

/// A newer version is read as the newest we know: by the protocol's own rule, versions only ever
/// append fields, and what follows is left alone.
fn from_payload<M: Message>(mut payload: Bytes) -> Result<M, DecodeError> {
    let mut reader = Reader::new(&payload);
    reader.enter(M::NAME);
    let version = i16::from_be_bytes(reader.array()?);
    let used = reader.position();
    payload.advance(used);
    M::decode(&mut payload, version.min(*M::VERSIONS.end()))
}

fn to_payload<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let size = message.measure(version)?.total();
    let mut payload = Whole(Vec::with_capacity(size + size_of::<i16>()));
    payload.put(&version.to_be_bytes());
    message.encode_to(version, &mut payload)?;
    Ok(Bytes::from(payload.0))
}

/// Copies everything into one run of bytes.
struct Whole(Vec<u8>);

impl Sink for Whole {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        self.put(bytes);
    }

    /// No message here has a payload that could be external.
    fn put_external(&mut self, _token: u32, _len: u32) {}
}
