//! Requests whose answers have not been queued for sending yet, in their order.
//!
//! Invariant: only the last one can be exclusive (see [`Parked::lets_produces_pass`]), as nothing is
//! put behind it.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use broker::limits::PIPELINE_REQUESTS_MAX;
use env::clock::Deadline;

use crate::answer::{Answer, Parked};

/// The line of one connection.
#[derive(Default)]
pub(super) struct Pipeline {
    waiting: VecDeque<Waiting>,
    cost: usize,
}

enum Waiting {
    /// Answered, behind one that is not.
    Ready(Answer),
    Parked(Parked),
}

/// The only requests that may pass one that waits.
const PRODUCE: i16 = wire::ApiKey::Produce.number();

/// What a connection keeps room for when nothing waits: what most clients have in flight.
const ROOM_AT_REST: usize = 8;

impl Pipeline {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a further request may be looked at, of the API with this number if that is known.
    pub(super) fn admits(&self, api: Option<i16>) -> bool {
        match self.waiting.back() {
            None => true,
            Some(Waiting::Parked(last)) if !last.lets_produces_pass => false,
            Some(_) => {
                self.waiting.len() < PIPELINE_REQUESTS_MAX && api.is_none_or(|api| api == PRODUCE)
            }
        }
    }

    /// When the first one has to be looked at, whatever has come. The others have their turn after it.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self.waiting.front()? {
            Waiting::Parked(first) => first.deadline,
            Waiting::Ready(_) => None,
        }
    }

    /// Bytes of the answers that stand behind one that is parked.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn park(&mut self, parked: Parked) {
        self.waiting.push_back(Waiting::Parked(parked));
    }

    /// Puts an answer behind those before it.
    pub(super) fn push(&mut self, answer: Answer) {
        self.cost += answer.cost();
        self.waiting.push_back(Waiting::Ready(answer));
    }

    /// The next answer in order; none when nothing waits.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        let answer = match self.waiting.front_mut() {
            None => {
                if self.waiting.capacity() > ROOM_AT_REST {
                    self.waiting = VecDeque::new();
                }
                return Poll::Ready(None);
            }
            Some(Waiting::Ready(answer)) => {
                let answer = std::mem::take(answer);
                self.cost -= answer.cost();
                answer
            }
            Some(Waiting::Parked(parked)) => ready!(parked.future.as_mut().poll(context)),
        };
        self.waiting.pop_front();
        Poll::Ready(Some(answer))
    }
}
