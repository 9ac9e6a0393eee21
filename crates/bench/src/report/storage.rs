//! Where the brokers' logs lie during a run: the same kind of place for all of them.
//!
//! CPU is measured over a tmpfs of limited size when one can be mounted (root), so that the disk's
//! mood is no part of it; otherwise, and always for synced runs, in a fresh folder on disk. Which one
//! it was is part of the result.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::ballast::Ballast;

/// A folder for the brokers' data, gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Storage {
    path: PathBuf,
    /// Of a tmpfs only.
    ballast: Option<Ballast>,
}

impl Storage {
    /// A size-limited tmpfs at `path`, or a plain folder there when it may not be mounted.
    pub(crate) fn in_memory(path: &Path, gib: u64) -> Result<Storage> {
        let mut storage = Storage::on_disk(path)?;
        let size = format!("size={gib}g,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .output()
            .is_ok_and(|done| done.status.success());
        if !mounted {
            eprintln!("    no tmpfs can be mounted here (it takes root): all logs go to disk");
        }
        if mounted {
            storage.ballast = Some(Ballast::new(path)?);
        }
        Ok(storage)
    }

    /// A fresh folder.
    #[expect(
        clippy::disallowed_methods,
        reason = "the benchmark's own folder, not a broker's file"
    )]
    pub(crate) fn on_disk(path: &Path) -> Result<Storage> {
        clear(path)?;
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Storage { path: path.to_owned(), ballast: None })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of file system, for the report.
    pub(crate) fn kind(&self) -> Result<String> {
        crate::machine::filesystem(&self.path)
    }

    /// Does work that writes up to `bytes` into the brokers' logs; on a tmpfs they come out of a ballast
    /// that is filled before.
    pub(crate) fn while_writing<T>(&self, bytes: u64, work: impl FnOnce() -> T) -> Result<T> {
        let Some(ballast) = &self.ballast else { return Ok(work()) };
        ballast.fill(bytes)?;
        ballast.while_giving_way(work)
    }

    /// Bytes that no broker uses, where their number is limited.
    pub(crate) fn room(&self) -> Result<Option<u64>> {
        let Some(ballast) = &self.ballast else { return Ok(None) };
        Ok(Some(ballast.bytes()? + ballast.free_bytes()?))
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.ballast = None;
        if let Err(error) = clear(&self.path) {
            eprintln!("    {error:#}");
        }
    }
}

/// Removes what an earlier run left, also one that was killed with its tmpfs mounted.
fn clear(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    while crate::machine::filesystem(path)? == "tmpfs" && is_mount(path)? {
        let done = Command::new("umount").arg(path).output().context("cannot start umount")?;
        if !done.status.success() {
            bail!("cannot unmount {}: {}", path.display(), String::from_utf8_lossy(&done.stderr));
        }
    }
    std::fs::remove_dir_all(path)
        .with_context(|| format!("cannot remove the folder {}", path.display()))
}

fn is_mount(path: &Path) -> Result<bool> {
    let path = path.canonicalize()?;
    let mounts = crate::machine::read("/proc/self/mounts")?;
    Ok(mounts
        .lines()
        .any(|line| line.split_whitespace().nth(1).is_some_and(|at| path == Path::new(at))))
}
