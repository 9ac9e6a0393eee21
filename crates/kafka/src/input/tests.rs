//! Frames come out as they went in, however they were cut; memory follows what came.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use broker::budget::Budget;
use broker::limits::FREE_INPUT_BYTES;
use bytes::Bytes;
use env::net::Stream;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::{BadLength, Input, growth};

const FRAME_MAX: usize = 4 << 20;

/// An input and both ends of what it reads.
struct Wire {
    budget: Budget,
    input: Input,
    stream: Stream,
    peer: DuplexStream,
}

impl Wire {
    fn new(budget: usize) -> Wire {
        let budget = Budget::new(budget, FRAME_MAX);
        let (ours, peer) = duplex(64 << 20);
        let input = Input::new(&budget, FRAME_MAX);
        Wire { budget, input, stream: Stream::Simulated(ours), peer }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.peer.write_all(bytes).await.unwrap();
    }

    /// One read if there is something to read, however often the runtime thinks that is enough.
    fn poll(&mut self) -> Poll<usize> {
        let Wire { input, stream, .. } = self;
        let read = poll_fn(|context| input.poll_receive(context, stream));
        let read = pin!(tokio::task::unconstrained(read));
        read.poll(&mut Context::from_waker(Waker::noop())).map(Result::unwrap)
    }

    /// Reads until there is nothing more to read, and takes the frames.
    fn frames(&mut self) -> Result<Vec<Bytes>, BadLength> {
        let mut frames = Vec::new();
        loop {
            while self.input.has_frame() {
                frames.extend(self.input.next_frame()?);
            }
            match self.poll() {
                Poll::Ready(0) | Poll::Pending => return Ok(frames),
                Poll::Ready(_) => {}
            }
        }
    }

    fn held(&self) -> i64 {
        self.budget.total() - self.budget.left()
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let len = i32::try_from(body.len()).unwrap();
    [&len.to_be_bytes(), body].concat()
}

#[tokio::test]
async fn frames_may_be_cut_anywhere() {
    let bodies: Vec<Vec<u8>> = [1_u8, 2, 3, 40].map(|len| vec![len; usize::from(len)]).to_vec();
    let sent = bodies.iter().flat_map(|body| framed(body)).collect::<Vec<_>>();
    for first in 0..=sent.len() {
        for second in first..=sent.len() {
            let mut wire = Wire::new(1 << 20);
            let mut frames = Vec::new();
            for part in [&sent[..first], &sent[first..second], &sent[second..]] {
                wire.send(part).await;
                frames.extend(wire.frames().unwrap());
            }
            assert_eq!(frames, bodies, "cut at {first} and {second}");
            assert!(!wire.input.is_partial());
            assert_eq!(wire.input.allocated, 0, "cut at {first} and {second}");
        }
    }
}

#[tokio::test]
async fn the_api_is_known_as_soon_as_it_is_here() {
    let sent = framed(&[0, 18, 0, 3, 0, 0, 0, 1]);
    let mut wire = Wire::new(1 << 20);
    for (at, byte) in sent.iter().enumerate() {
        assert_eq!(wire.input.next_api_key(), (at >= 6).then_some(18), "after {at} bytes");
        assert!(!wire.input.has_frame(), "after {at} bytes");
        wire.send(&[*byte]).await;
        assert_eq!(wire.poll(), Poll::Ready(1));
    }
    assert!(wire.input.has_frame());
}

#[tokio::test]
async fn impossible_lengths_are_told_at_once() {
    let above = i32::try_from(FRAME_MAX).unwrap() + 1;
    for length in [0, -1, i32::MIN, i32::MAX, above] {
        let mut wire = Wire::new(1 << 20);
        wire.send(&length.to_be_bytes()).await;
        assert_eq!(wire.frames(), Err(BadLength(length)));
        assert!(wire.input.allocated <= FREE_INPUT_BYTES);
    }
}

#[tokio::test]
async fn a_large_frame_takes_memory_as_it_comes_and_gives_it_back() {
    let mut wire = Wire::new(16 << 20);
    let sent = framed(&vec![7; FRAME_MAX]);
    let mut came = 0;
    for part in sent.chunks(10_000) {
        wire.send(part).await;
        let frames = wire.frames().unwrap();
        came += part.len();
        assert_eq!(frames.len(), usize::from(came == sent.len()));
        let allocated = wire.input.allocated;
        assert!(allocated <= 5 * came + FREE_INPUT_BYTES, "{allocated} bytes for {came}");
        let beyond_free = allocated.saturating_sub(FREE_INPUT_BYTES);
        assert_eq!(wire.held(), i64::try_from(beyond_free).unwrap());
    }
    assert_eq!((wire.input.allocated, wire.held()), (0, 0));
}

#[tokio::test]
async fn a_tail_behind_a_large_frame_does_not_keep_its_memory() {
    let mut wire = Wire::new(16 << 20);
    wire.send(&framed(&vec![7; 1 << 20])).await;
    wire.send(&[0, 0]).await;
    assert_eq!(wire.frames().unwrap().len(), 1);
    wire.input.rest();
    assert!(wire.input.allocated <= FREE_INPUT_BYTES, "{}", wire.input.allocated);
    assert_eq!(wire.held(), 0);
    wire.send(&[0, 1, 9]).await;
    assert_eq!(wire.frames().unwrap(), [Bytes::from_static(&[9])]);
}

#[tokio::test]
async fn half_a_small_frame_costs_what_came() {
    let mut wire = Wire::new(1 << 20);
    for (came, byte) in framed(&[5; 300]).iter().enumerate() {
        wire.send(&[*byte]).await;
        let done = came == 303;
        assert_eq!(wire.frames().unwrap().len(), usize::from(done));
        let allocated = wire.input.allocated;
        assert!(allocated <= 2 * (came + 1), "{allocated} bytes for {}", came + 1);
    }
}

/// Sends `count` frames, and says how many reads they took.
async fn reads_of(wire: &mut Wire, frame: &[u8], count: usize) -> usize {
    wire.send(&frame.repeat(count)).await;
    let (mut reads, mut frames) = (0, 0);
    while frames < count {
        while wire.input.has_frame() {
            frames += usize::from(wire.input.next_frame().unwrap().is_some());
        }
        reads += usize::from(wire.poll().is_ready());
    }
    reads
}

#[tokio::test]
async fn a_busy_peer_is_read_in_larger_pieces_while_memory_is_plenty() {
    let frame = framed(&vec![1; 1000]);
    let mut wire = Wire::new(64 << 20);
    let first = reads_of(&mut wire, &frame, 500).await;
    let then = reads_of(&mut wire, &frame, 500).await;
    assert!(then <= 3 && then < first, "{first} reads, then {then}");
    assert_eq!((wire.poll(), wire.held()), (Poll::Pending, 0));
    // Little by little it asks for less again.
    for _ in 0..20 {
        assert_eq!(reads_of(&mut wire, &frame, 1).await, 1);
    }
    assert!(wire.input.habit < FREE_INPUT_BYTES, "{}", wire.input.habit);

    // The same where others hold more than half.
    let mut wire = Wire::new(64 << 20);
    let mut others = wire.budget.tally();
    others.count(40 << 20);
    reads_of(&mut wire, &frame, 500).await;
    let then = reads_of(&mut wire, &frame, 500).await;
    assert!(then >= 500 * 1004 / (16 * 1024), "{then} reads");
}

#[tokio::test]
async fn small_requests_never_wait_for_the_budget() {
    let mut wire = Wire::new(1 << 20);
    let mut all = wire.budget.tally();
    all.count(10 << 20);
    for round in 0..100 {
        let body = vec![1; 7_000 + round];
        wire.send(&framed(&body)).await;
        wire.send(&framed(&[2])).await;
        wire.send(&framed(&body)[..round]).await;
        let frames = wire.frames().unwrap();
        assert_eq!(frames.len(), 2, "in round {round}");
        wire.send(&framed(&body)[round..]).await;
        assert_eq!(wire.frames().unwrap().len(), 1, "in round {round}");
    }
}

#[tokio::test]
async fn frames_that_fill_the_budget_come_through_one_by_one() {
    // A budget of one frame, and eight that have all begun.
    let budget = Budget::new(FRAME_MAX, FRAME_MAX);
    let mut wires: Vec<Wire> = (0..8)
        .map(|_| {
            let input = Input::new(&budget, FRAME_MAX);
            Wire { input, budget: budget.clone(), ..Wire::new(0) }
        })
        .collect();
    let sent = framed(&vec![3; FRAME_MAX]);
    for wire in &mut wires {
        wire.send(&sent).await;
    }
    let mut waited = 0;
    let mut done = vec![false; wires.len()];
    for _ in 0..1000 {
        for (wire, done) in wires.iter_mut().zip(&mut done) {
            if wire.input.has_frame() {
                assert_eq!(wire.input.next_frame().unwrap().unwrap().len(), FRAME_MAX);
                *done = true;
            }
            if wire.poll().is_pending() && wire.input.waits_for_room() {
                waited += 1;
            }
        }
        let held = budget.total() - budget.left();
        assert!(held <= budget.total() * 3 / 2, "{held} bytes are held");
    }
    assert_eq!(done, [true; 8], "some frames never came through");
    assert!(waited > 0, "nothing had to wait: the test shows nothing");
    assert_eq!(budget.left(), budget.total());
}

#[tokio::test]
async fn the_end_is_told() {
    let mut wire = Wire::new(1 << 20);
    drop(std::mem::replace(&mut wire.peer, duplex(1).0));
    let read = poll_fn(|context| wire.input.poll_receive(context, &mut wire.stream)).await;
    assert_eq!(read.unwrap(), 0);
}

#[test]
fn growth_is_for_the_frame_and_in_proportion() {
    assert_eq!(growth(0, 0), 16 * 1024);
    assert_eq!(growth(10_000, 1_000_000), 40_000);
    assert_eq!(growth(1 << 20, 100 << 20), 4 << 20);
    assert_eq!(growth(10 << 20, 17), 17);
}
