//! The front end over a whole broker on a simulated machine, spoken to in raw frames.
//!
//! What a client can see is checked here: which versions are answered and how, the quirks old clients
//! rely on, what hostile bytes do, and the behaviour of each API. Expected errors and texts are those
//! of Apache Kafka 4.3.1.

mod cold;
mod configs;
mod fetch;
mod folders;
mod groups;
mod hostile;
mod node;
mod offsets;
mod order;
mod produce;
mod topic_ids;
mod topics;
mod versions;
