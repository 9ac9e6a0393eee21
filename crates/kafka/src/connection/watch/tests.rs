//! Who is cut, when, and who is not.

use std::time::Duration;

use broker::limits::{
    FRAME_PROGRESS_BYTES, FRAME_PROGRESS_PERIOD as PERIOD, READER_STALL_CROWDED_MAX,
    READER_STALL_MAX,
};

use super::{Surroundings, Watch};
use crate::connection::Ended;

const IDLE_MAX: Duration = Duration::from_secs(600);

fn at(seconds: u64) -> Surroundings {
    Surroundings {
        now: Duration::from_secs(seconds),
        idle_max: IDLE_MAX,
        waits: false,
        frame_bytes: 0,
        pressed: false,
        crowded: false,
    }
}

/// Goes to sleep at a time.
fn sleep(watch: &mut Watch, seconds: u64, half_a_frame: bool, replies: bool) -> bool {
    watch.sleep(|| Duration::from_secs(seconds), half_a_frame, replies)
}

#[test]
fn at_rest_it_is_looked_at_once_in_the_idle_time() {
    let mut watch = Watch::new(Duration::ZERO);
    assert_eq!(watch.look(&at(0)).unwrap(), IDLE_MAX);
    assert!(!sleep(&mut watch, 1, false, false));
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
    assert!(sleep(&mut watch, 95, true, false), "the timer is too far away");
    assert!(!sleep(&mut watch, 96, true, false), "the timer is set already");
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
fn under_pressure_large_half_frames_have_to_hurry() {
    let mut watch = Watch::new(Duration::ZERO);
    watch.look(&at(0)).unwrap();
    sleep(&mut watch, 0, true, false);
    watch.received(1 << 20);
    let around = Surroundings { frame_bytes: 80 << 20, ..at(10) };
    assert!(watch.look(&around).is_ok(), "nobody waits for its memory");
    watch.received(1 << 20);
    let around = Surroundings { frame_bytes: 81 << 20, pressed: true, ..at(20) };
    assert!(matches!(watch.look(&around), Err(Ended::Stalled)));
}

#[test]
fn a_reader_that_takes_nothing_is_cut() {
    for (crowded, max) in [(false, READER_STALL_MAX), (true, READER_STALL_CROWDED_MAX)] {
        let mut watch = Watch::new(Duration::ZERO);
        watch.look(&at(0)).unwrap();
        assert!(sleep(&mut watch, 0, false, true));
        let mut seconds = 0;
        let ended = loop {
            seconds += PERIOD.as_secs();
            match watch.look(&Surroundings { crowded, ..at(seconds) }) {
                Ok(next) => assert_eq!(next, PERIOD),
                Err(ended) => break ended,
            }
        };
        assert!(matches!(ended, Ended::SlowReader), "{ended:?}");
        assert_eq!(seconds, max.as_secs());
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
