//! Where encoded bytes go: [`Counter`] measures, [`Encoder`] writes, [`Encoded`] is the result.
//!
//! Invariant: for the same value and version, what [`Counter`] counted is what [`Encoder`] takes,
//! so an encoder given that room never grows its buffer.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::payload::{Piece, gather};

#[cfg(test)]
mod tests;

/// Shared bytes shorter than this are copied into the buffer around them: one more element in a
/// vectored write costs about as much as copying a kilobyte.
pub const SHARE_MIN: usize = 1024;

/// Takes the bytes of an encoding, in order.
pub trait Sink {
    /// Takes a copy of the bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Takes the bytes, by reference if they are at least [`SHARE_MIN`] long.
    fn put_shared(&mut self, bytes: &Bytes);

    /// Takes a region that is filled in when the frame is sent.
    fn put_external(&mut self, token: u32, len: u32);

    /// Takes an unsigned integer of variable length: seven bits a byte, the lowest first.
    fn put_uvarint(&mut self, value: u32) {
        let mut rest = value;
        while rest >= 0x80 {
            let [low, ..] = rest.to_le_bytes();
            self.put(&[low | 0x80]);
            rest >>= 7;
        }
        let [low, ..] = rest.to_le_bytes();
        self.put(&[low]);
    }
}

/// Counts bytes and keeps none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counter {
    copied: usize,
    passed_on: usize,
}

impl Counter {
    /// All bytes.
    pub fn total(&self) -> usize {
        self.copied.saturating_add(self.passed_on)
    }

    /// The bytes that an [`Encoder`] copies into its buffer.
    pub fn copied(&self) -> usize {
        self.copied
    }
}

impl Sink for Counter {
    fn put(&mut self, bytes: &[u8]) {
        self.copied = self.copied.saturating_add(bytes.len());
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_MIN {
            self.put(bytes);
        } else {
            self.passed_on = self.passed_on.saturating_add(bytes.len());
        }
    }

    fn put_external(&mut self, token: u32, len: u32) {
        let len = Piece::External { token, len }.len();
        self.passed_on = self.passed_on.saturating_add(len);
    }
}

/// Writes into one buffer, set apart by the pieces it passes on.
#[derive(Debug, Default)]
pub struct Encoder {
    buffer: BytesMut,
    pieces: SmallVec<[Piece; 1]>,
    len: usize,
}

impl Encoder {
    /// An encoder with room for this many copied bytes ([`Counter::copied`]).
    pub fn with_capacity(copied: usize) -> Self {
        Encoder { buffer: BytesMut::with_capacity(copied), ..Encoder::default() }
    }

    /// Makes room for this many more copied bytes.
    pub fn reserve(&mut self, copied: usize) {
        self.buffer.reserve(copied);
    }

    /// Bytes taken so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none were.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was taken since the start or since the last call; the rest of the buffer stays in use.
    pub fn take(&mut self) -> Encoded {
        self.flush();
        let len = std::mem::take(&mut self.len);
        Encoded { pieces: std::mem::take(&mut self.pieces), len }
    }

    /// What was taken.
    pub fn finish(mut self) -> Encoded {
        if !self.buffer.is_empty() {
            let last = std::mem::take(&mut self.buffer).freeze();
            self.pieces.push(Piece::Bytes(last));
        }
        Encoded { pieces: self.pieces, len: self.len }
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.pieces.push(Piece::Bytes(self.buffer.split().freeze()));
        }
    }
}

impl Sink for Encoder {
    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.len = self.len.saturating_add(bytes.len());
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_MIN {
            self.put(bytes);
        } else {
            self.flush();
            self.len = self.len.saturating_add(bytes.len());
            self.pieces.push(Piece::Bytes(bytes.clone()));
        }
    }

    fn put_external(&mut self, token: u32, len: u32) {
        self.flush();
        let piece = Piece::External { token, len };
        self.len = self.len.saturating_add(piece.len());
        self.pieces.push(piece);
    }
}

/// Encoded bytes as a list of pieces; a reply without a large payload is one piece.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    pieces: SmallVec<[Piece; 1]>,
    len: usize,
}

impl Encoded {
    /// All bytes, those of external pieces included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces in the order in which they are sent.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The pieces, taken.
    pub fn into_pieces(self) -> impl Iterator<Item = Piece> {
        self.pieces.into_iter()
    }

    /// The bytes, if no piece is external; copied only if there is more than one piece.
    pub fn to_bytes(&self) -> Option<Bytes> {
        gather(&self.pieces)
    }
}
