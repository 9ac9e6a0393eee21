//! The log directories of this node: which of them work, and which partition is where.
//!
//! A directory is known by the id in its `meta.properties`, wherever it is mounted. The metadata has a
//! list of those this node ever had, the first of which is its *home*, and says of each partition that
//! is not at home in which one it is. So a partition whose directory is missing is offline, and is never
//! made anew in another one. A path where a known directory was and which is empty now is a disk that
//! is not mounted rather than a new one: it is left alone until an operator puts the file
//! [`log::REPLACES_LOST`] there.
//!
//! A start goes on without directories that cannot be read, while one and the metadata can. One that
//! fails later is fenced by its own [`LogDir`]; nothing here changes then but what [`Folders::loads`]
//! offers to new partitions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use env::Env;
use log::{Claim, Identity, JournalConfig, LogDir, LogDirError, REPLACES_LOST, Syncer};
use metadata::{Directory, FolderLoads, Image, NodeId, TopicImage};
use parking_lot::Mutex;
use replication::Storage;
use uuid::Uuid;

use crate::broker::{METADATA_FOLDER, StartError};
use crate::config::BrokerConfig;
use crate::courier::ToWorkers;

/// Threads that sync segments of one directory, for what is too large for the journal. Syncs of
/// different logs overlap on a disk with a queue.
const SYNC_THREADS: usize = 2;

/// See the file's head.
#[derive(Debug)]
pub struct Folders {
    node: NodeId,
    home: Uuid,
    online: Vec<Arc<Storage>>,
    offline: Vec<OfflineFolder>,
    /// Held where the metadata is in none of them.
    metadata: Mutex<Option<Claim>>,
}

/// A log directory that could not be used when the node started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineFolder {
    /// Its id, if that is known.
    pub id: Option<Uuid>,
    /// Where it is, or was.
    pub path: PathBuf,
    /// Why it is not used.
    pub reason: String,
}

/// How it stands with the copy of a partition on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaHealth {
    /// It can be written and read.
    Works,
    /// Its directory failed: what is durable is read, nothing is written.
    Fenced,
    /// Its directory was not there at the start: it is neither read nor written.
    Offline,
}

/// What is found where a log directory should be, before anything is changed.
struct Found {
    path: PathBuf,
    /// Whose it is; `None` where it is empty or missing.
    look: Result<Option<Identity>, LogDirError>,
}

impl Found {
    fn id(&self) -> Option<Uuid> {
        self.look.as_ref().ok()?.as_ref().map(|identity| identity.directory_id)
    }
}

/// The folders of the configuration before any was opened, and the one with the metadata, claimed.
pub(crate) struct Claimed {
    found: Vec<Found>,
    metadata: PathBuf,
    claim: Claim,
}

impl Claimed {
    /// Takes the folder with the metadata, if all folders go together.
    pub(crate) fn take(env: &Env, config: &BrokerConfig) -> Result<Claimed, StartError> {
        let disk = &*env.disk;
        let metadata = absolute(&config.metadata_log_dir);
        let mut found: Vec<Found> = Vec::new();
        for path in &config.log_dirs {
            let path = absolute(path);
            let folder = Found { look: Claim::look(disk, &path), path };
            let same = |other: &&Found| other.id().is_some() && other.id() == folder.id();
            if let Some(first) = found.iter().find(same) {
                let first = first.path.clone();
                return Err(StartError::SameFolder { first, second: folder.path });
            }
            found.push(folder);
        }
        let expected = Claim::look(disk, &metadata)?;
        let cluster_id = expected.as_ref().map(|identity| identity.cluster_id.as_str());
        for folder in &found {
            if let Ok(Some(identity)) = &folder.look {
                identity.check(&folder.path, config.node_id, cluster_id)?;
            }
        }
        let is_mistaken = |folder: &Found| folder.look.as_ref().is_err_and(is_a_mistake);
        if let Some(place) = found.iter().position(is_mistaken)
            && let Err(error) = found.swap_remove(place).look
        {
            return Err(error.into());
        }
        if !disk.exists(&metadata.join(METADATA_FOLDER)) {
            let others = found.iter().filter(|folder| folder.path != metadata);
            let mut ours = others.filter(|folder| folder.id().is_some());
            if let Some(other) = ours.next() {
                let other = other.path.clone();
                return Err(StartError::MetadataMissing { metadata, other });
            }
        }
        let claim = Claim::take(env, &metadata, config.node_id, None, None)?;
        Ok(Claimed { found, metadata, claim })
    }

    /// The cluster that the metadata is of.
    pub(crate) fn cluster_id(&self) -> &str {
        &self.claim.identity.cluster_id
    }

    /// Opens all folders that can be opened. What the node has from now on is in the second value, to be
    /// written into the metadata.
    pub(crate) fn open(
        self,
        env: &Env,
        image: &Image,
        node: NodeId,
    ) -> Result<(Folders, Vec<Directory>), StartError> {
        let Claimed { found, metadata, claim } = self;
        let known = image.directories(node).to_vec();
        let cluster_id = claim.identity.cluster_id.clone();
        let metadata_id = claim.identity.directory_id;
        let mut claim = Some(claim);
        let present: Vec<Uuid> = found.iter().filter_map(Found::id).collect();
        let mut online: Vec<LogDir> = Vec::new();
        let mut offline: Vec<OfflineFolder> = Vec::new();
        let mut first_error = None;
        for Found { path, look } in found {
            let was_here = known.iter().find(|it| Path::new(&it.path) == path).map(|it| it.id);
            let lost = was_here.filter(|id| !present.contains(id));
            let replaces = path.join(REPLACES_LOST);
            let opened = match look {
                _ if path == metadata => match claim.take() {
                    Some(claim) => {
                        LogDir::open_claimed(env, &path, claim, JournalConfig::default())
                    }
                    None => continue,
                },
                Err(error) => Err(error),
                Ok(None) if lost.is_some() && !env.disk.exists(&replaces) => {
                    offline.push(OfflineFolder {
                        id: lost,
                        reason: format!(
                            "nothing is there; mount its disk. If it is lost for good, make the \
                             empty file {}: its partitions then begin empty",
                            replaces.display()
                        ),
                        path,
                    });
                    continue;
                }
                Ok(_) => {
                    Claim::take(env, &path, node.0, Some(&cluster_id), lost).and_then(|claim| {
                        LogDir::open_claimed(env, &path, claim, JournalConfig::default())
                    })
                }
            };
            match opened {
                Ok(dir) => {
                    if env.disk.exists(&replaces) {
                        let _ = env.disk.remove_file(&replaces);
                    }
                    online.push(dir);
                }
                Err(error) if is_a_mistake(&error) => return Err(error.into()),
                Err(error) => {
                    let reason = error.to_string();
                    offline.push(OfflineFolder { id: was_here, path, reason });
                    first_error = first_error.or(Some(error));
                }
            }
        }
        if online.is_empty() {
            return Err(first_error.map_or(StartError::NoFolder { offline }, StartError::from));
        }
        let directories = directories(image, node, &known, &online, &mut offline, metadata_id);
        let home = directories.first().map(|home| home.id).unwrap_or_default();
        online.iter().for_each(|dir| dir.share_handles(online.len()));
        let online = online.into_iter().map(|dir| storage(node, dir)).collect::<Result<_, _>>()?;
        let folders = Folders { node, home, online, offline, metadata: Mutex::new(claim) };
        folders.report(image);
        Ok((folders, directories))
    }
}

/// All directories the node has, and those it had that have partitions; its home first. What is missing
/// and was not found to be is added to `offline`.
fn directories(
    image: &Image,
    node: NodeId,
    known: &[Directory],
    online: &[LogDir],
    offline: &mut Vec<OfflineFolder>,
    metadata_id: Uuid,
) -> Vec<Directory> {
    let open = |id: Uuid| online.iter().find(|dir| dir.identity().directory_id == id);
    let path = |dir: &LogDir| dir.path().to_string_lossy().into_owned();
    let mut all: Vec<Directory> = Vec::new();
    for (place, directory) in known.iter().enumerate() {
        let Directory { id, .. } = *directory;
        match open(id) {
            Some(dir) => all.push(Directory { id, path: path(dir) }),
            None => {
                let is_listed = offline.iter().any(|missing| missing.id == Some(id));
                let is_empty = count(image, node, id, place == 0) == 0;
                // Who takes an empty directory out of the configuration is done with it.
                if !is_listed && is_empty && place > 0 {
                    continue;
                }
                if !is_listed && !is_empty {
                    offline.push(OfflineFolder {
                        id: Some(id),
                        path: PathBuf::from(&directory.path),
                        reason: "no folder of log.dirs has its id; name it there again".to_owned(),
                    });
                }
                all.push(directory.clone());
            }
        }
    }
    if all.is_empty() && image.topic_count() > 0 && open(metadata_id).is_none() {
        // Written by a version that knew one folder, and that one is not among them.
        all.push(Directory { id: metadata_id, path: String::new() });
    }
    if all.is_empty()
        && let Some(home) = open(metadata_id).or(online.first())
    {
        all.push(Directory { id: home.identity().directory_id, path: path(home) });
    }
    for dir in online {
        let id = dir.identity().directory_id;
        if all.iter().all(|it| it.id != id) {
            all.push(Directory { id, path: path(dir) });
        }
    }
    all
}

/// How many partitions of the node are in a directory.
fn count(image: &Image, node: NodeId, directory: Uuid, is_home: bool) -> usize {
    let of_topic = |topic: &Arc<TopicImage>| {
        let numbered = (0..).zip(&topic.partitions);
        let ours = numbered.filter(|(_, partition)| partition.replicas.contains(&node));
        let there = ours.filter(|(number, _)| match topic.directory(*number, node) {
            Some(id) => id == directory,
            None => is_home,
        });
        there.count()
    };
    image.topics().map(of_topic).sum()
}

/// A folder with the threads that make its logs durable. That one is missing is no fault of the folder:
/// the node does not start, rather than to go on without it.
fn storage(node: NodeId, dir: LogDir) -> Result<Arc<Storage>, StartError> {
    let dir = Arc::new(dir);
    let syncer = Syncer::start(dir.clone(), SYNC_THREADS, ToWorkers::start())?;
    let partitions = AtomicUsize::new(0);
    Ok(Arc::new(Storage { node, syncer: Arc::new(syncer), dir, partitions }))
}

/// Whether the folder is not broken but not the right one: then going on without it would hide a mistake.
fn is_a_mistake(error: &LogDirError) -> bool {
    match error {
        LogDirError::Locked { .. }
        | LogDirError::Foreign { .. }
        | LogDirError::ForeignKafka { .. }
        | LogDirError::WrongCluster { .. }
        | LogDirError::WrongNode { .. } => true,
        LogDirError::Unwritable { .. } | LogDirError::Damaged { .. } | LogDirError::Log(_) => false,
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl Folders {
    /// Those that could be opened, fenced or not; at least one.
    #[must_use]
    pub fn online(&self) -> &[Arc<Storage>] {
        &self.online
    }

    /// Those that could not.
    #[must_use]
    pub fn offline(&self) -> &[OfflineFolder] {
        &self.offline
    }

    /// The data folders that could be opened.
    pub fn dirs(&self) -> impl Iterator<Item = &Arc<LogDir>> {
        self.online.iter().map(|storage| &storage.dir)
    }

    /// Where this node keeps its copy of a partition; `None` if that directory is offline.
    #[must_use]
    pub fn of(&self, topic: &TopicImage, partition: i32) -> Option<&Arc<Storage>> {
        let id = topic.directory(partition, self.node).unwrap_or(self.home);
        self.online.iter().find(|storage| storage.dir.identity().directory_id == id)
    }

    /// How it stands with this node's copy of a partition.
    #[must_use]
    pub fn health(&self, topic: &TopicImage, partition: i32) -> ReplicaHealth {
        match self.of(topic, partition) {
            None => ReplicaHealth::Offline,
            Some(storage) if storage.dir.fenced().is_some() => ReplicaHealth::Fenced,
            Some(_) => ReplicaHealth::Works,
        }
    }

    /// Whether all directories work.
    #[must_use]
    pub fn all_work(&self) -> bool {
        self.offline.is_empty() && self.dirs().all(|dir| dir.fenced().is_none())
    }

    /// The directories that take new partitions, and how many each has; `None` while there is but one,
    /// and that is the home. A fenced one takes none, and a full one only if all are.
    pub(crate) fn loads(&self) -> Option<FolderLoads> {
        if let [only] = self.online.as_slice()
            && only.dir.identity().directory_id == self.home
        {
            return None;
        }
        let working = |storage: &&Arc<Storage>| storage.dir.fenced().is_none();
        let roomy = |storage: &&Arc<Storage>| working(storage) && !storage.dir.is_full();
        let load = |storage: &Arc<Storage>| {
            let partitions = storage.partitions.load(Ordering::Relaxed);
            (storage.dir.identity().directory_id, u64::try_from(partitions).unwrap_or(u64::MAX))
        };
        let mut loads: Vec<_> = self.online.iter().filter(roomy).map(load).collect();
        if loads.is_empty() {
            loads = self.online.iter().filter(working).map(load).collect();
        }
        if loads.is_empty() {
            loads = self.online.iter().map(load).collect();
        }
        Some(FolderLoads { node: self.node, loads })
    }

    /// Lets another process have the metadata.
    pub(crate) fn close(&self) {
        *self.metadata.lock() = None;
    }

    fn report(&self, image: &Image) {
        for folder in &self.offline {
            let partitions = folder.id.map_or(0, |id| count(image, self.node, id, id == self.home));
            tracing::error!(
                folder = %folder.path.display(), partitions, reason = %folder.reason,
                "a log directory is offline, and so are its partitions; all others are served. \
                 Restart the broker when it is back"
            );
        }
    }
}
