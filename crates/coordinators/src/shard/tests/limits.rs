//! What clients may not make a shard do.

use super::{GroupShard, load};
use crate::request::{
    Assignment, CommitOffsets, CommitPartition, CommitTopic, GroupRequest, JoinRequest, Protocol,
    SyncRequest,
};
use crate::{Effects, GroupConfig, GroupError, GroupReply, Token, limits};
use records::{LeaderEpoch, Offset, Timestamp};
use std::sync::Arc;
use std::time::Duration;

fn config() -> GroupConfig {
    GroupConfig { initial_rebalance_delay: Duration::ZERO, ..GroupConfig::default() }
}

fn handle(shard: &mut GroupShard, token: u64, request: GroupRequest) -> Effects {
    let effects = shard.handle(Duration::from_secs(1), Timestamp(1_000), Token(token), request);
    shard.check();
    effects
}

fn join(random: u128, metadata: usize) -> JoinRequest {
    JoinRequest {
        group_id: "g".to_owned(),
        member_id: String::new(),
        instance_id: None,
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![Protocol { name: "p".into(), metadata: vec![0; metadata].into() }],
        requires_known_member_id: false,
        supports_skip_assignment: true,
        random,
    }
}

fn join_error(effects: &Effects) -> Option<GroupError> {
    effects.replies.iter().find_map(|(_, reply)| match reply {
        GroupReply::Join(result) => result.as_ref().err().map(|refused| refused.error),
        _ => None,
    })
}

#[test]
fn member_ids_given_out_are_limited_and_expire() {
    let mut shard = load(&config(), &[], Duration::ZERO);
    let pending = |random| {
        GroupRequest::Join(JoinRequest { requires_known_member_id: true, ..join(random, 9) })
    };
    for n in 0..limits::PENDING_MEMBERS_MAX {
        let n = u64::try_from(n).unwrap();
        let effects = shard.handle(Duration::ZERO, Timestamp(0), Token(n), pending(n.into()));
        assert_eq!(join_error(&effects), Some(GroupError::MemberIdRequired), "{n}");
    }
    let effects = handle(&mut shard, 5_000, pending(5_000));
    assert_eq!(join_error(&effects), Some(GroupError::GroupMaxSizeReached));
    let _ = shard.tick(Duration::from_secs(10), Timestamp(10_000));
    let effects = handle(&mut shard, 5_001, pending(5_001));
    assert_eq!(join_error(&effects), Some(GroupError::MemberIdRequired));
    assert_eq!(shard.timers.len(), 2, "one for the member, one for the group");
}

#[test]
fn what_members_offer_together_is_limited() {
    let mut shard = load(&config(), &[], Duration::ZERO);
    let half = limits::GROUP_METADATA_BYTES_MAX / 2;
    let _ = handle(&mut shard, 1, GroupRequest::Join(join(1, half)));
    let effects = handle(&mut shard, 2, GroupRequest::Join(join(2, half)));
    assert_eq!(join_error(&effects), Some(GroupError::GroupMaxSizeReached));
    let effects = handle(&mut shard, 3, GroupRequest::Join(join(3, half - 2)));
    assert_eq!(join_error(&effects), None);
}

#[test]
fn a_member_offers_few_protocols() {
    let mut shard = load(&config(), &[], Duration::ZERO);
    let mut request = join(1, 0);
    request.protocols = (0..=limits::PROTOCOLS_PER_MEMBER_MAX)
        .map(|n| Protocol { name: n.to_string().into(), metadata: Arc::from([]) })
        .collect();
    let effects = handle(&mut shard, 1, GroupRequest::Join(request));
    assert_eq!(join_error(&effects), Some(GroupError::InconsistentGroupProtocol));
    assert_eq!(shard.group_count(), 0, "a refused join makes no group");
}

#[test]
fn an_assignment_too_large_for_the_log_is_refused_and_the_group_tries_again() {
    let mut shard = load(&config(), &[], Duration::ZERO);
    let effects = handle(&mut shard, 1, GroupRequest::Join(join(1, 10)));
    let [(_, GroupReply::Join(Ok(joined)))] = &effects.replies[..] else { panic!("{effects:?}") };
    let sync = |generation, size| {
        GroupRequest::Sync(SyncRequest {
            group_id: "g".to_owned(),
            member_id: joined.member_id.to_string(),
            instance_id: None,
            generation,
            protocol_type: None,
            protocol_name: None,
            assignments: vec![Assignment {
                member_id: joined.member_id.to_string(),
                assignment: vec![1; size].into(),
            }],
        })
    };
    let effects = handle(&mut shard, 2, sync(1, limits::RECORDS_BYTES_MAX));
    let expected = GroupReply::Sync(Err(GroupError::UnknownServerError));
    assert_eq!(effects.replies, [(Token(2), expected)]);
    assert!(effects.records.is_empty());
    let again = JoinRequest { member_id: joined.member_id.to_string(), ..join(1, 10) };
    let effects = handle(&mut shard, 3, GroupRequest::Join(again));
    assert_eq!(join_error(&effects), None);
    let effects = handle(&mut shard, 4, sync(2, 1_000));
    assert_eq!(effects.records.len(), 1);
}

#[test]
fn a_tick_stops_when_its_records_fill_a_batch() {
    let config = GroupConfig {
        offsets_retention: Duration::from_secs(5),
        records_bytes_max: 10_000,
        ..config()
    };
    let mut shard = load(&config, &[], Duration::ZERO);
    for n in 0..20 {
        let group_id = format!("group-{n}");
        let partition = |partition| CommitPartition {
            partition,
            offset: Offset(1),
            leader_epoch: LeaderEpoch::NONE,
            metadata: String::new(),
        };
        let topic = "t".repeat(100);
        let partitions = (0..50).map(partition).collect();
        let request = GroupRequest::CommitOffsets(CommitOffsets {
            group_id,
            member_id: String::new(),
            instance_id: None,
            generation: -1,
            retention_ms: None,
            knows_group_id_not_found: true,
            topics: vec![CommitTopic { topic, topic_id: None, partitions }],
        });
        assert_eq!(handle(&mut shard, n, request).records.len(), 50);
    }
    assert_eq!(shard.offset_count(), 1_000);
    let (now, wall) = (Duration::from_secs(1_000), Timestamp(1_000_000));
    let (mut ticks, mut tombstones) = (0, 0);
    while shard.next_deadline().is_some_and(|at| at <= now) {
        let effects = shard.tick(now, wall);
        let bytes: usize = effects.records.iter().map(|r| r.key.len()).sum();
        assert!(bytes < 20_000, "{bytes} in one tick");
        tombstones += effects.records.len();
        ticks += 1;
        shard.check();
    }
    assert_eq!((tombstones, shard.group_count(), shard.offset_count()), (1_020, 0, 0));
    assert!(ticks > 5, "{ticks} ticks");
}

#[test]
fn the_same_random_bits_do_not_merge_two_members() {
    let mut shard = load(&config(), &[], Duration::ZERO);
    let _ = handle(&mut shard, 1, GroupRequest::Join(join(1, 9)));
    let effects = handle(&mut shard, 2, GroupRequest::Join(join(1, 9)));
    assert_eq!(join_error(&effects), Some(GroupError::UnknownServerError));
}

#[test]
fn a_replay_counts_what_it_leaves_out() {
    let mut shard = GroupShard::new(config());
    shard.replay(&[0, 3, 1, 2], Some(&[1]));
    shard.replay(&[0, 1, 9], Some(&[1]));
    shard.replay(&[], None);
    shard.replay(&crate::schema::group_key("g"), Some(&[0, 9]));
    shard.replay(&crate::schema::group_key("g"), None);
    let replayed = shard.replayed();
    assert_eq!((replayed.applied, replayed.skipped, replayed.malformed), (1, 1, 3));
    shard.loaded(Duration::ZERO);
    shard.check();
    assert_eq!(shard.group_count(), 0);
}

#[test]
fn nothing_is_answered_from_a_shard_that_is_not_loaded() {
    let mut shard = GroupShard::new(config());
    let effects = handle(&mut shard, 1, GroupRequest::Join(join(1, 9)));
    assert_eq!(join_error(&effects), Some(GroupError::CoordinatorLoadInProgress));
}
