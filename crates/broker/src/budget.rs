//! One budget in bytes for all requests and replies in flight.
//!
//! **Requests** ask: a connection holds bytes of the budget ([`Grant`]) before it makes room to read
//! on, and gives them back when the room is gone. What a peer only announced is never held.
//!
//! Half a request cannot be given back, so requests that hold the whole budget between them could
//! wait for each other for ever. Therefore a part of the budget is a *reserve* that only finishes
//! what has begun: when the open part is used up, requests wait in line, and the first is lent room
//! for the whole rest of its frame. Who was lent that never waits again, and who does not go on is
//! cut by its connection; either way the reserve comes back.
//!
//! **Replies** are counted without asking ([`Tally`]), as they exist already. While they hold more
//! than half the budget it is *crowded*: who has replies waiting begins no request until some have
//! left, who has none begins one at a time; at the whole budget nobody begins any. So peers that do
//! not take what they asked for cannot shut out those that do. Replies leave by themselves or with
//! their connection, so it ends.
//!
//! Invariants: `left` is what nobody holds, and equals `total` when nothing is in flight. Every wait
//! is registered and every return is made under the one lock, so no wake-up is lost. Wakers are
//! called outside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// The shared budget; cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: i64,
    /// Bytes of replies, to be looked at without the lock.
    replies: AtomicI64,
    pool: Mutex<Pool>,
}

#[derive(Debug)]
struct Pool {
    /// Bytes for whoever asks; below zero while replies exceed the budget.
    open: i64,
    /// Bytes of the reserve that are not lent.
    spare: i64,
    reserve: i64,
    tickets: u64,
    /// Requests that wait for room, first come first served.
    line: BTreeMap<u64, Wish>,
    /// Who waits until replies have left.
    gates: Gates,
}

/// Those without replies of their own, and those with.
#[derive(Debug, Default)]
struct Gates {
    without: BTreeMap<u64, Waker>,
    with: BTreeMap<u64, Waker>,
}

/// A request in line, and the bytes that it still needs in all.
#[derive(Debug)]
struct Wish {
    whole: i64,
    waker: Waker,
}

/// Where the bytes of a wish come from.
enum Source {
    Open,
    Reserve,
}

/// Bytes of one connection's requests, given back by dropping.
#[derive(Debug)]
pub struct Grant {
    budget: Budget,
    open: i64,
    lent: i64,
    ticket: Option<u64>,
}

/// Bytes of one connection's replies, given back by dropping.
#[derive(Debug)]
pub struct Tally {
    budget: Budget,
    bytes: i64,
    ticket: Option<u64>,
}

/// Whom to wake after something was given back.
type Woken = [Option<Waker>; 3];

impl Budget {
    /// A budget of `total` bytes, for requests of up to `request_max` each. The reserve has room for
    /// the largest request, but is at most half of all.
    #[must_use]
    pub fn new(total: usize, request_max: usize) -> Budget {
        let total = signed(total);
        let reserve = signed(request_max).min(total / 2);
        let pool = Pool {
            open: total - reserve,
            spare: reserve,
            reserve,
            tickets: 0,
            line: BTreeMap::new(),
            gates: Gates::default(),
        };
        let replies = AtomicI64::new(0);
        Budget(Arc::new(Shared { total, replies, pool: Mutex::new(pool) }))
    }

    /// Nothing held yet for requests.
    #[must_use]
    pub fn grant(&self) -> Grant {
        Grant { budget: self.clone(), open: 0, lent: 0, ticket: None }
    }

    /// Nothing counted yet for replies.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally { budget: self.clone(), bytes: 0, ticket: None }
    }

    /// Bytes nobody holds; below zero while replies exceed the budget.
    #[must_use]
    pub fn left(&self) -> i64 {
        let pool = self.0.pool.lock();
        pool.open + pool.spare
    }

    /// The whole budget.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.total
    }

    /// Whether replies hold more than half of it.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        !self.has_room_for_replies(true)
    }

    /// Whether a request may add to the replies, of somebody with or without some.
    fn has_room_for_replies(&self, with: bool) -> bool {
        let most = if with { self.0.total / 2 } else { self.0.total };
        self.0.replies.load(Ordering::Relaxed) <= most
    }

    /// Whether requests wait for room.
    #[must_use]
    pub fn has_line(&self) -> bool {
        !self.0.pool.lock().line.is_empty()
    }

    /// Changes the pool, and wakes whom that lets go on.
    fn change<T>(&self, change: impl FnOnce(&mut Pool, &AtomicI64) -> T) -> T {
        let (result, woken) = {
            let mut pool = self.0.pool.lock();
            let result = change(&mut pool, &self.0.replies);
            (result, pool.next(self))
        };
        for waker in woken.into_iter().flatten() {
            waker.wake();
        }
        result
    }
}

impl Pool {
    /// The first in line if there is room for it, the first at each gate if that is open.
    fn next(&self, budget: &Budget) -> Woken {
        let first = self.line.values().next();
        let served = first.filter(|wish| self.source(wish.whole, wish.whole).is_some());
        let at = |gate: &BTreeMap<u64, Waker>, with: bool| {
            gate.values().next().filter(|_| budget.has_room_for_replies(with)).cloned()
        };
        let Gates { without, with } = &self.gates;
        [served.map(|wish| wish.waker.clone()), at(without, false), at(with, true)]
    }

    /// Where `more` bytes would come from. The reserve lends the `whole` or nothing; what is larger
    /// than all of it is lent when nobody else borrows.
    fn source(&self, more: i64, whole: i64) -> Option<Source> {
        if self.open >= more {
            Some(Source::Open)
        } else if self.spare >= whole || self.spare == self.reserve {
            Some(Source::Reserve)
        } else {
            None
        }
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }
}

impl Grant {
    /// Holds at least `bytes` from now on, waiting in line where there is no room. Who had to wait is
    /// given room for the `whole` request, so that it waits once only.
    pub fn poll_hold(&mut self, context: &mut Context<'_>, bytes: usize, whole: usize) -> Poll<()> {
        let more = signed(bytes) - self.held();
        if more <= 0 {
            return Poll::Ready(());
        }
        let whole = signed(whole.max(bytes)) - self.held();
        let Grant { budget, open, lent, ticket } = self;
        budget.change(|pool, _| {
            let is_first = pool.line.keys().next().is_none_or(|first| Some(*first) == *ticket);
            let more = if ticket.is_some() { whole } else { more };
            match pool.source(more, whole).filter(|_| is_first) {
                Some(Source::Open) => {
                    pool.open -= more;
                    *open += more;
                }
                Some(Source::Reserve) => {
                    pool.spare -= whole;
                    *lent += whole;
                }
                None => {
                    let ticket = *ticket.get_or_insert_with(|| pool.ticket());
                    let waker = context.waker().clone();
                    pool.line.insert(ticket, Wish { whole, waker });
                    return Poll::Pending;
                }
            }
            if let Some(ticket) = ticket.take() {
                pool.line.remove(&ticket);
            }
            Poll::Ready(())
        })
    }

    /// Holds at least `bytes` from now on if that leaves others half of what is there for all. For
    /// room that is welcome and not needed.
    pub fn try_hold(&mut self, bytes: usize) -> bool {
        let more = signed(bytes) - self.held();
        if more <= 0 {
            return true;
        }
        let total = self.budget.total();
        let mut pool = self.budget.0.pool.lock();
        let is_plenty = pool.open - more >= (total - pool.reserve) / 2;
        if !is_plenty || !pool.line.is_empty() {
            return false;
        }
        pool.open -= more;
        drop(pool);
        self.open += more;
        true
    }

    /// Holds no more than `bytes` from now on; what was lent goes back first.
    pub fn shrink(&mut self, bytes: usize) {
        let surplus = self.held() - signed(bytes);
        if surplus <= 0 {
            return;
        }
        let lent = surplus.min(self.lent);
        let open = surplus - lent;
        self.lent -= lent;
        self.open -= open;
        self.budget.change(|pool, _| {
            pool.spare += lent;
            pool.open += open;
        });
    }

    /// Whether a part of it is lent by the reserve, which others may wait for.
    #[must_use]
    pub fn borrows(&self) -> bool {
        self.lent > 0
    }

    /// Whether it stands in line.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.ticket.is_some()
    }

    fn held(&self) -> i64 {
        self.open + self.lent
    }
}

impl Tally {
    /// Counts `bytes` from now on, whatever is left: they are in memory already.
    pub fn count(&mut self, bytes: usize) {
        let more = signed(bytes) - self.bytes;
        if more == 0 {
            return;
        }
        self.bytes += more;
        self.budget.change(|pool, replies| {
            pool.open -= more;
            replies.fetch_add(more, Ordering::Relaxed);
        });
    }

    /// Waits until a request may be begun, of which there will be a reply beside the `bytes` there
    /// are. Whoever passes lets the next one try, so all go on one by one for as long as what they
    /// add leaves room.
    pub fn poll_pass(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<()> {
        if self.ticket.is_none() && !self.budget.is_crowded() {
            return Poll::Ready(());
        }
        self.count(bytes);
        let Tally { budget, bytes, ticket } = self;
        budget.change(|pool, _| {
            let number = match ticket.take() {
                Some(number) => {
                    pool.gates.leave(number);
                    number
                }
                None => pool.ticket(),
            };
            let with = *bytes > 0;
            let gate = if with { &mut pool.gates.with } else { &mut pool.gates.without };
            let is_first = gate.keys().next().is_none_or(|first| *first > number);
            if is_first && budget.has_room_for_replies(with) {
                return Poll::Ready(());
            }
            gate.insert(number, context.waker().clone());
            *ticket = Some(number);
            Poll::Pending
        })
    }
}

impl Gates {
    fn leave(&mut self, ticket: u64) {
        self.without.remove(&ticket);
        self.with.remove(&ticket);
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        let Grant { budget, open, lent, ticket } = self;
        if *open == 0 && *lent == 0 && ticket.is_none() {
            return;
        }
        budget.change(|pool, _| {
            pool.open += *open;
            pool.spare += *lent;
            if let Some(ticket) = ticket {
                pool.line.remove(ticket);
            }
        });
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.count(0);
        if let Some(ticket) = self.ticket {
            self.budget.change(|pool, _| pool.gates.leave(ticket));
        }
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
