//! Batch views over good, damaged, truncated and arbitrary bytes.

use super::*;
use crate::BatchBuilder;
use bytes::Bytes;
use proptest::prelude::*;

/// What the Java client 4.3.1 builds, a line each codec: base offset 5, leader epoch 3, create time, producer 42/7/9,
/// transactional, records (1000, "k1", "v1", header h=x), (1005, none, "v2"), (1003, "k3", none).
const FROM_JAVA: &str = include_str!("java_batches.txt");

fn from_java(codec: Codec) -> Vec<u8> {
    let line = FROM_JAVA.lines().find_map(|line| line.strip_prefix(codec.name())).unwrap();
    let digits: Vec<u32> = line.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

fn three_records() -> Bytes {
    let mut batch = BatchBuilder::new(Codec::None)
        .base_offset(Offset(5))
        .leader_epoch(LeaderEpoch(3))
        .producer(ProducerId(42), ProducerEpoch(7), 9)
        .transactional();
    batch.push(Timestamp(1000), Some(b"k1"), Some(b"v1"), &[("h", Some(b"x"))]);
    batch.push(Timestamp(1005), None, Some(b"v2"), &[]);
    batch.push(Timestamp(1003), Some(b"k3"), None, &[]);
    batch.build().unwrap()
}

#[test]
fn equals_what_the_java_client_builds() {
    let java = from_java(Codec::None);
    let batch = Batch::parse(&java).unwrap();
    batch.check_crc().unwrap();
    assert_eq!(&java, &three_records());
    let header = batch.header;
    assert_eq!(header.to_bytes()[..], java[..HEADER_LEN]);
    assert_eq!((header.base_offset, header.last_offset()), (Offset(5), Offset(7)));
    assert_eq!(header.next_offset(), Offset(8));
    assert_eq!(header.leader_epoch, LeaderEpoch(3));
    assert_eq!(header.producer_id, Some(ProducerId(42)));
    assert_eq!(header.producer_epoch, ProducerEpoch(7));
    assert_eq!((header.base_sequence, header.last_sequence()), (9, 11));
    assert_eq!((header.base_timestamp, header.max_timestamp), (Timestamp(1000), Timestamp(1005)));
    assert_eq!(header.record_count, 3);
    assert_eq!(header.size_in_bytes(), java.len());
    assert!(header.attributes.is_transactional() && !header.attributes.is_control());
}

#[test]
fn reads_every_codec_of_the_java_client() {
    let plain = three_records();
    for codec in Codec::ALL {
        let java = from_java(codec);
        let batch = Batch::parse(&java).unwrap();
        batch.check_crc().unwrap();
        assert_eq!(batch.header.codec(), codec);
        let records = batch.uncompressed_records(1000).unwrap();
        assert_eq!(records[..], plain[HEADER_LEN..], "{codec}");
        crate::check_records(&records, &batch.header).unwrap();
    }
}

#[test]
fn names_what_is_wrong_with_a_header() {
    let good = three_records().to_vec();
    let check = |at: usize, bytes: &[u8], expected: BatchError| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(Batch::parse(&bad).map(|batch| batch.header), Err(expected), "{at}: {bytes:?}");
    };
    check(BATCH_LENGTH, &48_i32.to_be_bytes(), BatchError::BadLength { length: 48 });
    check(BATCH_LENGTH, &(-1_i32).to_be_bytes(), BatchError::BadLength { length: -1 });
    let needed = usize::try_from(i32::MAX).unwrap() + LOG_OVERHEAD;
    let available = good.len();
    check(BATCH_LENGTH, &i32::MAX.to_be_bytes(), BatchError::Truncated { needed, available });
    check(MAGIC, &[0], BatchError::OldMagic { magic: 0 });
    check(MAGIC, &[1], BatchError::OldMagic { magic: 1 });
    check(MAGIC, &[3], BatchError::UnknownMagic { magic: 3 });
    check(ATTRIBUTES, &[0, 5], BatchError::UnknownCodec { codec: 5 });
    check(LAST_OFFSET_DELTA, &[0xff; 4], BatchError::NegativeOffsetDelta { delta: -1 });
    check(RECORD_COUNT, &[0xff; 4], BatchError::NegativeRecordCount { count: -1 });
    let old_and_short = [[0; MAGIC].as_slice(), &[1, 0, 0]].concat();
    assert_eq!(Batch::parse(&old_and_short), Err(BatchError::OldMagic { magic: 1 }));
}

#[test]
fn every_flipped_bit_under_the_checksum_is_found() {
    let good = three_records().to_vec();
    for at in CRC..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let found = Batch::parse(&bad).and_then(|batch| batch.check_crc());
            assert!(found.is_err(), "bit {bit} of byte {at} went unnoticed");
        }
    }
}

#[test]
fn splits_a_buffer_and_reports_its_tail() {
    let one = three_records();
    let two = [&one[..], &one[..]].concat();
    let mut whole = batches(&two);
    assert!(whole.by_ref().all(|batch| batch.unwrap().bytes == one));
    assert_eq!(whole.position(), two.len());

    for cut in 1..one.len() {
        let bytes = &two[..one.len() + cut];
        let mut strict = batches(bytes);
        assert!(strict.next().unwrap().is_ok());
        let needed = if cut < HEADER_LEN { HEADER_LEN } else { one.len() };
        assert_eq!(
            strict.next(),
            Some(Err(BatchError::Truncated { needed, available: cut })),
            "cut {cut}"
        );
        assert_eq!(strict.next(), None, "nothing after an error");
        assert_eq!(strict.position(), one.len());
        let mut tolerant = batches(bytes).tolerating_partial_tail();
        assert_eq!(tolerant.by_ref().filter(Result::is_ok).count(), 1, "cut {cut}");
        assert_eq!(tolerant.position(), one.len());
    }
    let mut damaged = two.clone();
    damaged[one.len() + MAGIC] = 1;
    let tolerant: Vec<_> = batches(&damaged).tolerating_partial_tail().collect();
    assert_eq!(tolerant[1], Err(BatchError::OldMagic { magic: 1 }), "damage is not a partial tail");
}

#[test]
fn attributes_change_one_at_a_time() {
    let all = Attributes::from_bits(0b111_1100).unwrap();
    assert_eq!(all.codec(), Codec::Zstd);
    assert_eq!(all.timestamp_type(), TimestampType::LogAppendTime);
    assert!(all.is_transactional() && all.is_control() && all.has_delete_horizon());
    assert_eq!(all.with_codec(Codec::Gzip).bits(), 0b111_1001);
    assert_eq!(all.with_timestamp_type(TimestampType::CreateTime).bits(), 0b111_0100);
    assert_eq!(all.with_transactional(false).bits(), 0b110_1100);
    assert_eq!(all.with_control(false).bits(), 0b101_1100);
    assert_eq!(all.with_delete_horizon(false).bits(), 0b011_1100);
    assert_eq!(Attributes::default().with_codec(Codec::Lz4).bits(), 3);
}

#[test]
fn sequences_pass_from_the_largest_to_zero() {
    let bytes = three_records();
    let mut header = BatchHeader::parse(&bytes).unwrap();
    header.base_sequence = i32::MAX - 1;
    assert_eq!(header.last_sequence(), 0);
    header.producer_id = None;
    assert_eq!(header.last_sequence(), -1);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for batch in batches(&bytes).flatten() {
            let _ = batch.check_crc();
            let _ = batch.uncompressed_records(1 << 16);
        }
    }

    #[test]
    fn damaged_batches_never_panic(at in 0_usize..100, byte in any::<u8>(), cut in 0_usize..100) {
        let mut bytes = three_records().to_vec();
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(len - cut % len);
        for batch in batches(&bytes).flatten() {
            let _ = batch.check_crc();
            let _ = (batch.header.last_offset(), batch.header.last_sequence());
            for record in batch.records(batch.record_section()) {
                let Ok(record) = record else { continue };
                let _ = (record.timestamp(&batch.header), record.headers.count());
            }
            let _ = crate::check_records(batch.record_section(), &batch.header);
        }
    }
}
