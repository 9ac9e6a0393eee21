//! What somebody has to see to now and then while the folder is in use: room on the disk, the proof of
//! the journal's last entry, and segments that are suspected of damage.
//!
//! Has no timer: the broker calls.

use std::io;

use env::disk::Space;

use super::LogDir;
use crate::compact::Pace;
use crate::error::LogError;
use crate::journal::JournalLevel;
use crate::log::ScrubError;

impl LogDir {
    /// Room on the disk that holds the folder.
    pub fn space(&self) -> io::Result<Space> {
        self.env.disk.space(&self.path)
    }

    /// The process has so many folders: together they hold no more files open than one would.
    pub fn share_handles(&self, folders: usize) {
        self.handles.share(folders);
    }

    /// Sets how many bytes of the disk producers do not get; `None` is what fits its size, with 0 they
    /// get all of it.
    pub fn set_reserve(&self, bytes: Option<u64>) {
        self.room.set_reserve(bytes);
    }

    /// Looks how much room is left. To be called every second or so.
    pub fn measure_space(&self) {
        self.room.measure();
    }

    /// Whether producers are refused because only the reserve is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.room.is_full()
    }

    /// Whether [`LogDir::prove`] may have something to do, now or in a later round.
    #[must_use]
    pub fn is_proof_missing(&self) -> bool {
        self.journal.is_proof_missing()
    }

    /// Sees to it that damage to the last entry of the journal can be told from a loss of power, once
    /// nothing was committed since this was last called. To be called every second or so.
    pub fn prove(&self) -> Result<(), LogError> {
        self.journal.prove(|keys| {
            for key in keys {
                let open = self.logs.lock().open.get(key).map(|(_, log)| log.clone());
                if let Some(log) = open {
                    log.mark_to_prove();
                }
            }
        })
    }

    /// Bytes of the journal that a restart would read, or rather write again.
    #[must_use]
    pub fn journal_bytes(&self) -> u64 {
        self.journal.level().held
    }

    pub(crate) fn journal_level(&self) -> JournalLevel {
        self.journal.level()
    }

    /// Fills the journal's files ahead of what will be written to them.
    pub(crate) fn fill_journal_ahead(&self) -> Result<(), LogError> {
        self.journal.fill_ahead()
    }

    /// Examines the segments in which reads have found damage, of logs that are open, and says how many
    /// damaged ranges were not known.
    pub fn examine_suspects(&self, pace: &dyn Pace) -> u64 {
        let mut found = 0;
        while let Some((dir, base)) = self.suspects.pop() {
            let log = self.open_logs().into_iter().find(|log| log.dir() == dir);
            match log.map(|log| log.scrub_segment(base, pace)) {
                Some(Ok(done)) => found += done.found,
                // It comes again when it is read again.
                Some(Err(ScrubError::Stopped)) => break,
                Some(Err(error)) => {
                    tracing::warn!(log = %dir.display(), segment = %base, %error, "not examined");
                }
                None => {}
            }
        }
        found
    }
}
