//! [`Message`]: a whole request, response or payload, in any of its versions.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::{Buf, Bytes};

use crate::ApiKey;
use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::reader::Reader;
use crate::sink::{Counter, Encoded, Encoder, Sink};
use crate::value::{Value, Version};

/// A struct that stands for itself on the wire. Derived with `#[message(...)]`.
pub trait Message: Value + Clone + Debug + Default + PartialEq {
    /// The schema's name.
    const NAME: &'static str;
    /// Versions that can be encoded and decoded.
    const VERSIONS: RangeInclusive<i16>;
    /// First flexible version, if there is one.
    const FLEXIBLE_SINCE: Option<i16>;

    /// The version with this number, if the message has it.
    fn version(number: i16) -> Option<Version> {
        let flexible = Self::FLEXIBLE_SINCE.is_some_and(|first| number >= first);
        Self::VERSIONS.contains(&number).then(|| Version::new(number, flexible))
    }

    /// What encoding it takes.
    ///
    /// # Errors
    /// The version does not exist or cannot carry what the message says.
    fn measure(&self, version: i16) -> Result<Counter, EncodeError> {
        let mut counter = Counter::default();
        self.encode_to(version, &mut counter)?;
        Ok(counter)
    }

    /// Encodes it into a sink.
    ///
    /// # Errors
    /// As [`Message::measure`]; then the sink holds a part of it.
    fn encode_to<S: Sink>(&self, version: i16, sink: &mut S) -> Result<(), EncodeError> {
        match Self::version(version) {
            Some(version) => self.encode_value(sink, version),
            None => Err(EncodeError::Version { message: Self::NAME, version }),
        }
    }

    /// Encodes it, without header or length (for those see [`crate::frame`]).
    ///
    /// # Errors
    /// As [`Message::measure`].
    fn encode(&self, version: i16) -> Result<Encoded, EncodeError> {
        let mut encoder = Encoder::with_capacity(self.measure(version)?.copied());
        self.encode_to(version, &mut encoder)?;
        Ok(encoder.finish())
    }

    /// Decodes it and takes what it used off `bytes`; what is left is not its business.
    ///
    /// # Errors
    /// The bytes are not such a message; then nothing is taken off.
    fn decode(bytes: &mut Bytes, version: i16) -> Result<Self, DecodeError> {
        Self::decode_within(bytes, version, usize::MAX)
    }

    /// The same, for a peer whose arrays may take no more than `array_bytes_max` once decoded.
    ///
    /// # Errors
    /// As [`Message::decode`], or the arrays take more.
    fn decode_within(
        bytes: &mut Bytes,
        version: i16,
        array_bytes_max: usize,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.limit_arrays(array_bytes_max);
        reader.enter(Self::NAME);
        let Some(version) = Self::version(version) else {
            return reader.fail(DecodeReason::Version(version));
        };
        let message = Self::decode_value(&mut reader, version)?;
        let used = reader.position();
        bytes.advance(used);
        Ok(message)
    }

    /// Decodes it from bytes that hold nothing else.
    ///
    /// # Errors
    /// The bytes are not such a message, or more than it.
    fn decode_exact(mut bytes: Bytes, version: i16) -> Result<Self, DecodeError> {
        let len = bytes.len();
        let message = Self::decode(&mut bytes, version)?;
        if bytes.is_empty() {
            return Ok(message);
        }
        let reason = DecodeReason::Trailing(bytes.len());
        Err(DecodeError { field: Self::NAME, position: len - bytes.len(), reason })
    }
}

/// A request, and with it its API.
pub trait Request: Message {
    /// The API's key.
    const KEY: ApiKey;
    /// What answers it.
    type Response: Response;
}

/// The answer to a request.
pub trait Response: Message {
    /// The API's key.
    const KEY: ApiKey;
}
