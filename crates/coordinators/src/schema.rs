//! The records of `__consumer_offsets`, in Kafka's own schemas: the JSON resources of its
//! `kafka-group-coordinator` jar define them.
//!
//! Read: keys 0, 1 (an offset) and 2 (a group), values 0 to 4 of either. Written, as Kafka 4.3
//! writes: offset key 1 with value 4 (value 1 where the commit set its own expiry), group key 2 with
//! value 3. Keys above 2 belong to the newer group protocols and are reported as unknown.
//!
//! Bytes are hostile: every length is compared with what is left before anything is taken, and
//! nothing is allocated by a declared count.

mod cursor;
mod group_metadata;
mod offset_commit;
mod subscription;

pub use cursor::Malformed;
pub use group_metadata::{GroupMetadata, MemberMetadata, group_key};
pub use offset_commit::{OffsetKey, decode_offset, encode_offset, offset_key};
pub use subscription::subscribed_topics;

use cursor::Reader;

/// What a key is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A committed offset (versions 0 and 1).
    Offset(OffsetKey),
    /// A group (version 2).
    Group(String),
    /// Something this crate does not know, by its version.
    Unknown(i16),
}

/// Reads a key.
///
/// # Errors
/// The key is of a known version but not of its shape.
pub fn decode_key(bytes: &[u8]) -> Result<Key, Malformed> {
    let mut reader = Reader::new(bytes);
    match reader.i16()? {
        0 | 1 => Ok(Key::Offset(OffsetKey {
            group: reader.string()?.to_owned(),
            topic: reader.string()?.to_owned(),
            partition: reader.i32()?,
        })),
        2 => Ok(Key::Group(reader.string()?.to_owned())),
        version => Ok(Key::Unknown(version)),
    }
}

#[cfg(test)]
mod tests;
