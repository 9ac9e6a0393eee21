//! The quorum on the machine's disk: start, submit, observe, restart, damage, and openraft's own
//! storage suite.

mod crash;
mod faulty;

use std::io::IoSlice;
use std::sync::atomic::{AtomicU32, Ordering};

use env::disk::OpenMode;
use openraft::testing::{StoreBuilder, Suite};
use uuid::Uuid;

use super::*;
use crate::files::{durable_end, segment};
use crate::{
    ConfigAlteration, ConfigChange, ConfigResource, Delta, NewTopic, Placement, Refusal, TopicId,
};
use faulty::Faulty;

const NODE: NodeId = NodeId(1);

/// A folder that is gone with the test.
struct Folder {
    env: Env,
    dir: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let env = Env::system();
        let dir = std::env::temp_dir().join(format!(
            "walser-metadata-{}-{}-{name}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        let _ = env.disk.remove_dir_all(&dir);
        Folder { env, dir }
    }

    async fn start(&self) -> Quorum {
        self.try_start(QuorumConfig::default()).await.unwrap()
    }

    async fn try_start(&self, config: QuorumConfig) -> Result<Quorum, QuorumError> {
        Quorum::start(self.env.clone(), self.dir.clone(), NODE, config).await
    }

    fn names(&self) -> Vec<String> {
        let entries = self.env.disk.read_dir(&self.dir).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    fn segment(&self, sequence: u64) -> Vec<u8> {
        self.env.disk.read(&segment::path(&self.dir, sequence), 1 << 30).unwrap()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        self.env.disk.read(&self.dir.join(name), 1 << 30).unwrap()
    }

    fn replace(&self, name: &str, bytes: &[u8]) {
        self.env.disk.replace(&self.dir.join(name), bytes).unwrap();
    }

    fn copy(&self, name: &str) -> Folder {
        let copy = Folder::new(name);
        copy.env.disk.create_dir_all(&copy.dir).unwrap();
        self.names().iter().for_each(|name| copy.replace(name, &self.read(name)));
        copy
    }

    fn write(&self, name: &str, position: u64, bytes: &[u8]) {
        let file = self.env.disk.open(&self.dir.join(name), OpenMode::Create).unwrap();
        file.write_all_at(&[IoSlice::new(bytes)], position).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.env.disk.remove_dir_all(&self.dir);
    }
}

fn register() -> Operation {
    Operation::RegisterBroker {
        node: NODE,
        incarnation: Uuid::from_u128(7),
        endpoints: vec![],
        rack: None,
        fenced: false,
    }
}

fn create(name: &str, partitions: i32) -> Operation {
    Operation::CreateTopics {
        topics: vec![NewTopic {
            name: name.to_owned(),
            placement: Placement::Spread { partitions, replication_factor: 1 },
            configs: BTreeMap::from([("retention.ms".to_owned(), "1000".to_owned())]),
            internal: false,
        }],
        folders: None,
        validate_only: false,
    }
}

async fn create_topic(quorum: &Quorum, name: &str) -> TopicId {
    match quorum.submit(create(name, 3)).await {
        Ok(Outcome::TopicsCreated(results)) => results[0].as_ref().unwrap().id,
        other => panic!("{other:?}"),
    }
}

/// An image without its place in the log, which every start moves.
fn content(quorum: &Quorum) -> Image {
    (*quorum.image()).clone().at(0, None)
}

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

#[tokio::test]
async fn start_is_quick() {
    let mut first = Duration::MAX;
    let mut again = Duration::MAX;
    for _ in 0..5 {
        let folder = Folder::new("quick");
        let clock = folder.env.clock.clone();
        let begun = clock.monotonic();
        let quorum = folder.start().await;
        first = first.min(clock.monotonic() - begun);
        quorum.submit(register()).await.unwrap();
        quorum.shutdown().await;
        let begun = clock.monotonic();
        let quorum = folder.start().await;
        again = again.min(clock.monotonic() - begun);
        quorum.shutdown().await;
    }
    println!("first start {first:?}, again {again:?}");
    assert!(first < Duration::from_millis(100), "first start took {first:?}");
    assert!(again < Duration::from_millis(100), "second start took {again:?}");
}

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
    }
    let before = content(&quorum);
    // The last snapshot may still be under way.
    quorum
        .inner
        .raft
        .wait(Some(START_WAIT))
        .metrics(
            |now| {
                now.snapshot.is_some_and(|last| last.index + 41 > now.last_applied.unwrap().index)
            },
            "snapshot",
        )
        .await
        .unwrap();
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

fn alter(value: &str) -> Operation {
    Operation::AlterConfigs {
        alterations: vec![ConfigAlteration {
            resource: ConfigResource::ClusterDefault,
            change: ConfigChange::Replace(BTreeMap::from([("k".to_owned(), value.to_owned())])),
        }],
        validate_only: false,
    }
}

#[tokio::test]
async fn an_unacknowledged_end_is_cut_at_every_byte() {
    let folder = Folder::new("torn");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let before = content(&quorum);
    let kept = folder.segment(1).len();
    // What a loss of power leaves of this is as old as that.
    let claimed = folder.read("durable-end");
    create_topic(&quorum, "t").await;
    let after = content(&quorum);
    quorum.shutdown().await;
    let whole = folder.segment(1);

    let steps = (kept..whole.len()).step_by(7).chain([kept, whole.len() - 1, whole.len()]);
    for cut in steps {
        let torn = folder.copy("torn-copy");
        torn.replace("durable-end", &claimed);
        torn.replace("00000000000000000001.log", &whole[..cut]);
        let quorum = torn.start().await;
        let expected = if cut == whole.len() { &after } else { &before };
        assert_eq!(content(&quorum), *expected, "cut at {cut} of {}", whole.len());
        // It goes on from there.
        quorum.submit(alter("later")).await.unwrap();
        let later = content(&quorum);
        quorum.shutdown().await;
        let quorum = torn.start().await;
        assert_eq!(content(&quorum), later);
        quorum.shutdown().await;
    }
}

/// The folder is refused for the file that is damaged, which stays as it is.
async fn check_refused(folder: &Folder, file: &str, story: &str) {
    let before = folder.names();
    match folder.try_start(QuorumConfig::default()).await {
        Err(QuorumError::Open { reason }) => {
            assert!(reason.contains("damaged at position"), "{story}: {reason}");
            assert!(reason.contains(file), "{story}: {reason}");
        }
        other => panic!("{story}: {other:?}"),
    }
    assert_eq!(folder.names(), before, "{story}");
}

/// What was acknowledged last, and has nothing behind it, is known all the same.
#[tokio::test]
async fn damage_to_the_last_frame_is_refused_and_left_alone() {
    const NAME: &str = "00000000000000000001.log";
    let folder = Folder::new("last");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let kept = folder.segment(1).len();
    create_topic(&quorum, "t").await;
    let after = content(&quorum);
    quorum.shutdown().await;
    let whole = folder.segment(1);

    for cut in [0, 1, segment::HEADER_LEN, whole.len() / 2, kept, kept + 9, whole.len() - 1] {
        folder.replace(NAME, &whole[..cut]);
        check_refused(&folder, NAME, &format!("cut to {cut} of {}", whole.len())).await;
        assert_eq!(folder.segment(1), whole[..cut], "the folder was touched");
    }
    for place in (kept..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        folder.replace(NAME, &damaged);
        check_refused(&folder, NAME, &format!("a flipped bit at {place}")).await;
        assert_eq!(folder.segment(1), damaged, "the folder was touched");
    }
    folder.env.disk.remove_file(&folder.dir.join(NAME)).unwrap();
    check_refused(&folder, NAME, "the segment is gone").await;

    // Bytes behind what was acknowledged are what a crash leaves of the next frame.
    folder.replace(NAME, &[&whole[..], &whole[kept..whole.len() - 1]].concat());
    let quorum = folder.start().await;
    assert_eq!(content(&quorum), after);
    quorum.shutdown().await;
}

/// A folder of an older version has no `durable-end`, a loss of power may tear it, and it may be damaged.
#[tokio::test]
async fn without_a_durable_end_that_checks_nothing_is_lost() {
    let folder = Folder::new("claim");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let before = content(&quorum);
    quorum.shutdown().await;
    let claimed = folder.read("durable-end");
    let mut flipped = claimed.clone();
    flipped[20] ^= 1;
    for spoilt in [None, Some(&flipped[..]), Some(&claimed[..7]), Some(&[])] {
        match spoilt {
            Some(bytes) => folder.replace("durable-end", bytes),
            None => folder.env.disk.remove_file(&folder.dir.join("durable-end")).unwrap(),
        }
        let quorum = folder.start().await;
        assert_eq!(content(&quorum), before, "{spoilt:?}");
        let found = durable_end::read(&*folder.env.disk, &folder.dir).unwrap();
        let len = u64::try_from(folder.segment(1).len()).unwrap();
        assert_eq!(found.map(|end| (end.sequence, end.len)), Some((1, len)), "it is there again");
        quorum.shutdown().await;
    }
}

#[tokio::test]
async fn damage_before_the_end_is_refused_and_left_alone() {
    let folder = Folder::new("damage");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let kept = folder.segment(1).len();
    create_topic(&quorum, "t").await;
    quorum.shutdown().await;
    let whole = folder.segment(1);
    for place in
        [0, 20, segment::HEADER_LEN, segment::HEADER_LEN + 5, segment::HEADER_LEN + 30, kept - 1]
    {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        folder.write("00000000000000000001.log", 0, &damaged);
        match folder.try_start(QuorumConfig::default()).await {
            Err(QuorumError::Open { reason }) => {
                assert!(reason.contains("damaged at position"), "{reason}");
                assert!(reason.contains("00000000000000000001.log"), "{reason}");
            }
            other => panic!("a flipped bit at {place} gave {other:?}"),
        }
        assert_eq!(folder.segment(1), damaged, "the folder was touched");
    }
    folder.write("00000000000000000001.log", 0, &whole);
    folder.start().await.shutdown().await;

    let vote = folder.env.disk.read(&folder.dir.join("vote"), 100).unwrap();
    folder.write("vote", 12, b"x");
    assert!(matches!(
        folder.try_start(QuorumConfig::default()).await,
        Err(QuorumError::Open { .. })
    ));
    folder.env.disk.remove_file(&folder.dir.join("vote")).unwrap();
    assert!(matches!(
        folder.try_start(QuorumConfig::default()).await,
        Err(QuorumError::Open { .. })
    ));
    folder.write("vote", 0, &vote);
    folder.start().await.shutdown().await;
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
        Arc::new(Faulty { disk: folder.env.disk.clone(), fails: fails.clone(), lies: false });
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
