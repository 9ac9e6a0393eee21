//! Bugs that are planted to see whether the checks notice. Most are a disk that lies about one kind
//! of sync, which is what the code would be if it had forgotten that sync.

use std::io;
use std::path::Path;

use env::disk::OpenMode;
use env::sim::Lie;
use records::Offset;

use crate::common::machine::FOLDER;
use crate::trial::Trial;

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    None,
    /// Records count as acknowledged when they are appended.
    AcknowledgeAtAppend,
    /// Records are acknowledged when they are in the journal, and it is not synced.
    AcknowledgeBeforeSync,
    /// Names of files are not made durable.
    SkipFolderSync,
    /// Files of the journal are used again although the segments were not synced.
    ReuseJournalEarly,
    /// The catalogue says of partitions that were in use that they rest, with the files that are there.
    TrustUnclean,
    /// Recovery takes whatever is damaged for the end of the log.
    CutAtDamage,
    /// What was appended while a sync was under way counts as synced when that ends.
    AcknowledgeDuringStall,
    /// Of two commits under way the second counts when the disk has done it, whatever becomes of the first.
    AcknowledgeOutOfTurn,
}

impl Mutant {
    pub const PLANTED: [(Mutant, &str); 8] = [
        (Mutant::AcknowledgeAtAppend, "acknowledge what is only appended"),
        (Mutant::AcknowledgeBeforeSync, "acknowledge before the journal is synced"),
        (Mutant::SkipFolderSync, "skip the sync of folders"),
        (Mutant::ReuseJournalEarly, "reuse a journal file before the segments are synced"),
        (Mutant::TrustUnclean, "trust partitions that were not closed"),
        (Mutant::CutAtDamage, "cut at any damage, durable or not"),
        (Mutant::AcknowledgeDuringStall, "acknowledge what was appended while a sync stalled"),
        (Mutant::AcknowledgeOutOfTurn, "acknowledge a commit before the one it follows"),
    ];

    /// Words of the verdict, where there is only one that is right.
    pub fn noticed_by(self) -> &'static str {
        match self {
            Mutant::AcknowledgeAtAppend
            | Mutant::AcknowledgeDuringStall
            | Mutant::AcknowledgeOutOfTurn => "acknowledged up to",
            Mutant::CutAtDamage => "nobody was told",
            _ => "",
        }
    }

    /// What the disk has to lie about for it.
    pub fn lie(self) -> Option<Lie> {
        match self {
            Mutant::AcknowledgeBeforeSync => Some(Lie::Files(".journal")),
            Mutant::SkipFolderSync => Some(Lie::Folders),
            Mutant::ReuseJournalEarly => Some(Lie::Files(".log")),
            Mutant::None
            | Mutant::AcknowledgeAtAppend
            | Mutant::AcknowledgeDuringStall
            | Mutant::AcknowledgeOutOfTurn
            | Mutant::TrustUnclean
            | Mutant::CutAtDamage => None,
        }
    }
}

impl Trial {
    /// Has the catalogue say that the partition was closed with the files that are there. One that
    /// does not share the folder, as all partitions are said to be alike.
    pub fn claim_rest(&self) -> io::Result<()> {
        let [part] = &self.parts[..] else { return Ok(()) };
        let path = Path::new(FOLDER).join("catalogue");
        let folder = Path::new(FOLDER).join(format!("{}-{}", part.topic, part.number));
        let files = self.env.disk.read_dir(&folder).unwrap_or_default().into_iter();
        let last = files.map(|entry| entry.name).rfind(|name| name.ends_with(".log"));
        let Some(last) = last else { return Ok(()) };
        let base = Offset(last.trim_end_matches(".log").parse().unwrap());
        let size = self.env.disk.open(&folder.join(&last), OpenMode::Read)?.len()?;
        let size = u32::try_from(size).unwrap();
        let Ok(known) = self.env.disk.read(&path, u64::MAX) else { return Ok(()) };
        match log::reread::catalogue_at_rest(&known, base, base, size) {
            Some(claimed) => self.env.disk.replace(&path, &claimed),
            None => Ok(()),
        }
    }
}
