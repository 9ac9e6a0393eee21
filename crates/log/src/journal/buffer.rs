//! Memory in which an entry comes together so that it can be written as it is, past the page cache: in
//! whole pages of memory, as in the file.
//!
//! Records are added behind room for what comes before them, the header. What else does (definitions),
//! is known only when the entry is written; most have none, and then the body is where it belongs.

use env::disk::PAGE_BYTES;

use super::entry::{self, ALIGNMENT, HEADER_LEN};

const _: () = assert!(ALIGNMENT == PAGE_BYTES as u64, "an entry is written in whole pages");

/// The body of an entry.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// Up to a page that is not used, room for the front, the body, and zeros behind it.
    bytes: Vec<u8>,
    /// Where the body begins.
    body: usize,
    /// How many zeros there are.
    filler: usize,
}

impl Buffer {
    /// Where records are added, at the end.
    pub fn records(&mut self) -> &mut Vec<u8> {
        if self.bytes.is_empty() {
            self.bytes.reserve(PAGE_BYTES);
            self.body = self.start() + HEADER_LEN;
            self.bytes.resize(self.body, 0);
        }
        self.bytes.truncate(self.bytes.len() - self.filler);
        self.filler = 0;
        &mut self.bytes
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.body..self.bytes.len() - self.filler).unwrap_or_default()
    }

    /// Bytes of the body.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it takes in memory.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets the body and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.body, self.filler) = (0, 0);
    }

    /// All of it behind this front, in whole pages. It may be asked for again, with another front.
    pub fn pages(&mut self, front: &[&[u8]]) -> &[u8] {
        let front = front.concat();
        let len = front.len() + self.len();
        let filled = entry::footprint(u64::try_from(len).unwrap_or(u64::MAX));
        let filled = usize::try_from(filled).unwrap_or(usize::MAX);
        // Here and as it grew it may have been moved to where no page begins.
        let bytes = self.records();
        bytes.reserve((PAGE_BYTES + filled).saturating_sub(bytes.len()));
        let start = self.start();
        self.move_to(start + front.len());
        if let Some(place) = self.bytes.get_mut(start..self.body) {
            place.copy_from_slice(&front);
        }
        self.filler = filled - len;
        self.bytes.resize(start + filled, 0);
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Where the first page begins.
    fn start(&self) -> usize {
        self.bytes.as_ptr().align_offset(PAGE_BYTES)
    }

    /// Has the body begin there.
    fn move_to(&mut self, body: usize) {
        if body == self.body {
            return;
        }
        let (from, end) = (self.body..self.bytes.len(), body + self.len());
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes.copy_within(from, body);
        self.bytes.truncate(end);
        self.body = body;
    }
}

/// So many bytes in whole pages out of `bytes`, which has a page more.
pub(super) fn pages_in(bytes: &[u8], len: usize) -> &[u8] {
    let start = bytes.as_ptr().align_offset(PAGE_BYTES);
    bytes.get(start..).and_then(|pages| pages.get(..len)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The front and the body that an entry is made of, out of its pages.
    fn taken<'a>(pages: &'a [u8], front: &[u8], len: usize) -> &'a [u8] {
        assert_eq!(pages.as_ptr().align_offset(PAGE_BYTES), 0);
        assert_eq!(pages.len(), (front.len() + len).next_multiple_of(PAGE_BYTES));
        assert_eq!(&pages[..front.len()], front);
        let (body, filler) = pages[front.len()..].split_at(len);
        assert!(filler.iter().all(|byte| *byte == 0));
        body
    }

    #[test]
    fn whatever_its_size_and_its_front_a_body_is_written_in_whole_pages() {
        let mut buffer = Buffer::default();
        let header = [7; HEADER_LEN];
        for size in [1, 4047, 4048, 4049, 100_000, 3, 300_000, 50_000] {
            let body: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
            for piece in body.chunks(777) {
                buffer.records().extend_from_slice(piece);
            }
            for definitions in [0, 500, 5000, 1, 0] {
                let front = [&header[..], &vec![9; definitions]];
                let pages = buffer.pages(&front);
                assert_eq!(taken(pages, &front.concat(), body.len()), body);
                assert_eq!(buffer.bytes(), body);
            }
            buffer.clear();
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn an_entry_that_fits_the_memory_of_the_last_is_not_moved() {
        let mut buffer = Buffer::default();
        let mut places = Vec::new();
        for size in [20_000, 20_000, 10_000] {
            buffer.records().extend(vec![1; size]);
            let before = buffer.bytes().as_ptr();
            buffer.pages(&[&[7; HEADER_LEN]]);
            places.push((before, buffer.bytes().as_ptr()));
            buffer.clear();
        }
        let there = places[2].1;
        assert_eq!(places[1..], [(there, there), (there, there)]);
    }

    #[test]
    fn an_entry_without_records_is_its_front() {
        assert_eq!(taken(Buffer::default().pages(&[&[7; HEADER_LEN]]), &[7; HEADER_LEN], 0), []);
    }
}
