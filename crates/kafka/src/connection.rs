//! One connection, as one task that never hands a request to another.
//!
//! A wake-up dispatches every whole frame in the receive buffer, appends inline, and sends all
//! answers that are ready in one vectored write. Answers leave in the order of the requests. What
//! must wait is parked in that order; behind a parked produce only further produces are looked at
//! (their appends keep the order of the connection), so that a fetch behind it sees what was written;
//! behind anything else nothing is, as in Kafka.
//!
//! Before it sleeps, whatever is to wake it is registered: the socket for bytes, or for room to send;
//! the first parked request; the byte budget; the timer; who brings in what is sent next.
//!
//! Nothing here knows what a request means: [`crate::dispatch`] does.

mod pipeline;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use broker::budget::Tally;
use broker::limits::{FREE_OUTPUT_BYTES, OUTPUT_BYTES_MAX};
use env::clock::{Deadline, Timer};
use env::net::Stream;

use self::pipeline::Pipeline;
use self::watch::{Bed, Surroundings, Watch};
use crate::answer::{Answer, Reply};
use crate::dispatch::{Session, dispatch};
use crate::input::{BadLength, Input};
use crate::listener::Shared;
use crate::output::Output;

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The peer closed it.
    ByPeer,
    /// The socket failed.
    Io(std::io::Error),
    /// A frame announced a length no frame may have.
    BadLength(i32),
    /// A request could not be answered: what it was is lost, so is the order of the answers.
    Malformed(String),
    /// Nothing was said for `connections.max.idle.ms`.
    Idle,
    /// A frame began and did not go on.
    Stalled,
    /// The peer took nothing of a waiting answer.
    SlowReader,
}

/// A connection under way.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    session: Session,
    stream: Stream,
    input: Input,
    pipeline: Pipeline,
    output: Output,
    /// The memory of all answers that are here.
    tally: Tally,
    watch: Watch,
    /// For the next look of the watch, or sooner for the first parked request; due at once as long as
    /// there is none.
    timer: Option<Timer>,
    closing: Option<Ended>,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, stream: Stream, peer: SocketAddr) -> Connection {
        let budget = shared.broker.budget();
        Connection {
            input: Input::new(budget, shared.broker.config().socket_request_max_bytes),
            pipeline: Pipeline::default(),
            output: Output::default(),
            tally: budget.tally(),
            watch: Watch::new(shared.broker.env().clock.monotonic()),
            timer: None,
            session: Session::new(peer),
            closing: None,
            shared,
            stream,
        }
    }

    /// Serves the connection until it ends.
    pub(crate) async fn serve(mut self) -> Ended {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        while self.timer.as_mut().is_none_or(|timer| timer.poll(context).is_ready()) {
            match self.look() {
                Ok(next) => self.set_timer(Deadline::after(next)),
                Err(ended) => return Poll::Ready(ended),
            }
        }
        loop {
            self.collect_answers(context);
            let held_up = self.dispatch_frames(context);
            let mut sent = 0;
            let cold_reads = self.shared.broker.cold_reads();
            let flushed = self.output.poll_flush(context, &mut self.stream, cold_reads, &mut sent);
            self.watch.sent(sent);
            self.tally.count(self.answers_cost());
            match flushed {
                Poll::Ready(Err(error)) => return Poll::Ready(Ended::Io(error)),
                Poll::Ready(Ok(())) if self.pipeline.is_empty() => {
                    if let Some(ended) = self.closing.take() {
                        return Poll::Ready(ended);
                    }
                }
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            if held_up && sent > 0 && self.answers_cost() == 0 {
                // Nothing of ours waits any more: another gate is ours.
                continue;
            }
            if held_up || !self.may_dispatch() {
                // Woken again by whoever makes it less crowded, by a parked request, or by the peer
                // taking what waits for it.
                self.input.rest();
                return self.sleep(context, false);
            }
            if self.input.has_frame() {
                continue;
            }
            match self.input.poll_receive(context, &mut self.stream) {
                // The peer has said all. It may still listen to what it asked for.
                Poll::Ready(Ok(0)) => self.closing = Some(Ended::ByPeer),
                Poll::Ready(Ok(received)) => self.watch.received(received),
                Poll::Ready(Err(error)) => return Poll::Ready(Ended::Io(error)),
                Poll::Pending => return self.sleep(context, !self.input.waits_for_room()),
            }
        }
    }

    /// Dispatches what the buffer holds, as far as the order of answers allows; says whether too
    /// many replies elsewhere hold it up.
    fn dispatch_frames(&mut self, context: &mut Context<'_>) -> bool {
        while self.may_dispatch() && self.input.has_frame() {
            if self.tally.poll_pass(context, self.answers_cost()).is_pending() {
                return true;
            }
            let frame = match self.input.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(BadLength(len)) => {
                    self.closing = Some(Ended::BadLength(len));
                    break;
                }
            };
            self.watch.acted();
            self.watch.frame_ended();
            match dispatch(&self.shared, &mut self.session, frame) {
                Ok(Reply::Now(answer)) if self.pipeline.is_empty() => self.queue(answer),
                Ok(Reply::Now(answer)) => self.pipeline.push(answer),
                Ok(Reply::Nothing) => {}
                Ok(Reply::Later(parked)) => {
                    let is_first = self.pipeline.is_empty();
                    self.pipeline.park(parked);
                    // Behind another one it has its turn when that is answered.
                    if is_first {
                        self.collect_answers(context);
                    }
                }
                Err(malformed) => self.closing = Some(Ended::Malformed(malformed)),
            }
        }
        false
    }

    /// Moves answers that are ready, in order, to what is sent.
    fn collect_answers(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some(answer)) = self.pipeline.poll_next(context) {
            self.watch.acted();
            self.queue(answer);
        }
    }

    fn queue(&mut self, answer: Answer) {
        if answer.broken {
            self.closing = Some(Ended::Malformed("the answer could not be encoded".into()));
        }
        for piece in answer.pieces {
            self.output.push(piece);
        }
    }

    fn may_dispatch(&self) -> bool {
        self.closing.is_none()
            && self.answers_cost() < OUTPUT_BYTES_MAX
            && self.pipeline.admits(self.input.next_api_key())
    }

    fn answers_cost(&self) -> usize {
        self.pipeline.cost() + self.output.cost()
    }

    /// Waits for what was registered with `context`, and for the timer.
    fn sleep(&mut self, context: &mut Context<'_>, listening: bool) -> Poll<Ended> {
        let clock = &self.shared.broker.env().clock;
        let bed = Bed {
            half_a_frame: listening && self.input.is_partial(),
            holds_memory: self.input.held() > 0 || self.answers_cost() > FREE_OUTPUT_BYTES,
            replies: !self.output.is_empty() && !self.output.waits_for_disk(),
        };
        let look = self.watch.sleep(|| clock.monotonic(), bed).map(Deadline::after);
        if let Some(soon) = look.into_iter().chain(self.pipeline.deadline()).min()
            && let Some(timer) = &mut self.timer
            && timer.deadline() > soon
        {
            timer.set(soon);
            if timer.poll(context).is_ready() {
                // So soon that nobody is told.
                context.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    fn set_timer(&mut self, deadline: Deadline) {
        match &mut self.timer {
            Some(timer) => timer.set(deadline),
            None => self.timer = Some(Timer::at(deadline)),
        }
    }

    /// The timer's look: when to look again, or why to end.
    fn look(&mut self) -> Result<Duration, Ended> {
        let (budget, config) = (self.shared.broker.budget(), self.shared.broker.config());
        self.watch.look(&Surroundings {
            now: self.shared.broker.env().clock.monotonic(),
            idle_max: config.connections_max_idle_ms.map_or(Duration::MAX, Duration::from_millis),
            waits: !self.pipeline.is_empty(),
            frame_bytes: self.input.held(),
            reply_bytes: self.answers_cost(),
            pressed: budget.has_line(),
            crowded: budget.is_crowded(),
        })
    }
}

#[cfg(test)]
mod tests;
