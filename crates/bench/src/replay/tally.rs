//! The count: what is added to only between the marks, and what is counted from the first request.

use std::collections::BTreeMap;

use crate::histogram::Histogram;

/// What was counted. The totals are of the counted time; errors and acknowledged records are of the
/// whole run.
#[derive(Debug)]
pub(super) struct Tally {
    counting: bool,
    /// Intended starts from here to there (exclusive) have their latency counted.
    from: u64,
    to: u64,
    pub(super) requests: u64,
    pub(super) other_requests: u64,
    pub(super) batches: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) fetched_bytes: u64,
    pub(super) latency: Histogram,
    pub(super) end_to_end: Option<Histogram>,
    pub(super) lag_max: u64,
    pub(super) errors: BTreeMap<i16, u64>,
    /// By partition.
    pub(super) acked_records: Vec<u64>,
}

impl Tally {
    pub(super) fn new(partitions: u32) -> Self {
        Tally {
            counting: false,
            from: u64::MAX,
            to: 0,
            requests: 0,
            other_requests: 0,
            batches: 0,
            records: 0,
            bytes: 0,
            fetched_bytes: 0,
            latency: Histogram::default(),
            end_to_end: None,
            lag_max: 0,
            errors: BTreeMap::new(),
            acked_records: vec![0; partitions as usize],
        }
    }

    pub(super) fn open(&mut self, from: u64, to: u64) {
        (self.counting, self.from, self.to) = (true, from, to);
    }

    pub(super) fn close(&mut self) {
        self.counting = false;
    }

    /// A request was answered.
    pub(super) fn request(&mut self, intended: u64, now: u64) {
        self.requests += u64::from(self.counting);
        if (self.from..self.to).contains(&intended) {
            self.latency.record(now.saturating_sub(intended));
        }
    }

    /// One beside those that count was answered.
    pub(super) fn other_request(&mut self) {
        self.other_requests += u64::from(self.counting);
    }

    /// A batch was acknowledged.
    pub(super) fn acked(&mut self, partition: u32, records: u64, bytes: u64) {
        if let Some(acked) = self.acked_records.get_mut(partition as usize) {
            *acked += records;
        }
        self.read(records, bytes);
    }

    /// A batch was read.
    pub(super) fn read(&mut self, records: u64, bytes: u64) {
        if self.counting {
            self.batches += 1;
            self.records += records;
            self.bytes += bytes;
        }
    }

    /// A consumer beside the requests that count got a batch that was due to be sent at `intended`.
    pub(super) fn consumed(&mut self, intended: u64, now: u64, bytes: u64) {
        if self.counting {
            self.fetched_bytes += bytes;
        }
        if (self.from..self.to).contains(&intended) {
            self.end_to_end
                .get_or_insert_with(Histogram::default)
                .record(now.saturating_sub(intended));
        }
    }

    /// A request left later than it should have.
    pub(super) fn lag(&mut self, nanos: u64) {
        if self.counting {
            self.lag_max = self.lag_max.max(nanos);
        }
    }

    /// A reply carried an error code.
    pub(super) fn error(&mut self, code: i16) {
        *self.errors.entry(code).or_insert(0) += 1;
    }
}
