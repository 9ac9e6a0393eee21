//! Frames that lie about their length.

use crate::target::{MIB, Target};

#[test]
fn impossible_lengths_close_the_connection_and_cost_nothing() {
    let target = Target::start("hostile-lengths", &[]);
    let limit = 100 << 20;
    for length in [i32::MAX, limit + 1, -1, i32::MIN, 0] {
        let mut peers: Vec<_> = (0..100).map(|_| target.connect()).collect();
        for peer in &mut peers {
            peer.send(&length.to_be_bytes());
            peer.send(&[7; 64]);
        }
        for peer in &mut peers {
            peer.expect_closed(&format!("a frame of {length} bytes"));
        }
    }
    // 100 connections at a time with a buffer of 16 KiB each are 1.6 MiB.
    target.expect_peak(8 * MIB, "100 connections with a buffer each");
    target.expect_unharmed();
}

#[test]
fn large_frames_that_do_not_come_cost_what_did_come() {
    let target = Target::start("hostile-declared", &[]);
    let mut peers: Vec<_> = (0..500).map(|_| target.connect()).collect();
    for peer in &mut peers {
        // The largest frame there may be; 500 of them would be 50 GB.
        peer.send(&(100_i32 << 20).to_be_bytes());
        peer.send(&[7; 2000]);
    }
    target.expect_service();
    // A buffer of 16 KiB each and what a connection costs by itself.
    target.expect_peak(500 * 24 * 1024, "500 connections with a buffer each");
    drop(peers);
    target.expect_unharmed();
}
