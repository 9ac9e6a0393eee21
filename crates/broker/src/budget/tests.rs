//! What is taken comes back, nobody takes what is not there, and nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::{Budget, Grant};

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rung(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (bell.clone(), Waker::from(bell))
}

/// Asks for `bytes` of a frame of `whole` bytes; says whether they were given.
fn hold(grant: &mut Grant, waker: &Waker, bytes: usize, whole: usize) -> bool {
    grant.poll_hold(&mut Context::from_waker(waker), bytes, whole) == Poll::Ready(())
}

#[test]
fn a_grant_takes_what_there_is_and_gives_it_back() {
    let budget = Budget::new(100, 0);
    let mut first = budget.grant();
    assert!(hold(&mut first, Waker::noop(), 80, 80));
    let mut second = budget.grant();
    assert!(hold(&mut second, Waker::noop(), 20, 20));
    assert_eq!(budget.left(), 0);
    first.shrink(10);
    assert_eq!(budget.left(), 70);
    drop(second);
    assert_eq!(budget.left(), 90);
    drop(first);
    assert_eq!(budget.left(), 100);
}

#[test]
fn frames_that_hold_everything_between_them_finish_one_after_the_other() {
    // 60 open, a reserve of 40. Four frames of 40 hold 15 each and all want on.
    let budget = Budget::new(100, 40);
    let mut frames: Vec<_> = (0..4).map(|_| (budget.grant(), bell())).collect();
    for (frame, (_, waker)) in &mut frames {
        assert!(hold(frame, waker, 15, 40));
    }
    // The first is lent the rest of its frame, 25 of 40; then 15 are no room for another 25.
    for (at, (frame, (_, waker))) in frames.iter_mut().enumerate() {
        assert_eq!(hold(frame, waker, 20, 40), at == 0, "frame {at}");
        assert_eq!(frame.is_waiting(), at != 0, "frame {at}");
    }
    assert!(budget.has_line());
    for at in 0..4 {
        let (frame, (_, waker)) = &mut frames[at];
        // What was lent is the whole: it does not ask again.
        assert!(hold(frame, waker, 40, 40), "frame {at} waits for its own room");
        frame.shrink(0);
        if let Some((next, (bell, waker))) = frames.get_mut(at + 1) {
            assert_ne!(bell.rung(), 0, "frame {} was not told of room", at + 1);
            assert!(hold(next, waker, 20, 40), "frame {}", at + 1);
        }
    }
    assert!(!budget.has_line());
    assert_eq!(budget.left(), 100);
}

#[test]
fn the_line_keeps_its_order() {
    let budget = Budget::new(100, 10);
    let mut all = budget.grant();
    assert!(hold(&mut all, Waker::noop(), 90, 90));
    let mut lent = budget.grant();
    assert!(hold(&mut lent, Waker::noop(), 10, 10));
    assert!(lent.borrows());
    let ((large_bell, large_waker), (small_bell, small_waker)) = (bell(), bell());
    let (mut large, mut small) = (budget.grant(), budget.grant());
    assert!(!hold(&mut large, &large_waker, 50, 50));
    assert!(!hold(&mut small, &small_waker, 1, 1));
    all.shrink(60);
    assert_eq!((large_bell.rung(), small_bell.rung()), (0, 0), "30 are no room for the first");
    assert!(!hold(&mut small, &small_waker, 1, 1), "the second overtook the first");
    all.shrink(40);
    assert_eq!((large_bell.rung(), small_bell.rung()), (1, 0));
    assert!(hold(&mut large, &large_waker, 50, 50));
    drop(large);
    assert_eq!(small_bell.rung(), 1);
    assert!(hold(&mut small, &small_waker, 1, 1));
}

#[test]
fn who_leaves_the_line_lets_the_next_one_try() {
    let budget = Budget::new(100, 10);
    let mut all = budget.grant();
    assert!(hold(&mut all, Waker::noop(), 90, 90));
    let mut lent = budget.grant();
    assert!(hold(&mut lent, Waker::noop(), 10, 10));
    all.shrink(80);
    let (bell, waker) = bell();
    let (mut large, mut small) = (budget.grant(), budget.grant());
    assert!(!hold(&mut large, Waker::noop(), 50, 50));
    assert!(!hold(&mut small, &waker, 5, 5));
    drop(large);
    assert_eq!(bell.rung(), 1);
    assert!(hold(&mut small, &waker, 5, 5));
}

#[test]
fn a_frame_larger_than_the_reserve_is_lent_its_room_when_nobody_else_borrows() {
    let budget = Budget::new(100, 100);
    let mut frames: Vec<_> = (0..2).map(|_| budget.grant()).collect();
    for frame in &mut frames {
        assert!(hold(frame, Waker::noop(), 25, 100));
    }
    assert!(hold(&mut frames[0], Waker::noop(), 50, 100));
    assert!(!hold(&mut frames[1], Waker::noop(), 50, 100));
    assert!(hold(&mut frames[0], Waker::noop(), 100, 100));
    drop(frames.remove(0));
    assert!(hold(&mut frames[0], Waker::noop(), 100, 100));
    drop(frames);
    assert_eq!(budget.left(), 100);
}

#[test]
fn replies_count_even_beyond_the_budget() {
    let budget = Budget::new(100, 20);
    let mut reply = budget.tally();
    reply.count(250);
    assert_eq!(budget.left(), -150);
    let mut lent = budget.grant();
    assert!(hold(&mut lent, Waker::noop(), 20, 20), "the reserve is not for replies");
    let mut request = budget.grant();
    assert!(!hold(&mut request, Waker::noop(), 1, 1), "room was given that is not there");
    drop(reply);
    drop((lent, request));
    assert_eq!(budget.left(), 100);
}

#[test]
fn who_has_replies_waits_while_it_is_crowded() {
    let budget = Budget::new(100, 20);
    let (mut large, mut small) = (budget.tally(), budget.tally());
    let noop = &mut Context::from_waker(Waker::noop());
    assert!(large.poll_pass(noop, 0).is_ready());
    large.count(60);
    assert!(budget.is_crowded());
    let (bell, waker) = bell();
    let waiting = &mut Context::from_waker(&waker);
    assert!(small.poll_pass(waiting, 5).is_pending());
    let mut other = budget.tally();
    assert!(other.poll_pass(noop, 5).is_pending());
    large.count(45);
    assert_eq!(bell.rung(), 0, "woken while it is crowded");
    large.count(40);
    assert_eq!(bell.rung(), 1);
    assert!(other.poll_pass(noop, 5).is_pending(), "the second overtook the first");
    assert!(small.poll_pass(waiting, 5).is_ready());
    assert!(other.poll_pass(noop, 5).is_ready());
    drop((large, small, other));
    assert_eq!(budget.left(), 100);
}

#[test]
fn who_has_none_goes_on_until_all_of_it_is_taken() {
    let budget = Budget::new(100, 20);
    let mut holder = budget.tally();
    holder.count(80);
    let noop = &mut Context::from_waker(Waker::noop());
    assert!(holder.poll_pass(noop, 80).is_pending());
    let (mut good, mut late) = (budget.tally(), budget.tally());
    for _ in 0..3 {
        assert!(good.poll_pass(noop, 0).is_ready());
        good.count(30);
        let (bell, waker) = bell();
        assert!(late.poll_pass(&mut Context::from_waker(&waker), 0).is_pending());
        assert!(good.poll_pass(noop, 30).is_pending(), "a second reply before the first left");
        good.count(0);
        assert_eq!(bell.rung(), 1);
        assert!(late.poll_pass(noop, 0).is_ready());
        assert!(good.poll_pass(noop, 0).is_ready());
    }
}

#[test]
fn who_leaves_a_gate_lets_the_next_one_try() {
    let budget = Budget::new(100, 20);
    let mut holder = budget.tally();
    holder.count(101);
    let (bell, waker) = bell();
    let noop = &mut Context::from_waker(Waker::noop());
    let (mut first, mut second) = (budget.tally(), budget.tally());
    assert!(first.poll_pass(noop, 0).is_pending());
    assert!(second.poll_pass(&mut Context::from_waker(&waker), 0).is_pending());
    holder.count(90);
    assert!(second.poll_pass(&mut Context::from_waker(&waker), 0).is_pending());
    drop(first);
    assert_ne!(bell.rung(), 0);
    assert!(second.poll_pass(noop, 0).is_ready());
}

#[test]
fn everything_comes_back_under_contention() {
    let budget = Budget::new(1000, 100);
    let run = |seed: usize| {
        let budget = budget.clone();
        std::thread::spawn(move || {
            for round in 0..2000 {
                let frame = 1 + (seed * 37 + round * 101) % 100;
                let mut grant = budget.grant();
                let mut reply = budget.tally();
                // A frame in four steps, as a connection reads it; a waiter polls until it is served.
                for step in 1..=4 {
                    while !hold(&mut grant, Waker::noop(), frame * step / 4, frame) {
                        std::thread::yield_now();
                    }
                }
                reply.count(frame);
            }
        })
    };
    let threads: Vec<_> = (0..24).map(run).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(budget.left(), 1000);
    assert!(!budget.has_line() && !budget.is_crowded());
}
