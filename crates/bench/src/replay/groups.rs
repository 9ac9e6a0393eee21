//! Many groups of classic members: joined and synced before the warm-up, then commits and heartbeats
//! at fixed times.
//!
//! Each member has a connection of its own, as a broker answers nothing else on one where a join
//! waits for the other members. A member that is told of a rebalance while groups form joins again;
//! later that is an error as any other.

use bytes::Bytes;
use wire::messages::find_coordinator::FindCoordinatorRequest;
use wire::messages::heartbeat::HeartbeatRequest;
use wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use wire::{ErrorCode, Message, Request, Str};

use super::link::Sent;
use super::schedule::Schedule;
use super::{Desk, Play};
use crate::cursor::Cursor;
use crate::frames::Frame;
use crate::topics::{Control, encode, good};
use crate::workload::{Arrivals, Workload};
use crate::{BenchError, clock};

const FIND_COORDINATOR: i16 = 2;
/// The last that a member may begin without an id.
const JOIN_GROUP: i16 = 3;
const SYNC_GROUP: i16 = 2;
const HEARTBEAT: i16 = 2;
const OFFSET_COMMIT: i16 = 6;
const SESSION_TIMEOUT_MS: i32 = 45_000;
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
/// How long groups may take to form.
const FORMED_WITHIN: u64 = 180_000_000_000;
const ATTEMPTS: u32 = 100;

const JOIN: u32 = 0;
const SYNC: u32 = 1;
const BEAT: u32 = 2;
const COMMIT: u32 = 3;

pub(super) struct Groups {
    topic: Str,
    partitions: u32,
    groups: usize,
    /// Member `m` of group `g` is at `m * groups + g`, so that a group's turns are spread.
    members: Vec<Member>,
    /// By group, the generation that was seen last.
    generations: Vec<i32>,
    schedule: Schedule,
    next: usize,
    begun_at: Option<u64>,
    formed: bool,
}

#[derive(Debug, Default)]
struct Member {
    id: Str,
    generation: i32,
    /// Synced, and not told of a rebalance since.
    stable: bool,
    commit: Option<Frame>,
    heartbeat: Option<Frame>,
}

/// Asks for a coordinator until there is one: a broker may first have to make the offsets topic.
pub(super) fn find_coordinator(control: &mut Control) -> Result<(), BenchError> {
    let request = FindCoordinatorRequest { key: "bench-0".into(), ..Default::default() };
    let mut code = 0;
    for _ in 0..ATTEMPTS {
        code = control.exchange(&request, FIND_COORDINATOR)?.error_code;
        if code != ErrorCode::CoordinatorNotAvailable.number() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    good(code, || "finding the coordinator".to_owned())
}

impl Groups {
    pub(super) fn new(workload: &Workload, groups: u32, members: u32) -> Result<Self, BenchError> {
        let rate = workload.target_rate().unwrap_or(1.0);
        let schedule = Schedule::new(Arrivals::Constant { rate }, workload.seed)
            .ok_or_else(|| BenchError::Workload("groups need a rate".to_owned()))?;
        Ok(Groups {
            topic: Str::from(&workload.topic),
            partitions: workload.partitions,
            groups: groups as usize,
            members: (0..groups * members).map(|_| Member::default()).collect(),
            generations: vec![-1; groups as usize],
            schedule,
            next: 0,
            begun_at: None,
            formed: false,
        })
    }

    fn group_id(&self, member: usize) -> Str {
        Str::from(format!("bench-{}", member % self.groups))
    }

    fn join(&mut self, member: usize, now: u64, desk: &mut Desk) -> Result<(), BenchError> {
        let group_id = self.group_id(member);
        let Some(found) = self.members.get_mut(member) else { return Ok(()) };
        found.stable = false;
        let request = JoinGroupRequest {
            group_id,
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            member_id: found.id.clone(),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: Bytes::from_static(&[0; 32]),
            }],
            ..JoinGroupRequest::default()
        };
        desk.send(Sent { link: member, intended: now, tag: JOIN }, frame(&request, JOIN_GROUP)?);
        Ok(())
    }

    fn joined(
        &mut self,
        member: usize,
        mut body: Bytes,
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError> {
        let response = JoinGroupResponse::decode(&mut body, JOIN_GROUP)
            .map_err(|error| BenchError::Protocol(format!("a JoinGroup reply: {error}")))?;
        if may_pass(response.error_code) {
            return self.join(member, now, desk);
        }
        good(response.error_code, || "joining".to_owned())?;
        let group_id = self.group_id(member);
        if let Some(generation) = self.generations.get_mut(member % self.groups) {
            *generation = (*generation).max(response.generation_id);
        }
        let assignments = response
            .members
            .iter()
            .map(|member| SyncGroupRequestAssignment {
                member_id: member.member_id.clone(),
                assignment: Bytes::from_static(&[0; 32]),
            })
            .collect();
        let sync = SyncGroupRequest {
            group_id: group_id.clone(),
            generation_id: response.generation_id,
            member_id: response.member_id.clone(),
            assignments,
            ..SyncGroupRequest::default()
        };
        let heartbeat = HeartbeatRequest {
            group_id: group_id.clone(),
            generation_id: response.generation_id,
            member_id: response.member_id.clone(),
            group_instance_id: None,
        };
        let commit = OffsetCommitRequest {
            group_id,
            generation_id_or_member_epoch: response.generation_id,
            member_id: response.member_id.clone(),
            topics: vec![OffsetCommitRequestTopic {
                name: self.topic.clone(),
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: i32::try_from(member / self.groups).unwrap_or(0)
                        % self.partitions.cast_signed(),
                    committed_offset: 1_000_000,
                    committed_metadata: Some(Str::EMPTY),
                    ..OffsetCommitRequestPartition::default()
                }],
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        if let Some(found) = self.members.get_mut(member) {
            found.id = response.member_id.detach();
            found.generation = response.generation_id;
            found.heartbeat = Some(frame(&heartbeat, HEARTBEAT)?);
            found.commit = Some(frame(&commit, OFFSET_COMMIT)?);
        }
        desk.send(Sent { link: member, intended: now, tag: SYNC }, frame(&sync, SYNC_GROUP)?);
        Ok(())
    }

    /// An answer while groups form, to a sync or a heartbeat.
    fn forming(
        &mut self,
        member: usize,
        code: i16,
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError> {
        let is_stable = self.members.get(member).is_some_and(|found| found.stable);
        if may_pass(code) {
            // A heartbeat that was under way when the member began to join says nothing new.
            return self.join(member, now, desk);
        }
        good(code, || "forming a group".to_owned())?;
        if let Some(found) = self.members.get_mut(member).filter(|_| !is_stable) {
            found.stable = true;
        }
        self.formed = self.members.iter().enumerate().all(|(member, found)| {
            found.stable && self.generations.get(member % self.groups) == Some(&found.generation)
        });
        if self.formed {
            // Counted from now: what was due while groups formed was not meant.
            self.schedule.restart(clock::now());
        }
        Ok(())
    }
}

/// Whether an error while groups form only means to join again.
fn may_pass(code: i16) -> bool {
    [
        ErrorCode::RebalanceInProgress,
        ErrorCode::IllegalGeneration,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
    ]
    .into_iter()
    .any(|passing| passing.number() == code)
}

fn frame<R: Request>(request: &R, version: i16) -> Result<Frame, BenchError> {
    Ok(Frame::whole(&encode(request, version, 0)?))
}

impl Play for Groups {
    fn due(&self) -> Option<u64> {
        Some(self.schedule.next())
    }

    fn tick(&mut self, now: u64, desk: &mut Desk) -> Result<(), BenchError> {
        if desk.stopping {
            return Ok(());
        }
        let begun_at = match self.begun_at {
            Some(begun_at) => begun_at,
            None => {
                for member in 0..self.members.len() {
                    self.join(member, now, desk)?;
                }
                *self.begun_at.insert(now)
            }
        };
        if !self.formed && now > begun_at + FORMED_WITHIN {
            let stable = self.members.iter().filter(|member| member.stable).count();
            return Err(BenchError::Protocol(format!(
                "groups did not form: {stable} of {} members are stable",
                self.members.len()
            )));
        }
        while let Some(due) = self.schedule.take(now) {
            desk.tally.lag(now - due);
            let link = self.next;
            let opposite = (link + self.members.len() / 2) % self.members.len();
            self.next = (link + 1) % self.members.len();
            if let Some(member) = self.members.get(link)
                && let Some(commit) = member.commit.as_ref().filter(|_| self.formed)
            {
                desk.send(Sent { link, intended: due, tag: COMMIT }, commit.clone());
            }
            if let Some(member) = self.members.get(opposite)
                && let Some(heartbeat) = member.heartbeat.as_ref().filter(|_| member.stable)
            {
                desk.send(Sent { link: opposite, intended: due, tag: BEAT }, heartbeat.clone());
            }
        }
        Ok(())
    }

    fn reply(
        &mut self,
        sent: Sent,
        body: &[u8],
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError> {
        let mut fields = Cursor::new(body);
        let cut = || BenchError::Protocol("a group's reply was cut short".to_owned());
        let _throttle = fields.int32().ok_or_else(cut)?;
        match sent.tag {
            JOIN => self.joined(sent.link, Bytes::copy_from_slice(body), now, desk),
            SYNC => self.forming(sent.link, fields.int16().ok_or_else(cut)?, now, desk),
            BEAT => {
                let code = fields.int16().ok_or_else(cut)?;
                if !self.formed {
                    return match self.members.get(sent.link) {
                        Some(member) if member.stable => self.forming(sent.link, code, now, desk),
                        _ => Ok(()),
                    };
                }
                desk.tally.other_request();
                if code != 0 {
                    desk.tally.error(code);
                }
                Ok(())
            }
            COMMIT => {
                desk.tally.request(sent.intended, now);
                for _ in 0..fields.count().ok_or_else(cut)? {
                    fields.text().ok_or_else(cut)?;
                    for _ in 0..fields.count().ok_or_else(cut)? {
                        let _partition = fields.int32().ok_or_else(cut)?;
                        let code = fields.int16().ok_or_else(cut)?;
                        if code != 0 {
                            desk.tally.error(code);
                        }
                    }
                }
                Ok(())
            }
            other => Err(BenchError::Protocol(format!("a reply to request kind {other}"))),
        }
    }

    fn is_ready(&self) -> bool {
        self.formed
    }
}
