//! A part of a segment file: what readers are given instead of its bytes.
//!
//! Whether it is in memory is looked at in places, not page by page: what the system reads ahead, and what
//! it gives up, are mostly longer runs than [`PROBE_STRIDE`]. A page that is missed between two of them
//! costs whoever sends it a wait, and nothing else.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use env::File;
use env::disk::InMemory;

/// A part of a segment file.
#[derive(Clone, Debug)]
pub struct Region {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where the part begins.
    pub position: u64,
    /// How long it is.
    pub len: usize,
}

/// Bytes between two looks at whether a region is in memory: sixteen looks of 0.2 µs for a megabyte, which
/// takes 250 µs to send.
const PROBE_STRIDE: usize = 64 * 1024;

/// What is read at a time to bring a region in.
const SCRATCH_BYTES: usize = 128 * 1024;

impl Region {
    /// The bytes.
    pub fn load(&self) -> io::Result<Bytes> {
        self.load_from(&*self.file)
    }

    /// The bytes, unless the disk would be waited for.
    pub fn load_in_memory(&self) -> io::Result<Option<Bytes>> {
        match self.load_from(&InMemory(&*self.file)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            loaded => loaded.map(Some),
        }
    }

    fn load_from(&self, file: &dyn File) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len];
        file.read_exact_at(&mut bytes, self.position)?;
        Ok(bytes.into())
    }

    /// Whether its first `len` bytes are in memory. An error, such as the end of the file, is left to
    /// whoever reads.
    #[must_use]
    pub fn is_in_memory(&self, len: usize) -> bool {
        let file = InMemory(&*self.file);
        let file: &dyn File = &file;
        let cold = |position| match file.read_exact_at(&mut [0], position) {
            Ok(()) => false,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        !self.probes(len).any(cold)
    }

    /// Waits until its first `len` bytes are in memory. They are read, all of them, into nowhere: only that
    /// waits for every page. What follows is not asked for: pages on their way are what a sender waits for
    /// without having seen them.
    pub fn bring_in(&self, len: usize) -> io::Result<()> {
        let len = len.min(self.len);
        self.file.prefetch(self.position, len as u64);
        let mut scratch = vec![0; len.min(SCRATCH_BYTES)];
        for begin in (0..len).step_by(SCRATCH_BYTES) {
            // The last may be shorter.
            scratch.truncate(len - begin);
            self.file.read_exact_at(&mut scratch, self.position + begin as u64)?;
            // What is read here is behind by so much that others go first.
            env::thread::give_way();
        }
        Ok(())
    }

    /// Where to look in the first `len` bytes: at the end of each stride.
    fn probes(&self, len: usize) -> impl Iterator<Item = u64> + use<> {
        let (position, len) = (self.position, len.min(self.len));
        (0..len).step_by(PROBE_STRIDE).map(move |begin| {
            let end = len.min(begin + PROBE_STRIDE);
            position + end as u64 - 1
        })
    }
}

#[cfg(test)]
mod tests;
