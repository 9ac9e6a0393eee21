//! What to run: [`Workload`], in numbers only, so that it can stand beside its [`Outcome`] in a
//! report and be run again.
//!
//! It does not say where (the address is given to [`crate::run`]) and does not create topics. All
//! partitions of a topic that it names, `0..partitions`, must be there and be led by that node.
//!
//! [`Outcome`]: crate::Outcome

use serde::{Deserialize, Serialize};

use crate::BenchError;

/// What to run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workload {
    /// What is done; the rest says how much of it.
    pub mode: Mode,
    /// The topic, which whoever calls has created. For [`Mode::Fetch`] it also holds the records.
    pub topic: String,
    /// Partitions of the topic that take part, from 0.
    pub partitions: u32,
    /// Connections; what they do is said at each mode.
    pub connections: u32,
    /// The batch that is sent.
    pub batch: BatchShape,
    /// 1 or -1. Without acknowledgements (0) there is nothing to count.
    pub acks: i16,
    /// Seconds before counting starts.
    pub warm_up_seconds: f64,
    /// Seconds that are counted.
    pub seconds: f64,
    /// Of payloads and of Poisson arrivals.
    pub seed: u64,
    /// Whether high watermarks are compared with what was acknowledged, and a sample is read back
    /// and its checksums are computed, after the counted time. The topic must have had no other
    /// writer meanwhile.
    pub verify: bool,
    /// Whether it reads a little at a time and has whoever waits for its core go first each time: for a load
    /// beside another that is measured, which on machines of their own would not wait for each other.
    #[serde(default)]
    pub gives_way: bool,
}

/// The one batch that is sent again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchShape {
    /// Records in it.
    pub records: u32,
    /// Bytes of each record's value. There are no keys and no headers.
    pub value_bytes: u32,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mode {
    /// Produces over `connections`. Connection `c` writes the partitions `c`, `c + connections`, …
    /// in turn (or, with fewer partitions than connections, shares `c % partitions`).
    Produce {
        /// When requests are sent.
        arrivals: Arrivals,
        /// Batches in a request, each for another partition.
        partitions_per_request: u32,
    },
    /// Produces as [`Mode::Produce`] does with one partition a request, while `consumers` further
    /// connections follow the tail of all partitions. The outcome's `end_to_end` is the time from
    /// the intended send to the arrival of the batch at each consumer. A partition has one writer:
    /// at least as many partitions as connections. `consumers` at 10 is the fan-out.
    EndToEnd {
        /// When requests are sent, over all connections.
        arrivals: Arrivals,
        /// Connections that each read everything.
        consumers: u32,
    },
    /// Reads what is in the topic over `connections`, each with `window` readers; reader `r` of all
    /// reads partition `r % partitions` from its start to its high watermark, one request after the
    /// other, and then again from its start. Every partition that is read must hold records. Cold or
    /// hot is up to whoever filled the topic.
    Fetch {
        /// Requests in flight on each connection.
        window: u32,
        /// Upper limit of the records in a response.
        response_bytes: u32,
    },
    /// Opens `connections`, asks each once for its API versions, and leaves them alone.
    Idle,
    /// `groups` of `members` each, every member with a connection of its own: all join, sync, then
    /// commit one offset of one partition and send one heartbeat every `interval_ms`, spread evenly.
    /// `connections` is not used. Requests and latency are those of the commits; the heartbeats are
    /// in `other_requests`.
    Groups {
        /// Groups.
        groups: u32,
        /// Members of each.
        members: u32,
        /// Time between two commits of a member.
        interval_ms: u32,
    },
    /// Each of `connections` slots connects, asks for API versions, closes, and begins again.
    /// Requests and latency are those of one such round.
    Churn,
}

/// When requests are sent.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arrivals {
    /// Each connection keeps this many in flight. For throughput and cost; its latencies say only
    /// how long the queue was.
    Closed {
        /// Requests in flight on each connection.
        window: u32,
    },
    /// This many per second over all connections, evenly spread, whatever the answers do.
    Constant {
        /// Requests per second.
        rate: f64,
    },
    /// As `Constant` on average, at random times.
    Poisson {
        /// Requests per second.
        rate: f64,
    },
}

impl Default for Workload {
    /// One 1 KB record a request, four connections with five requests in flight, 16 partitions.
    fn default() -> Self {
        Workload {
            mode: Mode::Produce {
                arrivals: Arrivals::Closed { window: 5 },
                partitions_per_request: 1,
            },
            topic: "bench".to_owned(),
            partitions: 16,
            connections: 4,
            batch: BatchShape { records: 1, value_bytes: 1000 },
            acks: 1,
            warm_up_seconds: 1.0,
            seconds: 5.0,
            seed: 1,
            verify: true,
            gives_way: false,
        }
    }
}

impl Workload {
    /// Says what of it makes no sense, before anything is sent.
    pub fn check(&self) -> Result<(), BenchError> {
        let wrong = |what: &str| Err(BenchError::Workload(what.to_owned()));
        if self.partitions == 0 {
            return wrong("it needs a partition");
        }
        if self.connections == 0 {
            return wrong("it needs a connection");
        }
        if self.batch.records == 0 {
            return wrong("a batch needs a record");
        }
        let batch_bytes = u64::from(self.batch.records) * (u64::from(self.batch.value_bytes) + 16);
        if batch_bytes > 100 << 20 {
            return wrong("a batch of more than 100 MiB");
        }
        if self.acks == 0 {
            return wrong("with acks=0 there is no answer to count; use 1 or -1");
        }
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            return wrong("the counted time must be more than 0 seconds");
        }
        if !(self.warm_up_seconds.is_finite() && self.warm_up_seconds >= 0.0) {
            return wrong("the warm-up cannot be negative");
        }
        match self.mode {
            Mode::Produce { arrivals, partitions_per_request } => {
                if partitions_per_request == 0 || partitions_per_request > self.partitions {
                    return wrong("partitions per request must be from 1 to the partitions");
                }
                arrivals.check()
            }
            Mode::EndToEnd { arrivals, consumers } => {
                if consumers == 0 {
                    return wrong("end to end needs a consumer");
                }
                if self.connections > self.partitions {
                    return wrong("end to end needs as many partitions as connections");
                }
                arrivals.check()
            }
            Mode::Fetch { window: 0, .. } => wrong("the window must be at least 1"),
            Mode::Fetch { response_bytes: 0, .. } => wrong("a response of 0 bytes"),
            Mode::Groups { groups, members, interval_ms }
                if groups == 0 || members == 0 || interval_ms == 0 =>
            {
                wrong("groups, members and interval must be at least 1")
            }
            Mode::Fetch { .. } | Mode::Groups { .. } | Mode::Idle | Mode::Churn => Ok(()),
        }
    }
}

impl Workload {
    /// Requests per second, where a rate was asked for.
    #[must_use]
    pub fn target_rate(&self) -> Option<f64> {
        match self.mode {
            Mode::Produce { arrivals, .. } | Mode::EndToEnd { arrivals, .. } => arrivals.rate(),
            Mode::Groups { groups, members, interval_ms } => {
                Some(f64::from(groups) * f64::from(members) * 1000.0 / f64::from(interval_ms))
            }
            Mode::Fetch { .. } | Mode::Idle | Mode::Churn => None,
        }
    }

    /// Bytes of replies that a connection has room for at first.
    pub(crate) fn input_bytes(&self) -> usize {
        match self.mode {
            Mode::Fetch { response_bytes, .. } => {
                (response_bytes as usize).clamp(64 << 10, 4 << 20) + (64 << 10)
            }
            Mode::Produce { .. } | Mode::EndToEnd { .. } => 64 << 10,
            Mode::Idle | Mode::Groups { .. } | Mode::Churn => 1 << 10,
        }
    }
}

impl Arrivals {
    /// Requests per second, where a rate was asked for.
    #[must_use]
    pub fn rate(self) -> Option<f64> {
        match self {
            Arrivals::Closed { .. } => None,
            Arrivals::Constant { rate } | Arrivals::Poisson { rate } => Some(rate),
        }
    }

    fn check(self) -> Result<(), BenchError> {
        match self {
            Arrivals::Closed { window: 0 } => {
                Err(BenchError::Workload("the window must be at least 1".to_owned()))
            }
            Arrivals::Closed { .. } => Ok(()),
            Arrivals::Constant { rate } | Arrivals::Poisson { rate } => {
                if rate.is_finite() && rate > 0.0 {
                    Ok(())
                } else {
                    Err(BenchError::Workload("the rate must be more than 0".to_owned()))
                }
            }
        }
    }
}
