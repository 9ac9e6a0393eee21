//! A cursor over a reply of which only a few fields matter. Each read checks what is left.

#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes, len: bytes.len() }
    }

    /// How many bytes have been read.
    pub(crate) fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(crate) fn int16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn int32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn int64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// The length of an array or of bytes; null counts as empty.
    pub(crate) fn count(&mut self) -> Option<usize> {
        self.int32().map(|count| usize::try_from(count).unwrap_or(0))
    }

    /// A text before the flexible versions; null counts as empty.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.int16()?;
        self.take(usize::try_from(len).unwrap_or(0))
    }
}
