//! JoinGroup (11), versions 0 to 9: enters a classic group and waits for the rebalance.
//!
//! From version 4 a new dynamic member is told its id first (KIP-394); from 5 members may be static
//! (KIP-345); from 9 a returning static leader may be told to keep the assignment (KIP-814). Before
//! version 1 the session timeout is the rebalance timeout too.
//!
//! Gap: names longer than 1 KiB are refused, which Kafka takes. The reason (KIP-800) is not kept.

use std::sync::Arc;

use broker::groups::{GroupReply, GroupRequest, JoinRequest, Joined, Protocol};
use wire::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use wire::{ErrorCode, Str};

use super::group_fields::{bytes, check_names, name, opaque, text};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// First version in which a new member joins twice.
const MEMBER_ID_REQUIRED_SINCE: i16 = 4;

/// First version whose protocol name may be null.
const NULL_PROTOCOL_SINCE: i16 = 7;

/// First version with `skip_assignment`.
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: JoinGroupRequest) -> Reply {
    let instance = request.group_instance_id.as_deref();
    if let Err(error) = check_names(&request.group_id, &request.member_id, instance) {
        let response = refused(call.version, error, Str::EMPTY);
        return Reply::Now(call.answer(&response));
    }
    let join = join(shared, &call, request);
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let response = match groups.request(GroupRequest::Join(join)).await {
            GroupReply::Join(Ok(joined)) => accepted(call.version, &joined),
            GroupReply::Join(Err(refusal)) => {
                refused(call.version, refusal.error.code(), text(&refusal.member_id))
            }
            other => unreachable!("a join was answered with {other:?}"),
        };
        call.answer(&response)
    })
}

fn join(shared: &Shared, call: &Call, request: JoinGroupRequest) -> JoinRequest {
    let own_timeout = call.version >= 1 && request.rebalance_timeout_ms >= 0;
    let protocols = request.protocols.iter().map(|protocol| Protocol {
        name: Arc::from(protocol.name.as_str()),
        metadata: opaque(&protocol.metadata),
    });
    JoinRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        instance_id: name(request.group_instance_id),
        client_id: call.client_name(),
        client_host: format!("/{}", call.peer.ip()),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if own_timeout {
            request.rebalance_timeout_ms
        } else {
            request.session_timeout_ms
        },
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        requires_known_member_id: call.version >= MEMBER_ID_REQUIRED_SINCE,
        supports_skip_assignment: call.version >= SKIP_ASSIGNMENT_SINCE,
        random: u128::from_be_bytes(shared.broker.env().random.id()),
    }
}

fn accepted(version: i16, joined: &Joined) -> JoinGroupResponse {
    let members = joined.members.iter().map(|member| JoinGroupResponseMember {
        member_id: text(&member.member_id),
        group_instance_id: member.instance_id.as_deref().map(text),
        metadata: bytes(&member.metadata),
    });
    JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: joined.protocol_type.as_deref().map(text),
        protocol_name: protocol_name(version, joined.protocol_name.as_deref()),
        leader: text(&joined.leader),
        // Older leaders are never told to skip; the machine knows their version.
        skip_assignment: joined.skip_assignment && version >= SKIP_ASSIGNMENT_SINCE,
        member_id: text(&joined.member_id),
        members: members.collect(),
        ..JoinGroupResponse::default()
    }
}

fn refused(version: i16, error: ErrorCode, member_id: Str) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: error.number(),
        protocol_name: protocol_name(version, None),
        member_id,
        ..JoinGroupResponse::default()
    }
}

fn protocol_name(version: i16, name: Option<&str>) -> Option<Str> {
    match name {
        Some(name) => Some(text(name)),
        None if version >= NULL_PROTOCOL_SINCE => None,
        None => Some(Str::EMPTY),
    }
}
