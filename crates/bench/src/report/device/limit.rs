//! What the device does with the batches of a workload when nothing else is done: no network, no
//! checksum, no index, one write for each batch that is acknowledged.
//!
//! There are two such limits. Files that are written over have their blocks, on the disk and, where the
//! disk is a virtual one, at its host: that is the most a journal can reach which is used again and
//! again. Files that grow, as those of a log do, have theirs to be found first.
#![expect(clippy::disallowed_methods, reason = "the benchmark's own files, not a broker's")]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use walser_bench::{Arrivals, Mode, Workload};

use super::{GROUP_BYTES_MAX, JOURNAL_BYTES, KIB, per_second, recycled};

/// How long each way is tried, and how long the best of them is measured.
const TRIED: Duration = Duration::from_millis(100);
const MEASURED: Duration = Duration::from_millis(300);

/// What a write past the page cache is aligned to.
const PAGE_BYTES: usize = 4 * KIB;

/// Batches that the device makes durable in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// In files that hold something everywhere.
    pub(crate) over: f64,
    /// In files that grow.
    pub(crate) growing: f64,
}

impl Limits {
    /// Disks have moods: the better of two moments counts.
    pub(crate) fn or_better(self, other: Limits) -> Limits {
        Limits { over: self.over.max(other.over), growing: self.growing.max(other.growing) }
    }
}

/// One way to make batches durable, over and over.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// The files grow; else they are written over.
    growing: bool,
    /// Past the page cache.
    direct: bool,
    by: By,
}

#[derive(Clone, Copy, Debug)]
enum By {
    /// So many writers at the same time, each with its file, its part of the batches and its syncs.
    Writers(usize),
    /// A file for every batch, and one sync of the whole file system for all of them.
    One,
}

/// The limits for this workload, in this folder.
///
/// Every connection of a closed window waits for its batch, so that no more of them than there are in
/// flight can share a sync. Up to that, the best of all ways to group them counts: through the page cache
/// or past it, by one writer or more for as long as the disk gains from more.
pub(crate) fn limits(folder: &Path, workload: &Workload) -> Result<Limits> {
    let Mode::Produce { arrivals: Arrivals::Closed { window }, .. } = workload.mode else {
        bail!("the device's limit is that of a closed window");
    };
    let bench = Bench {
        folder: folder.to_owned(),
        in_flight: usize::try_from(workload.connections * window)?.max(1),
        batch_bytes: usize::try_from(workload.batch.records * workload.batch.value_bytes)?.max(1),
    };
    let folder = File::open(folder)?;
    // What a broker has left to be written is not the device's doing, nor is what is left here a broker's.
    rustix::fs::syncfs(&folder)?;
    let limits = Limits { over: bench.limit(false)?, growing: bench.limit(true)? };
    rustix::fs::syncfs(&folder)?;
    Ok(limits)
}

struct Bench {
    folder: PathBuf,
    in_flight: usize,
    batch_bytes: usize,
}

impl Bench {
    /// Batches a second by the best way.
    fn limit(&self, growing: bool) -> Result<f64> {
        let mut best = (0.0_f64, None);
        let mut writers = 1;
        loop {
            let gained = [false, true].into_iter().try_fold(false, |gained, direct| {
                let way = Way { growing, direct, by: By::Writers(writers) };
                Ok::<_, anyhow::Error>(self.try_way(way, &mut best)? || gained)
            })?;
            writers *= 2;
            if !gained || writers > self.in_flight {
                break;
            }
        }
        if growing && self.in_flight > 1 {
            self.try_way(Way { growing, direct: false, by: By::One }, &mut best)?;
        }
        let (tried, Some(way)) = best else { bail!("no way to write was found") };
        Ok(self.batches(way, MEASURED)?.unwrap_or(0.0).max(tried))
    }

    /// Tries a way, and says whether it is better than the best so far.
    fn try_way(&self, way: Way, best: &mut (f64, Option<Way>)) -> Result<bool> {
        let Some(batches) = self.batches(way, TRIED)? else { return Ok(false) };
        let is_better = batches > best.0;
        if is_better {
            *best = (batches, Some(way));
        }
        Ok(is_better)
    }

    /// Batches a second in this way; `None` where the file system has no writes past the page cache.
    fn batches(&self, way: Way, time: Duration) -> Result<Option<f64>> {
        let at_once = self.in_flight.min(GROUP_BYTES_MAX / self.batch_bytes).max(1);
        let (files, group) = match way.by {
            By::Writers(writers) => (writers, (at_once / writers).max(1)),
            By::One => (at_once, 1),
        };
        let bytes = (group * self.batch_bytes).next_multiple_of(PAGE_BYTES);
        let Some(files) = self.open(way, files)? else { return Ok(None) };
        let syncs = match way.by {
            By::Writers(_) => side_by_side(&files, bytes, way.growing, time)?,
            By::One => together(&files, bytes, time)? * float(files.len()),
        };
        drop(files);
        if way.growing {
            // The next to grow finds its blocks anew, and the broker has the room.
            std::fs::remove_dir_all(self.growing_folder())?;
        }
        Ok(Some(syncs * float(group)))
    }

    fn growing_folder(&self) -> PathBuf {
        self.folder.join("device-limit-growing")
    }

    fn open(&self, way: Way, files: usize) -> Result<Option<Vec<File>>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(way.growing);
        if way.direct {
            options.custom_flags(i32::try_from(rustix::fs::OFlags::DIRECT.bits())?);
        }
        let folder = if way.growing { self.growing_folder() } else { self.folder.clone() };
        std::fs::create_dir_all(&folder)?;
        let mut opened = Vec::new();
        for number in 0..files {
            let path = folder.join(format!("device-limit-{number}"));
            if !way.growing && !path.exists() {
                recycled(&path)?;
            }
            match options.open(&path) {
                Ok(file) => opened.push(file),
                Err(error) if way.direct && error.kind() == std::io::ErrorKind::InvalidInput => {
                    return Ok(None);
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot open {}", path.display()));
                }
            }
        }
        Ok(Some(opened))
    }
}

/// Writes of so many bytes a second, each synced, over all these files at once.
fn side_by_side(files: &[File], bytes: usize, growing: bool, time: Duration) -> Result<f64> {
    let room = if growing { u64::MAX } else { JOURNAL_BYTES / bytes as u64 };
    std::thread::scope(|scope| {
        let work = |file: &File| {
            let memory = vec![2; bytes + PAGE_BYTES];
            let piece = pages(&memory, bytes);
            per_second(time, |n| {
                file.write_all_at(piece, n % room * bytes as u64)?;
                Ok(file.sync_data()?)
            })
        };
        let running: Vec<_> = files.iter().map(|file| scope.spawn(move || work(file))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a writer panicked"))?)
            .sum()
    })
}

/// A write to the end of each of these files and one sync of all: how often a second.
fn together(files: &[File], bytes: usize, time: Duration) -> Result<f64> {
    let first = files.first().context("there are files")?;
    let piece = vec![2; bytes];
    per_second(time, |n| {
        files.iter().try_for_each(|file| file.write_all_at(&piece, n * bytes as u64))?;
        Ok(rustix::fs::syncfs(first)?)
    })
}

/// So many bytes that begin with a page of memory, out of what has a page more.
fn pages(memory: &[u8], bytes: usize) -> &[u8] {
    let start = memory.as_ptr().align_offset(PAGE_BYTES);
    memory.get(start..).and_then(|pages| pages.get(..bytes)).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts of batches are small")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_past_the_cache_begins_with_a_page() {
        for len in [1, 4096, 70_000] {
            let memory = vec![1; len + PAGE_BYTES];
            let pages = pages(&memory, len);
            assert_eq!(pages.len(), len);
            assert_eq!(pages.as_ptr().align_offset(PAGE_BYTES), 0);
        }
    }

    #[test]
    fn of_two_moments_each_limit_has_its_better() {
        let (first, second) =
            (Limits { over: 3.0, growing: 1.0 }, Limits { over: 2.0, growing: 2.0 });
        assert_eq!(first.or_better(second), Limits { over: 3.0, growing: 2.0 });
    }
}
