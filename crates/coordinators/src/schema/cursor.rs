//! Reading and writing of the primitive types of Kafka's schemas. A reader never goes beyond its
//! bytes and never believes a count.

use std::str;

/// Bytes that are not what their version says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end early, or a length reaches beyond them.
    #[error("the bytes end early")]
    Truncated,
    /// Text that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// Nothing where something must be, or a negative length.
    #[error("a length is not valid")]
    InvalidLength,
    /// A version nobody has defined.
    #[error("unknown version {0}")]
    UnknownVersion(i16),
}

/// A place in bytes that are being read.
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, left) = self.left.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, left) = self.left.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.left = left;
        Ok(*taken)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn uuid(&mut self) -> Result<[u8; 16], Malformed> {
        self.array()
    }

    /// An unsigned number of at most five bytes, seven bits each.
    pub(super) fn varint(&mut self) -> Result<u32, Malformed> {
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| Malformed::InvalidLength);
            }
        }
        Err(Malformed::InvalidLength)
    }

    fn text(&mut self, len: usize) -> Result<&'a str, Malformed> {
        str::from_utf8(self.take(len)?).map_err(|_| Malformed::NotUtf8)
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<&'a str>, Malformed> {
        match self.i16()? {
            -1 => Ok(None),
            len => {
                let len = usize::try_from(len).map_err(|_| Malformed::InvalidLength)?;
                self.text(len).map(Some)
            }
        }
    }

    pub(super) fn string(&mut self) -> Result<&'a str, Malformed> {
        self.nullable_string()?.ok_or(Malformed::InvalidLength)
    }

    /// The length of a compact text, bytes or array: none where the sender had nothing.
    pub(super) fn compact_len(&mut self) -> Result<Option<usize>, Malformed> {
        let len = self.varint()?.checked_sub(1);
        len.map(usize::try_from).transpose().map_err(|_| Malformed::InvalidLength)
    }

    pub(super) fn compact_nullable_string(&mut self) -> Result<Option<&'a str>, Malformed> {
        self.compact_len()?.map(|len| self.text(len)).transpose()
    }

    pub(super) fn compact_string(&mut self) -> Result<&'a str, Malformed> {
        self.compact_nullable_string()?.ok_or(Malformed::InvalidLength)
    }

    /// The length of bytes or of an array with a four byte length.
    pub(super) fn len(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.i32()?).map_err(|_| Malformed::InvalidLength)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.len()?;
        self.take(len)
    }

    pub(super) fn compact_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.compact_len()?.ok_or(Malformed::InvalidLength)?;
        self.take(len)
    }

    /// The tagged fields at the end of a flexible structure, each as its tag and its bytes.
    pub(super) fn tagged(
        &mut self,
        mut field: impl FnMut(u32, &'a [u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let len = usize::try_from(self.varint()?).map_err(|_| Malformed::InvalidLength)?;
            field(tag, self.take(len)?)?;
        }
        Ok(())
    }
}

/// Appends an unsigned number of seven bits a byte.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

/// Appends a text with a two byte length. Texts come from requests, where the same length held them;
/// what is longer nevertheless is cut at a character.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    let text = cut(text);
    out.extend_from_slice(&i16::try_from(text.len()).unwrap_or(i16::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a text or nothing, with a two byte length.
pub(super) fn put_nullable_string(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.extend_from_slice(&(-1_i16).to_be_bytes()),
    }
}

/// Appends a text with a compact length.
pub(super) fn put_compact_string(out: &mut Vec<u8>, text: &str) {
    let text = cut(text);
    put_varint(out, u32::try_from(text.len()).unwrap_or(0).saturating_add(1));
    out.extend_from_slice(text.as_bytes());
}

/// Appends a four byte length.
pub(super) fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&i32::try_from(len).unwrap_or(i32::MAX).to_be_bytes());
}

/// Appends bytes with a four byte length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// The longest beginning of `text` that a two byte length can hold.
fn cut(text: &str) -> &str {
    const MAX: usize = 0x7fff;
    if text.len() <= MAX {
        return text;
    }
    let end = (0..=MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}
