//! One connection, as one task that never hands a request to another.
//!
//! A wake-up dispatches every whole frame in the receive buffer, appends inline, and sends all
//! answers that are ready in one vectored write. Answers leave in the order of the requests. What
//! must wait is parked in that order; behind a parked produce only further produces are looked at
//! (their appends keep the order of the connection), so that a fetch behind it sees what was written;
//! behind anything else nothing is, as in Kafka.
//!
//! Nothing here knows what a request means: [`crate::dispatch`] does.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use broker::limits::{
    FRAME_PROGRESS_BYTES, FRAME_PROGRESS_PERIOD, OUTPUT_BYTES_MAX, PIPELINE_REQUESTS_MAX,
    READER_STALL_MAX,
};
use env::net::Stream;

use crate::answer::{Answer, Parked, Reply};
use crate::dispatch::{Session, dispatch};
use crate::input::{BadLength, Input, Received};
use crate::listener::Shared;
use crate::output::Output;

/// A connection at rest is looked at this often even where nothing ends it.
const LOOK_AT_LEAST: Duration = Duration::from_secs(3600);

/// The only requests that may pass one that waits.
const PRODUCE: i16 = wire::ApiKey::Produce.number();

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
    waiting: VecDeque<Waiting>,
    output: Output,
    check: Pin<Box<dyn Future<Output = ()> + Send>>,
    budget_returned: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    watch: Watch,
    closing: Option<Ended>,
}

/// A request whose answer has not been queued yet.
enum Waiting {
    Ready(Answer),
    Parked(Parked),
}

/// What the timer compares with at its next look.
#[derive(Debug, Default)]
struct Watch {
    received: usize,
    active: bool,
    sent: bool,
    /// The next look is further away than one period.
    far: bool,
    idle_since: Duration,
    stalled_since: Option<Duration>,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, stream: Stream, peer: SocketAddr) -> Connection {
        let budget = shared.broker.budget();
        let config = shared.broker.config();
        Connection {
            input: Input::new(budget, config.socket_request_max_bytes),
            output: Output::new(budget),
            check: Box::pin(env::clock::sleep(FRAME_PROGRESS_PERIOD)),
            budget_returned: None,
            watch: Watch { idle_since: shared.broker.env().clock.monotonic(), ..Watch::default() },
            session: Session::new(peer),
            waiting: VecDeque::new(),
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
        if self.check.as_mut().poll(context).is_ready() {
            if let Some(ended) = self.look(context) {
                return Poll::Ready(ended);
            }
        }
        loop {
            let stopped_early = self.dispatch_frames(context);
            self.collect_answers(context);
            let mut sent = false;
            let flushed = self.output.poll_flush(context, &mut self.stream, &mut sent);
            self.watch.sent |= sent;
            match flushed {
                Poll::Ready(Err(error)) => return Poll::Ready(Ended::Io(error)),
                Poll::Ready(Ok(())) if self.waiting.is_empty() => {
                    if let Some(ended) = self.closing.take() {
                        return Poll::Ready(ended);
                    }
                }
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            if !self.may_dispatch() {
                // Woken again by a parked request, or by the peer taking what waits for it.
                self.look_soon_if_busy(context);
                return Poll::Pending;
            }
            if stopped_early {
                continue;
            }
            match self.poll_receive(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(ended)) => return Poll::Ready(ended),
                Poll::Pending => {
                    self.look_soon_if_busy(context);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Dispatches what the buffer holds, as far as the order of answers allows; says whether that
    /// order, or the peer's slowness, stopped it.
    fn dispatch_frames(&mut self, context: &mut Context<'_>) -> bool {
        while self.may_dispatch() {
            let frame = match self.input.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return false,
                Err(BadLength(len)) => {
                    self.closing = Some(Ended::BadLength(len));
                    return false;
                }
            };
            self.watch.active = true;
            match dispatch(&self.shared, &mut self.session, frame) {
                Ok(Reply::Now(answer)) if self.waiting.is_empty() => self.queue(answer),
                Ok(Reply::Now(answer)) => self.waiting.push_back(Waiting::Ready(answer)),
                Ok(Reply::Nothing) => {}
                Ok(Reply::Later(parked)) => {
                    self.waiting.push_back(Waiting::Parked(parked));
                    self.collect_answers(context);
                }
                Err(malformed) => {
                    self.closing = Some(Ended::Malformed(malformed));
                    return false;
                }
            }
        }
        true
    }

    /// Moves answers that are ready, in order, to what is sent.
    fn collect_answers(&mut self, context: &mut Context<'_>) {
        while let Some(first) = self.waiting.front_mut() {
            let answer = match first {
                Waiting::Ready(answer) => std::mem::take(answer),
                Waiting::Parked(parked) => match parked.future.as_mut().poll(context) {
                    Poll::Ready(answer) => answer,
                    Poll::Pending => return,
                },
            };
            self.waiting.pop_front();
            self.watch.active = true;
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
            && self.output.bytes() < OUTPUT_BYTES_MAX
            && match self.waiting.back() {
                None => true,
                Some(_) if self.waiting.len() >= PIPELINE_REQUESTS_MAX => false,
                Some(_) => {
                    self.waiting.iter().all(Waiting::lets_produces_pass)
                        && self.input.next_api_key().is_none_or(|key| key == PRODUCE)
                }
            }
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Some(returned) = &mut self.budget_returned {
            if returned.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.budget_returned = None;
        }
        match self.input.poll_receive(context, &mut self.stream) {
            Poll::Ready(Ok(Received::Bytes(read))) => {
                self.watch.received += read;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(Received::End)) => Poll::Ready(Err(Ended::ByPeer)),
            Poll::Ready(Ok(Received::NoBudget)) => {
                let mut returned: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(self.shared.broker.budget().returned());
                if returned.as_mut().poll(context).is_pending() {
                    self.budget_returned = Some(returned);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(Ended::Io(error))),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The timer's look: idle, a frame that does not go on, a reader that takes nothing.
    fn look(&mut self, context: &mut Context<'_>) -> Option<Ended> {
        let now = self.shared.broker.env().clock.monotonic();
        if self.watch.active || !self.waiting.is_empty() {
            self.watch.idle_since = now;
        }
        if self.output.is_empty() || self.watch.sent {
            self.watch.stalled_since = (!self.output.is_empty()).then_some(now);
        }
        if self.watch.stalled_since.is_some_and(|since| now - since >= READER_STALL_MAX) {
            return Some(Ended::SlowReader);
        }
        let fed = self.watch.received >= FRAME_PROGRESS_BYTES
            || self.watch.active
            || !self.may_dispatch()
            || self.budget_returned.is_some();
        if self.input.is_partial() && !fed && self.watch.idle_since + FRAME_PROGRESS_PERIOD <= now {
            return Some(Ended::Stalled);
        }
        let idle_max = match self.shared.broker.config().connections_max_idle_ms {
            Some(ms) => Duration::from_millis(ms),
            None => Duration::MAX,
        };
        let idle = now.saturating_sub(self.watch.idle_since);
        if idle >= idle_max {
            return Some(Ended::Idle);
        }
        self.watch.active = false;
        self.watch.sent = false;
        self.watch.received = 0;
        let next = if self.is_busy() {
            FRAME_PROGRESS_PERIOD
        } else {
            idle_max.saturating_sub(idle).min(LOOK_AT_LEAST)
        };
        self.arm(context, next);
        None
    }

    /// Whether something is under way that must not stand still.
    fn is_busy(&self) -> bool {
        self.input.is_partial() || !self.output.is_empty()
    }

    /// A connection at rest is looked at once in its idle time, one under way every few seconds.
    fn look_soon_if_busy(&mut self, context: &mut Context<'_>) {
        if self.watch.far && self.is_busy() {
            self.watch.active = true;
            self.arm(context, FRAME_PROGRESS_PERIOD);
        }
    }

    fn arm(&mut self, context: &mut Context<'_>, after: Duration) {
        self.watch.far = after > FRAME_PROGRESS_PERIOD;
        self.check = Box::pin(env::clock::sleep(after));
        // Registers the new timer with this task; it is not due yet.
        let _ = self.check.as_mut().poll(context).is_ready();
    }
}

impl Waiting {
    fn lets_produces_pass(&self) -> bool {
        match self {
            Waiting::Ready(_) => true,
            Waiting::Parked(parked) => parked.lets_produces_pass,
        }
    }
}
