//! Producing: in a closed window, or at the times of a schedule.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::link::Sent;
use super::schedule::Schedule;
use super::{Desk, Play};
use crate::BenchError;
use crate::cursor::Cursor;
use crate::frames::{self, Frame};
use crate::workload::{Arrivals, Mode, Workload};

pub(super) struct Produce {
    schedule: Option<Schedule>,
    /// Requests in flight on each connection, in a closed window.
    window: u32,
    begun: bool,
    /// By connection: its frames and which is next.
    lanes: Vec<Lane>,
    next_lane: usize,
    records: u64,
    bytes: u64,
    /// By partition: intended starts of all its batches, if someone asks for them.
    starts: Option<Vec<Vec<u64>>>,
    outstanding: u64,
}

#[derive(Debug)]
struct Lane {
    frames: Vec<Frame>,
    /// The first partition of each frame.
    partitions: Vec<u32>,
    next: usize,
}

impl Produce {
    pub(super) fn new(workload: &Workload) -> Result<Self, BenchError> {
        let (arrivals, per_request) = match workload.mode {
            Mode::Produce { arrivals, partitions_per_request } => {
                (arrivals, partitions_per_request)
            }
            Mode::EndToEnd { arrivals, .. } => (arrivals, 1),
            Mode::Fetch { .. } | Mode::Idle | Mode::Groups { .. } | Mode::Churn => {
                return Err(BenchError::Workload("it does not produce".to_owned()));
            }
        };
        let batch = frames::batch(workload.batch, workload.seed)?;
        let shared = Rc::from(&batch[..]);
        let mut built: BTreeMap<Vec<u32>, Frame> = BTreeMap::new();
        let mut lanes = Vec::new();
        for connection in 0..workload.connections {
            let mut lane = Lane { frames: Vec::new(), partitions: Vec::new(), next: 0 };
            for set in
                partition_sets(connection, workload.connections, workload.partitions, per_request)
            {
                lane.partitions.extend(set.first());
                let frame = match built.get(&set) {
                    Some(frame) => frame.clone(),
                    None => {
                        let frame =
                            frames::produce(&workload.topic, workload.acks, &set, &batch, &shared)?;
                        built.entry(set).or_insert(frame).clone()
                    }
                };
                lane.frames.push(frame);
            }
            lanes.push(lane);
        }
        Ok(Produce {
            schedule: Schedule::new(arrivals, workload.seed),
            window: match arrivals {
                Arrivals::Closed { window } => window,
                Arrivals::Constant { .. } | Arrivals::Poisson { .. } => 0,
            },
            begun: false,
            lanes,
            next_lane: 0,
            records: u64::from(workload.batch.records),
            bytes: batch.len() as u64,
            starts: None,
            outstanding: 0,
        })
    }

    /// Keeps the intended start of every batch; for requests of one partition.
    pub(super) fn noting_starts(mut self, partitions: u32) -> Self {
        self.starts = Some(vec![Vec::new(); partitions as usize]);
        self
    }

    /// The intended start of a partition's batch of this number, counted from 0.
    pub(super) fn start_of(&self, partition: usize, number: usize) -> Option<u64> {
        self.starts.as_ref()?.get(partition)?.get(number).copied()
    }

    /// Requests without a reply.
    pub(super) fn outstanding(&self) -> u64 {
        self.outstanding
    }

    fn send(&mut self, link: usize, intended: u64, desk: &mut Desk) {
        let Some(lane) = self.lanes.get_mut(link) else { return };
        if let Some(frame) = lane.frames.get(lane.next) {
            desk.send(Sent { link, intended, tag: 0 }, frame.clone());
            self.outstanding += 1;
        }
        if let Some(starts) = &mut self.starts
            && let Some(partition) = lane.partitions.get(lane.next)
            && let Some(starts) = starts.get_mut(*partition as usize)
        {
            starts.push(intended);
        }
        lane.next = (lane.next + 1) % lane.frames.len().max(1);
    }

    /// Reads a reply, calls `each` with every batch that it acknowledges, and sends the next request
    /// of a closed window.
    pub(super) fn answered(
        &mut self,
        sent: Sent,
        body: &[u8],
        now: u64,
        desk: &mut Desk,
        each: impl FnMut(&Acked),
    ) -> Result<(), BenchError> {
        self.outstanding -= 1;
        desk.tally.request(sent.intended, now);
        self.count(body, desk, each)
            .ok_or_else(|| BenchError::Protocol("a produce reply was cut short".to_owned()))?;
        if self.schedule.is_none() && !desk.stopping {
            self.send(sent.link, now, desk);
        }
        Ok(())
    }

    /// Counts the batches of a reply, or their errors.
    fn count(&self, body: &[u8], desk: &mut Desk, mut each: impl FnMut(&Acked)) -> Option<()> {
        let mut body = Cursor::new(body);
        for _ in 0..body.count()? {
            body.text()?;
            for _ in 0..body.count()? {
                let acked = acked_batch(&mut body)?;
                if acked.error_code == 0 {
                    desk.tally.acked(acked.partition, self.records, self.bytes);
                    each(&acked);
                } else {
                    desk.tally.error(acked.error_code);
                }
            }
        }
        Some(())
    }
}

/// What a produce reply says of one batch.
pub(super) struct Acked {
    pub(super) partition: u32,
    pub(super) error_code: i16,
    pub(super) base_offset: i64,
}

fn acked_batch(body: &mut Cursor<'_>) -> Option<Acked> {
    let partition = body.int32()?;
    let error_code = body.int16()?;
    let base_offset = body.int64()?;
    let _append_time = body.int64()?;
    let _log_start = body.int64()?;
    for _ in 0..body.count()? {
        let _index = body.int32()?;
        let _message = body.text()?;
    }
    let _message = body.text()?;
    // A broker that answers with no offset has not appended.
    let error_code = if error_code == 0 && base_offset < 0 { -1 } else { error_code };
    Some(Acked { partition: u32::try_from(partition).ok()?, error_code, base_offset })
}

impl Play for Produce {
    fn due(&self) -> Option<u64> {
        self.schedule.as_ref().map(Schedule::next)
    }

    fn tick(&mut self, now: u64, desk: &mut Desk) -> Result<(), BenchError> {
        if desk.stopping {
            return Ok(());
        }
        let first = !std::mem::replace(&mut self.begun, true);
        if let Some(mut schedule) = self.schedule.take() {
            if first {
                schedule.restart(now);
            }
            while let Some(due) = schedule.take(now) {
                desk.tally.lag(now - due);
                let link = self.next_lane;
                self.next_lane = (link + 1) % self.lanes.len();
                self.send(link, due, desk);
            }
            self.schedule = Some(schedule);
        } else if first {
            for link in 0..self.lanes.len() {
                for _ in 0..self.window {
                    self.send(link, now, desk);
                }
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
        self.answered(sent, body, now, desk, |_| {})
    }
}

/// The partitions of each request of a connection, in turn.
fn partition_sets(
    connection: u32,
    connections: u32,
    partitions: u32,
    per_request: u32,
) -> Vec<Vec<u32>> {
    if per_request == 1 {
        let mine: Vec<Vec<u32>> = (connection..partitions)
            .step_by(connections as usize)
            .map(|partition| vec![partition])
            .collect();
        return if mine.is_empty() { vec![vec![connection % partitions]] } else { mine };
    }
    let count = partitions.div_ceil(per_request);
    (0..count)
        .map(|set| {
            let first = (u64::from(connection) + u64::from(set)) * u64::from(per_request);
            (0..u64::from(per_request))
                .map(|partition| (first + partition) % u64::from(partitions))
                .filter_map(|partition| u32::try_from(partition).ok())
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_partitions_out() {
        assert_eq!(partition_sets(1, 4, 16, 1), [[1], [5], [9], [13]]);
        assert_eq!(partition_sets(17, 100, 16, 1), [[1]]);
        assert_eq!(partition_sets(1, 2, 8, 4), [[4, 5, 6, 7], [0, 1, 2, 3]]);
        let all = partition_sets(3, 4, 16, 16);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].len(), 16);
    }
}
