//! [`Records`]: the payload of Produce and Fetch, opaque and never copied.
//!
//! A reply's payload is a list of pieces, each either bytes in memory or a region that only the
//! sender of the frame can reach (a part of a file), known here by a token and its length.

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

/// A part of what is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes elsewhere, which whoever sends the frame puts in this place.
    External {
        /// Which region; the meaning is the sender's.
        token: u32,
        /// Its length in bytes.
        len: u32,
    },
}

impl Piece {
    /// Bytes this piece takes on the wire.
    pub fn len(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len(),
            // A length of 32 bits fits everywhere this is built for.
            Piece::External { len, .. } => usize::try_from(*len).unwrap_or(usize::MAX),
        }
    }

    /// Whether it takes none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Record batches as they are on the wire and on disk, without a look inside.
///
/// Decoded, it is one slice of the receive buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    pieces: SmallVec<[Piece; 1]>,
}

impl Records {
    /// No bytes (which is not null).
    pub fn empty() -> Self {
        Records::default()
    }

    /// Records made of the pieces, in their order.
    pub fn external(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Records { pieces: pieces.into_iter().filter(|piece| !piece.is_empty()).collect() }
    }

    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Piece::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The pieces in their order; none is empty.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The bytes, if all are in memory; copied only if there is more than one piece.
    pub fn to_bytes(&self) -> Option<Bytes> {
        gather(&self.pieces)
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Records::empty();
        }
        Records { pieces: smallvec![Piece::Bytes(bytes)] }
    }
}

/// All pieces as one run of bytes, if none is external; copied only if there is more than one.
pub(crate) fn gather(pieces: &[Piece]) -> Option<Bytes> {
    match pieces {
        [] => Some(Bytes::new()),
        [Piece::Bytes(bytes)] => Some(bytes.clone()),
        [Piece::External { .. }] => None,
        pieces => {
            let mut all = Vec::with_capacity(pieces.iter().map(Piece::len).sum());
            for piece in pieces {
                match piece {
                    Piece::Bytes(bytes) => all.extend_from_slice(bytes),
                    Piece::External { .. } => return None,
                }
            }
            Some(Bytes::from(all))
        }
    }
}
