//! What a connection still has to send: buffers and regions of files, in order.
//!
//! Buffers that follow each other leave in one vectored write; a region goes from the page cache to
//! the socket, and costs nothing but its handle. What of a region is not in the page cache is brought
//! there first, by a thread that may wait for the disk, a part at a time: nothing is sent meanwhile, and
//! the worker serves others.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use broker::limits::COLD_READ_BYTES;
use broker::{ColdReads, Region};
use bytes::{Buf, Bytes};
use env::net::Stream;
use tokio::io::AsyncWrite;

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A region of a segment file.
    File(FilePiece),
}

/// A region of a segment file that is sent from there.
#[derive(Clone, Debug)]
pub(crate) struct FilePiece {
    pub(crate) region: Region,
    /// So many of its first bytes were in memory a moment ago.
    pub(crate) in_memory: usize,
}

/// Buffers handed to one write: enough for a burst of small replies, on the stack.
const SLICES_MAX: usize = 64;

/// What one connection sends before others of its worker have their turn: a quarter of a millisecond.
const SENT_AT_ONCE_BYTES: usize = 1 << 20;

/// What it sends before other threads have their turn, if one waits for this core: the kernel lets this one
/// go on for milliseconds, and would not interrupt a call that sends.
const GIVE_WAY_BYTES: usize = 256 << 10;

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
            Piece::File(piece) => piece.region.len == 0,
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
            Piece::File(FilePiece { region, in_memory }) => {
                let taken = sent.min(region.len);
                *in_memory = in_memory.saturating_sub(taken);
                region.position += taken as u64;
                region.len -= taken;
                taken
            }
        }
    }
}

impl FilePiece {
    /// Makes sure that some of what is sent next is in memory.
    fn poll_bring_in(
        &mut self,
        context: &mut Context<'_>,
        coming: &mut Option<Coming>,
        cold_reads: &ColdReads,
    ) -> Poll<io::Result<()>> {
        if self.in_memory == 0 {
            if coming.is_none() && !self.region.is_in_memory(COLD_READ_BYTES) {
                let region = self.region.clone();
                *coming = Some(Box::pin(cold_reads.run(move || region.bring_in(COLD_READ_BYTES))));
            }
            if let Some(bringing) = coming {
                let brought = ready!(bringing.as_mut().poll(context));
                *coming = None;
                brought??;
            }
            self.in_memory = COLD_READ_BYTES;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends some of what is in memory.
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        let Region { file, position, len } = &self.region;
        let some = self.in_memory.min(*len).min(GIVE_WAY_BYTES);
        match stream.poll_send_file(context, &**file, *position, some)? {
            // The file is shorter than the log said: the reply cannot be completed.
            Poll::Ready(0) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(sent) => Poll::Ready(Ok(sent)),
            Poll::Pending => {
                // When the peer takes more, it may not be in memory any longer.
                self.in_memory = 0;
                Poll::Pending
            }
        }
    }
}

/// The queue of one connection: pieces, none of them empty, each with its cost when it came.
#[derive(Default)]
pub(crate) struct Output {
    pieces: VecDeque<(Piece, usize)>,
    cost: usize,
    /// Brings in the next part of the region in front.
    coming: Option<Coming>,
}

type Coming = Pin<Box<dyn Future<Output = io::Result<io::Result<()>>> + Send>>;

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

    /// Whether it is the disk that is waited for, and not the peer.
    pub(crate) fn waits_for_disk(&self) -> bool {
        self.coming.is_some()
    }

    /// Sends until all is gone, the peer takes no more, the disk has to be waited for, or it is others'
    /// turn; counts in `sent` what went.
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
        cold_reads: &ColdReads,
        sent: &mut usize,
    ) -> Poll<io::Result<()>> {
        let mut given_way = *sent;
        while !self.pieces.is_empty() {
            let some = ready!(self.poll_write_once(context, stream, cold_reads))?;
            if some == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += some;
            self.advance(some);
            if *sent - given_way >= GIVE_WAY_BYTES {
                env::thread::give_way();
                given_way = *sent;
            }
            if *sent >= SENT_AT_ONCE_BYTES && !self.pieces.is_empty() {
                // A peer that takes it as fast as it is sent would have this worker to itself.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
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
        cold_reads: &ColdReads,
    ) -> Poll<io::Result<usize>> {
        if let Some((Piece::File(piece), _)) = self.pieces.front_mut() {
            ready!(piece.poll_bring_in(context, &mut self.coming, cold_reads))?;
            return piece.poll_send(context, stream);
        }
        match self.pieces.front() {
            None | Some((Piece::File(_), _)) => Poll::Ready(Ok(0)),
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
