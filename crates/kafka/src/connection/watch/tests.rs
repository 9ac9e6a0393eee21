//! Who is cut, when, and who is not.

use std::time::Duration;

use broker::limits::{
    FRAME_PRESSED_PERIOD, FRAME_PROGRESS_BYTES, FRAME_PROGRESS_PERIOD as PERIOD,
    READER_STALL_CROWDED_MAX, READER_STALL_MAX,
};

use super::{Bed, Surroundings, Watch};
use crate::connection::Ended;

const IDLE_MAX: Duration = Duration::from_secs(600);

fn at(seconds: u64) -> Surroundings {
    Surroundings {
        now: Duration::from_secs(seconds),
        idle_max: IDLE_MAX,
        waits: false,
        frame_bytes: 0,
        reply_bytes: 0,
        pressed: false,
        crowded: false,
    }
}

/// Goes to sleep at a time; says when it is to be woken for a look, if that is sooner than before.
fn sleep(watch: &mut Watch, seconds: u64, half_a_frame: bool, replies: bool) -> Option<Duration> {
    let bed = Bed { half_a_frame, holds_memory: false, replies };
    watch.sleep(|| Duration::from_secs(seconds), bed)
}

#[test]
fn at_rest_it_is_looked_at_once_in_the_idle_time() {
    let mut watch = Watch::new(Duration::ZERO);
    assert_eq!(watch.look(&at(0)).unwrap(), IDLE_MAX);
    assert_eq!(sleep(&mut watch, 1, false, false), None);
    watch.acted();
    assert_eq!(watch.look(&at(600)).unwrap(), IDLE_MAX);
    assert!(matches!(watch.look(&at(1200)), Err(Ended::Idle)));
}

#[test]
fn who_waits_for_an_answer_is_not_idle() {
    let mut watch = Watch::new(Duration::ZERO);
    let waits = |seconds| Surroundings { waits: true, ..at(seconds) };
    assert!(watch.look(&waits(600)).is_ok());
    assert!(watch.look(&waits(1200)).is_ok());
    assert!(watch.look(&at(1800)).is_err());
}

#[test]
fn half_a_frame_that_stops_is_cut_after_one_period() {
    let mut watch = Watch::new(Duration::ZERO);
    watch.look(&at(0)).unwrap();
    assert_eq!(sleep(&mut watch, 95, true, false), Some(PERIOD), "the timer is too far away");
    assert_eq!(sleep(&mut watch, 96, true, false), None, "the timer is set already");
    watch.received(FRAME_PROGRESS_BYTES - 1);
    assert!(matches!(watch.look(&at(105)), Err(Ended::Stalled)));
}

#[test]
fn a_frame_that_begins_just_before_a_look_has_its_whole_period() {
    let mut watch = Watch::new(Duration::ZERO);
    watch.look(&at(0)).unwrap();
    sleep(&mut watch, 0, true, false);
    watch.acted();
    watch.frame_ended();
    sleep(&mut watch, 9, true, false);
    assert_eq!(watch.look(&at(10)).unwrap(), Duration::from_secs(9));
    assert!(watch.look(&at(19)).is_err());
}

#[test]
fn a_frame_that_goes_on_is_left_alone() {
    let mut watch = Watch::new(Duration::ZERO);
    watch.look(&at(0)).unwrap();
    sleep(&mut watch, 0, true, false);
    for period in 1..100 {
        watch.received(FRAME_PROGRESS_BYTES);
        assert_eq!(watch.look(&at(10 * period)).unwrap(), PERIOD, "slow is not idle");
    }
}

#[test]
fn a_frame_that_nobody_listens_to_is_not_slow() {
    let mut watch = Watch::new(Duration::ZERO);
    watch.look(&at(0)).unwrap();
    sleep(&mut watch, 0, true, false);
    // It has to wait for memory, or for an answer before it, until just before the look.
    sleep(&mut watch, 1, false, false);
    sleep(&mut watch, 9, true, false);
    assert!(watch.look(&at(10)).is_ok());
}

#[test]
fn under_pressure_half_frames_that_hold_memory_have_to_hurry() {
    let listens = Bed { half_a_frame: true, holds_memory: true, replies: false };
    let begin = || {
        let mut watch = Watch::new(Duration::ZERO);
        watch.look(&at(0)).unwrap();
        let soon = watch.sleep(|| Duration::ZERO, listens);
        assert_eq!(soon, Some(FRAME_PRESSED_PERIOD));
        watch
    };
    let large = Surroundings { frame_bytes: 64 << 20, ..at(1) };
    let mut watch = begin();
    assert_eq!(watch.look(&large).unwrap(), FRAME_PRESSED_PERIOD, "nobody waits for its memory");
    let pressed = Surroundings { pressed: true, ..large };
    assert!(matches!(watch.look(&pressed), Err(Ended::Stalled)));

    let mut watch = begin();
    watch.received(1 << 20);
    assert!(matches!(watch.look(&pressed), Err(Ended::Stalled)), "too little of what it holds");
    let mut watch = begin();
    watch.received(2 << 20);
    assert!(watch.look(&pressed).is_ok());

    let mut watch = begin();
    let small = Surroundings { pressed: true, ..at(1) };
    assert!(watch.look(&small).is_ok(), "it holds nothing that others wait for");
}

#[test]
fn a_reader_that_takes_nothing_is_cut() {
    for (crowded, reply_bytes, period, max) in [
        (false, 0, PERIOD, READER_STALL_MAX),
        (true, 100, PERIOD, READER_STALL_MAX),
        (false, 1 << 20, FRAME_PRESSED_PERIOD, READER_STALL_MAX),
        (true, 1 << 20, FRAME_PRESSED_PERIOD, READER_STALL_CROWDED_MAX),
    ] {
        let mut watch = Watch::new(Duration::ZERO);
        watch.look(&at(0)).unwrap();
        let bed = Bed { half_a_frame: false, replies: true, holds_memory: reply_bytes > 1000 };
        assert_eq!(watch.sleep(|| Duration::ZERO, bed), Some(period));
        let mut now = Duration::ZERO;
        let ended = loop {
            now += period;
            match watch.look(&Surroundings { now, crowded, reply_bytes, ..at(0) }) {
                Ok(next) => assert_eq!(next, period),
                Err(ended) => break ended,
            }
        };
        assert!(matches!(ended, Ended::SlowReader), "{ended:?}");
        assert_eq!(now, max, "crowded {crowded}, {reply_bytes} bytes");
    }
}

#[test]
fn a_reader_that_takes_something_is_left_alone() {
    let mut watch = Watch::new(Duration::ZERO);
    watch.look(&at(0)).unwrap();
    sleep(&mut watch, 0, false, true);
    for period in 1..100 {
        if period % 2 == 0 {
            watch.sent(1);
        }
        assert!(watch.look(&at(10 * period)).is_ok(), "after {period} periods");
    }
    sleep(&mut watch, 1000, false, false);
    assert!(watch.look(&at(1050)).is_ok(), "nothing waits any more");
}
