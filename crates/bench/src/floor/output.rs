//! Answers on their way out: bytes, and ranges of files between them that the kernel sends itself.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;
use std::rc::Rc;

use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};

#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// Where the ranges come in between the bytes.
    ranges: VecDeque<Range>,
    written: usize,
}

#[derive(Debug)]
struct Range {
    /// After so many of the bytes.
    after: usize,
    file: Rc<File>,
    position: u64,
    len: usize,
}

impl Output {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes there are, files not counted: where the next is put.
    pub(super) fn at(&self) -> usize {
        self.bytes.len()
    }

    /// Overwrites four bytes.
    pub(super) fn set(&mut self, at: usize, number: i32) {
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&number.to_be_bytes());
        }
    }

    /// Puts a range of a file. What is in it when it is sent is what is sent.
    pub(super) fn put_file(&mut self, file: &Rc<File>, position: u64, len: usize) {
        self.ranges.push_back(Range { after: self.bytes.len(), file: file.clone(), position, len });
    }

    /// Bytes of files that were put since the output had so many bytes of its own, in between later
    /// ones: a range right at `at` is of the answer before.
    pub(super) fn file_bytes_since(&self, at: usize) -> usize {
        self.ranges.iter().rev().take_while(|range| range.after > at).map(|range| range.len).sum()
    }

    /// Writes what the socket takes; true if something is left.
    pub(super) fn flush(&mut self, mut stream: &TcpStream) -> io::Result<bool> {
        loop {
            let until = self.ranges.front().map_or(self.bytes.len(), |range| range.after);
            let sent = if self.written < until {
                let bytes = self.bytes.get(self.written..until).unwrap_or_default();
                if self.ranges.is_empty() {
                    stream.write(bytes)
                } else {
                    send(stream, bytes, SendFlags::MORE).map_err(io::Error::from)
                }
                .map(|sent| self.written += sent)
            } else if let Some(range) = self.ranges.front_mut() {
                let sent = sendfile(stream, &range.file, Some(&mut range.position), range.len);
                match sent {
                    // The file is shorter than it was: there is no honest way on.
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(sent) => {
                        range.len -= sent;
                        if range.len == 0 {
                            self.ranges.pop_front();
                        }
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                }
            } else {
                self.bytes.clear();
                self.written = 0;
                return Ok(false);
            };
            match sent {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
