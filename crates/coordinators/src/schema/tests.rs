//! The formats against bytes that Kafka 4.3.1's own generated classes wrote, and against nonsense.

use super::{
    GroupMetadata, Key, Malformed, MemberMetadata, OffsetKey, decode_key, decode_offset,
    encode_offset, group_key, offset_key, subscribed_topics,
};
use crate::CommittedOffset;
use proptest::prelude::*;
use records::{LeaderEpoch, Offset, Timestamp};

const OFFSET_KEY: &str = "000100076772c3bcc39f650005746f70696300000007";
const GROUP_KEY: &str = "000200076772c3bcc39f65";
const OFFSET_VALUES: [&str; 5] = [
    "00000000011f71fb04cb00046e6f74650000018bcfe56800",
    "00010000011f71fb04cb00046e6f74650000018bcfe568000000018bcff4aa3f",
    "00020000011f71fb04cb00046e6f74650000018bcfe56800",
    "00030000011f71fb04cb0000000500046e6f74650000018bcfe56800",
    "00040000011f71fb04cb00000005056e6f74650000018bcfe56800\
     0100100102030405060708090a0b0c0d0e0f10",
];
const OFFSET_VALUE_WITHOUT_TOPIC: &str = "00040000000000000001ffffffff01000000000000000200";
const GROUP_VALUES: [&str; 5] = [
    "00000008636f6e73756d657200000003000572616e67650003632d31000000020003632d31000163000a2f3132372e\
     302e302e3100002710000000030102030000000204050003642d3200016400042f3a3a3100004e2000000000000000\
     00",
    "00010008636f6e73756d657200000003000572616e67650003632d31000000020003632d31000163000a2f3132372e\
     302e302e310000ea6000002710000000030102030000000204050003642d3200016400042f3a3a31000493e0000\
     04e200000000000000000",
    "00020008636f6e73756d657200000003000572616e67650003632d310000018bcfe56801000000020003632d310001\
     63000a2f3132372e302e302e310000ea6000002710000000030102030000000204050003642d3200016400042f3a3a\
     31000493e000004e200000000000000000",
    "00030008636f6e73756d657200000003000572616e67650003632d310000018bcfe56801000000020003632d31ffff\
     000163000a2f3132372e302e302e310000ea6000002710000000030102030000000204050003642d32000673746174\
     696300016400042f3a3a31000493e000004e200000000000000000",
    "000409636f6e73756d6572000000030672616e676504632d310000018bcfe568010304632d310002630b2f3132372e\
     302e302e310000ea6000002710040102030304050004642d32077374617469630264052f3a3a31000493e000004e20\
     01010000",
];
const GROUP_VALUE_EMPTY: &str = "0003000000000000ffffffff0000018bcfe5680100000000";
const SUBSCRIPTIONS: [&str; 4] = [
    "00000000000200027431000274320000000109",
    "0001000000020002743100027432000000010900000000",
    "0002000000020002743100027432000000010900000000ffffffff",
    "0003000000020002743100027432000000010900000000ffffffffffff",
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn offset(version: usize) -> CommittedOffset {
    CommittedOffset {
        offset: Offset(1_234_567_890_123),
        leader_epoch: if version >= 3 { LeaderEpoch(5) } else { LeaderEpoch::NONE },
        metadata: "note".into(),
        commit_timestamp: Timestamp(1_700_000_000_000),
        expire_timestamp: (version == 1).then_some(Timestamp(1_700_000_999_999)),
        topic_id: (version == 4).then_some([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    }
}

fn group(version: usize) -> GroupMetadata {
    let from = |least, value, older| if version >= least { value } else { older };
    GroupMetadata {
        protocol_type: "consumer".to_owned(),
        generation: 3,
        protocol: Some("range".to_owned()),
        leader: Some("c-1".to_owned()),
        state_since: if version >= 2 { Timestamp(1_700_000_000_001) } else { Timestamp::NONE },
        members: vec![
            MemberMetadata {
                member_id: "c-1".into(),
                instance_id: None,
                client_id: "c".into(),
                client_host: "/127.0.0.1".into(),
                rebalance_timeout_ms: from(1, 60_000, 10_000),
                session_timeout_ms: 10_000,
                subscription: [1, 2, 3].into(),
                assignment: [4, 5].into(),
            },
            MemberMetadata {
                member_id: "d-2".into(),
                instance_id: (version >= 3).then(|| "static".into()),
                client_id: "d".into(),
                client_host: "/::1".into(),
                rebalance_timeout_ms: from(1, 300_000, 20_000),
                session_timeout_ms: 20_000,
                subscription: [].into(),
                assignment: [].into(),
            },
        ],
    }
}

#[test]
fn keys_are_kafkas() {
    let key = OffsetKey { group: "grüße".to_owned(), topic: "topic".to_owned(), partition: 7 };
    assert_eq!(offset_key(&key.group, &key.topic, key.partition), bytes(OFFSET_KEY));
    assert_eq!(decode_key(&bytes(OFFSET_KEY)), Ok(Key::Offset(key.clone())));
    let mut version_0 = bytes(OFFSET_KEY);
    version_0[1] = 0;
    assert_eq!(decode_key(&version_0), Ok(Key::Offset(key)));
    assert_eq!(group_key("grüße"), bytes(GROUP_KEY));
    assert_eq!(decode_key(&bytes(GROUP_KEY)), Ok(Key::Group("grüße".to_owned())));
    assert_eq!(decode_key(&[0, 3, 9, 9]), Ok(Key::Unknown(3)));
}

#[test]
fn offset_values_are_kafkas() {
    for (version, hex) in OFFSET_VALUES.iter().enumerate() {
        assert_eq!(decode_offset(&bytes(hex)), Ok(offset(version)), "version {version}");
    }
    for version in [1, 4] {
        let hex = OFFSET_VALUES[version];
        assert_eq!(encode_offset(&offset(version)), bytes(hex), "version {version}");
    }
    let plain = CommittedOffset {
        offset: Offset(1),
        leader_epoch: LeaderEpoch::NONE,
        metadata: "".into(),
        commit_timestamp: Timestamp(2),
        expire_timestamp: None,
        topic_id: None,
    };
    assert_eq!(encode_offset(&plain), bytes(OFFSET_VALUE_WITHOUT_TOPIC));
    assert_eq!(decode_offset(&bytes(OFFSET_VALUE_WITHOUT_TOPIC)), Ok(plain));
}

#[test]
fn group_values_are_kafkas() {
    for (version, hex) in GROUP_VALUES.iter().enumerate() {
        assert_eq!(GroupMetadata::decode(&bytes(hex)), Ok(group(version)), "version {version}");
    }
    assert_eq!(group(3).encode(), bytes(GROUP_VALUES[3]));
    let empty = GroupMetadata {
        protocol_type: String::new(),
        generation: 0,
        protocol: None,
        leader: None,
        state_since: Timestamp(1_700_000_000_001),
        members: Vec::new(),
    };
    assert_eq!(empty.encode(), bytes(GROUP_VALUE_EMPTY));
    assert_eq!(GroupMetadata::decode(&bytes(GROUP_VALUE_EMPTY)), Ok(empty));
}

#[test]
fn topics_of_every_version_of_a_subscription() {
    for (version, hex) in SUBSCRIPTIONS.iter().enumerate() {
        assert_eq!(subscribed_topics(&bytes(hex)), Ok(vec!["t1", "t2"]), "version {version}");
    }
    assert_eq!(subscribed_topics(b"anything"), Err(Malformed::Truncated));
    assert_eq!(subscribed_topics(&[]), Err(Malformed::Truncated));
    assert_eq!(subscribed_topics(&[0xff; 8]), Err(Malformed::UnknownVersion(-1)));
    // A billion topics in four bytes.
    assert_eq!(subscribed_topics(&[0, 0, 0x3b, 0x9a, 0xca, 0]), Err(Malformed::Truncated));
}

#[test]
fn every_truncation_is_an_error() {
    let whole = OFFSET_VALUES
        .iter()
        .map(|hex| (hex, true))
        .chain(GROUP_VALUES.iter().chain([&GROUP_VALUE_EMPTY]).map(|hex| (hex, false)));
    for (hex, is_offset) in whole {
        let bytes = bytes(hex);
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            let failed = if is_offset {
                decode_offset(cut).is_err()
            } else {
                GroupMetadata::decode(cut).is_err()
            };
            assert!(failed, "{end} bytes of {hex}");
        }
    }
}

#[test]
fn versions_of_the_future_are_named() {
    assert_eq!(decode_offset(&[0, 5]), Err(Malformed::UnknownVersion(5)));
    assert_eq!(GroupMetadata::decode(&[0, 5]), Err(Malformed::UnknownVersion(5)));
    assert_eq!(GroupMetadata::decode(&[0xff, 0xff]), Err(Malformed::UnknownVersion(-1)));
}

#[test]
fn a_billion_members_are_not_allocated() {
    let mut value = bytes(GROUP_VALUE_EMPTY);
    let at = value.len() - 4;
    value.splice(at.., 1_000_000_000_i32.to_be_bytes());
    assert_eq!(GroupMetadata::decode(&value), Err(Malformed::Truncated));
}

#[test]
fn texts_longer_than_a_length_can_say_are_cut_at_a_character() {
    let long = "ü".repeat(20_000);
    let key = decode_key(&group_key(&long)).unwrap();
    assert_eq!(key, Key::Group("ü".repeat(0x7fff / 2)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), version in 0..6_u8) {
        let mut bytes = bytes;
        for prefixed in [false, true] {
            if prefixed {
                bytes.splice(0..0, [0, version]);
            }
            let _ = decode_key(&bytes);
            let _ = decode_offset(&bytes);
            let _ = GroupMetadata::decode(&bytes);
            let _ = subscribed_topics(&bytes);
        }
    }

    #[test]
    fn offsets_survive(
        offset in any::<i64>(),
        epoch in any::<i32>(),
        metadata in ".{0,300}",
        commit in any::<i64>(),
        id in proptest::option::of(any::<[u8; 16]>()),
    ) {
        let offset = CommittedOffset {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(epoch),
            metadata: metadata.into(),
            commit_timestamp: Timestamp(commit),
            expire_timestamp: None,
            topic_id: id.filter(|id| id != &[0; 16]),
        };
        prop_assert_eq!(decode_offset(&encode_offset(&offset)), Ok(offset));
    }
}
