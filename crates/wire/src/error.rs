//! What can go wrong between values and bytes.
//!
//! Errors carry data: which field, where, and why. They say nothing about what to answer a peer;
//! the front end maps them to protocol codes.

/// Why a value has no encoding in the asked version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message does not exist in this version.
    #[error("{message} has no version {version}")]
    Version {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field has a value that matters, and this version has no place for it.
    #[error("{field} cannot be sent in version {version}")]
    Unsupported {
        /// `Struct.field`.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is null, and this version does not allow that.
    #[error("{field} cannot be null in version {version}")]
    Null {
        /// `Struct.field`.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Text, bytes, an array or the whole frame is longer than its length field can say.
    #[error("{len} is too long for a {what}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length.
        len: usize,
    },
}

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} at byte {position}: {reason}")]
pub struct DecodeError {
    /// `Struct.field` that was being decoded; the innermost one that had begun.
    pub field: &'static str,
    /// Position in the bytes that were being decoded.
    pub position: usize,
    /// What was wrong.
    pub reason: DecodeReason,
}

/// What was wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The value goes beyond the end.
    #[error("{needed} bytes needed, {left} left")]
    Truncated {
        /// Bytes the value takes.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// A length below zero that does not mean null.
    #[error("impossible length {0}")]
    Length(i32),
    /// An array of more entries than the bytes left could hold.
    #[error("an array of {declared} entries in {left} bytes")]
    ArrayLength {
        /// Entries declared.
        declared: usize,
        /// Bytes there are.
        left: usize,
    },
    /// Null where the version does not allow it.
    #[error("null is not allowed")]
    Null,
    /// Text that is not UTF-8.
    #[error("text is not utf-8")]
    Utf8,
    /// A variable-length integer that does not end, or goes beyond 32 bits.
    #[error("malformed variable-length integer")]
    Varint,
    /// A tagged field that is longer or shorter than it declares.
    #[error("tagged field {tag} does not have the declared size of {declared} bytes")]
    TaggedSize {
        /// The field's tag.
        tag: u32,
        /// Its declared size.
        declared: usize,
    },
    /// The entries would take more memory than a message of this length may.
    #[error("the entries take more than {budget} bytes of memory")]
    Budget {
        /// What the message may take.
        budget: usize,
    },
    /// The message does not exist in this version.
    #[error("no version {0}")]
    Version(i16),
    /// No API has this key.
    #[error("no api has key {0}")]
    UnknownApi(i16),
    /// Bytes were left after the message.
    #[error("{0} bytes left over")]
    Trailing(usize),
}
