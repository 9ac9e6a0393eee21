//! Deadlines that move, are cancelled and fire.

use super::{Timer, TimerKey, Timers};
use std::time::Duration;

fn key() -> TimerKey {
    TimerKey::Join { group: "g".into() }
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn moving_a_deadline_back_keeps_one_entry_and_fires_once() {
    let (mut timers, mut timer) = (Timers::default(), Timer::default());
    for due in 10..20 {
        timers.arm(&mut timer, at(due), key);
    }
    assert_eq!(timers.len(), 1);
    assert_eq!(timers.next(), Some(at(10)), "the entry stays where it was");
    assert_eq!(timers.pop(at(9)), None);
    let popped = timers.pop(at(10)).unwrap();
    assert!(!timers.fires(&mut timer, at(10), popped), "it was moved back");
    assert_eq!(timers.next(), Some(at(19)));
    let popped = timers.pop(at(25)).unwrap();
    assert!(timers.fires(&mut timer, at(25), popped));
    assert_eq!((timers.next(), timers.len()), (None, 0));
}

#[test]
fn moving_a_deadline_forward_takes_effect_at_once() {
    let (mut timers, mut timer) = (Timers::default(), Timer::default());
    timers.arm(&mut timer, at(100), key);
    timers.arm(&mut timer, at(5), key);
    assert_eq!((timers.next(), timers.len()), (Some(at(5)), 1));
}

#[test]
fn a_cancelled_timer_leaves_nothing_behind() {
    let (mut timers, mut timer) = (Timers::default(), Timer::default());
    timers.arm(&mut timer, at(1), key);
    timers.cancel(&mut timer);
    assert_eq!((timers.pop(at(9)), timers.len()), (None, 0));
    timers.arm(&mut timer, at(3), key);
    assert_eq!(timers.next(), Some(at(3)));
}
