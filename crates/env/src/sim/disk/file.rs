//! One handle of a simulated file: what is read and written through it, until the next crash.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::names::Inode;
use super::stall::Stall;
use super::state::{Fate, State, io_error};
use crate::disk::{File, OpenMode, PAGE_BYTES};

#[derive(Debug)]
pub(super) struct SimFile {
    pub state: Arc<Mutex<State>>,
    pub stall: Arc<Stall>,
    pub read_stall: Arc<Stall>,
    pub generation: u64,
    pub inode: Inode,
    /// By which it was opened.
    pub path: PathBuf,
    pub mode: OpenMode,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if state.generation != self.generation {
            return Err(io::Error::other("the file was opened before the crash"));
        }
        act(&mut state)
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.mode {
            OpenMode::Read => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Ok(()),
        }
    }

    /// Real file systems, too, mostly refuse what is not in whole pages.
    fn check_pages(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let is_whole = |part: &IoSlice<'_>| {
            part.as_ptr().align_offset(PAGE_BYTES) == 0 && part.len().is_multiple_of(PAGE_BYTES)
        };
        let whole = position.is_multiple_of(PAGE_BYTES as u64) && parts.iter().all(is_whole);
        match self.mode {
            OpenMode::Direct if !whole => Err(io::ErrorKind::InvalidInput.into()),
            _ => Ok(()),
        }
    }
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.content(self.inode)?.len() as u64))
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        if self.mode == OpenMode::Direct {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let len = bytes.len();
        let is_cold =
            |state: &mut State| Ok(state.content(self.inode)?.in_memory(position, len) < len);
        if self.with(is_cold)? {
            self.read_stall.wait(&self.path);
        }
        self.with(|state| {
            if is_cold(state)? && state.faults.reads_fail {
                return Err(io_error());
            }
            let most = state.faults.read_bytes_max.unwrap_or(usize::MAX);
            let bytes = bytes.get_mut(..len.min(most)).unwrap_or_default();
            let content = state.content(self.inode)?;
            content.warm(position, bytes.len());
            Ok(content.read(bytes, position))
        })
    }

    fn read_in_memory_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.with(|state| {
            let most = state.faults.read_bytes_max.unwrap_or(usize::MAX);
            let content = state.content(self.inode)?;
            let warm = content.in_memory(position, bytes.len());
            if warm == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let bytes = bytes.get_mut(..warm.min(most)).unwrap_or_default();
            Ok(content.read(bytes, position))
        })
    }

    fn prefetch(&self, _position: u64, _len: u64) {}

    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.check_writable()?;
        self.check_pages(parts, position)?;
        let mut bytes: Vec<u8> = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            bytes.extend_from_slice(part);
        }
        self.with(|state| {
            let fails = state.change()? != Fate::Done
                || state.faults.write_is_due()
                || state.faults.is_broken(&self.path);
            let grows = (position + bytes.len() as u64)
                .saturating_sub(state.content(self.inode)?.len() as u64);
            let used = if state.faults.space.is_some() { state.used() + grows } else { 0 };
            let full = state.faults.full_with(used);
            if fails || full {
                bytes.truncate(bytes.len() / 2);
            }
            state.content(self.inode)?.write(position, bytes);
            match (full, fails) {
                (true, _) => Err(io::ErrorKind::StorageFull.into()),
                (false, true) => Err(io_error()),
                (false, false) => Ok(()),
            }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let changes = self.with(|state| Ok(state.content(self.inode)?.changes()))?;
        self.stall.wait(&self.path);
        self.with(|state| {
            let lies = state.lie.is_some_and(|lie| lie.concerns_file(&self.path));
            if state.sync(&self.path)? == Fate::Fails {
                state.content(self.inode)?.forget_unsynced(changes);
                return Err(io_error());
            }
            if !lies {
                state.content(self.inode)?.sync(changes);
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.with(|state| {
            state.whole_change_of(&self.path)?;
            state.content(self.inode)?.set_len(usize::try_from(len).map_err(io::Error::other)?);
            Ok(())
        })
    }

    fn allocate(&self, _position: u64, _len: u64) -> io::Result<()> {
        self.check_writable()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
