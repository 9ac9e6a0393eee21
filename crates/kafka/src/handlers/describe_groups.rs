//! DescribeGroups (15), versions 0 to 6: state and members of classic groups.
//!
//! A group that is not there is shown as dead, without an error before version 6 and with
//! GroupIdNotFound from then on (KIP-1043).
//!
//! Gap: no authorizer, so all operations are allowed where they are asked for (KIP-430).

use std::sync::Arc;

use broker::groups::{GroupDescription, GroupError, GroupReply, GroupRequest};
use wire::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use wire::{ErrorCode, Str};

use super::group_fields::{bytes, text};
use super::permissions;
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

/// First version in which a group that is not there is an error.
const NOT_FOUND_SINCE: i16 = 6;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: DescribeGroupsRequest) -> Reply {
    let names: Vec<String> = request.groups.iter().map(|name| name.to_string()).collect();
    let operations = request.include_authorized_operations;
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let mut described = Vec::with_capacity(names.len());
        for group_id in names {
            match groups.request(GroupRequest::Describe { group_id }).await {
                GroupReply::Describe(group) => {
                    described.push(show(call.version, group, operations));
                }
                other => unreachable!("a describe was answered with {other:?}"),
            }
        }
        call.answer(&DescribeGroupsResponse {
            groups: described,
            ..DescribeGroupsResponse::default()
        })
    })
}

fn show(version: i16, group: GroupDescription, operations: bool) -> DescribedGroup {
    let (error, message) = match group.error {
        None => (ErrorCode::None, None),
        Some(GroupError::GroupIdNotFound) if version < NOT_FOUND_SINCE => (ErrorCode::None, None),
        Some(GroupError::GroupIdNotFound) => {
            let message = format!("Group {} not found.", group.group_id);
            (ErrorCode::GroupIdNotFound, Some(Str::from(message)))
        }
        Some(error) => {
            return DescribedGroup {
                error_code: error.code().number(),
                error_message: (version >= NOT_FOUND_SINCE).then(|| text(&error.to_string())),
                group_id: Str::from(group.group_id),
                ..DescribedGroup::default()
            };
        }
    };
    let members = group.members.iter().map(|member| DescribedGroupMember {
        member_id: text(&member.member_id),
        group_instance_id: member.instance_id.as_deref().map(text),
        client_id: text(&member.client_id),
        client_host: text(&member.client_host),
        member_metadata: bytes(&member.metadata),
        member_assignment: bytes(&member.assignment),
    });
    DescribedGroup {
        error_code: error.number(),
        error_message: message,
        group_state: Str::from_static(group.state.as_str()),
        protocol_type: text(group.protocol_type.as_deref().unwrap_or_default()),
        protocol_data: text(group.protocol_name.as_deref().unwrap_or_default()),
        members: members.collect(),
        authorized_operations: permissions::group(operations),
        group_id: Str::from(group.group_id),
    }
}
