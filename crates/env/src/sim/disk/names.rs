//! The names on a simulated disk: as they are now, as a loss of power leaves them, and the changes in
//! between, each of which belongs to the folder that must be synced for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::dice::Dice;
use crate::disk::DirEntry;

/// What a name leads to, and an open file keeps when its name is gone.
pub(super) type Inode = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(Inode),
    Folder,
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Create(PathBuf, Entry),
    Rename(PathBuf, PathBuf),
    /// A file, or a folder with all that is in it.
    Remove(PathBuf),
}

impl NameChange {
    fn belongs_to(&self, folder: &Path) -> bool {
        match self {
            NameChange::Create(path, _) | NameChange::Remove(path) => path.parent() == Some(folder),
            NameChange::Rename(from, to) => {
                from.parent() == Some(folder) || to.parent() == Some(folder)
            }
        }
    }
}

impl NameChange {
    fn is_inside(&self, folder: &Path) -> bool {
        let inside = |path: &PathBuf| path != folder && path.starts_with(folder);
        match self {
            NameChange::Create(path, _) | NameChange::Remove(path) => inside(path),
            NameChange::Rename(from, to) => inside(from) && inside(to),
        }
    }

    fn move_inside(&mut self, from: &Path, to: &Path) {
        let moved = |path: &mut PathBuf| {
            if let Ok(inside) = path.strip_prefix(from) {
                *path = to.join(inside);
            }
        };
        match self {
            NameChange::Create(path, _) | NameChange::Remove(path) => moved(path),
            NameChange::Rename(before, after) => {
                moved(before);
                moved(after);
            }
        }
    }
}

type Table = BTreeMap<PathBuf, Entry>;

/// All names.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    now: Table,
    durable: Table,
    /// Each with its number.
    unsynced: Vec<(u64, NameChange)>,
    changes: u64,
}

fn take_tree(table: &mut Table, path: &Path) -> Table {
    // Most are files, which have nothing in them.
    if let Some(Entry::File(_)) = table.get(path) {
        return table.remove_entry(path).into_iter().collect();
    }
    table.extract_if(.., |name, _| name.starts_with(path)).collect()
}

fn change(table: &mut Table, change: &NameChange) {
    match change {
        NameChange::Create(path, entry) => {
            table.insert(path.clone(), *entry);
        }
        NameChange::Remove(path) => {
            take_tree(table, path);
        }
        NameChange::Rename(from, to) => {
            let moved = take_tree(table, from);
            if !moved.is_empty() {
                take_tree(table, to);
            }
            for (name, entry) in moved {
                let inside = name.strip_prefix(from).unwrap_or(&name);
                let renamed =
                    if inside.as_os_str().is_empty() { to.clone() } else { to.join(inside) };
                table.insert(renamed, entry);
            }
        }
    }
}

impl Names {
    pub fn get(&self, path: &Path) -> Option<Entry> {
        self.now.get(path).copied()
    }

    /// The files that have a name as things are.
    pub fn inodes_now(&self) -> BTreeSet<Inode> {
        let inode = |entry: &Entry| match entry {
            Entry::File(inode) => Some(*inode),
            Entry::Folder => None,
        };
        self.now.values().filter_map(inode).collect()
    }

    pub fn check_folder(&self, path: &Path) -> io::Result<()> {
        match self.get(path) {
            Some(Entry::Folder) => Ok(()),
            Some(Entry::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None if path.parent().is_none() => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub fn check_parent(&self, path: &Path) -> io::Result<()> {
        path.parent().map_or(Ok(()), |parent| self.check_folder(parent))
    }

    pub fn apply(&mut self, name_change: NameChange) {
        change(&mut self.now, &name_change);
        // What is unsynced inside a folder goes where the folder goes.
        match &name_change {
            NameChange::Remove(folder) => {
                self.unsynced.retain(|(_, change)| !change.is_inside(folder));
            }
            NameChange::Rename(from, to) => {
                let inside = self.unsynced.iter_mut().map(|(_, change)| change);
                for change in inside.filter(|change| change.is_inside(from)) {
                    change.move_inside(from, to);
                }
            }
            NameChange::Create(..) => {}
        }
        self.unsynced.push((self.changes, name_change));
        self.changes += 1;
    }

    /// How many changes there were so far: a sync that begins now makes no later one durable.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Makes those of a folder durable that are among the first so many.
    pub fn sync(&mut self, folder: &Path, changes: u64) {
        let due = |(n, change): &mut (u64, NameChange)| *n < changes && change.belongs_to(folder);
        for (_, synced) in self.unsynced.extract_if(.., due) {
            change(&mut self.durable, &synced);
        }
    }

    /// Makes the first so many durable, of all folders.
    pub fn sync_all(&mut self, changes: u64) {
        for (_, synced) in self.unsynced.extract_if(.., |(n, _)| *n < changes) {
            change(&mut self.durable, &synced);
        }
    }

    pub fn children(&self, folder: &Path) -> Vec<DirEntry> {
        let below = self.now.range(folder.to_owned()..);
        below
            .take_while(|(path, _)| path.starts_with(folder))
            .filter(|(path, _)| path.parent() == Some(folder))
            .filter_map(|(path, entry)| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                Some(DirEntry { name, is_dir: *entry == Entry::Folder })
            })
            .collect()
    }

    /// Without dice every unsynced change is lost; with them each has its own fate.
    pub fn crash(&mut self, dice: Option<&mut Dice>) {
        let unsynced = std::mem::take(&mut self.unsynced);
        if let Some(dice) = dice {
            for (_, kept) in unsynced {
                if dice.coin() {
                    change(&mut self.durable, &kept);
                }
            }
        }
        // What is in a folder that is not there is not there either.
        let mut reachable = Table::new();
        for (path, entry) in std::mem::take(&mut self.durable) {
            let parent = path.parent().unwrap_or(Path::new("/"));
            let rooted = parent.parent().is_none();
            if rooted || reachable.get(parent) == Some(&Entry::Folder) {
                reachable.insert(path, entry);
            }
        }
        self.now.clone_from(&reachable);
        self.durable = reachable;
    }

    pub fn inodes(&self) -> BTreeSet<Inode> {
        let inode = |entry: &Entry| match entry {
            Entry::File(inode) => Some(*inode),
            Entry::Folder => None,
        };
        self.now.values().filter_map(inode).collect()
    }
}
