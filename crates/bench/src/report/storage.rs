//! Where the brokers' logs lie during a run: the same kind of place for all of them.
//!
//! CPU is measured over a tmpfs of limited size when one can be mounted (root), so that the disk's
//! mood is no part of it; otherwise, and always for synced runs, in a fresh folder on disk. Which one
//! it was is part of the result.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Bytes written at a time to touch memory.
const TOUCH_PIECE: usize = 1 << 20;

/// A folder for the brokers' data, gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Storage {
    path: PathBuf,
    mounted: bool,
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
        storage.mounted = mounted;
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
        Ok(Storage { path: path.to_owned(), mounted: false })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of file system, for the report.
    pub(crate) fn kind(&self) -> Result<String> {
        crate::machine::filesystem(&self.path)
    }

    /// Writes `bytes` of memory and gives them back, so that a run finds pages that are really there.
    ///
    /// A virtual machine may hand its free memory back to the host within seconds, and to touch such a
    /// page again costs several times the write itself: whoever came first would pay it for the others.
    #[expect(
        clippy::disallowed_methods,
        reason = "the benchmark's own folder, not a broker's file"
    )]
    pub(crate) fn touch(&self, bytes: f64) -> Result<()> {
        if !self.mounted {
            return Ok(());
        }
        let path = self.path.join("touched");
        let piece = vec![0; TOUCH_PIECE];
        let mut file = std::fs::File::create(&path)?;
        let bytes = bytes.min(self.free_bytes()? as f64 / 2.0);
        let mut written = 0.0;
        while written < bytes {
            file.write_all(&piece)?;
            written += TOUCH_PIECE as f64;
        }
        std::fs::remove_file(&path)?;
        Ok(())
    }

    /// Bytes still free.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let about = rustix::fs::statvfs(&self.path)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
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
