//! Files and folders.
//!
//! What a crash leaves: bytes written but not synced may be lost, in part and in any order; a name
//! created, renamed or removed is certain only after [`Disk::sync_dir`] of its folder. The simulated
//! twin ([`crate::sim::SimDisk`]) takes both away as harshly as a real disk may.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::fs::{Advice, OFlags};
use rustix::io::{Errno, ReadWriteFlags};

/// What is written to a file of [`OpenMode::Direct`] begins and ends at multiples of this, in the file and
/// in memory.
pub const PAGE_BYTES: usize = 4096;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist; only read.
    Read,
    /// It must exist; read and write.
    Write,
    /// Created when missing; read and write.
    Create,
    /// It must not exist; read and write.
    CreateNew,
    /// Created when missing; only written, in whole pages, and past the page cache where the file system
    /// can: for what this process does not read again. It is as little durable before a sync.
    Direct,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name, without its folder.
    pub name: String,
    /// Whether it is a folder itself.
    pub is_dir: bool,
}

/// Room on the file system that holds a path, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The whole file system.
    pub total: u64,
    /// What this process may still use.
    pub available: u64,
}

/// Keeps an exclusive lock until dropped.
pub type Lock = Box<dyn Send + Sync>;

/// A file system.
pub trait Disk: Send + Sync + Debug {
    /// Opens or creates a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Creates a folder and those above it; it may exist.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes created, renamed and removed names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes everything durable that was done on the file system that holds `path`.
    fn sync_all(&self, path: &Path) -> io::Result<()>;
    /// From here on [`Disk::sync_all`] of this very path tells of everything that could not be written
    /// back, also of what somebody else's sync of the file system was told first.
    fn watch(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    /// Gives a file or folder another name, replacing a file there at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Copies the content of a file to a new one, on file systems that can without doubling its blocks;
    /// the copy is not synced.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; open handles go on reading it.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and everything in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, sorted.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Whether the path names anything.
    fn exists(&self, path: &Path) -> bool;
    /// Locks a file against other processes, without waiting; created when missing.
    /// `ErrorKind::WouldBlock` says that another process has it.
    fn lock(&self, path: &Path) -> io::Result<Lock>;
    /// Room left where `path` lies.
    fn space(&self, path: &Path) -> io::Result<Space>;
    /// How many files may be held open for a long time.
    fn handles_max(&self) -> usize;
    /// How many threads are worth having where much is to be done with many files; one where a run is to take
    /// the same steps each time.
    fn threads_max(&self) -> usize {
        1
    }
}

/// An open file. Positions are bytes from its start.
pub trait File: Send + Sync + Debug {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it holds no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads at most `bytes.len()`; 0 means the end.
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize>;
    /// Reads what is in memory and waits for no disk: `ErrorKind::WouldBlock` where not even the first
    /// byte is. Where the file system cannot say, this is [`File::read_at`].
    fn read_in_memory_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(bytes, position)
    }
    /// Has the system begin to read a part of the file into memory. A hint.
    fn prefetch(&self, _position: u64, _len: u64) {}
    /// [`File::read_at`] that leaves nothing in the page cache which was not there, for who reads much
    /// and only once; on a handle that nobody else reads from, as the kernel reads nothing ahead for it
    /// any more.
    fn read_aside(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(bytes, position)
    }
    /// Writes all parts one after the other, as one system call where the kernel allows.
    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()>;
    /// Makes the content, and the length needed to read it, durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts or extends with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves blocks without changing the length; a file system that cannot is no error.
    fn allocate(&self, position: u64, len: u64) -> io::Result<()>;
    /// The descriptor, where there is one, for sending from the file.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

impl dyn File + '_ {
    /// Reads exactly `bytes.len()` or fails with `UnexpectedEof`.
    pub fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> io::Result<()> {
        exactly(bytes, position, |bytes, position| self.read_at(bytes, position))
    }

    /// Reads exactly `bytes.len()` by [`File::read_aside`], or fails with `UnexpectedEof`.
    pub fn read_exact_aside(&self, bytes: &mut [u8], position: u64) -> io::Result<()> {
        exactly(bytes, position, |bytes, position| self.read_aside(bytes, position))
    }
}

fn exactly(
    mut bytes: &mut [u8],
    mut position: u64,
    read: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match read(bytes, position) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                position += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file as far as it is in memory: reads fail with `ErrorKind::WouldBlock` where they would wait for
/// the disk.
#[derive(Debug)]
pub struct InMemory<'a>(pub &'a dyn File);

impl File for InMemory<'_> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_in_memory_at(bytes, position)
    }
    fn read_in_memory_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_in_memory_at(bytes, position)
    }
    fn prefetch(&self, position: u64, len: u64) {
        self.0.prefetch(position, len);
    }
    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.0.write_all_at(parts, position)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        self.0.allocate(position, len)
    }
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.fd()
    }
}

impl dyn Disk + '_ {
    /// A whole file, up to `bytes_max`; longer is an error and not an allocation.
    pub fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::Read)?;
        let len = file.len()?;
        if len > bytes_max {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{} holds {len} bytes, at most {bytes_max} expected", path.display()),
            ));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Replaces a file so that a crash leaves the old content or the new, never a mixture:
    /// written beside it, synced, renamed, and the folder synced.
    pub fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let beside = PathBuf::from(format!("{}.tmp", path.display()));
        let file = self.open(&beside, OpenMode::Create)?;
        file.set_len(0)?;
        file.write_all_at(&[IoSlice::new(content)], 0)?;
        file.sync_data()?;
        self.rename(&beside, path)?;
        match path.parent() {
            Some(folder) => self.sync_dir(folder),
            None => Ok(()),
        }
    }
}

/// Where the system sets no limit on open files, we do.
const HANDLES_MAX: usize = 200_000;

/// More threads than this wait for each other in the file system.
const THREADS_MAX: usize = 4;

/// The machine's file systems.
#[derive(Debug, Default)]
pub struct SystemDisk {
    /// A failed write-back is told once to each descriptor that was open before it, and to later ones only
    /// while nobody has heard of it.
    watched: Mutex<BTreeMap<PathBuf, Arc<std::fs::File>>>,
}

#[derive(Debug)]
struct SystemFile {
    file: std::fs::File,
    /// The file system does not say what is in memory: a tmpfs, which has all of it there, or an old one.
    silent: AtomicBool,
    /// What is written goes past the page cache.
    direct: AtomicBool,
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
impl Disk for SystemDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::Write => options.write(true),
            OpenMode::Create | OpenMode::Direct => options.write(true).create(true).truncate(false),
            OpenMode::CreateNew => options.write(true).create_new(true),
        };
        let file = options.open(path)?;
        // A file system that cannot says so here, or at the first write.
        let direct = mode == OpenMode::Direct && set_direct(&file, true).is_ok();
        let (silent, direct) = (AtomicBool::new(false), AtomicBool::new(direct));
        Ok(Arc::new(SystemFile { file, silent, direct }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::File::open(path)?.sync_all()
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let watched = self.watched.lock().get(path).cloned();
        match watched {
            Some(folder) => Ok(rustix::fs::syncfs(&*folder)?),
            None => Ok(rustix::fs::syncfs(std::fs::File::open(path)?)?),
        }
    }

    fn watch(&self, path: &Path) -> io::Result<()> {
        let folder = Arc::new(std::fs::File::open(path)?);
        self.watched.lock().insert(path.to_owned(), folder);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::copy(from, to).map(|_| ())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            entries.push(DirEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_dir: entry.file_type()?.is_dir(),
            });
        }
        entries.sort();
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Space {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }

    fn handles_max(&self) -> usize {
        // The rest is for connections, and for files that are open for a moment.
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(HANDLES_MAX);
        limit.min(HANDLES_MAX) / 5 * 3
    }

    fn threads_max(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
    }
}

impl File for SystemFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, bytes, position)
    }

    fn read_in_memory_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        if self.silent.load(Ordering::Relaxed) {
            return self.read_at(bytes, position);
        }
        let parts = &mut [IoSliceMut::new(bytes)];
        match rustix::io::preadv2(&self.file, parts, position, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.silent.store(true, Ordering::Relaxed);
                self.read_at(bytes, position)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn prefetch(&self, position: u64, len: u64) {
        // A hint: where it is not taken, the reads that follow wait.
        let _ = rustix::fs::fadvise(&self.file, position, NonZeroU64::new(len), Advice::WillNeed);
    }

    fn read_aside(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        // What is in the page cache stays there, for those who brought it.
        let mut parts = [IoSliceMut::new(bytes)];
        match rustix::io::preadv2(&self.file, &mut parts, position, ReadWriteFlags::NOWAIT) {
            Ok(read) if read > 0 => return Ok(read),
            // Not there, or a file system that cannot tell, or the end.
            Ok(_) | Err(_) => {}
        }
        let advise = |len, advice| rustix::fs::fadvise(&self.file, position, len, advice);
        // What is read ahead would look as if somebody had brought it.
        let _ = advise(None, Advice::Random);
        let read = self.read_at(bytes, position)?;
        let _ = advise(NonZeroU64::new(read as u64), Advice::DontNeed);
        Ok(read)
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut written = 0;
        while written < total {
            // After a short write, what is left is sliced anew; the first call takes all as it is.
            let result = if written == 0 {
                rustix::io::pwritev(&self.file, parts, position)
            } else {
                let rest = rest_of(parts, written);
                rustix::io::pwritev(&self.file, &rest, position + written as u64)
            };
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(Errno::INTR) => {}
                // Not so, or not in pages as small as ours.
                Err(Errno::INVAL) if self.direct.swap(false, Ordering::Relaxed) => {
                    set_direct(&self.file, false)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(
            &self.file,
            rustix::fs::FallocateFlags::KEEP_SIZE,
            position,
            len,
        ) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

/// Has what is written to an open file go past the page cache, or through it.
fn set_direct(file: &std::fs::File, on: bool) -> io::Result<()> {
    let mut flags = rustix::fs::fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, on);
    Ok(rustix::fs::fcntl_setfl(file, flags)?)
}

/// What is left of `parts` after their first `skip` bytes.
fn rest_of<'a>(parts: &'a [IoSlice<'a>], mut skip: usize) -> Vec<IoSlice<'a>> {
    let mut rest = Vec::with_capacity(parts.len());
    for part in parts {
        if skip >= part.len() {
            skip -= part.len();
        } else {
            rest.push(IoSlice::new(&part[skip..]));
            skip = 0;
        }
    }
    rest
}

#[cfg(test)]
mod tests;
