//! Control records: the markers that a transaction coordinator writes at the end of a transaction.
//!
//! A control batch holds one record. Its key says which kind it is; the value of an end-of-
//! transaction marker holds the epoch of the coordinator that wrote it. Other kinds (those of the
//! metadata log) are named but not looked into.

use crate::Record;
use thiserror::Error;

/// What a control record says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ControlKind {
    /// The transaction was aborted.
    Abort,
    /// The transaction was committed.
    Commit,
    /// Another kind; a reader of data skips it.
    Other(i16),
}

/// Why a control record cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ControlError {
    /// The key is missing or shorter than a version and a type.
    #[error("a control record has a key of {len} bytes, 4 are needed")]
    ShortKey {
        /// Bytes that are there.
        len: usize,
    },
    /// The key has a version that does not exist.
    #[error("a control record has a key of version {version}")]
    BadKeyVersion {
        /// The version.
        version: i16,
    },
    /// The value is missing or shorter than a version and an epoch.
    #[error("an end-of-transaction marker has a value of {len} bytes, 6 are needed")]
    ShortValue {
        /// Bytes that are there.
        len: usize,
    },
    /// The value has a version that does not exist.
    #[error("an end-of-transaction marker has a value of version {version}")]
    BadValueVersion {
        /// The version.
        version: i16,
    },
    /// The record is a control record of another kind.
    #[error("a control record of type {kind} is not an end-of-transaction marker")]
    NotAMarker {
        /// The type.
        kind: i16,
    },
}

impl ControlKind {
    /// The type number as the key holds it.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::Other(id) => id,
        }
    }

    /// The kind that the key of a control record names.
    pub fn parse_key(key: Option<&[u8]>) -> Result<Self, ControlError> {
        let key = key.unwrap_or_default();
        let Some(&[a, b, c, d]) = key.first_chunk::<4>() else {
            return Err(ControlError::ShortKey { len: key.len() });
        };
        let version = i16::from_be_bytes([a, b]);
        if version < 0 {
            return Err(ControlError::BadKeyVersion { version });
        }
        Ok(match i16::from_be_bytes([c, d]) {
            0 => Self::Abort,
            1 => Self::Commit,
            id => Self::Other(id),
        })
    }

    /// The key of a control record of this kind.
    #[must_use]
    pub fn key(self) -> [u8; 4] {
        let [a, b] = 0_i16.to_be_bytes();
        let [c, d] = self.id().to_be_bytes();
        [a, b, c, d]
    }
}

/// The end of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EndTxnMarker {
    /// Whether the transaction was committed; aborted otherwise.
    pub committed: bool,
    /// Epoch of the coordinator that wrote the marker.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// Reads a marker from a control record.
    pub fn parse(record: &Record<'_>) -> Result<Self, ControlError> {
        let committed = match ControlKind::parse_key(record.key)? {
            ControlKind::Abort => false,
            ControlKind::Commit => true,
            ControlKind::Other(kind) => return Err(ControlError::NotAMarker { kind }),
        };
        let value = record.value.unwrap_or_default();
        let Some(&[a, b, c, d, e, f]) = value.first_chunk::<6>() else {
            return Err(ControlError::ShortValue { len: value.len() });
        };
        let version = i16::from_be_bytes([a, b]);
        if version < 0 {
            return Err(ControlError::BadValueVersion { version });
        }
        Ok(Self { committed, coordinator_epoch: i32::from_be_bytes([c, d, e, f]) })
    }

    /// What kind of control record this marker is.
    #[must_use]
    pub const fn kind(&self) -> ControlKind {
        if self.committed { ControlKind::Commit } else { ControlKind::Abort }
    }

    /// The value of the control record.
    #[must_use]
    pub fn value(&self) -> [u8; 6] {
        let [a, b] = 0_i16.to_be_bytes();
        let [c, d, e, f] = self.coordinator_epoch.to_be_bytes();
        [a, b, c, d, e, f]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Record<'a> {
        Record { key, value, ..Record::default() }
    }

    #[test]
    fn a_marker_comes_back() {
        for committed in [false, true] {
            let marker = EndTxnMarker { committed, coordinator_epoch: 77 };
            let (key, value) = (marker.kind().key(), marker.value());
            assert_eq!(EndTxnMarker::parse(&record(Some(&key), Some(&value))), Ok(marker));
        }
        assert_eq!(ControlKind::Commit.key(), [0, 0, 0, 1]);
    }

    #[test]
    fn what_is_not_a_marker_is_named() {
        let commit = ControlKind::Commit.key();
        let cases = [
            (record(None, None), ControlError::ShortKey { len: 0 }),
            (record(Some(&[0, 0, 0]), None), ControlError::ShortKey { len: 3 }),
            (record(Some(&[0xff, 0xff, 0, 1]), None), ControlError::BadKeyVersion { version: -1 }),
            (record(Some(&[0, 0, 0, 2]), None), ControlError::NotAMarker { kind: 2 }),
            (record(Some(&commit), None), ControlError::ShortValue { len: 0 }),
            (record(Some(&commit), Some(&[0; 5])), ControlError::ShortValue { len: 5 }),
        ];
        for (record, expected) in cases {
            assert_eq!(EndTxnMarker::parse(&record), Err(expected), "{record:?}");
        }
    }
}
