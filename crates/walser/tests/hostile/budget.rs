//! A byte budget so small that large requests have to share it.

use std::sync::Barrier;

use bytes::Bytes;

use crate::batch::{honest, produce, produced};
use crate::peer::{BY_NAME, encoded};
use crate::target::{MIB, TOPIC, Target};
use wire::messages::produce::ProduceRequest;

/// The smallest budget there is, for requests as large as it.
const SMALLEST: [&str; 2] =
    ["queued.max.request.bytes=1048576", "socket.request.max.bytes=1048576"];

fn large() -> Bytes {
    encoded(BY_NAME, 1, &produce(TOPIC, honest(&vec![b'v'; 900_000])))
}

/// Budget and reserve, half a megabyte more that a frame as large as all may be lent, a buffer of
/// 16 KiB each, and every buffer twice while it grows.
const BOUND: u64 = 16 * MIB;

#[test]
fn clients_that_hold_the_whole_budget_between_them_all_finish() {
    let target = Target::start("hostile-budget", &SMALLEST);
    let count = 32;
    let begun = Barrier::new(count);
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let (frame, mut peer) = (large(), target.connect());
                let (first, second) = frame.split_at(450_000);
                assert!(peer.send(first));
                // All have sent half, together fourteen times the budget.
                begun.wait();
                for part in second.chunks(100_000) {
                    assert!(peer.send(part));
                }
                assert_eq!(produced(&peer.answer::<ProduceRequest>(BY_NAME, 1)).0, 0);
            });
        }
    });
    target.expect_peak(BOUND, "a budget of 1 MiB");
    target.expect_unharmed();
}

#[test]
fn who_stops_in_the_middle_is_cut_and_the_others_go_on() {
    let target = Target::start("hostile-holders", &SMALLEST);
    let frame = large();
    let mut holders: Vec<_> = (0..4).map(|_| target.connect()).collect();
    for holder in &mut holders {
        assert!(holder.send(&frame[..450_000]));
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut peer = target.connect();
                assert!(peer.send(&frame));
                assert_eq!(produced(&peer.answer::<ProduceRequest>(BY_NAME, 1)).0, 0);
            });
        }
    });
    for holder in &mut holders {
        holder.expect_closed("half a request that others waited for");
    }
    target.expect_peak(BOUND, "a budget of 1 MiB");
    target.expect_unharmed();
}
