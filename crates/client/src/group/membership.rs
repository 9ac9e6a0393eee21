//! The protocol of a classic group as one member speaks it: join, sync, heartbeat, commit, leave.
//!
//! The coordinator is looked up for each request and forgotten when it turns out to be another node
//! now. A member id that the group no longer knows is given up; the next join gets a new one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use records::{LeaderEpoch, Offset};
use tokio::task::AbortHandle;
use wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartition as WirePlaces,
};
use wire::messages::heartbeat::HeartbeatRequest;
use wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use wire::{ErrorCode, Request, Str};

use super::{GroupOptions, Subscriber, range_assignment};
use crate::admin::group_offsets;
use crate::cluster::CoordinatorKind;
use crate::consumer::PartitionState;
use crate::metadata::TopicPartition;
use crate::{ClientError, Cluster};

/// The protocol type of consumer groups.
const PROTOCOL_TYPE: &str = "consumer";
/// The assignor.
const PROTOCOL: &str = "range";
/// The version of the payloads; brokers do not look into them and old members read this one.
const PAYLOAD_VERSION: i16 = 1;
/// The first version of LeaveGroup that lists members.
const LEAVE_BY_LIST: i16 = 3;
/// What a coordinator may take on top of the rebalance timeout.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// Why a member has to join again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lost {
    /// The group rebalances; until it joins again this is still a member.
    Rebalance,
    /// The group went on without this member.
    Generation,
}

impl Lost {
    /// Whether an error says so.
    pub(super) fn by(error: &ClientError) -> Option<Lost> {
        match error {
            ClientError::Broker { code: ErrorCode::RebalanceInProgress, .. } => {
                Some(Lost::Rebalance)
            }
            ClientError::Broker {
                code: ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId,
                ..
            } => Some(Lost::Generation),
            _ => None,
        }
    }
}

/// Who this member is. Shared with the heartbeat.
#[derive(Clone, Debug)]
struct Identity {
    cluster: Cluster,
    group: String,
    instance_id: Option<Str>,
    member_id: Str,
    generation: i32,
}

/// This member's part in the group.
#[derive(Debug)]
pub(super) struct Membership {
    options: GroupOptions,
    identity: Identity,
    joined: bool,
    lost: Arc<Mutex<Option<Lost>>>,
    heartbeat: Option<AbortHandle>,
}

impl Membership {
    pub(super) fn new(cluster: &Cluster, options: &GroupOptions) -> Self {
        let identity = Identity {
            // A join waits at the coordinator for other members, who may be in this process.
            cluster: cluster.with_own_connections(),
            group: options.group.clone(),
            instance_id: options.instance_id.as_ref().map(Str::from),
            member_id: Str::EMPTY,
            generation: -1,
        };
        let lost = Arc::default();
        Membership { options: options.clone(), identity, joined: false, lost, heartbeat: None }
    }

    pub(super) fn is_member(&self) -> bool {
        self.joined
    }

    pub(super) fn member_id(&self) -> Option<&str> {
        Some(&*self.identity.member_id).filter(|id| !id.is_empty())
    }

    /// Whether, and why, the member has to join again.
    pub(super) fn lost(&self) -> Option<Lost> {
        *self.lost.lock()
    }

    /// Joins and returns the partitions this member is given.
    pub(super) async fn join(
        &mut self,
        topics: &[Arc<str>],
    ) -> Result<Vec<TopicPartition>, ClientError> {
        self.stop_heartbeat();
        self.joined = false;
        let within = self.options.rebalance_timeout + JOIN_GRACE;
        let cluster = self.identity.cluster.clone();
        let mut backoff = cluster.backoff_within(within);
        loop {
            let error = match self.join_once(topics).await {
                Ok(assigned) => {
                    *self.lost.lock() = None;
                    self.joined = true;
                    self.start_heartbeat();
                    return Ok(assigned);
                }
                Err(error) => error,
            };
            match error.code() {
                // The answer had the member id to join with.
                Some(ErrorCode::MemberIdRequired) => continue,
                Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                    self.identity.member_id = Str::EMPTY;
                    self.identity.generation = -1;
                }
                Some(ErrorCode::RebalanceInProgress) => {}
                _ if error.is_retriable() => {}
                _ => return Err(error),
            }
            if !backoff.wait().await {
                return Err(error);
            }
        }
    }

    async fn join_once(&mut self, topics: &[Arc<str>]) -> Result<Vec<TopicPartition>, ClientError> {
        let subscription = ConsumerProtocolSubscription {
            topics: topics.iter().map(|topic| Str::from(&**topic)).collect(),
            ..ConsumerProtocolSubscription::default()
        };
        let metadata = subscription.to_payload(PAYLOAD_VERSION).map_err(|error| {
            ClientError::Encode { address: "the coordinator".to_owned(), api: "JoinGroup", error }
        })?;
        let request = JoinGroupRequest {
            group_id: self.identity.group.as_str().into(),
            session_timeout_ms: millis(self.options.session_timeout),
            rebalance_timeout_ms: millis(self.options.rebalance_timeout),
            member_id: self.identity.member_id.clone(),
            group_instance_id: self.identity.instance_id.clone(),
            protocol_type: Str::from_static(PROTOCOL_TYPE),
            protocols: vec![JoinGroupRequestProtocol {
                name: Str::from_static(PROTOCOL),
                metadata,
            }],
            ..JoinGroupRequest::default()
        };
        let within = self.options.rebalance_timeout + JOIN_GRACE;
        let response = self.identity.ask(&request, within).await?;
        if !response.member_id.is_empty() {
            self.identity.member_id = response.member_id.detach();
        }
        self.identity.check::<JoinGroupRequest>(response.error_code)?;
        self.identity.generation = response.generation_id;
        let leads = response.leader == response.member_id && !response.skip_assignment;
        let assignments = if leads { self.assign(&response).await? } else { Vec::new() };
        self.sync(assignments).await
    }

    /// Divides the partitions, as the group's leader.
    async fn assign(
        &self,
        joined: &JoinGroupResponse,
    ) -> Result<Vec<SyncGroupRequestAssignment>, ClientError> {
        let mut subscribers = Vec::with_capacity(joined.members.len());
        for member in &joined.members {
            // A member whose subscription cannot be read gets nothing, and the others go on.
            let subscription = ConsumerProtocolSubscription::from_payload(member.metadata.clone())
                .unwrap_or_default();
            subscribers.push(Subscriber {
                member_id: member.member_id.to_string(),
                instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
                topics: subscription.topics.iter().map(|topic| Arc::from(&**topic)).collect(),
            });
        }
        let mut counts = BTreeMap::new();
        for topic in subscribers.iter().flat_map(|member| &member.topics) {
            if counts.contains_key(topic) {
                continue;
            }
            // As many partitions as there are now, not as there were.
            self.identity.cluster.forget_topic(topic);
            match self.identity.cluster.topic(topic).await {
                Ok(found) => counts.insert(topic.clone(), found.partitions.len()),
                // A topic that does not exist has nothing to be read yet.
                Err(ClientError::UnknownTopic { .. }) => counts.insert(topic.clone(), 0),
                Err(error) => return Err(error),
            };
        }
        let mut assignments = Vec::with_capacity(subscribers.len());
        for (member_id, places) in range_assignment(&subscribers, &counts) {
            let mut assigned: Vec<WirePlaces> = Vec::new();
            for place in places {
                match assigned.last_mut() {
                    Some(last) if *last.topic == *place.topic => {
                        last.partitions.push(place.partition);
                    }
                    _ => assigned.push(WirePlaces {
                        topic: (&*place.topic).into(),
                        partitions: vec![place.partition],
                    }),
                }
            }
            let assignment = ConsumerProtocolAssignment {
                assigned_partitions: assigned,
                ..ConsumerProtocolAssignment::default()
            };
            let assignment = assignment.to_payload(PAYLOAD_VERSION).map_err(|error| {
                let address = "the coordinator".to_owned();
                ClientError::Encode { address, api: "SyncGroup", error }
            })?;
            assignments
                .push(SyncGroupRequestAssignment { member_id: member_id.into(), assignment });
        }
        Ok(assignments)
    }

    async fn sync(
        &self,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Vec<TopicPartition>, ClientError> {
        let request = SyncGroupRequest {
            group_id: self.identity.group.as_str().into(),
            generation_id: self.identity.generation,
            member_id: self.identity.member_id.clone(),
            group_instance_id: self.identity.instance_id.clone(),
            protocol_type: Some(Str::from_static(PROTOCOL_TYPE)),
            protocol_name: Some(Str::from_static(PROTOCOL)),
            assignments,
        };
        let within = self.options.rebalance_timeout + JOIN_GRACE;
        let response = self.identity.ask(&request, within).await?;
        self.identity.check::<SyncGroupRequest>(response.error_code)?;
        if response.assignment.is_empty() {
            return Ok(Vec::new());
        }
        let assignment =
            ConsumerProtocolAssignment::from_payload(response.assignment).map_err(|error| {
                ClientError::Decode {
                    address: "the group's leader".to_owned(),
                    api: "SyncGroup",
                    error,
                }
            })?;
        let mut places = Vec::new();
        for assigned in &assignment.assigned_partitions {
            let topic: Arc<str> = Arc::from(&*assigned.topic);
            places
                .extend(assigned.partitions.iter().map(|p| TopicPartition::new(topic.clone(), *p)));
        }
        Ok(places)
    }

    /// The offsets that the group has committed for these partitions.
    pub(super) async fn committed(
        &self,
        places: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
        let identity = &self.identity;
        let found = group_offsets::fetch(&identity.cluster, &identity.group, Some(places)).await?;
        Ok(found.into_iter().map(|committed| (committed.place, committed.offset)).collect())
    }

    /// Commits positions as this member.
    pub(super) async fn commit(
        &self,
        positions: &[(TopicPartition, PartitionState)],
    ) -> Result<(), ClientError> {
        let offsets: Vec<_> = positions
            .iter()
            .map(|(place, state)| group_offsets::NewOffset {
                place: place.clone(),
                offset: state.position,
                leader_epoch: state.leader_epoch.unwrap_or(LeaderEpoch::NONE),
                metadata: None,
            })
            .collect();
        let identity = &self.identity;
        let member = group_offsets::Committer {
            generation: identity.generation,
            member_id: identity.member_id.clone(),
            instance_id: identity.instance_id.clone(),
        };
        let result =
            group_offsets::commit(&identity.cluster, &identity.group, &member, &offsets).await;
        if let Err(error) = &result
            && let Some(lost) = Lost::by(error)
        {
            *self.lost.lock() = Some(lost);
        }
        result
    }

    /// Leaves the group, unless static.
    pub(super) async fn leave(&mut self) -> Result<(), ClientError> {
        self.stop_heartbeat();
        let was_member = std::mem::take(&mut self.joined);
        if !was_member || self.identity.instance_id.is_some() {
            return Ok(());
        }
        let coordinator =
            self.identity.cluster.coordinator(CoordinatorKind::Group, &self.identity.group).await?;
        let mut request = LeaveGroupRequest {
            group_id: self.identity.group.as_str().into(),
            ..LeaveGroupRequest::default()
        };
        if coordinator.version::<LeaveGroupRequest>()? >= LEAVE_BY_LIST {
            request.members = vec![MemberIdentity {
                member_id: self.identity.member_id.clone(),
                ..MemberIdentity::default()
            }];
        } else {
            request.member_id = self.identity.member_id.clone();
        }
        let response = coordinator.send(&request).await?;
        self.identity.check::<LeaveGroupRequest>(response.error_code)
    }

    fn start_heartbeat(&mut self) {
        let (identity, lost) = (self.identity.clone(), self.lost.clone());
        let interval = self.options.heartbeat_interval;
        let task = tokio::spawn(async move {
            loop {
                env::clock::sleep(interval).await;
                let Err(error) = identity.heartbeat().await else { continue };
                if let Some(reason) = Lost::by(&error) {
                    *lost.lock() = Some(reason);
                    if reason == Lost::Generation {
                        return;
                    }
                } else {
                    // The coordinator moved or is away; the session lasts longer than one beat.
                    tracing::debug!(group = %identity.group, %error, "heartbeat failed");
                }
            }
        });
        self.heartbeat = Some(task.abort_handle());
    }

    fn stop_heartbeat(&mut self) {
        if let Some(task) = self.heartbeat.take() {
            task.abort();
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop_heartbeat();
    }
}

impl Identity {
    async fn ask<R: Request>(
        &self,
        request: &R,
        within: Duration,
    ) -> Result<R::Response, ClientError> {
        let coordinator = self.cluster.coordinator(CoordinatorKind::Group, &self.group).await?;
        let result = coordinator.send_within(request, within).await;
        if result.is_err() {
            self.cluster.forget_coordinator(CoordinatorKind::Group, &self.group);
        }
        result
    }

    fn check<R: Request>(&self, code: i16) -> Result<(), ClientError> {
        let code = ErrorCode::from_wire(code);
        if matches!(code, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) {
            self.cluster.forget_coordinator(CoordinatorKind::Group, &self.group);
        }
        let subject = || format!("group {}", self.group);
        code.ok().map_err(|code| ClientError::broker(R::KEY.name(), subject(), code, None))
    }

    async fn heartbeat(&self) -> Result<(), ClientError> {
        let request = HeartbeatRequest {
            group_id: self.group.as_str().into(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
        };
        let response = self.ask(&request, self.cluster.options().request_timeout).await?;
        self.check::<HeartbeatRequest>(response.error_code)
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
