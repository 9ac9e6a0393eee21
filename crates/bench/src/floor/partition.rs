//! A partition of the floor: a file that is written round and round, and where its batches lie.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

#[derive(Debug)]
pub(super) struct Partition {
    file: File,
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
            file,
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

    /// Appends to `out` whole batches from the one that holds `offset` on, as many as lie side by
    /// side in the file and take at most `bytes_max`, but at least one.
    pub(super) fn read(&self, offset: i64, bytes_max: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let first = self.batches.partition_point(|place| place.base_offset <= offset);
        let Some(start) = first.checked_sub(1).and_then(|at| self.batches.get(at)) else {
            return Ok(());
        };
        let end_max = start.position + bytes_max.max(start.len);
        let mut end = start.position + start.len;
        for place in self.batches.range(first..) {
            if place.position != end || place.position + place.len > end_max {
                break;
            }
            end += place.len;
        }
        let at = out.len();
        let len = usize::try_from(end - start.position).unwrap_or(0);
        out.resize(at + len, 0);
        self.file.read_exact_at(out.get_mut(at..).unwrap_or_default(), start.position)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the floor is no part of the broker")]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written_last_however_lengths_change() {
        let dir = std::env::temp_dir().join(format!("walser-floor-file-{}", std::process::id()));
        let mut partition = Partition::create(&dir, 10_000).unwrap();
        let mut offset = 0_u8;
        for len in [100, 3000, 7, 1000, 2999, 10_000, 50, 1].repeat(5) {
            for _ in 0..7 {
                partition.append(&vec![offset; len], 1).unwrap();
                offset = offset.wrapping_add(1);
                for at in partition.log_start()..partition.next_offset {
                    let mut read = Vec::new();
                    partition.read(at, 1, &mut read).unwrap();
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
