//! Chooses the partition of a record that names none.
//!
//! With a key: by its hash, as the Java client does. Without: one partition at random for a batch's
//! worth of bytes, then another, so that batches are full and partitions even.

use std::collections::HashMap;
use std::sync::Arc;

use env::Env;
use parking_lot::Mutex;

use super::{NewRecord, ProducerOptions};
use crate::partition_for_key;

#[derive(Debug, Default)]
pub(super) struct Partitioner {
    sticky: Mutex<HashMap<Arc<str>, Sticky>>,
}

#[derive(Debug)]
struct Sticky {
    partition: i32,
    bytes: usize,
}

impl Partitioner {
    pub(super) fn choose(
        &self,
        record: &NewRecord,
        count: usize,
        bytes: usize,
        options: &ProducerOptions,
        env: &Env,
    ) -> i32 {
        if let Some(key) = &record.key {
            return partition_for_key(key, count);
        }
        let mut sticky = self.sticky.lock();
        if let Some(current) = sticky.get_mut(&record.topic) {
            current.bytes += bytes;
            let known = usize::try_from(current.partition).is_ok_and(|p| p < count);
            if known && current.bytes <= options.batch_bytes {
                return current.partition;
            }
        }
        let count = u64::try_from(count).unwrap_or(1).max(1);
        let partition = i32::try_from(env.random.next_u64() % count).unwrap_or(0);
        sticky.insert(record.topic.clone(), Sticky { partition, bytes });
        partition
    }
}
