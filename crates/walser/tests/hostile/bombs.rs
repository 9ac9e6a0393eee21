//! Batches of a megabyte that unpack to gigabytes, with every codec.

use bytes::Bytes;
use records::Codec;
use records::codec::compress;
use wire::ErrorCode;
use wire::messages::produce::ProduceRequest;

use crate::batch::{forged, produce, produced};
use crate::peer::BY_NAME;
use crate::target::{MIB, TOPIC, Target};

/// Errors that say no for good. A client that is told one of them does not send it again.
const NO: [ErrorCode; 3] =
    [ErrorCode::MessageTooLarge, ErrorCode::CorruptMessage, ErrorCode::InvalidRecord];

fn zeros(codec: Codec, count: usize) -> Vec<u8> {
    compress(codec, None, &vec![0; count]).unwrap()
}

/// What unpacks to as much as the codec lets a megabyte do.
fn bomb(codec: Codec) -> Bytes {
    let section = match codec {
        Codec::None => Vec::new(),
        // Frames and members may follow each other: 2 GiB.
        Codec::Zstd => zeros(codec, 64 << 20).repeat(32),
        Codec::Gzip => zeros(codec, 32 << 20).repeat(24),
        Codec::Lz4 => zeros(codec, 200 << 20),
        // 22 times its size is all it can, but it can claim 4 GiB.
        Codec::Snappy => [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0; 1000]].concat(),
    };
    assert!(section.len() < 1_000_000, "{codec}: {} bytes are refused unseen", section.len());
    forged(codec, &section)
}

#[test]
fn bombs_are_refused_also_many_at_once() {
    // Threads enough to unpack all of them at once.
    let target = Target::start("hostile-bombs", &["num.network.threads=8"]);
    for codec in [Codec::Zstd, Codec::Gzip, Codec::Lz4, Codec::Snappy] {
        let request = produce(TOPIC, bomb(codec));
        let mut peers: Vec<_> = (0..8).map(|_| target.connect()).collect();
        for peer in &mut peers {
            assert!(peer.ask(BY_NAME, &request));
        }
        for peer in &mut peers {
            let answer = peer.answer::<ProduceRequest>(BY_NAME, 1);
            let (error, offset) = produced(&answer);
            assert!(NO.iter().any(|no| no.number() == error), "{codec}: error {error}");
            assert_eq!(offset, -1, "{codec}");
        }
    }
    // One batch at a time may take 64 MiB, and 24 that its buffer grew out of; the allocator gives
    // such buffers back with a delay, and each of the threads that unpacked one may keep some for a
    // moment (317 MiB was the most seen). Eight large batches at once would be 700 MiB.
    target.expect_peak(450 * MIB, "one large batch at a time");
    target.expect_unharmed();
}
