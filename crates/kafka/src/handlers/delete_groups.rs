//! DeleteGroups (42), versions 0 to 2: deletes groups without members, with their offsets.
//!
//! A group that is named twice is answered once, as in Kafka.

use std::collections::HashSet;
use std::sync::Arc;

use broker::groups::{GroupReply, GroupRequest};
use wire::Str;
use wire::messages::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};

use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Coded;
use crate::listener::Shared;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: DeleteGroupsRequest) -> Reply {
    let mut seen = HashSet::new();
    let names = request.groups_names.iter().filter(|name| seen.insert(name.as_str()));
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    let groups = shared.broker.groups().clone();
    Reply::later(async move {
        let mut results = Vec::with_capacity(names.len());
        for group_id in names {
            let name = Str::from(&group_id);
            match groups.request(GroupRequest::Delete { group_id }).await {
                GroupReply::Delete(outcome) => results.push(DeletableGroupResult {
                    group_id: name,
                    error_code: outcome.code().number(),
                }),
                other => unreachable!("a deletion was answered with {other:?}"),
            }
        }
        call.answer(&DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() })
    })
}
