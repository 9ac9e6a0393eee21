//! What a connection still has to send: buffers and regions of files, in order.
//!
//! Buffers that follow each other leave in one vectored write; a region goes from the page cache to
//! the socket. In-memory bytes are counted in the byte budget until they are gone, regions cost
//! nothing but their handle.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use broker::Region;
use broker::budget::{Budget, Grant};
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

/// The queue of one connection.
#[derive(Debug)]
pub(crate) struct Output {
    pieces: VecDeque<Piece>,
    bytes: usize,
    grant: Grant,
}

impl Output {
    pub(crate) fn new(budget: &Budget) -> Output {
        Output { pieces: VecDeque::new(), bytes: 0, grant: budget.grant() }
    }

    /// Adds a piece at the end; empty ones are dropped.
    pub(crate) fn push(&mut self, piece: Piece) {
        match &piece {
            Piece::Bytes(bytes) if bytes.is_empty() => return,
            Piece::Bytes(bytes) => self.bytes += bytes.len(),
            Piece::File(region) if region.len == 0 => return,
            Piece::File(_) => {}
        }
        self.pieces.push_back(piece);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes in memory that wait to be sent.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends until all is gone or the peer takes no more; says whether anything went.
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
        sent_any: &mut bool,
    ) -> Poll<io::Result<()>> {
        loop {
            let done = self.poll_write_once(context, stream);
            match done {
                Poll::Ready(Ok(0)) if self.pieces.is_empty() => {
                    self.settle();
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => {
                    *sent_any = true;
                    self.advance(sent);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.settle();
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_write_once(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        match self.pieces.front() {
            None => Poll::Ready(Ok(0)),
            Some(Piece::File(region)) => {
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
            Some(Piece::Bytes(only)) if self.pieces.len() == 1 => {
                Pin::new(stream).poll_write(context, only)
            }
            Some(Piece::Bytes(_)) => {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let mut count = 0;
                for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                    let Piece::Bytes(bytes) = piece else { break };
                    *slice = IoSlice::new(bytes);
                    count += 1;
                }
                Pin::new(stream)
                    .poll_write_vectored(context, slices.get(..count).unwrap_or_default())
            }
        }
    }

    fn advance(&mut self, mut sent: usize) {
        while sent > 0 {
            match self.pieces.front_mut() {
                Some(Piece::Bytes(bytes)) => {
                    let taken = sent.min(bytes.len());
                    bytes.advance(taken);
                    self.bytes -= taken;
                    sent -= taken;
                    if !bytes.is_empty() {
                        return;
                    }
                }
                Some(Piece::File(region)) => {
                    let taken = sent.min(region.len);
                    region.position += taken as u64;
                    region.len -= taken;
                    sent -= taken;
                    if region.len > 0 {
                        return;
                    }
                }
                None => return,
            }
            self.pieces.pop_front();
        }
    }

    /// Counts what is left in the budget. Replies that left at once never touch it.
    fn settle(&mut self) {
        self.grant.count(self.bytes);
        if self.pieces.is_empty() && self.pieces.capacity() > SLICES_MAX {
            self.pieces = VecDeque::new();
        }
    }
}
