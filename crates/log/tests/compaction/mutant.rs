//! Bugs that are planted to see whether the checks notice.

use std::path::Path;

use env::disk::OpenMode;
use env::sim::Lie;

use crate::common::machine::FOLDER;
use crate::trial::Trial;

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    None,
    /// Compaction takes a record nobody replaced.
    LoseALatest,
    /// Recovery does not finish a swap but removes it.
    ForgetTheSwap,
    /// An old segment comes back beside the one that has taken its place.
    KeepTheOldBeside,
    /// A segment takes the place of others before it is synced.
    SwapBeforeSync,
    /// Names of files are not made durable.
    SkipFolderSync,
    /// What a full disk refused counts as appended.
    CountRefused,
    /// What was appended while a compaction was held up counts as synced by it.
    AcknowledgeDuringStall,
    /// A reader that was held up is not shown the last record.
    SkipForReader,
}

impl Mutant {
    pub const PLANTED: [(Mutant, &str); 8] = [
        (Mutant::LoseALatest, "compact away the last record of a key"),
        (Mutant::ForgetTheSwap, "undo a swap of segments that was decided"),
        (Mutant::KeepTheOldBeside, "keep a segment that was replaced"),
        (Mutant::SwapBeforeSync, "swap in a segment before it is synced"),
        (Mutant::SkipFolderSync, "swap segments without a sync of the folder"),
        (Mutant::CountRefused, "count what a full disk refused"),
        (
            Mutant::AcknowledgeDuringStall,
            "acknowledge what was appended while a compaction stalled",
        ),
        (Mutant::SkipForReader, "skip a record for a reader that stalled"),
    ];

    /// Words of the verdict, where there is only one that is right.
    pub fn noticed_by(self) -> &'static str {
        match self {
            Mutant::CountRefused => "the log ends at",
            Mutant::AcknowledgeDuringStall => "acknowledged to",
            Mutant::SkipForReader => "was behind",
            _ => "",
        }
    }

    /// What the disk has to lie about for it.
    pub fn lie(self) -> Option<Lie> {
        match self {
            Mutant::SwapBeforeSync => Some(Lie::Files(".log.cleaned")),
            Mutant::SkipFolderSync => Some(Lie::Folders),
            _ => None,
        }
    }
}

impl Trial {
    /// Notes which swaps recovery will find, and plants the faults that files show.
    pub fn change_files(&mut self) -> std::io::Result<()> {
        let folders: Vec<String> = self.parts.iter().map(|part| part.folder()).collect();
        for folder in folders {
            let folder = Path::new(FOLDER).join(folder);
            for entry in self.env.disk.read_dir(&folder).unwrap_or_default() {
                let path = folder.join(&entry.name);
                if entry.name.ends_with(".swap") {
                    self.work.count("swaps finished", 1);
                    if self.mutant == Mutant::ForgetTheSwap {
                        self.env.disk.remove_file(&path)?;
                    }
                }
                if self.mutant == Mutant::KeepTheOldBeside
                    && let Some((log, _)) = entry.name.split_once(".log.")
                    && entry.name.ends_with(".deleted")
                {
                    let old = folder.join(format!("{log}.log"));
                    if self.env.disk.open(&old, OpenMode::Read).is_err() {
                        self.env.disk.rename(&path, &old)?;
                    }
                }
            }
        }
        Ok(())
    }
}
