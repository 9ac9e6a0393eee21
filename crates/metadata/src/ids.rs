//! Who and what: node ids and topic ids.
//!
//! A topic id is shown as Kafka shows it: its sixteen bytes in URL-safe base64 without padding, 22
//! characters.

use std::fmt;
use std::str::FromStr;

use env::Random;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A node of the cluster: broker, voter or both.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct NodeId(pub i32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<i32> for NodeId {
    fn from(number: i32) -> NodeId {
        NodeId(number)
    }
}

/// A topic for as long as it exists; a topic created again under the same name has another id.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TopicId(pub Uuid);

/// The text is not a topic id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: 22 characters of URL-safe base64 are expected")]
pub struct IdError(String);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl TopicId {
    /// A random id. Kafka's reserved ids (0 and 1) and ids whose text begins with `-`, which a command
    /// line would take for a flag, are never drawn.
    #[must_use]
    pub fn random(random: &dyn Random) -> TopicId {
        loop {
            let id = uuid::Builder::from_random_bytes(random.id()).into_uuid();
            // The first six bits are the first character; 62 is '-'.
            if id.as_u128() > 1 && id.as_u128() >> 122 != 62 {
                return TopicId(id);
            }
        }
    }
}

/// Sixteen bytes as Kafka writes them: for topic, cluster and incarnation ids.
#[must_use]
pub(crate) fn base64url(id: Uuid) -> String {
    // 128 bits are 21 groups of six and two bits more, which are padded with four zeros.
    let mut text = String::with_capacity(22);
    let bits = id.as_u128();
    for place in 0..22_u32 {
        let group = match 122_u32.checked_sub(6 * place) {
            Some(shift) => bits >> shift,
            None => bits << 4,
        };
        let index = usize::try_from(group & 63).unwrap_or(0);
        text.push(ALPHABET.get(index).copied().map_or('A', char::from));
    }
    text
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&base64url(self.0))
    }
}

impl FromStr for TopicId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<TopicId, IdError> {
        let refuse = || IdError(text.chars().take(40).collect());
        if text.len() != 22 {
            return Err(refuse());
        }
        let mut bits: u128 = 0;
        for (place, byte) in text.bytes().enumerate() {
            let group =
                ALPHABET.iter().position(|letter| *letter == byte).ok_or_else(refuse)? as u128;
            if place < 21 {
                bits = (bits << 6) | group;
            } else if group & 15 == 0 {
                bits = (bits << 2) | (group >> 4);
            } else {
                return Err(refuse());
            }
        }
        Ok(TopicId(Uuid::from_u128(bits)))
    }
}

#[cfg(test)]
mod tests;
