//! The machine's own disk.

use super::*;

/// A folder of a test's own, gone after it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let unique = format!("walser-env-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(unique);
        SystemDisk::default().create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = SystemDisk::default().remove_dir_all(&self.0);
    }
}

/// A file system may refuse to go past the page cache when a file is opened, or at a write. What is not in
/// whole pages stands for the latter: most refuse it, some take it.
#[test]
fn what_cannot_go_past_the_page_cache_is_written_through_it() {
    let folder = Folder::new("direct");
    let disk = SystemDisk::default();
    let path = folder.0.join("a");
    let file = disk.open(&path, OpenMode::Direct).unwrap();
    let memory = vec![b'a'; 2 * PAGE_BYTES];
    let start = memory.as_ptr().align_offset(PAGE_BYTES);
    let page = &memory[start..][..PAGE_BYTES];
    file.write_all_at(&[IoSlice::new(page)], 0).unwrap();
    file.write_all_at(&[IoSlice::new(b"b"), IoSlice::new(b"cd")], 7).unwrap();
    file.write_all_at(&[IoSlice::new(page)], PAGE_BYTES as u64).unwrap();
    file.sync_data().unwrap();

    let mut expected = vec![b'a'; 2 * PAGE_BYTES];
    expected[7..10].copy_from_slice(b"bcd");
    assert!((&disk as &dyn Disk).read(&path, 1 << 20).unwrap() == expected);
}
