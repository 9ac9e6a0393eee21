//! Regions that are in memory, in part, or not.

use std::io::IoSlice;

use env::Disk;
use env::disk::OpenMode;
use env::sim::SimDisk;

use super::*;

const LEN: usize = 1_000_000;

fn region(disk: &SimDisk) -> Region {
    disk.create_dir_all("/d".as_ref()).unwrap();
    let file = disk.open("/d/f".as_ref(), OpenMode::CreateNew).unwrap();
    let bytes: Vec<u8> = (0..LEN + 200).map(|at| (at % 251) as u8).collect();
    file.write_all_at(&[IoSlice::new(&bytes)], 0).unwrap();
    Region { file, position: 100, len: LEN }
}

#[test]
fn it_is_in_memory_as_far_as_it_was_brought_in() {
    let disk = SimDisk::new();
    let region = region(&disk);
    assert!(region.is_in_memory(LEN));
    disk.forget_pages();
    assert!(!region.is_in_memory(1));
    assert_eq!(region.load_in_memory().unwrap(), None);
    for len in [1, 5_000, SCRATCH_BYTES, SCRATCH_BYTES + 1, LEN / 2] {
        disk.forget_pages();
        region.bring_in(len).unwrap();
        assert!(region.is_in_memory(len), "{len}");
        assert!(!region.is_in_memory(LEN), "{len}");
    }
    region.bring_in(usize::MAX).unwrap();
    assert!(region.is_in_memory(usize::MAX));
    let loaded = region.load_in_memory().unwrap().unwrap();
    assert_eq!((loaded.len(), loaded[0]), (LEN, 100));
    assert_eq!(loaded, region.load().unwrap());
}

#[test]
fn a_file_that_is_too_short_is_for_whoever_reads_it() {
    let disk = SimDisk::new();
    let region = Region { position: 2 * LEN as u64, ..region(&disk) };
    disk.forget_pages();
    assert!(region.is_in_memory(LEN));
    assert_eq!(region.bring_in(LEN).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(region.load().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}
