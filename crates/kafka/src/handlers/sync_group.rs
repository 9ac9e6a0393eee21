//! SyncGroup (14), versions 0 to 5: the leader of a classic group hands out assignments, each member
//! gets its own.
//!
//! From version 5 protocol type and name must be there, and must be the group's (KIP-559).

use std::sync::Arc;

use broker::groups::{Assignment, GroupReply, GroupRequest, SyncRequest};
use wire::ErrorCode;
use wire::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::group_fields::{bytes, name, opaque, text};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// First version that names the protocol.
const PROTOCOL_SINCE: i16 = 5;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: SyncGroupRequest) -> Reply {
    let is_named = request.protocol_type.is_some() && request.protocol_name.is_some();
    if call.version >= PROTOCOL_SINCE && !is_named {
        return Reply::Now(call.answer(&refused(ErrorCode::InconsistentGroupProtocol)));
    }
    let assignments = request.assignments.iter().map(|share| Assignment {
        member_id: share.member_id.to_string(),
        assignment: opaque(&share.assignment),
    });
    let sync = SyncRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        generation: request.generation_id,
        assignments: assignments.collect(),
        instance_id: name(request.group_instance_id),
        protocol_type: name(request.protocol_type),
        protocol_name: name(request.protocol_name),
    };
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let response = match groups.request(GroupRequest::Sync(sync)).await {
            GroupReply::Sync(Ok(synced)) => SyncGroupResponse {
                protocol_type: synced.protocol_type.as_deref().map(text),
                protocol_name: synced.protocol_name.as_deref().map(text),
                assignment: bytes(&synced.assignment),
                ..SyncGroupResponse::default()
            },
            GroupReply::Sync(Err(error)) => refused(error.code()),
            other => unreachable!("a sync was answered with {other:?}"),
        };
        call.answer(&response)
    })
}

fn refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: error.number(), ..SyncGroupResponse::default() }
}
