//! `GroupMetadataKey` and `GroupMetadataValue`.
//!
//! Value versions: 1 adds the members' rebalance timeout, 2 the time of the group's state, 3 the
//! instance id, 4 the compact encoding. Written is version 3, as Kafka 4.3 does.

use super::cursor::{Malformed, Reader, put_bytes, put_len, put_nullable_string, put_string};
use records::Timestamp;
use std::sync::Arc;

/// A group as of its last completed rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The protocol type; `""` for a group that never had a member in a generation.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The protocol of the generation.
    pub protocol: Option<String>,
    /// The leader's member id.
    pub leader: Option<String>,
    /// Since when the group has been in its state, `Timestamp::NONE` if unknown.
    pub state_since: Timestamp,
    /// The members.
    pub members: Vec<MemberMetadata>,
}

/// A member of the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// The member id.
    pub member_id: Arc<str>,
    /// The instance id of a static member.
    pub instance_id: Option<Arc<str>>,
    /// The client id.
    pub client_id: Arc<str>,
    /// The client's address.
    pub client_host: Arc<str>,
    /// How long it may take to rejoin; version 0 has none, and the session timeout is taken.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it told the leader under the protocol.
    pub subscription: Arc<[u8]>,
    /// Its share of the assignment.
    pub assignment: Arc<[u8]>,
}

/// The key of a group, version 2.
#[must_use]
pub fn group_key(group: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + group.len());
    out.extend_from_slice(&2_i16.to_be_bytes());
    put_string(&mut out, group);
    out
}

impl GroupMetadata {
    /// The value, version 3.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.members.iter().map(member_len).sum::<usize>());
        out.extend_from_slice(&3_i16.to_be_bytes());
        put_string(&mut out, &self.protocol_type);
        out.extend_from_slice(&self.generation.to_be_bytes());
        put_nullable_string(&mut out, self.protocol.as_deref());
        put_nullable_string(&mut out, self.leader.as_deref());
        out.extend_from_slice(&self.state_since.0.to_be_bytes());
        put_len(&mut out, self.members.len());
        for member in &self.members {
            put_string(&mut out, &member.member_id);
            put_nullable_string(&mut out, member.instance_id.as_deref());
            put_string(&mut out, &member.client_id);
            put_string(&mut out, &member.client_host);
            out.extend_from_slice(&member.rebalance_timeout_ms.to_be_bytes());
            out.extend_from_slice(&member.session_timeout_ms.to_be_bytes());
            put_bytes(&mut out, &member.subscription);
            put_bytes(&mut out, &member.assignment);
        }
        out
    }

    /// Reads a value of any version.
    ///
    /// # Errors
    /// The version is unknown, or the bytes are not of its shape.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        if !(0..=4).contains(&version) {
            return Err(Malformed::UnknownVersion(version));
        }
        let flexible = version >= 4;
        let protocol_type = string(&mut reader, flexible)?.to_owned();
        let generation = reader.i32()?;
        let protocol = nullable_string(&mut reader, flexible)?.map(ToOwned::to_owned);
        let leader = nullable_string(&mut reader, flexible)?.map(ToOwned::to_owned);
        let state_since = if version >= 2 { Timestamp(reader.i64()?) } else { Timestamp::NONE };
        let count = if flexible {
            reader.compact_len()?.ok_or(Malformed::InvalidLength)?
        } else {
            reader.len()?
        };
        // A wrong count runs into the end of the bytes; nothing is reserved by it.
        let members = (0..count)
            .map(|_| decode_member(&mut reader, version))
            .collect::<Result<Vec<_>, _>>()?;
        if flexible {
            reader.tagged(|_, _| Ok(()))?;
        }
        Ok(Self { protocol_type, generation, protocol, leader, state_since, members })
    }
}

fn decode_member(reader: &mut Reader<'_>, version: i16) -> Result<MemberMetadata, Malformed> {
    let flexible = version >= 4;
    let member_id = string(reader, flexible)?.into();
    let instance_id =
        if version >= 3 { nullable_string(reader, flexible)?.map(Arc::from) } else { None };
    let client_id = string(reader, flexible)?.into();
    let client_host = string(reader, flexible)?.into();
    let rebalance_timeout = if version >= 1 { reader.i32()? } else { -1 };
    let session_timeout_ms = reader.i32()?;
    let subscription = bytes(reader, flexible)?.into();
    let assignment = bytes(reader, flexible)?.into();
    if flexible {
        reader.tagged(|_, _| Ok(()))?;
    }
    Ok(MemberMetadata {
        member_id,
        instance_id,
        client_id,
        client_host,
        rebalance_timeout_ms: if rebalance_timeout == -1 {
            session_timeout_ms
        } else {
            rebalance_timeout
        },
        session_timeout_ms,
        subscription,
        assignment,
    })
}

/// An upper bound of what a member takes: its contents and the lengths and numbers around them.
fn member_len(member: &MemberMetadata) -> usize {
    let instance = member.instance_id.as_ref().map_or(0, |id| id.len());
    let texts = member.member_id.len() + member.client_id.len() + member.client_host.len();
    24 + texts + instance + member.subscription.len() + member.assignment.len()
}

fn string<'a>(reader: &mut Reader<'a>, flexible: bool) -> Result<&'a str, Malformed> {
    if flexible { reader.compact_string() } else { reader.string() }
}

fn nullable_string<'a>(
    reader: &mut Reader<'a>,
    flexible: bool,
) -> Result<Option<&'a str>, Malformed> {
    if flexible { reader.compact_nullable_string() } else { reader.nullable_string() }
}

fn bytes<'a>(reader: &mut Reader<'a>, flexible: bool) -> Result<&'a [u8], Malformed> {
    if flexible { reader.compact_bytes() } else { reader.bytes() }
}
