//! [`Str`]: text in a message.
//!
//! Invariant: the bytes are UTF-8, checked once when the value is made. A clone shares the bytes.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;

use bytes::Bytes;
use bytestring::ByteString;

/// Cheaply cloned text: a checked slice over [`Bytes`].
///
/// Decoded, it is a slice of the receive buffer and keeps all of that alive. Whoever keeps it for
/// longer than the request calls [`Str::detach`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(ByteString);

impl Str {
    /// The empty text.
    pub const EMPTY: Str = Str::from_static("");

    /// Text that lives as long as the program; nothing is allocated.
    pub const fn from_static(text: &'static str) -> Self {
        Str(ByteString::from_static(text))
    }

    /// The bytes as text, sharing them.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        ByteString::try_from(bytes).map(Str)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of the text, shared.
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// A copy of the text that keeps no receive buffer alive.
    #[must_use]
    pub fn detach(&self) -> Self {
        Str::from(self.as_str())
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Copies.
impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Str(ByteString::from(text))
    }
}

/// Takes the string over without a copy.
impl From<String> for Str {
    fn from(text: String) -> Self {
        Str(ByteString::from(text))
    }
}

/// Copies.
impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Str::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Str {
    fn from(text: Cow<'_, str>) -> Self {
        Str::from(text.into_owned())
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Str {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
