//! What is built can be read, here and by the Java client.

use super::*;
use crate::{Batch, Records, check_records, recompress};
use proptest::prelude::*;

type Header = (String, Option<Vec<u8>>);
type Row = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<Header>);

fn push_row(batch: &mut BatchBuilder, (timestamp, key, value, headers): &Row) {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    batch.push(Timestamp(*timestamp), key.as_deref(), value.as_deref(), &headers);
}

fn rows_of(bytes: &[u8]) -> Vec<Row> {
    let batch = Batch::parse(bytes).unwrap();
    batch.check_crc().unwrap();
    let records = batch.uncompressed_records(1 << 20).unwrap();
    check_records(&records, &batch.header).unwrap();
    batch
        .records(&records)
        .map(|record| {
            let record = record.unwrap();
            let headers = record.headers.map(|(name, value)| {
                (String::from_utf8(name.to_vec()).unwrap(), value.map(<[u8]>::to_vec))
            });
            let timestamp = record.timestamp(&batch.header).0;
            let key = record.key.map(<[u8]>::to_vec);
            (timestamp, key, record.value.map(<[u8]>::to_vec), headers.collect())
        })
        .collect()
}

fn any_row() -> impl Strategy<Value = Row> {
    let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80));
    let headers = proptest::collection::vec(("[a-zé]{0,4}", bytes()), 0..3);
    (0_i64..1 << 50, bytes(), bytes(), headers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out(
        rows in proptest::collection::vec(any_row(), 1..30),
        codec in proptest::sample::select(&Codec::ALL[..]),
        other in proptest::sample::select(&Codec::ALL[..]),
    ) {
        let mut builder = BatchBuilder::new(codec)
            .base_offset(Offset(99))
            .producer(ProducerId(5), ProducerEpoch(1), 3);
        for row in &rows {
            push_row(&mut builder, row);
        }
        let bytes = builder.build().unwrap();
        prop_assert_eq!(&rows_of(&bytes), &rows);

        let batch = Batch::parse(&bytes).unwrap();
        let again = recompress(&batch, other, None, 1 << 20).unwrap();
        prop_assert_eq!(&rows_of(&again), &rows);
        let header = Batch::parse(&again).unwrap().header;
        prop_assert_eq!(header.codec(), other);
        let expected = BatchHeader {
            crc: header.crc,
            batch_length: header.batch_length,
            attributes: header.attributes,
            ..batch.header
        };
        prop_assert_eq!(header, expected);
        if codec == other && codec == Codec::None {
            prop_assert_eq!(&again[..], &bytes[..]);
        }
    }
}

#[test]
fn an_empty_batch_is_refused() {
    assert!(matches!(BatchBuilder::new(Codec::None).build(), Err(BuildError::Empty)));
}

#[test]
fn the_estimate_is_exact_without_compression() {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp(5), Some(b"key"), Some(b"value"), &[("h", None)]);
    assert_eq!(builder.size_estimate(), builder.build().unwrap().len());
    assert_eq!(builder.record_count(), 1);
}

#[test]
fn compaction_keeps_offsets_times_and_the_range() {
    let mut builder = BatchBuilder::new(Codec::Zstd).base_offset(Offset(10));
    for i in 0..5_i64 {
        builder.push(Timestamp(100 + i), Some(b"k"), None, &[("n", Some(&[7]))]);
    }
    let bytes = builder.build().unwrap();
    let batch = Batch::parse(&bytes).unwrap();
    let records = batch.uncompressed_records(1 << 20).unwrap();

    let mut kept = BatchBuilder::new(Codec::Zstd)
        .base_offset(Offset(10))
        .base_timestamp(batch.header.base_timestamp)
        .attributes(batch.header.attributes)
        .last_offset_delta(batch.header.last_offset_delta);
    for record in batch.records(&records).map(Result::unwrap) {
        if record.offset_delta % 2 == 1 {
            kept.push_record(record.timestamp(&batch.header), &record);
        }
    }
    let bytes = kept.build().unwrap();
    let compacted = Batch::parse(&bytes).unwrap();
    compacted.check_crc().unwrap();
    assert_eq!(compacted.header.last_offset(), Offset(14));
    assert_eq!(compacted.header.record_count, 2);
    assert_eq!(compacted.header.max_timestamp, Timestamp(103));
    let records = compacted.uncompressed_records(1 << 20).unwrap();
    let kept: Vec<_> = Records::new(&records, 2)
        .map(|record| {
            record.map(|r| (r.offset_delta, r.timestamp(&compacted.header).0, r.headers.count()))
        })
        .collect();
    assert_eq!(kept, [Ok((1, 101, 1)), Ok((3, 103, 1))]);
}

#[test]
fn a_marker_is_a_control_batch() {
    let marker = EndTxnMarker { committed: true, coordinator_epoch: 6 };
    let bytes =
        BatchBuilder::end_txn(marker, ProducerId(8), ProducerEpoch(2), Timestamp(50)).unwrap();
    let batch = Batch::parse(&bytes).unwrap();
    batch.check_crc().unwrap();
    assert!(batch.header.attributes.is_control() && batch.header.attributes.is_transactional());
    assert_eq!(batch.header.producer_id, Some(ProducerId(8)));
    assert_eq!((batch.header.base_sequence, batch.header.last_sequence()), (-1, -1));
    let record = batch.records(batch.record_section()).next().unwrap().unwrap();
    assert_eq!(EndTxnMarker::parse(&record), Ok(marker));
}
