//! Patched headers keep the checksum right and touch nothing else.

use super::*;
use crate::{BatchBuilder, Codec, ProducerEpoch, ProducerId};

fn batch() -> bytes::Bytes {
    let mut batch = BatchBuilder::new(Codec::Lz4).producer(ProducerId(1), ProducerEpoch(0), 0);
    batch.push(Timestamp(10), None, Some(&[7; 500]), &[]);
    batch.push(Timestamp(20), None, Some(b"last"), &[]);
    batch.build().unwrap()
}

#[test]
fn a_prefix_moves_the_batch_and_keeps_the_checksum() {
    let bytes = batch();
    let before = Batch::parse(&bytes).unwrap();
    let prefix = patched_prefix(&before, Offset(1000), LeaderEpoch(4));
    let written = [&prefix[..], &bytes[PREFIX_LEN..]].concat();
    let after = Batch::parse(&written).unwrap();
    after.check_crc().unwrap();
    let expected =
        BatchHeader { base_offset: Offset(1000), leader_epoch: LeaderEpoch(4), ..before.header };
    assert_eq!(after.header, expected);
    assert_eq!(after.header.last_offset(), Offset(1001));
}

#[test]
fn append_time_has_its_own_checksum() {
    let bytes = batch();
    let before = Batch::parse(&bytes).unwrap();
    let header = append_time_header(&before, Offset(8), LeaderEpoch(2), Timestamp(99));
    let written = [&header[..], &bytes[HEADER_LEN..]].concat();
    let after = Batch::parse(&written).unwrap();
    after.check_crc().unwrap();
    assert_ne!(after.header.crc, before.header.crc);
    assert_eq!(after.header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(after.header.codec(), Codec::Lz4);
    assert_eq!(after.header.max_timestamp, Timestamp(99));
    assert_eq!(after.header.base_timestamp, Timestamp(10));
    assert_eq!(after.header.base_offset, Offset(8));
    let records = after.uncompressed_records(1000).unwrap();
    for record in after.records(&records) {
        assert_eq!(record.unwrap().timestamp(&after.header), Timestamp(99));
    }
}
