//! Several threads do what one does.

use env::sim::Sim;
use uuid::Uuid;

use super::*;

const DATA: &str = "/data";

/// Two hundred partitions with a few writes each, of which some follow upon each other, with the bytes that
/// these are parts of.
fn partitions() -> (Vec<Rewritten>, Vec<u8>) {
    let bytes: Vec<u8> = (0..=250).cycle().take(9000).collect();
    let of = |n: usize| {
        let key = (Uuid::from_u128(7), i32::try_from(n).unwrap());
        let mut partition = Rewritten::new(Path::new(DATA), key, "t", &Owners::default());
        let mut add = |base, position, begin: usize, len| {
            let batches = begin..begin + len;
            partition.add(Write { base: Offset(base), position, batches });
        };
        add(0, 0, n, 10);
        add(0, 10, 300 + n, 5);
        add(0, 15, 700 + n, 1);
        add(9, 0, 1000 + n, 30);
        // Over what was there.
        add(9, 10, 2000 + n, 3);
        // Nothing is there before it.
        add(9, 31, 2100 + n, 1);
        partition
    };
    ((0..200).map(of).collect(), bytes)
}

/// What is in the files after so many threads have written it, with few of them open at once.
fn written(threads: usize) -> (Vec<Vec<u8>>, Done) {
    let sim = Sim::new(1);
    sim.disk.limit_handles(20);
    let disk: &dyn Disk = &*sim.disk;
    disk.create_dir_all(Path::new(DATA)).unwrap();
    let (mut partitions, bytes) = partitions();
    let done = write_due(disk, threads, &mut partitions, &bytes).unwrap();
    assert_eq!(write_due(disk, threads, &mut partitions, &[]).unwrap(), Done::default());
    drop(partitions);
    let file = |n: usize, base| {
        let path = Path::new(DATA).join(names::partition_folder("t", i32::try_from(n).unwrap()));
        disk.read(&path.join(names::segment_file(base, names::LOG)), 1000).unwrap()
    };
    let files = (0..200).flat_map(|n| [file(n, Offset(0)), file(n, Offset(9))]).collect();
    (files, done)
}

#[test]
fn several_threads_write_what_one_writes() {
    let (files, done) = written(1);
    let (_, bytes) = partitions();
    let part = |begin: usize, len| bytes[begin..begin + len].to_vec();
    for (n, files) in files.chunks(2).enumerate() {
        assert_eq!(files[0], [part(n, 10), part(300 + n, 5), part(700 + n, 1)].concat());
        let over = [part(1000 + n, 10), part(2000 + n, 3), part(1013 + n, 17)].concat();
        assert_eq!(files[1], over, "and nothing behind a hole");
    }
    assert_eq!(done, Done { bytes: 200 * 49, skipped: false });
    assert_eq!(written(4), (files, done));
}

#[test]
fn of_two_topics_with_one_folder_the_first_to_write_has_it() {
    for threads in [1, 3] {
        let sim = Sim::new(1);
        let disk: &dyn Disk = &*sim.disk;
        disk.create_dir_all(Path::new(DATA)).unwrap();
        let of = |topic, partition, position: usize| {
            let key = (Uuid::from_u128(topic), partition);
            let mut partition = Rewritten::new(Path::new(DATA), key, "t", &Owners::default());
            let batches = position..position + 1;
            partition.add(Write { base: Offset::ZERO, position: 0, batches });
            partition
        };
        let mut both = Vec::new();
        for n in 0..100 {
            let at = usize::try_from(n).unwrap() * 2;
            both.extend([of(1, n, at + 1), of(2, n, at)]);
        }
        let bytes: Vec<u8> = (0..200).collect();
        let done = write_due(disk, threads, &mut both, &bytes).unwrap();
        assert_eq!(done, Done { bytes: 100, skipped: true });
        for (n, pair) in both.chunks(2).enumerate() {
            assert_eq!(
                pair.iter().map(|it| it.state).collect::<Vec<_>>(),
                [Folder::Foreign, Folder::Ready]
            );
            let segment = pair[1].folder.join(names::segment_file(Offset::ZERO, names::LOG));
            assert_eq!(disk.read(&segment, 10).unwrap(), [u8::try_from(n * 2).unwrap()]);
        }
    }
}

#[test]
fn a_failure_of_one_thread_is_told() {
    for threads in [1, 4] {
        let sim = Sim::new(1);
        let disk: &dyn Disk = &*sim.disk;
        disk.create_dir_all(Path::new(DATA)).unwrap();
        // A file is where a folder belongs.
        files::write(disk, &Path::new(DATA).join("t-77"), b"").unwrap();
        let (mut partitions, bytes) = partitions();
        write_due(disk, threads, &mut partitions, &bytes)
            .expect_err("nothing can be written there");
    }
}

#[test]
fn whose_a_folder_is_is_known_before_it_is_written_to() {
    let sim = Sim::new(1);
    let (disk, dir): (&dyn Disk, _) = (&*sim.disk, Path::new(DATA));
    let (ours, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (partition, id) in [(0, ours), (1, other)] {
        let folder = dir.join(names::partition_folder("t", partition));
        disk.create_dir_all(&folder).unwrap();
        let text = metadata_text(id);
        files::write(disk, &folder.join(names::PARTITION_METADATA), text.as_bytes()).unwrap();
    }
    disk.create_dir_all(&dir.join("t-2")).unwrap();
    let before = sim.disk.changes();
    let topics = [(0, "t"), (1, "t"), (2, "t"), (3, "t"), (0, "../t")];
    let partitions = || topics.iter().map(|(number, topic)| ((ours, *number), (*topic).to_owned()));
    let owners = Owners::find(disk, dir, partitions());
    assert_eq!(sim.disk.changes(), before);
    for owners in [owners, Owners::default()] {
        let state = |(key, topic): (Key, String)| Rewritten::new(dir, key, &topic, &owners).state;
        let known = [Folder::Ready, Folder::Foreign];
        let known = if owners.0.is_empty() { [Folder::Unknown; 2] } else { known };
        let all = [&known[..], &[Folder::Unknown, Folder::Unknown, Folder::Foreign]].concat();
        assert_eq!(partitions().map(state).collect::<Vec<_>>(), all);
    }
}
