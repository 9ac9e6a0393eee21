//! The log and its snapshots as openraft uses them, its own suite among the tests.

use openraft::testing::{StoreBuilder, Suite};

use super::*;

#[tokio::test]
async fn snapshots_take_the_place_of_the_log() {
    let folder = Folder::new("snapshot");
    let config = QuorumConfig { snapshot_entries: 40, ..QuorumConfig::default() };
    let quorum = folder.try_start(config.clone()).await.unwrap();
    quorum.submit(register()).await.unwrap();
    for round in 0..100 {
        let id = create_topic(&quorum, "t").await;
        if round < 99 {
            quorum.submit(Operation::DeleteTopics { ids: vec![id] }).await.unwrap();
        }
        snapshots_done(&quorum, &config).await.unwrap();
    }
    let before = content(&quorum);
    quorum.shutdown().await;
    let snapshots = || -> Vec<String> {
        folder.names().into_iter().filter(|name| name.ends_with(".snapshot")).collect()
    };
    assert_eq!(snapshots().len(), 2, "{:?}", folder.names());

    let quorum = folder.try_start(config.clone()).await.unwrap();
    assert_eq!(content(&quorum), before);
    quorum.shutdown().await;

    // The newest is damaged: the one before and the log behind it give the same.
    let newest = snapshots().pop().unwrap();
    folder.write(&newest, 100, b"damage");
    let quorum = folder.try_start(config).await.unwrap();
    assert_eq!(content(&quorum), before);
    quorum.shutdown().await;
}

#[tokio::test]
async fn many_bytes_make_a_snapshot_too() {
    let folder = Folder::new("bytes");
    let config = QuorumConfig { snapshot_log_bytes: 50_000, ..QuorumConfig::default() };
    let quorum = folder.try_start(config).await.unwrap();
    for round in 0..5 {
        quorum.submit(alter(&round.to_string().repeat(20_000))).await.unwrap();
    }
    quorum
        .inner
        .raft
        .wait(Some(START_WAIT))
        .metrics(|now| now.snapshot.is_some(), "snapshot")
        .await
        .unwrap();
    quorum.shutdown().await;
}

/// The suite counts nodes in `u64`.
impl From<u64> for NodeId {
    fn from(number: u64) -> NodeId {
        NodeId(i32::try_from(number).unwrap())
    }
}

struct Stores;

impl StoreBuilder<types::Types, LogStore, StateMachine, Folder> for Stores {
    async fn build(&self) -> Result<(Folder, LogStore, StateMachine), types::StorageError> {
        let folder = Folder::new("suite");
        let opened = Opened::open(&folder.env, &folder.dir, &QuorumConfig::default()).unwrap();
        Ok((folder, opened.log, opened.state_machine))
    }
}

#[test]
fn openraft_accepts_the_storage() {
    Suite::test_all(Stores).unwrap();
}

/// Entries taken back, a log left behind by a snapshot, and what recovery makes of both.
#[tokio::test]
async fn what_a_new_leader_takes_back_stays_back() {
    use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
    let folder = Folder::new("taken-back");
    let blank = |term, index| types::Entry {
        log_id: types::log_id(term, NODE, index),
        payload: openraft::EntryPayload::Blank,
    };
    let ids = |log: &recovery::Recovered| -> Vec<(u64, u64)> {
        log.entries.iter().map(|entry| (entry.log_id.leader_id.term, entry.log_id.index)).collect()
    };
    let recovered = || recovery::recover(&*folder.env.disk, &folder.dir).unwrap();
    let mut opened = Opened::open(&folder.env, &folder.dir, &QuorumConfig::default()).unwrap();
    let log = &mut opened.log;
    log.blocking_append((0..10).map(|index| blank(1, index))).await.unwrap();
    log.truncate(types::log_id(1, NODE, 6)).await.unwrap();
    assert_eq!(ids(&recovered()), (0..6).map(|index| (1, index)).collect::<Vec<_>>());
    log.blocking_append((6..8).map(|index| blank(2, index))).await.unwrap();
    log.truncate(types::log_id(1, NODE, 3)).await.unwrap();
    log.blocking_append([blank(3, 3)]).await.unwrap();
    assert_eq!(ids(&recovered()), [(1, 0), (1, 1), (1, 2), (3, 3)]);
    log.purge(types::log_id(3, NODE, 50)).await.unwrap();
    assert_eq!(ids(&recovered()), []);
    assert_eq!(recovered().last(), Some(types::log_id(3, NODE, 50)));
    log.blocking_append([blank(3, 51)]).await.unwrap();
    assert_eq!(ids(&recovered()), [(3, 51)]);
    // A missing segment in the middle is noticed.
    folder.env.disk.remove_file(&segment::path(&folder.dir, 2)).unwrap();
    let missing = recovery::recover(&*folder.env.disk, &folder.dir);
    assert!(missing.is_err(), "{missing:?}");
    opened.writer.run(|done| Job::Stop { done }).await.unwrap();
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged() {
    let mut folder = Folder::new("failing");
    let fails = Arc::new(std::sync::atomic::AtomicBool::new(false));
    folder.env.disk =
        Arc::new(Faulty { fails: fails.clone(), ..Faulty::new(folder.env.disk.clone()) });
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let before = content(&quorum);
    fails.store(true, Ordering::Relaxed);
    let result = quorum.submit(create("t", 1)).await;
    assert!(
        matches!(&result, Err(QuorumError::Storage { reason }) if reason.contains("the disk is gone")),
        "{result:?}"
    );
    fails.store(false, Ordering::Relaxed);
    let result = quorum.submit(create("u", 1)).await;
    assert!(matches!(result, Err(QuorumError::Storage { .. })), "{result:?}");
    assert_eq!(content(&quorum), before, "what was not durable was shown");
    quorum.shutdown().await;
    // The disk works again: the entry that failed may be there, the later one was never written.
    let quorum = folder.start().await;
    assert!(quorum.image().topic("u").is_none());
    quorum.shutdown().await;
}

/// openraft does not wait for a snapshot under way when it is stopped, and the thread that writes it goes on
/// by itself: whoever is given the folder would meet it there.
#[tokio::test]
async fn a_stop_waits_for_the_snapshot_under_way() {
    let mut folder = Folder::new("under-way");
    let (begun, is_written) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    let holding = Faulty::new(folder.env.disk.clone());
    *holding.hold.lock() = Some((begun, may_go_on));
    folder.env.disk = Arc::new(holding);
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    quorum.inner.raft.trigger().snapshot().await.unwrap();
    is_written.await.unwrap();

    // All the rest has stopped, and the stop has seen it.
    let the_rest = async {
        let probe = || {
            let (done, _) = oneshot::channel();
            Job::Purge { upto: types::log_id(0, NODE, 0), done }
        };
        while quorum.inner.writer.send(probe()).is_ok() {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
    };
    let mut stop = std::pin::pin!(quorum.shutdown());
    tokio::select! {
        biased;
        () = &mut stop => panic!("a snapshot is still being written"),
        () = the_rest => {}
    }
    let snapshots = || folder.names().iter().filter(|name| name.ends_with(".snapshot")).count();
    assert_eq!(snapshots(), 0);
    go_on.send(()).unwrap();
    stop.await;
    assert_eq!(snapshots(), 1, "{:?}", folder.names());

    // What comes too late finds the files closed.
    let late = quorum.inner.snapshots.run(|_| Ok(())).await;
    assert!(late.is_err());
}

/// Whoever removes an old snapshot by hand, or a second time, is no reason to stop.
#[test]
fn an_old_snapshot_that_is_gone_is_no_error() {
    let folder = Folder::new("gone");
    let env = &folder.env;
    env.disk.create_dir_all(&folder.dir).unwrap();
    let vanishing = Faulty { vanishes: true, ..Faulty::new(env.disk.clone()) };
    for index in 1..=4 {
        let last = Some(types::log_id(1, NODE, index));
        let kept = snapshot::write(&vanishing, &folder.dir, last, b"content").unwrap();
        assert_eq!(kept, (index > 1).then(|| index - 1));
    }
    assert_eq!(folder.names().len(), 2, "{:?}", folder.names());
}
