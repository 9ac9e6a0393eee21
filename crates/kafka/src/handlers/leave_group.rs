//! LeaveGroup (13), versions 0 to 5: members leave a classic group, or are removed from it.
//!
//! Versions 0 to 2 name one member, whose error is that of the response. From 3 several leave at
//! once, static ones by their instance id (KIP-345), each with an error of its own.
//!
//! Gap: the reason (KIP-800) is not kept.

use std::sync::Arc;

use broker::groups::{
    GroupError, GroupReply, GroupRequest, LeaveRequest, LeavingMember, LeftMember,
};
use wire::ErrorCode;
use wire::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use super::group_fields::{name, text};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// First version that names several members.
const MEMBERS_SINCE: i16 = 3;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: LeaveGroupRequest) -> Reply {
    let members: Vec<_> = if call.version >= MEMBERS_SINCE {
        let members = request.members.into_iter().map(|member| LeavingMember {
            member_id: member.member_id.to_string(),
            instance_id: name(member.group_instance_id),
        });
        members.collect()
    } else {
        vec![LeavingMember { member_id: request.member_id.to_string(), instance_id: None }]
    };
    let named = members.clone();
    let leave = LeaveRequest { group_id: request.group_id.to_string(), members };
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let (mut error, left) = match groups.request(GroupRequest::Leave(leave)).await {
            GroupReply::Leave(Ok(left)) => (ErrorCode::None, left),
            GroupReply::Leave(Err(GroupError::UnknownMemberId)) => {
                // The group is not there: that is said of each member.
                (ErrorCode::None, named.into_iter().map(unknown).collect())
            }
            GroupReply::Leave(Err(error)) => (error.code(), Vec::new()),
            other => unreachable!("a leave was answered with {other:?}"),
        };
        if call.version < MEMBERS_SINCE && error == ErrorCode::None {
            error = left.first().map_or(ErrorCode::None, |member| member.error.code());
        }
        let members =
            left.iter().filter(|_| call.version >= MEMBERS_SINCE).map(|member| MemberResponse {
                member_id: text(&member.member_id),
                group_instance_id: member.instance_id.as_deref().map(text),
                error_code: member.error.code().number(),
            });
        call.answer(&LeaveGroupResponse {
            error_code: error.number(),
            members: members.collect(),
            ..LeaveGroupResponse::default()
        })
    })
}

fn unknown(member: LeavingMember) -> LeftMember {
    LeftMember {
        member_id: member.member_id,
        instance_id: member.instance_id,
        error: Some(GroupError::UnknownMemberId),
    }
}
