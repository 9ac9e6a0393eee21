//! Writing behind: the disk is given what the journal has and the segments have only in memory long before
//! a checkpoint needs it there.
//!
//! A disk serves what it was given first, and the next commit waits for all of that. So where few logs are
//! open, one of them is synced at a time, the one that has most: a commit then waits for some hundred
//! kilobytes and no more. Where there are many, that would be a sync for every few bytes: all of them
//! are synced at once, and not as often.

use std::sync::Arc;

use crate::error::LogError;
use crate::log::Log;
use crate::log_dir::LogDir;

/// So many logs at most are synced one by one.
const FEW_LOGS: usize = 32;

/// Of few, one is synced whenever the journal was given this much. It is not worth it for less than a half.
const STEP_BYTES: u64 = 512 << 10;

/// Of many, all are synced whenever the journal was given this much, or so much for each of them if that is
/// more: to write a page and an inode for a few bytes, again and again, helps nobody.
const ALL_BYTES: u64 = 4 << 20;
const ALL_BYTES_OF_LOG: u64 = 16 << 10;

/// Whether it is time, when so many logs are open and the journal was given so much since the last time.
pub(super) fn is_due(given: u64, logs: usize) -> bool {
    if logs <= FEW_LOGS {
        return given > STEP_BYTES;
    }
    given > ALL_BYTES && given / ALL_BYTES_OF_LOG > u64::try_from(logs).unwrap_or(u64::MAX)
}

/// Has the disk take over what is worth it. Each log once: there may be a checkpoint to be made next.
pub(super) fn write(dir: &LogDir) -> Result<(), LogError> {
    if dir.open_count() > FEW_LOGS {
        return dir.write_behind();
    }
    let with_bytes = |log: Arc<Log>| (log.behind(), log);
    let mut logs: Vec<(u64, Arc<Log>)> = dir.open_logs().into_iter().map(with_bytes).collect();
    logs.retain(|(behind, _)| *behind >= STEP_BYTES / 2);
    logs.sort_by_key(|(behind, _)| std::cmp::Reverse(*behind));
    for (_, log) in logs {
        // What is appended from here on is left to the next time, or all would go on for ever.
        match log.sync() {
            Ok(_) | Err(LogError::Closed) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, TOPIC};
    use crate::{Durability, LogConfig};

    fn is_synced(log: &Log) -> bool {
        log.synced_end() == log.log_end()
    }

    #[test]
    fn few_logs_are_synced_often_and_many_when_there_is_something_for_each() {
        for (given, logs, expected) in [
            (STEP_BYTES, 1, false),
            (STEP_BYTES + 1, FEW_LOGS, true),
            (STEP_BYTES + 1, FEW_LOGS + 1, false),
            (ALL_BYTES + 1, FEW_LOGS + 1, true),
            (ALL_BYTES + 1, 10_000, false),
            (10_001 * ALL_BYTES_OF_LOG, 10_000, true),
        ] {
            assert_eq!(is_due(given, logs), expected, "{given} bytes, {logs} logs");
        }
    }

    #[test]
    fn of_few_logs_those_are_synced_that_have_much_in_the_journal() {
        let bench = Bench::new(LogConfig::default());
        let value = "v".repeat(100_000);
        let open = |partition, config| bench.dir.open_log("t", partition, TOPIC, config).unwrap();
        let busy = open(1, LogConfig::default());
        let relaxed =
            open(2, LogConfig { durability: Durability::Relaxed, ..LogConfig::default() });
        let append = |log: &Log, times| {
            for _ in 0..times {
                let batch = bench.builder(&[&value]).build().unwrap();
                log.append_as_leader(&batch, records::LeaderEpoch(0), crate::Origin::Client)
                    .unwrap();
            }
        };
        append(&bench.log, 2);
        append(&busy, 3);
        append(&relaxed, 10);
        write(&bench.dir).unwrap();
        assert!(is_synced(&busy));
        assert!(!is_synced(&bench.log), "it has too little");
        assert!(!is_synced(&relaxed), "nobody waits for it");
        append(&busy, 2);
        write(&bench.dir).unwrap();
        assert!(!is_synced(&busy), "what was synced does not count again");
        append(&bench.log, 1);
        write(&bench.dir).unwrap();
        assert!(is_synced(&bench.log) && !is_synced(&busy));
    }

    #[test]
    fn of_many_logs_all_are_given_to_the_disk_and_none_is_said_to_be_synced() {
        let bench = Bench::new(LogConfig::default());
        for partition in 1..=i32::try_from(FEW_LOGS).unwrap() {
            bench.dir.open_log("t", partition, TOPIC, LogConfig::default()).unwrap();
        }
        bench.append_times(3, &"v".repeat(100_000));
        write(&bench.dir).unwrap();
        assert!(!is_synced(&bench.log));
    }
}
