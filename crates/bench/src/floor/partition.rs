//! A partition of the floor: a file that is written round and round, and where its batches lie.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use super::output::Output;

#[derive(Debug)]
pub(super) struct Partition {
    file: Rc<File>,
    /// Where the next batch is written.
    position: u64,
    file_bytes_max: u64,
    pub(super) next_offset: i64,
    /// The batches that are in the file, oldest first.
    batches: VecDeque<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    base_offset: i64,
    position: u64,
    len: u64,
}

impl Partition {
    #[expect(clippy::disallowed_methods, reason = "the floor is no part of the broker")]
    pub(super) fn create(path: &Path, file_bytes_max: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Partition {
            file: Rc::new(file),
            position: 0,
            file_bytes_max,
            next_offset: 0,
            batches: VecDeque::new(),
        })
    }

    /// Writes a batch whose base offset is already in it.
    pub(super) fn append(&mut self, batch: &[u8], records: i64) -> io::Result<()> {
        let len = batch.len() as u64;
        if self.position + len > self.file_bytes_max {
            // What the last round left behind this place would be the oldest for ever.
            while self.batches.front().is_some_and(|oldest| oldest.position >= self.position) {
                self.batches.pop_front();
            }
            self.position = 0;
        }
        // What is overwritten is no longer there to be read.
        while self.batches.front().is_some_and(|oldest| {
            oldest.position < self.position + len && self.position < oldest.position + oldest.len
        }) {
            self.batches.pop_front();
        }
        self.file.write_all_at(batch, self.position)?;
        let place = Place { base_offset: self.next_offset, position: self.position, len };
        self.batches.push_back(place);
        self.position += len;
        self.next_offset += records;
        Ok(())
    }

    /// The first offset that can be read.
    pub(super) fn log_start(&self) -> i64 {
        self.batches.front().map_or(self.next_offset, |oldest| oldest.base_offset)
    }

    /// Puts whole batches from the one that holds `offset` on, as many as lie side by side in the
    /// file and take at most `bytes_max`, but at least one. Says how many bytes that is.
    pub(super) fn read(&self, offset: i64, bytes_max: u64, out: &mut Output) -> usize {
        let first = self.batches.partition_point(|place| place.base_offset <= offset);
        let Some(start) = first.checked_sub(1).and_then(|at| self.batches.get(at)) else {
            return 0;
        };
        let end_max = start.position + bytes_max.max(start.len);
        let mut end = start.position + start.len;
        for place in self.batches.range(first..) {
            if place.position != end || place.position + place.len > end_max {
                break;
            }
            end += place.len;
        }
        let len = usize::try_from(end - start.position).unwrap_or(0);
        out.put_file(&self.file, start.position, len);
        len
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the floor is no part of the broker")]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    /// The one batch at an offset, by way of a socket.
    fn read(partition: &Partition, offset: i64) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        let mut out = Output::default();
        let mut read = vec![0; partition.read(offset, 1, &mut out)];
        assert!(!out.flush(&sender).unwrap());
        receiver.read_exact(&mut read).unwrap();
        read
    }

    #[test]
    fn what_is_read_is_what_was_written_last_however_lengths_change() {
        let dir = std::env::temp_dir().join(format!("walser-floor-file-{}", std::process::id()));
        let mut partition = Partition::create(&dir, 10_000).unwrap();
        let mut offset = 0_u8;
        for len in [100, 3000, 7, 1000, 2999, 10_000, 50, 1].repeat(2) {
            for _ in 0..3 {
                partition.append(&vec![offset; len], 1).unwrap();
                offset = offset.wrapping_add(1);
                for at in partition.log_start()..partition.next_offset {
                    let read = read(&partition, at);
                    let expected = at.to_le_bytes()[0];
                    assert!(
                        !read.is_empty() && read.iter().all(|byte| *byte == expected),
                        "offset {at} of {}, lengths of {len}",
                        partition.next_offset
                    );
                }
            }
        }
        std::fs::remove_file(dir).unwrap();
    }
}
