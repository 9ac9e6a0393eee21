//! The receive buffer of a connection, and the frames in it.
//!
//! It grows with the bytes that came, never by the length a frame declares, is counted in the byte
//! budget beyond a small free part, and costs nothing while no frame is under way. Frames leave as
//! slices of it: nothing is copied.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use broker::budget::{Budget, Grant};
use broker::limits::FREE_INPUT_BYTES;
use bytes::{Buf, Bytes, BytesMut};
use env::net::Stream;
use tokio::io::AsyncReadExt;

/// The first buffer of a connection that has something to say.
const FIRST_BYTES: usize = 16 * 1024;

/// The largest single step in which the buffer grows.
const GROW_BYTES_MAX: usize = 1024 * 1024;

/// Every frame begins with its length, a 32-bit number.
const LENGTH_BYTES: usize = 4;

/// And behind it stands the API's number.
const API_KEY_BYTES: usize = 2;

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// The peer is done.
    End,
    /// The byte budget is empty: try again when something was given back.
    NoBudget,
}

/// A length no frame may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadLength(pub(crate) i32);

/// The receive buffer.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: BytesMut,
    frame_bytes_max: usize,
    grant: Grant,
}

impl Input {
    pub(crate) fn new(budget: &Budget, frame_bytes_max: usize) -> Input {
        Input { buffer: BytesMut::new(), frame_bytes_max, grant: budget.grant() }
    }

    /// The next whole frame, without its length.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, BadLength> {
        let Some(len) = self.declared()? else { return Ok(None) };
        if self.buffer.len() < LENGTH_BYTES + len {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        Ok(Some(self.buffer.split_to(len).freeze()))
    }

    /// The API of the next frame, as soon as enough of it has come.
    pub(crate) fn next_api_key(&self) -> Option<i16> {
        let key = self.buffer.get(LENGTH_BYTES..LENGTH_BYTES + API_KEY_BYTES)?;
        Some(i16::from_be_bytes(key.try_into().ok()?))
    }

    /// Whether part of a frame has come.
    pub(crate) fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Reads what the socket has. Nothing is allocated before there is something to read.
    pub(crate) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<Received>> {
        ready!(stream.poll_readable(context))?;
        if self.buffer.capacity() - self.buffer.len() < FIRST_BYTES / 4 {
            let growth = self.growth();
            let counted = (self.buffer.len() + growth).saturating_sub(FREE_INPUT_BYTES);
            if !self.grant.resize(counted) {
                return Poll::Ready(Ok(Received::NoBudget));
            }
            self.buffer.reserve(growth);
        }
        let read = pin!(stream.read_buf(&mut self.buffer)).poll(context);
        match read {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(Received::End)),
            Poll::Ready(Ok(read)) => Poll::Ready(Ok(Received::Bytes(read))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.rest();
                Poll::Pending
            }
        }
    }

    /// Gives the buffer back while no frame is under way.
    pub(crate) fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.grant.count(0);
        }
    }

    /// How much room to make: for the rest of the frame, but at most four times what has come.
    fn growth(&self) -> usize {
        let held = self.buffer.len();
        let rest = match self.declared() {
            Ok(Some(len)) => (LENGTH_BYTES + len).saturating_sub(held),
            Ok(None) | Err(_) => 0,
        };
        rest.min(4 * held).min(GROW_BYTES_MAX).max(FIRST_BYTES)
    }

    fn declared(&self) -> Result<Option<usize>, BadLength> {
        let Some(prefix) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let declared = i32::from_be_bytes(*prefix);
        match usize::try_from(declared) {
            Ok(len) if len > 0 && len <= self.frame_bytes_max => Ok(Some(len)),
            _ => Err(BadLength(declared)),
        }
    }
}
