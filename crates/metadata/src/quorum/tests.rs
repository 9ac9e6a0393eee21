//! The quorum on the machine's disk: start, submit, observe, restart, damage, and openraft's own
//! storage suite. Here is what its tests share.

mod crash;
mod damage;
mod faulty;
mod starts;
mod storage;
mod submissions;

use std::fmt::Debug;
use std::io::IoSlice;
use std::sync::atomic::{AtomicU32, Ordering};

use env::disk::OpenMode;
use uuid::Uuid;

use super::*;
use crate::files::{durable_end, segment};
use crate::{ConfigAlteration, ConfigChange, ConfigResource, NewTopic, Placement, TopicId};
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

fn alter(value: &str) -> Operation {
    Operation::AlterConfigs {
        alterations: vec![ConfigAlteration {
            resource: ConfigResource::ClusterDefault,
            change: ConfigChange::Replace(BTreeMap::from([("k".to_owned(), value.to_owned())])),
        }],
        validate_only: false,
    }
}

async fn create_topic(quorum: &Quorum, name: &str) -> TopicId {
    match quorum.submit(create(name, 3)).await {
        Ok(Outcome::TopicsCreated(results)) => results[0].as_ref().unwrap().id,
        other => panic!("{other:?}"),
    }
}

/// Ends when no snapshot is due or under way, and the log is cut behind the newest. They are taken beside
/// the operations, and openraft asks whether one is due only when an entry comes: with this after each
/// operation it is certain which there are.
async fn snapshots_done(quorum: &Quorum, config: &QuorumConfig) -> Result<(), impl Debug> {
    let next = |last: Option<types::LogId>| last.map_or(0, |last| last.index + 1);
    let done = |snapshot, purged| {
        quorum.image().version() + 1 < next(snapshot) + config.snapshot_entries
            && next(purged) + config.entries_behind_snapshot >= next(snapshot)
    };
    let raft = &quorum.inner.raft;
    raft.wait(Some(START_WAIT))
        .metrics(|now| done(now.snapshot, now.purged), "no snapshot is due")
        .await
        .map(|_| ())
}

/// An image without its place in the log, which every start moves.
fn content(quorum: &Quorum) -> Image {
    (*quorum.image()).clone().at(0, None)
}
