//! What a handler gives back: an answer now, an answer later, or none.

use std::pin::Pin;

use env::clock::Deadline;
use smallvec::SmallVec;

use crate::output::{FilePiece, Piece};

/// A whole response frame in pieces.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) pieces: SmallVec<[Piece; 1]>,
    /// There is no answer and there will be none: the connection has to end.
    pub(crate) broken: bool,
}

/// An answer that has to wait.
pub(crate) struct Parked {
    pub(crate) future: Pin<Box<dyn Future<Output = Answer> + Send>>,
    /// Whether produces behind it may be looked at before it is answered.
    pub(crate) lets_produces_pass: bool,
    /// When it wants to be polled again, whatever has come: it looks at the time itself.
    pub(crate) deadline: Option<Deadline>,
}

/// What comes of a request.
pub(crate) enum Reply {
    /// It is answered.
    Now(Answer),
    /// It will be.
    Later(Parked),
    /// The client wants no answer (acks=0).
    Nothing,
}

impl Answer {
    /// The answer that `encoded` is, with `regions` in the places of its external pieces.
    pub(crate) fn new(encoded: wire::Encoded, regions: &[FilePiece]) -> Answer {
        let mut pieces = SmallVec::new();
        for piece in encoded.into_pieces() {
            match piece {
                wire::Piece::Bytes(bytes) => pieces.push(Piece::Bytes(bytes)),
                wire::Piece::External { token, .. } => {
                    let region = usize::try_from(token).ok().and_then(|token| regions.get(token));
                    pieces.extend(region.cloned().map(Piece::File));
                }
            }
        }
        Answer { pieces, broken: false }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn cost(&self) -> usize {
        self.pieces.iter().map(Piece::cost).sum()
    }

    /// No answer, and the end of the connection.
    pub(crate) fn broken() -> Answer {
        Answer { pieces: SmallVec::new(), broken: true }
    }
}

impl Reply {
    /// An answer that nothing may overtake: requests behind it wait, as in Kafka.
    pub(crate) fn later(future: impl Future<Output = Answer> + Send + 'static) -> Reply {
        Reply::Later(Parked { future: Box::pin(future), lets_produces_pass: false, deadline: None })
    }

    /// An answer whose effect is made already: produces behind it may be looked at.
    pub(crate) fn passing(
        deadline: Deadline,
        future: impl Future<Output = Answer> + Send + 'static,
    ) -> Reply {
        let future = Box::pin(future);
        Reply::Later(Parked { future, lets_produces_pass: true, deadline: Some(deadline) })
    }
}
