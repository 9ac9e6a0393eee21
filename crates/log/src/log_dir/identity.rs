//! Whose folder it is, and whether it is ours at all. Nothing here changes a folder that is not.

use std::io;
use std::path::{Path, PathBuf};

use env::disk::Lock;
use env::{Disk, Env};
use thiserror::Error;
use uuid::Uuid;

use super::{LOCK, META, REPLACES_LOST};
use crate::error::LogError;
use crate::names;

/// The line that tells our folder from Kafka's.
const OUR_LINE: &str = "walser.version=1";

/// `meta.properties` is read up to this size.
const META_MAX: u64 = 1 << 20;

/// Why a folder cannot be used.
#[derive(Debug, Error)]
pub enum LogDirError {
    /// Another process uses it.
    #[error("{path} is in use by another process")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("{path} is not empty and not a data folder, it holds {}", found.join(", "))]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Some of what is there.
        found: Vec<String>,
    },
    /// It is the data folder of an Apache Kafka broker.
    #[error("{path} is the data folder of a Kafka broker")]
    ForeignKafka {
        /// The folder.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("{path} cannot be written: {source}")]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It belongs to another cluster.
    #[error("{path} belongs to cluster {found}, not {expected}")]
    WrongCluster {
        /// The folder.
        path: PathBuf,
        /// Its cluster.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// It belongs to another node.
    #[error("{path} belongs to node {found}, not {expected}")]
    WrongNode {
        /// The folder.
        path: PathBuf,
        /// Its node.
        found: i32,
        /// What was asked for.
        expected: i32,
    },
    /// A file of the folder is not what was written.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Something else failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Whose folder it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster_id: String,
    /// The node.
    pub node_id: i32,
    /// The folder itself.
    pub directory_id: Uuid,
}

/// A folder that is ours and locked by this process, until this is dropped.
pub struct Claim {
    /// Whose folder it is.
    pub identity: Identity,
    /// Whether it became ours just now.
    pub is_new: bool,
    pub(super) lock: Lock,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Claim {
    /// Locks a folder of the node, or makes an empty or missing one its own; that gets `directory_id`, or
    /// a random one, and so with the cluster's id.
    pub fn take(
        env: &Env,
        path: &Path,
        node_id: i32,
        cluster_id: Option<&str>,
        directory_id: Option<Uuid>,
    ) -> Result<Claim, LogDirError> {
        let disk = &*env.disk;
        let known = check_ours(disk, path)?;
        create_durably(disk, path).map_err(|source| unwritable(path, source))?;
        let lock = disk.lock(&path.join(LOCK)).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => LogDirError::Locked { path: path.to_owned() },
            _ => unwritable(path, source),
        })?;
        if known.is_some() {
            let identity = read_identity(disk, path)?;
            identity.check(path, node_id, cluster_id)?;
            return Ok(Claim { identity, is_new: false, lock });
        }
        let random = || Uuid::from_bytes(env.random.id());
        let identity = Identity {
            cluster_id: cluster_id.map_or_else(|| names::id_text(random()), str::to_owned),
            node_id,
            directory_id: directory_id.unwrap_or_else(random),
        };
        disk.replace(&path.join(META), identity_text(&identity).as_bytes())
            .map_err(|source| unwritable(path, source))?;
        Ok(Claim { identity, is_new: true, lock })
    }

    /// Whose folder this is, without a lock and without a change; `None` if it is empty or missing.
    pub fn look(disk: &dyn Disk, path: &Path) -> Result<Option<Identity>, LogDirError> {
        check_ours(disk, path)?.map(|()| read_identity(disk, path)).transpose()
    }
}

impl Identity {
    /// Whether the folder at `path` is this node's and this cluster's.
    pub fn check(
        &self,
        path: &Path,
        node_id: i32,
        cluster_id: Option<&str>,
    ) -> Result<(), LogDirError> {
        if let Some(expected) = cluster_id
            && expected != self.cluster_id
        {
            return Err(LogDirError::WrongCluster {
                path: path.to_owned(),
                found: self.cluster_id.clone(),
                expected: expected.to_owned(),
            });
        }
        if node_id != self.node_id {
            return Err(LogDirError::WrongNode {
                path: path.to_owned(),
                found: self.node_id,
                expected: node_id,
            });
        }
        Ok(())
    }
}

pub(super) fn unwritable(path: &Path, source: io::Error) -> LogDirError {
    LogDirError::Unwritable { path: path.to_owned(), source }
}

/// Creates a folder and those above it so that a crash does not take them back.
fn create_durably(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !disk.exists(folder))
        .collect();
    disk.create_dir_all(path)?;
    for parent in missing.iter().rev().filter_map(|folder| folder.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        disk.sync_dir(parent)?;
    }
    Ok(())
}

/// Whether the folder is ours (`Some`) or may become so (`None`).
fn check_ours(disk: &dyn Disk, path: &Path) -> Result<Option<()>, LogDirError> {
    if !disk.exists(path) {
        return Ok(None);
    }
    let meta = path.join(META);
    if disk.exists(&meta) {
        let bytes =
            disk.read(&meta, META_MAX).map_err(|error| LogError::io(&meta, "read", error))?;
        let text = String::from_utf8_lossy(&bytes);
        if text.lines().any(|line| line.trim() == OUR_LINE) {
            return Ok(Some(()));
        }
        return Err(LogDirError::ForeignKafka { path: path.to_owned() });
    }
    let entries = disk.read_dir(path).map_err(|source| unwritable(path, source))?;
    // What our own first start leaves when it is interrupted, and what file systems put there.
    let harmless = [LOCK, REPLACES_LOST, "meta.properties.tmp", "lost+found"];
    let found: Vec<String> = entries
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| !harmless.contains(&name.as_str()))
        .take(3)
        .collect();
    if found.is_empty() {
        return Ok(None);
    }
    Err(LogDirError::Foreign { path: path.to_owned(), found })
}

fn identity_text(identity: &Identity) -> String {
    format!(
        "version=1\ncluster.id={}\nnode.id={}\ndirectory.id={}\n{OUR_LINE}\n",
        identity.cluster_id,
        identity.node_id,
        names::id_text(identity.directory_id)
    )
}

fn read_identity(disk: &dyn Disk, path: &Path) -> Result<Identity, LogDirError> {
    let meta = path.join(META);
    let bytes = disk.read(&meta, META_MAX).map_err(|error| LogError::io(&meta, "read", error))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        line.map(str::trim).ok_or_else(|| LogDirError::Damaged {
            path: meta.clone(),
            what: format!("no {key} in it"),
        })
    };
    let malformed = |what: &str| LogDirError::Damaged { path: meta.clone(), what: what.to_owned() };
    Ok(Identity {
        cluster_id: value("cluster.id")?.to_owned(),
        node_id: value("node.id")?.parse().map_err(|_| malformed("node.id is not a number"))?,
        directory_id: names::parse_id(value("directory.id")?)
            .ok_or_else(|| malformed("directory.id is not an id"))?,
    })
}
