//! What is submitted, what it changes, and who sees it.

use super::*;
use crate::{Delta, Refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_arrive_complete_and_in_order() {
    let folder = Folder::new("watch");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let mut watch = quorum.watch();
    let submissions: Vec<_> = (0..50)
        .map(|number| {
            let quorum = quorum.clone();
            tokio::spawn(async move { quorum.submit(create(&format!("t{number}"), 1)).await })
        })
        .collect();
    for submission in submissions {
        submission.await.unwrap().unwrap();
    }
    let end = quorum.image();
    quorum.shutdown().await;

    let mut image = watch.image().clone();
    let mut created = 0;
    while let Some(change) = watch.next().await {
        assert_eq!(change.image.version(), image.version() + 1, "a change is missing");
        assert_eq!(*change.delta, Delta::between(&image, &change.image));
        created += change.delta.topics_created.len();
        image = change.image;
    }
    assert_eq!(created, 50);
    assert_eq!(image, end);
    assert!(end.version() < 50, "nothing was committed together: {}", end.version());
}

#[tokio::test]
async fn an_observer_has_seen_what_an_answer_says() {
    struct Seen(Mutex<Vec<String>>);
    impl Observer for Seen {
        fn changed(&self, change: &Change) {
            let names = change.delta.topics_created.iter().map(|topic| topic.name.to_string());
            self.0.lock().extend(names);
        }
    }
    let folder = Folder::new("observer");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let seen = Arc::new(Seen(Mutex::default()));
    assert_eq!(quorum.observe(seen.clone()).version(), quorum.image().version());
    for name in ["a", "b", "c"] {
        create_topic(&quorum, name).await;
        assert_eq!(seen.0.lock().last().map(String::as_str), Some(name));
    }
    quorum.shutdown().await;
}

#[tokio::test]
async fn refused_items_are_answers() {
    let folder = Folder::new("refused");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    create_topic(&quorum, "t").await;
    let version = quorum.image().version();
    let again = quorum.submit(create("t", 3)).await.unwrap();
    let refused = Refusal::TopicExists { name: "t".to_owned() };
    assert_eq!(again, Outcome::TopicsCreated(vec![Err(refused)]));
    assert_eq!(quorum.image().version(), version, "a refusal was written");
    quorum.shutdown().await;
}

#[tokio::test]
async fn records_decided_against_another_image_count_for_nothing() {
    let folder = Folder::new("outdated");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let mut watch = quorum.watch();
    let image = quorum.image();
    let records = vec![crate::MetadataRecord::Feature { name: "f".to_owned(), level: 1 }];
    let batch = |base| Batch { base, records: Arc::new(records.clone()) };
    let late = quorum.inner.raft.client_write(batch(image.version() - 1)).await.unwrap();
    assert_eq!(late.data, types::Applied::Outdated);
    assert!(quorum.image().features().is_empty());
    let right = quorum.inner.raft.client_write(batch(image.version() + 1)).await.unwrap();
    assert_eq!(right.data, types::Applied::Replayed);
    assert_eq!(quorum.image().features().len(), 1);
    assert!(watch.next().await.unwrap().delta.is_empty());
    assert!(watch.next().await.unwrap().delta.features_changed);
    let before = content(&quorum);
    quorum.shutdown().await;
    let quorum = folder.start().await;
    assert_eq!(content(&quorum), before, "replay after a restart sees it the same way");
    quorum.shutdown().await;
}

#[tokio::test]
async fn an_operation_larger_than_an_entry_is_refused_alone() {
    let folder = Folder::new("large");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let value = "x".repeat(crate::limits::CONFIG_VALUE_BYTES_MAX);
    let topics = (0..1_100)
        .map(|number| NewTopic {
            name: format!("t{number}"),
            placement: Placement::Spread { partitions: 1, replication_factor: 1 },
            configs: BTreeMap::from([("k".to_owned(), value.clone())]),
            internal: false,
        })
        .collect();
    let large = Operation::CreateTopics { topics, folders: None, validate_only: false };
    let (large, small) = tokio::join!(quorum.submit(large), quorum.submit(create("s", 1)));
    assert!(matches!(large, Err(QuorumError::TooLarge { .. })), "{large:?}");
    assert!(small.is_ok(), "{small:?}");
    assert_eq!(quorum.image().topic_count(), 1);
    quorum.shutdown().await;
    folder.start().await.shutdown().await;
}

/// The quorum has no timer that runs while nothing happens.
#[tokio::test]
async fn nothing_is_written_or_published_while_idle() {
    let folder = Folder::new("idle");
    let quorum = folder.start().await;
    let mut watch = quorum.watch();
    let before = folder.segment(1);
    let change = env::clock::timeout(Duration::from_millis(300), watch.next()).await;
    assert!(change.is_none(), "{change:?}");
    assert_eq!(folder.segment(1), before);
    quorum.shutdown().await;
}
