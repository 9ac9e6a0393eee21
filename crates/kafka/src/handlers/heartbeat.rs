//! Heartbeat (12), versions 0 to 4: a member of a classic group is alive.
//!
//! The answer also tells the member to join again when the group rebalances.

use std::sync::Arc;

use broker::groups::{self, GroupReply, GroupRequest};
use wire::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::group_fields::name;
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: HeartbeatRequest) -> Reply {
    let beat = groups::HeartbeatRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        instance_id: name(request.group_instance_id),
        generation: request.generation_id,
    };
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let error = match groups.request(GroupRequest::Heartbeat(beat)).await {
            GroupReply::Heartbeat(outcome) => outcome.code(),
            other => unreachable!("a heartbeat was answered with {other:?}"),
        };
        call.answer(&HeartbeatResponse {
            error_code: error.number(),
            ..HeartbeatResponse::default()
        })
    })
}
