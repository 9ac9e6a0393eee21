//! Groups: list, describe, delete, and their committed offsets.

use std::sync::Arc;

use records::{LeaderEpoch, Offset};
use wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use wire::messages::delete_groups::DeleteGroupsRequest;
use wire::messages::describe_groups::{DescribeGroupsRequest, DescribedGroupMember};
use wire::messages::list_groups::ListGroupsRequest;
use wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use wire::{ErrorCode, Request};

use super::group_offsets::{self, CommittedOffset, Committer, NewOffset};
use super::{Admin, Answerer, check, missing};
use crate::ClientError;
use crate::metadata::TopicPartition;

/// A group, briefly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupListing {
    /// Its id.
    pub id: String,
    /// What its members do: `consumer`, `connect` or other; empty for one that has offsets only.
    pub protocol_type: String,
    /// Its state, if the broker says so.
    pub state: Option<String>,
    /// `classic`, `consumer` or `share`, if the broker says so.
    pub kind: Option<String>,
    /// Who coordinates it.
    pub coordinator: i32,
}

/// A group and its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDescription {
    /// Its id.
    pub id: String,
    /// Its state: `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance` or `Dead`.
    pub state: String,
    /// What its members do.
    pub protocol_type: String,
    /// How it divides the partitions.
    pub protocol: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// Its instance id, if it is static.
    pub instance_id: Option<String>,
    /// How its client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// What it was given, if it is a consumer.
    pub partitions: Vec<TopicPartition>,
}

impl Admin {
    /// All groups, by id.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        self.cluster.refresh().await?;
        let mut groups = Vec::new();
        for (node, _) in self.cluster.all().await? {
            let listed = self.ask(
                Answerer::Node(node),
                |_| ListGroupsRequest::default(),
                |response| {
                    let subject = || format!("broker {node}");
                    check::<ListGroupsRequest>(response.error_code, None, subject)?;
                    Ok(response.groups)
                },
            );
            let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            groups.extend(listed.await?.into_iter().map(|group| GroupListing {
                id: group.group_id.to_string(),
                protocol_type: group.protocol_type.to_string(),
                state: known(&group.group_state),
                kind: known(&group.group_type),
                coordinator: node,
            }));
        }
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(groups)
    }

    /// A group and its members. One that does not exist is refused with `GroupIdNotFound`.
    pub async fn describe_group(&self, id: &str) -> Result<GroupDescription, ClientError> {
        let make = |_| DescribeGroupsRequest {
            groups: vec![id.into()],
            ..DescribeGroupsRequest::default()
        };
        self.ask(Answerer::GroupCoordinator(id), make, |response| {
            let Some(group) = response.groups.into_iter().next() else {
                return Err(missing::<DescribeGroupsRequest>(id));
            };
            let message = group.error_message.as_deref();
            check::<DescribeGroupsRequest>(group.error_code, message, || subject(id))?;
            if *group.group_state == *"Dead" {
                // How older brokers say that there is none.
                let code = ErrorCode::GroupIdNotFound;
                let api = DescribeGroupsRequest::KEY.name();
                return Err(ClientError::broker(api, subject(id), code, None));
            }
            Ok(GroupDescription {
                id: group.group_id.to_string(),
                state: group.group_state.to_string(),
                protocol_type: group.protocol_type.to_string(),
                protocol: group.protocol_data.to_string(),
                members: group.members.iter().map(member).collect(),
            })
        })
        .await
    }

    /// Deletes a group that has no members, with its offsets.
    pub async fn delete_group(&self, id: &str) -> Result<(), ClientError> {
        let make = |_| DeleteGroupsRequest { groups_names: vec![id.into()] };
        self.ask(Answerer::GroupCoordinator(id), make, |response| {
            let Some(result) = response.results.into_iter().next() else {
                return Err(missing::<DeleteGroupsRequest>(id));
            };
            check::<DeleteGroupsRequest>(result.error_code, None, || subject(id))
        })
        .await
    }

    /// The offsets a group has committed: those of these partitions, or all. Partitions without one
    /// are left out.
    pub async fn group_offsets(
        &self,
        id: &str,
        places: Option<&[TopicPartition]>,
    ) -> Result<Vec<CommittedOffset>, ClientError> {
        group_offsets::fetch(&self.cluster, id, places).await
    }

    /// Commits offsets for a group that has no members.
    pub async fn set_group_offsets(
        &self,
        id: &str,
        offsets: &[(TopicPartition, Offset)],
    ) -> Result<(), ClientError> {
        let offsets: Vec<_> = offsets
            .iter()
            .map(|(place, offset)| NewOffset {
                place: place.clone(),
                offset: *offset,
                leader_epoch: LeaderEpoch::NONE,
                metadata: None,
            })
            .collect();
        group_offsets::commit(&self.cluster, id, &Committer::outside(), &offsets).await
    }

    /// Forgets a group's offset of a partition that none of its members reads.
    pub async fn delete_group_offset(
        &self,
        id: &str,
        place: &TopicPartition,
    ) -> Result<(), ClientError> {
        let make = |_| OffsetDeleteRequest {
            group_id: id.into(),
            topics: vec![OffsetDeleteRequestTopic {
                name: (&*place.topic).into(),
                partitions: vec![OffsetDeleteRequestPartition { partition_index: place.partition }],
            }],
        };
        self.ask(Answerer::GroupCoordinator(id), make, |response| {
            check::<OffsetDeleteRequest>(response.error_code, None, || subject(id))?;
            let mut results = response.topics.into_iter().flat_map(|topic| topic.partitions);
            let Some(result) = results.next() else {
                return Err(missing::<OffsetDeleteRequest>(place.to_string()));
            };
            check::<OffsetDeleteRequest>(result.error_code, None, || {
                format!("{place} in group '{id}'")
            })
        })
        .await
    }
}

fn subject(group: &str) -> String {
    format!("group '{group}'")
}

fn member(member: &DescribedGroupMember) -> GroupMember {
    // What other kinds of members were given is their own affair, and not to be read here.
    let assignment = ConsumerProtocolAssignment::from_payload(member.member_assignment.clone());
    let assigned = assignment.map(|assignment| assignment.assigned_partitions).unwrap_or_default();
    let mut partitions = Vec::new();
    for topic in &assigned {
        let name: Arc<str> = Arc::from(&*topic.topic);
        partitions.extend(topic.partitions.iter().map(|id| TopicPartition::new(name.clone(), *id)));
    }
    GroupMember {
        id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        partitions,
    }
}
