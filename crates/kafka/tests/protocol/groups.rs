//! Groups over the wire: membership, offsets, administration, in every version.

use bytes::Bytes;
use wire::messages::delete_groups::DeleteGroupsRequest;
use wire::messages::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use wire::messages::find_coordinator::FindCoordinatorRequest;
use wire::messages::heartbeat::HeartbeatRequest;
use wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use wire::messages::list_groups::ListGroupsRequest;
use wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use wire::{ErrorCode, Str};

use crate::node::{Client, Node};

fn join(group: &str, member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.into(),
        member_id: member.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: Bytes::from_static(b"subscription"),
        }],
        ..JoinGroupRequest::default()
    }
}

/// Joins as the only member, by way of a first answer with the member id where there is one.
async fn joined(client: &mut Client, version: i16, group: &str) -> JoinGroupResponse {
    let mut answer = client.call(version, &join(group, "")).await;
    if version >= 4 {
        assert_eq!(answer.error_code, ErrorCode::MemberIdRequired.number(), "{version}");
        answer = client.call(version, &join(group, &answer.member_id)).await;
    }
    assert_eq!(answer.error_code, 0, "version {version}");
    answer
}

async fn synced(client: &mut Client, version: i16, group: &str, joined: &JoinGroupResponse) {
    let share = SyncGroupRequestAssignment {
        member_id: joined.member_id.clone(),
        assignment: Bytes::from_static(b"yours"),
    };
    let request = SyncGroupRequest {
        group_id: group.into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: (version >= 5).then(|| "consumer".into()),
        protocol_name: (version >= 5).then(|| "range".into()),
        assignments: vec![share],
        ..SyncGroupRequest::default()
    };
    let answer = client.call(version, &request).await;
    assert_eq!(answer.error_code, 0, "version {version}");
    assert_eq!(&*answer.assignment, b"yours", "version {version}");
}

async fn describe(client: &mut Client, version: i16, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest {
        groups: vec![group.into()],
        include_authorized_operations: version >= 3,
    };
    client.call(version, &request).await.groups.remove(0)
}

#[tokio::test]
async fn a_member_joins_syncs_and_leaves_in_every_version() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.find_group("g").await;
    for version in 0..=9 {
        let group = format!("g{version}");
        let member = joined(&mut client, version, &group).await;
        assert_eq!(member.generation_id, 1, "version {version}");
        assert_eq!(member.leader, member.member_id, "version {version}");
        assert_eq!(member.protocol_name.as_deref(), Some("range"));
        assert_eq!(&*member.members[0].metadata, b"subscription");
        assert!(member.member_id.starts_with("test-"), "{}", member.member_id);
        synced(&mut client, version.min(5), &group, &member).await;

        let beat = HeartbeatRequest {
            group_id: Str::from(&group),
            generation_id: 1,
            member_id: member.member_id.clone(),
            ..HeartbeatRequest::default()
        };
        let answer = client.call(version.min(4), &beat).await;
        assert_eq!(answer.error_code, 0, "version {version}");
        let late = HeartbeatRequest { generation_id: 9, ..beat };
        let answer = client.call(version.min(4), &late).await;
        assert_eq!(answer.error_code, ErrorCode::IllegalGeneration.number());

        let described = describe(&mut client, version.min(6), &group).await;
        assert_eq!((described.error_code, &*described.group_state), (0, "Stable"));
        let described = &described.members[0];
        assert_eq!((&*described.client_id, &*described.client_host), ("test", "/127.0.0.1"));
        assert_eq!(&*described.member_assignment, b"yours");

        let version = version.min(5);
        let mut leave = LeaveGroupRequest { group_id: Str::from(&group), ..Default::default() };
        if version >= 3 {
            let member_id = member.member_id.clone();
            leave.members = vec![MemberIdentity { member_id, ..MemberIdentity::default() }];
        } else {
            leave.member_id = member.member_id.clone();
        }
        let answer = client.call(version, &leave).await;
        assert_eq!(answer.error_code, 0, "version {version}");
        assert_eq!(answer.members.len(), usize::from(version >= 3), "version {version}");
        let unknown = ErrorCode::UnknownMemberId.number();
        let nowhere = LeaveGroupRequest { group_id: "no group".into(), ..leave.clone() };
        for leave in [leave, nowhere] {
            let again = client.call(version, &leave).await;
            match version {
                0..3 => assert_eq!(again.error_code, unknown, "version {version}"),
                _ => assert_eq!(
                    (again.error_code, again.members[0].error_code),
                    (0, unknown),
                    "version {version}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn two_members_share_a_generation() {
    let node = Node::start().await;
    let mut first = node.connect().await;
    let mut second = node.connect().await;
    first.find_group("g").await;
    let leader = joined(&mut first, 5, "g").await;
    synced(&mut first, 3, "g", &leader).await;
    let given = second.call(5, &join("g", "")).await.member_id;
    let waiting = second.send(5, &join("g", &given)).await;
    // The leader learns of it by its heartbeat and joins again.
    let beat = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: 1,
        member_id: leader.member_id.clone(),
        ..HeartbeatRequest::default()
    };
    let mut error = 0;
    for _ in 0..500 {
        error = first.call(3, &beat).await.error_code;
        if error != 0 {
            break;
        }
        env::clock::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!(error, ErrorCode::RebalanceInProgress.number());
    let leader = first.call(5, &join("g", &leader.member_id)).await;
    let follower = second.receive::<JoinGroupRequest>(5, waiting).await;
    assert_eq!((leader.generation_id, follower.generation_id), (2, 2));
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    assert_eq!(follower.leader, leader.member_id);
}

#[tokio::test]
async fn wrong_members_are_refused() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.find_group("g").await;
    let short = JoinGroupRequest { session_timeout_ms: 10, ..join("g", "") };
    let none = JoinGroupRequest { protocols: vec![], ..join("g", "") };
    let long = "x".repeat(2000);
    for (request, error) in [
        (join("", ""), ErrorCode::InvalidGroupId),
        (join(&long, ""), ErrorCode::InvalidGroupId),
        (short, ErrorCode::InvalidSessionTimeout),
        (none, ErrorCode::InconsistentGroupProtocol),
        (join("g", "nobody"), ErrorCode::UnknownMemberId),
    ] {
        for version in [0, 5, 9] {
            let answer = client.call(version, &request).await;
            assert_eq!(answer.error_code, error.number(), "version {version}");
            assert_eq!(answer.generation_id, -1);
            let no_protocol = (version < 7).then_some("");
            assert_eq!(answer.protocol_name.as_deref(), no_protocol, "version {version}");
        }
    }
    let nameless = SyncGroupRequest { group_id: "g".into(), ..SyncGroupRequest::default() };
    let answer = client.call(5, &nameless).await;
    assert_eq!(answer.error_code, ErrorCode::InconsistentGroupProtocol.number());
    let answer = client.call(4, &nameless).await;
    assert_eq!(answer.error_code, ErrorCode::UnknownMemberId.number());
}

fn commit(group: &str, topic: &str, offsets: &[(i32, i64)]) -> OffsetCommitRequest {
    let partitions = offsets.iter().map(|(partition, offset)| OffsetCommitRequestPartition {
        partition_index: *partition,
        committed_offset: *offset,
        committed_metadata: Some("note".into()),
        ..OffsetCommitRequestPartition::default()
    });
    let topic = OffsetCommitRequestTopic {
        name: topic.into(),
        partitions: partitions.collect(),
        ..OffsetCommitRequestTopic::default()
    };
    OffsetCommitRequest {
        group_id: group.into(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    }
}

/// What is stored for a partition: offset, note and error.
async fn stored(
    client: &mut Client,
    version: i16,
    group: &str,
    topic: &str,
    partition: i32,
) -> (i64, String, i16) {
    if version < 8 {
        let topic =
            OffsetFetchRequestTopic { name: topic.into(), partition_indexes: vec![partition] };
        let request = OffsetFetchRequest {
            group_id: group.into(),
            topics: Some(vec![topic]),
            ..OffsetFetchRequest::default()
        };
        let answer = client.call(version, &request).await;
        assert_eq!(answer.error_code, 0, "version {version}");
        let found = &answer.topics[0].partitions[0];
        let note = found.metadata.as_deref().unwrap_or("null").to_owned();
        return (found.committed_offset, note, found.error_code);
    }
    let topic = OffsetFetchRequestTopics {
        name: topic.into(),
        partition_indexes: vec![partition],
        ..OffsetFetchRequestTopics::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: group.into(),
        topics: Some(vec![topic]),
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
    let answer = client.call(version, &request).await;
    assert_eq!(answer.groups[0].error_code, 0, "version {version}");
    let found = &answer.groups[0].topics[0].partitions[0];
    let note = found.metadata.as_deref().unwrap_or("null").to_owned();
    (found.committed_offset, note, found.error_code)
}

#[tokio::test]
async fn offsets_are_stored_and_found_in_every_version() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    client.find_group("g").await;
    for version in 2..=9 {
        let offset = i64::from(version) * 10;
        let request = commit("g", "t", &[(9, 1), (1, offset), (-1, 1)]);
        let answer = client.call(version, &request).await;
        let told: Vec<_> = answer.topics[0]
            .partitions
            .iter()
            .map(|partition| (partition.partition_index, partition.error_code))
            .collect();
        assert_eq!(told, [(9, 3), (1, 0), (-1, 3)], "version {version}");
        for version in 1..=9 {
            let found = stored(&mut client, version, "g", "t", 1).await;
            assert_eq!(found, (offset, "note".to_owned(), 0), "version {version}");
            let nothing = stored(&mut client, version, "g", "t", 0).await;
            assert_eq!(nothing, (-1, String::new(), 0), "version {version}");
            let nowhere = stored(&mut client, version, "nobody", "no topic", 0).await;
            assert_eq!(nowhere, (-1, String::new(), 0), "version {version}");
        }
    }
    let answer = client.call(6, &commit("g", "no topic", &[(0, 1)])).await;
    let told = answer.topics[0].partitions[0].error_code;
    assert_eq!(told, ErrorCode::UnknownTopicOrPartition.number());
}

#[tokio::test]
async fn null_topics_are_all_topics() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    client.find_group("g").await;
    client.call(6, &commit("g", "t", &[(0, 5), (1, 6)])).await;
    for version in 2..=7 {
        let request =
            OffsetFetchRequest { group_id: "g".into(), topics: None, ..Default::default() };
        let answer = client.call(version, &request).await;
        assert_eq!(answer.topics[0].name, "t", "version {version}");
        assert_eq!(answer.topics[0].partitions.len(), 2, "version {version}");
    }
    let groups = ["g", "nobody"].map(|group| OffsetFetchRequestGroup {
        group_id: group.into(),
        topics: None,
        ..OffsetFetchRequestGroup::default()
    });
    let request = OffsetFetchRequest { groups: groups.to_vec(), ..OffsetFetchRequest::default() };
    for version in 8..=10 {
        let answer = client.call(version, &request).await;
        let told: Vec<_> = answer
            .groups
            .iter()
            .map(|group| (&*group.group_id, group.error_code, group.topics.len()))
            .collect();
        assert_eq!(told, [("g", 0, 1), ("nobody", 0, 0)], "version {version}");
    }
}

#[tokio::test]
async fn a_stranger_may_not_commit_for_a_group() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    client.find_group("g").await;
    let member = joined(&mut client, 5, "g").await;
    synced(&mut client, 3, "g", &member).await;
    for (member_id, generation, group, version, error) in [
        (&*member.member_id, 1, "g", 8, ErrorCode::None),
        (&*member.member_id, 7, "g", 8, ErrorCode::IllegalGeneration),
        ("stranger", 1, "g", 8, ErrorCode::UnknownMemberId),
        ("stranger", 1, "no group", 8, ErrorCode::IllegalGeneration),
        ("stranger", 1, "no group", 9, ErrorCode::GroupIdNotFound),
    ] {
        let request = OffsetCommitRequest {
            member_id: member_id.into(),
            generation_id_or_member_epoch: generation,
            ..commit(group, "t", &[(0, 3)])
        };
        let answer = client.call(version, &request).await;
        let told = answer.topics[0].partitions[0].error_code;
        assert_eq!(told, error.number(), "{member_id} {generation} {group} {version}");
    }
}

#[tokio::test]
async fn groups_are_found_where_they_are() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let here = node.broker.node().0;
    for version in 0..=3 {
        let request = FindCoordinatorRequest { key: "g".into(), ..Default::default() };
        let answer = client.call(version, &request).await;
        assert_eq!((answer.error_code, answer.node_id), (0, here), "version {version}");
        assert_eq!((&*answer.host, answer.port), ("127.0.0.1", i32::from(node.address.port())));
    }
    let keys = |key_type| FindCoordinatorRequest {
        key_type,
        coordinator_keys: vec!["one".into(), "".into()],
        ..FindCoordinatorRequest::default()
    };
    for version in 4..=6 {
        let answer = client.call(version, &keys(0)).await;
        let told: Vec<_> =
            answer.coordinators.iter().map(|c| (&*c.key, c.error_code, c.node_id)).collect();
        assert_eq!(told, [("one", 0, here), ("", 0, here)], "version {version}");
        for (key_type, error) in [
            (1, ErrorCode::UnsupportedVersion),
            (
                2,
                if version < 6 { ErrorCode::InvalidRequest } else { ErrorCode::UnsupportedVersion },
            ),
            (5, ErrorCode::InvalidRequest),
        ] {
            let answer = client.call(version, &keys(key_type)).await;
            let refused = &answer.coordinators[0];
            assert_eq!(refused.error_code, error.number(), "type {key_type} version {version}");
            assert_eq!((refused.node_id, &*refused.host, refused.port), (-1, "", -1));
            assert!(refused.error_message.is_some());
        }
    }
    assert!(node.broker.image().topic("__consumer_offsets").is_some_and(|topic| topic.internal));
}

#[tokio::test]
async fn a_group_that_is_not_there_is_dead_and_later_not_found() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.find_group("g").await;
    for version in 0..=6 {
        let described = describe(&mut client, version, "nobody").await;
        assert_eq!(described.group_state, "Dead", "version {version}");
        let error = if version < 6 { ErrorCode::None } else { ErrorCode::GroupIdNotFound };
        assert_eq!(described.error_code, error.number(), "version {version}");
        let operations = if version < 3 { i32::MIN } else { 3400 };
        assert_eq!(described.authorized_operations, operations, "version {version}");
    }
    let described = describe(&mut client, 6, "nobody").await;
    assert_eq!(described.error_message.as_deref(), Some("Group nobody not found."));
}

#[tokio::test]
async fn groups_are_listed_and_filtered() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 1).await;
    client.find_group("members").await;
    let member = joined(&mut client, 5, "members").await;
    synced(&mut client, 3, "members", &member).await;
    client.call(6, &commit("offsets only", "t", &[(0, 1)])).await;
    for version in 0..=5 {
        let mut groups = client.call(version, &ListGroupsRequest::default()).await.groups;
        groups.sort_by(|left, right| left.group_id.cmp(&right.group_id));
        let told: Vec<_> =
            groups.iter().map(|group| (&*group.group_id, &*group.protocol_type)).collect();
        assert_eq!(told, [("members", "consumer"), ("offsets only", "")], "version {version}");
        let state = if version >= 4 { "Stable" } else { "" };
        assert_eq!(groups[0].group_state, state, "version {version}");
        let group_type = if version >= 5 { "classic" } else { "" };
        assert_eq!(groups[0].group_type, group_type, "version {version}");
    }
    let filter = |states: &[&str], types: &[&str]| ListGroupsRequest {
        states_filter: states.iter().copied().map(Str::from).collect(),
        types_filter: types.iter().copied().map(Str::from).collect(),
    };
    for (request, expected) in [
        (filter(&["empty"], &[]), vec!["offsets only"]),
        (filter(&["Stable", "Dead"], &["Classic"]), vec!["members"]),
        (filter(&[], &["consumer"]), vec![]),
    ] {
        let groups = client.call(5, &request).await.groups;
        let names: Vec<_> = groups.iter().map(|group| &*group.group_id).collect();
        assert_eq!(names, expected, "{request:?}");
    }
}

#[tokio::test]
async fn groups_and_offsets_are_deleted() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    client.find_group("g").await;
    client.call(6, &commit("g", "t", &[(0, 1), (1, 2)])).await;
    let forget = |group: &str| {
        let topic = |name: &str, numbers: &[i32]| OffsetDeleteRequestTopic {
            name: name.into(),
            partitions: numbers
                .iter()
                .map(|number| OffsetDeleteRequestPartition { partition_index: *number })
                .collect(),
        };
        OffsetDeleteRequest {
            group_id: group.into(),
            topics: vec![topic("nope", &[0]), topic("t", &[0, 9])],
        }
    };
    let answer = client.call(0, &forget("g")).await;
    assert_eq!(answer.error_code, 0);
    let mut told: Vec<_> = answer
        .topics
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(|p| (&*topic.name, p.partition_index, p.error_code))
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("nope", 0, 3), ("t", 0, 0), ("t", 9, 3)]);
    assert_eq!(stored(&mut client, 7, "g", "t", 0).await.0, -1);
    assert_eq!(stored(&mut client, 7, "g", "t", 1).await.0, 2);
    for (group, error) in [("nobody", ErrorCode::GroupIdNotFound), ("", ErrorCode::InvalidGroupId)]
    {
        let answer = client.call(0, &forget(group)).await;
        assert_eq!((answer.error_code, answer.topics.len()), (error.number(), 0), "{group:?}");
    }

    let member = joined(&mut client, 5, "busy").await;
    synced(&mut client, 3, "busy", &member).await;
    let names = ["g", "nobody", "busy", "nobody"];
    for version in 0..=2 {
        client.call(6, &commit("g", "t", &[(0, 1)])).await;
        let request = DeleteGroupsRequest { groups_names: names.map(Str::from_static).to_vec() };
        let answer = client.call(version, &request).await;
        let told: Vec<_> =
            answer.results.iter().map(|told| (&*told.group_id, told.error_code)).collect();
        let (not_found, non_empty) =
            (ErrorCode::GroupIdNotFound.number(), ErrorCode::NonEmptyGroup.number());
        assert_eq!(told, [("g", 0), ("nobody", not_found), ("busy", non_empty)], "{version}");
        assert_eq!(stored(&mut client, 7, "g", "t", 0).await.0, -1);
    }
}
