//! What a crash left of a compaction: finished where it was decided, else undone.
//!
//! Comes before anything else is looked at; afterwards there are segments and nothing else. See
//! `compact/swap.rs` for the order in which files change.

use super::Opening;
use crate::compact::SwapFile;
use crate::error::LogError;
use crate::names;

impl Opening<'_> {
    /// Removes what was not decided and finishes what was.
    pub(super) fn finish_swaps(&mut self) -> Result<(), LogError> {
        let listed = || {
            let entries = self.env.disk.read_dir(self.dir);
            entries.map_err(|error| LogError::io(self.dir, "list", error))
        };
        let entries = listed()?;
        if !entries.iter().any(|entry| is_left(&entry.name)) {
            return Ok(());
        }
        let mut swaps = Vec::new();
        for entry in &entries {
            if !is_left(&entry.name) {
                continue;
            }
            let found = SwapFile::read(self.disk(), self.dir, &entry.name, self.interval)?;
            match found.filter(|_| entry.name.ends_with(names::SWAP)) {
                Some(swap) => swaps.push(swap),
                None => self.remove(&self.dir.join(&entry.name))?,
            }
        }
        for swap in swaps {
            self.check_fence()?;
            for entry in &entries {
                if let Some((base, kind)) = names::parse_segment_file(&entry.name)
                    && swap.replaces(base, kind)
                {
                    self.remove(&self.dir.join(&entry.name))?;
                }
            }
            swap.finish(self.disk(), self.dir)?;
        }
        Ok(())
    }
}

fn is_left(name: &str) -> bool {
    name.ends_with(names::CLEANED) || name.ends_with(names::SWAP)
}
