//! A journal as a disk may give it back. Parameters: entries as parts, each the body of an entry whose
//! checksum is right, and last a part of bytes that follow as they are. The folder opens, and opens
//! again as it was.
#![no_main]

use std::path::Path;

use env::Disk;
use env::disk::OpenMode;
use env::sim::Sim;
use log::{LogConfig, LogDir, dump, reread};
use records::Codec;
use std::io::IoSlice;
use uuid::Uuid;

const TOPIC: Uuid = Uuid::from_u128(77);

fn check(data: &[u8]) {
    let mut data = data;
    let sim = Sim::new(1);
    let env = sim.env();
    let folder = Path::new("/data");
    let dir = LogDir::open(&env, folder, 1).expect("a new folder");
    let directory = dir.identity().directory_id;
    drop(dir);
    let mut content = Vec::new();
    for sequence in 1..4 {
        content.extend(reread::journal_entry(directory, sequence, walser_fuzz::part(&mut data)));
    }
    content.extend(walser_fuzz::part(&mut data));
    let disk: &dyn Disk = &*env.disk;
    let path = folder.join("journal/0000.journal");
    let file = disk.open(&path, OpenMode::Create).expect("the folder is there");
    file.write_all_at(&[IoSlice::new(&content)], 0).expect("the simulated disk is never full");
    assert!(dump::open(disk, &path).expect("it is there").count() <= content.len() + 1);
    let _ = disk.remove_file(&folder.join("journal/start"));

    let Ok(dir) = LogDir::open(&env, folder, 1) else { return };
    let open = |dir: &LogDir| {
        let log = dir.open_log("t", 0, TOPIC, LogConfig::default()).ok()?;
        Some((log.log_start(), log.log_end()))
    };
    let first = open(&dir);
    drop(dir);
    let dir = LogDir::open(&env, folder, 1).expect("it was open before");
    assert_eq!(open(&dir), first, "opened again as it was");
}

/// A definition of the partition, and a write of a batch to it.
fn body(batch: &[u8]) -> Vec<u8> {
    let mut body = vec![1];
    body.extend(5_u32.to_be_bytes());
    body.extend(TOPIC.as_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(1_u16.to_be_bytes());
    body.extend(b"t");
    body.push(2);
    body.extend(5_u32.to_be_bytes());
    body.extend(0_i64.to_be_bytes());
    body.extend(0_u32.to_be_bytes());
    body.extend(u32::try_from(batch.len()).expect("it is small").to_be_bytes());
    body.extend(batch);
    body
}

fn seeds() -> Vec<Vec<u8>> {
    let mut forget = vec![3];
    forget.extend(TOPIC.as_bytes());
    forget.extend(0_i32.to_be_bytes());
    forget.extend(i64::MAX.to_be_bytes());
    let batch = walser_fuzz::sample_batch(Codec::None, 0);
    [[body(&batch), Vec::new(), Vec::new()], [body(&batch), forget, body(&batch)]]
        .map(|bodies| {
            let mut seed = Vec::new();
            bodies.iter().for_each(|body| walser_fuzz::put_part(&mut seed, body));
            walser_fuzz::put_part(&mut seed, b"rest");
            seed
        })
        .to_vec()
}

walser_fuzz::target!(check, seeds);
