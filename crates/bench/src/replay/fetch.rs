//! Reading what is in a topic, round and round.

use super::fetched::{batches, partitions};
use super::link::Sent;
use super::{Desk, Play};
use crate::BenchError;
use crate::frames::{FetchFrame, FetchLimits};
use crate::workload::Workload;

pub(super) struct Fetch {
    begun: bool,
    /// Those of connection 0 first; `window` of each.
    readers: Vec<Reader>,
    window: usize,
}

/// One partition, read with one request after the other.
#[derive(Debug)]
struct Reader {
    frame: FetchFrame,
    partition: u32,
    offset: i64,
}

impl Fetch {
    pub(super) fn new(
        workload: &Workload,
        window: u32,
        response_bytes: u32,
        starts: &[i64],
    ) -> Result<Self, BenchError> {
        let bytes = i32::try_from(response_bytes).unwrap_or(i32::MAX);
        let limits = FetchLimits { max_wait_ms: 500, max_bytes: bytes, partition_max_bytes: bytes };
        let mut readers = Vec::new();
        for number in 0..workload.connections * window {
            let partition = number % workload.partitions;
            readers.push(Reader {
                frame: FetchFrame::new(&workload.topic, &[partition], limits)?,
                partition,
                offset: starts.get(partition as usize).copied().unwrap_or(0),
            });
        }
        Ok(Fetch { begun: false, readers, window: window as usize })
    }

    fn send(&mut self, number: usize, now: u64, desk: &mut Desk) {
        if let Some(reader) = self.readers.get_mut(number) {
            reader.frame.set_offset(0, reader.offset);
            let sent = Sent {
                link: number / self.window,
                intended: now,
                tag: u32::try_from(number).unwrap_or(0),
            };
            desk.send(sent, reader.frame.frame());
        }
    }
}

impl Play for Fetch {
    fn due(&self) -> Option<u64> {
        None
    }

    fn tick(&mut self, now: u64, desk: &mut Desk) -> Result<(), BenchError> {
        if !self.begun {
            self.begun = true;
            for number in 0..self.readers.len() {
                self.send(number, now, desk);
            }
        }
        Ok(())
    }

    fn reply(
        &mut self,
        sent: Sent,
        body: &[u8],
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError> {
        desk.tally.request(sent.intended, now);
        let number = sent.tag as usize;
        let Some(reader) = self.readers.get_mut(number) else { return Ok(()) };
        let mut stuck = None;
        partitions(body, |found| {
            if found.error_code != 0 {
                desk.tally.error(found.error_code);
                return;
            }
            let before = reader.offset;
            for batch in batches(found.records) {
                let records = u64::try_from(batch.next_offset - batch.base_offset).unwrap_or(0);
                desk.tally.read(records, batch.bytes);
                reader.offset = batch.next_offset;
            }
            if reader.offset >= found.high_watermark {
                reader.offset = found.log_start;
            } else if reader.offset == before {
                stuck = Some(before);
            }
            if found.high_watermark <= found.log_start {
                stuck = Some(found.log_start);
            }
        })
        .ok_or_else(|| BenchError::Protocol("a fetch reply was cut short".to_owned()))?;
        if let Some(offset) = stuck {
            return Err(BenchError::Protocol(format!(
                "there is nothing to read in partition {} at offset {offset}",
                reader.partition
            )));
        }
        if !desk.stopping {
            self.send(number, now, desk);
        }
        Ok(())
    }
}
