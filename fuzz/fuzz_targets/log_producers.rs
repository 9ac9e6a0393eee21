//! The producer snapshot, with its checksum mended so that fuzzing comes past it.
#![no_main]

use log::Producers;
use records::crc::crc32c;

/// Version, then the checksum of all that follows.
const CRC: std::ops::Range<usize> = 2..6;

fn mended(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    if let Some(covered) = bytes.get(CRC.end..) {
        let crc = crc32c(covered).to_be_bytes();
        bytes[CRC].copy_from_slice(&crc);
    }
    bytes
}

fn check(data: &[u8]) {
    let bytes = mended(data);
    let limit = 32 * bytes.len() + 16_384;
    let Ok(producers) = walser_fuzz::within(limit, || Producers::decode(&bytes, 0)) else { return };
    let once = producers.encode();
    let again = Producers::decode(&once, 0).expect("we wrote it");
    assert_eq!(again.encode(), once);
    for producer in producers.entries() {
        let batches = producers.batches_of(producer.producer_id);
        assert!(batches.map(|batch| batch.first_offset()).count() <= 5);
    }
    let _ = producers.first_open_transaction();
}

fn seeds() -> Vec<Vec<u8>> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    body.extend(7_i64.to_be_bytes()); // producer id
    body.extend(1_i16.to_be_bytes()); // epoch
    body.extend(9_i32.to_be_bytes()); // last sequence
    body.extend(99_i64.to_be_bytes()); // last offset
    body.extend(4_i32.to_be_bytes()); // offset delta
    body.extend(1_000_i64.to_be_bytes()); // timestamp
    body.extend((-1_i32).to_be_bytes()); // coordinator epoch
    body.extend((-1_i64).to_be_bytes()); // start of the transaction
    let mut seed = vec![0, 1, 0, 0, 0, 0];
    seed.extend(&body);
    let mut with_earlier = seed.clone();
    with_earlier.extend(b"WEB5");
    with_earlier.extend(7_i64.to_be_bytes());
    with_earlier.extend(1_i32.to_be_bytes());
    with_earlier.extend(0_i32.to_be_bytes());
    with_earlier.extend(4_i32.to_be_bytes());
    with_earlier.extend(94_i64.to_be_bytes());
    with_earlier.extend(900_i64.to_be_bytes());
    vec![mended(&seed), mended(&with_earlier)]
}

walser_fuzz::target!(check, seeds);
