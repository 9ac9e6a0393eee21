//! `--device`: what a disk can do for durability, without any broker. The table of ADR 13, and the limits
//! that synced figures are held against.
//!
//! Three ways to make the appends of many partitions durable, each after the same writes into the
//! segments: a sync of each segment, one `syncfs`, and one write and sync of a journal file that holds
//! something already.
#![expect(clippy::disallowed_methods, reason = "the benchmark's own files, not a broker's")]

mod limit;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

pub(crate) use self::limit::{Limits, limits};
use crate::machine::now;

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_millis(1500);

/// No more in one write: the device's own speed is reached long before.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// What one partition appends in a group.
const APPEND_BYTES: usize = 1000;

/// The journal file, larger than any single write.
const JOURNAL_BYTES: u64 = 64 << 20;

const KIB: usize = 1 << 10;

/// Measures and prints, into a folder on the disk in question.
pub(crate) fn run(scratch: &Path) -> Result<()> {
    let folder = scratch.join("device");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let kind = crate::machine::filesystem(&folder)?;
    println!("write and fdatasync, one at a time, on {kind}\n");
    println!("| bytes | over a file that holds something | at the end of one that grows |");
    println!("|---|---|---|");
    for bytes in [4, 16, 64, 100, 256, 1024].map(|kib| kib * KIB) {
        let recycled = syncs(&folder, bytes, true)?;
        let growing = syncs(&folder, bytes, false)?;
        println!(
            "| {} KiB | {} | {} |",
            bytes / KIB,
            speed(recycled, bytes),
            speed(growing, bytes)
        );
    }

    println!("\ngroups a second: 1 KB is appended to each of N partitions and made durable\n");
    println!("| partitions | a sync of each segment | one syncfs | one journal |");
    println!("|---|---|---|---|");
    for partitions in [1, 100, 1_000, 10_000] {
        let each = groups(&folder, partitions, Way::Each)?;
        let all = groups(&folder, partitions, Way::All)?;
        let journal = groups(&folder, partitions, Way::Journal)?;
        println!("| {partitions} | {each:.1} | {all:.1} | {journal:.1} |");
    }

    println!("\nappends a second of one partition, one at a time, by their size\n");
    println!("| bytes | sync of the segment | journal, segment later |");
    println!("|---|---|---|");
    for bytes in [1, 4, 16, 32, 64, 128, 256, 1024].map(|kib| kib * KIB) {
        let segment = appends(&folder, bytes, false)?;
        let journal = appends(&folder, bytes, true)?;
        println!("| {} KiB | {segment:.0} | {journal:.0} |", bytes / KIB);
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes of writes are small")]
fn speed(per_second: f64, bytes: usize) -> String {
    format!("{per_second:.0}/s, {:.0} MB/s", per_second * bytes as f64 / 1e6)
}

/// Does the work over and over for some time; how many times a second it was done.
fn per_second(time: Duration, mut work: impl FnMut(u64) -> Result<()>) -> Result<f64> {
    let began = now();
    let mut done = 0_u32;
    while began.elapsed() < time {
        work(u64::from(done))?;
        done += 1;
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

fn create(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    options.open(path).with_context(|| format!("cannot create {}", path.display()))
}

/// A file that holds something everywhere.
fn recycled(path: &Path) -> Result<File> {
    let file = create(path)?;
    let piece = vec![1; 1 << 20];
    for at in (0..JOURNAL_BYTES).step_by(piece.len()) {
        file.write_all_at(&piece, at)?;
    }
    file.sync_all()?;
    Ok(file)
}

fn syncs(folder: &Path, bytes: usize, over: bool) -> Result<f64> {
    let path = folder.join("file");
    let file = if over { recycled(&path)? } else { create(&path)? };
    let piece = vec![2; bytes];
    let room = if over { JOURNAL_BYTES / bytes as u64 } else { u64::MAX };
    per_second(MEASURED, |n| {
        file.write_all_at(&piece, n % room * bytes as u64)?;
        Ok(file.sync_data()?)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Each,
    All,
    Journal,
}

fn groups(folder: &Path, partitions: usize, way: Way) -> Result<f64> {
    let segments = folder.join("segments");
    std::fs::create_dir_all(&segments)?;
    let open = |n: usize| create(&segments.join(n.to_string()));
    let files = (0..partitions).map(open).collect::<Result<Vec<_>>>()?;
    let journal = recycled(&folder.join("journal"))?;
    let piece = vec![3; APPEND_BYTES];
    let entry = vec![4; (partitions * APPEND_BYTES).next_multiple_of(4096)];
    let room = JOURNAL_BYTES / entry.len() as u64;
    rustix::fs::syncfs(&journal)?;
    let speed = per_second(MEASURED, |n| {
        for file in &files {
            file.write_all_at(&piece, n * APPEND_BYTES as u64)?;
        }
        match way {
            Way::Each => files.iter().try_for_each(File::sync_data)?,
            Way::All => rustix::fs::syncfs(&journal)?,
            Way::Journal => {
                journal.write_all_at(&entry, n % room * entry.len() as u64)?;
                journal.sync_data()?;
            }
        }
        Ok(())
    })?;
    drop(files);
    std::fs::remove_dir_all(&segments)?;
    Ok(speed)
}

fn appends(folder: &Path, bytes: usize, by_journal: bool) -> Result<f64> {
    let segment = create(&folder.join("segment"))?;
    let journal = recycled(&folder.join("journal"))?;
    let piece = vec![5; bytes];
    let entry = vec![6; (bytes + 100).next_multiple_of(4096)];
    let room = JOURNAL_BYTES / entry.len() as u64;
    per_second(MEASURED, |n| {
        segment.write_all_at(&piece, n * bytes as u64)?;
        if by_journal {
            journal.write_all_at(&entry, n % room * entry.len() as u64)?;
            Ok(journal.sync_data()?)
        } else {
            Ok(segment.sync_data()?)
        }
    })
}
