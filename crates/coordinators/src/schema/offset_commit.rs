//! `OffsetCommitKey` and `OffsetCommitValue`.
//!
//! | value | offset | leader epoch | metadata | commit time | expire time | topic id |
//! |---|---|---|---|---|---|---|
//! | 0, 2 | x | | x | x | | |
//! | 1 | x | | x | x | x | |
//! | 3 | x | x | x | x | | |
//! | 4 (flexible) | x | x | x | x | | tag 0 |

use super::cursor::{Malformed, Reader, put_compact_string, put_string, put_varint};
use crate::reply::CommittedOffset;
use records::{LeaderEpoch, Offset, Timestamp};

/// Whose offset it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetKey {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// The key of a committed offset, version 1.
#[must_use]
pub fn offset_key(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(10 + group.len() + topic.len());
    out.extend_from_slice(&1_i16.to_be_bytes());
    put_string(&mut out, group);
    put_string(&mut out, topic);
    out.extend_from_slice(&partition.to_be_bytes());
    out
}

/// The value of a committed offset: version 4, or version 1 where it carries its own expiry (which
/// has no place for the leader epoch and the topic id).
#[must_use]
pub fn encode_offset(offset: &CommittedOffset) -> Vec<u8> {
    let mut out = Vec::with_capacity(48 + offset.metadata.len());
    let version: i16 = if offset.expire_timestamp.is_some() { 1 } else { 4 };
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&offset.offset.0.to_be_bytes());
    if let Some(expire) = offset.expire_timestamp {
        put_string(&mut out, &offset.metadata);
        out.extend_from_slice(&offset.commit_timestamp.0.to_be_bytes());
        out.extend_from_slice(&expire.0.to_be_bytes());
        return out;
    }
    out.extend_from_slice(&offset.leader_epoch.0.to_be_bytes());
    put_compact_string(&mut out, &offset.metadata);
    out.extend_from_slice(&offset.commit_timestamp.0.to_be_bytes());
    match offset.topic_id {
        Some(id) => {
            // One tagged field: tag 0, sixteen bytes.
            for number in [1, 0, 16] {
                put_varint(&mut out, number);
            }
            out.extend_from_slice(&id);
        }
        None => put_varint(&mut out, 0),
    }
    out
}

/// Reads the value of a committed offset, of any version.
///
/// # Errors
/// The version is unknown, or the bytes are not of its shape.
pub fn decode_offset(bytes: &[u8]) -> Result<CommittedOffset, Malformed> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if !(0..=4).contains(&version) {
        return Err(Malformed::UnknownVersion(version));
    }
    let offset = Offset(reader.i64()?);
    let leader_epoch = if version >= 3 { LeaderEpoch(reader.i32()?) } else { LeaderEpoch::NONE };
    let metadata = if version >= 4 { reader.compact_string()? } else { reader.string()? };
    let commit_timestamp = Timestamp(reader.i64()?);
    let expire = if version == 1 { Timestamp(reader.i64()?) } else { Timestamp::NONE };
    let mut topic_id = None;
    if version >= 4 {
        reader.tagged(|tag, bytes| {
            if tag == 0 {
                topic_id = Some(Reader::new(bytes).uuid()?).filter(|id| id != &[0; 16]);
            }
            Ok(())
        })?;
    }
    Ok(CommittedOffset {
        offset,
        leader_epoch,
        metadata: metadata.into(),
        commit_timestamp,
        expire_timestamp: expire.is_some().then_some(expire),
        topic_id,
    })
}
