//! Who waits for the high watermark of a partition to reach an offset.
//!
//! A task stands in line with an offset and is woken once the watermark is there. What stands in line
//! beyond its time has to leave: a [`Ticket`] does when it is dropped, so that a long poll that timed out
//! leaves nothing behind. The lock here is held for a search and a move in a list; tasks are woken
//! without it.
//!
//! The list is in order, with room for one in place: most partitions have one producer or none that
//! waits, and offsets grow, so that who comes goes to the end and who is told leaves from the front.

use std::task::Waker;

use parking_lot::Mutex;
use records::Offset;
use smallvec::SmallVec;

/// The waiting list of one partition.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    reached: Offset,
    next: u64,
    waiting: Line,
}

/// In the order of their places.
type Line = SmallVec<[(Place, Waker); 1]>;

/// A place in a waiting list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    offset: Offset,
    number: u64,
}

/// A place that is given up by dropping it.
#[derive(Debug)]
pub struct Ticket<'a> {
    waiters: &'a Waiters,
    place: Place,
}

impl Waiters {
    /// Asks to be woken when the watermark is at `offset` or beyond; `None` says it is already.
    pub fn wait(&self, offset: Offset, waker: &Waker) -> Option<Ticket<'_>> {
        let place = self.stand(None, offset, waker)?;
        Some(Ticket { waiters: self, place })
    }

    /// The same for who leaves by [`Waiters::leave`]: keeps the place that was had before, also for another
    /// waker, or takes one at the end if that was called already.
    pub fn stand(&self, before: Option<Place>, offset: Offset, waker: &Waker) -> Option<Place> {
        let mut list = self.0.lock();
        if list.reached >= offset {
            return None;
        }
        if let Some(place) = before
            && let Some((_, known)) = list.find(place).ok().and_then(|at| list.waiting.get_mut(at))
        {
            known.clone_from(waker);
            return before;
        }
        let place = Place { offset, number: list.next };
        list.next += 1;
        let at = match list.waiting.last() {
            Some((last, _)) if *last > place => list.find(place).unwrap_or_else(|at| at),
            Some(_) | None => list.waiting.len(),
        };
        list.waiting.insert(at, (place, waker.clone()));
        Some(place)
    }

    /// Gives up a place; nothing happens if it was called already.
    pub fn leave(&self, place: Place) {
        let mut list = self.0.lock();
        if let Ok(at) = list.find(place) {
            list.waiting.remove(at);
        }
    }

    /// The watermark is at `offset`; wakes everyone who waited for that.
    pub fn reached(&self, offset: Offset) {
        let called = {
            let mut list = self.0.lock();
            if offset <= list.reached {
                return;
            }
            list.reached = offset;
            let count = list.waiting.partition_point(|(place, _)| place.offset <= offset);
            list.call(count)
        };
        wake(called);
    }

    /// Wakes everyone, whatever they wait for: the partition is gone, or its disk is.
    pub fn give_up(&self) {
        let called = {
            let mut list = self.0.lock();
            let all = list.waiting.len();
            list.call(all)
        };
        wake(called);
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl List {
    fn find(&self, place: Place) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&place, |(place, _)| *place)
    }

    /// Takes out so many in front.
    fn call(&mut self, count: usize) -> Line {
        if count == self.waiting.len() {
            return std::mem::take(&mut self.waiting);
        }
        self.waiting.drain(..count).collect()
    }
}

fn wake(called: Line) {
    for (_, waker) in called {
        waker.wake();
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.waiters.leave(self.place);
    }
}

#[cfg(test)]
mod tests;
