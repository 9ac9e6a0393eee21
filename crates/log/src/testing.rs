//! What the unit tests of this crate share: a simulated machine with one log on it.

use std::path::Path;
use std::sync::Arc;

use env::sim::Sim;
use records::{Batch, BatchBuilder, Codec, LeaderEpoch, Offset, Timestamp, batches};
use uuid::Uuid;

use crate::{AppendError, AppendInfo, Courier, Log, LogConfig, LogDir, News, Origin};

/// Tells all news where they come up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtOnce;

impl Courier for AtOnce {
    fn carry(&self, news: News) {
        news.tell();
    }
}

pub(crate) struct Bench {
    pub sim: Sim,
    pub dir: Arc<LogDir>,
    pub log: Arc<Log>,
}

pub(crate) const TOPIC: Uuid = Uuid::from_u128(77);

impl Bench {
    pub fn new(config: LogConfig) -> Bench {
        Bench::on(Sim::new(1), config)
    }

    pub fn on(sim: Sim, config: LogConfig) -> Bench {
        let dir = Arc::new(LogDir::open(&sim.env(), Path::new("/data"), 1).unwrap());
        let log = dir.open_log("t", 0, TOPIC, config).unwrap();
        Bench { sim, dir, log }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.sim.env().clock.wall_ms())
    }

    pub fn builder(&self, values: &[&str]) -> BatchBuilder {
        let mut builder = BatchBuilder::new(Codec::None);
        for value in values {
            builder.push(self.now(), Some(b"key"), Some(value.as_bytes()), &[]);
        }
        builder
    }

    pub fn produce(&self, bytes: &[u8]) -> Result<AppendInfo, AppendError> {
        self.log.append_as_leader(bytes, LeaderEpoch(0), Origin::Client)
    }

    pub fn append(&self, values: &[&str]) -> AppendInfo {
        self.produce(&self.builder(values).build().unwrap()).unwrap()
    }

    pub fn append_times(&self, times: usize, value: &str) {
        for _ in 0..times {
            self.append(&[value]);
        }
    }

    /// The bytes of the whole log.
    pub fn bytes(&self) -> Vec<u8> {
        let slice = self.log.read(self.log.log_start(), Offset::MAX, usize::MAX, true).unwrap();
        slice.load().unwrap().to_vec()
    }

    /// The values of the whole log.
    pub fn values(&self) -> Vec<String> {
        let bytes = self.bytes();
        let mut values = Vec::new();
        for batch in batches(&bytes) {
            let batch: Batch<'_> = batch.unwrap();
            batch.check_crc().unwrap();
            let section = batch.uncompressed_records(1 << 20).unwrap();
            for record in batch.records(&section) {
                let value = record.unwrap().value.unwrap_or_default().to_vec();
                values.push(String::from_utf8(value).unwrap());
            }
        }
        values
    }
}
