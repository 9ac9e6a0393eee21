//! Reading a journal back: its entries in the order in which they were written.
//!
//! An entry is written when the one before it is durable. So the chain ends at the first that is not
//! whole, unless a later one is: then the first is damage and not the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::disk::OpenMode;
use env::{Disk, File};
use uuid::Uuid;

use super::entry::{ALIGNMENT, HEADER_LEN, Header, records};
use super::ring;
use crate::error::LogError;

/// Entries that were durable and are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JournalDamage {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub position: u64,
    /// The first and the last entry that is missing.
    pub entries: (u64, u64),
}

/// A whole entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub header: Header,
    /// Its file and where it is there.
    pub file: usize,
    pub position: u64,
}

/// All entries from a number on, and what lies before them in the first file: definitions hold for the
/// rest of a file.
#[derive(Debug, Default)]
pub(super) struct Chain {
    files: Vec<JournalFile>,
    pub entries: Vec<Found>,
    /// The first entry that is needed.
    pub start: u64,
    pub damage: Vec<JournalDamage>,
    /// The number of the entry to be written next.
    pub next: u64,
}

#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    file: Arc<dyn File>,
    len: u64,
    first: Header,
}

impl JournalFile {
    /// The entry at a position, if there is a whole one that is `wanted`.
    fn entry(
        &self,
        position: u64,
        directory: Uuid,
        wanted: impl FnOnce(&Header) -> bool,
    ) -> Result<Option<Header>, LogError> {
        let failed = |error| LogError::io(&self.path, "read", error);
        if position + HEADER_LEN as u64 > self.len {
            return Ok(None);
        }
        let mut head = [0; HEADER_LEN];
        self.file.read_exact_at(&mut head, position).map_err(failed)?;
        let Some(header) = Header::parse(&head) else { return Ok(None) };
        if header.directory != directory
            || position + u64::from(header.len) > self.len
            || !wanted(&header)
        {
            return Ok(None);
        }
        let whole = header.is_whole(&self.load(&header, position)?);
        Ok(whole.then_some(header))
    }

    fn load(&self, header: &Header, position: u64) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; usize::try_from(header.len).unwrap_or(0)];
        self.file
            .read_exact_at(&mut bytes, position)
            .map_err(|error| LogError::io(&self.path, "read", error))?;
        Ok(bytes)
    }
}

impl Chain {
    /// Reads the journal in `folder` from the file on that holds the entry `start`; without one, from
    /// its oldest file on.
    pub fn read(
        disk: &dyn Disk,
        folder: &Path,
        directory: Uuid,
        start: Option<u64>,
    ) -> Result<Chain, LogError> {
        let mut files = Vec::new();
        for path in ring::paths(disk, folder)? {
            let failed = |error| LogError::io(&path, "open", error);
            let file = disk.open(&path, OpenMode::Read).map_err(failed)?;
            let len = file.len().map_err(failed)?;
            let first = Header { sequence: 0, life: 0, len: 0, directory };
            let mut file = JournalFile { path: path.clone(), file, len, first };
            if let Some(first) = file.entry(0, directory, |_| true)? {
                file.first = first;
                files.push(file);
            }
        }
        files.sort_by_key(|file| file.first.sequence);
        let start = start.unwrap_or(0);
        let skip = files.partition_point(|file| file.first.sequence <= start).saturating_sub(1);
        files.drain(..skip);
        let mut chain = Chain { files, start, next: start.max(1), ..Chain::default() };
        chain.walk(directory)?;
        chain.damage.retain(|damage| damage.entries.1 >= start);
        Ok(chain)
    }

    fn walk(&mut self, directory: Uuid) -> Result<(), LogError> {
        let mut expected = None;
        for (number, file) in self.files.iter().enumerate() {
            let first = file.first.sequence;
            if let Some(expected) = expected
                && expected != first
            {
                // The end of the file before is damaged, or files are missing.
                let path = file.path.clone();
                self.damage.push(JournalDamage {
                    path,
                    position: 0,
                    entries: (expected, first - 1),
                });
            }
            let mut position = 0;
            let mut next = first;
            let mut life = file.first.life;
            while position < file.len {
                match file.entry(position, directory, |header| header.sequence == next)? {
                    Some(header) => {
                        self.entries.push(Found { header, file: number, position });
                        position += header.footprint();
                        next += 1;
                        life = header.life;
                    }
                    None => match later(file, position, next, life, directory)? {
                        None => break,
                        Some((at, header)) => {
                            self.damage.push(JournalDamage {
                                path: file.path.clone(),
                                position,
                                entries: (next, header.sequence - 1),
                            });
                            position = at;
                            next = header.sequence;
                        }
                    },
                }
            }
            expected = Some(next);
        }
        self.next = self.next.max(expected.unwrap_or(0));
        Ok(())
    }

    /// The body of an entry.
    pub fn body(&self, found: &Found) -> Result<Vec<u8>, LogError> {
        let Some(file) = self.files.get(found.file) else { return Ok(Vec::new()) };
        let mut bytes = file.load(&found.header, found.position)?;
        if !found.header.is_whole(&bytes) {
            return Err(LogError::Damaged {
                path: file.path.clone(),
                position: found.position,
                offset: records::Offset::ZERO,
                what: "the entry was whole a moment ago".to_owned(),
            });
        }
        bytes.drain(..HEADER_LEN);
        Ok(bytes)
    }
}

/// What is in one file of a journal, for a person: entries and damage, each with its position.
pub(crate) fn describe(
    path: &Path,
    file: Arc<dyn File>,
) -> Result<Vec<(u64, Described)>, LogError> {
    let len = file.len().map_err(|error| LogError::io(path, "read", error))?;
    let mut head = [0; HEADER_LEN];
    let first = file.read_exact_at(&mut head, 0).ok().and_then(|()| Header::parse(&head));
    let Some(first) = first else { return Ok(Vec::new()) };
    let file = JournalFile { path: path.to_owned(), file, len, first };
    let mut described = Vec::new();
    let (mut position, mut next, mut life) = (0, first.sequence, first.life);
    while position < len {
        let found = file.entry(position, first.directory, |header| header.sequence == next)?;
        if let Some(header) = found {
            let bytes = file.load(&header, position)?;
            let body = bytes.get(HEADER_LEN..).unwrap_or_default();
            let all = records(body).map(|record| match record {
                Some(record) => record.to_string(),
                None => "a record that is not known".to_owned(),
            });
            described.push((position, Described::Entry(header.to_string(), all.collect())));
            position += header.footprint();
            (next, life) = (next + 1, header.life);
        } else if let Some((at, header)) = later(&file, position, next, life, first.directory)? {
            let what = format!("entries {next} to {} are not whole", header.sequence - 1);
            described.push((position, Described::Damage(what)));
            (position, next) = (at, header.sequence);
        } else {
            break;
        }
    }
    Ok(described)
}

/// Something in a journal's file, as text.
pub(crate) enum Described {
    Entry(String, Vec<String>),
    Damage(String),
}

/// An entry of the same process behind one that is not whole.
fn later(
    file: &JournalFile,
    position: u64,
    expected: u64,
    life: u64,
    directory: Uuid,
) -> Result<Option<(u64, Header)>, LogError> {
    let mut at = position + ALIGNMENT;
    while at < file.len {
        let wanted = |header: &Header| header.sequence > expected && header.life == life;
        if let Some(header) = file.entry(at, directory, wanted)? {
            return Ok(Some((at, header)));
        }
        at += ALIGNMENT;
    }
    Ok(None)
}
