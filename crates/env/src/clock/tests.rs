//! A timer is due when it says, as often as it is set.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Deadline, Timer};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_set_anew_is_due_anew() {
    let mut timer = Timer::at(Deadline::after(SECOND));
    for _ in 0..3 {
        let deadline = timer.deadline();
        assert!(!deadline.has_passed());
        poll_fn(|context| timer.poll(context)).await;
        assert!(deadline.has_passed());
        assert!(
            poll_fn(|context| Poll::Ready(timer.poll(context))).await.is_ready(),
            "it stays due"
        );
        timer.set(Deadline::after(SECOND));
        assert!(poll_fn(|context| Poll::Ready(timer.poll(context))).await.is_pending());
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_set_to_sooner_while_it_is_waited_for() {
    let mut timer = Timer::at(Deadline::after(1000 * SECOND));
    let began = Deadline::after(Duration::ZERO);
    let mut set = false;
    poll_fn(|context| {
        if timer.poll(context).is_pending() && !set {
            set = true;
            timer.set(Deadline::after(SECOND));
            return timer.poll(context);
        }
        if set && !timer.deadline().has_passed() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    assert!(Deadline::after(Duration::ZERO) < Deadline(began.0 + 2 * SECOND), "slept on");
}

#[tokio::test(start_paused = true)]
async fn the_task_that_asked_last_is_woken() {
    let mut timer = Timer::at(Deadline::after(SECOND));
    assert!(timer.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    poll_fn(|context| timer.poll(context)).await;
    assert!(timer.deadline().has_passed());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_too_far_away() {
    let mut timer = Timer::at(Deadline::after(Duration::MAX));
    assert!(timer.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(!timer.deadline().has_passed());
}
