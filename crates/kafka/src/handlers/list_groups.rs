//! ListGroups (16), versions 0 to 5: the groups this broker coordinates.
//!
//! Filters by state from version 4 (KIP-518) and by type from 5 (KIP-848); all groups are classic so
//! far. A broker that still loads its groups says so instead of showing some of them.

use std::sync::Arc;

use broker::groups::ListFilter;
use wire::Str;
use wire::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use super::group_fields::text;
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: ListGroupsRequest) -> Reply {
    let words = |words: &[Str]| words.iter().map(|word| word.to_string()).collect();
    let filter =
        ListFilter { states: words(&request.states_filter), types: words(&request.types_filter) };
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let listed = groups.list(&filter).await;
        let error = listed.code();
        let groups = listed.unwrap_or_default();
        let groups = groups.iter().map(|group| ListedGroup {
            group_id: text(&group.group_id),
            protocol_type: text(group.protocol_type.as_deref().unwrap_or_default()),
            group_state: Str::from_static(group.state.as_str()),
            group_type: Str::from_static(group.group_type),
        });
        call.answer(&ListGroupsResponse {
            error_code: error.number(),
            groups: groups.collect(),
            ..ListGroupsResponse::default()
        })
    })
}
