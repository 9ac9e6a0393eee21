//! Compares an open log with its model.

use log::{AppendError, FullSpeed, Log, Origin};
use records::{BatchBuilder, Codec, Offset, ProducerEpoch, ProducerId, Timestamp, sequence};

use crate::common::reading::read;
use crate::model::{Appended, Model, Sequenced};

/// Builds the bytes of a batch as a producer would send it.
pub fn encode(batch: &Appended, codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    if let Some(by) = batch.producer {
        builder = builder.producer(ProducerId(by.id), ProducerEpoch(by.epoch), by.sequence);
    }
    for (value, timestamp) in batch.values.iter().zip(&batch.timestamps) {
        builder.push(*timestamp, None, Some(value.as_bytes()), &[]);
    }
    builder.build().unwrap().to_vec()
}

/// Everything a log shows, as batches.
pub fn contents(log: &Log, from: Offset, bytes_max: usize) -> Result<Vec<Appended>, String> {
    contents_to(log, from, log.log_end(), bytes_max)
}

/// Everything a log shows to who goes on behind damage.
pub fn undamaged(log: &Log) -> Result<Vec<Appended>, String> {
    let (mut at, end, mut found) = (log.log_start(), log.log_end(), Vec::new());
    for damage in log.damages() {
        if at < damage.first {
            found.extend(contents_to(log, at, damage.first, usize::MAX)?);
        }
        for inside in [damage.first, damage.end - 1] {
            if inside >= log.log_start() && damage.first < damage.end {
                let read = log.read(inside, end, usize::MAX, true);
                if !read.is_err_and(|error| error.is_damage()) {
                    return Err(format!("offset {inside} is damaged, and is served"));
                }
            }
        }
        at = at.max(damage.end);
    }
    found.extend(contents_to(log, at, end, usize::MAX)?);
    Ok(found)
}

/// What is there from one offset to another.
pub fn contents_to(
    log: &Log,
    from: Offset,
    end: Offset,
    bytes_max: usize,
) -> Result<Vec<Appended>, String> {
    let mut found: Vec<Appended> = Vec::new();
    let mut at = from;
    while at < end {
        let goes_on = read(log, at, end, bytes_max, |batch, section| {
            let header = batch.header;
            let mut read = Appended {
                base: header.base_offset,
                values: Vec::new(),
                timestamps: Vec::new(),
                epoch: header.leader_epoch,
                producer: header.producer_id.map(|id| Sequenced {
                    id: id.0,
                    epoch: header.producer_epoch.0,
                    sequence: header.base_sequence,
                }),
            };
            for record in batch.records(section) {
                let record = record.map_err(|error| error.to_string())?;
                let value = String::from_utf8_lossy(record.value.unwrap_or_default());
                read.values.push(value.into_owned());
                read.timestamps.push(record.timestamp(&header));
            }
            if let Some(before) = found.last()
                && before.next() != read.base
            {
                return Err(format!("offset {} follows {}", read.base, before.next()));
            }
            found.push(read);
            Ok(())
        })?;
        let next = found.last().map_or(at, Appended::next);
        if goes_on != next {
            return Err(format!("the slice says {goes_on} comes next, it is {next}"));
        }
        at = next;
    }
    Ok(found)
}

/// After a crash: the promises were kept. Afterwards the model is what is there.
pub fn recovered(log: &Log, model: &mut Model) -> Result<(), String> {
    let (start, end) = (log.log_start(), log.log_end());
    if end < model.acknowledged {
        let promised = model.acknowledged;
        return Err(format!("acknowledged up to {promised}, but the log ends at {end}"));
    }
    if start < model.log_start_min || start > model.log_start_max {
        return Err(format!(
            "the log starts at {start}, it must be between {} and {}",
            model.log_start_min, model.log_start_max
        ));
    }
    if log.durable_end() != end {
        return Err(format!("recovered up to {end}, durable only to {}", log.durable_end()));
    }
    model.history.extend(model.uncertain.take());
    if end > model.end() {
        return Err(format!("the log ends at {end}, only {} was written", model.end()));
    }
    model.truncate(end);
    if model.end() != end {
        return Err(format!("the log ends at {end}, inside a batch"));
    }
    model.acknowledged = end;
    model.log_start_min = start;
    model.log_start_max = start;
    model.log_start_refused = start;
    matches(log, model, usize::MAX)?;
    match log.scrub(&FullSpeed) {
        Ok(done) if done.found == 0 && log.damages().is_empty() => {}
        other => return Err(format!("nothing is damaged: {other:?}, {:?}", log.damages())),
    }
    epochs(log, model)?;
    producers(log, model)
}

/// What is shown is what was written.
pub fn matches(log: &Log, model: &Model, bytes_max: usize) -> Result<(), String> {
    let found = contents(log, log.log_start(), bytes_max)?;
    let expected: Vec<&Appended> =
        model.history.iter().filter(|batch| batch.next() > log.log_start()).collect();
    if found.iter().ne(expected.iter().copied()) {
        let differs = found.iter().zip(&expected).position(|(found, expected)| found != *expected);
        return Err(format!(
            "{} batches where {} were written; first difference: {:?} where {:?} was written",
            found.len(),
            expected.len(),
            differs.and_then(|at| found.get(at)),
            differs.and_then(|at| expected.get(at)),
        ));
    }
    Ok(())
}

/// What is durable is shown, also by a log that is fenced.
pub fn durable(log: &Log, model: &Model) -> Result<(), String> {
    let (start, end) = (log.log_start(), log.durable_end());
    let found = contents_to(log, start, end, usize::MAX)?;
    let expected = model.history.iter().filter(|batch| batch.next() > start && batch.base < end);
    if found.iter().eq(expected) {
        return Ok(());
    }
    Err(format!("{} batches from {start} to {end} are not those that were written", found.len()))
}

fn epochs(log: &Log, model: &Model) -> Result<(), String> {
    for batch in model.history.iter().filter(|batch| batch.base >= log.log_start()) {
        let known = log.epoch_of(batch.base);
        if known != Some(batch.epoch) {
            return Err(format!("epoch {known:?} at {}, written {}", batch.base, batch.epoch));
        }
    }
    Ok(())
}

/// The last five batches of each producer that are still there are recognised, a gap is refused.
pub fn producers(log: &Log, model: &Model) -> Result<(), String> {
    for id in 0..4 {
        let Some(last) = model.of_producer(id).next_back() else { continue };
        let last_epoch = last.producer.map(|by| by.epoch);
        let known = model
            .of_producer(id)
            .rev()
            .take_while(|batch| batch.producer.map(|by| by.epoch) == last_epoch)
            .take(5)
            .take_while(|batch| batch.base >= log.log_start());
        for batch in known {
            let again =
                log.append_as_leader(&encode(batch, Codec::None), model.epoch, Origin::Client);
            match again {
                Ok(info) if info.duplicate && info.first == batch.base => {}
                other => {
                    return Err(format!("producer {id} repeated {}: {other:?}", batch.base));
                }
            }
        }
        if last.base < log.log_start() {
            continue;
        }
        let mut gap = last.clone();
        if let Some(by) = &mut gap.producer {
            by.sequence = sequence::add(by.sequence, i32::try_from(last.values.len()).unwrap() + 1);
        }
        match log.append_as_leader(&encode(&gap, Codec::None), model.epoch, Origin::Client) {
            Err(AppendError::OutOfOrderSequence { .. }) => {}
            other => return Err(format!("producer {id} left a gap: {other:?}")),
        }
    }
    Ok(())
}

/// A time leads to the first record that is not earlier.
pub fn times(log: &Log, model: &Model, at: Timestamp) -> Result<(), String> {
    let end = log.log_end();
    let records = || {
        model
            .history
            .iter()
            .flat_map(|batch| {
                let offsets = (0..).map(|delta| batch.base.plus(delta));
                offsets.zip(batch.timestamps.iter().copied())
            })
            .filter(|(offset, _)| *offset >= log.log_start())
    };
    let expected = records().find(|(_, timestamp)| *timestamp >= at);
    let found = log.offset_for_time(at, end).map_err(|error| error.to_string())?;
    let found = found.map(|found| (found.offset, found.timestamp));
    if found != expected {
        return Err(format!("time {at} leads to {found:?}, it should to {expected:?}"));
    }
    let greatest = records().map(|(_, timestamp)| timestamp).max();
    let expected = records().find(|(_, timestamp)| Some(*timestamp) == greatest);
    let found = log.max_timestamp(end).map_err(|error| error.to_string())?;
    let found = found.map(|found| (found.offset, found.timestamp));
    if found != expected {
        return Err(format!("the latest record is {found:?}, it should be {expected:?}"));
    }
    Ok(())
}
