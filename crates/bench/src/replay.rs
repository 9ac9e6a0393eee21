//! The engine: one thread, one epoll, many connections, and a play that says what to send.
//!
//! [`Engine`] owns the connections, the phases (warm-up, counted time, drain) and the count; a
//! [`Play`] decides what is sent when, and reads the replies. Frames of one wake-up that go to one
//! connection leave in one system call.
//!
//! Invariants: a request is in flight from when it is queued to its reply; replies come in the order
//! of the requests, and any other correlation id than the oldest's ends the run; a connection that
//! closes or fails ends the run, unless the play let it go; latency counts for every request whose
//! intended start lies in the counted time, also if its answer comes after.

mod end_to_end;
mod fetch;
mod fetched;
mod groups;
mod link;
mod produce;
mod rounds;
mod schedule;
mod tally;

use std::net::{SocketAddr, TcpStream};

use crate::frames;
use crate::outcome::{ACHIEVED_SHARE_MIN, BUSY_SHARE_MAX};
use crate::poller::{Poller, Ready};
use crate::topics::{Control, error_name};
use crate::workload::{Mode, Workload};
use crate::{BenchError, Generator, Latency, Mark, Outcome, Verified, clock};

use link::{Link, Sent};
use tally::Tally;

/// How long what is in flight may take to be answered after the last send.
const DRAIN_WITHIN: u64 = 30_000_000_000;
/// What is read at a time by a load that gives way.
const GIVE_WAY_BYTES: u64 = 256 << 10;
/// Places that are read back, at most.
const SAMPLES: usize = 8;

/// What is sent, and what its replies mean.
trait Play {
    /// When [`Play::tick`] wants to be called next; `None` if only replies move it.
    fn due(&self) -> Option<u64>;

    /// Sends what is due.
    fn tick(&mut self, now: u64, desk: &mut Desk) -> Result<(), BenchError>;

    /// Reads the reply to what `sent` says; `body` begins after the correlation id.
    fn reply(
        &mut self,
        sent: Sent,
        body: &[u8],
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError>;

    /// Whether the warm-up may begin: what is set up by requests of its own is done.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether nothing more is awaited once `desk.stopping`.
    fn is_done(&self, desk: &Desk) -> bool {
        desk.in_flight == 0
    }
}

/// What a play sends through and counts in.
struct Desk {
    links: Vec<Link>,
    tally: Tally,
    /// Requests without a reply, over all connections.
    in_flight: u64,
    /// No more new work: only what others wait for.
    stopping: bool,
    /// Connections that have something to write.
    unsent: Vec<usize>,
    /// Connections the epoll does not know yet.
    fresh: Vec<usize>,
    address: SocketAddr,
    input_bytes: usize,
}

impl Desk {
    /// Queues a frame; it leaves when the play has said all it has to say.
    fn send(&mut self, sent: Sent, frame: frames::Frame) {
        if let Some(link) = self.links.get_mut(sent.link) {
            if !link.has_unsent() {
                self.unsent.push(sent.link);
            }
            link.send(sent, frame);
            self.in_flight += 1;
        }
    }

    /// Closes a connection and makes another in its place.
    fn reconnect(&mut self, link: usize) -> Result<(), BenchError> {
        let connecting = io("connecting");
        let stream = TcpStream::connect(self.address).map_err(&connecting)?;
        let new = Link::new(stream, self.input_bytes).map_err(&connecting)?;
        if let Some(link) = self.links.get_mut(link) {
            *link = new;
        }
        self.fresh.push(link);
        Ok(())
    }
}

/// Runs a workload; see [`crate::run_marked`].
pub(crate) fn run(
    workload: &Workload,
    address: SocketAddr,
    mark: &mut dyn FnMut(Mark),
) -> Result<Outcome, BenchError> {
    workload.check()?;
    let mut control = Control::connect(address)?;
    match workload.mode {
        Mode::Produce { .. } => {
            let before = control.high_watermarks(&workload.topic, workload.partitions)?;
            let play = produce::Produce::new(workload)?;
            let outcome = Engine::new(workload, address, workload.connections)?.run(play, mark)?;
            finish(workload, outcome, Some((&mut control, &before)))
        }
        Mode::EndToEnd { consumers, .. } => {
            let before = control.high_watermarks(&workload.topic, workload.partitions)?;
            let play = end_to_end::EndToEnd::new(workload, consumers, &before)?;
            let connections = workload.connections + consumers;
            let outcome = Engine::new(workload, address, connections)?.run(play, mark)?;
            finish(workload, outcome, Some((&mut control, &before)))
        }
        Mode::Fetch { window, response_bytes } => {
            let starts = control.log_starts(&workload.topic, workload.partitions)?;
            let play = fetch::Fetch::new(workload, window, response_bytes, &starts)?;
            let engine = Engine::new(workload, address, workload.connections)?;
            let mut outcome = finish(workload, engine.run(play, mark)?, None)?;
            if workload.verify {
                outcome.verified = Some(sample(workload, &mut control)?);
            }
            Ok(outcome)
        }
        Mode::Idle => {
            let engine = Engine::new(workload, address, workload.connections)?;
            finish(workload, engine.run(rounds::Idle, mark)?, None)
        }
        Mode::Churn => {
            let engine = Engine::new(workload, address, workload.connections)?;
            finish(workload, engine.run(rounds::Churn::new()?, mark)?, None)
        }
        Mode::Groups { groups, members, .. } => {
            groups::find_coordinator(&mut control)?;
            let play = groups::Groups::new(workload, groups, members)?;
            let engine = Engine::new(workload, address, groups * members)?;
            finish(workload, engine.run(play, mark)?, None)
        }
    }
}

/// Reads back the first batches of some partitions.
fn sample(workload: &Workload, control: &mut Control) -> Result<Verified, BenchError> {
    let starts = control.log_starts(&workload.topic, workload.partitions)?;
    let mut verified = Verified::default();
    let step = starts.len().div_ceil(SAMPLES).max(1);
    for (partition, start) in (0..workload.partitions).zip(starts).step_by(step) {
        verified.batches_read_back += control.read_back(&workload.topic, partition, start)?;
    }
    Ok(verified)
}

/// Verifies what can be verified, and refuses what must not be used.
fn finish(
    workload: &Workload,
    (mut outcome, tally): (Outcome, Tally),
    produced: Option<(&mut Control, &[i64])>,
) -> Result<Outcome, BenchError> {
    let mut reasons = Vec::new();
    for (code, count) in &tally.errors {
        let name = error_name(*code);
        reasons.push(format!("{count} replies with {name}"));
        outcome.errors.insert(name, *count);
    }
    if outcome.requests == 0 && !matches!(workload.mode, Mode::Idle) {
        reasons.push("nothing was answered in the counted time".to_owned());
    }
    if let Some((control, before)) = produced.filter(|_| workload.verify && reasons.is_empty()) {
        match verify(workload, &tally, control, before) {
            Ok(verified) => outcome.verified = Some(verified),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    if reasons.is_empty() {
        Ok(outcome)
    } else {
        Err(BenchError::Refused { reasons, outcome: Box::new(outcome) })
    }
}

/// Compares high watermarks with what was acknowledged and reads a sample back.
fn verify(
    workload: &Workload,
    tally: &Tally,
    control: &mut Control,
    before: &[i64],
) -> Result<Verified, BenchError> {
    let after = control.high_watermarks(&workload.topic, workload.partitions)?;
    let mut verified = Verified::default();
    for (partition, (after, before)) in after.iter().zip(before).enumerate() {
        let rose = u64::try_from(after - before).unwrap_or(0);
        let acked = tally.acked_records.get(partition).copied().unwrap_or(0);
        if rose != acked {
            return Err(BenchError::Protocol(format!(
                "partition {partition}: {acked} records were acknowledged, its high watermark rose by {rose}"
            )));
        }
        verified.records += rose;
    }
    let starts = control.log_starts(&workload.topic, workload.partitions)?;
    let batch_records = i64::from(workload.batch.records);
    let step = after.len().div_ceil(SAMPLES).max(1);
    for partition in (0..workload.partitions).step_by(step) {
        let at = partition as usize;
        let (Some(end), Some(before), Some(start)) =
            (after.get(at), before.get(at), starts.get(at))
        else {
            continue;
        };
        if end > before {
            // The last batches: a floor server keeps no others, nor may a broker with limits.
            let from = (end - 20 * batch_records).max(*before).max(*start);
            verified.batches_read_back += control.read_back(&workload.topic, partition, from)?;
        }
    }
    Ok(verified)
}

/// Drives a play through its phases.
struct Engine<'a> {
    workload: &'a Workload,
    poller: Poller,
    desk: Desk,
}

impl<'a> Engine<'a> {
    fn new(
        workload: &'a Workload,
        address: SocketAddr,
        connections: u32,
    ) -> Result<Self, BenchError> {
        let poller = Poller::new().map_err(io("epoll"))?;
        let input_bytes = workload.input_bytes();
        let mut links = Vec::new();
        for token in 0..connections as usize {
            // One after the other and with an answer, so that no backlog overflows.
            let stream = Control::connect(address)?.greet()?;
            let link = Link::new(stream, input_bytes).map_err(io("connecting"))?;
            poller.add(link.stream(), token).map_err(io("epoll"))?;
            links.push(link);
        }
        let desk = Desk {
            links,
            tally: Tally::new(workload.partitions),
            in_flight: 0,
            stopping: false,
            unsent: Vec::new(),
            fresh: Vec::new(),
            address,
            input_bytes,
        };
        Ok(Engine { workload, poller, desk })
    }

    fn run(
        mut self,
        mut play: impl Play,
        mark: &mut dyn FnMut(Mark),
    ) -> Result<(Outcome, Tally), BenchError> {
        let mut ready: Vec<Ready> = Vec::new();
        let mut phases = Phases::new(self.workload);
        loop {
            let mut now = clock::now();
            if phases.step(now, &play, &mut self.desk, mark)? {
                break;
            }
            play.tick(now, &mut self.desk)?;
            self.flush()?;
            now = clock::now();
            let until = [play.due().filter(|_| !self.desk.stopping), phases.due()]
                .into_iter()
                .flatten()
                .min();
            self.poller.wait(until, now, &mut ready).map_err(io("epoll"))?;
            for event in &ready {
                if event.writable {
                    self.desk.unsent.push(event.token);
                }
                if event.readable {
                    self.read(event.token, &mut play)?;
                    if self.workload.gives_way {
                        std::thread::yield_now();
                    }
                }
            }
        }
        let outcome = phases.outcome(self.workload, &self.desk.tally);
        Ok((outcome, self.desk.tally))
    }

    /// Reads once from a connection and hands its whole replies to the play.
    fn read(&mut self, token: usize, play: &mut impl Play) -> Result<(), BenchError> {
        let Some(link) = self.desk.links.get_mut(token) else { return Ok(()) };
        let bytes_max = if self.workload.gives_way { GIVE_WAY_BYTES } else { u64::MAX };
        let mut input = link.fill(bytes_max).map_err(io("reading a reply"))?;
        let now = clock::now();
        let result = loop {
            let Some(link) = self.desk.links.get_mut(token) else { break Ok(()) };
            let frame = match input.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break Ok(()),
                Err(source) => break Err(io("reading a reply")(source)),
            };
            let (sent, body) = match link.answered(input.bytes(frame)) {
                Ok(answered) => answered,
                Err(error) => break Err(error),
            };
            self.desk.in_flight -= 1;
            if let Err(error) = play.reply(sent, body, now, &mut self.desk) {
                break Err(error);
            }
        };
        if let Some(link) = self.desk.links.get_mut(token) {
            link.put_back(input);
        }
        result
    }

    fn flush(&mut self) -> Result<(), BenchError> {
        while let Some(token) = self.desk.fresh.pop() {
            if let Some(link) = self.desk.links.get(token) {
                self.poller.add(link.stream(), token).map_err(io("epoll"))?;
            }
        }
        while let Some(token) = self.desk.unsent.pop() {
            let Some(link) = self.desk.links.get_mut(token) else { continue };
            let change = link.flush().map_err(io("sending a request"))?;
            if let Some(on) = change {
                self.poller.want_write(link.stream(), token, on).map_err(io("epoll"))?;
            }
        }
        Ok(())
    }
}

/// Warm-up, counted time, drain.
struct Phases {
    warm_up: u64,
    counted: u64,
    /// Set when the play is ready.
    start: Option<u64>,
    state: Phase,
    counted_from: u64,
    counted_for: u64,
    cpu_from: u64,
    cpu: u64,
    target_rate: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Counted,
    Drain,
}

impl Phases {
    fn new(workload: &Workload) -> Self {
        Phases {
            warm_up: clock::from_seconds(workload.warm_up_seconds),
            counted: clock::from_seconds(workload.seconds),
            start: None,
            state: Phase::WarmUp,
            counted_from: 0,
            counted_for: 0,
            cpu_from: 0,
            cpu: 0,
            target_rate: workload.target_rate(),
        }
    }

    fn due(&self) -> Option<u64> {
        let start = self.start?;
        Some(match self.state {
            Phase::WarmUp => start + self.warm_up,
            Phase::Counted => self.counted_from + self.counted,
            // Looked at now and then, so that a lost reply does not hang the run.
            Phase::Drain => clock::now() + 100_000_000,
        })
    }

    /// Moves on if it is time; true once all is over.
    fn step(
        &mut self,
        now: u64,
        play: &impl Play,
        desk: &mut Desk,
        mark: &mut dyn FnMut(Mark),
    ) -> Result<bool, BenchError> {
        let start = match self.start {
            Some(start) => start,
            None if play.is_ready() => *self.start.insert(now),
            None => return Ok(false),
        };
        match self.state {
            Phase::WarmUp if now >= start + self.warm_up => {
                mark(Mark::Start);
                self.state = Phase::Counted;
                self.counted_from = clock::now();
                self.cpu_from = clock::thread_cpu();
                desk.tally.open(self.counted_from, self.counted_from + self.counted);
            }
            Phase::Counted if now >= self.counted_from + self.counted => {
                self.counted_for = clock::now() - self.counted_from;
                self.cpu = clock::thread_cpu() - self.cpu_from;
                mark(Mark::End);
                self.state = Phase::Drain;
                desk.tally.close();
                desk.stopping = true;
            }
            Phase::Drain if play.is_done(desk) => return Ok(true),
            Phase::Drain if now > self.counted_from + self.counted_for + DRAIN_WITHIN => {
                return Err(BenchError::Protocol(format!(
                    "{} requests were not answered within {} s of the last send",
                    desk.in_flight,
                    DRAIN_WITHIN / 1_000_000_000
                )));
            }
            Phase::WarmUp | Phase::Counted | Phase::Drain => {}
        }
        Ok(false)
    }

    #[expect(clippy::cast_precision_loss, reason = "rates need no more than 15 digits")]
    fn outcome(&self, workload: &Workload, tally: &Tally) -> Outcome {
        let seconds = clock::to_seconds(self.counted_for);
        let cpu_seconds = clock::to_seconds(self.cpu);
        let achieved_rate = tally.requests as f64 / seconds;
        let busy_share = cpu_seconds / seconds;
        let generator = Generator {
            cpu_seconds,
            busy_share,
            lag_us_max: clock::to_seconds(tally.lag_max) * 1e6,
            was_limit: busy_share >= BUSY_SHARE_MAX,
            saturated: self
                .target_rate
                .is_some_and(|target| achieved_rate < ACHIEVED_SHARE_MIN * target),
        };
        let mut remarks = Vec::new();
        if generator.was_limit {
            remarks.push(format!(
                "the generator was the limit: busy for {:.0} % of the time",
                busy_share * 100.0
            ));
        }
        if generator.saturated {
            remarks.push(format!(
                "saturated: {achieved_rate:.0} of {:.0} requests per second were achieved",
                self.target_rate.unwrap_or(0.0)
            ));
        }
        Outcome {
            workload: workload.clone(),
            seconds,
            requests: tally.requests,
            other_requests: tally.other_requests,
            batches: tally.batches,
            records: tally.records,
            bytes: tally.bytes,
            fetched_bytes: tally.fetched_bytes,
            latency: Latency::from(tally.latency.clone()),
            end_to_end: tally.end_to_end.clone().map(Latency::from),
            target_rate: self.target_rate,
            achieved_rate,
            generator,
            errors: std::collections::BTreeMap::new(),
            verified: None,
            remarks,
        }
    }
}

fn io(doing: &str) -> impl Fn(std::io::Error) -> BenchError {
    move |source| BenchError::Io { doing: doing.to_owned(), source }
}
