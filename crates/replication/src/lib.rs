//! A partition as its leader sees it: who is in sync, how far the high watermark has come, which
//! epoch leads, and who waits for what.
//!
//! [`in_sync`] is the pure machine (ends of the replicas in, high watermark out); [`Partition`]
//! drives it over one [`log::Log`]. With one broker the in-sync set is the leader alone, so the high
//! watermark follows the leader's own durable end; followers enter here and nowhere else.
//!
//! Deliberately not here: what a record means, who may write, and how a client is answered.

pub mod in_sync;
mod partition;
mod waiters;

pub use in_sync::InSync;
pub use partition::{AppendRefusal, Appended, Partition, PartitionId, Storage};
pub use waiters::{Place, Ticket, Waiters};
