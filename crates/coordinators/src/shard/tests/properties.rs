//! Random requests from honest, confused and hostile clients. Whatever they send, every request is
//! answered once, generations go forward with one assignment each, and the log rebuilds the state.

use super::{GroupShard, load, subscription};
use crate::group::GroupState;
use crate::request::{
    Assignment, CommitOffsets, CommitPartition, CommitTopic, DeleteOffsets, FetchOffsets,
    GroupRequest, HeartbeatRequest, JoinRequest, LeaveRequest, LeavingMember, ListFilter, Protocol,
    SyncRequest, TopicPartitions,
};
use crate::schema::{self, GroupMetadata, Key};
use crate::{CoordinatorRecord, Effects, GroupConfig, GroupError, GroupReply, Token};
use proptest::prelude::*;
use records::{LeaderEpoch, Offset, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const GROUPS: [&str; 2] = ["g", "h"];
const INSTANCES: [&str; 2] = ["one", "two"];
const TOPICS: [&str; 2] = ["t", "u"];

#[derive(Clone, Debug)]
enum Op {
    /// A join as whom: no id, or the id of somebody.
    Join(Join),
    /// All members join, in turn, as they do once their heartbeats tell them.
    JoinAll {
        protocols: u8,
        rebalance: i32,
    },
    /// All members sync, the leader first or last.
    SyncAll {
        leader_first: bool,
    },
    /// A sync of the n-th id; by the leader it brings an assignment.
    Sync {
        who: usize,
        instance: bool,
        behind: i32,
    },
    Heartbeat {
        who: usize,
        behind: i32,
    },
    Leave {
        who: usize,
        by_instance: Option<usize>,
    },
    Commit {
        who: Option<usize>,
        topic: usize,
        partition: i32,
        retention: bool,
    },
    Fetch,
    Describe,
    DeleteOffsets {
        topic: usize,
    },
    Delete,
    TopicDeleted {
        topic: usize,
    },
    Wait {
        ms: u64,
    },
    /// The broker stops and loads the shard again.
    Restart,
}

#[derive(Clone, Debug)]
struct Join {
    who: Option<usize>,
    instance: Option<usize>,
    version: i16,
    protocols: u8,
    session: i32,
    rebalance: i32,
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..6_usize;
    let rebalance = || prop::sample::select(vec![0, 8_000, 60_000]);
    prop_oneof![
        8 => (
            prop::option::of(who()),
            prop::option::weighted(0.3, 0..2_usize),
            prop::sample::select(vec![0_i16, 4, 9]),
            1..8_u8,
            prop::sample::select(vec![10_000, 30_000]),
            rebalance(),
        )
            .prop_map(|(who, instance, version, protocols, session, rebalance)| {
                Op::Join(Join { who, instance, version, protocols, session, rebalance })
            }),
        4 => (1..8_u8, rebalance())
            .prop_map(|(protocols, rebalance)| Op::JoinAll { protocols, rebalance }),
        4 => any::<bool>().prop_map(|leader_first| Op::SyncAll { leader_first }),
        8 => (who(), any::<bool>(), 0..2_i32)
            .prop_map(|(who, instance, behind)| Op::Sync { who, instance, behind }),
        4 => (who(), 0..2_i32).prop_map(|(who, behind)| Op::Heartbeat { who, behind }),
        2 => (who(), prop::option::weighted(0.3, 0..2_usize))
            .prop_map(|(who, by_instance)| Op::Leave { who, by_instance }),
        4 => (prop::option::of(who()), 0..2_usize, 0..3_i32, any::<bool>())
            .prop_map(|(who, topic, partition, retention)| Op::Commit {
                who, topic, partition, retention
            }),
        1 => Just(Op::Fetch),
        1 => Just(Op::Describe),
        1 => (0..2_usize).prop_map(|topic| Op::DeleteOffsets { topic }),
        1 => Just(Op::Delete),
        1 => (0..2_usize).prop_map(|topic| Op::TopicDeleted { topic }),
        4 => (1..20_000_u64).prop_map(|ms| Op::Wait { ms }),
        1 => Just(Op::Restart),
    ]
}

/// What the outside knows of one group.
#[derive(Default)]
struct Seen {
    ids: Vec<String>,
    generation: i32,
    /// Which leader's sync the assignment of a generation came with.
    assignments: BTreeMap<i32, String>,
}

struct World {
    config: GroupConfig,
    shard: GroupShard,
    log: Vec<CoordinatorRecord>,
    now: Duration,
    tokens: u64,
    /// Unanswered, each with its group and the generation a sync was for.
    waiting: BTreeMap<Token, (usize, i32)>,
    seen: [Seen; 2],
}

impl World {
    fn new(initial_delay: bool) -> Self {
        let config = GroupConfig {
            initial_rebalance_delay: Duration::from_secs(if initial_delay { 3 } else { 0 }),
            group_size_max: 4,
            offsets_retention: Duration::from_secs(60),
            offsets_check_interval: Duration::from_secs(10),
            new_member_join_timeout: Duration::from_secs(25),
            ..GroupConfig::default()
        };
        Self {
            shard: load(&config, &[], Duration::ZERO),
            config,
            log: Vec::new(),
            now: Duration::ZERO,
            tokens: 0,
            waiting: BTreeMap::new(),
            seen: Default::default(),
        }
    }

    fn wall(&self) -> Timestamp {
        Timestamp(i64::try_from(self.now.as_millis()).unwrap())
    }

    /// A member of the group as it is, or beyond those any id that was given out lately.
    fn id(&self, group: usize, who: usize) -> String {
        let members = self.shard.groups.get(GROUPS[group]).map(|g| g.metadata().members);
        if let Some(member) = members.iter().flatten().nth(who) {
            return member.member_id.to_string();
        }
        let ids = &self.seen[group].ids;
        let recent = ids.len().saturating_sub(5);
        ids.get(recent + who).or_else(|| ids.last()).cloned().unwrap_or_else(|| "x".to_owned())
    }

    fn member_count(&self, group: usize) -> usize {
        self.shard.groups.get(GROUPS[group]).map_or(0, |g| g.metadata().members.len())
    }

    /// Which of the members leads.
    fn leader(&self, group: usize) -> usize {
        let metadata = self.shard.groups.get(GROUPS[group]).map(|g| g.metadata());
        let members = metadata.iter().flat_map(|m| m.members.iter().map(move |member| (m, member)));
        members
            .enumerate()
            .find(|(_, (m, member))| m.leader.as_deref() == Some(&*member.member_id))
            .map_or(0, |(place, _)| place)
    }

    fn apply(&mut self, group: usize, op: &Op) {
        match op {
            Op::Wait { ms } => self.wait(Duration::from_millis(*ms)),
            Op::Restart => self.restart(),
            Op::TopicDeleted { topic } => {
                let effects = self.shard.topics_deleted(&[(TOPICS[*topic], None)]);
                self.take(effects);
            }
            Op::JoinAll { protocols, rebalance } => {
                let count = self.member_count(group);
                for who in 0..count {
                    let join = Join {
                        who: Some(who),
                        instance: None,
                        version: 9,
                        protocols: *protocols,
                        session: 30_000,
                        rebalance: *rebalance,
                    };
                    self.apply(group, &Op::Join(join));
                    let state = self.shard.groups.get(GROUPS[group]).map(|g| g.state);
                    if state == Some(GroupState::CompletingRebalance) {
                        break; // The others had joined before.
                    }
                }
            }
            Op::SyncAll { leader_first } => {
                let leader = self.leader(group);
                let count = self.member_count(group);
                let mut order: Vec<usize> = (0..count).filter(|who| *who != leader).collect();
                order.insert(if *leader_first { 0 } else { order.len() }, leader);
                for who in order {
                    self.apply(group, &Op::Sync { who, instance: false, behind: 0 });
                }
            }
            Op::Join(_)
            | Op::Sync { .. }
            | Op::Heartbeat { .. }
            | Op::Leave { .. }
            | Op::Commit { .. }
            | Op::Fetch
            | Op::Describe
            | Op::DeleteOffsets { .. }
            | Op::Delete => {
                let (request, generation) = self.request(group, op);
                self.tokens += 1;
                let token = Token(self.tokens);
                self.waiting.insert(token, (group, generation));
                let effects = self.shard.handle(self.now, self.wall(), token, request);
                self.take(effects);
            }
        }
        self.shard.check();
    }

    fn request(&self, group: usize, op: &Op) -> (GroupRequest, i32) {
        let group_id = GROUPS[group].to_owned();
        let current = self.shard.groups.get(GROUPS[group]);
        let generation = current.map_or(0, |g| g.generation);
        let request = match op {
            Op::Join(Join { who, instance, version, protocols, session, rebalance }) => {
                let offer = |bit: u8, name: &str| {
                    let metadata = subscription(&TOPICS[..usize::from(*protocols % 2 + 1)]);
                    (*protocols & bit != 0)
                        .then(|| Protocol { name: name.into(), metadata: metadata.into() })
                };
                GroupRequest::Join(JoinRequest {
                    group_id,
                    member_id: who.map_or_else(String::new, |who| self.id(group, who)),
                    instance_id: instance.map(|i| INSTANCES[i].to_owned()),
                    client_id: "c".to_owned(),
                    client_host: "/h".to_owned(),
                    session_timeout_ms: *session,
                    rebalance_timeout_ms: *rebalance,
                    protocol_type: "consumer".to_owned(),
                    protocols: [offer(1, "a"), offer(2, "b"), offer(4, "c")]
                        .into_iter()
                        .flatten()
                        .collect(),
                    requires_known_member_id: *version >= 4,
                    supports_skip_assignment: *version >= 9,
                    random: self.tokens.into(),
                })
            }
            Op::Sync { who, instance, behind } => {
                let generation = generation - behind;
                let member_id = self.id(group, *who);
                let members = current.map(|g| g.metadata().members).unwrap_or_default();
                let assignments = members.iter().map(|m| Assignment {
                    member_id: m.member_id.to_string(),
                    assignment: format!("{}|{}", self.tokens, m.member_id).into_bytes().into(),
                });
                let instance_id = members
                    .iter()
                    .find(|m| *instance && *m.member_id == *member_id)
                    .and_then(|m| m.instance_id.as_deref().map(ToOwned::to_owned));
                let request = SyncRequest {
                    group_id,
                    assignments: assignments.collect(),
                    member_id,
                    instance_id,
                    generation,
                    protocol_type: None,
                    protocol_name: None,
                };
                return (GroupRequest::Sync(request), generation);
            }
            Op::Heartbeat { who, behind } => GroupRequest::Heartbeat(HeartbeatRequest {
                group_id,
                member_id: self.id(group, *who),
                instance_id: None,
                generation: generation - behind,
            }),
            Op::Leave { who, by_instance } => {
                let member = match by_instance {
                    Some(i) => LeavingMember {
                        member_id: String::new(),
                        instance_id: Some(INSTANCES[*i].to_owned()),
                    },
                    None => LeavingMember { member_id: self.id(group, *who), instance_id: None },
                };
                GroupRequest::Leave(LeaveRequest { group_id, members: vec![member] })
            }
            Op::Commit { who, topic, partition, retention } => {
                GroupRequest::CommitOffsets(CommitOffsets {
                    group_id,
                    member_id: who.map_or_else(String::new, |who| self.id(group, who)),
                    instance_id: None,
                    generation: who.map_or(-1, |_| generation),
                    retention_ms: retention.then_some(30_000),
                    knows_group_id_not_found: true,
                    topics: vec![CommitTopic {
                        topic: TOPICS[*topic].to_owned(),
                        topic_id: Some([7; 16]),
                        partitions: vec![CommitPartition {
                            partition: *partition,
                            offset: Offset(i64::try_from(self.tokens).unwrap()),
                            leader_epoch: LeaderEpoch(1),
                            metadata: "note".to_owned(),
                        }],
                    }],
                })
            }
            Op::DeleteOffsets { topic } => GroupRequest::DeleteOffsets(DeleteOffsets {
                group_id,
                topics: vec![TopicPartitions {
                    topic: TOPICS[*topic].to_owned(),
                    topic_id: None,
                    partitions: vec![0, 1],
                }],
            }),
            Op::Delete => GroupRequest::Delete { group_id },
            Op::Fetch => GroupRequest::FetchOffsets(FetchOffsets { group_id, topics: None }),
            Op::Describe => GroupRequest::Describe { group_id },
            Op::TopicDeleted { .. }
            | Op::Wait { .. }
            | Op::Restart
            | Op::JoinAll { .. }
            | Op::SyncAll { .. } => GroupRequest::List(ListFilter::default()),
        };
        (request, generation)
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        let mut rounds = 0;
        while let Some(deadline) = self.shard.next_deadline().filter(|d| *d <= until) {
            self.now = self.now.max(deadline);
            let effects = self.shard.tick(self.now, self.wall());
            self.take(effects);
            self.shard.check();
            rounds += 1;
            assert!(rounds < 100_000, "time does not pass: {deadline:?} is due again and again");
        }
        self.now = until;
    }

    fn restart(&mut self) {
        let parked = self.shard.close(GroupError::NotCoordinator);
        self.take(Effects { replies: parked, ..Effects::default() });
        assert!(self.waiting.is_empty(), "parked in a closed shard: {:?}", self.waiting);
        assert_eq!(self.shard.next_deadline(), None);
        self.shard = load(&self.config, &self.log, self.now);
        for seen in &mut self.seen {
            // What was not recorded is gone, as with Kafka, and its numbers are used again.
            seen.generation = 0;
            seen.assignments.clear();
        }
    }

    fn take(&mut self, effects: Effects) {
        for record in &effects.records {
            let Key::Group(id) = schema::decode_key(&record.key).unwrap() else { continue };
            let seen = &mut self.seen[GROUPS.iter().position(|g| *g == id).unwrap()];
            if record.value.is_none() {
                seen.generation = 0;
                seen.assignments.clear();
            }
        }
        self.log.extend(effects.records);
        for (token, reply) in effects.replies {
            let (group, generation) =
                self.waiting.remove(&token).unwrap_or_else(|| panic!("{token:?} answered twice"));
            self.observe(group, generation, &reply);
        }
    }

    fn observe(&mut self, group: usize, generation: i32, reply: &GroupReply) {
        let seen = &mut self.seen[group];
        match reply {
            GroupReply::Join(Ok(joined)) => {
                assert!(joined.generation >= seen.generation, "generation went back: {joined:?}");
                seen.generation = joined.generation;
                seen.ids.push(joined.member_id.to_string());
            }
            GroupReply::Join(Err(refused)) if refused.error == GroupError::MemberIdRequired => {
                seen.ids.push(refused.member_id.to_string());
            }
            GroupReply::Sync(Ok(synced)) if !synced.assignment.is_empty() => {
                let share = String::from_utf8(synced.assignment.to_vec()).unwrap();
                let (leader_sync, _) = share.split_once('|').unwrap();
                let first =
                    seen.assignments.entry(generation).or_insert_with(|| leader_sync.to_owned());
                assert_eq!(first, leader_sync, "two assignments of generation {generation}");
            }
            _ => {}
        }
    }

    /// Compares the live shard with one that was replayed from its log, whole and compacted.
    fn check_replay(&self) {
        let mut last: BTreeMap<&[u8], usize> = BTreeMap::new();
        for (place, record) in self.log.iter().enumerate() {
            last.insert(&record.key, place);
        }
        let places: BTreeSet<usize> = last.into_values().collect();
        let compacted: Vec<_> = self
            .log
            .iter()
            .enumerate()
            .filter(|(place, record)| places.contains(place) && record.value.is_some())
            .map(|(_, record)| record.clone())
            .collect();
        let whole = load(&self.config, &self.log, self.now);
        let compacted = load(&self.config, &compacted, self.now);
        whole.check();
        compacted.check();
        for (id, live) in &self.shard.groups {
            for (kind, replayed) in [("whole", &whole), ("compacted", &compacted)] {
                let Some(replayed) = replayed.groups.get(id) else {
                    // A group that had nothing but offsets, and is in its first rebalance at most.
                    let unrecorded = live.protocol_type.is_none()
                        || !matches!(live.state, GroupState::Stable | GroupState::Empty);
                    assert!(unrecorded && live.offsets.is_empty(), "{kind}: {id} is lost");
                    continue;
                };
                assert_eq!(live.offsets.all(), replayed.offsets.all(), "{kind}: offsets of {id}");
                assert!(replayed.generation <= live.generation, "{kind}: {id}");
                if matches!(live.state, GroupState::Stable | GroupState::Empty) {
                    assert_eq!(durable(live), durable(replayed), "{kind}: {id}");
                    assert_eq!(live.state, replayed.state, "{kind}: {id}");
                    assert_eq!(live.subscribed, replayed.subscribed, "{kind}: {id}");
                }
            }
        }
        for id in whole.groups.keys().chain(compacted.groups.keys()) {
            assert!(self.shard.groups.contains_key(id), "{id} has come back");
        }
    }
}

/// What of a group its record must hold. A simple group has no record.
fn durable(group: &crate::group::Group) -> GroupMetadata {
    let mut metadata = group.metadata();
    if metadata.protocol_type.is_empty() {
        metadata.state_since = Timestamp::NONE;
    }
    metadata
}

proptest! {
    #![proptest_config({
        let config = ProptestConfig::default();
        ProptestConfig { cases: config.cases.max(600), ..config }
    })]

    #[test]
    fn random_requests(
        ops in prop::collection::vec((0..5_usize, op()), 1..120),
        initial_delay in any::<bool>(),
    ) {
        let mut world = World::new(initial_delay);
        for (place, (group, op)) in ops.iter().enumerate() {
            // Mostly one group, so that much happens in it.
            world.apply(usize::from(*group == 4), op);
            if place % 8 == 7 {
                world.check_replay();
            }
        }
        world.check_replay();
        // Nobody is heard of any more: everything comes to rest, and nothing is left.
        world.wait(Duration::from_secs(600));
        prop_assert!(world.waiting.is_empty(), "never answered: {:?}", world.waiting);
        prop_assert_eq!(world.shard.group_count(), 0);
        prop_assert_eq!(world.shard.offset_count(), 0);
        prop_assert_eq!(world.shard.timers.len(), 0);
    }
}

/// The random path is only worth something if it gets anywhere: the same steps must reach a stable
/// group of several members.
#[test]
fn the_world_reaches_stable_groups() {
    let mut world = World::new(false);
    let join = Op::Join(Join {
        who: None,
        instance: None,
        version: 0,
        protocols: 1,
        session: 30_000,
        rebalance: 60_000,
    });
    world.apply(0, &join);
    world.apply(0, &Op::SyncAll { leader_first: true });
    world.apply(0, &join);
    world.apply(0, &Op::JoinAll { protocols: 3, rebalance: 60_000 });
    world.apply(0, &Op::SyncAll { leader_first: false });
    let group = &world.shard.groups["g"];
    assert_eq!((group.state, group.generation), (GroupState::Stable, 2));
    let members = group.metadata().members;
    let shares: BTreeSet<_> = members.iter().map(|m| m.assignment.clone()).collect();
    assert_eq!((members.len(), shares.len()), (2, 2));
    world.check_replay();
}
