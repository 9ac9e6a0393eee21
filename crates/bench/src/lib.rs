//! The replay generator and the floor server: what load is, and what the least is that it can cost.
//!
//! - [`Workload`] says what to run, [`run`] runs it against an address, [`Outcome`] says what came
//!   back. One thread and one epoll; the frames are built before the first is sent.
//! - [`floor`]: a server that does only what cannot be left out, as the practical lower bound.
//! - [`topics`]: creates and deletes a topic, and reads its high watermarks.
//!
//! It speaks the protocol and nothing else: the same bytes go to Apache Kafka, to Walser and to the
//! floor. It starts no broker and measures no other process. No crate of ours uses it.

mod clock;
mod cursor;
pub mod floor;
mod frames;
pub mod histogram;
mod input;
mod outcome;
mod poller;
mod replay;
pub mod topics;
mod workload;

use std::net::SocketAddr;

use thiserror::Error;

pub use outcome::{
    ACHIEVED_SHARE_MIN, BUSY_SHARE_MAX, Generator, Latency, Mark, Outcome, Verified,
};
pub use workload::{Arrivals, BatchShape, Mode, Workload};

/// Why there is no result.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The workload makes no sense.
    #[error("the workload: {0}")]
    Workload(String),
    /// The system or the peer failed us.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What happened.
        source: std::io::Error,
    },
    /// The peer's bytes are not what they must be, or it answered a set-up request with an error.
    #[error("{0}")]
    Protocol(String),
    /// The run is over and its figures must not be used.
    #[error("refused: {}", reasons.join("; "))]
    Refused {
        /// Why.
        reasons: Vec<String>,
        /// What was counted, to look at.
        outcome: Box<Outcome>,
    },
}

/// Runs a workload against the node at `address`.
///
/// # Errors
/// Anything that makes the figures worth nothing: see [`BenchError`].
pub fn run(workload: &Workload, address: SocketAddr) -> Result<Outcome, BenchError> {
    run_marked(workload, address, &mut |_| {})
}

/// The same, and calls `mark` on the generator's thread when the counted time begins and ends. What
/// `mark` does must be short: nothing is sent meanwhile.
///
/// # Errors
/// As [`run`].
pub fn run_marked(
    workload: &Workload,
    address: SocketAddr,
    mark: &mut dyn FnMut(Mark),
) -> Result<Outcome, BenchError> {
    replay::run(workload, address, mark)
}
