//! The bytes of every record, pinned: a changed line here is a changed format.

use std::collections::BTreeSet;

use super::*;
use crate::Security;

fn samples() -> Vec<(MetadataRecord, &'static str)> {
    let topic = TopicId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
    let text = |text: &str| text.to_owned();
    vec![
        (MetadataRecord::ClusterId { id: text("abc") }, "010003616263"),
        (
            MetadataRecord::Topic { id: topic, name: text("t"), internal: true },
            "0101100102030405060708090a0b0c0d0e0f10017401",
        ),
        (
            MetadataRecord::Partition {
                topic,
                partition: 3,
                leader: Some(NodeId(1)),
                leader_epoch: LeaderEpoch(4),
                partition_epoch: 5,
                replicas: [NodeId(1), NodeId(2)].into(),
                isr: [NodeId(1)].into(),
            },
            "0102100102030405060708090a0b0c0d0e0f10060102080a0202040102",
        ),
        (
            MetadataRecord::PartitionChange {
                topic,
                partition: 300,
                leader: None,
                leader_epoch: LeaderEpoch(0),
                partition_epoch: 0,
                replicas: NodeList::default(),
                isr: NodeList::default(),
            },
            "0103100102030405060708090a0b0c0d0e0f10d8040000000000",
        ),
        (MetadataRecord::RemoveTopic { id: topic }, "0104100102030405060708090a0b0c0d0e0f10"),
        (
            MetadataRecord::SetConfig {
                resource: ConfigResource::Topic(text("t")),
                key: text("k"),
                value: text("v"),
            },
            "010500017401 6b0176",
        ),
        (
            MetadataRecord::RemoveConfig {
                resource: ConfigResource::Broker(NodeId(2)),
                key: text("k"),
            },
            "01060104016b",
        ),
        (
            MetadataRecord::RemoveConfig {
                resource: ConfigResource::ClusterDefault,
                key: text("k"),
            },
            "010602016b",
        ),
        (
            MetadataRecord::RemoveConfig {
                resource: ConfigResource::Group(text("g")),
                key: text("k"),
            },
            "0106030167016b",
        ),
        (
            MetadataRecord::RemoveConfig {
                resource: ConfigResource::ClientMetrics(text("m")),
                key: text("k"),
            },
            "010604016d016b",
        ),
        (
            MetadataRecord::RegisterBroker {
                node: NodeId(1),
                epoch: 9,
                incarnation: Uuid::from_u128(1),
                endpoints: vec![Endpoint {
                    name: text("L"),
                    host: text("h"),
                    port: 9092,
                    security: Security::SaslTls,
                }],
                rack: Some(text("r")),
                fenced: false,
            },
            "0107021210000000000000000000000000000000 0101014c0168844703010172 00",
        ),
        (MetadataRecord::UnregisterBroker { node: NodeId(1) }, "010802"),
        (MetadataRecord::FenceBroker { node: NodeId(1) }, "010902"),
        (MetadataRecord::UnfenceBroker { node: NodeId(-1) }, "010a01"),
        (MetadataRecord::ProducerIds { next: 1_000 }, "010bd00f"),
        (MetadataRecord::Feature { name: text("f"), level: 1 }, "010c016602"),
        (
            MetadataRecord::Directories {
                node: NodeId(1),
                directories: vec![Directory { id: Uuid::from_u128(7), path: text("/a") }],
            },
            "010d0201 1000000000000000000000000000000007 022f61",
        ),
        (
            MetadataRecord::PartitionDirectory {
                topic,
                partition: 3,
                node: NodeId(1),
                directory: Uuid::from_u128(7),
            },
            "010e 100102030405060708090a0b0c0d0e0f10 0602 1000000000000000000000000000000007",
        ),
    ]
}

fn bytes(record: &MetadataRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}

#[test]
fn bytes_are_pinned_and_read_back() {
    let mut kinds = BTreeSet::new();
    for (record, expected) in samples() {
        let bytes = bytes(&record);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""), "{record:?}");
        assert_eq!(MetadataRecord::decode(&bytes), Ok(record));
        kinds.insert(bytes[1]);
    }
    assert_eq!(kinds.len(), 15, "every kind of record needs a sample");
}

#[test]
fn encode_appends() {
    let mut bytes = vec![0xee];
    MetadataRecord::FenceBroker { node: NodeId(1) }.encode(&mut bytes);
    assert_eq!(bytes, [0xee, 1, 9, 2]);
}

#[test]
fn bytes_cut_short_or_too_long_are_refused() {
    for (record, _) in samples() {
        let whole = bytes(&record);
        for len in 0..whole.len() {
            assert!(MetadataRecord::decode(&whole[..len]).is_err(), "{record:?} cut at {len}");
        }
        let longer = [whole, vec![0]].concat();
        assert!(
            matches!(MetadataRecord::decode(&longer), Err(RecordError::Malformed { .. })),
            "{record:?} with a byte too many"
        );
    }
}

#[test]
fn a_newer_format_says_so() {
    assert_eq!(MetadataRecord::decode(&[2, 0]), Err(RecordError::NewerVersion { found: 2 }));
    let error = MetadataRecord::decode(&[200]).unwrap_err().to_string();
    assert!(error.contains("format version 200"), "{error}");
    assert!(matches!(MetadataRecord::decode(&[0, 0]), Err(RecordError::Malformed { .. })));
    assert!(matches!(MetadataRecord::decode(&[1, 13]), Err(RecordError::Malformed { .. })));
}

/// A length of four billion must not be believed.
#[test]
fn declared_lengths_are_not_allocated() {
    let huge = [1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(matches!(MetadataRecord::decode(&huge), Err(RecordError::Malformed { .. })));
}
