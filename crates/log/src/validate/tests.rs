//! What a batch from a client must be, and the refusal of each thing it must not.

use records::{BatchBuilder, ProducerEpoch, ProducerId};

use super::*;
use crate::config::Cleanup;
use crate::testing::Bench;

/// The error of producing these bytes, in short.
fn refusal(bench: &Bench, bytes: &[u8]) -> String {
    match bench.produce(bytes) {
        Ok(info) => format!("accepted at {}", info.first),
        Err(AppendError::Corrupt(_)) => "corrupt".to_owned(),
        Err(AppendError::UnsupportedMagic { magic }) => format!("magic {magic}"),
        Err(AppendError::UnsupportedCodec { codec }) => format!("codec {codec}"),
        Err(AppendError::InvalidRecord { records, .. }) => format!("invalid {}", places(&records)),
        Err(AppendError::InvalidTimestamp { records, .. }) => format!("time {}", places(&records)),
        Err(other) => other.to_string(),
    }
}

fn places(faults: &[RecordFault]) -> String {
    faults.iter().map(|fault| fault.index.to_string()).collect::<Vec<_>>().join(",")
}

/// A good batch of two records with bytes changed and the checksum made right again.
fn changed(bench: &Bench, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bench.builder(&["one", "two"]).build().unwrap().to_vec();
    change(&mut bytes);
    let crc = records::crc::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn a_bad_batch_gets_its_own_error() {
    let bench = Bench::new(LogConfig::default());
    let good = bench.builder(&["one", "two"]).build().unwrap().to_vec();
    let mut torn = good.clone();
    torn.pop();
    let mut flipped = good.clone();
    flipped[70] ^= 1;
    let two = [good.clone(), good.clone()].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "invalid "),
        ("cut short", torn, "corrupt"),
        ("a bit flipped", flipped, "corrupt"),
        ("two batches", two, "invalid "),
        ("magic 1", changed(&bench, |bytes| bytes[16] = 1), "magic 1"),
        ("magic 3", changed(&bench, |bytes| bytes[16] = 3), "magic 3"),
        ("codec 6", changed(&bench, |bytes| bytes[22] = 6), "codec 6"),
        ("base offset 5", changed(&bench, |bytes| bytes[7] = 5), "invalid "),
        ("no records", changed(&bench, |bytes| bytes[60] = 0), "invalid "),
        ("three counted", changed(&bench, |bytes| bytes[60] = 3), "invalid "),
        ("last delta 4", changed(&bench, |bytes| bytes[26] = 4), "invalid "),
        (
            "a byte too many",
            changed(&bench, |bytes| {
                bytes.push(0);
                bytes[11] += 1;
            }),
            "invalid ",
        ),
        (
            "offset delta of the second",
            changed(&bench, |bytes| bytes[61 + 13 + 3] = 4),
            "invalid 1",
        ),
        ("control", changed(&bench, |bytes| bytes[22] = 0x20), "invalid "),
        ("transactional without producer", changed(&bench, |bytes| bytes[22] = 0x10), "invalid "),
        ("stamped by the producer", changed(&bench, |bytes| bytes[22] = 0x08), "time "),
        (
            "producer without sequence",
            changed(&bench, |bytes| {
                bytes[43..51].copy_from_slice(&9_i64.to_be_bytes());
                bytes[51..53].copy_from_slice(&0_i16.to_be_bytes());
            }),
            "invalid ",
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(refusal(&bench, &bytes), expected, "{name}");
    }
    assert_eq!(bench.log.log_end(), Offset(0), "nothing of all this was appended");
    assert_eq!(refusal(&bench, &good), "accepted at 0");
}

#[test]
fn a_compressed_batch_is_looked_into() {
    let bench = Bench::new(LogConfig::default());
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut builder = BatchBuilder::new(codec);
        builder.push(bench.now(), None, Some(b"value"), &[]);
        let good = builder.build().unwrap();
        assert!(refusal(&bench, &good).starts_with("accepted"), "{codec}");
        let lying = builder.last_offset_delta(1).build().unwrap();
        assert_eq!(refusal(&bench, &lying), "invalid ", "{codec}");
    }
    let bench = Bench::new(LogConfig { decompressed_bytes_max: 1 << 16, ..LogConfig::default() });
    let mut bomb = BatchBuilder::new(Codec::Zstd);
    bomb.push(bench.now(), None, Some(&vec![0; 1 << 20]), &[]);
    let error = bench.produce(&bomb.build().unwrap()).unwrap_err();
    assert!(matches!(error, AppendError::DecompressedTooLarge { .. }), "{error}");
}

#[test]
fn sizes_are_bounded() {
    let config = LogConfig { max_message_bytes: 200, ..LogConfig::default() };
    let bench = Bench::new(config);
    let large = bench.builder(&["x".repeat(200).as_str()]).build().unwrap();
    let error = bench.produce(&large).unwrap_err();
    assert!(matches!(error, AppendError::BatchTooLarge { max: 200, .. }), "{error}");
    let bench = Bench::new(LogConfig { segment_bytes: 250, ..LogConfig::default() });
    let error = bench.produce(&large).unwrap_err();
    assert!(matches!(error, AppendError::LargerThanSegment { max: 250, .. }), "{error}");
}

#[test]
fn timestamps_are_bounded_and_the_records_named() {
    let bench = Bench::new(LogConfig {
        timestamp_before_max_ms: 1_000,
        timestamp_after_max_ms: 500,
        ..LogConfig::default()
    });
    let now = bench.now().0;
    for (times, expected) in [
        (vec![now - 1_000, now + 500], "accepted at 0"),
        (vec![now - 1_001, now, now + 501], "time 0,2"),
        (vec![now, -1], "accepted at 2"),
    ] {
        let mut builder = BatchBuilder::new(Codec::None);
        for time in &times {
            builder.push(Timestamp(*time), None, None, &[]);
        }
        assert_eq!(refusal(&bench, &builder.build().unwrap()), expected, "{times:?}");
    }
}

#[test]
fn a_compacted_topic_needs_keys() {
    let cleanup = Cleanup { delete: false, compact: true };
    let bench = Bench::new(LogConfig { cleanup, ..LogConfig::default() });
    let mut builder = BatchBuilder::new(Codec::None);
    for key in [Some(b"k".as_slice()), None, Some(b""), None] {
        builder.push(bench.now(), key, Some(b"v"), &[]);
    }
    assert_eq!(refusal(&bench, &builder.build().unwrap()), "invalid 1,3");
}

#[test]
fn the_broker_stamps_where_the_topic_says_so() {
    let timestamp_type = TimestampType::LogAppendTime;
    for compression in [Compression::Producer, Compression::Codec(Codec::Lz4, None)] {
        let config = LogConfig { timestamp_type, compression, ..LogConfig::default() };
        let bench = Bench::new(config);
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push(Timestamp(12), None, Some(b"a"), &[]);
        let info = bench.produce(&builder.build().unwrap()).unwrap();
        assert_eq!(info.append_time, Some(bench.now()), "{compression:?}");
        assert_eq!(bench.values(), ["a"], "{compression:?}");
        let header = BatchHeader::parse(&bench.bytes()).unwrap();
        assert_eq!(header.max_timestamp, bench.now(), "{compression:?}");
        assert_eq!(header.attributes.timestamp_type(), timestamp_type, "{compression:?}");
    }
}

#[test]
fn a_wrong_max_timestamp_is_put_right() {
    let bench = Bench::new(LogConfig::default());
    let bytes = changed(&bench, |bytes| bytes[42] ^= 1);
    assert_eq!(refusal(&bench, &bytes), "accepted at 0");
    assert_eq!(BatchHeader::parse(&bench.bytes()).unwrap().max_timestamp, bench.now());
    assert_eq!(bench.values(), ["one", "two"]);
}

#[test]
fn batches_stay_as_they_came_unless_the_topic_wants_another_codec() {
    let bench = Bench::new(LogConfig::default());
    let mut builder = BatchBuilder::new(Codec::Zstd).producer(ProducerId(4), ProducerEpoch(1), 0);
    builder.push(bench.now(), None, Some(b"a"), &[]);
    let sent = builder.build().unwrap();
    bench.append(&["first"]);
    bench.produce(&sent).unwrap();
    let kept = bench.bytes();
    let kept = &kept[kept.len() - sent.len()..];
    assert_eq!(kept[PREFIX_LEN..], sent[PREFIX_LEN..], "the payload is the producer's");
    assert_eq!(BatchHeader::parse(kept).unwrap().base_offset, Offset(1));

    for (codec, level) in [(Codec::None, None), (Codec::Gzip, Some(9)), (Codec::Snappy, None)] {
        let compression = Compression::Codec(codec, level);
        let bench = Bench::new(LogConfig { compression, ..LogConfig::default() });
        bench.produce(&sent).unwrap();
        assert_eq!(BatchHeader::parse(&bench.bytes()).unwrap().codec(), codec);
        assert_eq!(bench.values(), ["a"], "{codec}");
        let again = bench.produce(&sent).unwrap();
        assert!(again.duplicate && again.first == Offset(0), "{codec}: {again:?}");
    }
}

#[test]
fn coordinators_may_write_markers() {
    let bench = Bench::new(LogConfig::default());
    let marker = records::EndTxnMarker { committed: true, coordinator_epoch: 8 };
    let bytes =
        BatchBuilder::end_txn(marker, ProducerId(3), ProducerEpoch(0), bench.now()).unwrap();
    let info = bench.log.append_as_leader(&bytes, LeaderEpoch(0), Origin::Coordinator).unwrap();
    assert_eq!(info.first, Offset(0));
    assert_eq!(bench.log.active_producers()[0].coordinator_epoch, Some(8));
}
