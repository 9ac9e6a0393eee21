//! Nobody is forgotten, nobody is told early, and nothing stays behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use records::Offset;

use super::Waiters;

/// A task that counts how often it was woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Task>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Task {
    fn new() -> (Arc<Task>, Waker) {
        let task = Arc::new(Task::default());
        (task.clone(), Waker::from(task))
    }

    fn woken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_waiter_is_told_at_its_offset_and_not_before() {
    let waiters = Waiters::default();
    let (task, waker) = Task::new();
    let _ticket = waiters.wait(Offset(5), &waker).expect("5 is not reached");
    waiters.reached(Offset(4));
    assert_eq!(task.woken(), 0, "told at 4");
    waiters.reached(Offset(7));
    assert_eq!(task.woken(), 1, "not told at 7");
    assert!(waiters.is_empty());
}

#[test]
fn each_is_told_at_its_own_offset_in_whatever_order_they_came() {
    let waiters = Waiters::default();
    let offsets = [5, 3, 9, 3, 7, 1, 9, 4];
    let tasks = offsets.map(|_| Task::new());
    for (offset, (_, waker)) in offsets.iter().zip(&tasks) {
        waiters.stand(None, Offset(*offset), waker).expect("nothing is reached");
    }
    for reached in 1..=9 {
        waiters.reached(Offset(reached));
        for (offset, (task, _)) in offsets.iter().zip(&tasks) {
            let expected = usize::from(*offset <= reached);
            assert_eq!(task.woken(), expected, "who waits for {offset}, at {reached}");
        }
        assert_eq!(waiters.len(), offsets.iter().filter(|offset| **offset > reached).count());
    }
}

#[test]
fn what_is_reached_needs_no_waiting() {
    let waiters = Waiters::default();
    waiters.reached(Offset(5));
    assert!(waiters.wait(Offset(5), Waker::noop()).is_none());
}

#[test]
fn a_dropped_ticket_leaves_nothing() {
    let waiters = Waiters::default();
    let stays = waiters.wait(Offset(1), Waker::noop());
    drop(waiters.wait(Offset(1), Waker::noop()));
    assert_eq!(waiters.len(), 1, "it took another one's place with it");
    drop(stays);
    assert!(waiters.is_empty());
}

#[test]
fn a_place_is_kept_and_the_last_waker_counts() {
    let waiters = Waiters::default();
    let (before, first) = Task::new();
    let (after, second) = Task::new();
    let place = waiters.stand(None, Offset(5), &first);
    assert_eq!(waiters.stand(place, Offset(5), &second), place);
    assert_eq!(waiters.len(), 1);
    waiters.reached(Offset(5));
    assert_eq!((before.woken(), after.woken()), (0, 1));
}

#[test]
fn who_was_called_and_still_waits_gets_a_new_place() {
    let waiters = Waiters::default();
    let (task, waker) = Task::new();
    let place = waiters.stand(None, Offset(5), &waker);
    waiters.give_up();
    assert_eq!(task.woken(), 1);
    assert!(waiters.is_empty());
    waiters.leave(place.expect("nothing is reached"));
    let again = waiters.stand(place, Offset(5), &waker);
    assert!(again.is_some() && again != place);
    waiters.reached(Offset(5));
    assert_eq!(task.woken(), 2);
}
