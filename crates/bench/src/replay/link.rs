//! A connection of the generator: frames out, replies in, what is in flight in between.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

use crate::BenchError;
use crate::frames::{CORRELATION_AT, Frame, HEAD_LEN};
use crate::input::{Filled, Input};

/// Frames of one system call; each takes three slices.
const FRAMES_AT_ONCE: usize = 64;

/// A request in flight: what the play must know when its reply comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// The connection.
    pub(super) link: usize,
    /// When it should have started, in nanoseconds of the monotonic clock.
    pub(super) intended: u64,
    /// The play's own.
    pub(super) tag: u32,
}

#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    /// `None` while its frames are looked at.
    input: Option<Input>,
    unsent: VecDeque<Unsent>,
    in_flight: VecDeque<(i32, Sent)>,
    correlation_id: i32,
    waits_for_room: bool,
}

#[derive(Debug)]
struct Unsent {
    head: [u8; HEAD_LEN],
    frame: Frame,
    /// Bytes that have left already.
    gone: usize,
}

impl Link {
    /// Takes over a connected socket.
    pub(super) fn new(stream: TcpStream, input_bytes: usize) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Link {
            stream,
            input: Some(Input::new(input_bytes)),
            unsent: VecDeque::new(),
            in_flight: VecDeque::new(),
            correlation_id: 0,
            waits_for_room: false,
        })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Queues a frame under the next correlation id.
    pub(super) fn send(&mut self, sent: Sent, frame: Frame) {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let mut head = [0; HEAD_LEN];
        for (to, from) in head.iter_mut().zip(frame.pieces().0) {
            *to = *from;
        }
        head[CORRELATION_AT..].copy_from_slice(&self.correlation_id.to_be_bytes());
        self.in_flight.push_back((self.correlation_id, sent));
        self.unsent.push_back(Unsent { head, frame, gone: 0 });
    }

    /// Writes what the socket takes. Says when it begins (`true`) or ends (`false`) to wait for room.
    pub(super) fn flush(&mut self) -> io::Result<Option<bool>> {
        let mut full = false;
        while !self.unsent.is_empty() && !full {
            let mut slices = [IoSlice::new(&[]); 3 * FRAMES_AT_ONCE];
            let (mut count, mut asked) = (0, 0);
            for (three, unsent) in slices.chunks_exact_mut(3).zip(&self.unsent) {
                let (front, tail) = unsent.frame.pieces();
                let head = unsent.head.get(unsent.gone..).unwrap_or_default();
                let tail = tail.get(unsent.gone.saturating_sub(front.len())..).unwrap_or_default();
                let front = front.get(unsent.gone.max(HEAD_LEN)..).unwrap_or_default();
                asked += head.len() + front.len() + tail.len();
                three.copy_from_slice(&[head, front, tail].map(IoSlice::new));
                count += 3;
            }
            match (&self.stream).write_vectored(slices.get(..count).unwrap_or_default()) {
                Ok(written) => {
                    full = written < asked;
                    self.gone(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => full = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let changed = full != self.waits_for_room;
        self.waits_for_room = full;
        Ok(changed.then_some(full))
    }

    fn gone(&mut self, mut written: usize) {
        while let Some(first) = self.unsent.front_mut() {
            let left = first.frame.len() - first.gone;
            if written < left {
                first.gone += written;
                return;
            }
            written -= left;
            self.unsent.pop_front();
        }
    }

    /// Reads once, so many bytes at most, and hands the input out, to be given back with [`Link::put_back`].
    pub(super) fn fill(&mut self, bytes_max: u64) -> io::Result<Input> {
        let mut input = self.input.take().ok_or_else(|| io::Error::other("read twice at once"))?;
        match input.fill((&self.stream).take(bytes_max))? {
            Filled::Some | Filled::Nothing => Ok(input),
            Filled::Closed => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!(
                    "the connection was closed with {} requests in flight",
                    self.in_flight.len()
                ),
            )),
        }
    }

    /// Unless the connection is another by now, and has an input of its own.
    pub(super) fn put_back(&mut self, input: Input) {
        self.input.get_or_insert(input);
    }

    /// Matches a reply with the oldest request; gives that and the bytes after the correlation id.
    pub(super) fn answered<'a>(&mut self, reply: &'a [u8]) -> Result<(Sent, &'a [u8]), BenchError> {
        let answered = reply.split_first_chunk().map(|(id, body)| (i32::from_be_bytes(*id), body));
        match (answered, self.in_flight.pop_front()) {
            (Some((id, body)), Some((expected, sent))) if id == expected => Ok((sent, body)),
            (found, expected) => Err(BenchError::Protocol(format!(
                "a reply with correlation id {:?}, the oldest request has {:?}",
                found.map(|(id, _)| id),
                expected.map(|(id, _)| id)
            ))),
        }
    }
}
