//! Many groups that do little: what a second of their life costs must not depend on how many there
//! are, and what a heartbeat leaves behind must be nothing.

use super::{GroupShard, load};
use crate::request::{
    CommitOffsets, CommitPartition, CommitTopic, GroupRequest, HeartbeatRequest, JoinRequest,
    Protocol, SyncRequest,
};
use crate::{GroupConfig, GroupReply, Token};
use records::{LeaderEpoch, Offset, Timestamp};
use std::time::Duration;

const GROUPS: usize = 1_000;
const MEMBERS: usize = 10;

fn commit(group_id: &str, member_id: &str, generation: i32, partition: i32) -> GroupRequest {
    GroupRequest::CommitOffsets(CommitOffsets {
        group_id: group_id.to_owned(),
        member_id: member_id.to_owned(),
        instance_id: None,
        generation,
        retention_ms: None,
        knows_group_id_not_found: true,
        topics: vec![CommitTopic {
            topic: "orders".to_owned(),
            topic_id: Some([1; 16]),
            partitions: vec![CommitPartition {
                partition,
                offset: Offset(1),
                leader_epoch: LeaderEpoch(0),
                metadata: String::new(),
            }],
        }],
    })
}

/// Groups with all their members stable, by their member ids.
fn stable_groups(shard: &mut GroupShard) -> Vec<(String, Vec<String>)> {
    let mut groups = Vec::new();
    let (mut tokens, mut now) = (0, Duration::ZERO);
    for group in 0..GROUPS {
        let group_id = format!("group-{group}");
        for member in 0..MEMBERS {
            let request = GroupRequest::Join(JoinRequest {
                group_id: group_id.clone(),
                member_id: String::new(),
                instance_id: None,
                client_id: format!("client-{member}"),
                client_host: "/127.0.0.1".to_owned(),
                session_timeout_ms: 45_000,
                rebalance_timeout_ms: 300_000,
                protocol_type: "consumer".to_owned(),
                protocols: vec![Protocol { name: "range".into(), metadata: [0; 20].into() }],
                requires_known_member_id: false,
                supports_skip_assignment: true,
                random: u128::try_from(group * MEMBERS + member).unwrap(),
            });
            tokens += 1;
            let _ = shard.handle(now, Timestamp(0), Token(tokens), request);
        }
        groups.push((group_id, Vec::new()));
    }
    // The initial delay is extended once, as members came during it.
    assert!(shard.tick(Duration::from_secs(3), Timestamp(3_000)).is_empty());
    now += Duration::from_secs(6);
    for (_, reply) in shard.tick(now, Timestamp(6_000)).replies {
        let GroupReply::Join(Ok(joined)) = reply else { panic!("{reply:?}") };
        // Joins are answered group by group, in the order the groups were made.
        let place = groups.iter().position(|(_, ids)| ids.len() < MEMBERS).unwrap();
        groups[place].1.push(joined.member_id.to_string());
    }
    for (group_id, ids) in &groups {
        let request = |id: &String| {
            GroupRequest::Sync(SyncRequest {
                group_id: group_id.clone(),
                member_id: id.clone(),
                instance_id: None,
                generation: 1,
                protocol_type: None,
                protocol_name: None,
                assignments: Vec::new(),
            })
        };
        for id in ids {
            tokens += 1;
            let _ = shard.handle(now, Timestamp(6_000), Token(tokens), request(id));
        }
    }
    groups
}

#[test]
fn a_thousand_groups_of_ten_members_commit_every_second() {
    let mut shard = load(&GroupConfig::default(), &[], Duration::ZERO);
    let groups = stable_groups(&mut shard);
    let timers = GROUPS * (MEMBERS + 1);
    assert_eq!(shard.timers.len(), timers, "a session for each member, a check for each group");
    let mut wakes = 0;
    for second in 7..67_u64 {
        let now = Duration::from_secs(second);
        let wall = Timestamp(i64::try_from(second * 1_000).unwrap());
        if shard.next_deadline().is_some_and(|at| at <= now) {
            wakes += 1;
            assert!(shard.tick(now, wall).is_empty());
        }
        for (group_id, ids) in &groups {
            for (partition, id) in (0_i32..).zip(ids) {
                let request = commit(group_id, id, 1, partition);
                let effects = shard.handle(now, wall, Token(second), request);
                assert_eq!(effects.records.len(), 1);
                let request = GroupRequest::Heartbeat(HeartbeatRequest {
                    group_id: group_id.clone(),
                    member_id: id.clone(),
                    instance_id: None,
                    generation: 1,
                });
                let effects = shard.handle(now, wall, Token(second), request);
                assert_eq!(effects.replies, [(Token(second), GroupReply::Heartbeat(Ok(())))]);
            }
        }
    }
    assert_eq!(shard.timers.len(), timers, "heartbeats and commits leave nothing behind");
    assert!(wakes <= 2, "{wakes} wake-ups in a minute in which nothing was due");
    assert_eq!(shard.offset_count(), GROUPS * MEMBERS);
    shard.check();
}
