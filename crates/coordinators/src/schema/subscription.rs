//! The topics in what a member of protocol type `consumer` tells its leader. All versions of that
//! structure begin with those of version 0, so only that much is read.

use super::cursor::{Malformed, Reader};

/// The topics of a `ConsumerProtocolSubscription`.
///
/// # Errors
/// The bytes are not such a structure: some clients use the protocol type with contents of their own.
pub fn subscribed_topics(metadata: &[u8]) -> Result<Vec<&str>, Malformed> {
    let mut reader = Reader::new(metadata);
    let version = reader.i16()?;
    if version < 0 {
        return Err(Malformed::UnknownVersion(version));
    }
    (0..reader.len()?).map(|_| reader.string()).collect()
}
