//! Producing while consumers follow the tail: from the intended start to the arrival of the batch.
//!
//! Nothing in the payload says when it was sent. A partition has one writer, whose requests are
//! appended in their order, so the n-th request to a partition is the batch at offset
//! `first + n * records`: a list of intended starts for each partition is all that is needed. That
//! replies agree with it is checked.

use super::fetched::{batches, partitions};
use super::link::Sent;
use super::produce::{Acked, Produce};
use super::{Desk, Play};
use crate::BenchError;
use crate::frames::{FetchFrame, FetchLimits};
use crate::workload::Workload;

pub(super) struct EndToEnd {
    producers: Produce,
    producer_count: usize,
    begun: bool,
    records: i64,
    /// High watermarks before the first request.
    firsts: Vec<i64>,
    consumers: Vec<Consumer>,
    /// By partition: batches that were acknowledged.
    acked: Vec<i64>,
}

#[derive(Debug)]
struct Consumer {
    frame: FetchFrame,
    offsets: Vec<i64>,
}

impl EndToEnd {
    pub(super) fn new(
        workload: &Workload,
        consumers: u32,
        firsts: &[i64],
    ) -> Result<Self, BenchError> {
        // What a consumer asks for by default: 1 MiB of a partition, 50 MiB in all.
        let limits =
            FetchLimits { max_wait_ms: 500, max_bytes: 50 << 20, partition_max_bytes: 1 << 20 };
        let all: Vec<u32> = (0..workload.partitions).collect();
        let mut frame = FetchFrame::new(&workload.topic, &all, limits)?;
        for (index, offset) in firsts.iter().enumerate() {
            frame.set_offset(index, *offset);
        }
        let consumer = || Consumer { frame: frame.clone(), offsets: firsts.to_vec() };
        Ok(EndToEnd {
            producers: Produce::new(workload)?.noting_starts(workload.partitions),
            producer_count: workload.connections as usize,
            begun: false,
            records: i64::from(workload.batch.records),
            firsts: firsts.to_vec(),
            consumers: (0..consumers).map(|_| consumer()).collect(),
            acked: vec![0; workload.partitions as usize],
        })
    }

    fn ask(&self, consumer: usize, now: u64, desk: &mut Desk) {
        if let Some(found) = self.consumers.get(consumer) {
            let sent = Sent { link: self.producer_count + consumer, intended: now, tag: 0 };
            desk.send(sent, found.frame.frame());
        }
    }

    /// Whether a consumer has all that was acknowledged.
    fn is_there(&self, consumer: &Consumer) -> bool {
        consumer
            .offsets
            .iter()
            .zip(&self.firsts)
            .zip(&self.acked)
            .all(|((offset, first), acked)| offset - first >= acked * self.records)
    }

    fn consumed(
        &mut self,
        number: usize,
        body: &[u8],
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError> {
        let Some(consumer) = self.consumers.get_mut(number) else { return Ok(()) };
        let mut unknown = None;
        partitions(body, |found| {
            if found.error_code != 0 {
                desk.tally.error(found.error_code);
                return;
            }
            let at = found.index as usize;
            let Some(offset) = consumer.offsets.get_mut(at) else { return };
            let first = self.firsts.get(at).copied().unwrap_or(0);
            for batch in batches(found.records) {
                // A fetch from within a batch begins with the whole batch.
                if batch.base_offset < *offset {
                    continue;
                }
                let number = usize::try_from((batch.base_offset - first) / self.records).ok();
                match number.and_then(|number| self.producers.start_of(at, number)) {
                    Some(start) if batch.base_offset == *offset => {
                        desk.tally.consumed(start, now, batch.bytes);
                    }
                    _ => unknown = Some((at, batch.base_offset)),
                }
                *offset = batch.next_offset;
            }
            consumer.frame.set_offset(at, *offset);
        })
        .ok_or_else(|| BenchError::Protocol("a fetch reply was cut short".to_owned()))?;
        match unknown {
            None => Ok(()),
            Some((partition, offset)) => Err(BenchError::Protocol(format!(
                "partition {partition}: the batch at offset {offset} is not one that was sent next"
            ))),
        }
    }
}

impl Play for EndToEnd {
    fn due(&self) -> Option<u64> {
        self.producers.due()
    }

    fn tick(&mut self, now: u64, desk: &mut Desk) -> Result<(), BenchError> {
        if !self.begun {
            self.begun = true;
            for consumer in 0..self.consumers.len() {
                self.ask(consumer, now, desk);
            }
        }
        self.producers.tick(now, desk)
    }

    fn reply(
        &mut self,
        sent: Sent,
        body: &[u8],
        now: u64,
        desk: &mut Desk,
    ) -> Result<(), BenchError> {
        let Some(number) = sent.link.checked_sub(self.producer_count) else {
            let mut wrong = None;
            let (firsts, acked, records) = (&self.firsts, &mut self.acked, self.records);
            let each = |batch: &Acked| {
                let at = batch.partition as usize;
                if let (Some(first), Some(acked)) = (firsts.get(at), acked.get_mut(at)) {
                    if batch.base_offset != first + *acked * records {
                        wrong = Some((at, batch.base_offset));
                    }
                    *acked += 1;
                }
            };
            self.producers.answered(sent, body, now, desk, each)?;
            return match wrong {
                None => Ok(()),
                Some((partition, offset)) => Err(BenchError::Protocol(format!(
                    "partition {partition}: offset {offset} was given out of turn; is there another writer?"
                ))),
            };
        };
        desk.tally.other_request();
        self.consumed(number, body, now, desk)?;
        let caught_up = self.consumers.get(number).is_some_and(|consumer| self.is_there(consumer));
        if !(desk.stopping && caught_up && self.producers.outstanding() == 0) {
            self.ask(number, now, desk);
        }
        Ok(())
    }

    fn is_done(&self, desk: &Desk) -> bool {
        desk.in_flight == 0 && self.consumers.iter().all(|consumer| self.is_there(consumer))
    }
}
