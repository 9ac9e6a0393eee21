//! A disk whose syncs fail when told to, or whose syncs of the log never do anything;
//! one on which a snapshot gets its name only when it is let, and one on which somebody else removes files.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use env::disk::OpenMode;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Says that the next snapshot is being written, and waits until it may be.
pub(super) type Hold = Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>;

/// See the file's head.
#[derive(Debug)]
pub(super) struct Faulty {
    pub(super) disk: Arc<dyn env::Disk>,
    /// Whether syncs fail.
    pub(super) fails: Arc<AtomicBool>,
    /// Whether syncs of the log do nothing.
    pub(super) lies: bool,
    /// Whether a file is gone when it is to be removed.
    pub(super) vanishes: bool,
    /// What the next snapshot waits for, if anything.
    pub(super) hold: Hold,
}

impl Faulty {
    pub(super) fn new(disk: Arc<dyn env::Disk>) -> Faulty {
        Faulty { disk, fails: Arc::default(), lies: false, vanishes: false, hold: Hold::default() }
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn env::File>,
    fails: Arc<AtomicBool>,
    lies: bool,
}

impl env::File for FaultyFile {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, bytes: &mut [u8], position: u64) -> std::io::Result<usize> {
        self.file.read_at(bytes, position)
    }
    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> std::io::Result<()> {
        self.file.write_all_at(parts, position)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("the disk is gone"));
        }
        if self.lies { Ok(()) } else { self.file.sync_data() }
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.file.set_len(len)
    }
    fn allocate(&self, position: u64, len: u64) -> std::io::Result<()> {
        self.file.allocate(position, len)
    }
    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

impl env::Disk for Faulty {
    fn open(&self, path: &Path, mode: OpenMode) -> std::io::Result<Arc<dyn env::File>> {
        let file = self.disk.open(path, mode)?;
        let lies = self.lies && path.extension().is_some_and(|kind| kind == "log");
        Ok(Arc::new(FaultyFile { file, fails: self.fails.clone(), lies }))
    }
    fn create_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.disk.create_dir_all(path)
    }
    fn sync_dir(&self, path: &Path) -> std::io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn sync_all(&self, path: &Path) -> std::io::Result<()> {
        self.disk.sync_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        if to.extension().is_some_and(|kind| kind == "snapshot")
            && let Some((begun, go_on)) = self.hold.lock().take()
        {
            begun.send(()).unwrap();
            go_on.blocking_recv().unwrap();
        }
        self.disk.rename(from, to)
    }
    fn copy(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.disk.copy(from, to)
    }
    fn remove_file(&self, path: &Path) -> std::io::Result<()> {
        if self.vanishes {
            self.disk.remove_file(path)?;
        }
        self.disk.remove_file(path)
    }
    fn remove_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.disk.remove_dir_all(path)
    }
    fn read_dir(&self, path: &Path) -> std::io::Result<Vec<env::disk::DirEntry>> {
        self.disk.read_dir(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }
    fn lock(&self, path: &Path) -> std::io::Result<env::disk::Lock> {
        self.disk.lock(path)
    }
    fn space(&self, path: &Path) -> std::io::Result<env::disk::Space> {
        self.disk.space(path)
    }

    fn handles_max(&self) -> usize {
        self.disk.handles_max()
    }
}
