//! What the simulated disk keeps, forgets and refuses.

use std::collections::BTreeSet;

use super::*;
use crate::disk::PAGE_BYTES;

fn write(disk: &dyn Disk, path: &str, content: &str) -> Arc<dyn File> {
    let file = disk.open(Path::new(path), OpenMode::Create).unwrap();
    file.write_all_at(&[IoSlice::new(content.as_bytes())], 0).unwrap();
    file
}

fn read(disk: &dyn Disk, path: &str) -> Option<String> {
    disk.read(Path::new(path), 1 << 20).ok().map(|bytes| String::from_utf8(bytes).unwrap())
}

fn folder() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

fn outcomes(build: impl Fn(&SimDisk), look: impl Fn(&SimDisk) -> String) -> BTreeSet<String> {
    (0..200)
        .map(|seed| {
            let disk = folder();
            build(&disk);
            disk.crash(CrashLoss::Random(seed));
            look(&disk)
        })
        .collect()
}

#[test]
fn what_was_synced_survives_and_nothing_else() {
    let disk = folder();
    let file = write(&disk, "/d/a", "old");
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    file.write_all_at(&[IoSlice::new(b"new!")], 0).unwrap();
    write(&disk, "/d/b", "b").sync_data().unwrap();
    assert_eq!(read(&disk, "/d/a").as_deref(), Some("new!"));
    disk.crash(CrashLoss::Everything);
    assert_eq!(read(&disk, "/d/a").as_deref(), Some("old"));
    assert_eq!(read(&disk, "/d/b"), None, "its folder was not synced");
    assert!(file.len().is_err(), "a handle from before the crash");
}

#[test]
fn a_name_can_survive_without_content() {
    let disk = folder();
    write(&disk, "/d/a", "content");
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.crash(CrashLoss::Everything);
    assert_eq!(read(&disk, "/d/a").as_deref(), Some(""));
}

#[test]
fn a_folder_that_was_not_synced_takes_its_files_with_it() {
    let disk = folder();
    disk.create_dir_all(Path::new("/d/e")).unwrap();
    write(&disk, "/d/e/a", "a").sync_data().unwrap();
    disk.sync_dir(Path::new("/d/e")).unwrap();
    let copy = disk.duplicate();
    disk.crash(CrashLoss::Everything);
    assert!(!disk.exists(Path::new("/d/e/a")));
    copy.sync_dir(Path::new("/d")).unwrap();
    copy.crash(CrashLoss::Everything);
    assert_eq!(read(&copy, "/d/e/a").as_deref(), Some("a"));
}

#[test]
fn a_rename_is_whole_or_not_at_all() {
    let build = |disk: &SimDisk| {
        write(disk, "/d/a", "old").sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        write(disk, "/d/a.tmp", "new").sync_data().unwrap();
        disk.rename(Path::new("/d/a.tmp"), Path::new("/d/a")).unwrap();
    };
    let found = outcomes(build, |disk| read(disk, "/d/a").unwrap_or_default());
    assert_eq!(found, BTreeSet::from(["new".to_owned(), "old".to_owned()]));
}

#[test]
fn replace_is_certain() {
    let build = |disk: &SimDisk| {
        let disk: &dyn Disk = disk;
        disk.replace(Path::new("/d/a"), b"old").unwrap();
        disk.replace(Path::new("/d/a"), b"new").unwrap();
    };
    let found = outcomes(build, |disk| read(disk, "/d/a").unwrap_or_default());
    assert_eq!(found, BTreeSet::from(["new".to_owned()]));
}

#[test]
fn writes_are_lost_torn_and_reordered() {
    let build = |disk: &SimDisk| {
        let file = disk.open(Path::new("/d/a"), OpenMode::Create).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(&[IoSlice::new(&[1; 1024])], 0).unwrap();
        file.write_all_at(&[IoSlice::new(&[2; 512])], 1024).unwrap();
    };
    let found = outcomes(build, |disk| {
        let bytes = (disk as &dyn Disk).read(Path::new("/d/a"), 4096).unwrap();
        bytes.chunks(512).map(|sector| sector[0].to_string()).collect()
    });
    for expected in ["", "112", "11", "002", "012", "102", "1"] {
        assert!(found.contains(expected), "{expected:?} never happened: {found:?}");
    }
}

#[test]
fn a_dead_process_loses_nothing_but_its_handles() {
    let disk = folder();
    let file = write(&disk, "/d/a", "a");
    let lock = disk.lock(Path::new("/d/l")).unwrap();
    assert!(disk.lock(Path::new("/d/l")).is_err());
    disk.crash(CrashLoss::Nothing);
    assert!(file.len().is_err());
    assert_eq!(read(&disk, "/d/a").as_deref(), Some("a"));
    let again = disk.lock(Path::new("/d/l")).unwrap();
    drop(lock);
    assert!(disk.lock(Path::new("/d/l")).is_err(), "the lock of a dead process freed a living one");
    drop(again);
    assert!(disk.lock(Path::new("/d/l")).is_ok());
}

#[test]
fn faults_come_when_asked_for() {
    let disk = folder();
    let file = write(&disk, "/d/a", "a");
    disk.fail_write(2);
    assert!(file.write_all_at(&[IoSlice::new(b"b")], 1).is_ok());
    assert!(file.write_all_at(&[IoSlice::new(b"c")], 2).is_err());
    assert!(file.write_all_at(&[IoSlice::new(b"c")], 2).is_ok());
    disk.fail_sync(1);
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().is_ok());
    let lost = disk.duplicate();
    lost.sync_dir(Path::new("/d")).unwrap();
    lost.crash(CrashLoss::Everything);
    assert_eq!(read(&lost, "/d/a").as_deref(), Some(""), "a second sync is no cure");
    disk.limit_space(2);
    let full = file.write_all_at(&[IoSlice::new(b"defgh")], 3).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    disk.shorten_reads(1);
    assert_eq!(file.read_at(&mut [0; 4], 0).unwrap(), 1);
    assert!(disk.flip_bit(Path::new("/d/a"), 0, 1));
    assert!(read(&disk, "/d/a").unwrap().starts_with('c'));
    disk.stop_at(2);
    assert!(file.sync_data().is_ok());
    assert!(!disk.stopped());
    assert!(file.sync_data().is_err());
    assert!(disk.stopped());
    assert!(disk.remove_file(Path::new("/d/a")).is_err());
    assert!(disk.exists(Path::new("/d/a")));
}

#[test]
fn folders_are_listed_and_renamed_whole() {
    let disk = folder();
    disk.create_dir_all(Path::new("/d/t-0")).unwrap();
    write(&disk, "/d/t-0/a", "a");
    write(&disk, "/d/t-0.b", "b");
    disk.rename(Path::new("/d/t-0"), Path::new("/d/t-1")).unwrap();
    let names: Vec<String> =
        disk.read_dir(Path::new("/d")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["t-0.b", "t-1"]);
    assert_eq!(read(&disk, "/d/t-1/a").as_deref(), Some("a"));
    disk.remove_dir_all(Path::new("/d/t-1")).unwrap();
    assert_eq!(read(&disk, "/d/t-1/a"), None);
}

#[test]
fn any_change_can_be_the_one_that_fails() {
    let steps: [fn(&SimDisk) -> io::Result<()>; 5] = [
        |disk| disk.open(Path::new("/d/a"), OpenMode::Create).map(drop),
        |disk| {
            let file = disk.open(Path::new("/d/a"), OpenMode::Write)?;
            file.write_all_at(&[IoSlice::new(b"ab")], 0)
        },
        |disk| disk.open(Path::new("/d/a"), OpenMode::Write)?.sync_data(),
        |disk| disk.rename(Path::new("/d/a"), Path::new("/d/b")),
        |disk| disk.sync_dir(Path::new("/d")),
    ];
    for nth in 1..=steps.len() {
        let disk = folder();
        disk.fail_change(nth as u64);
        let failed = steps.iter().position(|step| step(&disk).is_err());
        assert_eq!(failed, Some(nth - 1));
        assert_eq!(disk.faults_delivered(), 1);
    }
}

#[test]
fn a_disk_that_lies_loses_what_it_said_was_synced() {
    for (lie, left) in [
        (None, (Some("a"), Some("b"))),
        (Some(Lie::Files(".a")), (Some(""), Some("b"))),
        (Some(Lie::Folders), (None, None)),
    ] {
        let disk = folder();
        if let Some(lie) = lie {
            disk.lie(lie);
        }
        write(&disk, "/d/1.a", "a").sync_data().unwrap();
        write(&disk, "/d/1.b", "b").sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.crash(CrashLoss::Everything);
        assert_eq!(read(&disk, "/d/1.a").as_deref(), left.0, "{lie:?}");
        assert_eq!(read(&disk, "/d/1.b").as_deref(), left.1, "{lie:?}");
    }
}

#[test]
fn what_is_not_in_memory_is_not_read_without_waiting() {
    let disk = folder();
    let file = write(&disk, "/d/a", &"a".repeat(10_000));
    let mut byte = [0];
    let mut look = |position| file.read_in_memory_at(&mut byte, position).map_err(|e| e.kind());
    assert_eq!(look(9_999), Ok(1), "what was written is in memory");
    disk.forget_pages();
    assert_eq!(look(0), Err(io::ErrorKind::WouldBlock));
    file.read_at(&mut [0; 10], 5_000).unwrap();
    assert_eq!(look(4_095), Err(io::ErrorKind::WouldBlock));
    assert_eq!(look(4_096), Ok(1));
    assert_eq!(look(12_288), Ok(0), "beyond the end");
    let mut many = [0; 10_000];
    assert_eq!(file.read_in_memory_at(&mut many, 5_000).unwrap(), 8_192 - 5_000);
}

#[test]
fn reads_from_the_disk_can_stall_and_fail() {
    let disk = folder();
    let file = write(&disk, "/d/a", "cold");
    let other = write(&disk, "/d/b", "warm");
    disk.forget_pages();
    other.read_at(&mut [0], 0).unwrap();
    disk.fail_reads(true);
    assert!(file.read_at(&mut [0], 0).is_err());
    assert_eq!(other.read_at(&mut [0], 0).unwrap(), 1);
    disk.fail_reads(false);
    disk.stall_reads(true);
    assert_eq!(other.read_at(&mut [0], 0).unwrap(), 1);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| file.read_at(&mut [0; 4], 0).unwrap());
        disk.stall_reads(false);
        assert_eq!(reader.join().unwrap(), 4);
    });
}

#[test]
fn what_is_written_while_a_sync_is_under_way_is_left_to_the_next() {
    let disk = Arc::new(folder());
    let file = write(&*disk, "/d/a", "a");
    let late = (disk.clone(), file.clone());
    disk.stall_sync(
        2,
        Box::new(move |path| {
            assert_eq!(path, Path::new("/d/a"));
            late.1.write_all_at(&[IoSlice::new(b"b")], 1).unwrap();
            write(&*late.0, "/d/b", "b");
        }),
    );
    disk.sync_dir(Path::new("/")).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    let copy = disk.duplicate();
    copy.crash(CrashLoss::Everything);
    assert_eq!(read(&copy, "/d/a").as_deref(), Some("a"), "the second byte came too late");
    assert_eq!(read(&copy, "/d/b").as_deref(), Some(""), "its name came before that of the folder");

    let late = disk.clone();
    disk.stall_sync(1, Box::new(move |_| drop(write(&*late, "/d/c", "c"))));
    disk.sync_all(Path::new("/")).unwrap();
    disk.crash(CrashLoss::Everything);
    assert_eq!(read(&*disk, "/d/a").as_deref(), Some("ab"));
    assert_eq!(read(&*disk, "/d/c"), None);
}

#[test]
fn a_read_that_takes_its_time_lets_others_go_on() {
    let disk = folder();
    let file = write(&disk, "/d/a", "old");
    disk.forget_pages();
    let late = file.clone();
    disk.stall_read(1, Box::new(move |_| late.write_all_at(&[IoSlice::new(b"new")], 0).unwrap()));
    let mut bytes = [0; 3];
    file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"new");
}

#[test]
fn past_the_page_cache_only_whole_pages_are_written() {
    let disk = folder();
    let file = disk.open(Path::new("/d/a"), OpenMode::Direct).unwrap();
    let memory = vec![1; 3 * PAGE_BYTES];
    let start = memory.as_ptr().align_offset(PAGE_BYTES);
    let write = |from: usize, len: usize, position: u64| {
        let part = &memory[start + from..][..len];
        file.write_all_at(&[IoSlice::new(part)], position).map_err(|error| error.kind())
    };
    assert_eq!(write(0, PAGE_BYTES, PAGE_BYTES as u64), Ok(()));
    let whole = file.len().unwrap();
    let misaligned = [(1, PAGE_BYTES, 0), (0, PAGE_BYTES - 1, 0), (0, PAGE_BYTES, 512)];
    for (from, len, position) in misaligned {
        assert_eq!(write(from, len, position), Err(io::ErrorKind::InvalidInput));
    }
    assert_eq!(file.len().unwrap(), whole);
    assert!(file.read_at(&mut [0; 1], 0).is_err(), "whoever reads it reads through the page cache");
}
