//! One log on a simulated disk: append, read, roll, sync, close.

use std::io;

use records::{BatchBuilder, Codec, Timestamp, batches};

use super::*;
use crate::{Durability, LogDir, Origin};

/// A folder of its own on the machine's disk, gone afterwards.
struct Folder(Env, PathBuf);

impl Folder {
    fn new() -> Folder {
        let env = Env::system();
        let unique = format!("walser-log-{:016x}", env.random.next_u64());
        let path = std::env::temp_dir().join(unique);
        Folder(env, path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.0.disk.remove_dir_all(&self.1);
    }
}

fn batch(values: &[&str]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None);
    for value in values {
        builder.push(Timestamp::NONE, None, Some(value.as_bytes()), &[]);
    }
    builder.build().unwrap().to_vec()
}

fn values(log: &Log, from: Offset) -> io::Result<Vec<String>> {
    let slice = log.read(from, log.log_end(), usize::MAX, true).map_err(io::Error::other)?;
    let bytes = slice.load()?;
    let mut values = Vec::new();
    for batch in batches(&bytes) {
        let batch = batch.map_err(io::Error::other)?;
        batch.check_crc().map_err(io::Error::other)?;
        for record in batch.records(batch.record_section()).flatten() {
            values.push(String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned());
        }
    }
    Ok(values)
}

#[test]
fn what_is_appended_is_read_and_still_there_after_a_restart() {
    let folder = Folder::new();
    let id = Uuid::from_u128(7);
    for round in 0..3_i64 {
        let dir = LogDir::open(&folder.0, &folder.1, 1).unwrap();
        let log = dir.open_log("t", 0, id, LogConfig::default()).unwrap();
        assert_eq!(log.log_end(), Offset(round * 3), "round {round}");
        let info =
            log.append_as_leader(&batch(&["a", "b"]), LeaderEpoch(0), Origin::Client).unwrap();
        assert_eq!((info.first, info.last), (Offset(round * 3), Offset(round * 3 + 1)));
        log.append_as_leader(&batch(&["c"]), LeaderEpoch(0), Origin::Client).unwrap();
        assert_eq!(log.sync().unwrap(), Offset(round * 3 + 3));
        let expected: Vec<&str> = (0..=round).flat_map(|_| ["a", "b", "c"]).collect();
        assert_eq!(values(&log, Offset(0)).unwrap(), expected);
        assert_eq!(log.config().durability, Durability::Fsync);
        // Once in order, then by surprise.
        if round != 1 {
            dir.close().unwrap();
        }
    }
}
