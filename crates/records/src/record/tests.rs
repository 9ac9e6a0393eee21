//! Walking records that are good, damaged or arbitrary.

use super::*;
use crate::{Batch, BatchBuilder, Codec};
use proptest::prelude::*;

fn section(build: impl FnOnce(&mut BatchBuilder)) -> (BatchHeader, Vec<u8>) {
    let mut builder = BatchBuilder::new(Codec::None);
    build(&mut builder);
    let bytes = builder.build().unwrap();
    let batch = Batch::parse(&bytes).unwrap();
    (batch.header, batch.record_section().to_vec())
}

fn three() -> (BatchHeader, Vec<u8>) {
    section(|batch| {
        batch.push(Timestamp(1000), Some(b""), Some(b"a"), &[("h", Some(b"1")), ("h", None)]);
        batch.push(Timestamp(3000), None, None, &[]);
        batch.push(Timestamp(2000), Some(b"k"), Some(b""), &[("", Some(b""))]);
    })
}

#[test]
fn null_and_empty_stay_apart() {
    let (header, bytes) = three();
    let records: Vec<_> = Records::new(&bytes, 3).map(Result::unwrap).collect();
    assert_eq!((records[0].key, records[0].value), (Some(&b""[..]), Some(&b"a"[..])));
    assert_eq!((records[1].key, records[1].value), (None, None));
    assert_eq!((records[2].key, records[2].value), (Some(&b"k"[..]), Some(&b""[..])));
    let headers: Vec<_> = records[0].headers.collect();
    assert_eq!(headers, [(&b"h"[..], Some(&b"1"[..])), (b"h", None)]);
    assert_eq!(records[2].headers.collect::<Vec<_>>(), [(&b""[..], Some(&b""[..]))]);
    assert!(records[1].headers.is_empty());
    assert_eq!(records[2].timestamp(&header), Timestamp(2000));
}

#[test]
fn a_summary_has_the_times_and_the_keys() {
    let (header, bytes) = three();
    let expected = RecordsSummary {
        min_timestamp: Timestamp(1000),
        max_timestamp: Timestamp(3000),
        offset_delta_of_max: 1,
        without_key: 1,
    };
    assert_eq!(check_records(&bytes, &header), Ok(expected));
}

#[test]
fn the_header_must_agree_with_the_records() {
    let (header, bytes) = three();
    let check = |change: fn(&mut BatchHeader), expected: RecordError| {
        let mut header = header;
        change(&mut header);
        assert_eq!(check_records(&bytes, &header), Err(expected));
    };
    check(
        |header| (header.record_count, header.last_offset_delta) = (4, 3),
        RecordError::TooFew { declared: 4, found: 3 },
    );
    let last = bytes.len() - Records::new(&bytes, 2).last().map_or(0, |_| offset_of(&bytes, 2));
    check(
        |header| (header.record_count, header.last_offset_delta) = (2, 1),
        RecordError::TrailingBytes { declared: 2, bytes: last },
    );
    check(
        |header| header.last_offset_delta = 7,
        RecordError::BadLastOffsetDelta { count: 3, last_offset_delta: 7 },
    );
}

/// Where record `index` of `bytes` begins.
fn offset_of(bytes: &[u8], index: usize) -> usize {
    let mut records = Records::new(bytes, i32::MAX);
    for _ in 0..index {
        records.next();
    }
    bytes.len() - records.rest().len()
}

#[test]
fn offsets_must_run() {
    let (header, bytes) = section(|batch| {
        batch.push(Timestamp(1), None, None, &[]);
        let record = Record { offset_delta: 2, ..Record::default() };
        batch.push_record(Timestamp(1), &record);
        batch.push_record(Timestamp(1), &Record { offset_delta: 2, ..Record::default() });
    });
    assert_eq!(
        check_records(&bytes, &header),
        Err(RecordError::BadOffsetDelta { index: 1, delta: 2 })
    );
}

#[test]
fn names_the_malformed_field() {
    let check = |bytes: &[u8], expected: RecordError| {
        let mut records = Records::new(bytes, 1);
        assert_eq!(records.next(), Some(Err(expected)), "{bytes:?}");
        assert_eq!(records.next(), None, "nothing after an error");
    };
    let bad = |field| RecordError::BadField { index: 0, field };
    check(&[], RecordError::TooFew { declared: 1, found: 0 });
    check(&[0x01], RecordError::BadLength { index: 0 });
    check(&[0x02], RecordError::BadLength { index: 0 });
    check(&[0x00], bad(Field::Attributes));
    check(&[0x02, 0], bad(Field::TimestampDelta));
    check(&[0x04, 0, 0], bad(Field::OffsetDelta));
    check(&[0x06, 0, 0, 0], bad(Field::Key));
    check(&[0x08, 0, 0, 0, 3], bad(Field::Key));
    check(&[0x08, 0, 0, 0, 1], bad(Field::Value));
    check(&[0x0a, 0, 0, 0, 1, 1], bad(Field::HeaderCount));
    check(&[0x0c, 0, 0, 0, 1, 1, 1], bad(Field::HeaderCount));
    // 2^30 headers in no bytes.
    check(&[0x14, 0, 0, 0, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x08], bad(Field::HeaderCount));
    check(&[0x10, 0, 0, 0, 1, 1, 2, 1, 1], bad(Field::HeaderKey));
    check(&[0x12, 0, 0, 0, 1, 1, 2, 2, b'h', 9], bad(Field::HeaderValue));
    check(&[0x0e, 0, 0, 0, 1, 1, 0, 0], RecordError::LongRecord { index: 0 });
}

proptest! {
    #[test]
    fn arbitrary_sections_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        count in -5_i32..50,
    ) {
        for record in Records::new(&bytes, count).flatten() {
            prop_assert_eq!(record.headers.count(), record.headers.len());
        }
    }
}
