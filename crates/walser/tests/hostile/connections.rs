//! Connections that are many, silent, or half said.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wire::messages::metadata::MetadataRequest;

use crate::peer::encoded;
use crate::target::{MIB, Target, mib};

/// How many there are, as the issue has it.
const MANY: usize = 10_000;

/// Raises this process's limit on open files; says why if that is not enough.
fn make_room(sockets: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, wanted).unwrap();
    // The other tests of this process need some as well.
    let needed = u64::try_from(sockets).unwrap() + 2_000;
    assert!(
        limit.maximum.is_none_or(|maximum| maximum >= needed),
        "this test opens {sockets} sockets in this process and in the broker, but the hard limit on \
         open files here is {:?}; raise it to {needed} (ulimit -Hn)",
        limit.maximum
    );
}

#[test]
fn ten_thousand_connections_cost_little_and_half_frames_are_cut() {
    make_room(MANY);
    let target = Target::start("hostile-connections", &[]);
    let each = |bytes: u64| bytes.saturating_sub(target.idle) / u64::try_from(MANY).unwrap();

    let mut peers: Vec<_> = (0..MANY).map(|_| target.connect()).collect();
    target.wait_until("all are connected", |target| target.connections() == MANY);
    target.expect_service();
    let silent = target.resident();

    // Each asks something and then says nothing more: it must cost what a silent one does.
    let metadata = encoded(9, 1, &MetadataRequest::default());
    for peer in &mut peers {
        assert!(peer.send(&metadata));
    }
    for peer in &mut peers {
        assert!(peer.frame().is_some(), "not answered");
    }
    let asked = target.resident();

    // Half of them stop in the length, half in the frame.
    for (number, peer) in peers.iter_mut().enumerate() {
        let half = if number % 2 == 0 { 3 } else { metadata.len() - 1 };
        assert!(peer.send(&metadata[..half]));
    }
    target.expect_service();
    let half = target.resident();
    println!(
        "at rest {:.1} MiB; {MANY} connections silent {:.1} MiB ({} bytes each), after one request \
         {:.1} MiB ({}), with half a frame {:.1} MiB ({})",
        mib(target.idle),
        mib(silent),
        each(silent),
        mib(asked),
        each(asked),
        mib(half),
        each(half)
    );
    // 4 KB each for the task, the timer and the socket's registration: half more than it is, and less
    // than a page to read into would make it.
    target.expect_peak(40 * MIB, "4 KB for each of 10,000 connections");
    target.wait_until("half frames are cut", |target| target.connections() == 0);
    for peer in peers.iter_mut().step_by(1000) {
        peer.expect_closed("half a frame");
    }
    target.expect_unharmed();
}

#[test]
fn connections_over_the_limit_are_closed_and_room_comes_back() {
    for limit in ["max.connections=20", "max.connections.per.ip=20"] {
        let target = Target::start("hostile-limit", &[limit]);
        let metadata = encoded(9, 1, &MetadataRequest::default());
        let mut served: Vec<_> = (0..20).map(|_| target.connect()).collect();
        for peer in &mut served {
            assert!(peer.send(&metadata));
            assert!(peer.frame().is_some(), "{limit}: refused below the limit");
        }
        for _ in 0..200 {
            target.connect().expect_closed(limit);
        }
        let lines = target.log().lines().filter(|line| line.contains("refused")).count();
        assert!((1..=5).contains(&lines), "{limit}: {lines} lines in the log for 200 refusals");
        for peer in &mut served {
            assert!(peer.send(&metadata));
            assert!(peer.frame().is_some(), "{limit}: the refused took the place of the served");
        }
        drop(served);
        target.wait_until("they are gone", |target| target.connections() == 0);
        target.expect_unharmed();
    }
}

#[test]
fn the_broker_raises_its_limit_on_open_files() {
    let target = Target::start("hostile-descriptors", &[]);
    let (soft, hard) = target.open_files_limits();
    assert_eq!(soft, hard, "the soft limit is as high as this user may have it");
    target.expect_unharmed();
}
