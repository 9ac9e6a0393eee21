//! [`Reader`]: walks over the bytes of one message from a peer that is not trusted.
//!
//! Invariants: `at <= end <= frame.len()`; every length is checked against `end` before use; what
//! arrays allocate is charged against a budget that grows with the length of the frame alone.

use std::num::TryFromIntError;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeReason};
use crate::text::Str;

/// Memory that the arrays of one message may take: sixteen times its length, and 64 KiB so that
/// short messages are never refused.
///
/// The factor is what structs of empty texts need; the names of a real message are distinct and
/// so have a length, which keeps it far below.
pub const fn budget_of(len: usize) -> usize {
    len.saturating_mul(16).saturating_add(64 * 1024)
}

/// A position in the bytes of a message.
#[derive(Debug)]
pub struct Reader<'a> {
    frame: &'a Bytes,
    at: usize,
    end: usize,
    charged: usize,
    budget: usize,
    field: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(frame: &'a Bytes) -> Self {
        let budget = budget_of(frame.len());
        Reader { frame, at: 0, end: frame.len(), charged: 0, budget, field: "message" }
    }

    /// Lets arrays take at most `bytes`, however long the frame is.
    pub fn limit_arrays(&mut self, bytes: usize) {
        self.budget = self.budget.min(bytes);
    }

    /// Names what is decoded next, for errors.
    pub fn enter(&mut self, field: &'static str) {
        self.field = field;
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.end - self.at
    }

    /// An error at this place.
    pub fn fail<T>(&self, reason: DecodeReason) -> Result<T, DecodeError> {
        Err(DecodeError { field: self.field, position: self.at, reason })
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let left = self.left();
        let taken = self.at.checked_add(len).filter(|end| *end <= self.end);
        match taken.and_then(|end| self.frame.get(self.at..end).map(|bytes| (bytes, end))) {
            Some((bytes, end)) => {
                self.at = end;
                Ok(bytes)
            }
            None => self.fail(DecodeReason::Truncated { needed: len, left }),
        }
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.take(N)?.first_chunk::<N>() {
            Some(bytes) => Ok(*bytes),
            None => self.fail(DecodeReason::Truncated { needed: N, left: 0 }),
        }
    }

    /// The next `len` bytes, shared with the frame.
    pub fn slice(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let start = self.at;
        self.take(len)?;
        Ok(self.frame.slice(start..self.at))
    }

    /// The next `len` bytes as text, shared with the frame.
    pub fn text(&mut self, len: usize) -> Result<Str, DecodeError> {
        match Str::from_utf8(self.slice(len)?) {
            Ok(text) => Ok(text),
            Err(_) => self.fail(DecodeReason::Utf8),
        }
    }

    /// An unsigned integer of variable length.
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.fail(DecodeReason::Varint)
    }

    /// A length that was read as an integer of the wire's width.
    pub fn length<T>(&self, len: T) -> Result<usize, DecodeError>
    where
        T: Copy + TryInto<usize, Error = TryFromIntError>,
        i32: TryFrom<T>,
    {
        match len.try_into() {
            Ok(len) => Ok(len),
            Err(_) => self.fail(DecodeReason::Length(i32::try_from(len).unwrap_or(i32::MAX))),
        }
    }

    /// Checks that an array of `declared` entries, each of at least `min_size` bytes, can be
    /// among the bytes left.
    pub fn check_array(&self, declared: usize, min_size: usize) -> Result<(), DecodeError> {
        let left = self.left();
        if declared.saturating_mul(min_size.max(1)) > left {
            return self.fail(DecodeReason::ArrayLength { declared, left });
        }
        Ok(())
    }

    /// Charges memory that is about to be allocated for entries of an array.
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let budget = self.budget;
        self.charged = self.charged.saturating_add(bytes);
        if self.charged > budget {
            return self.fail(DecodeReason::Budget { budget });
        }
        Ok(())
    }

    /// The tagged section of a struct: gives each field's tag to `known`, which reads the field
    /// and says true, or leaves it and says false; then it is skipped.
    pub fn tagged(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let declared = self.uvarint()?;
            let declared = self.length(declared)?;
            let start = self.at;
            // Also checks that the field is all there.
            self.take(declared)?;
            let outer_end = std::mem::replace(&mut self.end, self.at);
            let after = std::mem::replace(&mut self.at, start);
            let found = known(tag, self);
            let read_up_to = std::mem::replace(&mut self.at, after);
            self.end = outer_end;
            if found? && read_up_to != after {
                return self.fail(DecodeReason::TaggedSize { tag, declared });
            }
        }
        Ok(())
    }

    /// Skips the tagged section of a struct that knows no tags.
    pub fn skip_tagged(&mut self) -> Result<(), DecodeError> {
        self.tagged(|_, _| Ok(false))
    }
}
