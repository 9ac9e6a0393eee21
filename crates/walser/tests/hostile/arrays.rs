//! Arrays of a billion entries, declared and real.

use crate::peer::raw;
use crate::target::{MIB, Target};

/// A billion, and a billion as compact arrays say it: plus one, seven bits a byte.
const BILLION: [u8; 4] = 1_000_000_000_i32.to_be_bytes();
const COMPACT_BILLION: [u8; 5] = [0x81, 0x94, 0xeb, 0xdc, 0x03];

/// What stands before the array, in hexadecimal.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn arrays_of_a_billion_entries_close_the_connection_and_cost_nothing() {
    let target = Target::start("hostile-arrays", &[]);
    let (wide, compact) = (&BILLION[..], &COMPACT_BILLION[..]);
    // Key, version, and what comes before: no transactional id, acks, timeout and the like.
    for (what, key, version, before, billion) in [
        ("Produce topics", 0, 8, "ffff ffff 00000001", wide),
        ("Produce partitions", 0, 8, "ffff ffff 00000001 00000001 0001 74", wide),
        ("flexible Produce", 0, 9, "00 ffff 00000001", compact),
        ("Fetch topics", 1, 4, "ffffffff 00000000 00000000 00000001 00", wide),
        (
            "flexible Fetch",
            1,
            12,
            "ffffffff 00000000 00000000 00000001 00 00000000 ffffffff",
            compact,
        ),
        ("Metadata", 3, 1, "", wide),
        ("flexible Metadata", 3, 12, "", compact),
        ("OffsetFetch topics", 9, 1, "0001 67", wide),
        ("flexible OffsetFetch", 9, 6, "02 67", compact),
        ("OffsetFetch groups", 9, 8, "", compact),
    ] {
        let mut body = hex(before);
        body.extend_from_slice(billion);
        // With little behind it, and with as much as could be the beginning.
        for rest in [0, 1 << 20] {
            body.resize(body.len() + rest, 0);
            let request = raw(key, version, &body);
            let mut peers: Vec<_> = (0..5).map(|_| target.connect()).collect();
            for peer in &mut peers {
                peer.send(&request);
            }
            for peer in &mut peers {
                peer.expect_closed(what);
            }
        }
    }
    // Five frames of 1 MiB at a time, each twice while its buffer grows.
    target.expect_peak(24 * MIB, "the frames that came");
    target.expect_unharmed();
}

#[test]
fn sixteen_million_real_entries_cost_little_more_than_their_frame() {
    let target = Target::start("hostile-entries", &[]);
    // Topic names of one letter: three bytes on the wire, twenty times that as a struct.
    let count = 16_000_000_i32;
    let mut body = count.to_be_bytes().to_vec();
    for _ in 0..count {
        body.extend_from_slice(&[0, 1, b'x']);
    }
    let request = raw(3, 1, &body);
    for _ in 0..2 {
        let mut peer = target.connect();
        peer.send(&request);
        peer.expect_closed("sixteen million topics");
    }
    // The frame of 46 MiB, 10 that its buffer grew out of, 16 of entries; the allocator keeps as much
    // of the first request for a moment. Decoded in full it would be another 700.
    target.expect_peak(160 * MIB, "a frame of 48 MB and 16 MiB of entries");
    target.expect_unharmed();
}
