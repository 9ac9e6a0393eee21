//! Records of `__consumer_offsets`, as parts: key, value, key, value. Each value is the same after
//! being written again, and a coordinator loads whatever is there.
#![no_main]

use coordinators::schema::{self, GroupMetadata, Key};
use coordinators::{CommittedOffset, GroupConfig, GroupShard};
use records::{LeaderEpoch, Offset, Timestamp};

fn check(data: &[u8]) {
    let mut data = data;
    let mut shard = GroupShard::new(GroupConfig::default());
    while !data.is_empty() {
        let key = walser_fuzz::part(&mut data);
        let value = walser_fuzz::part(&mut data);
        let limit = 64 * value.len() + 8192;
        if let Ok(offset) = walser_fuzz::within(limit, || schema::decode_offset(value)) {
            let once = schema::encode_offset(&offset);
            assert_eq!(schema::decode_offset(&once), Ok(offset));
        }
        if let Ok(group) = walser_fuzz::within(limit, || GroupMetadata::decode(value)) {
            let once = group.encode();
            assert_eq!(GroupMetadata::decode(&once), Ok(group));
        }
        match schema::decode_key(key) {
            Ok(Key::Offset(key)) => {
                let once = schema::offset_key(&key.group, &key.topic, key.partition);
                assert_eq!(schema::decode_key(&once), Ok(Key::Offset(key)));
            }
            Ok(Key::Group(group)) => {
                let once = schema::group_key(&group);
                assert_eq!(schema::decode_key(&once), Ok(Key::Group(group)));
            }
            Ok(Key::Unknown(_)) | Err(_) => {}
        }
        shard.replay(key, (!value.is_empty()).then_some(value));
    }
    let _ = shard.loaded(std::time::Duration::ZERO);
    let _ = shard.tick(std::time::Duration::from_secs(3600), Timestamp(3_600_000));
    let _ = (shard.group_count(), shard.offset_count());
}

fn seeds() -> Vec<Vec<u8>> {
    let offset = CommittedOffset {
        offset: Offset(5),
        leader_epoch: LeaderEpoch(1),
        metadata: "note".into(),
        commit_timestamp: Timestamp(1_000),
        expire_timestamp: None,
        topic_id: Some([1; 16]),
    };
    let expiring = CommittedOffset {
        leader_epoch: LeaderEpoch::NONE,
        expire_timestamp: Some(Timestamp(2_000)),
        topic_id: None,
        ..offset.clone()
    };
    let group = GroupMetadata {
        protocol_type: "consumer".to_owned(),
        generation: 4,
        protocol: Some("range".to_owned()),
        leader: Some("m-1".to_owned()),
        state_since: Timestamp(900),
        members: vec![coordinators::schema::MemberMetadata {
            member_id: "m-1".into(),
            instance_id: Some("i".into()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 60_000,
            session_timeout_ms: 30_000,
            subscription: [0_u8; 4][..].into(),
            assignment: [1_u8; 4][..].into(),
        }],
    };
    let mut seed = Vec::new();
    walser_fuzz::put_part(&mut seed, &schema::offset_key("g", "t", 0));
    walser_fuzz::put_part(&mut seed, &schema::encode_offset(&offset));
    walser_fuzz::put_part(&mut seed, &schema::offset_key("g", "t", 1));
    walser_fuzz::put_part(&mut seed, &schema::encode_offset(&expiring));
    let mut groups = Vec::new();
    walser_fuzz::put_part(&mut groups, &schema::group_key("g"));
    walser_fuzz::put_part(&mut groups, &group.encode());
    vec![seed, groups]
}

walser_fuzz::target!(check, seeds);
