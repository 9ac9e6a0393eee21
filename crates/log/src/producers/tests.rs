//! Duplicates, gaps, epochs and expiry of idempotent producers.

use records::{BatchBuilder, Codec};

use super::*;

fn header(id: i64, epoch: i16, sequence: i32, records: i32, base: i64) -> BatchHeader {
    let mut builder = BatchBuilder::new(Codec::None)
        .producer(ProducerId(id), ProducerEpoch(epoch), sequence)
        .base_offset(Offset(base));
    for _ in 0..records {
        builder.push(Timestamp(1000), None, Some(b"v"), &[]);
    }
    BatchHeader::parse(&builder.build().unwrap()).unwrap()
}

#[test]
fn the_last_five_batches_are_recognised() {
    let mut producers = Producers::default();
    for n in 0..7_i32 {
        let header = header(1, 0, n * 2, 2, i64::from(n) * 2);
        assert_eq!(producers.admit(&header, Origin::Client).unwrap(), Admission::New, "batch {n}");
        producers.enter(&header, None, 0);
    }
    for n in 2..7_i32 {
        let again = header(1, 0, n * 2, 2, 0);
        match producers.admit(&again, Origin::Client).unwrap() {
            Admission::Duplicate(batch) => {
                assert_eq!(batch.first_offset(), Offset(i64::from(n) * 2), "batch {n}");
            }
            Admission::New => panic!("batch {n} was taken for new"),
        }
    }
    for sequence in [2, 16, 13] {
        let error = producers.admit(&header(1, 0, sequence, 2, 0), Origin::Client).unwrap_err();
        assert!(
            matches!(error, AppendError::OutOfOrderSequence { expected: 14, .. }),
            "sequence {sequence}: {error}"
        );
    }
}

#[test]
fn epochs_fence_and_start_anew() {
    let mut producers = Producers::default();
    // Nothing known: any sequence is taken.
    assert_eq!(producers.admit(&header(1, 3, 77, 1, 0), Origin::Client).unwrap(), Admission::New);
    producers.enter(&header(1, 3, 77, 1, 0), None, 0);
    let fenced = producers.admit(&header(1, 2, 78, 1, 0), Origin::Client).unwrap_err();
    assert!(matches!(fenced, AppendError::ProducerFenced { current: ProducerEpoch(3), .. }));
    let gap = producers.admit(&header(1, 4, 5, 1, 0), Origin::Client).unwrap_err();
    assert!(matches!(gap, AppendError::OutOfOrderSequence { expected: 0, .. }));
    assert_eq!(producers.admit(&header(1, 4, 0, 1, 0), Origin::Client).unwrap(), Admission::New);
}

#[test]
fn sequences_wrap() {
    let mut producers = Producers::default();
    let last = header(1, 0, i32::MAX - 1, 3, 0);
    assert_eq!(last.last_sequence(), 0);
    producers.enter(&last, None, 0);
    assert_eq!(producers.admit(&header(1, 0, 1, 1, 0), Origin::Client).unwrap(), Admission::New);
    assert_eq!(producers.batches_of(ProducerId(1)).next().unwrap().first_offset(), Offset(0));
}

#[test]
fn silence_forgets() {
    let mut producers = Producers::default();
    producers.enter(&header(1, 0, 0, 1, 0), None, 1_000);
    producers.enter(&header(2, 0, 0, 1, 1), None, 5_000);
    producers.expire(6_000, 5_000);
    let left: Vec<_> = producers.entries().iter().map(|entry| entry.producer_id.0).collect();
    assert_eq!(left, [2]);
}

#[test]
fn a_snapshot_comes_back_and_a_damaged_one_is_refused() {
    let mut producers = Producers::default();
    for n in 0..7_i32 {
        producers.enter(&header(9, 1, n * 3, 3, i64::from(n) * 3), None, 50);
    }
    producers.enter(&header(10, 0, 0, 1, 21), None, 50);
    let file = producers.encode();
    assert_eq!(Producers::decode(&file, 50), Ok(producers));
    for at in 0..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 0x10;
        assert!(Producers::decode(&bad, 50).is_err(), "byte {at} flipped");
        assert!(Producers::decode(&file[..at], 50).is_err(), "cut at {at}");
    }
    assert_eq!(Producers::decode(&Producers::default().encode(), 0), Ok(Producers::default()));
}

/// Found by fuzzing: what would be written again was not what had been read.
#[test]
fn earlier_batches_without_a_last_one_are_not_ours() {
    let mut producers = Producers::default();
    for n in 0..2 {
        producers.enter(&header(9, 1, n, 1, i64::from(n)), None, 50);
    }
    let file = producers.encode();
    let sealed = |mut file: Vec<u8>| {
        let sum = crc::crc32c(&file[6..]).to_be_bytes();
        file[2..6].copy_from_slice(&sum);
        file
    };
    let last_sequence = 6 + 4 + 8 + 2;
    let mut without_last = file.clone();
    without_last[last_sequence..last_sequence + 4].copy_from_slice(&(-1_i32).to_be_bytes());
    let earlier_sequence = 6 + 4 + ENTRY_LEN + 4 + 8 + 4;
    let mut negative = file;
    negative[earlier_sequence..earlier_sequence + 4].copy_from_slice(&(-5_i32).to_be_bytes());
    for bad in [without_last, negative] {
        assert_eq!(Producers::decode(&sealed(bad), 50), Err(SnapshotError::TrailingBytes));
    }
}
