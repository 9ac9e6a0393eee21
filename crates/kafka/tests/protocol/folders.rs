//! What clients see of log directories that fail: Metadata, Produce, Fetch, FindCoordinator and
//! DescribeLogDirs.

use std::path::Path;

use env::sim::{CrashLoss, Sim};
use wire::ErrorCode;
use wire::messages::describe_log_dirs::DescribeLogDirsRequest;
use wire::messages::find_coordinator::FindCoordinatorRequest;
use wire::messages::metadata::{MetadataRequest, MetadataResponsePartition};

use crate::node::{
    Client, FETCH_BY_NAME, Node, PRODUCE_BY_NAME, batch, fetch_request, produce_request,
};

const FLAGS: [&str; 1] = ["log.dirs=/a,/b"];

async fn described(client: &mut Client, topic: &str) -> Vec<MetadataResponsePartition> {
    let all = client.call(9, &MetadataRequest { topics: None, ..Default::default() }).await;
    let topic = all.topics.into_iter().find(|it| it.name.as_deref() == Some(topic));
    topic.expect("the topic is listed").partitions
}

/// Folder, error, and how many partitions of `topic` are in it.
async fn folders(client: &mut Client, topic: &str) -> Vec<(String, i16, usize)> {
    let answer = client.call(4, &DescribeLogDirsRequest { topics: None }).await;
    let dirs = answer.results.iter().map(|dir| {
        let found = dir.topics.iter().find(|it| &*it.name == topic);
        (dir.log_dir.to_string(), dir.error_code, found.map_or(0, |it| it.partitions.len()))
    });
    dirs.collect()
}

async fn produced(client: &mut Client, partition: i32) -> i16 {
    let request = produce_request("t", partition, batch(&["value"]));
    let answer = client.call(PRODUCE_BY_NAME, &request).await;
    answer.responses[0].partition_responses[0].error_code
}

async fn fetched(client: &mut Client, partition: i32) -> (i16, usize) {
    let answer = client.call(FETCH_BY_NAME, &fetch_request("t", partition, 0)).await;
    let partition = &answer.responses[0].partitions[0];
    let bytes = partition.records.as_ref().map_or(0, |records| records.len());
    (partition.error_code, bytes)
}

#[tokio::test]
async fn a_failed_log_directory_is_told_and_the_others_are_served() {
    let storage_error = ErrorCode::KafkaStorageError.number();
    let node = Node::with(&FLAGS).await;
    let mut client = node.connect().await;
    client.create("t", 2).await;
    client.find_group("g").await;
    // Which of the two is in /b: the offsets topic took one place in each.
    let answer = client.call(4, &DescribeLogDirsRequest { topics: None }).await;
    let second = &answer.results[1];
    assert_eq!(&*second.log_dir, "/b");
    let in_b = second.topics.iter().find(|it| &*it.name == "t").expect("it has one");
    let in_b = in_b.partitions[0].partition_index;
    let in_a = 1 - in_b;
    for partition in [in_a, in_b] {
        assert_eq!(produced(&mut client, partition).await, 0);
    }
    let both = [("/a".to_owned(), 0, 1), ("/b".to_owned(), 0, 1)];
    assert_eq!(folders(&mut client, "t").await, both);

    // The disk of /b fails: nothing is written there, and what is there is read.
    node.sim.disk.break_under(Path::new("/b"));
    assert_eq!(produced(&mut client, in_b).await, storage_error);
    assert_eq!(produced(&mut client, in_a).await, 0);
    let (error, bytes) = fetched(&mut client, in_b).await;
    assert!(error == 0 && bytes > 0, "{error}, {bytes} bytes");
    for shown in described(&mut client, "t").await {
        let offline: &[i32] = if shown.partition_index == in_b { &[1] } else { &[] };
        assert_eq!((shown.error_code, shown.leader_id), (0, 1), "{shown:?}");
        assert_eq!(shown.offline_replicas, offline, "{shown:?}");
    }
    let failed = [("/a".to_owned(), 0, 1), ("/b".to_owned(), storage_error, 1)];
    assert_eq!(folders(&mut client, "t").await, failed);

    // It is not there at the next start.
    let sim = Sim { disk: node.sim.disk.clone(), ..Sim::new(8) };
    node.server.stop().await;
    node.broker.stop().await;
    sim.disk.crash(CrashLoss::Everything);
    sim.env().disk.rename(Path::new("/b"), Path::new("/away")).expect("moved");
    let node = Node::on(sim, &FLAGS).await;
    let mut client = node.connect().await;
    assert_eq!(produced(&mut client, in_b).await, storage_error);
    assert_eq!(fetched(&mut client, in_b).await, (storage_error, 0));
    assert_eq!(produced(&mut client, in_a).await, 0);
    let missing = ErrorCode::LeaderNotAvailable.number();
    for shown in described(&mut client, "t").await {
        let is_missing = shown.partition_index == in_b;
        let expected = if is_missing { (missing, -1) } else { (0, 1) };
        assert_eq!((shown.error_code, shown.leader_id), expected, "{shown:?}");
        assert_eq!(shown.offline_replicas.is_empty(), !is_missing, "{shown:?}");
    }
    let gone = [("/a".to_owned(), 0, 1), ("/b".to_owned(), storage_error, 0)];
    assert_eq!(folders(&mut client, "t").await, gone);
    // Groups of the offsets partition that is away have no coordinator, the others have theirs.
    let request = FindCoordinatorRequest {
        coordinator_keys: (0..20).map(|n| format!("g{n}").as_str().into()).collect(),
        ..FindCoordinatorRequest::default()
    };
    let found = client.call(4, &request).await.coordinators;
    let unavailable = ErrorCode::CoordinatorNotAvailable.number();
    let without = found.iter().filter(|it| it.error_code == unavailable).count();
    let with = found.iter().filter(|it| it.error_code == 0 && it.node_id == 1).count();
    assert!(without > 0 && with > 0 && without + with == 20, "{with} have one, {without} not");
}
