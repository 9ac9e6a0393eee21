//! Memory that is really there, kept in a file and given up as fast as the brokers' logs grow.
//!
//! A virtual machine may hand its free memory back to the host within a second, and to touch such a
//! page again costs several times the write itself: whoever came first would pay it for the others,
//! and a run that writes a gigabyte a second would measure little else. So a file in the same tmpfs is
//! filled before the run and cut while it goes on: what the log takes has just been set free, on the
//! broker's own core, whose list of free pages hands out the newest first. The kernel counts that work
//! as the runner's and not as the broker's.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::machine;

/// How far the file is ahead of the logs: what is written between two looks, several times over.
const AHEAD_BYTES: u64 = 16 << 20;

/// Between two looks at how far the logs have grown.
const LOOK: Duration = Duration::from_millis(1);

/// Bytes written at a time to fill the file.
const PIECE: usize = 1 << 20;

/// A file in the tmpfs of a run.
#[derive(Debug)]
pub(crate) struct Ballast {
    file: File,
}

impl Ballast {
    /// Begins without any memory.
    #[expect(clippy::disallowed_methods, reason = "the benchmark's own file, not a broker's")]
    pub(crate) fn new(folder: &Path) -> Result<Ballast> {
        let file = File::options().append(true).create(true).open(folder.join("ballast"))?;
        Ok(Ballast { file })
    }

    /// Bytes it keeps now.
    pub(crate) fn bytes(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Grows to so many bytes, but leaves half of what is free.
    pub(crate) fn fill(&self, bytes: u64) -> Result<()> {
        let mut held = self.bytes()?;
        let bytes = bytes.min((held + self.free_bytes()?) / 2);
        let piece = vec![0; PIECE];
        while held < bytes {
            (&self.file).write_all(&piece)?;
            held += piece.len() as u64;
        }
        Ok(())
    }

    /// Does the work, and meanwhile takes nothing more of the file system than was taken before: what
    /// others write there is cut from the file, a little ahead of them.
    pub(crate) fn while_giving_way<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        let free = self.free_bytes()? + AHEAD_BYTES;
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let cutting = scope.spawn(|| -> Result<()> {
                machine::pin_this_thread(machine::BROKER_CORE)?;
                while !over.load(Ordering::Relaxed) {
                    let missing = free.saturating_sub(self.free_bytes()?);
                    if missing > 0 {
                        self.file.set_len(self.bytes()?.saturating_sub(missing))?;
                    }
                    machine::pause(LOOK);
                }
                Ok(())
            });
            let done = work();
            over.store(true, Ordering::Relaxed);
            cutting.join().map_err(|_| anyhow!("cutting the ballast panicked"))??;
            Ok(done)
        })
    }

    /// Bytes that nobody has in this file system.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let about = rustix::fs::fstatvfs(&self.file)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }
}
