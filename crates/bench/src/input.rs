//! Bytes of a socket on their way to frames: a buffer that is read into, and the whole frames in it.
//!
//! A frame is looked at where it lies. The buffer is as large as the largest frame so far needs.

use std::io::{self, Read};
use std::ops::Range;

/// Frames longer than this are a mistake of the peer.
const FRAME_LEN_MAX: usize = 256 << 20;
const LEN_SIZE: usize = 4;

#[derive(Debug)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// What reading came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filled {
    /// There are more bytes, perhaps also in the socket.
    Some,
    /// There is nothing more for now.
    Nothing,
    /// The peer has closed.
    Closed,
}

impl Input {
    pub(crate) fn new(capacity: usize) -> Self {
        Input { buffer: vec![0; capacity], start: 0, end: 0 }
    }

    /// Reads once, as much as there is room for.
    pub(crate) fn fill(&mut self, mut from: impl Read) -> io::Result<Filled> {
        self.make_room()?;
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let asked = room.len();
        match from.read(room) {
            Ok(0) => Ok(Filled::Closed),
            Ok(read) => {
                self.end += read;
                Ok(if read == asked { Filled::Some } else { Filled::Nothing })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Filled::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Filled::Some),
            Err(error) => Err(error),
        }
    }

    /// The place of the next whole frame, without its length; it is then no longer pending.
    pub(crate) fn next_frame(&mut self) -> io::Result<Option<Range<usize>>> {
        let Some(needed) = self.frame_len()? else { return Ok(None) };
        if self.end - self.start < needed {
            return Ok(None);
        }
        let frame = self.start + LEN_SIZE..self.start + needed;
        self.start += needed;
        Ok(Some(frame))
    }

    /// The bytes at a place that [`Input::next_frame`] gave, valid until the next fill.
    pub(crate) fn bytes(&self, at: Range<usize>) -> &[u8] {
        self.buffer.get(at).unwrap_or_default()
    }

    /// The same, to be changed.
    pub(crate) fn bytes_mut(&mut self, at: Range<usize>) -> &mut [u8] {
        self.buffer.get_mut(at).unwrap_or_default()
    }

    /// Makes room for at least this many bytes.
    pub(crate) fn grow(&mut self, capacity: usize) {
        if self.buffer.len() < capacity {
            self.buffer.resize(capacity, 0);
        }
    }

    /// Bytes of the frame that begins at `start`, its length included.
    fn frame_len(&self) -> io::Result<Option<usize>> {
        let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some(len) = pending.first_chunk() else { return Ok(None) };
        match usize::try_from(i32::from_be_bytes(*len)) {
            Ok(len) if len <= FRAME_LEN_MAX => Ok(Some(len + LEN_SIZE)),
            _ => Err(io::Error::other("a frame of impossible length")),
        }
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let needed = self.frame_len()?.unwrap_or(0);
        let short = needed.saturating_sub(self.buffer.len() - self.start);
        if short > 0 || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if needed > self.buffer.len() {
                self.buffer.resize(needed.next_power_of_two(), 0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most `step` bytes at a time, then says that there is nothing more.
    struct Drip<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.bytes.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let len = self.step.min(into.len()).min(self.bytes.len());
            let (now, later) = self.bytes.split_at(len);
            into[..len].copy_from_slice(now);
            self.bytes = later;
            Ok(len)
        }
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_come_in() {
        let frames: Vec<Vec<u8>> =
            [0_usize, 1, 5, 64, 63, 200, 3].iter().map(|len| vec![7; *len]).collect();
        let mut bytes = Vec::new();
        for frame in &frames {
            bytes.extend_from_slice(&i32::try_from(frame.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(frame);
        }
        for step in [1, 2, 3, 7, 64, 1000] {
            let mut input = Input::new(64);
            let mut drip = Drip { bytes: &bytes, step };
            let mut found = Vec::new();
            while !drip.bytes.is_empty() {
                input.fill(&mut drip).unwrap();
                while let Some(frame) = input.next_frame().unwrap() {
                    found.push(input.bytes(frame).to_vec());
                }
            }
            assert_eq!(found, frames, "{step} bytes at a time");
        }
    }

    #[test]
    fn a_lying_length_is_refused_before_memory_is_taken() {
        for len in [-1_i32, i32::MAX] {
            let mut input = Input::new(64);
            input.fill(&len.to_be_bytes()[..]).unwrap();
            assert!(input.next_frame().is_err(), "{len}");
            assert_eq!(input.buffer.len(), 64);
        }
    }
}
