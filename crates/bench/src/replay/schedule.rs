//! When requests are due: fixed before they are sent, whatever the answers do.

use crate::clock;
use crate::frames::Random;
use crate::workload::Arrivals;

/// The times at which requests are due, one after the other.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Mean time between two, in nanoseconds.
    gap: f64,
    /// When the next is due.
    next: u64,
    /// What rounding has left over.
    rest: f64,
    poisson: Option<Random>,
}

impl Schedule {
    /// `None` for a closed window, where answers say when.
    pub(super) fn new(arrivals: Arrivals, seed: u64) -> Option<Self> {
        let (rate, poisson) = match arrivals {
            Arrivals::Closed { .. } => return None,
            Arrivals::Constant { rate } => (rate, None),
            Arrivals::Poisson { rate } => (rate, Some(Random::new(seed))),
        };
        Some(Schedule { gap: 1e9 / rate, next: clock::now(), rest: 0.0, poisson })
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Begins anew at this time; what was due before is forgotten.
    pub(super) fn restart(&mut self, at: u64) {
        self.next = at;
    }

    /// The next one's time, if it has come.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a gap is not negative and not longer than a run"
    )]
    pub(super) fn take(&mut self, now: u64) -> Option<u64> {
        if self.next > now {
            return None;
        }
        let due = self.next;
        let gap = self.rest
            + match &mut self.poisson {
                None => self.gap,
                Some(random) => -random.share().ln() * self.gap,
            };
        self.next += gap as u64;
        self.rest = gap.fract();
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(arrivals: Arrivals) -> (u64, u64) {
        let mut schedule = Schedule::new(arrivals, 3).unwrap();
        let end = schedule.next() + 10_000_000_000;
        let (mut count, mut last) = (0, 0);
        while let Some(due) = schedule.take(end) {
            assert!(due >= last, "times rise");
            (count, last) = (count + 1, due);
        }
        (count, last)
    }

    #[test]
    fn a_constant_rate_is_exact() {
        let (found, _) = count(Arrivals::Constant { rate: 3000.0 });
        assert!((29_999..=30_001).contains(&found), "{found} in ten seconds at 3000/s");
    }

    #[test]
    fn poisson_arrivals_have_the_rate_on_average() {
        let (found, _) = count(Arrivals::Poisson { rate: 3000.0 });
        assert!((29_000..=31_000).contains(&found), "{found} in ten seconds at 3000/s");
    }
}
