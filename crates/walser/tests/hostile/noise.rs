//! Noise on the port, and requests cut anywhere.

use env::Random;
use env::sim::SimRandom;
use wire::messages::metadata::MetadataRequest;

use crate::batch::{compressed, fetch, produce};
use crate::peer::{BY_NAME, encoded, raw};
use crate::target::{MIB, TOPIC, Target};

#[test]
fn noise_does_no_harm() {
    let target = Target::start("hostile-noise", &[]);
    let dice = SimRandom::new(5);
    let below = |bound: u16| {
        let mut roll = [0; 2];
        dice.fill(&mut roll);
        u16::from_le_bytes(roll) % bound
    };
    let noise = || -> Vec<u8> {
        let mut bytes = vec![0; 1 + usize::from(below(3000))];
        dice.fill(&mut bytes);
        bytes
    };
    for round in 0..600 {
        let mut peer = target.connect();
        // As it is, behind a length, and behind a header of an API that is served.
        match round % 3 {
            0 => peer.send(&noise()),
            1 => {
                let noise = noise();
                let len = i32::try_from(noise.len()).unwrap();
                peer.send(&len.to_be_bytes()) && peer.send(&noise)
            }
            _ => {
                let key = i16::try_from(below(76)).unwrap();
                let version = i16::try_from(below(14)).unwrap();
                peer.send(&raw(key, version, &noise()))
            }
        };
        peer.shut();
        // By chance it may be a request; then it is answered before the end.
        while peer.frame().is_some() {}
    }
    target.expect_peak(16 * MIB, "one connection at a time");
    target.expect_unharmed();
}

#[test]
fn requests_cut_anywhere_do_no_harm() {
    let target = Target::start("hostile-cut", &[]);
    let batch = compressed(records::Codec::Zstd, &[b'z'; 300]);
    let requests = [
        encoded(9, 1, &MetadataRequest::default()),
        encoded(BY_NAME, 2, &produce(TOPIC, batch)),
        encoded(BY_NAME, 3, &fetch(TOPIC, 0, 1000)),
    ];
    for request in &requests {
        for cut in 0..request.len() {
            // Cut off by the end of the connection.
            let mut peer = target.connect();
            peer.send(&request[..cut]);
            if cut % 2 == 0 {
                peer.shut();
                peer.expect_closed("a request that was cut off");
            }
            drop(peer);
            // Cut off by its own length; what is left may be a request all the same.
            if cut >= 4 {
                let len = i32::try_from(cut - 4).unwrap();
                let mut peer = target.connect();
                peer.send(&[&len.to_be_bytes(), &request[4..cut]].concat());
                peer.shut();
                while peer.frame().is_some() {}
            }
        }
    }
    target.expect_peak(16 * MIB, "a connection at a time");
    target.expect_unharmed();
}
