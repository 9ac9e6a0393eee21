//! The receive buffer of a connection, and the frames in it.
//!
//! It grows with the bytes that came, never by the length a frame declares, and costs nothing while
//! no frame is under way. Frames leave as slices of it: nothing is copied. A peer that fills it with
//! every read gets more room at a time, as long as memory is plenty, so that a burst of requests or
//! one large request comes in one read.
//!
//! Invariant: beyond a small free part, the whole allocation behind the buffer is held in the byte
//! budget, also the part that frames have left already.

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

/// Room below this is not worth a read, unless a frame ends in it.
const ROOM_BYTES_MIN: usize = FIRST_BYTES / 4;

/// The most room a busy connection gets at a time: a batch of Kafka's largest default size, and
/// beyond it nothing is saved.
const HABIT_BYTES_MAX: usize = 1024 * 1024 + FIRST_BYTES;

/// Half a frame up to this size does not keep a buffer for the other half: that may never come.
const SMALL_BYTES: usize = 1024;

/// Every frame begins with its length, a 32-bit number.
const LENGTH_BYTES: usize = 4;

/// And behind it stands the API's number.
const API_KEY_BYTES: usize = 2;

/// A length no frame may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadLength(pub(crate) i32);

/// The receive buffer.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: BytesMut,
    /// Bytes of the allocation behind the buffer.
    allocated: usize,
    /// What one read has brought of late, roughly; 0 is little.
    habit: usize,
    frame_bytes_max: usize,
    grant: Grant,
}

impl Input {
    pub(crate) fn new(budget: &Budget, frame_bytes_max: usize) -> Input {
        let grant = budget.grant();
        Input { buffer: BytesMut::new(), allocated: 0, habit: 0, frame_bytes_max, grant }
    }

    /// The next whole frame, without its length.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, BadLength> {
        let Some(len) = self.declared()? else { return Ok(None) };
        if self.buffer.len() < LENGTH_BYTES + len {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        let frame = self.buffer.split_to(len).freeze();
        if self.grant.borrows() {
            // Others wait for what this frame was lent.
            self.rest();
        }
        Ok(Some(frame))
    }

    /// Whether [`Input::next_frame`] has something to say.
    pub(crate) fn has_frame(&self) -> bool {
        match self.declared() {
            Ok(Some(len)) => self.buffer.len() >= LENGTH_BYTES + len,
            Ok(None) => false,
            Err(BadLength(_)) => true,
        }
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

    /// Whether the peer's bytes wait for room in the budget.
    pub(crate) fn waits_for_room(&self) -> bool {
        self.grant.is_waiting()
    }

    /// Bytes in memory that the budget counts.
    pub(crate) fn held(&self) -> usize {
        counted(self.allocated)
    }

    /// Reads what the socket has and says how much that was, 0 at its end. Nothing is allocated
    /// before there is something to read.
    pub(crate) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        let received = self.poll_read(context, stream);
        if received.is_pending() && self.buffer.len() <= SMALL_BYTES {
            self.rest();
        }
        received
    }

    /// Gives back the room that what is here does not need. For when nothing more is read for now.
    pub(crate) fn rest(&mut self) {
        if self.allocated > 2 * self.buffer.len() {
            self.move_to(0);
        }
        self.grant.shrink(counted(self.allocated));
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        ready!(stream.poll_readable(context))?;
        ready!(self.poll_room(context));
        let room = self.buffer.capacity() - self.buffer.len();
        let received = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(context))?;
        if received == room {
            self.habit = (self.habit.max(FIRST_BYTES) * 2).min(HABIT_BYTES_MAX);
        } else if received < self.habit / 4 {
            self.habit /= 2;
        }
        Poll::Ready(Ok(received))
    }

    /// Makes room for a read, when the budget has it.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let held = self.buffer.len();
        let rest = match self.declared() {
            Ok(Some(len)) => (LENGTH_BYTES + len).saturating_sub(held),
            Ok(None) | Err(BadLength(_)) => 0,
        };
        let needed = growth(held, rest);
        let wanted = needed.max(self.habit.saturating_sub(held));
        let room = self.buffer.capacity() - held;
        if room >= wanted {
            return Poll::Ready(());
        }
        // The frames in front are gone: cheaper than a new buffer.
        let is_fitting = self.allocated <= self.habit.max(FREE_INPUT_BYTES);
        let whole = self.allocated.saturating_sub(held);
        if is_fitting && whole >= ROOM_BYTES_MIN && self.buffer.try_reclaim(wanted.min(whole)) {
            return Poll::Ready(());
        }
        if room >= ROOM_BYTES_MIN || (rest > 0 && room >= rest) {
            return Poll::Ready(());
        }
        let bytes = if wanted > needed && self.grant.try_hold(counted(held + wanted)) {
            held + wanted
        } else {
            let bytes = held + needed;
            ready!(self.grant.poll_hold(context, counted(bytes), counted(held + rest)));
            bytes
        };
        self.move_to(bytes - held);
        if !self.grant.borrows() {
            self.grant.shrink(counted(self.allocated));
        }
        Poll::Ready(())
    }

    /// Takes what is here to a buffer of its own with so much room behind it.
    fn move_to(&mut self, room: usize) {
        let mut buffer = BytesMut::with_capacity(self.buffer.len() + room);
        buffer.extend_from_slice(&self.buffer);
        self.allocated = buffer.capacity();
        self.buffer = buffer;
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

/// How much room to make behind `held` bytes: for the rest of the frame, but in proportion to what
/// has come. Few large steps: each copies what is here.
fn growth(held: usize, rest: usize) -> usize {
    rest.min(held.saturating_mul(4)).max(FIRST_BYTES.saturating_sub(held))
}

/// The part of an allocation that the budget has to do with.
fn counted(allocated: usize) -> usize {
    allocated.saturating_sub(FREE_INPUT_BYTES)
}

#[cfg(test)]
mod tests;
