//! [`Value`]: how each field type looks on the wire, and [`Version`], which that depends on.
//!
//! A flexible version has compact lengths (variable, plus one, zero for null) and a tagged section
//! at the end of each struct; the others have lengths of fixed width with `-1` for null.
//!
//! The derive implements [`Value`] for structs; this file has the rest.

use bytes::Bytes;
use uuid::Uuid;

use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::payload::{Piece, Records};
use crate::reader::Reader;
use crate::sink::{Counter, Sink};
use crate::text::Str;

#[cfg(test)]
mod tests;

/// The longest text, whichever way its length is written.
const TEXT_LEN_MAX: usize = 0x7fff;

/// Room taken at first for an array that is longer; it grows as entries are decoded.
const FIRST_ROOM: usize = 4096;

/// Version of a message, and whether that is a flexible one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    number: i16,
    flexible: bool,
}

impl Version {
    /// A version of a message.
    pub const fn new(number: i16, flexible: bool) -> Self {
        Version { number, flexible }
    }

    /// Its number.
    pub const fn number(self) -> i16 {
        self.number
    }

    /// Whether lengths are compact and structs end in a tagged section.
    pub const fn flexible(self) -> bool {
        self.flexible
    }

    /// Whether it is in the range, both ends included.
    pub const fn within(self, min: i16, max: i16) -> bool {
        min <= self.number && self.number <= max
    }
}

/// A value that can stand in a message.
pub trait Value: Sized {
    /// A lower bound of its encoded size, by which arrays are bounded.
    fn min_size(version: Version) -> usize;

    /// Writes it.
    ///
    /// # Errors
    /// The version cannot carry it.
    fn encode_value<S: Sink>(&self, sink: &mut S, version: Version) -> Result<(), EncodeError>;

    /// Reads it.
    ///
    /// # Errors
    /// The bytes are no such value.
    fn decode_value(reader: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError>;
}

/// A value that can be null in a message; the provided form is that of structs.
pub trait Nullable: Value {
    /// A lower bound of its encoded size, null being possible.
    fn min_size_nullable(_version: Version) -> usize {
        1
    }

    /// Writes it or null.
    ///
    /// # Errors
    /// The version cannot carry it.
    fn encode_nullable<S: Sink>(
        value: Option<&Self>,
        sink: &mut S,
        version: Version,
    ) -> Result<(), EncodeError> {
        match value {
            Some(value) => {
                sink.put(&1_i8.to_be_bytes());
                value.encode_value(sink, version)
            }
            None => {
                sink.put(&(-1_i8).to_be_bytes());
                Ok(())
            }
        }
    }

    /// Reads it or null.
    ///
    /// # Errors
    /// The bytes are neither.
    fn decode_nullable(
        reader: &mut Reader<'_>,
        version: Version,
    ) -> Result<Option<Self>, DecodeError> {
        let mark = i8::from_be_bytes(reader.array()?);
        if mark < 0 { Ok(None) } else { Self::decode_value(reader, version).map(Some) }
    }
}

impl<T: Nullable> Value for Option<T> {
    fn min_size(version: Version) -> usize {
        T::min_size_nullable(version)
    }

    fn encode_value<S: Sink>(&self, sink: &mut S, version: Version) -> Result<(), EncodeError> {
        T::encode_nullable(self.as_ref(), sink, version)
    }

    fn decode_value(reader: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        T::decode_nullable(reader, version)
    }
}

/// Writes a value that can be null in other versions but not in this one (for the derive).
///
/// # Errors
/// It is null, or the version cannot carry it.
pub fn put_required<T: Value, S: Sink>(
    value: Option<&T>,
    sink: &mut S,
    version: Version,
    field: &'static str,
) -> Result<(), EncodeError> {
    match value {
        Some(value) => value.encode_value(sink, version),
        None => Err(EncodeError::Null { field, version: version.number() }),
    }
}

/// Writes one field of a tagged section (for the derive).
///
/// # Errors
/// The version cannot carry the value.
pub fn put_tagged<T: Value, S: Sink>(
    tag: u32,
    value: &T,
    sink: &mut S,
    version: Version,
) -> Result<(), EncodeError> {
    let mut size = Counter::default();
    value.encode_value(&mut size, version)?;
    let len = size.total();
    sink.put_uvarint(tag);
    sink.put_uvarint(
        u32::try_from(len).map_err(|_| EncodeError::TooLong { what: "tagged field", len })?,
    );
    value.encode_value(sink, version)
}

macro_rules! fixed_width {
    ($($ty:ty)*) => {$(
        impl Value for $ty {
            fn min_size(_version: Version) -> usize {
                size_of::<$ty>()
            }

            fn encode_value<S: Sink>(
                &self,
                sink: &mut S,
                _version: Version,
            ) -> Result<(), EncodeError> {
                sink.put(&self.to_be_bytes());
                Ok(())
            }

            fn decode_value(
                reader: &mut Reader<'_>,
                _version: Version,
            ) -> Result<Self, DecodeError> {
                Ok(<$ty>::from_be_bytes(reader.array()?))
            }
        }
    )*};
}

fixed_width!(i8 i16 u16 i32 u32 i64 f64);

impl Value for bool {
    fn min_size(_version: Version) -> usize {
        1
    }

    fn encode_value<S: Sink>(&self, sink: &mut S, _version: Version) -> Result<(), EncodeError> {
        sink.put(&[u8::from(*self)]);
        Ok(())
    }

    fn decode_value(reader: &mut Reader<'_>, _version: Version) -> Result<Self, DecodeError> {
        let [byte] = reader.array()?;
        Ok(byte != 0)
    }
}

impl Value for Uuid {
    fn min_size(_version: Version) -> usize {
        16
    }

    fn encode_value<S: Sink>(&self, sink: &mut S, _version: Version) -> Result<(), EncodeError> {
        sink.put(self.as_bytes());
        Ok(())
    }

    fn decode_value(reader: &mut Reader<'_>, _version: Version) -> Result<Self, DecodeError> {
        Ok(Uuid::from_bytes(reader.array()?))
    }
}

/// Width of the length before the value where it is not compact.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    /// Before text.
    Two,
    /// Before everything else.
    Four,
}

impl Width {
    fn min_size(self, version: Version) -> usize {
        match (version.flexible(), self) {
            (true, _) => 1,
            (false, Width::Two) => 2,
            (false, Width::Four) => 4,
        }
    }

    fn put<S: Sink>(
        self,
        len: Option<usize>,
        sink: &mut S,
        version: Version,
        what: &'static str,
    ) -> Result<(), EncodeError> {
        let number = match (len, self) {
            (None, _) => -1,
            (Some(len), Width::Two) if len > TEXT_LEN_MAX => {
                return Err(EncodeError::TooLong { what, len });
            }
            (Some(len), _) => i32::try_from(len).map_err(|_| EncodeError::TooLong { what, len })?,
        };
        if version.flexible() {
            // From -1 up, so the sum is never negative.
            sink.put_uvarint(number.wrapping_add(1).cast_unsigned());
            return Ok(());
        }
        match self {
            Width::Two => match i16::try_from(number) {
                Ok(number) => sink.put(&number.to_be_bytes()),
                Err(_) => return Err(EncodeError::TooLong { what, len: TEXT_LEN_MAX + 1 }),
            },
            Width::Four => sink.put(&number.to_be_bytes()),
        }
        Ok(())
    }

    fn get(self, reader: &mut Reader<'_>, version: Version) -> Result<Option<usize>, DecodeError> {
        let len = match (version.flexible(), self) {
            (true, _) => match reader.uvarint()?.checked_sub(1) {
                None => return Ok(None),
                Some(len) => reader.length(len)?,
            },
            (false, width) => {
                let number = match width {
                    Width::Two => i32::from(i16::from_be_bytes(reader.array()?)),
                    Width::Four => i32::from_be_bytes(reader.array()?),
                };
                if number == -1 {
                    return Ok(None);
                }
                reader.length(number)?
            }
        };
        if self == Width::Two && len > TEXT_LEN_MAX {
            return reader.fail(DecodeReason::Length(i32::try_from(len).unwrap_or(i32::MAX)));
        }
        Ok(Some(len))
    }
}

/// Implements both traits for a type whose null is a length of its own.
macro_rules! with_length {
    ([$($generics:tt)*] $ty:ty, $width:expr, $what:literal,
     |$value:ident, $sink:ident, $put_version:ident| $put:expr,
     |$len:ident, $reader:ident, $get_version:ident| $get:expr) => {
        impl<$($generics)*> Value for $ty {
            fn min_size(version: Version) -> usize {
                $width.min_size(version)
            }

            fn encode_value<S: Sink>(
                &self,
                sink: &mut S,
                version: Version,
            ) -> Result<(), EncodeError> {
                Self::encode_nullable(Some(self), sink, version)
            }

            fn decode_value(
                reader: &mut Reader<'_>,
                version: Version,
            ) -> Result<Self, DecodeError> {
                match Self::decode_nullable(reader, version)? {
                    Some(value) => Ok(value),
                    None => reader.fail(DecodeReason::Null),
                }
            }
        }

        impl<$($generics)*> Nullable for $ty {
            fn min_size_nullable(version: Version) -> usize {
                $width.min_size(version)
            }

            fn encode_nullable<S: Sink>(
                value: Option<&Self>,
                $sink: &mut S,
                $put_version: Version,
            ) -> Result<(), EncodeError> {
                $width.put(value.map(|value| value.len()), $sink, $put_version, $what)?;
                if let Some($value) = value {
                    $put
                }
                Ok(())
            }

            fn decode_nullable(
                $reader: &mut Reader<'_>,
                $get_version: Version,
            ) -> Result<Option<Self>, DecodeError> {
                match $width.get($reader, $get_version)? {
                    Some($len) => $get.map(Some),
                    None => Ok(None),
                }
            }
        }
    };
}

with_length!([] Str, Width::Two, "text",
    |value, sink, _version| sink.put(value.as_str().as_bytes()),
    |len, reader, _version| reader.text(len));

with_length!([] Bytes, Width::Four, "byte field",
    |value, sink, _version| sink.put_shared(value),
    |len, reader, _version| reader.slice(len));

with_length!([] Records, Width::Four, "record payload",
    |value, sink, _version| {
        for piece in value.pieces() {
            match piece {
                Piece::Bytes(bytes) => sink.put_shared(bytes),
                Piece::External { token, len } => sink.put_external(*token, *len),
            }
        }
    },
    |len, reader, _version| reader.slice(len).map(Records::from));

with_length!([T: Value] Vec<T>, Width::Four, "array",
    |value, sink, version| {
        for entry in value {
            entry.encode_value(sink, version)?;
        }
    },
    |len, reader, version| entries(len, reader, version));

/// Decodes the entries of an array. Room is taken a little at first and then as entries turn out
/// to be there, and all of it is charged.
fn entries<T: Value>(
    len: usize,
    reader: &mut Reader<'_>,
    version: Version,
) -> Result<Vec<T>, DecodeError> {
    reader.check_array(len, T::min_size(version))?;
    let mut entries = Vec::new();
    let mut room = len.min(FIRST_ROOM / size_of::<T>().max(1)).max(1);
    for _ in 0..len {
        if entries.len() == entries.capacity() {
            let more = room.min(len - entries.len());
            reader.charge(more.saturating_mul(size_of::<T>()))?;
            entries.reserve_exact(more);
            room = entries.capacity();
        }
        entries.push(T::decode_value(reader, version)?);
    }
    Ok(entries)
}
