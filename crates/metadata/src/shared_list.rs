//! A list whose copies share what they do not change.
//!
//! Chunks of [`CHUNK_MAX`] values, each behind an `Arc`. A copy costs one reference count for each
//! chunk, and a change after it one chunk, whatever the length: a topic of 100,000 partitions grows
//! without being written anew.
//!
//! Invariant: every chunk but the last is full, and none is empty.

use std::fmt;
use std::iter::FlatMap;
use std::slice;
use std::sync::Arc;

const CHUNK_MAX: usize = 128;

/// See the file's head.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedList<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

/// The values in order.
pub type Iter<'a, T> = FlatMap<
    slice::Iter<'a, Arc<Vec<T>>>,
    slice::Iter<'a, T>,
    fn(&'a Arc<Vec<T>>) -> slice::Iter<'a, T>,
>;

impl<T> Default for SharedList<T> {
    fn default() -> Self {
        SharedList { chunks: Vec::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for SharedList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T> SharedList<T> {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let Some((last, full)) = self.chunks.split_last() else { return 0 };
        full.len() * CHUNK_MAX + last.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The value at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.chunks.get(place / CHUNK_MAX)?.get(place % CHUNK_MAX)
    }

    /// The values in order.
    pub fn iter(&self) -> Iter<'_, T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T: Clone> SharedList<T> {
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let chunk = self.chunks.get_mut(place / CHUNK_MAX)?;
        Arc::make_mut(chunk).get_mut(place % CHUNK_MAX)
    }

    pub(crate) fn push(&mut self, value: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK_MAX => Arc::make_mut(last).push(value),
            _ => self.chunks.push(Arc::new(vec![value])),
        }
    }
}

impl<'a, T> IntoIterator for &'a SharedList<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
