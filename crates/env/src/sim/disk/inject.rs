//! What tests ask of a disk beforehand: faults and lies, and what a disk may do without being broken, as to
//! be slow, small, or to read little at a time.

use std::path::Path;

use super::SimDisk;
use super::content::Content;
use super::faults::Lie;
use super::stall::Meanwhile;

impl SimDisk {
    /// The machine stops inside the `nth` change from now (1 is the next): that one may be done in
    /// part, and it and all later ones fail. Reads go on.
    pub fn stop_at(&self, nth: u64) {
        let mut state = self.state.lock();
        state.faults.stop_at = Some(state.changes.saturating_add(nth));
    }

    /// Whether the machine has stopped as [`SimDisk::stop_at`] asked.
    #[must_use]
    pub fn stopped(&self) -> bool {
        let state = self.state.lock();
        state.faults.stop_at.is_some_and(|stop| state.changes >= stop)
    }

    /// The `nth` write from now (1 is the next) fails after a part of it was done.
    pub fn fail_write(&self, nth: u64) {
        self.state.lock().faults.write = Some(nth);
    }

    /// The `nth` sync of a file or folder from now (1 is the next) fails. What it should have made
    /// durable is not, and for a file no later sync makes it so, as Linux drops what it could not
    /// write: only retrying the writes would.
    pub fn fail_sync(&self, nth: u64) {
        self.state.lock().faults.sync = Some(nth);
    }

    /// The `nth` change of any kind from now (1 is the next) fails: a write after a part of it was
    /// done, a sync as with [`SimDisk::fail_sync`], anything else without having changed anything.
    pub fn fail_change(&self, nth: u64) {
        self.state.lock().faults.change = Some(nth);
    }

    /// The disk that is mounted at `folder` is broken from now on: every change beneath fails, reads go
    /// on.
    pub fn break_under(&self, folder: &Path) {
        self.state.lock().faults.broken = Some(folder.to_owned());
    }

    /// How many changes failed since the last crash because a test wanted them to; those for which there
    /// was no room are not counted.
    #[must_use]
    pub fn faults_delivered(&self) -> u64 {
        self.state.lock().faults.delivered
    }

    /// From now on some syncs are answered and not done, over crashes too.
    pub fn lie(&self, lie: Lie) {
        self.state.lock().lie = Some(lie);
    }

    /// Syncs do not end from now on, or end again.
    pub fn stall_syncs(&self, on: bool) {
        self.stall.set(on);
    }

    /// Nothing that is in a file now is in memory any more: whoever reads it waits for the disk.
    pub fn forget_pages(&self) {
        self.state.lock().files.values_mut().for_each(Content::chill);
    }

    /// Reads of what is not in memory do not end from now on, or end again.
    pub fn stall_reads(&self, on: bool) {
        self.read_stall.set(on);
    }

    /// The `nth` sync from now (1 is the next) takes its time: when it has begun, `meanwhile` is called,
    /// which may use the disk, and it goes on when that returns. No later change is part of it. A crash
    /// does not forget it.
    pub fn stall_sync(&self, nth: u64, meanwhile: Meanwhile) {
        self.stall.plan(nth, meanwhile);
    }

    /// The same for the `nth` read of what is not in memory, see [`SimDisk::forget_pages`].
    pub fn stall_read(&self, nth: u64, meanwhile: Meanwhile) {
        self.read_stall.plan(nth, meanwhile);
    }

    /// Reads of what is not in memory fail from now on, or succeed again.
    pub fn fail_reads(&self, on: bool) {
        self.state.lock().faults.reads_fail = on;
    }

    /// Few files may be held open for long, and so many more for a moment as the system's disk leaves
    /// room for; one too many is refused as the kernel does.
    pub fn limit_handles(&self, most: usize) {
        self.state.lock().faults.handles = Some(most);
    }

    /// Leaves room for `bytes` more; what goes beyond fails as a full disk does. Removing files makes
    /// room, and so does asking again with more.
    pub fn limit_space(&self, bytes: u64) {
        let mut state = self.state.lock();
        let used = state.used();
        state.faults.space = Some(used.saturating_add(bytes));
    }

    /// Reads return at most this many bytes at a time.
    pub fn shorten_reads(&self, bytes_max: usize) {
        self.state.lock().faults.read_bytes_max = Some(bytes_max.max(1));
    }

    /// Flips one bit of a file, also in what is durable. False when there is no such byte.
    pub fn flip_bit(&self, path: &Path, position: u64, bit: u32) -> bool {
        let mut state = self.state.lock();
        let Ok(inode) = state.file_at(path) else { return false };
        state.content(inode).is_ok_and(|content| content.flip(position, bit))
    }
}
