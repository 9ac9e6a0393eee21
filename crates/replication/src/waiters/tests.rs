//! Nobody is forgotten, nobody is told early, and nothing stays behind.

use std::sync::Arc;

use records::Offset;
use tokio::sync::Notify;

use super::Waiters;

fn told(notify: &Notify) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::pin!(notify.notified()).as_mut().poll(&mut context).is_ready()
}

#[test]
fn a_waiter_is_told_at_its_offset_and_not_before() {
    let waiters = Waiters::default();
    let notify = Arc::new(Notify::new());
    let _ticket = waiters.wait(Offset(5), &notify).expect("5 is not reached");
    waiters.reached(Offset(4));
    assert!(!told(&notify), "told at 4");
    waiters.reached(Offset(7));
    assert!(told(&notify), "not told at 7");
    assert!(waiters.is_empty());
}

#[test]
fn what_is_reached_needs_no_waiting() {
    let waiters = Waiters::default();
    waiters.reached(Offset(5));
    assert!(waiters.wait(Offset(5), &Arc::new(Notify::new())).is_none());
}

#[test]
fn a_dropped_ticket_leaves_nothing() {
    let waiters = Waiters::default();
    drop(waiters.wait(Offset(1), &Arc::new(Notify::new())));
    assert!(waiters.is_empty());
}
