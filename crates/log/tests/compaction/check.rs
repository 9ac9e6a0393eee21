//! Compares an open log with its model.

use std::collections::{BTreeMap, BTreeSet};

use log::{Log, Origin};
use records::{LeaderEpoch, Offset, Timestamp};

use crate::common::reading::read;
use crate::model::{Model, Rec};
use crate::trial::DELETE_RETENTION_MS;

/// A record that was read, and whether it is a control record.
pub type Read = (Rec, bool);

/// Everything from `from` on, as a consumer reads it.
pub fn contents(log: &Log, from: Offset, bytes_max: usize) -> Result<Vec<Read>, String> {
    contents_to(log, from, log.log_end(), bytes_max)
}

/// From `from` on at least up to `until`, as a consumer reads it that is behind: each time as far as there
/// is anything.
pub fn contents_to(
    log: &Log,
    from: Offset,
    until: Offset,
    bytes_max: usize,
) -> Result<Vec<Read>, String> {
    let mut found: Vec<Read> = Vec::new();
    let mut at = from;
    let mut batch_end = Offset::ZERO;
    while at < until {
        let end = log.log_end();
        let goes_on = read(log, at, end, bytes_max, |batch, section| {
            let header = batch.header;
            if header.base_offset < batch_end {
                return Err(format!("a batch at {} after {batch_end}", header.base_offset));
            }
            batch_end = header.next_offset();
            let mut count = 0;
            let mut latest = Timestamp::NONE;
            for record in batch.records(section) {
                let record = record.map_err(|error| error.to_string())?;
                count += 1;
                let offset = header.base_offset.plus(i64::from(record.offset_delta));
                if offset > header.last_offset() {
                    return Err(format!("a record at {offset} behind the end of its batch"));
                }
                let timestamp = record.timestamp(&header);
                latest = latest.max(timestamp);
                let value = record.value.map(<[u8]>::to_vec);
                let key = record.key.unwrap_or_default().to_vec();
                found.push((Rec { offset, key, value, timestamp }, header.attributes.is_control()));
            }
            if count > 0 && latest != header.max_timestamp {
                return Err(format!("the latest at {} is not {latest}", header.base_offset));
            }
            Ok(())
        })?;
        if goes_on < batch_end {
            return Err(format!("the slice goes on at {goes_on}, behind {batch_end}"));
        }
        at = goes_on;
    }
    Ok(found)
}

/// Everything that always holds.
pub fn holds(log: &Log, model: &Model, now_ms: i64) -> Result<Vec<Read>, String> {
    if log.log_end() != model.end() {
        return Err(format!("the log ends at {}, written was {}", log.log_end(), model.end()));
    }
    let found = contents(log, log.log_start(), 700)?;
    let written: BTreeMap<Offset, &Rec> = model
        .history
        .iter()
        .flat_map(|batch| batch.records.iter().map(|record| (record.offset, record)))
        .collect();
    for (read, is_control) in &found {
        let same = written.get(&read.offset).is_some_and(|record| {
            record.timestamp == read.timestamp
                && (*is_control || (record.key == read.key && record.value == read.value))
        });
        if !same {
            return Err(format!("read {read:?}, written {:?}", written.get(&read.offset)));
        }
    }
    let there: BTreeSet<Offset> = found.iter().map(|(read, _)| read.offset).collect();
    if there.len() != found.len() {
        return Err("a record was read twice".to_owned());
    }
    let beyond = written.keys().find(|at| **at >= model.limit && !there.contains(at));
    if let Some(at) = beyond {
        return Err(format!("{at} is gone, nothing from {} on was to be touched", model.limit));
    }

    let counting = model.counting();
    let mut last: BTreeMap<&[u8], (&Rec, i64)> = BTreeMap::new();
    for (record, at_ms) in &counting {
        last.insert(&record.key, (record, *at_ms));
    }
    for (key, (record, at_ms)) in &last {
        let may_go = record.value.is_none() && now_ms - at_ms >= DELETE_RETENTION_MS;
        if !there.contains(&record.offset) && !may_go {
            return Err(format!("the last record of {key:?}, {record:?}, is gone"));
        }
    }
    readers(model, &found, &last)?;
    Ok(found)
}

/// Whoever was at any offset and reads on comes to the state that all who read everything have.
fn readers(
    model: &Model,
    found: &[Read],
    last: &BTreeMap<&[u8], (&Rec, i64)>,
) -> Result<(), String> {
    let counting = model.counting();
    let counts: BTreeSet<Offset> = counting.iter().map(|(record, _)| record.offset).collect();
    let there: BTreeSet<Offset> = found.iter().map(|(read, _)| read.offset).collect();
    for (key, (last, _)) in last {
        let of_key = || counting.iter().map(|(record, _)| *record).filter(|r| r.key == *key);
        if there.contains(&last.offset) {
            continue;
        }
        // A tombstone past its time: nothing that it covers may be left to be read without it.
        let left = of_key().find(|r| r.offset < last.offset && there.contains(&r.offset));
        if let Some(left) = left {
            return Err(format!("{left:?} comes back, its tombstone {last:?} is gone"));
        }
    }
    let strange = found.iter().filter(|(_, is_control)| !is_control);
    let aborted = strange.filter(|(read, _)| !counts.contains(&read.offset));
    // Aborted records may still be there, but only with their markers behind them.
    for (read, _) in aborted {
        let at = model.history.iter().position(|b| b.base <= read.offset && read.offset < b.next());
        let Some(batch) = at.and_then(|at| model.history.get(at)) else { continue };
        let marker = model.history.iter().find(|other| {
            other.base > batch.base
                && other.control.is_some()
                && other.by.map(|by| by.id) == batch.by.map(|by| by.id)
        });
        if marker.is_none_or(|marker| !there.contains(&marker.base)) {
            return Err(format!("{read:?} was aborted, and its marker is gone"));
        }
    }
    Ok(())
}

/// After a run up to `end` nothing is left before it that a later record replaces.
pub fn is_compact(model: &Model, found: &[Read], end: Offset) -> Result<(), String> {
    let counting = model.counting();
    let mut last: BTreeMap<&[u8], Offset> = BTreeMap::new();
    for (record, _) in counting.iter().filter(|(record, _)| record.offset < end) {
        last.insert(&record.key, record.offset);
    }
    for (read, is_control) in found.iter().filter(|(read, _)| read.offset < end) {
        if !is_control && last.get(read.key.as_slice()) != Some(&read.offset) {
            return Err(format!("{read:?} is left, though all before {end} was compacted"));
        }
    }
    Ok(())
}

/// The last batch of each producer is recognised when it comes again.
pub fn producers(log: &Log, model: &Model) -> Result<(), String> {
    for id in 0..6 {
        let Some(last) = model.last_of(id) else { continue };
        match log.append_as_leader(&last.encode(), LeaderEpoch(0), Origin::Client) {
            Ok(info) if info.duplicate && info.first == last.base => {}
            other => return Err(format!("producer {id} repeated {}: {other:?}", last.base)),
        }
    }
    Ok(())
}

/// A time leads to the first record that is not earlier, an offset to the next that is there.
pub fn lookups(log: &Log, found: &[Read], time: Timestamp, from: Offset) -> Result<(), String> {
    let end = log.log_end();
    let at = |read: &Read| (read.0.offset, read.0.timestamp);
    let expected = found.iter().map(at).find(|(_, timestamp)| *timestamp >= time);
    let result = log.offset_for_time(time, end).map_err(|error| error.to_string())?;
    let result = result.map(|result| (result.offset, result.timestamp));
    if result != expected {
        return Err(format!("time {time} leads to {result:?}, it should to {expected:?}"));
    }
    let greatest = found.iter().map(|(read, _)| read.timestamp).max();
    let expected = found.iter().map(at).find(|(_, timestamp)| Some(*timestamp) == greatest);
    let result = log.max_timestamp(end).map_err(|error| error.to_string())?;
    let result = result.map(|result| (result.offset, result.timestamp));
    if result != expected {
        return Err(format!("the latest is {result:?}, it should be {expected:?}"));
    }
    let read = contents(log, from, 300)?;
    let read: Vec<&Read> = read.iter().filter(|(read, _)| read.offset >= from).collect();
    let expected: Vec<&Read> = found.iter().filter(|(read, _)| read.offset >= from).collect();
    if read != expected {
        return Err(format!("from {from} on {} records of {}", read.len(), expected.len()));
    }
    Ok(())
}
