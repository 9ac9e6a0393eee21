//! What a connection still has to send: buffers and regions of files, in order.
//!
//! Buffers that follow each other leave in one vectored write; a region goes from the page cache to
//! the socket, and costs nothing but its handle.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use broker::Region;
use bytes::{Buf, Bytes};
use env::net::Stream;
use tokio::io::AsyncWrite;

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A region of a segment file.
    File(Region),
}

/// Buffers handed to one write: enough for a burst of small replies, on the stack.
const SLICES_MAX: usize = 64;

/// What a piece takes besides its bytes: its place here and what an allocation costs. Without it, a
/// million empty replies would count as nothing.
const PIECE_BYTES: usize = 128;

impl Piece {
    /// Bytes of memory that it takes.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len() + PIECE_BYTES,
            Piece::File(_) => PIECE_BYTES,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Piece::Bytes(bytes) => bytes.is_empty(),
            Piece::File(region) => region.len == 0,
        }
    }

    /// Leaves out up to `sent` bytes in front; says how many that were.
    fn advance(&mut self, sent: usize) -> usize {
        match self {
            Piece::Bytes(bytes) => {
                let taken = sent.min(bytes.len());
                bytes.advance(taken);
                taken
            }
            Piece::File(region) => {
                let taken = sent.min(region.len);
                region.position += taken as u64;
                region.len -= taken;
                taken
            }
        }
    }
}

/// The queue of one connection: pieces, none of them empty, each with its cost when it came.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pieces: VecDeque<(Piece, usize)>,
    cost: usize,
}

impl Output {
    /// Adds a piece at the end; empty ones are dropped.
    pub(crate) fn push(&mut self, piece: Piece) {
        if piece.is_empty() {
            return;
        }
        let cost = piece.cost();
        self.cost += cost;
        self.pieces.push_back((piece, cost));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes of memory that it takes. A buffer counts whole until all of it was sent.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Sends until all is gone or the peer takes no more; counts in `sent` what went.
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
        sent: &mut usize,
    ) -> Poll<io::Result<()>> {
        while !self.pieces.is_empty() {
            let some = ready!(self.poll_write_once(context, stream))?;
            if some == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += some;
            self.advance(some);
        }
        if self.pieces.capacity() > SLICES_MAX {
            self.pieces = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_once(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        match self.pieces.front() {
            None => Poll::Ready(Ok(0)),
            Some((Piece::File(region), _)) => {
                let sent = ready!(stream.poll_send_file(
                    context,
                    &*region.file,
                    region.position,
                    region.len
                ))?;
                if sent == 0 {
                    // The file is shorter than the log said: the reply cannot be completed.
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(Ok(sent))
            }
            Some((Piece::Bytes(only), _)) if self.pieces.len() == 1 => {
                Pin::new(stream).poll_write(context, only)
            }
            Some((Piece::Bytes(_), _)) => {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let mut count = 0;
                for (slice, (piece, _)) in slices.iter_mut().zip(&self.pieces) {
                    let Piece::Bytes(bytes) = piece else { break };
                    *slice = IoSlice::new(bytes);
                    count += 1;
                }
                let slices = slices.get(..count).unwrap_or_default();
                if count < self.pieces.len() {
                    stream.poll_write_more(context, slices)
                } else {
                    Pin::new(stream).poll_write_vectored(context, slices)
                }
            }
        }
    }

    fn advance(&mut self, mut sent: usize) {
        while sent > 0 {
            let Some((piece, cost)) = self.pieces.front_mut() else { return };
            sent -= piece.advance(sent);
            if piece.is_empty() {
                self.cost -= *cost;
                self.pieces.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests;
