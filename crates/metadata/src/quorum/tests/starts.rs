//! What a start finds: the folder of an earlier process, of another node, or of a first start that was cut
//! off.

use super::*;

#[tokio::test]
async fn what_was_submitted_is_there_after_a_restart() {
    let folder = Folder::new("restart");
    let quorum = folder.start().await;
    assert_eq!(quorum.image().cluster_id().len(), 22);
    assert_eq!(quorum.image().controller(), Some(NODE));
    let registered = quorum.submit(register()).await.unwrap();
    let version = quorum.image().version();
    assert_eq!(registered, Outcome::BrokerRegistered(Ok(i64::try_from(version).unwrap())));
    let id = create_topic(&quorum, "t").await;
    let topic = quorum.image().topic("t").unwrap().clone();
    assert_eq!((topic.id, topic.partitions.len()), (id, 3));
    assert_eq!(topic.partition(2).unwrap().leader, Some(NODE));
    let before = content(&quorum);
    quorum.shutdown().await;
    assert_eq!(quorum.submit(register()).await, Err(QuorumError::Stopped));

    for _ in 0..3 {
        let quorum = folder.start().await;
        assert_eq!(content(&quorum), before);
        assert!(quorum.image().version() > version);
        quorum.shutdown().await;
    }
}

#[tokio::test]
async fn a_dropped_quorum_lets_go_and_loses_nothing() {
    let folder = Folder::new("dropped");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    create_topic(&quorum, "t").await;
    let before = content(&quorum);
    drop(quorum);
    let quorum = folder.start().await;
    assert_eq!(content(&quorum), before);
    quorum.shutdown().await;
}

/// Every start waits for the disk; what it asks of it is little, and does not grow with the number of starts.
#[tokio::test]
async fn a_start_changes_little_on_the_disk() {
    let sim = env::sim::Sim::new(1);
    let env = sim.env();
    env.disk.create_dir_all(Path::new("/data")).unwrap();
    let mut changes = Vec::new();
    for round in 0..6 {
        let before = sim.disk.changes();
        let quorum =
            Quorum::start(env.clone(), "/data/metadata".into(), NODE, QuorumConfig::default());
        let quorum = quorum.await.unwrap();
        changes.push(sim.disk.changes() - before);
        if round == 0 {
            quorum.submit(register()).await.unwrap();
        }
        quorum.shutdown().await;
    }
    println!("{changes:?}");
    let again = changes.split_off(1);
    assert!(changes[0] <= 40, "first start: {changes:?}");
    assert!(again.iter().all(|changes| *changes <= 10), "later ones: {again:?}");
}

/// Prints what a cluster of 10,000 topics costs.
#[tokio::test]
async fn many_topics_start_quickly() {
    let folder = Folder::new("many");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let clock = folder.env.clock.clone();
    for hundred in 0..20 {
        let topics = (0..500)
            .map(|number| NewTopic {
                name: format!("topic-{hundred}-{number}"),
                placement: Placement::Spread { partitions: 2, replication_factor: 1 },
                configs: BTreeMap::new(),
                internal: false,
            })
            .collect();
        let done = quorum
            .submit(Operation::CreateTopics { topics, folders: None, validate_only: false })
            .await;
        assert!(
            matches!(done, Ok(Outcome::TopicsCreated(results)) if results.iter().all(Result::is_ok))
        );
    }
    let begun = clock.monotonic();
    for number in 0..50 {
        create_topic(&quorum, &format!("one.more_{number}")).await;
    }
    let each = (clock.monotonic() - begun) / 50;
    let before = content(&quorum);
    quorum.shutdown().await;
    let begun = clock.monotonic();
    let quorum = folder.start().await;
    println!("10,000 topics: start {:?}, create one {each:?}", clock.monotonic() - begun);
    assert_eq!(content(&quorum), before);
    quorum.shutdown().await;
}

#[tokio::test]
async fn another_nodes_folder_is_refused() {
    let folder = Folder::new("other");
    folder.start().await.shutdown().await;
    let result =
        Quorum::start(folder.env.clone(), folder.dir.clone(), NodeId(2), QuorumConfig::default())
            .await;
    assert!(
        matches!(&result, Err(QuorumError::OtherNode { found, .. }) if found == &[NODE]),
        "{result:?}"
    );
    folder.start().await.shutdown().await;
}

/// A start that was cut off after any of its steps is finished by the next.
#[tokio::test]
async fn a_first_start_may_be_cut_off_anywhere() {
    let folder = Folder::new("cut-off");
    folder.start().await.shutdown().await;
    let whole = folder.segment(1);
    let mut ends = vec![0, segment::HEADER_LEN];
    while let Some((_, len)) = segment::frame(&whole[*ends.last().unwrap()..]) {
        ends.push(ends.last().unwrap() + len);
    }
    assert!(ends.len() >= 5, "voters, first entry, cluster id: {ends:?}");
    let vote = folder.env.disk.read(&folder.dir.join("vote"), 100).unwrap();
    for end in ends {
        for with_vote in [false, true] {
            // The voters are in the log before the vote is written, and the vote before the rest.
            let entries = segment::frame(&whole[segment::HEADER_LEN..]).unwrap().1;
            let possible =
                if with_vote { end >= entries } else { end <= segment::HEADER_LEN + entries };
            if !possible || (with_vote && end < segment::HEADER_LEN + entries) {
                continue;
            }
            let copy = Folder::new("cut-off-copy");
            copy.env.disk.create_dir_all(&copy.dir).unwrap();
            copy.write("00000000000000000001.log", 0, &whole[..end]);
            if with_vote {
                copy.write("vote", 0, &vote);
            }
            let quorum = copy.start().await;
            assert_eq!(quorum.image().cluster_id().len(), 22, "end {end}, vote {with_vote}");
            quorum.submit(register()).await.unwrap();
            let before = content(&quorum);
            quorum.shutdown().await;
            let quorum = copy.start().await;
            assert_eq!(content(&quorum), before);
            quorum.shutdown().await;
        }
    }
}
